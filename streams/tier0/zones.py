"""Time zones: "What is 2024-07-01 15:00 UTC in New York?", "Convert the Unix timestamp 0 to UTC".

Zones are IANA names (`Europe/Berlin`), their last part as people write it (`New York`), UTC, GMT,
`Z` and offsets (`+05:30`). Rules are those of the `tzdata` package that the lock names, not of the
machine, so that all workers agree. Years 1970 to 2037.

Answer: date and time in the form of the prompt (`2024-07-01 11:00`, `2024-07-01 4:30 PM`, with a `T`
or seconds where it has them); a timestamp as a number; a timestamp's moment as
`2023-11-14T22:13:20Z`, or without the `Z` and with a space where it is asked for in a zone.

In doubt, and so not answered: a time without its date, unless both zones never change; a local time
that a change of clocks skips or repeats; abbreviations (`EST`, `BST`, `CST`); dates such as 01/02/2024.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from streams.tier0.asking import bare, one_line

MAX_CHARS = 200
_FIRST_YEAR, _LAST_YEAR = 1970, 2037
_NOON = 12

_ZONE = r"(?:the )?(?P<{0}>utc|gmt|z|[a-z]+/[a-z_/+-]+[0-9]*|(?:utc|gmt)?[+-][0-9]{{2}}:?[0-9]{{2}}|[a-z]+(?:[ _-][a-z]+){{0,3}}?)(?: (?:local )?time)?(?: ?zone)?"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{1,2}(?::[0-9]{2}(?::[0-9]{2})?)?(?: ?[ap]\.?m\.?)?"
_WHEN = rf"(?:(?P<day>{_DAY})(?P<gap>T|,? (?:at )?))?(?P<time>{_TIME})"
_ON = rf"(?:,? on (?P<on>{_DAY}))?"
_REQUEST = re.compile(
    rf"(?:(?:convert|change|translate) (?:the time )?{_WHEN}{_ON}(?P<g1> (?:from )?(?:in )?| ?){_ZONE.format('source')}{_ON.replace('on>', 'on2>')} (?:to|into|in) {_ZONE.format('target')}{_ON.replace('on>', 'on3>')}"
    rf"|(?:if|when) it(?: is|['\u2019]s) {_WHEN.replace('day>', 'day4>').replace('gap>', 'gap4>').replace('time>', 'time4>')}(?P<g4> (?:in )?| ?){_ZONE.format('source4')},? what time is it in {_ZONE.format('target4')}"
    rf"|what(?: time)? is {_WHEN.replace('day>', 'day2>').replace('gap>', 'gap2>').replace('time>', 'time2>')}{_ON.replace('on>', 'on4>')}(?P<g2> (?:in )?| ?){_ZONE.format('source2')}{_ON.replace('on>', 'on5>')} in {_ZONE.format('target2')}{_ON.replace('on>', 'on6>')})",
    re.IGNORECASE,
)
_FROM_STAMP = re.compile(
    rf"(?:convert|what is|what(?: date| time| date and time)? is)(?: the)? (?:unix|epoch)(?: time)?(?: ?stamp)? (?P<stamp>[0-9]{{1,10}})"
    rf"(?: (?:to|in|as)(?: a)? {_ZONE.format('zone')}(?: date and time| date)?)",
    re.IGNORECASE,
)
_TO_STAMP = re.compile(
    rf"(?:what is|convert|give me)(?: the)?(?: (?:unix|epoch)(?: time)?(?: ?stamp)? (?:of|for))? (?P<day>{_DAY})(?:T| )(?P<time>[0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}})?) ?(?P<zone>utc|gmt|z|[+-][0-9]{{2}}:?[0-9]{{2}})"
    r"(?P<asked> (?:to|as|in)(?: a)?(?: the)? (?:unix|epoch)(?: time)?(?: ?stamp)?)?",
    re.IGNORECASE,
)
_OFFSET = re.compile(r"(?:utc|gmt)?([+-])([0-9]{2}):?([0-9]{2})")
_CLOCK = re.compile(
    r"([0-9]{1,2})(?::([0-9]{2}))?(?::([0-9]{2}))?( ?)(?:([ap])\.?m\.?)?", re.IGNORECASE
)
_GROUPS = ("Brazil/", "Canada/", "Chile/", "Mexico/", "US/")
"""Here last parts name no place: `Canada/Eastern`, `Mexico/General`."""
_TOLD_TWICE = (
    "georgia",
    "jersey",
    "san juan",
    "louisville",
    "vincennes",
    "petersburg",
    "knox",
    "center",
)
"""Last parts of zones that are more often another place's name."""


