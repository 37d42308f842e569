"""Whether a model is loaded: a local one that nobody called for a while is slow at first."""

import math


class Warmth:
    """What the next call of one model waits for beside its answer.

    A model without `idle_s` is never unloaded: it is warm once it has answered. A start in
    progress is shared by all who wait for it.

    Args:
        cold_start_s: How long loading takes; 0: there is no cold start.
        idle_s: Without a call for so long it is unloaded; None: never.
    """

    def __init__(self, cold_start_s: float = 0.0, idle_s: float | None = None) -> None:
        self.cold_start_s = cold_start_s
        self.idle_s = idle_s
        self._last_s: float | None = None  # when it was last known to be loaded
        self._starting_s: float | None = None
        self._calls = 0

    def warm_until_s(self) -> float | None:
        """Until when it stays loaded if nobody calls; None: it is not known to be loaded."""
        if self._last_s is None:
            return None
        return math.inf if self.idle_s is None else self._last_s + self.idle_s

    def extra_s(self, now_s: float) -> float:
        """Expected seconds beside the answer for a call that goes now."""
        if self.cold_start_s <= 0 or self._is_warm(now_s):
            return 0.0
        if self._starting_s is None:
            return self.cold_start_s
        return max(0.0, self._starting_s + self.cold_start_s - now_s)

    def sent(self, now_s: float) -> None:
        """A call goes: it begins a cold start, or joins one, or keeps the model loaded."""
        if self._is_warm(now_s):
            self._last_s = now_s
        elif self._starting_s is None:
            self._starting_s = now_s
        self._calls += 1

    def ended(self, now_s: float, *, answered: bool) -> None:
        """A call ended: an answer proves that the model is loaded.

        The failure of the last call that waited for a start says that it came to nothing.
        """
        self._calls = max(0, self._calls - 1)
        if answered:
            self._last_s, self._starting_s = now_s, None
        elif self._calls == 0:
            self._starting_s = None

    def _is_warm(self, now_s: float) -> bool:
        if self._last_s is None:
            return False
        working = self._calls > 0 and self._starting_s is None
        return working or self.idle_s is None or now_s < self._last_s + self.idle_s
