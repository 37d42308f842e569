"""What each part of what is learned adds, on recorded outcomes, and what was tried and dropped.

Each part is left out in turn, then each other way takes its place. Half of each order teaches, half
is measured; learning goes on.

RECORDED=FILE names the recorded outcomes, MODELS=A,B,… the models, CEILINGS=X,Y,… the dollars a
task, ORDERS how many orders, ONLY=A;B… the ways.
"""

import os
import statistics
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from streams.learning.bills import Bills
from streams.learning.blend import Blend
from streams.learning.learner import Learner
from streams.money.prices import shipped
from streams.rig.benchmark.intervals import interval
from streams.rig.benchmark.pool import Pool, names_of, order_of, pool_of
from streams.rig.benchmark.prices import Found, published
from streams.rig.benchmark.stream import Stream, Terms
from streams.rig.recorded import read_recorded
from streams.rig.simulation import BEGIN
from streams.routing import choice, price, quality
from streams.routing.policy import initial_policy
from streams.routing.quality import PRIOR_QUALITY
from streams.tier0.answer import answer

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

FILE = Path(os.environ.get("RECORDED", "streams/rig/tasks.jsonl"))
MODELS = [name for name in os.environ.get("MODELS", "").split(",") if name]
CEILINGS = [Decimal(usd) for usd in os.environ.get("CEILINGS", "0.0001,0.0003").split(",")]
ORDERS = int(os.environ.get("ORDERS", "3"))
ONLY = [name for name in os.environ.get("ONLY", "").split(";") if name]

Patch = Callable[[pytest.MonkeyPatch], None]


def alone(odds: float) -> Patch:
    """One of the two estimates, whatever the scores say."""

    class Alone(Blend):
        __slots__ = ()

        def learned(self, *_: float) -> Blend:
            return self

    return lambda patch: patch.setattr("streams.learning.estimators.Blend", lambda: Alone(odds))


def edgeless(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(quality, "_EDGE_INPUTS", 0.0 * quality._EDGE_INPUTS)


def instead(room: ModuleType, name: str, value: object) -> Patch:
    """Another value of a constant."""
    return lambda patch: patch.setattr(room, name, value)


def short_memory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("streams.rig.benchmark.stream.PriceOfMoney", lambda: price.PriceOfMoney(100))


def neutral(patch: pytest.MonkeyPatch) -> None:
    alike = dict.fromkeys(PRIOR_QUALITY, 0.8)
    patch.setattr(quality, "PRIOR_QUALITY", alike)
    patch.setattr("streams.learning.estimators.PRIOR_QUALITY", alike)


WAYS: dict[str, Patch] = {
    "as it is": lambda _: None,
    "hashed words alone (River)": alone(20.0),
    "ridge alone": alone(-20.0),
    "without edges": edgeless,
    "without bills": lambda patch: patch.setattr(Bills, "learn", lambda *_, **__: None),
    "without scores": lambda patch: patch.setattr(Learner, "_teach", lambda *_, **__: None),
    "all priors alike": neutral,
    "price from 100 tasks": short_memory,
    "explores 2% for good": instead(choice, "EVEN_EXPLORE", 0.02),
    "explores a third as long": instead(choice, "EVEN_TASKS", choice.EVEN_TASKS / 3),
    "explores 3 times as long": instead(choice, "EVEN_TASKS", choice.EVEN_TASKS * 3),
    "reserves the most ever seen": instead(price, "KNOWN_CALLS", 1 << 30),
}


def qualities(pool: Pool, seed: int) -> list[float]:
    """The mean score of an order's second half, by ceiling."""
    order, found = order_of(pool, seed), []
    listed = published(pool.models, shipped(), BEGIN)
    for ceiling in CEILINGS:
        policy = initial_policy(BEGIN).model_copy(update={"ceiling_usd": ceiling})
        stream = Stream(pool, Found(pool.models, listed), Terms(policy), f"benchmark/{seed}")
        steps = stream.run(order, len(order) // 2).steps[len(order) // 2 :]
        found.append(statistics.mean(step.score for step in steps))
    return found


def test_what_each_part_adds_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_recorded(FILE)
    pool = pool_of(rows, names_of(MODELS, rows), answer)
    means: dict[str, float] = {}
    with capsys.disabled():
        told = "".join(f"{f'${usd:f}':>12}" for usd in CEILINGS)
        print(f"\n{FILE.name}, {ORDERS} orders\n{'':28}{told}{'mean':>9}{'±':>9}")  # noqa: T201
        for name in ONLY or WAYS:
            with monkeypatch.context() as patch:
                WAYS[name](patch)
                found = [qualities(pool, seed) for seed in range(1, ORDERS + 1)]
            together = interval([statistics.mean(each) for each in found])
            means[name] = together.mean
            cells = "".join(f"{statistics.mean(each):>12.4f}" for each in zip(*found, strict=True))
            half = (together.high or together.mean) - together.mean
            print(f"{name:<28}{cells}{together.mean:>9.4f}{half:>9.4f}", flush=True)  # noqa: T201
    assert means.get("as it is", 1.0) > means.get("without scores", 0.0)
