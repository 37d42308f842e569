"""Work in several processes: done once each, and never waited for in vain."""

import os

import pytest

from streams.rig.benchmark.spread import WorkerDiedError, spread


def test_every_number_is_worked_on_once_in_another_process() -> None:
    found = dict(spread(lambda number: (number, os.getpid()), range(7), jobs=3))
    assert {number: made[0] for number, made in found.items()} == dict(enumerate(range(7)))
    pids = {pid for _, pid in found.values()}
    assert len(pids) == 3
    assert os.getpid() not in pids


def test_more_jobs_than_numbers_do_no_harm() -> None:
    assert dict(spread(abs, (-1,), jobs=8)) == {-1: 1}


def test_a_process_that_dies_is_an_error_and_no_wait() -> None:
    with pytest.raises(WorkerDiedError):
        list(spread(os._exit, (7,), jobs=1))
