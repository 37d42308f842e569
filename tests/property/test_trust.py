from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.learning.trust import ANSWERS, VOICES, Agreement, Trust, Voice
from tests.chance import share

USER, TEST = Voice("acme", "user"), Voice("acme", "test")
OTHER = Voice("other", "user")
SHARES = st.floats(0, 1)
SCORED = st.tuples(
    st.sampled_from([USER, TEST, OTHER, Voice("other", "judge"), Voice("acme", "validator")]),
    st.integers(0, 12).map(str),
    SHARES,
    st.none() | SHARES,
)


def right(n: int) -> float:
    """Whether an answer is really good: seven of ten are."""
    return float(share("right", n) < 0.7)


def said(voice: Voice, n: int, inverted: float) -> float:
    """What a voice says of it, a share of the time the opposite."""
    return abs(right(n) - float(share("inverts", voice, n) < inverted))


def judged(trust: Trust, voice: Voice, inverted: float, answers: Iterable[int]) -> float:
    """The weight of a voice after its answers were tested too."""
    for n in answers:
        trust.hear(voice, str(n), said(voice, n, inverted), None)
        trust.hear(TEST, str(n), right(n), None)
    return trust.weight(voice)


@given(st.lists(SCORED, max_size=60))
def test_a_weight_is_a_share_and_a_trusted_source_has_all_of_it(
    scored: list[tuple[Voice, str, float, float | None]],
) -> None:
    trust = Trust()
    for voice, answer, score, predicted in scored:
        weight = trust.hear(voice, answer, score, predicted)
        assert 0 <= weight <= 1
        assert weight == 1 or voice.source not in ("test", "validator")


@given(st.lists(SCORED, max_size=60))
def test_a_record_goes_on_where_it_was(
    scored: list[tuple[Voice, str, float, float | None]],
) -> None:
    trust = Trust()
    for voice, answer, score, predicted in scored:
        trust.hear(voice, answer, score, predicted)
    again = Trust(trust.records())
    assert again.records() == trust.records()
    for voice, weight in trust.weights().items():
        assert again.weight(voice) == pytest.approx(weight, abs=1e-6)


@given(st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=30))
def test_concordance_does_not_ask_who_is_who(pairs: list[tuple[float, float]]) -> None:
    one, other = Agreement(), Agreement()
    for a, b in pairs:
        one.add(a, b)
        other.add(b, a)
    assert one.concordance() == pytest.approx(other.concordance(), abs=1e-6)
    assert -1 <= one.concordance() <= 1


@given(st.permutations([(USER, 0.2), (TEST, 1.0), (OTHER, 0.9)]))
def test_it_does_not_matter_who_judges_an_answer_first(order: list[tuple[Voice, float]]) -> None:
    trust = Trust()
    for voice, score in order:
        trust.hear(voice, "answer", score, None)
    for voice, score in order:
        if voice != TEST:
            alone = Trust()
            alone.hear(voice, "answer", score, None)
            alone.hear(TEST, "answer", 1.0, None)
            assert trust.weight(voice) == alone.weight(voice)


def test_who_agrees_with_the_tests_keeps_its_weight() -> None:
    assert judged(Trust(), USER, 0.0, range(200)) == pytest.approx(1.0)


def test_who_says_the_opposite_teaches_nothing() -> None:
    assert judged(Trust(), USER, 1.0, range(40)) == 0.0


def test_the_more_is_inverted_the_less_it_weighs() -> None:
    weights = [judged(Trust(), USER, share / 10, range(600)) for share in range(6)]
    assert weights == sorted(weights, reverse=True)
    assert weights[3] == pytest.approx((1 - 2 * 0.3) ** 2, abs=0.08)
    assert weights[5] < 0.02


def test_praise_for_everything_tells_nothing() -> None:
    trust = Trust()
    for n in range(200):
        trust.hear(USER, str(n), 1.0, None)
        trust.hear(TEST, str(n), right(n), None)
    assert trust.weight(USER) < 0.01


def test_one_tenants_inversions_cost_another_nothing() -> None:
    trust = Trust()
    judged(trust, USER, 0.3, range(300))
    assert judged(trust, OTHER, 0.0, range(1000, 1300)) == pytest.approx(1.0)
    assert trust.weight(USER) < 0.3
    assert trust.weight(Voice("new", "user")) == 1.0


def test_a_voice_that_mends_is_believed_again() -> None:
    trust = Trust()
    assert judged(trust, USER, 1.0, range(300)) == 0.0
    assert judged(trust, USER, 0.0, range(300, 9000)) > 0.9


def predicted_of(n: int) -> float:
    """A prediction that knows something of it, and not much."""
    return 0.7 + 0.15 * (right(n) - 0.7) + 0.2 * (share("guess", n) - 0.5)


def test_without_tests_a_voice_against_all_others_weighs_less() -> None:
    trust = Trust()
    voices = [Voice(f"tenant-{n}", "user") for n in range(8)]
    for n in range(6000):
        voice = voices[n % len(voices)]
        inverted = 1.0 if voice is voices[0] else 0.3 if voice is voices[1] else 0.0
        trust.hear(voice, str(n), said(voice, n, inverted), predicted_of(n))
    honest = [trust.weight(voice) for voice in voices[2:]]
    assert min(honest) > 0.7
    assert trust.weight(voices[0]) < 0.05
    assert trust.weight(voices[1]) < min(honest)


def test_who_is_foreseen_exactly_is_no_measure_of_the_others() -> None:
    """A flood that is judged just as it was predicted, beside ordinary voices."""
    trust = Trust()
    voices = [Voice(f"tenant-{n}", "user") for n in range(2)]
    for n in range(4000):
        trust.hear(Voice("mallory", "user"), f"m{n}", float(n % 2), 0.3 + 0.4 * (n % 2))
        voice = voices[n % len(voices)]
        trust.hear(voice, str(n), said(voice, n, 0.0), predicted_of(n))
    assert min(trust.weight(voice) for voice in voices) > 0.7


def test_a_test_says_more_than_all_predictions() -> None:
    trust = Trust()
    for n in range(2000):
        trust.hear(OTHER, f"o{n}", said(OTHER, n, 0.0), predicted_of(n))
        trust.hear(USER, str(n), said(USER, n, 0.0), 1 - predicted_of(n))
    before = trust.weight(USER)
    assert before < 0.05
    assert judged(trust, USER, 0.0, range(5000, 5300)) > 0.9


def test_the_second_word_on_an_answer_is_not_counted() -> None:
    trust = Trust()
    trust.hear(TEST, "a", 1.0, None)
    trust.hear(USER, "a", 1.0, None)
    before = trust.records()
    trust.hear(USER, "a", 0.0, None)
    assert trust.records() == before


def test_what_is_kept_is_bounded() -> None:
    trust = Trust()
    for n in range(VOICES + 50):
        voice = Voice(f"t{n}", "user")
        trust.hear(voice, str(n), 0.5, 0.5)
        trust.hear(voice, f"{n}-{ANSWERS}", 0.5, None)
    assert len(trust.records()) == VOICES
    assert trust.records()[-1].tenant == f"t{VOICES + 49}"
    assert len(trust._waiting) == ANSWERS
