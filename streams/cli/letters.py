"""Dead letters as facts for programs, as rows and lines for people."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streams.kafka.letters import Letter, Sent

COLUMNS = ("buried at", "letter", "reason", "stage", "from", "key", "redriven", "detail")
WIDTHS = {"key": 40, "detail": 60}


def fact_of(letter: "Letter", sent: "set[Sent]") -> dict[str, Any]:
    """One letter for a program, without its value."""
    record, origin = letter.record, letter.origin
    return {
        "letter": letter.place,
        "buried_at": record.at,
        "reason": letter.reason,
        "stage": letter.stage,
        "detail": letter.detail,
        "topic": origin.topic if origin else None,
        "partition": origin.partition if origin else None,
        "offset": origin.offset if origin else None,
        "key": None if record.key is None else record.key.decode("utf-8", "replace"),
        "bytes": len(record.value or b""),
        "redrive": letter.next_redrive - 1,
        "redriven": letter.sent in sent,
    }


def table(facts: Sequence[dict[str, Any]]) -> list[str]:
    """Letters for people: as wide as what is in it."""
    rows = [COLUMNS, *(_row(fact) for fact in facts)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(COLUMNS))]
    return [
        "  ".join(t.ljust(w) for t, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _row(fact: dict[str, Any]) -> tuple[str, ...]:
    cells = {
        "buried at": f"{fact['buried_at']:%Y-%m-%d %H:%M:%SZ}",
        "from": f"{fact['topic'] or 'unknown'}/{fact['partition']}/{fact['offset']}",
        "redriven": "yes" if fact["redriven"] else "no",
    }
    found = (plain(cells.get(name, fact.get(name)) or "-") for name in COLUMNS)
    return tuple(
        text if len(text) <= (most := WIDTHS.get(name, 300)) else f"{text[: most - 1]}…"
        for name, text in zip(COLUMNS, found, strict=True)
    )


def whole_of(letter: "Letter") -> dict[str, Any]:
    """Headers and value; what is no UTF-8 is base64."""
    value = letter.record.value
    headers = {name: said.decode("utf-8", "replace") for name, said in letter.record.headers}
    try:
        text = None if value is None else value.decode()
    except UnicodeDecodeError:
        return {"headers": headers, "value_base64": base64.b64encode(value or b"").decode()}
    return {"headers": headers, "value": text}


def lines_of(fact: dict[str, Any]) -> list[str]:
    """One letter for people, whole."""
    rows = [(k, v) for k, v in fact.items() if k not in ("headers", "value", "value_base64")]
    said = {**dict(rows), "buried_at": f"{fact['buried_at']:%Y-%m-%d %H:%M:%S.%fZ}"}
    said["redriven"] = "yes" if fact["redriven"] else "no"
    head = [f"{name:10} {plain('-' if v is None else str(v))}" for name, v in said.items()]
    theirs = [f"  {plain(name)}: {plain(said)}" for name, said in fact["headers"].items()]
    value = fact.get("value", fact.get("value_base64"))
    value = "" if value is None else "\n".join(plain(line) for line in value.splitlines())
    return [*head, "headers", *theirs, "value", value]


def plain(text: str) -> str:
    """Without what would steer a terminal: whoever publishes writes what is shown here."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
