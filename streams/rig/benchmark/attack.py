"""What one tenant can do to the others: their share of the top tier, with and without its attack.

Both runs of an order have the others' tasks in the same places with the same draws, so that what
differs is the attack's doing.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from streams import ids
from streams.events.envelope import Part
from streams.events.feedback import Source
from streams.events.task import Task
from streams.rig.benchmark.intervals import Interval, interval
from streams.rig.benchmark.pool import Asked, Pool, order_of
from streams.rig.benchmark.prices import Prices
from streams.rig.benchmark.spread import spread
from streams.rig.benchmark.stream import Said, Step, Stream, Terms

ATTACKER, OTHERS = "mallory", ("acme", "globex")
SALT = "attack"

INVERTED = 0.3
"""Part of the attacker's feedback that says the opposite."""

STUFFED = 10_000
"""Tasks of the attacker that say one word over and over."""

WORD = "architecture"
LEAST_WORDS, MOST_WORDS = 20, 400

TOP = 0.5
"""Models that cost so much of what the dearest costs are the top."""

LEARNING = 0.5
"""Part of an order after which the others' tasks are measured."""


class Attack(enum.StrEnum):
    """What the attacker does."""

    INVERTED = "inverted"  # half of all tasks are its own, of its scores 30% are inverted
    STUFFED = "stuffed"  # it sends 10,000 tasks of one word besides, judged as they are
    LYING = "lying"  # the same, and says that only the top tier does them well


class Side(Part):
    """The others' tasks in one run: share of the top, mean score, dollars a task.

    `threshold` is the mean of all tiers' at the end, `weights` what a score of each voice counts.
    """

    top: float
    quality: float
    cost_usd: float
    threshold: float
    weights: dict[str, float]


class Order(Part):
    """One order without the attack and with it."""

    seed: int
    without: Side
    attacked: Side

    @property
    def points(self) -> float:
        """Percentage points by which the attack moved the share of the top tier."""
        return 100 * (self.attacked.top - self.without.top)


class Siege(Part):
    """What an attack did: means over orders with their intervals, and every order.

    `moved_points` has its sign, `furthest_points` is the most that any order moved either way.
    `attacker_share` is the attacker's part of all tasks, `weights` what each voice counted for at
    the attack's end.
    """

    attack: Attack
    tasks: int
    top: tuple[str, ...]
    attacker_share: float
    tested: float
    top_without: Interval
    top_attacked: Interval
    moved_points: Interval
    furthest_points: float
    quality_without: Interval
    quality_attacked: Interval
    weights: dict[str, Interval]
    orders: tuple[Order, ...]


@dataclass(frozen=True)
class Besieging:
    """How an attack is played.

    Args:
        attack: Which.
        terms: Of both runs, but for who says what.
        prices: What a run knows of prices, made anew for each.
        seeds: How many orders.
        tested: Part of all answers that a test judges too.
        stuffed: Tasks that are stuffed.
    """

    attack: Attack
    terms: Terms
    prices: Callable[[], Prices]
    seeds: int = 5
    tested: float = 0.0
    stuffed: int = STUFFED


def tasks_of(pool: Pool, wanted: Besieging) -> int:
    """How many tasks will be played in all runs together."""
    more = 0 if wanted.attack is Attack.INVERTED else wanted.stuffed
    return wanted.seeds * (2 * len(pool.asked) + more)


