"""How soon a model that became worse is left, and how often one is suspected that did not.

The regression of `tierflow benchmark routing --change regression` with the learner's own watch and,
in its place, River's ADWIN and Page-Hinkley: each told every residual, none alarming before a
model's 60th lesson nor within 80 of its last alarm, all followed by the same quicker forgetting.
"scaled" ones are told residuals in units of their spread.

RECORDED=FILE names the recorded outcomes, MODELS=A,B,… the models, CEILING the dollars a task,
ORDERS how many orders, ONLY=A;B… the detectors.
"""

import math
import os
import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from river.drift import ADWIN, PageHinkley

from streams.learning.drift import QUALITY, Rule, Watch
from streams.money.prices import shipped
from streams.rig.benchmark.change import Change, adapting, changed_model, twice
from streams.rig.benchmark.pool import names_of, order_of, pool_of
from streams.rig.benchmark.prices import Found, published
from streams.rig.benchmark.stream import Ran, Stream, Terms
from streams.rig.recorded import read_recorded
from streams.rig.simulation import BEGIN
from streams.routing.policy import initial_policy
from streams.tier0.answer import answer

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

FILE = Path(os.environ.get("RECORDED", "streams/rig/tasks.jsonl"))
MODELS = [name for name in os.environ.get("MODELS", "").split(",") if name]
CEILING = os.environ.get("CEILING")
ORDERS = int(os.environ.get("ORDERS", "10"))

ONLY = [name for name in os.environ.get("ONLY", "").split(";") if name]
"""Detectors to be tried; all of them if none is named."""


class Detector(NamedTuple):
    """How a detector of River's is made; what it is told is divided by its spread, if so wanted."""

    make: Callable[[], Any]
    scaled: bool = False


DETECTORS: dict[str, Detector | None] = {
    "ours": None,
    "none": Detector(lambda: PageHinkley(threshold=1e9)),
    "ADWIN": Detector(lambda: ADWIN(clock=1)),
    "ADWIN .02": Detector(lambda: ADWIN(clock=1, delta=0.02)),
    "ADWIN .2": Detector(lambda: ADWIN(clock=1, delta=0.2)),
    "Page-Hinkley 10": Detector(lambda: PageHinkley(threshold=10.0)),
    "Page-Hinkley 5": Detector(lambda: PageHinkley(threshold=5.0)),
    "Page-Hinkley 2": Detector(lambda: PageHinkley(threshold=2.0)),
    "scaled 16": Detector(lambda: PageHinkley(delta=0.25, threshold=16.0), scaled=True),
    "scaled 18": Detector(lambda: PageHinkley(delta=0.25, threshold=18.0), scaled=True),
}
LEAST_SPREAD = 0.0875
"""As small as the product's own: it alarms at means of 0.05 or more, 4 spreads / 7."""


class Counted(Watch):
    """A watch whose alarms are counted, by River's detector where one is given."""

    detects: Detector | None = None
    heard: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, *told: Any, **named: Any) -> None:
        super().__init__(*told, **named)
        detects = type(self).detects
        self.scaled = detects is not None and detects.scaled
        self.detector = None if detects is None else detects.make()

    def test(self, rule: Rule, residual: float) -> bool:
        """Take in a residual as the learner tells it."""
        if self.detector is None:
            alarm = super().test(rule, residual)
        else:
            self.lessons += 1
            self.since += 1
            self.mean += (residual - self.mean) / rule.span
            spread = max(math.sqrt(self.square), LEAST_SPREAD) if self.scaled else 1.0
            self.detector.update(residual / spread)
            self.square += (residual * residual - self.square) / min(self.lessons, 250)
            waited = self.lessons > rule.first and self.since > rule.apart
            alarm = bool(self.detector.drift_detected) and waited
            self.since = 0 if alarm else self.since
        if alarm and rule is QUALITY:
            type(self).heard()
        return alarm


def played(
    monkeypatch: pytest.MonkeyPatch, detects: Detector | None
) -> Iterator[tuple[Ran, list[int]]]:
    """Each order's run, and after which tasks an alarm was raised."""
    rows = read_recorded(FILE)
    models = names_of(MODELS, rows)
    pool = twice(pool_of(rows, models, answer), Change.REGRESSION)
    listed = published(models, shipped(), BEGIN)
    policy = initial_policy(BEGIN)
    if CEILING is not None:
        policy = policy.model_copy(update={"ceiling_usd": Decimal(CEILING)})
    for seed in range(1, ORDERS + 1):
        raised, done = list[int](), 0

        def count() -> None:
            nonlocal done
            done += 1

        monkeypatch.setattr(Counted, "heard", lambda: raised.append(done))  # noqa: B023 (used within the turn)
        monkeypatch.setattr(Counted, "detects", detects)
        monkeypatch.setattr("streams.learning.estimators.Watch", Counted)
        stream = Stream(
            pool, Found(models, listed, ()), Terms(policy, renews=False), f"benchmark/{seed}"
        )
        ran = stream.run(order_of(pool, seed), pool.learning, count)
        yield replace(ran), raised


def test_how_soon_a_regression_is_followed_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_recorded(FILE)
    pool = pool_of(rows, names_of(MODELS, rows), answer)
    model, half = changed_model(pool, Change.REGRESSION), len(pool.asked)
    medians: dict[str, float] = {}
    with capsys.disabled():
        print(f"\n{FILE.name}: scores of {model} x 0.75 after {half} tasks, {ORDERS} orders")  # noqa: T201
        head = "detector", "median steps", "worst", "score after", "alarms before, a run"
        print("{:<18}{:>14}{:>8}{:>14}{:>24}".format(*head))  # noqa: T201
        for name in ONLY or DETECTORS:
            runs = list(played(monkeypatch, DETECTORS[name]))
            chosen = [[step.model == model for step in ran.steps] for ran, _ in runs]
            found = adapting(Change.REGRESSION, model, chosen, half)
            score = statistics.mean(step.score for ran, _ in runs for step in ran.steps[half:])
            early = statistics.mean(sum(at < half for at in raised) for _, raised in runs)
            medians[name] = float("inf") if found.median is None else found.median
            print(  # noqa: T201
                f"{name:<18}{medians[name]:>14g}{found.worst or '-':>8}{score:>14.4f}{early:>24.1f}",
                flush=True,
            )
    assert medians.get("ours", 0) < medians.get("none", float("inf"))
