"""Which models there are: the `[[models.tierN]]` tables ⇄ a frozen registry, and what a call costs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Annotated

from pydantic import Field, ValidationError

from streams.events.envelope import Label, Part

TIERS = (1, 2, 3, 4)
"""The tiers that have models; tier 0 answers without one."""

CHARS_PER_TOKEN = 4
TYPICAL_OUTPUT_TOKENS = 200
"""Output tokens assumed of an answer before it is known."""

RESERVED = "shared"
"""No model's name: the learned part that all models share has it."""

_MTOK = Decimal(1_000_000)
_KEY = "tier"

Price = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class ModelSpec(Part):
    """One model: what it is called, its tier, its prices and what it can do.

    `typical_cost_usd` is the mean price of a task where that is known from experience; an unknown
    price is None. `latency_s` is that of a typical answer.
    """

    name: Label
    provider: Label
    tier: Annotated[int, Field(ge=1, le=4)]
    input_usd_per_mtok: Price | None = None
    output_usd_per_mtok: Price | None = None
    typical_cost_usd: Price | None = None
    max_tokens: Annotated[int, Field(ge=1)] = 4096
    capabilities: tuple[Label, ...] = ()
    context_tokens: Annotated[int, Field(ge=1)] = 128_000
    latency_s: Annotated[float, Field(ge=0)] = 1.0

    def expected_cost_usd(self, chars: int, max_output_tokens: int | None = None) -> Decimal | None:
        """What a task of this size will likely cost.

        Args:
            chars: Length of prompt and context.
            max_output_tokens: The task's own bound on the answer.

        Returns:
            Dollars by list price, else the typical cost of a task, else None: unknown.

        Example:
            >>> spec = ModelSpec(
            ...     name="m", provider="p", tier=1, input_usd_per_mtok=1, output_usd_per_mtok=5
            ... )
            >>> spec.expected_cost_usd(4000)
            Decimal('0.002')
        """
        if self.input_usd_per_mtok is None or self.output_usd_per_mtok is None:
            return self.typical_cost_usd
        answer = min(TYPICAL_OUTPUT_TOKENS, self.max_tokens, max_output_tokens or self.max_tokens)
        asked = tokens(chars)
        return (asked * self.input_usd_per_mtok + answer * self.output_usd_per_mtok) / _MTOK


@dataclass(frozen=True)
class Registry:
    """All models, by tier and name; equal registries decide equally."""

    models: tuple[ModelSpec, ...]

    @cached_property
    def by_name(self) -> Mapping[str, ModelSpec]:
        """Models by name."""
        return {model.name: model for model in self.models}

    def in_tier(self, tier: int) -> tuple[ModelSpec, ...]:
        """The models of one tier, by name."""
        return tuple(model for model in self.models if model.tier == tier)


def tokens(chars: int) -> int:
    """Tokens of a text of so many characters, a quarter of it and at least one."""
    return max(1, chars // CHARS_PER_TOKEN)


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
    groups = tables.get("models")
    if not isinstance(groups, Mapping):
        raise ValueError("models: a table with tier1 to tier4 is wanted")  # noqa: TRY004
    known = {f"{_KEY}{tier}": tier for tier in TIERS}
    found: list[ModelSpec] = []
    for key, entries in groups.items():
        if key not in known:
            raise ValueError(f"models.{key}: not one of {', '.join(known)}")
        if not isinstance(entries, list | tuple):
            raise ValueError(f"models.{key}: write [[models.{key}]], a list of tables")  # noqa: TRY004
        found += (_spec(entry, known[key], f"models.{key}[{n}]") for n, entry in enumerate(entries))
    return register(found)


def _spec(entry: object, tier: int, where: str) -> ModelSpec:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: a table is wanted")  # noqa: TRY004 (settings are values)
    allowed = ModelSpec.model_fields.keys() - {"tier"}
    for field in entry:
        if field not in allowed:
            raise ValueError(f"{where}.{field}: unknown; known are {', '.join(sorted(allowed))}")
    try:
        return ModelSpec.model_validate({**entry, "tier": tier})
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        path = ".".join(str(at) for at in problems[0]["loc"])
        raise ValueError(f"{where}.{path}: {problems[0]['msg']}") from None


def to_tables(registry: Registry) -> dict[str, dict[str, list[dict[str, object]]]]:
    """The form that `parse` reads; unknown prices are left out."""
    tables: dict[str, list[dict[str, object]]] = {}
    for model in registry.models:
        entry = model.model_dump(exclude={"tier"}, exclude_none=True)
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
