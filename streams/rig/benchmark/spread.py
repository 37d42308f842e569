"""Work by number in several processes; what comes of it is the same as in one."""

from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import TypeVar, cast

T = TypeVar("T")


class WorkerDiedError(RuntimeError):
    """A process ended before its work was done; what went wrong stands on its stderr."""


def spread(work: Callable[[int], T], numbers: Sequence[int], jobs: int) -> Iterator[tuple[int, T]]:
    """Do the work for each number, as many at a time as there are jobs.

    Args:
        work: Called in a forked process: it has all that is known here, and changes nothing here.
        numbers: What it is called with.
        jobs: Processes, at least one.

    Yields:
        Number and what came of it, in the order in which they are done.

    Raises:
        WorkerDiedError: A process ended early.

    Example:
        >>> sorted(spread(lambda number: number * number, (1, 2, 3), jobs=2))
        [(1, 1), (2, 4), (3, 9)]
    """
    context = get_context("fork")
    left: dict[Connection, int] = {}
    processes = []
    for job in range(min(jobs, len(numbers))):
        mine = numbers[job::jobs]
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(work, mine, writer), daemon=True)
        process.start()
        writer.close()
        processes.append(process)
        left[reader] = len(mine)
    try:
        while left:
            for ready in wait(list(left)):
                reader = cast("Connection", ready)
                yield _receive(reader)
                left[reader] -= 1
                if not left[reader]:
                    del left[reader]
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _work(work: Callable[[int], T], numbers: Sequence[int], writer: Connection) -> None:
    for number in numbers:
        writer.send((number, work(number)))


def _receive(reader: Connection) -> tuple[int, T]:
    try:
        found: tuple[int, T] = reader.recv()
    except EOFError:
        raise WorkerDiedError("a process of the benchmark ended early") from None
    return found
