from collections.abc import Iterable

from streams.ids import draw
from streams.learning.lastgood import LOOK_LESSONS, TRIAL_LESSONS, Finding, Trial


def found(differences: Iterable[float]) -> list[tuple[int, Finding]]:
    """What is decided, and after how many lessons; differences are present less kept."""
    trial, decided = Trial(), list[tuple[int, Finding]]()
    for n, difference in enumerate(differences, 1):
        finding = trial.test(0.2 + difference, 0.2)
        if finding is not Finding.GO_ON:
            decided.append((n, finding))
    return decided


def scattered(mean: float, lessons: int, seed: str) -> list[float]:
    return [mean + 0.4 * (draw(seed, f"t{n}", "loss") - 0.5) for n in range(lessons)]


def test_weights_that_went_on_well_become_the_last_good() -> None:
    assert found([-0.01] * TRIAL_LESSONS) == [(TRIAL_LESSONS, Finding.KEEP)]


def test_weights_that_got_worse_are_given_up() -> None:
    ((lessons, finding),) = found(scattered(0.1, 100, "s"))[:1]
    assert finding is Finding.GO_BACK
    assert lessons <= 4 * LOOK_LESSONS


def test_weights_that_are_no_number_are_given_up_at_the_first_look() -> None:
    assert found([float("nan")] * LOOK_LESSONS) == [(LOOK_LESSONS, Finding.GO_BACK)]


def test_chance_alone_sends_nobody_back() -> None:
    runs = [found(scattered(0.0, 1_500, f"s{n}")) for n in range(10)]
    decided = {finding for run in runs for _, finding in run}
    assert decided == {Finding.KEEP}
    assert sum(len(run) for run in runs) > 10


def test_a_trifle_sends_nobody_back_and_keeps_nothing() -> None:
    assert found([0.003] * 1_000) == []


def test_a_world_that_changed_is_no_reason_since_it_hurts_the_kept_ones_more() -> None:
    trial = Trial()
    findings = [trial.test(present=0.6 - n / 500, kept=0.6) for n in range(TRIAL_LESSONS)]
    assert findings[-1] is Finding.KEEP
    assert Finding.GO_BACK not in findings


def test_what_is_decided_begins_a_new_trial() -> None:
    decided = found([-0.01] * TRIAL_LESSONS + [0.2] * LOOK_LESSONS)
    assert decided == [
        (TRIAL_LESSONS, Finding.KEEP),
        (TRIAL_LESSONS + LOOK_LESSONS, Finding.GO_BACK),
    ]
