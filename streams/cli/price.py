"""`tierflow price`: what a call cost, from the usage that its vendor reported."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from streams.cli.answers import (
    Exit,
    Subparsers,
    UsageError,
    add_json,
    command,
    content_of,
    print_json,
    read_settings,
)

if TYPE_CHECKING:
    from streams.money.pricing import Line, Price
    from streams.providers.payload import Payload
    from streams.settings import Settings


def add(subparsers: Subparsers) -> None:
    """Add `price`."""
    parser = command(
        subparsers,
        "price",
        "Price what a vendor answered: a response, its usage object, a stream or its last event.",
        "tierflow price --provider anthropic --usage answer.json --at 2026-11-01\n"
        "curl … | tierflow price --provider openai --model gpt-4o --usage - --json",
    )
    parser.add_argument(
        "--provider", required=True, metavar="P", help="a provider of the settings, or a vendor"
    )
    parser.add_argument("--model", metavar="M", help="the model that answered (as the usage says)")
    parser.add_argument("--usage", required=True, metavar="FILE", help="- for standard input")
    parser.add_argument(
        "--at", type=moment, metavar="DATE",
        help="day, or time with zone, of the call (now)",
    )  # fmt: skip
    parser.add_argument(
        "--service-tier", metavar="T",
        help="batch, flex, priority: where the usage doesn't say how the call was processed",
    )  # fmt: skip
    add_json(parser)
    parser.set_defaults(run=run)


@dataclass(frozen=True, slots=True)
class Told:
    """A priced payload; `because` says why there is no cost."""

    provider: str
    vendor: str
    model: str
    at: datetime
    payload: "Payload"
    cost_usd: Decimal | None
    price_version: str | None
    lines: "Sequence[Line]"
    because: str | None


def run(args: argparse.Namespace) -> int:
    """Price one payload; exit 1 where its cost is unknown."""
    from streams.clock import SystemClock
    from streams.providers.payload import read_payload

    try:
        payload = read_payload(content_of("--usage", args.usage))
    except ValueError as error:
        raise UsageError(f"--usage {args.usage}: {error}") from None
    model = args.model or payload.model
    if model is None:
        raise UsageError("--model: required, the usage names none")
    told = price(
        read_settings(args), args.provider, model, payload, args.at or SystemClock().now(),
        args.service_tier,
    )  # fmt: skip
    if args.json:
        print_json(fact_of(told))
    else:
        print("\n".join(render(told)))
    if told.because is not None:
        print(f"tierflow: the cost is unknown: {told.because}", file=sys.stderr)
    return Exit.DONE if told.because is None else Exit.NO


def price(
    settings: "Settings",
    provider: str,
    model: str,
    payload: "Payload",
    at: datetime,
    service_tier: str | None = None,
) -> Told:
    """Price a payload as a worker with these settings does.

    Args:
        settings: With providers and models, or without.
        provider: One of the settings, or a vendor of the price list.
        model: Who answered.
        payload: What was read.
        at: When the call was made.
        service_tier: How it was processed, where the payload doesn't say.

    Raises:
        UsageError: The provider is neither, and the payload doesn't tell its cost itself.
    """
    from streams.money.prices import shipped
    from streams.money.pricing import bill, priced

    known = settings.providers.get(provider)
    vendor = provider if known is None else known.vendor_of(provider)
    if service_tier is not None:
        usage = payload.usage.model_copy(update={"service_tier": service_tier})
        payload = replace(payload, usage=usage)
    usage = payload.usage
    if known is None and vendor.lower() not in shipped().vendors and not usage.reported_cost_usd:
        raise UsageError(
            f"--provider: {provider!r} is no provider of the settings and no vendor; "
            f"vendors are {', '.join(sorted(shipped().vendors))}"
        )
    own, listed = _own(settings, provider, model), shipped().find(vendor, model, at)
    cost, version = priced(usage, own, listed)
    because = None
    if payload.apart and version != "provider":
        cost, because = None, f"{', '.join(payload.apart)}: billed apart, and not priced here"
    elif cost is None:
        because = _why(payload, own or listed, f"{provider} {model}", at)
    applied = own or (listed if version != "provider" else None)
    return Told(
        provider=provider,
        vendor=vendor,
        model=model,
        at=at,
        payload=payload,
        cost_usd=cost,
        price_version=version,
        lines=(bill(usage, applied) or ()) if applied is not None else (),
        because=because,
    )


def fact_of(told: Told) -> dict[str, Any]:
    """It for a program: money as decimal strings, unknown is null."""
    return {
        "provider": told.provider,
        "vendor": told.vendor,
        "model": told.model,
        "at": told.at,
        "format": told.payload.format,
        "usage": told.payload.usage.model_dump(mode="json"),
        "price_version": told.price_version,
        "cost_usd": told.cost_usd,
        "parts": [line._asdict() for line in told.lines],
        "because": told.because,
    }


def render(told: Told) -> list[str]:
    """It for a person: one line a part of the bill, then the sum."""
    version = f", prices of {told.price_version}" if told.price_version else ""
    lines = [f"{told.provider} {told.model} at {told.at:%Y-%m-%dT%H:%M:%SZ}{version}"]
    lines += [
        f"  {line.component:<15}{line.tokens:>12,} tokens at ${line.usd_per_mtok:f} a million"
        f" = ${line.usd:f}"
        for line in told.lines
    ]
    return [*lines, "cost unknown" if told.cost_usd is None else f"${_plain(told.cost_usd)}"]


def moment(text: str) -> datetime:
    """A day, which begins at midnight UTC, or a time with its zone, for argparse.

    Raises:
        argparse.ArgumentTypeError: It is neither.

    Example:
        >>> moment("2026-11-01").isoformat(), moment("2026-11-01T10:00:00+02:00").isoformat()
        ('2026-11-01T00:00:00+00:00', '2026-11-01T08:00:00+00:00')
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or (found.tzinfo is None and len(text) > len("2026-11-01")):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no day (2026-11-01) and no time with a zone (2026-11-01T08:00:00Z)"
        )
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _own(settings: "Settings", provider: str, model: str) -> "Price | None":
    """The price that the registry sets for this model of this provider."""
    from streams.agents.bill import own_price
    from streams.routing.registry import parse

    if not settings.models:
        return None
    for spec in parse({"models": settings.models}).models:
        if spec.provider == provider and model in (spec.name, spec.at_provider):
            return own_price(spec)
    return None


def _why(payload: "Payload", applied: "Price | None", asked: str, at: datetime) -> str:
    if applied is None:
        return f"no price of {asked} is known at {at:%Y-%m-%d}; set it in the registry"
    for name in ("input_tokens", "output_tokens"):
        if getattr(payload.usage, name) is None:
            return f"the usage doesn't tell the {name.replace('_', ' ')}"
    if payload.usage.service_tier is not None:
        return f"no price of {asked} processed as {payload.usage.service_tier} is known"
    return f"the usage doesn't tell all that the price of {asked} depends on"


def _plain(amount: Decimal) -> str:
    """Without zeros that say nothing, but with cents."""
    whole, _, part = f"{amount:f}".partition(".")
    return f"{whole}.{part.rstrip('0'):0<2}"
