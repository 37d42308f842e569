"""Many runs → figures: each order once at every ceiling, and once at every pace for the APGR."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from streams.events.control import Policy
from streams.rig.benchmark import yardsticks
from streams.rig.benchmark.blocks import Blocks, InBlocks, order_in_blocks, told_in_blocks
from streams.rig.benchmark.calibration import calibration
from streams.rig.benchmark.change import Adapting, Change, adapting, changed_model
from streams.rig.benchmark.collect import Reading, line_of, pace_of, read_off, timing
from streams.rig.benchmark.curves import Spot
from streams.rig.benchmark.ends import Ends, ends
from streams.rig.benchmark.figures import OURS, Block, Figures, Line, Moved, Pace
from streams.rig.benchmark.intervals import interval
from streams.rig.benchmark.pool import Pool, order_of, split
from streams.rig.benchmark.prices import Prices, Told, ranked
from streams.rig.benchmark.spread import spread
from streams.rig.benchmark.stream import Ran, Step, Stream, Terms
from streams.rig.benchmark.yardsticks import Ground, Pair

BLOCKS = 40
"""Points of the learning curve."""

Show = Callable[[int], None]
Done = Callable[[], None]


@dataclass(frozen=True)
class Wanted:
    """What is to be run.

    Args:
        terms: How every run is played.
        prices: What a run knows of prices, made anew for each.
        seeds: How many orders.
        ceilings_usd: Mean dollars a task, each in runs of its own; None is a run without.
        learning_share: Of the measured rows' orders, so much at the beginning only teaches.
        paces: Ceilings on the share of strong calls, for two models.
        change: What happens where measuring begins, in a pool that `change.twice` made.
        blocks: The order of a pool that `blocks.repeated` made; None: rows are shuffled.
        told: How it is played, in words, for who reads the figures.
    """

    terms: Terms
    prices: Callable[[], Prices]
    seeds: int = 10
    ceilings_usd: tuple[Decimal | None, ...] = (None,)
    learning_share: float = 0.0
    paces: tuple[float, ...] = yardsticks.SHARES
    change: Change | None = None
    blocks: Blocks | None = None
    told: Mapping[str, object] | None = None


@dataclass(frozen=True)
class Played:
    """One order: its number, how many of its tasks only teach, and a run for each ceiling.

    `learning` of the steps of a run are not measured: those that only teach, unless their outcomes
    were known beforehand and they were not played.
    """

    seed: int
    taught: int
    learning: int
    runs: tuple[Ran, ...]
    spots: tuple[Spot, ...]


@dataclass(frozen=True)
class Measured:
    """The figures, and every run behind them."""

    figures: Figures
    orders: tuple[Played, ...]


def tasks_of(pool: Pool, wanted: Wanted) -> int:
    """How many tasks will be played in all runs together."""
    paces = len(wanted.paces) if pair_of(pool) is not None else 0
    return len(pool.asked) * wanted.seeds * (len(wanted.ceilings_usd) + paces)


def pair_of(pool: Pool) -> Pair | None:
    """Weak and strong of a pool of two models, by what is measured."""
    return yardsticks.pair_of(_ground(pool, range(pool.learning, len(pool.asked))))


def measure(pool: Pool, wanted: Wanted, show: Show = lambda _: None, *, jobs: int = 1) -> Measured:
    """Play all runs and sum them up.

    Args:
        pool: Tasks, models, outcomes.
        wanted: What is to be run.
        show: Told how many tasks are done, often; with several jobs once an order.
        jobs: Orders played at once, each in a process. Figures are the same, times aside.
    """
    pair = pair_of(pool) if wanted.paces else None
    seeds, total, done = range(1, wanted.seeds + 1), tasks_of(pool, wanted), 0

    def one_done() -> None:
        nonlocal done
        done += 1
        show(done)

    if jobs == 1:
        orders = [_play(pool, wanted, pair, seed, one_done) for seed in seeds]
    else:
        found: dict[int, Played] = {}
        playing = spread(lambda seed: _play(pool, wanted, pair, seed, _nothing), seeds, jobs)
        for seed, played in playing:
            found[seed] = played
            show(total * len(found) // wanted.seeds)
        orders = [found[seed] for seed in seeds]
    return Measured(_figures(pool, wanted, pair, orders), tuple(orders))


def _nothing() -> None:
    """Show nothing: a process of its own has no terminal."""


def _ordered(pool: Pool, wanted: Wanted, seed: int) -> list[int]:
    if wanted.blocks is None:
        return order_of(pool, seed)
    return order_in_blocks(pool, seed, wanted.blocks)


def _play(pool: Pool, wanted: Wanted, pair: Pair | None, seed: int, show: Done) -> Played:
    order = _ordered(pool, wanted, seed)
    learning = split(order, pool.learning, wanted.learning_share)
    runs = []
    for ceiling in wanted.ceilings_usd:
        terms = replace(wanted.terms, policy=ceiled(wanted.terms.policy, ceiling))
        stream = Stream(pool, wanted.prices(), terms, f"benchmark/{seed}")
        runs.append(stream.run(order, learning, show))
    spots = _pace(pool, wanted, pair, seed, show) if pair is not None else ()
    unmeasured = 0 if wanted.terms.known else learning
    return Played(seed, learning, unmeasured, tuple(runs), tuple(spots))


def _pace(pool: Pool, wanted: Wanted, pair: Pair, seed: int, show: Done) -> Iterator[Spot]:
    """Runs in which a strong call costs 1 and a weak one nothing, each from a cold start."""
    strong = pool.models[pair.strong]
    price = {model: Decimal(int(model == strong)) for model in pool.models}
    bills = [tuple(price.values())] * len(pool.asked)
    order = _ordered(pool, wanted, seed)
    learning = split(order, pool.learning, wanted.learning_share)
    for number, ceiling in enumerate(wanted.paces):
        policy = ceiled(wanted.terms.policy, Decimal(str(round(ceiling, 6))))
        terms = replace(wanted.terms, policy=policy.model_copy(update={"target_quality": None}))
        salt = f"benchmark/{seed}/pace/{number}"
        stream = Stream(pool, Told(ranked(price)), terms, salt, bills)
        played = stream.run(order, learning, show).steps
        steps = played if wanted.terms.known else played[learning:]
        share = sum(step.model == strong for step in steps) / len(steps)
        yield Spot(share, _score(steps))


def ceiled(policy: Policy, ceiling_usd: Decimal | None) -> Policy:
    """A policy with that ceiling; None leaves its own."""
    if ceiling_usd is None:
        return policy
    return policy.model_copy(update={"ceiling_usd": ceiling_usd})


def _figures(pool: Pool, wanted: Wanted, pair: Pair | None, orders: Sequence[Played]) -> Figures:
    main = [order.runs[0] for order in orders]
    steps = [step for order in orders for ran in order.runs for step in ran.steps[order.learning :]]
    rans = [ran for order in orders for ran in order.runs]
    bound = Counter(step.bound_by or "-" for step in steps)
    return Figures(
        tasks=len(pool.asked) - orders[0].taught,
        seeds=len(orders),
        rows=tuple(_lines(pool, wanted, pair, orders)),
        decision_us=timing([us for ran in rans for us in ran.decision_us]),
        between_us=timing([us for ran in rans for us in ran.between_us]),
        lesson_us=timing([us for ran in rans for us in ran.lesson_us]),
        bill_us=timing([us for ran in rans for us in ran.bill_us]),
        snapshot_bytes=max(ran.snapshot_bytes for ran in main),
        models=pool.models,
        learned=orders[0].taught,
        incomplete=pool.incomplete,
        calibration=calibration(
            (step.predicted, step.score) for step in steps if step.predicted is not None
        ),
        bound_by={name: count / len(steps) for name, count in sorted(bound.items())},
        ends=_ends(pool, orders),
        learning_curve=tuple(_curve(orders)),
        thresholds=tuple(
            Moved(seed=order.seed, task=task, thresholds=dict(thresholds))
            for order in orders
            for task, thresholds in order.runs[0].thresholds
        ),
        paces=tuple(_paces(wanted, orders)) if pair is not None else (),
        change=None if wanted.change is None else _followed(pool, wanted.change, orders),
        blocks=None if wanted.blocks is None else _in_blocks(pool, wanted.blocks, orders),
        terms=dict(wanted.told or {}),
    )


def _in_blocks(pool: Pool, blocks: Blocks, orders: Sequence[Played]) -> InBlocks:
    played = ((order.seed, order.runs[0]) for order in orders)
    return told_in_blocks(
        pool, blocks, [(seed, [step.row for step in ran.steps], ran) for seed, ran in played]
    )


def _followed(pool: Pool, change: Change, orders: Sequence[Played]) -> Adapting:
    model = changed_model(pool, change)
    chosen = [[step.model == model for step in order.runs[0].steps] for order in orders]
    return adapting(change, model, chosen, orders[0].learning)


def _lines(
    pool: Pool, wanted: Wanted, pair: Pair | None, orders: Sequence[Played]
) -> Iterator[Line]:
    """Ours, and one for each ceiling if there are several; then what they are measured against."""
    grounds = [_ground(pool, [step.row for step in _measured(order, 0)]) for order in orders]
    readings = [
        [
            Reading.of(_measured(order, number), ground)
            for order, ground in zip(orders, grounds, strict=True)
        ]
        for number in range(len(wanted.ceilings_usd))
    ]
    gaps = None
    if pair is not None:
        gaps = [
            read_off(order.spots, ground, pair)
            for order, ground in zip(orders, grounds, strict=True)
        ]
    together = [Reading.mean(each) for each in zip(*readings, strict=True)]
    several = len(readings) > 1
    spent = [_spent_before(wanted, orders, number) for number in range(len(readings))]
    yield line_of(OURS, together, gaps, None if several else wanted.ceilings_usd[0], spent[0])
    for ceiling, found, usd in zip(wanted.ceilings_usd, readings, spent, strict=True):
        if several:
            yield line_of(f"{OURS}:{ceiling:f}", found, None, ceiling, usd)
    yield from _yardsticks(grounds, [reading.way.cost_usd for reading in together], pair)


def _spent_before(wanted: Wanted, orders: Sequence[Played], run: int) -> list[float] | None:
    """Dollars a task of each whole order, where the ceiling's period is all of it."""
    if wanted.terms.renews:
        return None
    rans = [order.runs[run].steps for order in orders]
    return [float(sum(step.spent_usd for step in steps)) / len(steps) for steps in rans]


