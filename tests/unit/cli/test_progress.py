"""Progress is shown to people at a terminal, and to nobody else."""

import io

from streams.cli.progress import Progress, bar
from tests.fakes import ManualClock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_sees_nothing() -> None:
    pipe = io.StringIO()
    with Progress(10, "tasks", pipe) as progress:
        progress.show(5)
    assert pipe.getvalue() == ""


def test_a_terminal_sees_a_bar_that_goes_away() -> None:
    terminal, clock = Terminal(), ManualClock()
    with Progress(10, "tasks", terminal, clock) as progress:
        clock.move(1)
        progress.show(5)
    shown = terminal.getvalue()
    assert "5/10 tasks  5/s  1 s left" in shown
    assert shown.endswith("\r\x1b[K")


def test_it_is_drawn_ten_times_a_second_however_often_it_is_told() -> None:
    terminal, clock = Terminal(), ManualClock()
    progress = Progress(1000, "tasks", terminal, clock)
    for done in range(1000):
        clock.move(0.001)
        progress.show(done)
    assert terminal.getvalue().count("tasks") == 10


def test_nothing_to_do_is_all_done() -> None:
    assert bar(0, 0, "tasks", 0.0).startswith("[########################] 0/0 tasks")
