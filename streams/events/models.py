"""Models as a registry names them, and the record that changes one while workers run."""

import enum
from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from streams.events.envelope import Event, Label, Part

CHARS_PER_TOKEN = 4
TYPICAL_OUTPUT_TOKENS = 200
"""Output tokens assumed of an answer before it is known."""

IDLE_S = 300.0
"""Local servers unload a model that was not called for so long; Ollama's `keep_alive`."""

VISION = "vision"
"""The capability of a model that takes images."""

_MTOK = Decimal(1_000_000)

Dollars = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
Seconds = Annotated[float, Field(ge=0, le=86_400)]


class ModelSpec(Part):
    """One model: what it is called, its tier, its prices and what it can do.

    `served_as` is its name at the provider, where that is another; `api_key_env` names the
    variable of a key of its own. `typical_cost_usd` is the mean price of a task where that is
    known from experience; an unknown price is None. `latency_s` is that of a typical answer,
    `cold_start_s` what the first call takes longer after `idle_s` without one. A `cold` model has
    yet to show what it is worth.
    """

    name: Label
    provider: Label
    tier: Annotated[int, Field(ge=1, le=4)]
    served_as: Label | None = None
    api_key_env: Variable | None = None
    input_usd_per_mtok: Dollars | None = None
    output_usd_per_mtok: Dollars | None = None
    cached_input_usd_per_mtok: Dollars | None = None
    typical_cost_usd: Dollars | None = None
    max_tokens: Annotated[int, Field(ge=1)] = 4096
    capabilities: tuple[Label, ...] = ()
    context_tokens: Annotated[int, Field(ge=1)] = 128_000
    latency_s: Annotated[float, Field(ge=0)] = 1.0
    cold_start_s: Seconds = 0.0
    idle_s: Annotated[float, Field(gt=0, le=86_400 * 30)] = IDLE_S
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    cold: bool = False

    @property
    def at_provider(self) -> str:
        """What the provider calls it."""
        return self.served_as or self.name

    def expected_cost_usd(self, chars: int, max_output_tokens: int | None = None) -> Decimal | None:
        """What a task of this size will likely cost.

        Args:
            chars: Length of prompt and context.
            max_output_tokens: The task's own bound on the answer.

        Returns:
            Dollars by price, else the typical cost of a task, else None: unknown.

        Example:
            >>> spec = ModelSpec(
            ...     name="m", provider="p", tier=1, input_usd_per_mtok=1, output_usd_per_mtok=5
            ... )
            >>> spec.expected_cost_usd(4000)
            Decimal('0.002')
        """
        if self.input_usd_per_mtok is None or self.output_usd_per_mtok is None:
            return self.typical_cost_usd
        prices = self.input_usd_per_mtok, self.output_usd_per_mtok
        return self.typically(*prices, chars, max_output_tokens)

    def typically(
        self, reads: Decimal, writes: Decimal, chars: int, max_output_tokens: int | None
    ) -> Decimal:
        """What a typical answer costs at these dollars a million tokens in and out."""
        answer = min(TYPICAL_OUTPUT_TOKENS, self.max_tokens, max_output_tokens or self.max_tokens)
        return (tokens(chars) * reads + answer * writes) / _MTOK


def tokens(chars: int) -> int:
    """Tokens of a text of so many characters, a quarter of it and at least one."""
    return max(1, chars // CHARS_PER_TOKEN)


class ModelStatus(enum.StrEnum):
    """Whether a model may be given tasks."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    REMOVED = "removed"


class Model(Event):
    """What an operator last said of one model; the newest record of a name is in force.

    Without a `spec` the model is as the settings' file has it.
    """

    TYPE: ClassVar[str] = "tierflow.model.v1"

    name: Label
    status: ModelStatus
    spec: ModelSpec | None
    changed_by: str
    at: datetime
