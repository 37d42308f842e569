"""What a provider's export of calls says that each was billed: JSON lines, or one array."""

import json  # noqa: TID251 (orjson would round amounts to floats)
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from streams.money.pricing import to_usd

FIGURES = ("billed_usd", "cost_usd")
"""Fields that hold what a call was billed; the first that is there counts."""

AMOUNT = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?")
SHOWN_CHARS = 40


@dataclass(frozen=True, slots=True)
class Bill:
    """An export of calls.

    Args:
        figures: By call, the dollars of all its lines together; None where one of them is null.
        lines: How many lines there are.
        repeated: How many of them are copies of others: exports overlap. They count once.
    """

    figures: Mapping[str, Decimal | None]
    lines: int
    repeated: int


def read_bill(content: bytes) -> Bill:
    """Read an export: an object a line, or an array of them, each with `call_id` and a figure.

    A call that stands on several lines was billed several times, or in parts: they are added. The
    same line again is the same line.

    Args:
        content: The file.

    Raises:
        ValueError: It is no such file; the message names line and field.

    Example:
        >>> dict(read_bill(b'{"call_id": "c", "billed_usd": "0.25"}').figures)
        {'c': Decimal('0.250000000000')}
    """
    figures: dict[str, Decimal | None] = {}
    seen: set[str] = set()
    lines = 0
    for place, entry in _entries(content):
        lines += 1
        name, figure = _figure(place, entry)
        same = json.dumps(entry, sort_keys=True)
        if same in seen:
            continue
        seen.add(same)
        before = figures.get(name, Decimal(0))
        known = before is not None and figure is not None
        figures[name] = before + figure if known else None  # type: ignore[operator]
    return Bill(figures, lines, lines - len(seen))


def dollars(text: str) -> Decimal:
    """An amount of dollars as people and exports write it, to 10⁻¹².

    Raises:
        ValueError: It is none from 0 up that the books can hold.

    Example:
        >>> dollars("0.004"), dollars("1e-3")
        (Decimal('0.004000000000'), Decimal('0.001000000000'))
    """
    amount = None
    if AMOUNT.fullmatch(text.strip()):
        try:
            amount = to_usd(Decimal(text.strip()))
        except InvalidOperation:
            amount = None
    if amount is None:
        shown = text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
        raise ValueError(
            f"{shown!r} is no amount of dollars from 0 to below a million, like 0.0042"
        )
    return amount


def _entries(content: bytes) -> Iterator[tuple[str, object]]:
    """Each entry with its place; numbers stay the text that was written, so that none is rounded."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8 text") from None
    if text.lstrip().startswith("["):
        found = _parsed("the file", text)
        for number, entry in enumerate(found if isinstance(found, list) else (), 1):
            yield f"entry {number}", entry
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"line {number}", _parsed(f"line {number}", line)


def _parsed(place: str, text: str) -> object:
    try:
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise ValueError(f"{place}: no JSON") from None


def _figure(place: str, entry: object) -> tuple[str, Decimal | None]:
    """Which call an entry is about, and what it was billed."""
    if not isinstance(entry, dict):
        raise ValueError(f"{place}: no JSON object")  # noqa: TRY004 (what the file says)
    name = entry.get("call_id")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{place}: call_id: the id of a call is wanted")
    field = next((field for field in FIGURES if field in entry), None)
    if field is None:
        raise ValueError(f"{place}: {FIGURES[0]}: missing, and so is {FIGURES[1]}")
    said = entry[field]
    if said is None:
        return name, None
    if not isinstance(said, str):
        raise ValueError(f"{place}: {field}: dollars are wanted")  # noqa: TRY004 (as above)
    try:
        return name, dollars(said)
    except ValueError as error:
        raise ValueError(f"{place}: {field}: {error}") from None
