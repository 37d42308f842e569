from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)

from streams.kafka.consumer import OffsetBook

PARTITIONS = ("a", "b")
Place = tuple[str, int]


class Commits(RuleBasedStateMachine):
    """Runs are fetched, settled in any order, committed; a restart reads from what was committed."""

    handed_out = Bundle("handed_out")

    def __init__(self) -> None:
        super().__init__()
        self.book = OffsetBook()
        self.end = dict.fromkeys(PARTITIONS, 0)
        self.settled: set[Place] = set()
        self.committed = dict.fromkeys(PARTITIONS, 0)
        self.open: set[Place] = set()
        self.skipped: set[Place] = set()

    @rule(
        target=handed_out,
        tp=st.sampled_from(PARTITIONS),
        gaps=st.lists(st.integers(0, 3), min_size=1, max_size=5),
    )
    def fetch(self, tp: str, gaps: list[int]) -> object:
        offsets = []
        for gap in gaps:
            self.skipped.update((tp, self.end[tp] + n) for n in range(gap))
            offsets.append(self.end[tp] + gap)
            self.end[tp] = offsets[-1] + 1
        self.book.take(tp, offsets)
        places = [(tp, offset) for offset in offsets]
        self.open.update(places)
        return multiple(*places)

    @rule(place=consumes(handed_out))
    def settle(self, place: Place) -> None:
        self.book.settle(*place)
        if place in self.open:
            self.open.discard(place)
            self.settled.add(place)

    @rule(place=consumes(handed_out))
    def settle_twice(self, place: Place) -> None:
        self.settle(place)
        self.book.settle(*place)

    @rule(tp=st.sampled_from(PARTITIONS))
    def commit(self, tp: str) -> None:
        if tp in self.book.partitions():
            self.committed[tp] = self.book.committable(tp)

    @precondition(lambda self: self.book.partitions())
    @rule()
    def lose_everything(self) -> None:
        self.book.clear()
        self.open.clear()
        self.end = dict(self.committed)

    @invariant()
    def nothing_unsettled_lies_under_what_may_be_committed(self) -> None:
        for tp in self.book.partitions():
            reach = self.book.committable(tp)
            assert all(offset >= reach for name, offset in self.open if name == tp)

    @invariant()
    def what_is_committed_was_settled_or_never_existed(self) -> None:
        for tp, committed in self.committed.items():
            for offset in range(committed):
                assert (tp, offset) in self.settled | self.skipped

    @invariant()
    def at_rest_everything_read_may_be_committed(self) -> None:
        for tp in self.book.partitions():
            if not any(name == tp for name, _ in self.open):
                assert self.book.committable(tp) == self.end[tp]

    @invariant()
    def what_is_in_flight_is_what_is_open(self) -> None:
        assert self.book.in_flight() == len(self.open)


TestCommits = Commits.TestCase
TestCommits.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
