"""How a prompt begins and ends, as hashed ids: what tells templates and kinds of tasks apart.

The words of a prompt say what it is about; its edges say what is asked. They are few, so each
weighs as much as many words, and is learned from a few lessons.
"""

from collections.abc import Sequence

TEXTS = 1 << 14
"""Ids below are of words, pairs and character grams."""

EDGES = 1 << 10
"""So many ids from `TEXTS` on are of edges."""

EDGE_INPUT = 0.4
"""The value of an edge as an input, where all hashed words together have a norm of 1.

Measured on recorded outcomes: .3 and .6 did as well, nothing and .15 worse.
"""

_MASK = (1 << 64) - 1
_ODD = 0x9FB21C651E98DF25
_SHIFT = 64 - 10
_BUCKET_BYTES, _BUCKETS = 100, 6
_NEWLINE = b"\n"


def edges_of(whole: bytes, words: Sequence[int]) -> list[int]:
    r"""The ids of a prompt's edges, sorted and unique, from `TEXTS` to below `TEXTS + EDGES`.

    Args:
        whole: The prompt's bytes.
        words: Hashes of its first two and its last word, or of as many as there are.

    Returns:
        Ids of: the first word; the first two; the last byte; the last word and byte; the first
        word and last byte; the kind of the first byte; length in hundreds of bytes and whether
        there are lines.

    Example:
        >>> found = edges_of(b"Which one?", [11, 12, 12])
        >>> len(found), min(found) >= TEXTS, max(found) < TEXTS + EDGES
        (7, True, True)
    """
    text = whole.strip()
    begin, end = text[:1], text[-1] if text else 0
    first = words[0] if words else 0
    kind = 1 * begin.isupper() + 2 * begin.islower() + 3 * begin.isdigit()
    size = min(len(text) // _BUCKET_BYTES, _BUCKETS)
    told = (
        first,
        first * _ODD + (words[1] if len(words) > 1 else 1),
        end,
        (words[-1] if words else 0) * _ODD + end,
        first * _ODD + end,
        kind,
        2 * size + (_NEWLINE in text),
    )
    return sorted({TEXTS + _id(place, one) for place, one in enumerate(told, 1)})


def _id(place: int, told: int) -> int:
    mixed = (told * _ODD + place * 0xD6E8FEB86659FD93) & _MASK
    mixed = (mixed ^ mixed >> 32) * 0xE7037ED1A0B428DB & _MASK
    return mixed >> _SHIFT
