"""How a call fails, whether it may have been billed, and the next move.

completed ─► done
failed ─┬─► retry    the same model once more: it will pass, and nothing was billed
        ├─► other    another model
        └─► give up  the chain is at its limit
"""

import enum

RETRIES = 1
"""Second tries of the same model, at most."""


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

    def __init__(self, label: str, worth_another_try: bool, may_be_billed: bool) -> None:
        self.label = label
        self.worth_another_try = worth_another_try
        self.may_be_billed = may_be_billed

    @classmethod
    def named(cls, label: str) -> "Failure | None":
        """The failure of this label, or None: what an attempt's `outcome` is read back with."""
        return next((failure for failure in cls if failure.label == label), None)


class Move(enum.Enum):
    """What to do after a failed call."""

    RETRY = "retry"
    OTHER = "other"
    GIVE_UP = "give_up"


def next_move(failure: Failure, *, on_model: int, attempts_made: int, limit: int) -> Move:
    """Say what follows a failed call.

    The same model is tried again only where the failure passes by itself and nothing was billed:
    a second try of a call in doubt may cost the same money twice, another model costs its own.

    Args:
        failure: How the call failed.
        on_model: Calls made to this model for this task, the failed one included.
        attempts_made: Calls made for this task in all, the failed one included.
        limit: Calls that a task may make.

    Raises:
        ValueError: The failed call is not counted.

    Example:
        >>> next_move(Failure.OVERLOADED, on_model=1, attempts_made=1, limit=4)
        <Move.RETRY: 'retry'>
        >>> next_move(Failure.TIMED_OUT, on_model=1, attempts_made=1, limit=4)
        <Move.OTHER: 'other'>
    """
    if not 1 <= on_model <= attempts_made:
        raise ValueError("on_model and attempts_made count the failed call")
    if attempts_made >= limit:
        return Move.GIVE_UP
    passes = failure.worth_another_try and not failure.may_be_billed
    return Move.RETRY if passes and on_model <= RETRIES else Move.OTHER
