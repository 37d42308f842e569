"""The breaker under any order of calls, ends and waits: its moves are legal, and it is never stuck."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from streams.calling.breaker import Breaker, BreakerState, Breaking, Pass, Verdict

LEGAL = {
    (BreakerState.CLOSED, BreakerState.OPEN),
    (BreakerState.OPEN, BreakerState.HALF_OPEN),
    (BreakerState.HALF_OPEN, BreakerState.OPEN),
    (BreakerState.HALF_OPEN, BreakerState.CLOSED),
}
RULES = Breaking(window_s=10.0, min_calls=6, open_s=1.0, longest_open_s=8.0, probe_s=5.0)


class Breakers(RuleBasedStateMachine):
    """One breaker; calls end in any order, late, or never."""

    passes = Bundle("passes")

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(RULES)
        self.now_s = 0.0
        self.seen = BreakerState.CLOSED
        self.probing: set[Pass] = set()
        self.opened_at_s = 0.0

    def look(self) -> BreakerState:
        """Read the state, checking that it came from the last one by legal moves."""
        state = self.breaker.state(self.now_s)
        if state is not self.seen:
            assert (self.seen, state) in LEGAL
            self.seen, self.probing = state, set()
            self.opened_at_s = self.now_s
        return state

    @rule(target=passes)
    def ask(self) -> Pass | None:
        state = self.look()
        shut = self.breaker.shut_until_s(self.now_s)
        leave = self.breaker.go(self.now_s)
        assert (leave is None) == (shut is not None)
        assert leave is None or state is not BreakerState.OPEN
        if leave is not None and state is BreakerState.HALF_OPEN:
            self.probing.add(leave)
        return leave

    @rule(leave=consumes(passes), verdict=st.sampled_from(Verdict))
    def end(self, leave: Pass | None, verdict: Verdict) -> None:
        if leave is None:
            return
        before = self.look()
        old = before is not BreakerState.CLOSED and leave not in self.probing
        self.breaker.ended(leave, verdict, self.now_s)
        self.probing.discard(leave)
        if old or verdict is Verdict.SILENT:
            assert self.breaker.state(self.now_s) is before
        self.look()

    @rule(seconds=st.floats(0.0, 4.0))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.look()

    @invariant()
    def probes_are_few(self) -> None:
        assert len(self.probing) <= RULES.probes

    @invariant()
    def it_opens_again_in_bounded_time(self) -> None:
        if self.look() is BreakerState.OPEN:
            assert 0 < self.breaker.retry_at_s - self.now_s <= RULES.longest_open_s

    @invariant()
    def whoever_waits_for_the_moment_told_is_let_in(self) -> None:
        shut = self.breaker.shut_until_s(self.now_s)
        if shut is None:
            return
        assert shut > self.now_s
        # Probes that never end make it open again: at most twice, then a call goes.
        copy = Breaker(RULES)
        copy.__dict__.update(
            {key: dict(kept) if isinstance(kept, dict) else kept
             for key, kept in self.breaker.__dict__.items()}
        )  # fmt: skip
        for _ in range(2):
            until = copy.shut_until_s(shut)
            shut = shut if until is None else until
        assert copy.go(shut) is not None


Breakers.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBreakers = Breakers.TestCase
