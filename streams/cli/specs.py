"""Models as `tierflow models` shows and changes them: pure."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from streams.cli.advice import dollars_of
from streams.cli.answers import NotFoundError, UsageError
from streams.events.models import Model, ModelSpec, ModelStatus
from streams.routing.registry import PER_1K, spec_of
from streams.routing.roster import ListPriced

if TYPE_CHECKING:
    from streams.routing.decide import View
    from streams.routing.roster import Entry, Roster

PRICES = ("input_usd_per_mtok", "output_usd_per_mtok")


def facts_of(view: "View", roster: "Roster") -> list[dict[str, Any]]:
    """Every model and how it stands, by tier and name.

    Args:
        view: What is in force, with what was learned.
        roster: The view's.
    """
    entries = sorted(roster.entries(), key=lambda entry: (entry.spec.tier, entry.spec.name))
    based = {spec.name for spec in roster.base}
    return [
        _fact(entry, view, roster.records.get(entry.spec.name))
        for entry in entries
        if entry.status is not ModelStatus.REMOVED or entry.spec.name in based
    ]


def _fact(entry: "Entry", view: "View", record: Model | None) -> dict[str, Any]:
    spec, part = entry.spec, view.quality.parts.get(entry.spec.name)
    in_force = view.registry.by_name.get(spec.name)
    listed = in_force if isinstance(in_force, ListPriced) else None
    return {
        "name": spec.name,
        "tier": spec.tier,
        "provider": spec.provider,
        "state": entry.status.value,
        "source": "topic" if entry.told else "file",
        "cold": spec.cold,
        "admitted": in_force is not None and not in_force.cold,
        "lessons": part.part_lessons if part else 0,
        "mean_score": part.mean_score if part else None,
        **spec.model_dump(exclude={"name", "tier", "provider", "cold"}),
        "listed_input_usd_per_mtok": listed.listed_input if listed else None,
        "listed_output_usd_per_mtok": listed.listed_output if listed else None,
        "changed_by": record.changed_by if record else None,
        "changed_at": record.at if record else None,
    }


def lines_of(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """The facts for a person: a line a model."""
    head = ("tier", "model", "provider", "in / out $ per Mtok", "state", "source", "lessons")
    rows = [head, *(_row(fact) for fact in facts)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _row(fact: Mapping[str, Any]) -> tuple[str, ...]:
    state = fact["state"]
    if fact["cold"] and state == ModelStatus.ENABLED:
        state += ", admitted" if fact["admitted"] else ", cold"
    judged = f"{fact['lessons']}"
    if fact["mean_score"] is not None:
        judged += f", mean {fact['mean_score']:.2f}"
    return (
        str(fact["tier"]), fact["name"], fact["provider"], prices_of(fact), state, fact["source"],
        judged,
    )  # fmt: skip


def prices_of(fact: Mapping[str, Any]) -> str:
    """What a model costs, for people."""
    asked, answered = (fact[name] for name in PRICES)
    if asked is not None and answered is not None:
        return f"{_plain(asked)} / {_plain(answered)}"
    if fact["listed_input_usd_per_mtok"] is not None:
        listed = (_plain(fact[f"listed_{name}"]) for name in PRICES)
        return f"{' / '.join(listed)} (list)"
    typical: Decimal | None = fact["typical_cost_usd"]
    return "unknown" if typical is None else f"{dollars_of(typical)} a task"


def added(
    roster: "Roster", entries: Iterable[tuple[str, int, Mapping[str, object]]], *, warm: bool,
    by: str, at: datetime,
) -> list[Model]:  # fmt: skip
    """Records that register new models.

    Args:
        roster: What there is.
        entries: Place, tier and fields of each, as they are written.
        warm: Whether they are trusted at once; else each begins cold unless it says otherwise.
        by: Who says so.
        at: When.

    Raises:
        UsageError: A field is wrong, or there is such a model already.
    """
    known = {entry.spec.name: entry.status for entry in roster.entries()}
    found: list[Model] = []
    for where, tier, fields in entries:
        cold = {"cold": False} if warm else {"cold": fields.get("cold", True)}
        spec = _read({**fields, **cold}, tier, where)
        if known.get(spec.name, ModelStatus.REMOVED) is not ModelStatus.REMOVED:
            said = f"{where}: {spec.name!r} is registered already, and {known[spec.name].value}"
            raise UsageError(f"{said}: `tierflow models update {spec.name}` changes it")
        known[spec.name] = ModelStatus.ENABLED
        found.append(_record(roster, where, spec.name, ModelStatus.ENABLED, spec, by=by, at=at))
    return found


def updated(
    roster: "Roster", entries: Iterable[tuple[str, int | None, Mapping[str, object]]], *, by: str,
    at: datetime,
) -> list[Model]:  # fmt: skip
    """Records that change models; a field that isn't named stays as it is.

    Raises:
        NotFoundError: There is no such model.
        UsageError: A field is wrong.
    """
    found = []
    for where, tier, fields in entries:
        if "name" not in fields:
            raise UsageError(f"{where}.name: which model is meant?")
        entry = _known(roster, str(fields["name"]))
        if tier in (None, entry.spec.tier) and fields.keys() == {"name"}:
            raise UsageError(f"{where}: nothing is to be changed; name a field, such as latency_s")
        kept = entry.spec.model_dump(exclude={"tier"}, exclude_none=True)
        if PER_1K in fields:
            kept = {name: value for name, value in kept.items() if name not in PRICES}
        spec = _read({**kept, **fields}, entry.spec.tier if tier is None else tier, where)
        found.append(_record(roster, where, spec.name, entry.status, spec, by=by, at=at))
    return found


def turned(
    roster: "Roster", names: Iterable[str], status: ModelStatus, *, by: str, at: datetime
) -> list[Model]:
    """Records that disable, enable or remove models.

    A model that was removed and that the settings still name can be enabled: as they have it.

    Raises:
        NotFoundError: There is no such model.
        UsageError: It can't be enabled.
    """
    found = []
    for name in names:
        entry = _known(roster, name, removed=status is ModelStatus.ENABLED)
        anew = entry.status is ModelStatus.REMOVED
        spec = entry.spec if entry.told and not anew else None
        found.append(_record(roster, name, name, status, spec, by=by, at=at))
    return found


def changes(before: "Entry | None", after: "Entry | None") -> dict[str, tuple[object, object]]:
    """What a record changed: by field, the value before and after."""
    old = {} if before is None else {"state": before.status.value, **before.spec.model_dump()}
    new = {} if after is None else {"state": after.status.value, **after.spec.model_dump()}
    return {
        name: (old.get(name), new.get(name))
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    }


def entry_in(roster: "Roster", name: str) -> "Entry | None":
    """A model as the roster has it, also if it was removed; None: it was never there."""
    return next((entry for entry in roster.entries() if entry.spec.name == name), None)


def line_of(
    before: "Entry | None", after: "Entry | None", changed: Mapping[str, tuple[object, object]]
) -> str:
    """What a record changed, for people.

    Args:
        before: The model as it was; None: it was not there.
        after: As it is now.
        changed: By field, what `changes` found.
    """
    entry = after or before
    name = "" if entry is None else entry.spec.name
    if after is not None and (before is None or before.status is ModelStatus.REMOVED):
        said = after.spec.model_dump(exclude_defaults=True, exclude={"name"})
        fields = ", ".join(f"{field} {_told(value)}" for field, value in said.items())
        return f"{name}: {after.status.value}, {fields}"
    if not changed:
        return f"{name}: nothing changed{'' if after is None else f', it is {after.status.value}'}"
    moved = (f"{field} {_told(was)} → {_told(now)}" for field, (was, now) in changed.items())
    return f"{name}: {', '.join(moved)}"


def _told(value: object) -> str:
    if isinstance(value, tuple | list):
        return "/".join(str(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _plain(value) if isinstance(value, Decimal) else "none" if value is None else str(value)


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _read(fields: Mapping[str, object], tier: int, where: str) -> ModelSpec:
    try:
        return spec_of(fields, tier, where)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _known(roster: "Roster", name: str, *, removed: bool = False) -> "Entry":
    entries = {entry.spec.name: entry for entry in roster.entries()}
    entry = entries.get(name)
    based = name in {spec.name for spec in roster.base}
    if entry is not None and (entry.status is not ModelStatus.REMOVED or (removed and based)):
        return entry
    near = difflib.get_close_matches(name, entries, n=3, cutoff=0.4)
    hint = f"; near it: {', '.join(near)}" if near else ""
    raise NotFoundError(f"model {name!r} is not registered{hint}: `tierflow models list` shows all")


def _record(
    roster: "Roster", where: str, name: str, status: ModelStatus, spec: ModelSpec | None, *,
    by: str, at: datetime,
) -> Model:  # fmt: skip
    record = Model(name=name, status=status, spec=spec, changed_by=by, at=at)
    try:
        roster.with_record(record)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from None
    return record
