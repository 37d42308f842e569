"""Dates: days between two, N days or weeks away, the weekday, leap years.

Dates are written `2024-02-29`, `February 29, 2024`, `29 Feb 2024`; never `01/02/2024`, which is two
dates. Gregorian, years 1583 to 9999. Nothing here knows today.

Answer: a date in ISO form (`2024-03-01`), a weekday in English (`Thursday`), a count with its unit
(`60 days`, `1 day`, `8 weeks`), `Yes` or `No`. Days between exclude the first day and include the
last. Not answered: weeks that don't come out whole, a count "from" the later date to the earlier,
months or years away from a day past the 28th, business days, "inclusive".
"""

import calendar
import re
from datetime import date, timedelta

from streams.tier0.asking import bare, one_line

MAX_CHARS = 200
FIRST_YEAR = 1583
_LAST_YEAR = 9999
_LAST_SAFE_DAY = 28

_MONTHS = {
    name.lower(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATE = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    rf"|(?:{_MONTH})\.? [0-9]{{1,2}}(?:st|[nr]d|th)?,? [0-9]{{4}}"
    rf"|(?:the )?[0-9]{{1,2}}(?:st|[nr]d|th)?(?: of)? (?:{_MONTH})\.?,? [0-9]{{4}}"
)
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})\D*([0-9]{4})\Z")
_SPAN = r"(?P<count>an?|one|[0-9]{1,6}) (?P<unit>day|week|month|year)s?"
_WHAT_DATE = (
    r"(?:(?:what(?: is|['\u2019]s| will be| was)?|calculate|compute|find|give me)(?: the)? date"
    r"(?: is| was| will be| will it be| comes| falls)? |what is |what['\u2019]s )?(?:that is )?"
)
_BETWEEN = re.compile(
    r"(?:how many (?P<unit>days|weeks) (?:are |is )?(?:there |lie |elapsed |passed )?"
    r"|(?:what is|what['\u2019]s|calculate|compute|find|count) the (?:number of (?P<unit2>days|weeks)"
    r"|difference in (?P<unit3>days|weeks)) )"
    rf"(?:(?P<either>between) (?P<a>{_DATE}) and (?P<b>{_DATE})"
    rf"|from (?P<c>{_DATE}) (?:to|until|till) (?P<d>{_DATE}))",
    re.IGNORECASE,
)
_AWAY = re.compile(
    rf"(?:{_WHAT_DATE}{_SPAN} (?P<way>after|from|before|prior to) (?P<date>{_DATE}))", re.IGNORECASE
)
_ADD = re.compile(
    rf"(?P<way>add|subtract) {_SPAN} (?:to|from) (?:the date )?(?P<date>{_DATE})", re.IGNORECASE
)
_SIGNED = re.compile(
    rf"{_WHAT_DATE}(?:what is |what['\u2019]s |calculate |compute )?(?P<date>{_DATE})"
    rf" (?P<way>\+|-|\u2212|plus|minus) {_SPAN}",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(
    r"(?:(?:on )?(?:what|which) (?:day of the week|week ?day|day) (?:is|was|will be|does|did|will|falls on)"
    rf"(?: it(?: on)?)? (?P<date>(?:{_DATE}))(?: fall(?: on)?| be| land on| on)?"
    r"|(?:what is|what['\u2019]s|find|give me|calculate|determine)? ?(?:the )?(?:day of the week|week ?day)"
    rf" (?:of|for|on) (?P<date2>{_DATE}))",
    re.IGNORECASE,
)
_LEAP = re.compile(
    r"(?:is|was|will)(?: the year)? (?P<year>[0-9]{4})(?: be)? a leap[- ]year", re.IGNORECASE
)
_LENGTH = re.compile(
    r"how many days (?:are (?:there )?in|were (?:there )?in|is in|in|does|did)"
    rf" (?:(?:the month of )?(?P<month>{_MONTH}),? (?:of )?)?(?:the year )?(?P<year>[0-9]{{4}})"
    r"(?: have)?",
    re.IGNORECASE,
)
_LATER = frozenset(("after", "from", "add", "+", "plus"))
_GATE = re.compile(r"[0-9]{4}")


def reckon_dates(text: str) -> str | None:
    """Answer what the prompt asks about dates it names itself.

    Returns:
        A date, weekday, count or Yes/No; None where there is any doubt.

    Example:
        >>> reckon_dates("How many days are between 2024-01-01 and 2024-03-01?")
        '60 days'
        >>> reckon_dates("What day of the week is 2024-02-29?")
        'Thursday'
    """
    if len(text) > MAX_CHARS or not _GATE.search(text):
        return None
    asked = one_line(bare(text)).rstrip("?. ")
    for pattern, reckon in _KNOWN:
        if found := pattern.fullmatch(asked):
            return reckon(found)
    return None


def _between(found: re.Match[str]) -> str | None:
    first, last = _date(found["a"] or found["c"]), _date(found["b"] or found["d"])
    if first is None or last is None or (last < first and not found["either"]):
        return None
    days = abs((last - first).days)
    if (found["unit"] or found["unit2"] or found["unit3"]).lower() == "days":
        return _counted(days, "day")
    return None if days % 7 else _counted(days // 7, "week")


def _away(found: re.Match[str]) -> str | None:
    start = _date(found["date"])
    if start is None:
        return None
    count = 1 if found["count"].lower() in ("a", "an", "one") else int(found["count"])
    signed = count if found["way"].lower() in _LATER else -count
    unit = found["unit"].lower()
    if unit in ("month", "year"):
        end = _months_away(start, signed * (12 if unit == "year" else 1))
    else:
        end = _days_away(start, signed * (7 if unit == "week" else 1))
    return None if end is None else end.isoformat()


def _days_away(start: date, days: int) -> date | None:
    ordinal = start.toordinal() + days
    if not date(FIRST_YEAR, 1, 1).toordinal() <= ordinal <= date.max.toordinal():
        return None
    return start + timedelta(days=days)


def _months_away(start: date, months: int) -> date | None:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if start.day > _LAST_SAFE_DAY or not FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    return start.replace(year=year, month=month + 1)


def _weekday(found: re.Match[str]) -> str | None:
    day = _date(found["date"] or found["date2"])
    return None if day is None else calendar.day_name[day.weekday()]


def _leap(found: re.Match[str]) -> str | None:
    year = int(found["year"])
    if year < FIRST_YEAR:
        return None
    return "Yes" if calendar.isleap(year) else "No"


def _length(found: re.Match[str]) -> str | None:
    year = int(found["year"])
    if year < FIRST_YEAR:
        return None
    if found["month"]:
        return _counted(calendar.monthrange(year, _MONTHS[found["month"].lower()])[1], "day")
    return _counted(366 if calendar.isleap(year) else 365, "day")


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _date(written: str) -> date | None:
    """Read a date in one of the forms; None where the calendar has no such day."""
    iso = _ISO.fullmatch(written)
    if iso:
        year, month, day = map(int, iso.groups())
    else:
        name = next(word for word in re.findall(r"[a-z]+", written.lower()) if word in _MONTHS)
        parts = _YEAR_LAST.search(written)
        if parts is None:
            return None
        day, year, month = int(parts[1]), int(parts[2]), _MONTHS[name]
    if year < FIRST_YEAR or not 1 <= month <= 12:  # noqa: PLR2004 - a year's months
        return None
    return date(year, month, day) if 1 <= day <= calendar.monthrange(year, month)[1] else None


_KNOWN = (
    (_BETWEEN, _between),
    (_AWAY, _away),
    (_ADD, _away),
    (_SIGNED, _away),
    (_WEEKDAY, _weekday),
    (_LEAP, _leap),
    (_LENGTH, _length),
)
