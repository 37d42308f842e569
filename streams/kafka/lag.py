"""How far behind a consumer is: ends of partitions, less what is settled.

A fetch reports the end of its partition, and some brokers answer ListOffsets(latest) too low; but
a consumer that has enough to do fetches nothing for minutes. The greater of both is the end.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiokafka.errors import KafkaError

from streams.clock import Clock

logger = logging.getLogger(__name__)

ASKED_EVERY_S = 5.0


class Ends:
    """Ends of partitions as the broker tells them every few seconds.

    Args:
        ask: `(partitions) -> ends`, a consumer's `end_offsets`.
        wanted: Whose ends are asked for: those that are assigned now.
        clock: Spaces the questions.
    """

    def __init__(
        self,
        ask: Callable[[list[Any]], Awaitable[Mapping[Any, int]]],
        wanted: Callable[[], Iterable[Any]],
        clock: Clock,
    ) -> None:
        self._ask = ask
        self._wanted = wanted
        self._clock = clock
        self._known: dict[Any, int] = {}

    async def follow(self) -> None:
        """Ask until cancelled; a broker that does not answer changes nothing."""
        while True:
            wanted = list(self._wanted())
            try:
                found = await self._ask(wanted) if wanted else {}
            except KafkaError as error:
                logger.debug("ends of partitions can't be asked for: %s", type(error).__name__)
            else:
                self._known = dict(found)
            await self._clock.sleep(ASKED_EVERY_S)

    def lag(self, settled: Mapping[Any, tuple[int, int | None]]) -> dict[str, float]:
        """Records by topic that are not settled.

        Args:
            settled: By partition, the first offset that is not settled, and the end that the last
                fetch reported, if there was one.

        Returns:
            By full topic name; a topic none of whose ends is known is left out.
        """
        found: dict[str, float] = {}
        for tp, (offset, fetched) in settled.items():
            ends = [end for end in (fetched, self._known.get(tp)) if end is not None]
            if ends:
                found[tp.topic] = found.get(tp.topic, 0.0) + max(0, max(ends) - offset)
        return found
