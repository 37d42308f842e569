"""Lists: "Sort this list alphabetically: …", "Remove duplicates from: …", "How many items are in: …".

Items stand on one line with commas between them, or one a line, quoted or fenced as a whole or
behind a colon.

Answer: the items in the form that they came in (`a, b, c`, or one a line); a count as a number.
Sorting without "descending" ascends, all numbers by value and other items by letter; the first of
equal items is kept.

In doubt, and so not answered: an alphabetical order that would differ by capitals, hyphens, digits
or spaces; numbers among words; equal numbers written differently; items that differ by capitals alone
where duplicates go; an "and" between the last two; a list that may hold a second request.
"""

import re
from collections.abc import Callable

from streams.tier0.asking import MARK, asks_more, marked
from streams.tier0.numbers import read

MAX_CHARS = 8_000
_HEAD_CHARS = 160
_MOST_ITEMS = 300
_ITEM_WORDS = 4

_LIST = (
    r"(?:(?:the |this |these |my )?(?:following )?(?:comma[- ]separated )?(?P<noun>list(?: of (?:words|names|numbers|items|strings|integers))?"
    r"|items|words|names|numbers|integers|values|lines|entries|strings)(?: below)?)"
)
_ORDER = (
    r"(?:,? (?P<alpha>alphabetically|in alphabetical order|a to z|lexicographically|by name)"
    r"|,? (?P<numeric>numerically|by value|by number)"
    r"|,? (?:in |into )?(?P<up>ascending)(?: numerical| numeric)?(?: order)?|,? from (?P<up2>smallest to largest|lowest to highest|low to high)"
    r"|,? (?:in |into )?(?P<down>descending|reverse alphabetical)(?: numerical| numeric)?(?: order)?|,? from (?P<down2>largest to smallest|highest to lowest|high to low)"
    r")?"
)
_REQUEST = re.compile(
    rf"(?:(?P<sort>sort|order|arrange|alphabeti[sz]e)(?: {_LIST})?{_ORDER}"
    rf"|(?P<unique>(?:remove|delete|drop)(?: the| all| any)? duplicates? ?(?:items |entries |values |words |lines )?(?:from|in)|de-?duplicate|dedupe)(?: {_LIST.replace('?P<noun>', '?:')})?"
    rf"|(?P<flip>reverse)(?: the order of)? {_LIST.replace('?P<noun>', '?:')}"
    rf"|(?P<count>count(?: the)?(?: number of)?|how many)(?P<distinct> unique| distinct)? (?:items|elements|entries|words|names|numbers|values)(?: are)?(?: there)? in {_LIST.replace('?P<noun>', '?:')}"
    rf")[:.]? ?{MARK}",
    re.IGNORECASE,
)
_ITEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9 '_.@/+-]*|-[0-9]+(?:\.[0-9]+)?")
_WORDISH = re.compile(r"[A-Za-z]+(?:[ -][A-Za-z]+)*")
_GATE = ("sort", "order", "arrange", "alphabeti", "duplic", "dedup", "revers", "count", "how many")


def treat_list(text: str) -> str | None:
    """Sort, deduplicate, reverse or count the list that the prompt carries.

    Returns:
        The list, or a count; None where there is any doubt.

    Example:
        >>> treat_list("Sort this list alphabetically: pear, apple, fig")
        'apple, fig, pear'
        >>> treat_list("How many unique items are in this list: a, b, a?")
        '2'
    """
    if len(text) > MAX_CHARS:
        return None
    head = text[:_HEAD_CHARS].lower()
    if not any(word in head for word in _GATE):
        return None
    found = marked(text)
    request = _REQUEST.fullmatch(found.request) if len(found.subjects) == 1 else None
    if request is None:
        return None
    subject = found.subjects[0].strip()
    return _treated(request, subject, loose=found.loose)


def _treated(request: re.Match[str], subject: str, *, loose: bool) -> str | None:
    mark = "\n" if "\n" in subject else ", "
    parts = subject.split("\n") if mark == "\n" else subject.split(",")
    items = [part.strip() for part in parts]
    if loose and mark == ", " and items[-1].endswith((".", "?", "!")):
        if "." in "".join(items)[:-1]:
            return None
        items[-1] = items[-1][:-1]
    if not _is_list(items) or (loose and (_runs_on(items) or asks_more(subject))):
        return None
    if request["count"]:
        return _counted(items, distinct=bool(request["distinct"]))
    if request["sort"]:
        treated = _sorted(items, request)
    else:
        treated = items[::-1] if request["flip"] else _unique(items)
    return None if treated is None else mark.join(treated)


def _is_list(items: list[str]) -> bool:
    if len(items) == 1 or len(items) > _MOST_ITEMS or not all(map(_ITEM.fullmatch, items)):
        return False
    return not any(
        item.lower().startswith(("and ", "or "))
        or item.count(" ") >= _ITEM_WORDS
        or " and " in item
        for item in items
    )


def _runs_on(items: list[str]) -> bool:
    """Whether the last item may end with more of the request: "b, a in full"."""
    words = [len(item.split()) for item in items]
    return words[-1] > max(words[:-1]) + 1


def _unique(items: list[str]) -> list[str] | None:
    kept = list(dict.fromkeys(items))
    return kept if len({_letters(item) for item in kept}) == len(kept) else None


def _counted(items: list[str], *, distinct: bool) -> str | None:
    if not distinct:
        return str(len(items))
    kept = _unique(items)
    return None if kept is None else str(len(kept))


def _letters(item: str) -> str:
    """An item without what orders disagree about."""
    return re.sub(r"[^a-z0-9]", "", item.lower())


def _sorted(items: list[str], request: re.Match[str]) -> list[str] | None:
    down = bool(request["down"] or request["down2"])
    numbers = [_number(item) for item in items]
    known = [number for number in numbers if number is not None]
    noun = (request["noun"] or "").lower()
    verb = request["sort"].lower()
    if verb in ("order", "arrange") and not noun:
        return None  # "Order: two pizzas, …" asks for something else
    by_letter = request["alpha"] or "alpha" in f"{verb}{request['down'] or ''}".lower()
    if len(known) == len(items) and not by_letter:
        if len(set(known)) < len(set(items)):
            return None
        pairs = sorted(zip(known, items, strict=True), reverse=down)
        return [item for _, item in pairs]
    by_size = (
        request["numeric"]
        or request["up2"]
        or request["down2"]
        or "number" in noun
        or "integer" in noun
    )
    if by_size or not all(map(_WORDISH.fullmatch, items)):
        return None
    return _alphabetical(items, down=down)


def _number(item: str) -> object:
    value = read(item.removeprefix("-")) if "," not in item else None
    return -value if value is not None and item.startswith("-") else value


def _alphabetical(items: list[str], *, down: bool) -> list[str] | None:
    """The order on which all orders agree; None where there is none."""
    keys: tuple[Callable[[str], str], ...] = (str, str.lower, _letters)
    orders = [sorted(items, key=key, reverse=down) for key in keys]
    if any(order != orders[0] for order in orders) or len({_letters(i) for i in items}) < len(
        set(items)
    ):
        return None
    return orders[0]
