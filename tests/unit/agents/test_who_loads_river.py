"""River and SciPy are half of what a worker's start costs: only who learns pays for them."""

import sys

from tests.processes import finish

LOADED = """
import sys
import streams.worker
from streams.agents.bindings import binder
from streams.topology import STAGES
stage = next(stage for stage in STAGES if stage.name == "{stage}")
binder(stage, None, {{"learner": {{}}, "waiting": {{}}}})
print("river" in sys.modules, "scipy" in sys.modules)
"""


def loaded_for(stage: str) -> str:
    code, said, failed = finish([sys.executable, "-c", LOADED.format(stage=stage)])
    assert code == 0, failed
    return said.strip()


def test_a_worker_that_does_not_learn_loads_no_river() -> None:
    assert loaded_for("join") == "False False"


def test_a_worker_that_learns_has_loaded_river_before_it_takes_a_lesson() -> None:
    assert loaded_for("learn") == "True True"
