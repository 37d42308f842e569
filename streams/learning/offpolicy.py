"""What another policy would have earned on logged tasks: IPS, SNIPS and doubly robust, with intervals.

Each logged task was drawn with a known probability, so that a reward counts as often as the other
policy would have chosen the same arm. The value is that of tasks like these, not of these alone:
intervals know that other tasks might have come.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
"""What an arm earns is believed, for each task, from the other four fifths of them."""

ALIKE_DRAWS = 2.0
"""With so many draws an arm is taken half as it was seen, half as was to be expected."""

LEAST_DEGREES = 2.0
"""Degrees of freedom of an interval, at least: one reward that outweighs all others leaves none."""

_TINY = 1e-300
_Z = 1.959963984540054  # 97.5% of a normal distribution lie below

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One logged task.

    Args:
        arm: What was chosen.
        logging: Probability of every arm when it was drawn.
        target: Probability that the other policy gives every arm.
        reward: What the chosen arm earned.
        believed: What each arm was believed to earn, before anything was known of the reward.
    """

    arm: str
    logging: Mapping[str, float]
    target: Mapping[str, float]
    reward: float
    believed: Mapping[str, float]


class Weighed(NamedTuple):
    """Tasks as numbers: how often each counts, its reward, what was expected of it.

    Args:
        weight: The other policy's probability of the chosen arm, over the logged one; by task.
        reward: What the chosen arm earned.
        modelled: What the chosen arm was thought to earn.
        expected: What the other policy was thought to earn.
        chosen: Number of the chosen arm.
        square: By arm, the mean square of the weights that are to be expected, drawn or not.
        draws: By arm, to how many equal draws its weighed ones are expected to amount.
    """

    weight: Floats
    reward: Floats
    modelled: Floats
    expected: Floats
    chosen: NDArray[np.intp]
    square: Floats
    draws: Floats


class Estimate(NamedTuple):
    """A value and its 95% interval; None: one task has none."""

    value: float
    low: float | None
    high: float | None


class Evaluation(NamedTuple):
    """What a log says of another policy.

    Args:
        tasks: Logged tasks with a reward.
        logged: What the log's own policy earned.
        ips: Inverse propensity scores: unbiased, and of the widest interval.
        snips: The same over the sum of weights: a little biased, usually much narrower.
        dr: Doubly robust: what is believed of every arm, corrected by the weighed rewards.
        gain: The other policy's value less the logged one's, doubly robust, task by task.
        effective: To how many tasks of the other policy's own the log amounts.
        largest_weight: The most that one task counts.
        unsupported: The other policy's probability of arms that the log never drew from: what
            they would earn is only believed, by `dr`, and missing from the others.
    """

    tasks: int
    logged: Estimate
    ips: Estimate
    snips: Estimate
    dr: Estimate
    gain: Estimate
    effective: float
    largest_weight: float
    unsupported: float


def evaluate(tasks: Sequence[Drawn]) -> Evaluation | None:
    """Estimate what the other policy would have earned a task.

    Returns:
        None where the log says nothing: no task went where the other policy might have sent it.

    Raises:
        ValueError: A chosen arm had no probability: that log isn't honest.

    Example:
        >>> told = evaluate([
        ...     Drawn("a", {"a": 0.5, "b": 0.5}, {"b": 1.0}, 0.0, {}),
        ...     Drawn("b", {"a": 0.5, "b": 0.5}, {"b": 1.0}, 0.8, {}),
        ... ])
        >>> told.ips.value, told.snips.value, told.effective
        (0.8, 0.8, 1.0)
    """
    logged = weigh(tasks) if tasks else None
    if logged is None or not logged.weight.any():
        return None
    unsupported = sum(
        chance for task in tasks for arm, chance in task.target.items()
        if task.logging.get(arm, 0.0) <= 0
    )  # fmt: skip
    return estimate(logged, unsupported / len(tasks))


