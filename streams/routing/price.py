"""What a dollar is worth: the price that keeps spending under a ceiling, or holds a quality.

A task goes to the model of the greatest `quality - price x expected cost`. The price is solved
from what was predicted of the last tasks, so that it follows what is asked within some hundred
tasks and needs no gain. What was spent in truth corrects what may be spent; and because one
unforeseen answer can cost more than a hundred tasks may, a model must leave room for the largest
cost that is known of it. What was predicted of the answers chosen corrects what is asked for a
target, so that tasks that are all harder or easier than the last ones are paid for soon.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import ROUND_UP, Decimal
from typing import NamedTuple

from streams.events.control import Policy
from streams.events.decision import Binding, Decision, Pricing
from streams.routing.frontier import ROWS, Frontier, Offer

EVERY = 10
"""The price is solved anew once in so many tasks, and at each of the first."""

CREDIT_TASKS = 200
"""What is left over, or was spent too much, is made good within so many tasks."""

LEAST, MOST = Decimal("0.3"), Decimal(2)
"""A task may cost between so many times the ceiling, whatever was spent before."""

SEEN_GUARD, UNSEEN_GUARD = Decimal(2), Decimal(8)
"""At least so many times its expected cost is reserved for a model that is known, or is not yet."""

KNOWN_CALLS = 10
"""After so many calls the dearest of them tell how far a model's costs go."""

LEAST_OVERRUN = Decimal(4)
"""A known model is thought capable of costing so many times what is expected, whatever was seen."""

MOST_OVERRUN = Decimal(16)
"""A call that cost more times what was expected tells of a wrong expectation, not of its tail.

Measured: the dearest of 1,766 answers cost 11 to 14 times the mean of its model.
"""

JUDGED, UNJUDGED = 8, 3
"""Exploration comes no further than that of eight tasks with each lesson, and a third as far as with
all tasks judged where there is none: who explores has to be told what came of it.

Measured: where one task in twenty was judged, 500 late, that was worth a hundredth of the quality.
"""

PATIENCE = 0.001
"""As much of the thresholds as may be owed, a task so far, without any hurry."""

PAID_SLOWLY, PAID_SOON = 100, 10
"""What is owed is made good within so many tasks; what is owed beyond patience within fewer.

Measured: to pay all of it soon costs a tenth more where kinds of tasks come mixed.
"""

MOST_OWED = 500.0
"""Of what is short or over, no more is made good: a target that was long out of reach is let go."""

HELD_TASKS = 10_000
"""Tasks whose cost is not known yet; of more the oldest count with what they were to cost."""

NUDGE = 1 + 1e-9
"""A price is raised by so little, so that a task that stands right at its step has taken it."""

NOTHING = Decimal(0)
HUNDREDTH = Decimal("0.01")


class _Held(NamedTuple):
    """A call whose cost is not known yet."""

    model: str
    expected_usd: Decimal
    reserved_usd: Decimal


