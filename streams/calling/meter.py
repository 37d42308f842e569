"""One limit as credit that accrues with time; what waits for it waits in order."""

import math

SLACK = 1e-6
"""Credit short by so little is enough: a wait computed in floats ends a hair too early."""


class Meter:
    """A token bucket that may be owed to: each reservation takes its place at once.

    A reservation is granted when all that was ever earned covers all that was ever reserved up to
    it. So waits are known in advance, whoever came first goes first, and within any stretch of
    `t` seconds no more than `burst + rate_s x t` is granted.

    Args:
        rate_s: What is earned a second.
        burst: The most that is saved up while nobody asks.
        now_s: The moment at which it is full.

    Example:
        >>> meter = Meter(rate_s=2.0, burst=1.0, now_s=0.0)
        >>> marks = [meter.reserve(1.0, 0.0) for _ in range(3)]
        >>> [meter.wait_s(mark, 0.0) for mark in marks]
        [0.0, 0.5, 1.0]
    """

    def __init__(self, rate_s: float, burst: float, now_s: float) -> None:
        self.rate_s = rate_s
        self.burst = burst
        self._earned = burst
        self._reserved = 0.0
        self._at_s = now_s

    def level(self, now_s: float) -> float:
        """What is saved up; what is owed where it is negative."""
        self._earn(now_s)
        return self._earned - self._reserved

    def change(self, rate_s: float, burst: float, now_s: float) -> None:
        """Earn at another rate from now on; what was granted or reserved stays so."""
        self._earn(now_s)
        self.rate_s, self.burst = rate_s, burst

    def reserve(self, amount: float, now_s: float) -> float:
        """Take the last place; the mark by which `wait_s` knows it."""
        self._earn(now_s)
        self._reserved += amount
        return self._reserved

    def wait_s(self, mark: float, now_s: float) -> float:
        """Seconds until a reservation is granted; `inf` where nothing is earned."""
        self._earn(now_s)
        missing = mark - self._earned
        if missing <= SLACK:
            return 0.0
        if self.rate_s <= 0:
            return math.inf
        return missing / self.rate_s + max(0.0, self._at_s - now_s)

    def withdraw(self, amount: float) -> None:
        """A reservation that was not granted is given up; the marks behind it fall by as much."""
        self._reserved -= amount

    def settle(self, surplus: float, now_s: float) -> None:
        """Give back what a granted reservation did not use; a negative surplus is charged."""
        self._earn(now_s)
        self._earned += surplus
        self._cap()

    def stop(self, until_s: float, now_s: float, *, level: float) -> None:
        """Earn nothing until a moment; until then this is the level."""
        self._earn(now_s)
        self._at_s = max(self._at_s, until_s)
        self._earned = self._reserved + level

    def _earn(self, now_s: float) -> None:
        if now_s > self._at_s:
            self._earned += (now_s - self._at_s) * self.rate_s
            self._at_s = now_s
        self._cap()

    def _cap(self) -> None:
        self._earned = min(self._earned, self._reserved + self.burst)
