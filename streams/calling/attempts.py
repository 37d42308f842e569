"""How a call fails, and whether it may have been billed.

A failed call is not tried again on the same model: the task goes to the next tier, or sideways.
"""

import enum


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
