"""The figures of a benchmark, as `--json` prints them and the report draws them."""

from typing import Any

from streams.events.envelope import Part
from streams.rig.benchmark.blocks import InBlocks
from streams.rig.benchmark.calibration import Calibration
from streams.rig.benchmark.change import Adapting
from streams.rig.benchmark.ends import Ends
from streams.rig.benchmark.intervals import Interval
from streams.rig.figures import Money

OURS = "tierflow"


class Spend(Part):
    """Dollars a task: mean over orders with its interval, and the most of any order."""

    mean: Money
    low: Money | None
    high: Money | None
    max: Money


class Gap(Part):
    """What a way makes of the gap between two models, by share of strong calls.

    None unless there are two models, or where that was not asked for.
    """

    apgr: Interval | None = None
    cpt50: Interval | None = None
    cpt80: Interval | None = None


class Line(Part):
    """One way to do the tasks: the router's own, or one that it is measured against.

    `apgr`, `cpt50` and `cpt80` are the means of `gap`. `share` is by model, `-` where tier 0
    answered; `tiers` and `over_ceiling` are the router's alone: the latter is the part by which
    the order that spent most passed the ceiling, 0 if none did.
    """

    name: str
    quality: Interval
    cost_usd: Spend
    regret: Interval
    apgr: float | None = None
    cpt50: float | None = None
    cpt80: float | None = None
    gap: Gap = Gap()
    share: dict[str, float]
    tiers: dict[str, float] | None = None
    ceiling_usd: Money | None = None
    over_ceiling: float | None = None


class Timing(Part):
    """Microseconds of real time; None where nothing was timed."""

    p50: float | None
    p99: float | None


class Block(Part):
    """Mean score of the tasks from one number on, over orders; `learning` ones aren't measured."""

    task: int
    quality: Interval
    learning: bool


class Moved(Part):
    """The thresholds in force from a task on."""

    seed: int
    task: int
    thresholds: dict[str, float]


class Pace(Part):
    """One ceiling on the share of strong calls: what was reached under it, over orders."""

    ceiling: float
    share: Interval
    quality: Interval


class Figures(Part):
    """All figures of a benchmark; the first ones are the contract's, the rest explain them.

    `tasks` are measured in each order, `learned` only taught before them, `incomplete` rows lack
    an outcome or its cost of some model and are left out. `seeds` counts orders. `terms` says how
    it was played. `decision_us` is of decisions one after another, `between_us` of those between
    lessons; `lesson_us` is of scores, `bill_us` of costs.
    """

    tasks: int
    seeds: int
    rows: tuple[Line, ...]
    decision_us: Timing
    between_us: Timing
    lesson_us: Timing
    bill_us: Timing
    snapshot_bytes: int
    models: tuple[str, ...]
    learned: int
    incomplete: int
    calibration: Calibration
    bound_by: dict[str, float]
    ends: Ends | None
    learning_curve: tuple[Block, ...]
    thresholds: tuple[Moved, ...]
    paces: tuple[Pace, ...]
    change: Adapting | None
    blocks: InBlocks | None = None
    terms: dict[str, Any]

    @property
    def ours(self) -> Line:
        """The router's own row."""
        return next(line for line in self.rows if line.name == OURS)

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON values: money as decimal strings, unknown as None."""
        return self.model_dump(mode="json")
