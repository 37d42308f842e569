import math
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import pytest
from river.drift import ADWIN

from streams.ids import draw
from streams.learning.drift import COST, FORGET, FORGET_LESSONS, QUALITY, Rule, Watch


def alarms(rule: Rule, residuals: Iterable[float]) -> list[int]:
    watch = Watch()
    return [n for n, residual in enumerate(residuals) if watch.test(rule, residual)]


def right_or_wrong(
    quality: float, lessons: range, seed: str, expected: float = 0.8
) -> Iterator[float]:
    """Scores of 0 or 1, less what is expected."""
    for n in lessons:
        yield float(draw(seed, f"t{n}", "score") < quality) - expected


def judged(quality: float, lessons: range, seed: str, expected: float = 0.8) -> Iterator[float]:
    """A judge's rewards, scattered by about .1 around the quality."""
    for n in lessons:
        scatter = sum(draw(seed, f"t{n}", f"score {k}") for k in range(12)) - 6
        yield min(max(quality + 0.1 * scatter, 0.0), 1.0) - expected


@pytest.mark.parametrize("scores", [right_or_wrong, judged])
def test_a_model_as_good_as_expected_raises_almost_no_alarm(
    scores: Callable[..., Iterator[float]],
) -> None:
    raised = sum(len(alarms(QUALITY, scores(0.8, range(1000), f"s{n}"))) for n in range(5))
    assert raised <= 1


def test_a_model_that_became_worse_by_a_quarter_is_noticed_soon() -> None:
    for scores, most in ((right_or_wrong, 90), (judged, 15)):
        delays = []
        for n in range(9):
            stream = [*scores(0.8, range(300), f"s{n}"), *scores(0.6, range(300, 700), f"s{n}")]
            delays.append(next(at for at in alarms(QUALITY, stream) if at >= 300) - 300)
        assert sorted(delays)[4] <= most


def test_it_notices_sooner_than_adwin() -> None:
    """River's ADWIN at its own significance, looking at every lesson."""
    sooner = 0
    for n in range(5):
        stream = [*judged(0.8, range(300), f"s{n}"), *judged(0.6, range(300, 500), f"s{n}")]
        adwin, theirs = ADWIN(clock=1), list[int]()
        for at, residual in enumerate(stream):
            adwin.update(residual)
            theirs += [at] if adwin.drift_detected else []
        ours = [at for at in alarms(QUALITY, stream) if at >= 300]
        sooner += ours[0] < min((at for at in theirs if at >= 300), default=10_000)
    assert sooner == 5


def test_two_failures_in_a_row_of_a_model_that_seldom_fails_are_no_change() -> None:
    for n in range(10):
        fails = (draw(f"s{n}", f"t{k}", "fails") < 0.05 for k in range(1_000))
        assert alarms(QUALITY, [(0.2 if failed else 0.97) - 0.93 for failed in fails]) == []


def test_becoming_better_is_a_change_too() -> None:
    stream = [*judged(0.6, range(200), "s", 0.6), *judged(0.8, range(200, 300), "s", 0.6)]
    assert next(at for at in alarms(QUALITY, stream) if at >= 200) < 220


def test_no_alarm_comes_early_nor_soon_after_another() -> None:
    raised = alarms(QUALITY, [0.5] * 400)
    assert raised[0] == QUALITY.first
    assert all(later - one > QUALITY.apart for one, later in pairwise(raised))


def test_scores_that_hardly_scatter_do_not_cry_at_a_trifle() -> None:
    assert alarms(QUALITY, [0.0] * 200 + [0.03] * 200) == []


def test_forgetting_is_quick_for_a_while_after_an_alarm() -> None:
    watch = Watch()
    assert watch.forget == 1.0
    while not watch.test(QUALITY, -0.4):
        assert watch.forget == 1.0
    kept = []
    for _ in range(FORGET_LESSONS + 5):
        kept.append(watch.forget)
        watch.test(QUALITY, 0.0)
    assert kept == [FORGET] * FORGET_LESSONS + [1.0] * 5


def test_a_price_divided_by_ten_is_noticed_after_a_few_bills_and_a_long_answer_is_not() -> None:
    scattered = [0.6 * math.sin(n * 2.4) for n in range(40)]
    cut = [at for at in alarms(COST, scattered + [-2.3] * 5) if at >= 40]
    assert cut[0] - 40 <= 2
    assert alarms(COST, [*scattered, 2.3, *scattered]) == []
