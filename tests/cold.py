"""Decisions of a view, for tests of models that are new."""

from typing import Any

from streams.events.decision import Decision
from streams.routing.decide import View, decide
from tests.builders import AT, DIGEST, a_task


def decided(view: View, *, draw: float = 0.5, **task: Any) -> Decision:
    """What a task of these fields comes to."""
    found = decide(a_task(**task), view, body_digest=DIGEST, skill=None, draw=draw, now=AT)
    assert isinstance(found, Decision)
    return found
