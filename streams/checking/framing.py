"""Words around the one value of an answer: which may be left out without losing what is meant."""

import re

FRAME_CHARS = 1_000

_TAKES_BACK = re.compile(
    r"\b(?:actually|wait|corrections?|corrected|oops|mistakes?|mistaken|sorry|instead|rather|cannot|can['\u2019]?t|"
    r"unable|examples?|template|placeholders?|hypothetical\w*|however|unfortunately|invalid|wrong|"
    r"incomplete|truncated|continued?|etc|not|isn['\u2019]?t|don['\u2019]?t|should be|alternatively)\b|\.\.\.|…",
    re.IGNORECASE,
)
_SUPPOSES = re.compile(r"\b(?:would|could|might|may|or|if)\b", re.IGNORECASE)
_BRACKETS = re.compile(r"[{}\[\]`]")
_ENDS = re.compile(r"(?:<\|[\w|]{1,30}\|>|</s>|<eos>|<end_of_turn>|\[/INST\]|```|[;.])")


def is_lead(text: str) -> bool:
    """Whether what stands before a value only announces it: "json", or words up to a colon.

    Example:
        >>> is_lead("Sure! Here is the JSON:"), is_lead("It would be something like:")
        (True, False)
    """
    words = text.strip()
    if not words or words.lower() == "json":
        return True
    return words.endswith(":") and _is_plain(words) and _SUPPOSES.search(words) is None


def is_tail(text: str) -> bool:
    r"""Whether what stands behind a value ends it or comments on it: a model's end mark, or a paragraph.

    Example:
        >>> is_tail("<|im_end|>"), is_tail("\n\nI hope this helps!"), is_tail(", 2")
        (True, True, False)
    """
    words = text.strip()
    if not words or _ENDS.fullmatch(words):
        return True
    begins_a_line = "\n" in text[: len(text) - len(text.lstrip())]
    return begins_a_line and words[0].isalpha() and _is_plain(words)


def _is_plain(words: str) -> bool:
    """Whether prose holds no second value and takes nothing back."""
    return (
        len(words) <= FRAME_CHARS
        and _BRACKETS.search(words) is None
        and _TAKES_BACK.search(words) is None
    )