def convert_time(text: str) -> str | None:
    """Tell the time that the prompt names in the zone that it asks for.

    Returns:
        Date and time, or a timestamp; None where zone, moment or request leave a doubt.

    Example:
        >>> convert_time("What is 2024-07-01 15:00 UTC in New York?")
        '2024-07-01 11:00'
        >>> convert_time("What is the Unix timestamp of 2023-11-14T22:13:20Z?")
        '1700000000'
    """
    if len(text) > MAX_CHARS or not any(char.isdigit() for char in text):
        return None
    asked = one_line(bare(text)).rstrip("?. ")
    if found := _REQUEST.fullmatch(asked):
        return _told(found)
    if found := _FROM_STAMP.fullmatch(asked):
        return _moment(int(found["stamp"]), found["zone"])
    found = _TO_STAMP.fullmatch(asked)
    return _stamp(found) if found else None


def _told(found: re.Match[str]) -> str | None:
    second = "" if found["time"] else "2" if found["time2"] else "4"
    source, target = known_zone(found[f"source{second}"]), known_zone(found[f"target{second}"])
    days = [
        found[name]
        for name in ("day", "day4", "on", "on2", "on3", "day2", "on4", "on5", "on6")
        if found[name]
    ]
    clock = _clock(found[f"time{second}"])
    if source is None or target is None or clock is None or len(days) > 1:
        return None
    fixed = isinstance(source, timezone) and isinstance(target, timezone)
    if not days and not fixed:
        return None
    day = _day(days[0]) if days else date(2000, 6, 15)
    local = None if day is None else _only(datetime.combine(day, clock), source)
    if local is None:
        return None
    there = local.astimezone(target)
    if not days and there.date() != day:
        return None  # the day before, or the next one, of a day that was not named
    written = _written(there, found[f"time{second}"])
    if not found[f"day{second}"]:
        return written if there.date() == day else f"{there.date()} {written}"
    gap = "T" if found[f"gap{second}"].upper() == "T" else " "
    return f"{there.date()}{gap}{written}"


def _moment(stamp: int, named: str) -> str | None:
    zone = known_zone(named)
    if zone is None:
        return None
    there = datetime.fromtimestamp(stamp, UTC).astimezone(zone)
    if not _FIRST_YEAR <= there.year <= _LAST_YEAR:
        return None
    return f"{there:%Y-%m-%dT%H:%M:%SZ}" if zone is UTC else f"{there:%Y-%m-%d %H:%M:%S}"


def _stamp(found: re.Match[str]) -> str | None:
    asked = "unix" in found[0].lower() or "epoch" in found[0].lower()
    day, clock, zone = _day(found["day"]), _clock(found["time"]), known_zone(found["zone"])
    if not asked or day is None or clock is None or zone is None:
        return None
    return str(int(datetime.combine(day, clock, zone).timestamp()))


def _day(written: str) -> date | None:
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return None
    return day if _FIRST_YEAR <= day.year <= _LAST_YEAR else None


def _clock(written: str) -> time | None:
    found = _CLOCK.fullmatch(written)
    if found is None or (found[2] is None and found[5] is None):
        return None
    hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if found[5]:
        if not 1 <= hour <= _NOON:
            return None
        hour = hour % _NOON + (_NOON if found[5].lower() == "p" else 0)
    try:
        return time(hour, minute, second)
    except ValueError:
        return None


def _written(there: datetime, like: str) -> str:
    """A time of day in the form of another one."""
    found = _CLOCK.fullmatch(like)
    seconds = f":{there.second:02}" if found and (found[3] or there.second) else ""
    if found is None or not found[5]:
        return f"{there.hour:02}:{there.minute:02}{seconds}"
    half = "AM" if there.hour < _NOON else "PM"
    return f"{(there.hour - 1) % _NOON + 1}:{there.minute:02}{seconds} {half}"


def _only(local: datetime, zone: ZoneInfo | timezone) -> datetime | None:
    """A local time in its zone; None where a change of clocks skips or repeats it."""
    first, again = local.replace(tzinfo=zone, fold=0), local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != again.utcoffset():
        return None
    return first


def known_zone(named: str) -> ZoneInfo | timezone | None:
    """Find a zone by its name; None where there is none, or more than one place of that name."""
    name = one_line(named).lower()
    if name in ("utc", "gmt", "z"):
        return UTC
    if offset := _OFFSET.fullmatch(name):
        span = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        if span > timedelta(hours=14):
            return None
        return timezone(-span if offset[1] == "-" else span)
    key = _KEYS.get(name.replace(" ", "_"))
    return None if key is None else _zone(key)


def _keys() -> dict[str, str]:
    """Every zone by its name and by its last part, in small letters."""
    listed = (files("tzdata") / "zones").read_text(encoding="utf-8").split()
    places = [key for key in listed if "/" in key and not key.startswith("Etc/")]
    keys: dict[str, str] = {}
    for key in places:
        if key.startswith(_GROUPS):
            continue
        last = key.rpartition("/")[2].lower()
        keys[last] = "" if last in keys else key
    for last in (
        name for name in list(keys) if not keys[name] or name.replace("_", " ") in _TOLD_TWICE
    ):
        del keys[last]
    return keys | {key.lower(): key for key in places}


@lru_cache(maxsize=700)
def _zone(key: str) -> ZoneInfo:
    with (files("tzdata") / "zoneinfo" / key).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=key)


_KEYS = _keys()
