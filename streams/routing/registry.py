"""Which models there are: the `[[models.tierN]]` tables ⇄ a frozen registry, and what a call costs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from pydantic import TypeAdapter, ValidationError

from streams.events.models import TYPICAL_OUTPUT_TOKENS, Dollars, ModelSpec, tokens

__all__ = [
    "RESERVED", "TIERS", "TYPICAL_OUTPUT_TOKENS", "ModelSpec", "Registry", "entries_of", "parse",
    "rank", "register", "spec_of", "to_tables", "tokens", "write_toml",
]  # fmt: skip

TIERS = (1, 2, 3, 4)
"""The tiers that have models; tier 0 answers without one."""

RESERVED = "shared"
"""No model's name: the learned part that all models share has it."""

PER_1K = "cost_per_1k"
"""Dollars a thousand tokens, the same in both directions: a short form, read and never written."""

PLAIN = (
    "input_usd_per_mtok", "output_usd_per_mtok", "typical_cost_usd", "max_tokens", "capabilities",
    "context_tokens", "latency_s",
)  # fmt: skip
"""Fields that are written even where they are at their default."""

_KEY = "tier"
_THOUSANDS = 1000
_dollars: TypeAdapter[Decimal] = TypeAdapter(Dollars)


@dataclass(frozen=True)
class Registry:
    """All models, by tier and name; equal registries decide equally.

    `retired` are those that take no task any more: what they once cost is still known.
    """

    models: tuple[ModelSpec, ...]
    retired: tuple[ModelSpec, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, ModelSpec]:
        """Models by name."""
        return {model.name: model for model in self.models}

    @cached_property
    def known(self) -> Mapping[str, ModelSpec]:
        """Models by name, the retired ones too."""
        return {model.name: model for model in (*self.retired, *self.models)}

    @cached_property
    def narrowest_tokens(self) -> int:
        """What fits into the context of every model."""
        return min((model.context_tokens for model in self.models), default=0)

    def in_tier(self, tier: int) -> tuple[ModelSpec, ...]:
        """The models of one tier, by name."""
        return tuple(model for model in self.models if model.tier == tier)


def register(models: Iterable[ModelSpec]) -> Registry:
    """Put models in order, tier first, then name.

    Raises:
        ValueError: There are none, two have one name, or one is called `shared`.
    """
    ordered = tuple(sorted(models, key=lambda model: (model.tier, model.name)))
    if not ordered:
        raise ValueError("models: at least one model is wanted")
    names = [model.name for model in ordered]
    if RESERVED in names:
        raise ValueError(f"models: {RESERVED!r} is kept for what all models share")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"models: {name!r} is named more than once")
    return Registry(ordered)


def parse(tables: Mapping[str, object]) -> Registry:
    """Read the TOML form: lists of tables `models.tier1` … `models.tier4`.

    Raises:
        ValueError: A field is missing, wrong or unknown; the message names it.

    Example:
        >>> parse({"models": {"tier2": [{"name": "m", "provider": "p"}]}}).models[0].tier
        2
    """
    return register(spec_of(entry, tier, where) for where, tier, entry in entries_of(tables))


def entries_of(tables: Mapping[str, object]) -> list[tuple[str, int, Mapping[str, object]]]:
    """Each model's place, tier and fields, as they are written.

    Raises:
        ValueError: There is no such table, or it isn't a list of tables.
    """
    groups = tables.get("models")
    if not isinstance(groups, Mapping):
        raise ValueError("models: a table with tier1 to tier4 is wanted")  # noqa: TRY004
    known = {f"{_KEY}{tier}": tier for tier in TIERS}
    found: list[tuple[str, int, Mapping[str, object]]] = []
    for key, entries in groups.items():
        if key not in known:
            raise ValueError(f"models.{key}: not one of {', '.join(known)}")
        if not isinstance(entries, list | tuple):
            raise ValueError(f"models.{key}: write [[models.{key}]], a list of tables")  # noqa: TRY004
        for number, entry in enumerate(entries):
            where = f"models.{key}[{number}]"
            if not isinstance(entry, Mapping):
                raise ValueError(f"{where}: a table is wanted")  # noqa: TRY004 (settings are values)
            found.append((where, known[key], entry))
    return found


def spec_of(entry: Mapping[str, object], tier: int, where: str) -> ModelSpec:
    """One model from its fields as they are written.

    Args:
        entry: Fields by name; `cost_per_1k` may stand for both prices.
        tier: Its tier.
        where: Goes before the field's name in messages.

    Raises:
        ValueError: A field is missing, wrong or unknown.
    """
    allowed = {*ModelSpec.model_fields, PER_1K} - {"tier"}
    for field in entry:
        if field not in allowed:
            raise ValueError(f"{where}.{field}: unknown; known are {', '.join(sorted(allowed))}")
    try:
        return ModelSpec.model_validate({**_priced(entry, where), "tier": tier})
    except ValidationError as error:
        raise ValueError(_named(error, where)) from None


def _priced(entry: Mapping[str, object], where: str) -> dict[str, object]:
    """The fields with `cost_per_1k` as the two prices that it stands for."""
    fields = dict(entry)
    if PER_1K not in fields:
        return fields
    both = [name for name in ("input_usd_per_mtok", "output_usd_per_mtok") if name in fields]
    if both:
        raise ValueError(f"{where}.{PER_1K}: set it or {both[0]}, not both")
    try:
        per_mtok = _dollars.validate_python(fields.pop(PER_1K)) * _THOUSANDS
    except ValidationError as error:
        raise ValueError(_named(error, f"{where}.{PER_1K}")) from None
    return {**fields, "input_usd_per_mtok": per_mtok, "output_usd_per_mtok": per_mtok}


def _named(error: ValidationError, where: str) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    path = ".".join((where, *(str(at) for at in problem["loc"])))
    return f"{path}: {problem['msg']}"


def to_tables(registry: Registry) -> dict[str, dict[str, list[dict[str, object]]]]:
    """The form that `parse` reads; what is unknown, or unsaid and at its default, is left out."""
    tables: dict[str, list[dict[str, object]]] = {}
    for model in registry.models:
        said = model.model_dump(exclude={"tier"}, exclude_defaults=True)
        fields = model.model_dump(exclude={"tier"}, exclude_none=True)
        entry = {name: value for name, value in fields.items() if name in said or name in PLAIN}
        tables.setdefault(f"{_KEY}{model.tier}", []).append(entry)
    return {"models": tables}


def write_toml(registry: Registry) -> str:
    """A `--models` file's text; read with `parse_float=Decimal` it gives an equal registry."""
    blocks = []
    for key, entries in to_tables(registry)["models"].items():
        for entry in entries:
            lines = (f"{field} = {_toml(value)}" for field, value in entry.items())
            blocks.append("\n".join((f"[[models.{key}]]", *lines)))
    return "\n\n".join(blocks) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        plain = f"{value:f}"
        return plain if "." in plain else f"{plain}.0"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return str(value)


def rank(mean_costs: Mapping[str, Decimal]) -> dict[str, int]:
    """Tiers for models of which only the mean recorded cost is known.

    Args:
        mean_costs: Mean dollars a task, by model.

    Returns:
        Tier 1 + floor(4 r / n) for the model of rank r among n, cheapest first, ties by name.

    Example:
        >>> rank({"large": Decimal(3), "small": Decimal(1)})
        {'small': 1, 'large': 3}
    """
    ranked = sorted(mean_costs, key=lambda name: (mean_costs[name], name))
    return {name: 1 + len(TIERS) * r // len(ranked) for r, name in enumerate(ranked)}