def besiege(
    pool: Pool, wanted: Besieging, show: Callable[[int], None] = lambda _: None, *, jobs: int = 1
) -> Siege:
    """Play every order without the attack and with it.

    Args:
        pool: Tasks, models, outcomes; all tenants' tasks are its, but for the stuffed.
        wanted: What is to be run.
        show: Told how many tasks are done, once an order.
        jobs: Orders played at once, each in a process.
    """
    quiet, top = shared_out(pool, wanted.attack), top_of(pool)
    loud = quiet if wanted.attack is Attack.INVERTED else stuffed(quiet, wanted.stuffed)
    seeds = range(1, wanted.seeds + 1)

    def one(seed: int) -> Order:
        without = _played(quiet, top, wanted, seed, honest(wanted.tested))
        attacked = _played(loud, top, wanted, seed, _saying(wanted, top))
        return Order(seed=seed, without=without, attacked=attacked)

    found: dict[int, Order] = {}
    playing = spread(one, seeds, jobs) if jobs > 1 else ((seed, one(seed)) for seed in seeds)
    for seed, order in playing:
        found[seed] = order
        show(tasks_of(pool, wanted) * len(found) // wanted.seeds)
    orders = tuple(found[seed] for seed in seeds)
    voices = sorted({voice for order in orders for voice in order.attacked.weights})
    own = sum(asked.task.tenant == ATTACKER for asked in loud.asked)
    return Siege(
        attack=wanted.attack,
        tasks=len(loud.asked),
        top=tuple(sorted(top)),
        attacker_share=own / len(loud.asked),
        tested=wanted.tested,
        top_without=interval([order.without.top for order in orders]),
        top_attacked=interval([order.attacked.top for order in orders]),
        moved_points=interval([order.points for order in orders]),
        furthest_points=max(abs(order.points) for order in orders),
        quality_without=interval([order.without.quality for order in orders]),
        quality_attacked=interval([order.attacked.quality for order in orders]),
        weights={
            voice: interval([order.attacked.weights.get(voice, 1.0) for order in orders])
            for voice in voices
        },
        orders=orders,
    )


def top_of(pool: Pool) -> frozenset[str]:
    """The models of the top: those that cost at least half as much as the dearest.

    Two models of one price are one top, whichever of them a registry puts a tier higher.
    """
    means = pool.costs.mean(axis=0)
    return frozenset(
        model for model, mean in zip(pool.models, means, strict=True) if mean >= TOP * means.max()
    )


def shared_out(pool: Pool, attack: Attack) -> Pool:
    """Every task a tenant's: half of them the attacker's, where it is not to bring its own."""
    tenants = (*OTHERS, ATTACKER, ATTACKER) if attack is Attack.INVERTED else OTHERS
    asked = []
    for one in pool.asked:
        drawn = ids.draw(SALT, one.task.task_id, "tenant")
        tenant = tenants[int(drawn * len(tenants))]
        asked.append(replace(one, task=one.task.model_copy(update={"tenant": tenant})))
    return replace(pool, asked=tuple(asked))


def stuffed(pool: Pool, tasks: int) -> Pool:
    """The pool with so many of the attacker's tasks more, each worth what some row's answers are."""
    rows = [number % len(pool.asked) for number in range(tasks)]
    again = np.array([*range(len(pool.asked)), *rows], dtype=np.intp)
    return replace(
        pool,
        asked=(*pool.asked, *(_stuffed(number) for number in range(tasks))),
        scores=pool.scores[again],
        costs=pool.costs[again],
        bills=(*pool.bills, *(pool.bills[row] for row in rows)),
    )


def _stuffed(number: int) -> Asked:
    drawn = ids.draw(SALT, str(number), "words")
    words = LEAST_WORDS + int(drawn * (MOST_WORDS - LEAST_WORDS))
    task_id = ids.derive("task", "stuffed", number)
    prompt = f"{WORD} " * words + str(number)
    return Asked(task_id, Task(task_id=task_id, tenant=ATTACKER, prompt=prompt))


def honest(tested: float) -> Callable[[Asked, Step], Said]:
    """Users say what is so; a part of all answers is tested as well."""

    def says(asked: Asked, step: Step) -> Said:
        return _heard(asked, step, step.score, tested)

    return says


def _saying(wanted: Besieging, top: frozenset[str]) -> Callable[[Asked, Step], Said]:
    def inverting(asked: Asked, step: Step) -> Said:
        drawn = ids.draw(SALT, asked.task.task_id, "inverted")
        lies = asked.task.tenant == ATTACKER and drawn < INVERTED
        return _heard(asked, step, 1 - step.score if lies else step.score, wanted.tested)

    def lying(asked: Asked, step: Step) -> Said:
        lies = asked.task.tenant == ATTACKER
        said = float(step.model in top) if lies else step.score
        return _heard(asked, step, said, wanted.tested)

    return {
        Attack.INVERTED: inverting,
        Attack.STUFFED: honest(wanted.tested),
        Attack.LYING: lying,
    }[wanted.attack]


def _heard(asked: Asked, step: Step, score: float, tested: float) -> Said:
    user: tuple[Source, float] = ("user", score)
    if ids.draw(SALT, asked.task.task_id, "tested") >= tested:
        return (user,)
    return (user, ("test", step.score))


def _played(
    pool: Pool,
    top: frozenset[str],
    wanted: Besieging,
    seed: int,
    says: Callable[[Asked, Step], Said],
) -> Side:
    order = order_of(pool, seed)
    terms = replace(wanted.terms, says=says)
    stream = Stream(pool, wanted.prices(), terms, f"benchmark/{seed}")
    ran = stream.run(order)
    others = [step for step in ran.steps if pool.asked[step.row].task.tenant != ATTACKER]
    steps = others[int(len(others) * LEARNING) :]
    thresholds = ran.thresholds[-1][1] if ran.thresholds else terms.policy.thresholds
    weights = stream.hearing.weights()
    return Side(
        threshold=float(np.mean(list(thresholds.values()))),
        weights={f"{voice.tenant}/{voice.source}": weight for voice, weight in weights.items()},
        top=sum(step.model in top for step in steps) / len(steps),
        quality=float(np.mean([step.score for step in steps])),
        cost_usd=float(sum((step.spent_usd for step in steps), Decimal(0)) / len(steps)),
    )
