from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from streams.events.outcome import Usage
from streams.money.magnitude import odd_price
from streams.money.prices import PriceList, shipped
from streams.money.pricing import Price, cost_usd, priced, registry_price

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def of(*models: dict[str, object], **vendor: object) -> PriceList:
    """A list of one vendor."""
    told = {"models": list(models), **vendor}
    return PriceList({"version": "2026-11-01", "source": "a test", "vendors": {"acme": told}})


def a_model(name: str, *prices: dict[str, object], **more: object) -> dict[str, object]:
    return {"id": name, "match": [["is", name]], "prices": list(prices), **more}


def read_rate(found: Price | None) -> Decimal | None:
    return None if found is None else found.input_usd_per_mtok


def test_a_price_holds_from_its_day_on_in_utc() -> None:
    prices = of(
        a_model(
            "m",
            {"input": "10", "output": "40"},
            {"from": "2025-06-10", "input": "2", "output": "8"},
        )
    )
    midnight = datetime(2025, 6, 10, tzinfo=UTC)
    assert read_rate(prices.find("acme", "m", midnight - timedelta(microseconds=1))) == 10
    assert read_rate(prices.find("acme", "m", midnight)) == 2
    east = datetime.fromisoformat("2025-06-10T01:00:00+02:00")
    assert read_rate(prices.find("acme", "m", east)) == 10


def test_a_price_holds_at_hours_of_the_day_even_over_midnight_and_on_its_days() -> None:
    prices = of(
        a_model(
            "m",
            {"input": "1", "output": "1"},
            {"hours": ["22:00", "02:00"], "days": [1], "input": "3", "output": "1"},
        )
    )
    monday = datetime(2026, 11, 2, tzinfo=UTC)
    rates = [
        read_rate(prices.find("acme", "m", monday + timedelta(hours=h))) for h in (1, 2, 22, 25)
    ]
    assert rates == [3, 1, 3, 1]


def test_the_first_model_that_fits_counts_and_one_without_prices_hides_the_next() -> None:
    prices = of(
        {"id": "picture", "match": [["is", "m-image"]]},
        {"id": "m", "match": [["starts", "m"]], "prices": [{"input": "1", "output": "1"}]},
    )
    assert prices.find("acme", "m-image", NOON) is None
    assert read_rate(prices.find("acme", "m-text", NOON)) == 1


@pytest.mark.parametrize(
    ("rules", "fits", "fails"),
    [
        ([["is", "a"]], "A", "ab"),
        ([["starts", "a"]], "ab", "ba"),
        ([["ends", "a"]], "ba", "ab"),
        ([["has", "a"]], "bab", "b"),
        ([["regex", r"^a-\d{2}$"]], "a-12", "a-123"),
        ([["all", [[["starts", "a"]], [["ends", "z"], ["ends", "y"]]]]], "a-y", "a-x"),
    ],
)
def test_names_fit_rules_whatever_their_case(rules: object, fits: str, fails: str) -> None:
    prices = of({"id": "m", "match": rules, "prices": [{"input": "1", "output": "1"}]})
    assert prices.find("Acme", fits, NOON) is not None
    assert prices.find("acme", fails, NOON) is None


def test_a_share_is_of_the_rates_it_names_and_a_rate_of_the_model_s_own_counts_over_it() -> None:
    share = {"service_tier": "batch", "share": "0.5", "from": "2026-01-01", "rates": ["input"]}
    own = {"batch": [{"from": "2026-11-02", "input": "0.4"}]}
    prices = of(
        a_model("m", {"input": ["1", 100, "2"], "output": "8"}, service_tiers=own), shares=[share]
    )
    before, then = (
        prices.find("acme", "m", NOON - timedelta(days=1)),
        prices.find("acme", "m", NOON),
    )
    assert before is not None
    assert then is not None
    shared, listed = (
        found.service_tiers["batch"] for found in (before, then) if found.service_tiers
    )
    assert shared.input_usd_per_mtok == Decimal("0.5")
    assert shared.output_usd_per_mtok == 8
    assert shared.steps[0].price.input_usd_per_mtok == 1
    assert listed.input_usd_per_mtok == Decimal("0.4")
    assert listed.steps == ()
    old = prices.find("acme", "m", datetime(2025, 1, 1, tzinfo=UTC))
    assert old is not None
    assert cost_usd(Usage(input_tokens=1, output_tokens=1, service_tier="batch"), old) is None


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("openai", "GPT-4o"),
        ("openai", "gpt-4o-20240806"),
        ("claude", "claude-opus-4-5-20251101"),
        ("google", "models/gemini-2.5-pro"),
        ("vertex", "claude-3-opus"),
        ("azure", "gpt-4o-mini-2024-07-18"),
        ("ollama", "whatever:7b"),
        ("openrouter", "openai/gpt-4o"),
    ],
)
def test_models_are_found_as_vendors_and_tools_write_them(vendor: str, model: str) -> None:
    assert shipped().find(vendor, model, NOON) is not None


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("openai", "claude-opus-4-5"),
        ("nobody", "gpt-4o"),
        ("openai", ""),
        ("openai", "gpt-image-1"),
    ],
)
def test_what_the_list_lacks_is_unknown(vendor: str, model: str) -> None:
    assert shipped().find(vendor, model, NOON) is None


