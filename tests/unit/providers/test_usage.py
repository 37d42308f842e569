"""Usage as each vendor writes it, and what is billed of it."""

from decimal import Decimal
from typing import Any

import pytest

from streams.events.outcome import Usage
from streams.providers import (
    anthropic_messages,
    gemini_usage,
    ollama_chat,
    openai_chat,
    openai_responses,
    replicate_predictions,
)

READERS = (
    anthropic_messages.usage_of,
    gemini_usage.usage_of,
    ollama_chat.usage_of,
    openai_chat.usage_of,
    openai_responses.usage_of,
    replicate_predictions.usage_of,
)

OPENAI_CHAT: dict[str, Any] = {
    "prompt_tokens": 2006,
    "completion_tokens": 300,
    "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 5, "cache_write_tokens": 64},
    "completion_tokens_details": {
        "reasoning_tokens": 192,
        "audio_tokens": 7,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}


def test_openai_chat_tells_parts_of_input_and_output() -> None:
    assert openai_chat.usage_of(OPENAI_CHAT) == Usage(
        input_tokens=2006,
        output_tokens=300,
        cached_input_tokens=1920,
        cache_write_5m_tokens=64,
        input_audio_tokens=5,
        reasoning_tokens=192,
        output_audio_tokens=7,
    )


@pytest.mark.parametrize("tier", ["flex", "priority", "batch"])
def test_the_service_tier_stands_beside_the_usage(tier: str) -> None:
    assert openai_chat.usage_of({"service_tier": tier, "usage": OPENAI_CHAT}).service_tier == tier
    assert openai_responses.usage_of({"service_tier": tier, "usage": {}}).service_tier == tier


@pytest.mark.parametrize("tier", ["default", "auto", "scale", "on_demand", "standard", 7, None])
def test_a_service_tier_of_no_own_price_is_none(tier: object) -> None:
    assert openai_chat.usage_of({"service_tier": tier, "usage": OPENAI_CHAT}).service_tier is None


def test_reasoning_that_a_host_counts_apart_is_output_all_the_same() -> None:
    grok = {
        "prompt_tokens": 37,
        "completion_tokens": 530,
        "total_tokens": 800,
        "completion_tokens_details": {"reasoning_tokens": 233},
    }
    sonar = {"prompt_tokens": 33, "completion_tokens": 71, "total_tokens": 104}
    gemini = {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 40}
    assert openai_chat.usage_of(grok).output_tokens == 763
    assert openai_chat.usage_of({**sonar, "reasoning_tokens": 739}).output_tokens == 810
    assert openai_chat.usage_of(gemini).output_tokens == 32


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36},
        {"cached_tokens": 64},
        {"cache_read_input_tokens": 64},
        {"prompt_tokens_details": None, "cached_tokens": 64},
    ],
)
def test_hosts_write_cached_tokens_in_places_of_their_own(usage: dict[str, Any]) -> None:
    found = openai_chat.usage_of({"prompt_tokens": 100, "completion_tokens": 1, **usage})
    assert (found.input_tokens, found.cached_input_tokens) == (100, 64)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.95, "cost_details": {"upstream_inference_cost": None}}, "0.95"),
        (
            {"cost": 0.05, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.9}},
            "0.95",
        ),
        (
            {"cost": 0.95, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.9}},
            "0.95",
        ),
        ({"cost": {"input_tokens_cost": 0.1, "total_cost": 0.95}}, "0.95"),
        ({"cost_in_usd_ticks": 9_500_000_000}, "0.95"),
    ],
)
def test_a_cost_that_the_host_tells_is_read(usage: dict[str, Any], cost: str) -> None:
    assert openai_chat.usage_of(usage).reported_cost_usd == Decimal(cost)
    assert openai_responses.usage_of(usage).reported_cost_usd == Decimal(cost)


def test_openai_responses_tells_parts_of_input_and_output() -> None:
    usage = {
        "input_tokens": 328,
        "input_tokens_details": {"cached_tokens": 256, "cache_write_tokens": 32},
        "output_tokens": 52,
        "output_tokens_details": {"reasoning_tokens": 40},
        "total_tokens": 380,
    }
    assert openai_responses.usage_of(usage) == Usage(
        input_tokens=328,
        output_tokens=52,
        cached_input_tokens=256,
        cache_write_5m_tokens=32,
        reasoning_tokens=40,
    )


