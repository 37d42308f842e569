"""An answer that ends before its end.

Told by the provider (`finish_reason` of `length`, or of `content_filter`, whose filter cut it), or seen:
a code fence that is never closed. Where the task itself set the length, text that reaches it is what was
asked for. Whether JSON or Python is whole is seen better by what reads it: see `json_answer`, `python`.
"""

from streams.checking.check import PASS, Answer, Fault, Refused, Verdict, refused
from streams.checking.fence import fences_in


def untruncated(answer: Answer) -> Verdict:
    """Refuse an answer that was cut.

    Example:
        >>> untruncated(Answer("Once upon a", "length"))
        Refused(because=<Fault.TRUNCATED: 'truncated'>, detail='finish_reason length')
        >>> untruncated(Answer("Once upon a", "length", is_bounded=True))
        Pass()
    """
    if answer.is_bounded and answer.finish_reason == "length":
        return PASS
    told = cut(answer)
    if told is not None:
        return told
    if "```" in answer.text or "~~~" in answer.text:
        fences = fences_in(answer.text)
        if fences and not fences[-1].is_closed:
            return refused(Fault.TRUNCATED, "a code fence is never closed")
    return PASS


def cut(answer: Answer) -> Refused | None:
    """What the provider says of its end; None: nothing against it."""
    if answer.finish_reason in ("length", "content_filter"):
        return refused(Fault.TRUNCATED, f"finish_reason {answer.finish_reason}")
    return None