def test_one_model_has_many_names() -> None:
    same = shipped().same
    assert same("openai", "gpt-4o", "gpt-4o-2024-08-06")
    assert same("anthropic", "claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022")
    assert same("nobody", "own-model", "Own-Model-2026-01-31")
    assert same("ollama", "llama3", "llama3:latest")
    assert not same("openai", "gpt-4o", "gpt-4o-2024-05-13"), "a price of its own"
    assert not same("openai", "gpt-4o", "gpt-4o-mini")
    assert not same("ollama", "llama3:8b", "llama3:70b")
    assert not same("nobody", "a", "b")


def test_the_registry_counts_over_the_provider_and_the_provider_over_the_list() -> None:
    usage = Usage(input_tokens=1_000_000, output_tokens=0, reported_cost_usd=Decimal(3))
    own, listed = registry_price(Decimal(2), Decimal(2)), Price(Decimal(1), Decimal(1), version="d")
    unsaid = usage.model_copy(update={"reported_cost_usd": None})
    assert priced(usage, own, listed) == (Decimal(2), "registry")
    assert priced(usage, None, listed) == (Decimal(3), "provider")
    assert priced(unsaid, None, listed) == (Decimal(1), "d")
    assert priced(unsaid, None, None) == (None, None)
    assert registry_price(Decimal(2), None) is None
    assert priced(usage.model_copy(update={"service_tier": "batch"}), own, listed).cost_usd == 2


def test_tokens_written_for_an_hour_have_no_guessed_price() -> None:
    usage = Usage(input_tokens=10, output_tokens=1, cache_write_1h_tokens=10)
    five = Price(Decimal(3), Decimal(15), cache_write_5m_usd_per_mtok=Decimal("3.75"))
    assert cost_usd(usage, five) is None
    assert cost_usd(usage, Price(Decimal(3), Decimal(15))) == Decimal("0.000045")


def test_cached_tokens_that_may_be_of_audio_have_no_guessed_price() -> None:
    rates = Price(
        Decimal("0.30"), Decimal("2.50"), Decimal("0.03"), input_audio_usd_per_mtok=Decimal(1),
        cached_audio_usd_per_mtok=Decimal("0.10"),
    )  # fmt: skip
    both = Usage(input_tokens=100, output_tokens=0, cached_input_tokens=50, input_audio_tokens=80)
    assert cost_usd(both, rates) is None
    assert cost_usd(both.model_copy(update={"cached_input_tokens": 0}), rates) == Decimal(
        "0.000086"
    )


@pytest.mark.parametrize(
    ("read", "written", "listed", "why"),
    [
        ("0.0025", "0.01", Price(Decimal("2.5"), Decimal(10)), "1000 times less"),
        ("2500", "10000", Price(Decimal("2.5"), Decimal(10)), "1000 times more"),
        ("0.0000025", "0.00001", None, "less than any model"),
        ("0.0025", "10", None, "less than any model"),
        ("10000", "30000", None, "more than any model"),
        ("0.01", "30", None, "not of one unit"),
        ("2.5", None, Price(Decimal(2500), Decimal(1)), "1000 times less"),
    ],
)
def test_a_price_in_another_unit_is_refused(
    read: str, written: str | None, listed: Price | None, why: str
) -> None:
    found = odd_price(Decimal(read), None if written is None else Decimal(written), listed)
    assert found is not None
    assert why in found
    assert "dollars a million tokens" in found


@pytest.mark.parametrize(
    ("read", "written", "listed"),
    [
        ("0", "0", Price(Decimal("2.5"), Decimal(10))),
        ("1.25", "5", Price(Decimal("2.5"), Decimal(10))),
        ("150", "600", None),
        ("0.005", "0.01", None),
        (None, None, None),
    ],
)
def test_discounts_and_models_of_one_s_own_are_not_odd(
    read: str | None, written: str | None, listed: Price | None
) -> None:
    amounts = [None if usd is None else Decimal(usd) for usd in (read, written)]
    assert odd_price(amounts[0], amounts[1], listed) is None