def weigh(tasks: Sequence[Drawn]) -> Weighed:
    """Logged tasks as numbers, each with what was expected of it by what the others earned.

    Raises:
        ValueError: A chosen arm had no probability.
    """
    arms = sorted({arm for task in tasks for arm in (task.arm, *task.target)})
    column = {arm: n for n, arm in enumerate(arms)}
    chosen = np.array([column[task.arm] for task in tasks])
    for task in tasks:
        if not task.logging.get(task.arm, 0.0) > 0:
            raise ValueError(f"{task.arm!r} was chosen with probability 0")
    logging = np.array([[task.logging.get(arm, 0.0) for arm in arms] for task in tasks])
    target = np.array([[task.target.get(arm, 0.0) for arm in arms] for task in tasks])
    believed = np.array([[task.believed.get(arm, math.nan) for arm in arms] for task in tasks])
    reward = np.array([task.reward for task in tasks])
    return of_arms(chosen, logging, target, reward, believed)


def of_arms(
    chosen: NDArray[np.intp], logging: Floats, target: Floats, reward: Floats, believed: Floats
) -> Weighed:
    """The same from arrays.

    Args:
        chosen: Number of the chosen arm, by task.
        logging: Probability of every arm when it was drawn, tasks x arms; the chosen one's above 0.
        target: The other policy's probabilities, likewise.
        reward: What the chosen arm earned, by task.
        believed: What each arm was believed to earn, tasks x arms; NaN where nobody knew.
    """
    model = crossfitted(chosen, reward, believed)
    at = np.arange(len(chosen))
    logged = np.where(logging > 0, logging, np.inf)
    squares = target**2 / logged
    fourths = target**4 / logged**3
    return Weighed(
        target[at, chosen] / logging[at, chosen],
        reward,
        model[at, chosen],
        (target * model).sum(axis=1),
        chosen,
        squares.mean(axis=0),
        squares.sum(axis=0) ** 2 / np.maximum(fourths.sum(axis=0), _TINY),
    )


def crossfitted(chosen: NDArray[np.intp], reward: Floats, believed: Floats) -> Floats:
    """What each arm is thought to earn on each task, from rewards of other tasks.

    What was believed of an arm, times the ratio of what it earned to what was believed; where
    that isn't known of all tasks, the arm's mean. No task's own reward tells of it, so that the
    doubly robust estimate stays unbiased.

    Returns:
        Tasks x arms.
    """
    lacking = ~np.all(np.isfinite(believed) & (believed > 0), axis=0)
    base = np.where(lacking, 1.0, believed)
    earned = np.empty_like(base)
    fold = np.arange(len(chosen)) % FOLDS
    for number in range(FOLDS):
        others, own = fold != number, fold == number
        if own.any():
            earned[own] = base[own] * _ratios(chosen[others], reward[others], base[others], lacking)
    return earned


def _ratios(
    chosen: NDArray[np.intp], reward: Floats, base: Floats, lacking: NDArray[np.bool_]
) -> Floats:
    """Reward for each unit believed, by arm; what arms of its kind have, where it was not tried."""
    arms = base.shape[1]
    said = base[np.arange(len(chosen)), chosen]
    sums = np.bincount(chosen, reward, minlength=arms), np.bincount(chosen, said, minlength=arms)
    found = np.ones(arms)
    for kind in (lacking, ~lacking):
        total = sums[1][kind].sum()
        overall = sums[0][kind].sum() / total if total > 0 else None
        if overall is None:
            overall = float(reward.mean()) if kind is lacking and len(reward) else 1.0
        tried = kind & (sums[1] > 0)
        found[kind] = overall
        found[tried] = sums[0][tried] / sums[1][tried]
    return found


