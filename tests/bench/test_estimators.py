"""What each part of what is learned adds, on recorded outcomes: each left out in turn.

Half of each order teaches, half is measured; learning goes on.

RECORDED=FILE names the recorded outcomes, MODELS=A,B,… the models, CEILINGS=X,Y,… the dollars a
task, ORDERS how many orders.
"""

import os
import statistics
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

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
from streams.routing import quality
from streams.routing.policy import initial_policy
from streams.tier0.answer import answer

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

FILE = Path(os.environ.get("RECORDED", "streams/rig/tasks.jsonl"))
MODELS = [name for name in os.environ.get("MODELS", "").split(",") if name]
CEILINGS = [Decimal(usd) for usd in os.environ.get("CEILINGS", "0.0001,0.0003").split(",")]
ORDERS = int(os.environ.get("ORDERS", "3"))

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


WAYS: dict[str, Patch] = {
    "as it is": lambda _: None,
    "hashed words alone (River)": alone(20.0),
    "ridge alone": alone(-20.0),
    "without edges": edgeless,
    "without bills": lambda patch: patch.setattr(Bills, "learn", lambda *_, **__: None),
    "without scores": lambda patch: patch.setattr(Learner, "_teach", lambda *_, **__: None),
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
        for name, change in WAYS.items():
            with monkeypatch.context() as patch:
                change(patch)
                found = [qualities(pool, seed) for seed in range(1, ORDERS + 1)]
            together = interval([statistics.mean(each) for each in found])
            means[name] = together.mean
            cells = "".join(f"{statistics.mean(each):>12.4f}" for each in zip(*found, strict=True))
            half = (together.high or together.mean) - together.mean
            print(f"{name:<28}{cells}{together.mean:>9.4f}{half:>9.4f}", flush=True)  # noqa: T201
    assert means["as it is"] > means["without scores"]