class PriceOfMoney:
    """What was predicted and spent by one who decides; it grows with every task.

    Args:
        rows: Of how many tasks the predictions are remembered.
    """

    def __init__(self, rows: int = ROWS) -> None:
        self.tasks = 0
        self.spent_usd = NOTHING
        self.largest_usd: dict[str, Decimal] = {}
        self._frontier = Frontier(rows)
        self.overrun: dict[str, Decimal] = {}
        self._calls = Counter[str]()
        self._held: dict[str, _Held] = {}
        self._expected_usd = self._reserved_usd = NOTHING
        self.owed = 0.0
        self._policy: Policy | None = None
        self._ceiling_usd: Decimal | None = None
        self._allowed_usd = self._earned_usd = NOTHING
        self._solved: tuple[float, Binding | None] = (0.0, None)
        self._solved_for: tuple[int, int] | None = None

    def pricing(self, policy: Policy, lessons: int = 0, bills: int = 0) -> Pricing | None:
        """What money is worth to the next task; None where the policy holds neither.

        Args:
            policy: Its `ceiling_usd`, `target_quality` and thresholds.
            lessons: Learned so far: what was taught before the first task, or before a restart,
                need not be explored anew.
            bills: Learned so far: of tasks decided before a restart, or by others.
        """
        if not policy.holds_money:
            return None
        if policy.ceiling_usd != self._ceiling_usd:
            self.renew()
            self._ceiling_usd = policy.ceiling_usd
        self._allowed_usd = policy.allowance_usd or policy.ceiling_usd or NOTHING
        if self._policy is None or policy.target_quality != self._policy.target_quality:
            self.owed = 0.0
        self._policy = policy
        solving = (policy.version, self._frontier.seen // EVERY)
        if solving != self._solved_for or self._frontier.seen < EVERY:
            self._solved, self._solved_for = self._solve(policy), solving
        price, binding = self._solved
        return Pricing(
            price=price,
            binding=binding,
            tasks=explored(max(self.tasks, bills), lessons),
            headroom_usd=None if policy.ceiling_usd is None else self._headroom_usd(),
            largest_usd=dict(self.largest_usd) if policy.ceiling_usd is not None else {},
            overrun=dict(self._known_overrun()) if policy.ceiling_usd is not None else {},
        )

    def take(self, decision: Decision) -> None:
        """Remember what was decided; its cost is held until it is known.

        Args:
            decision: With `expected_usd` of every model that could take the task, where the policy
                was to hold something.
        """
        self.tasks += 1
        self._earned_usd += self._allowed_usd
        offers = _offers(decision)
        if offers:
            self._frontier.add(offers)
            self.owed += self._short(decision)
            self.owed = min(max(self.owed, -MOST_OWED), MOST_OWED)
        if decision.model is not None and offers:
            expected = decision.expected_usd.get(decision.model) or NOTHING
            reserved = decision.reserved_usd or expected
            self._hold(decision.task_id, _Held(decision.model, expected, reserved))

    def charge(self, task_id: str, model: str, usd: Decimal) -> None:
        """Book what a call has cost; a task may have several.

        Args:
            task_id: Whose held cost is released.
            model: Who was called.
            usd: Dollars.
        """
        held = self._release(task_id)
        if held is not None and held.model == model and held.expected_usd > 0:
            ratio = min(usd / held.expected_usd, MOST_OVERRUN).quantize(HUNDREDTH, ROUND_UP)
            self.overrun[model] = max(self.overrun.get(model, LEAST_OVERRUN), ratio)
            self._calls[model] += 1
        self.spent_usd += usd
        self.largest_usd[model] = max(usd, self.largest_usd.get(model, NOTHING))

    def renew(self) -> None:
        """Begin a period of the ceiling: nothing was spent yet. What is known of models stays."""
        self.spent_usd = self._earned_usd = self._expected_usd = self._reserved_usd = NOTHING
        self._held.clear()

    def _solve(self, policy: Policy) -> tuple[float, Binding | None]:
        """The price, and whether ceiling or target asks for it: the greater one binds."""
        curve = self._frontier.curve
        dear = cheap = 0.0
        if policy.ceiling_usd is not None:
            dear = curve.holding_cost(float(self._may_spend_usd()))
        if policy.target_quality is not None:
            cheap = curve.holding_quality(_asked(policy) + self._more())
        if dear > cheap:
            return NUDGE * dear, Binding.CEILING
        return NUDGE * cheap, None if policy.target_quality is None else Binding.TARGET

    def _more(self) -> float:
        """What is asked of the next tasks beside the thresholds, so that what is owed is paid."""
        calm = PATIENCE * self._frontier.seen
        beyond = max(self.owed - calm, 0.0) + min(self.owed + calm, 0.0)
        return self.owed / PAID_SLOWLY + beyond / PAID_SOON

    def _short(self, decision: Decision) -> float:
        """By how much what is predicted of an answer falls short of its tier's threshold."""
        predicted = decision.predicted_quality.get(decision.model or "")
        if predicted is None or self._policy is None or self._policy.target_quality is None:
            return 0.0
        asked = self._policy.thresholds.get(str(decision.tier), self._policy.target_quality)
        return asked - predicted

    def _may_spend_usd(self) -> Decimal:
        """Dollars that the next tasks may cost each: the allowance and a part of what is left."""
        allowed = self._allowed_usd
        left = self._earned_usd - self.spent_usd - self._expected_usd
        return min(max(allowed + left / CREDIT_TASKS, LEAST * allowed), MOST * allowed)

    def _headroom_usd(self) -> Decimal:
        return self._earned_usd + self._allowed_usd - self.spent_usd - self._reserved_usd

    def _known_overrun(self) -> Iterator[tuple[str, Decimal]]:
        return (
            (model, times)
            for model, times in self.overrun.items()
            if self._calls[model] >= KNOWN_CALLS
        )

    def _hold(self, task_id: str, held: _Held) -> None:
        self._release(task_id)
        self._held[task_id] = held
        self._expected_usd += held.expected_usd
        self._reserved_usd += held.reserved_usd
        if len(self._held) > HELD_TASKS:
            oldest = next(iter(self._held))
            self.spent_usd += self._held[oldest].expected_usd
            self._release(oldest)

    def _release(self, task_id: str) -> _Held | None:
        held = self._held.pop(task_id, None)
        if held is not None:
            self._expected_usd -= held.expected_usd
            self._reserved_usd -= held.reserved_usd
        return held


def explored(tasks: int, lessons: int) -> int:
    """How far exploration has come, in tasks of which every one was judged.

    Args:
        tasks: Decided so far.
        lessons: Learned so far.

    Example:
        >>> explored(900, 900), explored(900, 45), explored(900, 0), explored(0, 500)
        (900, 360, 300, 500)
    """
    return max(lessons, min(tasks, JUDGED * lessons), tasks // UNJUDGED)


def reserve_usd(
    expected: Decimal | None,
    bound: Decimal | None,
    largest: Decimal | None,
    overrun: Decimal | None = None,
) -> Decimal | None:
    """What must be left for a call to a model before it is made.

    A known model may cost as much as its dearest call did, or as far over what is expected as any
    call was, whichever is less: the one bounds long answers, the other short ones.

    Args:
        expected: What it will likely cost.
        bound: What it comes to by prices and the longest answer; None: there are no prices.
        largest: The most it was ever seen to cost; None: never seen.
        overrun: The most times its expected cost that a call to it was seen to cost; None: it was
            called too seldom to tell.

    Returns:
        Dollars; None where nothing at all is known of its cost.

    Example:
        >>> reserve_usd(Decimal(1), None, None), reserve_usd(Decimal(1), None, Decimal(9))
        (Decimal('8'), Decimal('9'))
        >>> reserve_usd(Decimal(1), None, Decimal(9), overrun=Decimal(5))
        Decimal('5')
    """
    if bound is not None:
        return bound if largest is None else max(bound, largest)
    if expected is None:
        return largest
    if largest is None or overrun is None:
        return max(largest or NOTHING, UNSEEN_GUARD * expected)
    return max(SEEN_GUARD * expected, min(largest, overrun * expected))


def unaffordable(
    headroom_usd: Decimal | None, reserves: Mapping[str, Decimal | None]
) -> frozenset[str]:
    """The models whose reserve the headroom does not have.

    Args:
        headroom_usd: What may be spent at this moment; None: there is no ceiling.
        reserves: What must be left for each model that could take the task, see `reserve_usd`.

    Returns:
        Their names; never all, the one of the smallest reserve is left where there is no room even
        for that. A model of which nothing is known is kept out wherever there is a ceiling.

    Example:
        >>> sorted(unaffordable(Decimal(2), {"a": Decimal(1), "b": Decimal(3), "c": None}))
        ['b', 'c']
        >>> unaffordable(Decimal(0), {"a": Decimal(1), "b": Decimal(3)})
        frozenset({'b'})
    """
    if headroom_usd is None:
        return frozenset()
    out = {name for name, wanted in reserves.items() if wanted is None or wanted > headroom_usd}
    if len(out) == len(reserves) > 0:
        known = {name: wanted for name, wanted in reserves.items() if wanted is not None}
        ranked = known or dict.fromkeys(reserves, NOTHING)
        out.remove(min(ranked, key=lambda name: (ranked[name], name)))
    return frozenset(out)


def _asked(policy: Policy) -> float:
    """The mean quality to be predicted of answers, over all tiers."""
    return sum(policy.thresholds.values()) / max(len(policy.thresholds), 1)


def _offers(decision: Decision) -> list[Offer]:
    """What each model would have done; an unknown cost counts as the dearest."""
    costs = decision.expected_usd
    dearest = max((cost for cost in costs.values() if cost is not None), default=NOTHING)
    return [
        Offer(quality, float(dearest if (cost := costs.get(name)) is None else cost))
        for name, quality in decision.predicted_quality.items()
    ] if costs else []  # fmt: skip
