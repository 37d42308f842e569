"""Thoughts before the answer, as local reasoning models write them: `<think>…</think>` taken away.

Taken away where the answer begins with the tag and closes it once, or where a closing tag stands alone
on a line and none opens (many servers put the opening one into the prompt). Thoughts that never end are
a truncated answer. Anything else, such as a text about these tags, is left as it is.
"""

import re

from streams.checking.check import PASS, Answer, Fault, Repaired, Verdict, refused

_OPENS = re.compile(r"\s*<(think|thinking)>")
_CLOSES_ALONE = re.compile(r"^[ \t]*</think>[ \t]*$", re.MULTILINE)
_TAG = re.compile(r"</?think(?:ing)?>")


def without_thoughts(answer: Answer) -> Verdict:
    r"""Take the thoughts away.

    Example:
        >>> without_thoughts(Answer("<think>2 and 2…</think>\n\n4"))
        Repaired(text='4', by=('thoughts',))
    """
    text = answer.text
    if "think" not in text:
        return PASS
    opens = _OPENS.match(text)
    closes = _CLOSES_ALONE.search(text)
    if opens is not None:
        closing = f"</{opens[1]}>"
        if closing not in text:
            return refused(Fault.TRUNCATED, f"{opens[0].strip()} is never closed")
        rest, tags = text[text.index(closing) + len(closing) :], 2
    elif closes is not None:
        rest, tags = text[closes.end() :], 1
    else:
        return PASS
    if len(_TAG.findall(text)) != tags:
        return PASS
    if not rest.strip():
        return refused(Fault.EMPTY, "thoughts and no answer")
    return Repaired(rest.strip(), ("thoughts",))