def test_anthropic_counts_cache_reads_and_writes_beside_the_input() -> None:
    usage = {
        "input_tokens": 2048,
        "cache_read_input_tokens": 1800,
        "cache_creation_input_tokens": 248,
        "cache_creation": {"ephemeral_5m_input_tokens": 148, "ephemeral_1h_input_tokens": 100},
        "output_tokens": 503,
        "output_tokens_details": {"thinking_tokens": 400},
        "service_tier": "batch",
    }
    assert anthropic_messages.usage_of({"usage": usage}) == Usage(
        input_tokens=4096,
        output_tokens=503,
        cached_input_tokens=1800,
        cache_write_5m_tokens=148,
        cache_write_1h_tokens=100,
        reasoning_tokens=400,
        service_tier="batch",
    )


def test_anthropic_writes_of_no_told_lifetime_lived_five_minutes() -> None:
    plain = {"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 50}
    apart = {"input_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 50}}
    found = anthropic_messages.usage_of(plain)
    assert (found.cache_write_5m_tokens, found.cache_write_1h_tokens) == (50, None)
    found = anthropic_messages.usage_of(apart)
    assert (found.input_tokens, found.cache_write_5m_tokens, found.cache_write_1h_tokens) == (
        51,
        0,
        50,
    )


def test_anthropic_without_a_cache_has_no_cache() -> None:
    found = anthropic_messages.usage_of({"input_tokens": 10, "output_tokens": 2})
    assert found == Usage(input_tokens=10, output_tokens=2)


def test_ollama_counts_beside_the_message() -> None:
    reply = {"message": {"content": "hi"}, "prompt_eval_count": 26, "eval_count": 298}
    assert ollama_chat.usage_of(reply) == Usage(input_tokens=26, output_tokens=298)
    assert ollama_chat.usage_of({"eval_count": 298}) == Usage(output_tokens=298)


def test_replicate_counts_tokens_among_its_metrics() -> None:
    metrics = {"input_token_count": 12, "output_token_count": 40, "predict_time": 0.75}
    usage = Usage(input_tokens=12, output_tokens=40)
    assert replicate_predictions.usage_of(metrics) == usage
    assert replicate_predictions.usage_of({"metrics": metrics}) == usage
    assert replicate_predictions.usage_of({"metrics": {"predict_time": 0.7}}) == Usage()


def test_gemini_counts_thoughts_and_tool_prompts_apart() -> None:
    usage = {
        "promptTokenCount": 1000,
        "cachedContentTokenCount": 800,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 300,
        "toolUsePromptTokenCount": 50,
        "totalTokenCount": 1370,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 900},
            {"modality": "AUDIO", "tokenCount": 100},
        ],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
        "trafficType": "ON_DEMAND",
    }
    assert gemini_usage.usage_of({"usageMetadata": usage}) == Usage(
        input_tokens=1050,
        output_tokens=320,
        cached_input_tokens=800,
        input_audio_tokens=100,
        reasoning_tokens=300,
    )


def test_gemini_leaves_an_output_of_zero_out() -> None:
    usage = {"promptTokenCount": 8, "thoughtsTokenCount": 30, "totalTokenCount": 38}
    assert gemini_usage.usage_of(usage).output_tokens == 30


@pytest.mark.parametrize("found", [None, [], "words", 7, {}, {"usage": 7}, {"metrics": []}])
def test_no_usage_is_unknown_not_zero(found: object) -> None:
    assert {repr(read(found)) for read in READERS} == {repr(Usage())}


@pytest.mark.parametrize("wrong", [-1, True, 1.5, "7", 1 << 60, None, {}])
def test_what_is_no_count_is_unknown(wrong: object) -> None:
    names = ("prompt_tokens", "input_tokens", "prompt_eval_count", "input_token_count")
    for read in READERS:
        assert read(dict.fromkeys((*names, "promptTokenCount"), wrong)) == Usage()
