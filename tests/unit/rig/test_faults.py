import pytest
from pydantic import ValidationError

from streams.rig.faults import REFUSALS, Fate, Fault, Kind, fate, scripted, with_fault
from streams.rig.simulated import latency_s

CALLS = [f"call-{n}" for n in range(4000)]


def test_a_fault_strikes_its_share_of_calls_and_the_same_ones_again() -> None:
    fault = Fault(kind=Kind.CUT, share=0.25)
    struck = [fault.strikes("m", call) for call in CALLS]
    assert sum(struck) == pytest.approx(1000, abs=120)
    assert [fault.strikes("m", call) for call in CALLS] == struck


def test_a_fault_of_one_model_spares_the_others() -> None:
    fault = Fault(model="m", kind=Kind.EMPTY)
    assert fault.strikes("m", "call-1")
    assert not fault.strikes("n", "call-1")


def test_two_faults_of_the_same_share_strike_different_calls() -> None:
    one, two = Fault(kind=Kind.CUT, share=0.5), Fault(kind=Kind.EMPTY, share=0.5)
    both = sum(one.strikes("m", call) and two.strikes("m", call) for call in CALLS)
    assert both == pytest.approx(1000, abs=150)


def test_a_slow_call_may_fail_too_and_the_first_fault_wins() -> None:
    slow = Fault(kind=Kind.SLOW, seconds=(2.0, 2.0))
    faults = (slow, Fault(kind=Kind.OVERLOADED), Fault(kind=Kind.CUT))
    assert fate(faults, model="m", call_id="c") == Fate(2.0, Kind.OVERLOADED)
    assert fate((), model="m", call_id="c") == Fate(None, None)


def test_every_slowness_goes_with_a_fault_and_a_limit_is_none() -> None:
    kinds = (Kind.SLOW_FIRST, Kind.SLOW_TOKENS)
    slow = [Fault(kind=kind, seconds=(n, n)) for n, kind in enumerate(kinds, start=1)]
    limit = Fault(kind=Kind.LIMIT, per_minute=6)
    drawn = fate((limit, *slow, Fault(kind=Kind.HUGE, size_bytes=7)), model="m", call_id="c")
    assert drawn == Fate(None, Kind.HUGE, 1.0, 2.0)
    assert drawn.by is not None
    assert drawn.by.size_bytes == 7


def test_slow_calls_take_what_was_asked_for() -> None:
    fault = Fault(kind=Kind.SLOW, seconds=(0.05, 2.0))
    taken = [fault.slow_s(call) for call in CALLS]
    assert min(taken) >= 0.05
    assert max(taken) <= 2.0
    assert sum(taken) / len(taken) == pytest.approx(1.025, abs=0.05)


def test_a_fault_replaces_the_one_of_its_model_and_kind() -> None:
    faults = with_fault({}, Fault(kind=Kind.CUT, share=0.1))
    faults = with_fault(faults, Fault(kind=Kind.CUT, share=0.9))
    faults = with_fault(faults, Fault(model="m", kind=Kind.CUT, share=0.5))
    assert [fault.share for fault in faults.values()] == [0.9, 0.5]


@pytest.mark.parametrize(
    "body",
    [
        '{"kind": "slow"}',
        '{"kind": "slow", "seconds": [2, 1]}',
        '{"kind": "slow", "seconds": [1]}',
        '{"kind": "502"}',
        '{"kind": "slow_first"}',
        '{"kind": "slow_tokens"}',
        '{"kind": "limit"}',
        '{"kind": "limit", "per_minute": 0}',
        '{"kind": "cut", "share": 1.5}',
        "[]",
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(body: str) -> None:
    with pytest.raises(ValidationError):
        Fault.model_validate_json(body)


def test_the_script_refuses_its_share_of_tasks_in_every_way() -> None:
    refused = [scripted(task, 0.05) for task in CALLS]
    kinds = {kind for kind in refused if kind is not None}
    assert sum(kind is not None for kind in refused) == pytest.approx(200, abs=50)
    assert kinds == set(REFUSALS)


def test_latency_grows_by_ten_milliseconds_a_token_and_is_spread_around_its_mean() -> None:
    taken = [latency_s(100, call) for call in CALLS]
    assert sum(taken) / len(taken) == pytest.approx(1.2, rel=0.02)
    assert min(taken) >= 0.9
    assert max(taken) <= 1.5
    assert latency_s(None, "call-1") == latency_s(200, "call-1")
