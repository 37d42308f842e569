"""The rate limit that the simulator keeps: a token bucket, on moments that it is given."""

from dataclasses import dataclass

MINUTE_S = 60.0


@dataclass(slots=True)
class Bucket:
    """Calls that may still be made, as they were at `at_s`.

    Args:
        per_minute: How many come back in a minute.
        burst: How many there are at most.
        at_s: Moment of the last call, monotonic seconds.
    """

    per_minute: float
    burst: float
    at_s: float
    left: float

    def take(self, now_s: float) -> float | None:
        """Take one call.

        Args:
            now_s: Monotonic seconds, never before the last.

        Returns:
            None where it may be made; else the seconds until the next one may.

        Example:
            >>> bucket = Bucket(60, 1, 0.0, 1)
            >>> bucket.take(0.0), bucket.take(0.25), bucket.take(1.0)
            (None, 0.75, None)
        """
        self._refill(now_s)
        if self.left >= 1 - 1e-9:
            self.left -= 1
            return None
        return (1 - self.left) * MINUTE_S / self.per_minute

    def change(self, per_minute: float, burst: float | None, now_s: float) -> None:
        """Keep another limit from now on; what may still be called at once stays so, as far as it may.

        Example:
            >>> bucket = Bucket(60, 1, 0.0, 0)
            >>> bucket.change(600, 10, 0.5)
            >>> bucket.take(0.5), bucket.take(0.55)
            (0.05, None)
        """
        self._refill(now_s)
        self.per_minute, self.burst = per_minute, _burst(per_minute, burst)
        self.left = min(self.left, self.burst)

    def _refill(self, now_s: float) -> None:
        self.left = min(self.burst, self.left + (now_s - self.at_s) * self.per_minute / MINUTE_S)
        self.at_s = now_s


def full(per_minute: float, burst: float | None, now_s: float) -> Bucket:
    """A bucket that nobody has taken from: a second's calls, where nothing is said of bursts."""
    most = _burst(per_minute, burst)
    return Bucket(per_minute, most, now_s, most)


def _burst(per_minute: float, burst: float | None) -> float:
    return max(1.0, per_minute / MINUTE_S) if burst is None else burst