def estimate(logged: Weighed, unsupported: float = 0.0) -> Evaluation:
    """All estimates of one log.

    Args:
        logged: At least one task, and one of some weight.
        unsupported: The other policy's mean probability of arms that were never drawn from.

    Source:
        SNIPS: Swaminathan and Joachims, NeurIPS 2015. Doubly robust: Dudik, Langford and Li,
        arXiv 1103.4601. Effective sample size: Kish, Survey Sampling, 1965.
    """
    weight, reward = logged.weight, logged.reward
    total = float(weight.sum())
    value = float(weight @ reward) / total
    scale = len(weight) / total
    off = reward - logged.modelled
    corrected = logged.expected + weight * off
    return Evaluation(
        tasks=len(reward),
        logged=mean(reward),
        ips=mean(weight * reward, _unseen(logged, reward)),
        snips=mean(value + scale * weight * (reward - value), _unseen(logged, reward - value)),
        dr=mean(corrected, _unseen(logged, off)),
        gain=mean(corrected - reward, _unseen(logged, off)),
        effective=total * total / float(weight @ weight),
        largest_weight=float(weight.max()),
        unsupported=unsupported,
    )


def _unseen(logged: Weighed, off: Floats) -> float:
    """What a log's own spread lacks of the variance of weighed terms.

    Where a rare draw didn't happen a log looks calmer than it is. But what was to be expected of
    the squared weights is known, drawn or not; of each arm that is taken in place of what was seen,
    the more the fewer draws its weighed ones amount to.

    Args:
        logged: The tasks.
        off: The terms before they are weighed.
    """
    arms, squared = len(logged.square), off * off
    count = np.bincount(logged.chosen, minlength=arms)
    sums = np.bincount(logged.chosen, squared, minlength=arms)
    by_arm = (sums + ALIKE_DRAWS * float(squared.mean())) / (count + ALIKE_DRAWS)
    seen = np.bincount(logged.chosen, logged.weight**2 * squared, minlength=arms) / len(off)
    doubt = ALIKE_DRAWS / (logged.draws + ALIKE_DRAWS)
    return float(doubt @ (logged.square * by_arm - seen))


def mean(values: Floats, unseen: float = 0.0) -> Estimate:
    """The mean of some numbers, with an interval that knows how uneven they are.

    A few large weights make the spread itself uncertain: Student's t is taken with the degrees of
    freedom that the fourth moment leaves, so that the interval widens. All numbers equal, it is
    one point.

    Args:
        values: One a task.
        unseen: Variance of one of them beside what they show.

    Source:
        The degrees of freedom match the variance of the sample variance: Satterthwaite,
        Biometrics Bulletin 2 (1946). Coverage: `tests/bench/test_coverage.py`.

    Example:
        >>> told = mean(np.array([0.0, 1.0] * 50))
        >>> told.value, round(told.low, 3), round(told.high, 3)
        (0.5, 0.402, 0.598)
    """
    count, value = len(values), float(values.mean())
    if count < 2:  # noqa: PLR2004 (one number has no spread)
        return Estimate(value, None, None)
    off = values - value
    seen = float(off @ off) / count
    fourth = float(np.square(off * off).sum()) / count
    degrees = 2 * count / max(fourth / max(seen, _TINY) ** 2 - 1, 1e-9) if seen > 0 else 0.0
    variance = max(seen + unseen, 0.0)
    reach = t_quantile(max(degrees, LEAST_DEGREES)) * math.sqrt(variance / (count - 1))
    return Estimate(value, value - reach, value + reach)


def t_quantile(degrees: float) -> float:
    """The 97.5% point of Student's t, within 1%.

    Args:
        degrees: Of freedom, at least 2; they need not be whole.

    Source:
        The expansion around the normal distribution: Abramowitz and Stegun, 26.7.5.

    Example:
        >>> round(t_quantile(10), 3), round(t_quantile(1e9), 3)
        (2.228, 1.96)
    """
    return _Z + sum(term / degrees**power for power, term in enumerate(_terms(), 1))


def _terms() -> Iterator[float]:
    z = _Z
    yield (z**3 + z) / 4
    yield (5 * z**5 + 16 * z**3 + 3 * z) / 96
    yield (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    yield (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160


__all__ = [
    "Drawn", "Estimate", "Evaluation", "Weighed", "crossfitted", "estimate", "evaluate", "mean",
    "of_arms", "t_quantile", "weigh",
]  # fmt: skip
