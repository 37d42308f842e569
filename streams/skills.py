"""Teams' own tier-0 skills: found among the installed packages, loaded at the door, held to 5 ms.

A package offers a skill as an entry point in the group `tierflow.skills`; its name is the skill's.
Ours bound their own work. Of a stranger's nothing is known, so it is watched: while it runs, a timer
of this process's CPU time interrupts it (in the main thread, where workers run their loop), and an
answer that came later than 5 ms of wall time is dropped. Whatever goes wrong is counted, and the
task goes up a tier.
"""

import logging
import signal
import threading
from collections.abc import Collection
from importlib.metadata import EntryPoint, entry_points
from types import FrameType

from streams.clock import Clock
from streams.telemetry import Counters
from streams.tier0.answer import ANSWER_CHARS, SKILL_S, SKILLS, Answering, Known, Skill, answering

logger = logging.getLogger(__name__)

GROUP = "tierflow.skills"
REFUSALS = "tierflow.skill.refusals"
LATE_IN_A_ROW = 10
"""So many late answers one after the other, and a skill isn't asked again by this process."""


class SkillError(ValueError):
    """A skill that can't be loaded, or a name that no skill has; the message says what to do."""


class _Stopped(BaseException):
    """A skill has used up its time; no `Exception`, so that it doesn't catch this as its own."""


class Timer:
    """Interrupts the main thread after some CPU time; elsewhere, and on Windows, it does nothing.

    Virtual time counts while this process computes, so a busy machine stops nobody; Linux looks at
    it once a tick, 1 to 10 ms.
    """

    def __init__(self) -> None:
        self._running = False
        self.works = (
            hasattr(signal, "SIGVTALRM") and threading.current_thread() is threading.main_thread()
        )
        if self.works:
            signal.signal(signal.SIGVTALRM, self._stop)

    def ask(self, skill: Skill, text: str) -> object:
        """Ask a skill, and stop it when its time is up.

        Raises:
            _Stopped: It was stopped.
        """
        if not self.works or threading.current_thread() is not threading.main_thread():
            return skill(text)
        self._running = True
        signal.setitimer(signal.ITIMER_VIRTUAL, SKILL_S, SKILL_S)  # again, if the skill swallows it
        try:
            return skill(text)
        finally:
            self._running = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def _stop(self, _: int, frame: FrameType | None) -> None:
        """Raise within the skill alone: never where `ask` itself is putting the timer off."""
        if self._running and frame is not None and frame.f_code is not Timer.ask.__code__:
            raise _Stopped


class Watched:
    """A stranger's skill: asked, timed, and refused where it does what no skill may.

    Args:
        name: The skill's.
        skill: A function from a prompt to an answer or None.
        clock: Time.
        counters: Where refusals are counted.
        timer: Stops it.
    """

    def __init__(
        self, name: str, skill: Skill, clock: Clock, counters: Counters, timer: Timer
    ) -> None:
        self.name, self.skill = name, skill
        self.clock, self.counters, self.timer = clock, counters, timer
        self.late = 0

    def __call__(self, text: str) -> str | None:
        """The skill's answer; None where it has none, or none that counts."""
        if self.late >= LATE_IN_A_ROW:
            return None
        begun_s = self.clock.monotonic_s()
        try:
            output = self.timer.ask(self.skill, text)
        except _Stopped:
            return self._overrun("stopped")
        except Exception as error:  # noqa: BLE001 (a stranger's may raise anything)
            logger.warning("skill %s raised %s", self.name, type(error).__name__)
            return self._refused("raised")
        if self.clock.monotonic_s() - begun_s > SKILL_S:
            return self._overrun("late")
        self.late = 0
        if output is None or (isinstance(output, str) and 0 < len(output) <= ANSWER_CHARS):
            return output
        return self._refused("too_long" if isinstance(output, str) and output else "no_text")

    def _overrun(self, reason: str) -> str | None:
        self.late += 1
        if self.late == LATE_IN_A_ROW:
            logger.error(
                "skill %s needed more than %.0f ms %d times in a row: it is not asked again until a restart",
                self.name, SKILL_S * 1000, self.late,
            )  # fmt: skip
            self._refused("suspended")
        return self._refused(reason)

    def _refused(self, reason: str) -> str | None:
        self.counters.add(REFUSALS, 1, self.name, reason)
        return None


def load(off: Collection[str], clock: Clock, counters: Counters) -> Answering:
    """Bind our skills and those of the installed packages, ours first.

    Args:
        off: Names of skills that are not asked.
        clock: Time.
        counters: Where refusals are counted.

    Raises:
        SkillError: As `installed`.
    """
    found = installed(off)
    if not found and not off:
        return answering()
    theirs: list[Known] = []
    if found:
        timer = Timer()
        logger.info("skills of other packages: %s", ", ".join(found))
        theirs = [
            Known(name, Watched(name, skill, clock, counters, timer))
            for name, skill in found.items()
        ]
    return answering((*(known for known in SKILLS if known.name not in off), *theirs))


def installed(off: Collection[str]) -> dict[str, Skill]:
    """Load the skills of the installed packages, by name and in its order.

    Raises:
        SkillError: An entry point can't be loaded or takes a name twice; `off` names no skill.
    """
    found = sorted(set(entry_points(group=GROUP)), key=lambda point: (point.name, point.value))
    ours, names = {known.name for known in SKILLS}, [point.name for point in found]
    for name in names:
        if name in ours or names.count(name) > 1:
            raise SkillError(f"two skills are named {name!r}: rename the one of your package")
    if unknown := sorted(set(off) - ours - set(names)):
        there = ", ".join(sorted(ours | set(names)))
        raise SkillError(f"tier0.off: no skill {', '.join(unknown)}; skills are {there}")
    return {point.name: _loaded(point) for point in found if point.name not in off}


def _loaded(point: EntryPoint) -> Skill:
    where = f"skill {point.name!r} ({point.value})"
    try:
        skill = point.load()
    except Exception as error:
        raise SkillError(
            f"{where} can't be loaded: {type(error).__name__}: {error}; mend or uninstall its "
            f"package, or leave it out with tier0.off"
        ) from error
    if not callable(skill):
        raise SkillError(f"{where} is no function from a prompt to an answer or None")
    answer: Skill = skill
    return answer
