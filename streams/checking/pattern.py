"""The whole answer against an operator's regular expression, in linear time.

White space around the answer is no part of it and is taken away where that makes it match.
"""

from streams.checking.check import PASS, Answer, Check, Fault, Repaired, Verdict, refused
from streams.checking.linear import CostlyError, compiled


def matching(pattern: str) -> Check:
    r"""Want an answer that matches from end to end.

    Args:
        pattern: In Python's syntax, without back references: see `linear`.

    Raises:
        UnsupportedError: The pattern is not for linear time.

    Example:
        >>> matching(r"[A-Z]{3}-\d+")(Answer("ABC-12\n"))
        Repaired(text='ABC-12', by=('white space',))
    """
    linear = compiled(pattern)

    def check(answer: Answer) -> Verdict:
        try:
            if linear.matches(answer.text):
                return PASS
            text = answer.text.strip()
            if text != answer.text and linear.matches(text):
                return Repaired(text, ("white space",))
        except CostlyError as error:
            return refused(Fault.TOO_LARGE, str(error))
        return refused(Fault.OFF_PATTERN, "does not match the pattern of its kind")

    return check