def _yardsticks(
    grounds: Sequence[Ground], budgets: Sequence[float], pair: Pair | None
) -> Iterator[Line]:
    curves = {
        "random": yardsticks.chance_curve,
        "length": yardsticks.length_curve,
        "mixture": yardsticks.chance_curve,
        "oracle": yardsticks.oracle_curve,
    }
    ways = [
        {
            "random": yardsticks.by_chance(ground),
            "length": yardsticks.by_length(ground, budget),
            **{f"single:{name}": way for name, way in yardsticks.singles(ground).items()},
            "mixture": yardsticks.mixture(ground, budget),
            "oracle": yardsticks.oracle(ground),
        }
        for ground, budget in zip(grounds, budgets, strict=True)
    ]
    for name in ways[0]:
        found = [
            Reading.of_way(way[name], ground) for way, ground in zip(ways, grounds, strict=True)
        ]
        gaps = None
        if pair is not None and name in curves:
            gaps = [read_off(curves[name](ground, pair), ground, pair) for ground in grounds]
        yield line_of(name, found, gaps, None)


def _paces(wanted: Wanted, orders: Sequence[Played]) -> Iterator[Pace]:
    for number, ceiling in enumerate(wanted.paces):
        yield pace_of(ceiling, [order.spots[number] for order in orders])


def _curve(orders: Sequence[Played]) -> Iterator[Block]:
    """Mean score by blocks of each order, learning part and measured part apart."""
    learning, tasks = orders[0].learning, len(orders[0].runs[0].steps)
    size = max(1, tasks // BLOCKS)
    begins = [*range(0, learning, size), *range(learning, tasks, size)]
    for begin, end in zip(begins, [*begins[1:], tasks], strict=True):
        means = [_score(order.runs[0].steps[begin:end]) for order in orders]
        yield Block(task=begin, quality=interval(means), learning=begin < learning)


def _ends(pool: Pool, orders: Sequence[Played]) -> Ends | None:
    measured = [_measured(order, 0) for order in orders]
    return ends([(steps, _ground(pool, [step.row for step in steps])) for steps in measured])


def _measured(order: Played, run: int) -> Sequence[Step]:
    return order.runs[run].steps[order.learning :]


def _ground(pool: Pool, rows: Sequence[int]) -> Ground:
    at = np.array(rows, dtype=np.intp)
    return Ground(pool.models, pool.scores[at], pool.costs[at], pool.lengths[at])


def _score(steps: Sequence[Step]) -> float:
    return float(np.mean([step.score for step in steps]))
