"""How a call fails, whether it may have been billed, and whether the same model is asked again.

    failed ─► the same model again, where that is safe and soon
           ─► another model of the tier ─► the next tier
           ─► a model that failed, once more, where a second bill is better than no answer
           ─► the failed result with its trail

Every step adds an attempt to the trail, and the trail is bounded: no chain runs for ever.
"""

import enum
from collections.abc import Iterable


class Failure(enum.Enum):
    """A failed call: is another try of the same model worth it, and may it have been billed?

    A failure that may have been billed is booked in doubt until usage or a price says otherwise.
    """

    UNREACHABLE = ("unreachable", True, False)  # no connection: nothing was sent
    OVERLOADED = ("overloaded", True, False)  # 503, 529
    RATE_LIMITED = ("rate_limited", True, False)  # 429
    SERVER_ERROR = ("server_error", True, False)  # other 5xx
    REFUSED = ("refused", False, False)  # other 4xx: the request or the key is wrong
    WRONG_MODEL = ("wrong_model", False, False)  # 404: not served there
    TIMED_OUT = ("timed_out", True, True)  # sent, no answer in time
    CUT = ("cut", True, True)  # the connection ended in the middle
    GARBAGE = ("garbage", True, True)  # an answer that is not the wire format
    EMPTY = ("empty", True, True)  # an answer without text or tool call
    CHECK_FAILED = ("check_failed", False, True)  # an answer that is not what was asked for
    UNSURE = ("unsure", False, True)  # a cheap model's answer that is not trusted

    def __init__(self, label: str, worth_another_try: bool, may_be_billed: bool) -> None:
        self.label = label
        self.worth_another_try = worth_another_try
        self.may_be_billed = may_be_billed

    @classmethod
    def named(cls, label: str) -> "Failure | None":
        """The failure of this label, or None: what an attempt's `outcome` is read back with."""
        return next((failure for failure in cls if failure.label == label), None)


MOST_ATTEMPTS = 12
"""So many attempts a task has at most, over all tiers; those refused with a 429 are counted apart."""

MOST_REFUSALS = 24
"""So many 429s a task has at most: each says that it is too early, not that the model is out."""

RETRIES = 2
"""So often a model is asked again for one task, at most; likewise after 429s before others are."""

BACKOFF_S = 0.1
"""Wait before the first retry; twice as long before each further one, times a jitter."""

LONGEST_BACKOFF_S = 5.0
"""A wait beyond it is not worth it: another model is asked."""


def backoff_s(tries: int, draw: float) -> float:
    """Wait before a model is asked once more: doubled with each try, spread by the draw.

    Source:
        Jitter between half of the backoff and all of it, so that no retry comes at once:
        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.
    """
    return min(float(BACKOFF_S * 2 ** (tries - 1)), LONGEST_BACKOFF_S) * (1 + draw) / 2


def are_enough(outcomes: Iterable[str]) -> bool:
    """Whether a trail of these outcomes is as long as one may be."""
    refused = [outcome == Failure.RATE_LIMITED.label for outcome in outcomes]
    refusals = sum(refused)
    return refusals >= MOST_REFUSALS or len(refused) - refusals >= MOST_ATTEMPTS


def retry_in_s(
    failure: Failure, *, tries: int, told_s: float | None, left_s: float, draw: float
) -> float | None:
    """How long to wait before the same model is asked once more.

    Only what was certainly not billed is asked again: no connection, 5xx, and a 429 that says when
    to come back.

    Args:
        failure: How the last call failed.
        tries: Calls of this model for this task so far that were refused with a 429 if this one
            was, and else those that were not; the failed one among them.
        told_s: What the provider asked to wait (`Retry-After`), in seconds, if it did.
        left_s: Seconds until the task's deadline; infinite where it has none.
        draw: A number in [0, 1) that spreads the retries of many tasks.

    Returns:
        Seconds, or None: ask somebody else.

    Example:
        >>> retry_in_s(Failure.OVERLOADED, tries=1, told_s=None, left_s=60, draw=0.0)
        0.05
        >>> retry_in_s(Failure.TIMED_OUT, tries=1, told_s=None, left_s=60, draw=0.0) is None
        True
    """
    again = failure.worth_another_try and not failure.may_be_billed
    if not again or tries > RETRIES or (failure is Failure.RATE_LIMITED and told_s is None):
        return None
    wait_s = max(backoff_s(tries, draw), told_s or 0.0)
    return wait_s if wait_s <= LONGEST_BACKOFF_S and wait_s < left_s else None
