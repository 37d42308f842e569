"""Skills of installed packages: found, loaded, held to their time, and refused where they misbehave."""

import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.clock import SystemClock
from streams.skills import LATE_IN_A_ROW, REFUSALS, SkillError, Timer, Watched, load
from streams.telemetry import Counters
from streams.tier0.answer import ANSWER_CHARS, SKILL_S, Answer, Skill
from tests.fakes import ManualClock

MODULE = """
import re

def shout(text):
    return "HEY" if text == "Say hey" else None

def run_away(text):
    while text == "spin":
        pass
    return "out" if text == "fine" else None

NOT_A_SKILL = 7
"""


class Installed:
    """A folder that is searched for packages as site-packages is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def offer(self, package: str, **points: str) -> None:
        """Install a package with these entry points."""
        (self.folder / f"{package}.py").write_text(MODULE)
        metadata = self.folder / f"{package}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        )
        lines = [f"{name} = {value}" for name, value in points.items()]
        (metadata / "entry_points.txt").write_text("\n".join(["[tierflow.skills]", *lines]))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    monkeypatch.syspath_prepend(str(tmp_path))
    return Installed(tmp_path)


@pytest.fixture(autouse=True)
def handler_is_put_back() -> Iterator[None]:
    before = signal.getsignal(signal.SIGVTALRM)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


def watched(
    skill: Skill, clock: ManualClock | SystemClock | None = None
) -> tuple[Watched, Counters]:
    counters = Counters()
    return Watched("theirs", skill, clock or ManualClock(), counters, Timer()), counters


def refusals(counters: Counters) -> dict[str, float]:
    return {labels[1]: amount for labels, amount in counters.counted[REFUSALS].items()}


def test_a_package_adds_a_skill(installed: Installed) -> None:
    installed.offer("kennel_one", bark="kennel_one:shout")
    answer = load((), ManualClock(), Counters())
    assert answer("Say hey") == Answer("bark", "HEY")
    assert answer("2 + 2 =") == Answer("arithmetic", "4")
    assert answer("Say more") is None


def test_a_skill_can_be_turned_off_ours_or_theirs(installed: Installed) -> None:
    installed.offer("kennel_two", bark="kennel_two:shout")
    answer = load(("bark", "arithmetic"), ManualClock(), Counters())
    assert answer("Say hey") is answer("2 + 2 =") is None
    assert answer("Convert 1 km to m") == Answer("units", "1000 m")


def test_a_name_that_no_skill_has_can_not_be_turned_off() -> None:
    with pytest.raises(SkillError, match="no skill sums; skills are arithmetic"):
        load(("sums",), ManualClock(), Counters())


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("kennel_three:nothing", "can't be loaded: AttributeError"),
        ("no_such_module:skill", "can't be loaded: ModuleNotFoundError"),
        ("kennel_three:NOT_A_SKILL", "is no function"),
    ],
)
def test_a_skill_that_can_not_be_loaded_is_named(
    installed: Installed, value: str, says: str
) -> None:
    installed.offer("kennel_three", bark=value)
    with pytest.raises(SkillError, match=f"skill 'bark' .* {says}"):
        load((), ManualClock(), Counters())
    assert load(("bark",), ManualClock(), Counters())("Say hey") is None


def test_a_name_is_taken_once(installed: Installed) -> None:
    installed.offer("kennel_four", units="kennel_four:shout")
    with pytest.raises(SkillError, match="two skills are named 'units'"):
        load((), ManualClock(), Counters())
    with pytest.raises(SkillError, match="two skills are named 'units'"):
        load(("units",), ManualClock(), Counters())


def test_two_packages_can_not_share_a_name(installed: Installed) -> None:
    installed.offer("kennel_five", bark="kennel_five:shout")
    installed.offer("kennel_six", bark="kennel_six:shout")
    with pytest.raises(SkillError, match="two skills are named 'bark'"):
        load((), ManualClock(), Counters())


def test_an_answer_that_comes_late_is_dropped_and_counted() -> None:
    clock = ManualClock()

    def slow(text: str) -> str:
        clock.move(SKILL_S * 1.5 if text == "slow" else SKILL_S / 2)
        return "answer"

    skill, counters = watched(slow, clock)
    assert skill("slow") is None
    assert skill("quick") == "answer"
    assert refusals(counters) == {"late": 1}


def test_a_skill_that_is_always_late_is_not_asked_again() -> None:
    clock, asked = ManualClock(), []

    def slow(text: str) -> str:
        asked.append(text)
        clock.move(0 if text == "quick" else 1)
        return "answer"

    skill, counters = watched(slow, clock)
    for _ in range(LATE_IN_A_ROW - 1):
        skill("slow")
    assert skill("quick") == "answer"
    for _ in range(LATE_IN_A_ROW + 5):
        assert skill("slow") is None
    assert skill("quick") is None
    assert len(asked) == 2 * LATE_IN_A_ROW
    assert refusals(counters) == {"late": 2 * LATE_IN_A_ROW - 1, "suspended": 1}


def test_what_is_no_answer_is_counted() -> None:
    answers = {"bytes": b"x", "empty": "", "long": "x" * (ANSWER_CHARS + 1)}

    def odd(text: str) -> str | None:
        if text == "raise":
            raise KeyError(text)
        return answers.get(text)  # type: ignore[return-value]

    skill, counters = watched(odd)
    assert [skill(text) for text in ("bytes", "empty", "long", "raise", "none")] == [None] * 5
    assert refusals(counters) == {"no_text": 2, "too_long": 1, "raised": 1}


@pytest.mark.timeout(20)
def test_a_skill_that_never_ends_is_stopped(installed: Installed) -> None:
    installed.offer("kennel_seven", spinner="kennel_seven:run_away")
    counters = Counters()
    answer = load((), SystemClock(), counters)
    assert answer("spin") is None
    assert answer("fine") == Answer("spinner", "out")
    assert refusals(counters) == {"stopped": 1}


@pytest.mark.timeout(20)
def test_a_regular_expression_that_runs_away_is_stopped() -> None:
    skill, counters = watched(lambda text: re.sub(r"(a+)+b", "", text), SystemClock())
    assert skill("a" * 40) is None
    assert refusals(counters) == {"stopped": 1}


@pytest.mark.timeout(20)
def test_a_skill_that_swallows_the_stop_is_stopped_again() -> None:
    def stubborn(text: str) -> str:
        for _ in range(2):
            try:
                while text:
                    pass
            except BaseException:  # noqa: BLE001, S112 (what is tried)
                continue
        return "answer"

    skill, counters = watched(stubborn, SystemClock())
    assert skill("spin") is None
    assert refusals(counters) == {"late": 1}


def test_in_another_thread_a_skill_is_timed_and_not_stopped() -> None:
    skill, counters = watched(lambda text: text.upper())
    found: list[str | None] = []
    thread = threading.Thread(target=lambda: found.append(skill("hey")))
    thread.start()
    thread.join()
    assert found == ["HEY"]
    assert refusals(counters) == {}


@pytest.mark.timeout(30)
def test_a_stop_never_leaves_the_skill_that_it_was_meant_for() -> None:
    clock = SystemClock()

    def busy(text: str) -> str:
        until_s = clock.monotonic_s() + float(text)
        while clock.monotonic_s() < until_s:
            pass
        return "answer"

    for turn in range(60):
        skill, counters = watched(busy, clock)
        skill(str(SKILL_S * (0.5 + turn / 60)))  # about when the timer ends
        busy("0.003")
        assert sum(refusals(counters).values()) <= 1
