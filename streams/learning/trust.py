"""How much a score may teach: whose word agrees with those who are sure to know.

A voice is a tenant and a source of its feedback. Tests and validators are trusted; any other voice
weighs as much as it agrees with them on the same answers. Where no test ever judged, a voice is
measured against what was predicted, beside how well others follow that: a tenant that scores
against everybody else teaches less. A voice is believed until it is shown wrong.
"""

import math
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

from pydantic import Field

from streams.events.envelope import Part
from streams.events.feedback import Source

TRUSTED: frozenset[Source] = frozenset({"test", "validator"})
"""Sources that know: they ran the answer, or checked it."""

DOUBT_PAIRS = 10.0
"""Answers judged by a voice and a trusted one too, after which its own record counts half."""

DOUBT_SCORES = 50.0
"""The same for scores that are only measured against predictions: those know much less."""

DOUBT_ERRORS = 1.0
"""Standard errors by which a voice must follow predictions less than the others before it weighs less."""

LEAST_SLOPE = 0.1
"""Scores of others that follow predictions less than this tell nothing of predictions."""

MEMORY = 2_000.0
"""So many of a voice's newest scores count, roughly: a voice may mend, or be stolen."""

ANSWERS = 2_000
"""Judged answers that wait for another voice on them."""

VOICES = 1_000
"""Voices that are kept; of more, those unheard for longest are forgotten."""

_SMALL = 1e-9


class Voice(NamedTuple):
    """Whose word it is."""

    tenant: str
    source: Source


@dataclass(slots=True)
class Agreement:
    """Sums over pairs of numbers, newer ones counting more: what a voice said, and what was so."""

    count: float = 0.0
    said: float = 0.0
    so: float = 0.0
    said_said: float = 0.0
    so_so: float = 0.0
    said_so: float = 0.0

    def add(self, said: float, so: float) -> None:
        """Take in a pair; what came before fades a little."""
        keep = 1 - 1 / MEMORY
        self.count = keep * self.count + 1
        self.said = keep * self.said + said
        self.so = keep * self.so + so
        self.said_said = keep * self.said_said + said * said
        self.so_so = keep * self.so_so + so * so
        self.said_so = keep * self.said_so + said * so

    @property
    def sums(self) -> tuple[float, ...]:
        """All that is kept of it, in the order of the fields."""
        return self.count, self.said, self.so, self.said_said, self.so_so, self.said_so

    def plus(self, other: "Agreement", less: "Agreement") -> "Agreement":
        """With another's part, but for what was counted of it before."""
        sums = zip(self.sums, other.sums, less.sums, strict=True)
        return Agreement(*(a + b - c for a, b, c in sums))

    def slope(self, errors: float = 0.0) -> float:
        """By how much what was said rises with what was so.

        1 for the calibrated, 1 - 2p where a share p is inverted, 0 where one tells nothing. Harder work than was predicted, or a milder judge, changes nothing. Where what was so hardly
        varies nothing can be told, and the benefit of the doubt is boundless.

        Args:
            errors: Standard errors to add, for the benefit of the doubt.
        """
        if self.count <= 0:
            return 1.0
        said, so = self.said / self.count, self.so / self.count
        of_said = max(self.said_said / self.count - said * said, said * (1 - said), 0.0)
        of_so = max(self.so_so / self.count - so * so, _SMALL)
        found = (self.said_so / self.count - said * so) / of_so
        return found + errors * math.sqrt(of_said / (of_so * self.count))

    def concordance(self) -> float:
        """1 where both always say the same, 0 where one tells nothing of the other, -1 inverted.

        A constant shift, another scale and noise lower it alike. Where nothing ever varies, there
        is nothing to disagree on.

        Source:
            The concordance correlation coefficient: Lin, Biometrics 45 (1989).

        Example:
            >>> pairs = Agreement()
            >>> for said in (0.0, 1.0, 0.0, 1.0):
            ...     pairs.add(said, 1 - said)
            >>> round(pairs.concordance(), 2)
            -1.0
        """
        if self.count <= 0:
            return 1.0
        said, so = self.said / self.count, self.so / self.count
        of_said = max(self.said_said / self.count - said * said, 0.0)
        of_so = max(self.so_so / self.count - so * so, 0.0)
        apart = of_said + of_so + (said - so) ** 2
        if apart < _SMALL:
            return 1.0
        return min(1.0, max(-1.0, 2 * (self.said_so / self.count - said * so) / apart))


NOTHING = Agreement()


class Record(Part):
    """One voice's record as it is kept: the sums of `Agreement`, with the trusted and predicted."""

    tenant: str
    source: Source
    trusted: Annotated[tuple[float, ...], Field(min_length=6, max_length=6)]
    predicted: Annotated[tuple[float, ...], Field(min_length=6, max_length=6)]


@dataclass(slots=True)
class _Known:
    trusted: Agreement = field(default_factory=Agreement)
    predicted: Agreement = field(default_factory=Agreement)
    slope: float | None = None  # as it stands among the others'; None: too few scores


class Trust:
    """The weight of every voice, learned from one score after another.

    Args:
        records: What `records` returned: voices go on where they were. Answers that waited for
            another voice are not kept.

    Example:
        >>> trust = Trust()
        >>> trust.hear(Voice("acme", "user"), "answer-1", 0.9, None)
        1.0
    """

    def __init__(self, records: tuple[Record, ...] = ()) -> None:
        self._voices: OrderedDict[Voice, _Known] = OrderedDict()
        self._waiting: OrderedDict[str, dict[Voice, float]] = OrderedDict()
        self._all = Agreement()
        self._slopes: list[float] = []
        for record in records:
            known = _Known(Agreement(*record.trusted), Agreement(*record.predicted))
            self._voices[Voice(record.tenant, record.source)] = known
        for known in self._voices.values():
            self._all = self._all.plus(known.predicted, NOTHING)
            self._rank(known)

    def hear(self, voice: Voice, answer: str, score: float, predicted: float | None) -> float:
        """Weigh a score by the voice's record so far, then learn from it.

        Args:
            voice: Who says it.
            answer: What it judges: the same for all scores of one answer.
            score: In [0, 1].
            predicted: The quality that was predicted of the answer; None: nobody did.

        Returns:
            The weight of its lesson in [0, 1]; 1 for a trusted source.
        """
        weight = self.weight(voice)
        self._measure(voice, answer, score)
        if predicted is not None and voice.source not in TRUSTED:
            self._compare(self._known(voice), score, predicted)
        return weight

    def weight(self, voice: Voice) -> float:
        """What a score of this voice would count for now, in [0, 1].

        The square of its concordance: of scores of which a share p is inverted, 1 - 2p is left, and
        what such a score tells goes with the square. Below 0 it is 0: nobody is believed to say
        the opposite on purpose.
        """
        if voice.source in TRUSTED:
            return 1.0
        known = self._voices.get(voice)
        if known is None:
            return 1.0
        fits = self._fits(known)
        with_trusted = known.trusted
        agrees = _shrunk(with_trusted.concordance(), with_trusted.count, DOUBT_PAIRS, towards=fits)
        return max(agrees, 0.0) ** 2

    def weights(self) -> Mapping[Voice, float]:
        """Every voice that was heard, with its weight now."""
        return {voice: self.weight(voice) for voice in self._voices}

    def records(self) -> tuple[Record, ...]:
        """What must be found again after a restart, those heard last at the end."""
        return tuple(
            Record(
                tenant=voice.tenant, source=voice.source,
                trusted=known.trusted.sums, predicted=known.predicted.sums,
            )
            for voice, known in self._voices.items()
        )  # fmt: skip

    def _known(self, voice: Voice) -> _Known:
        known = self._voices.setdefault(voice, _Known())
        self._voices.move_to_end(voice)
        if len(self._voices) > VOICES:
            _, gone = self._voices.popitem(last=False)
            self._all = self._all.plus(NOTHING, gone.predicted)
            self._unrank(gone)
        return known

    def _measure(self, voice: Voice, answer: str, score: float) -> None:
        """Pair the score with those of the other kind on the same answer, whoever came first.

        A voice's first word on an answer counts.
        """
        heard = self._waiting.setdefault(answer, {})
        self._waiting.move_to_end(answer)
        if len(self._waiting) > ANSWERS:
            self._waiting.popitem(last=False)
        if voice in heard:
            return
        for other, said in heard.items():
            if voice.source in TRUSTED and other.source not in TRUSTED:
                self._known(other).trusted.add(said, score)
            elif voice.source not in TRUSTED and other.source in TRUSTED:
                self._known(voice).trusted.add(score, said)
        heard[voice] = score

    def _compare(self, known: _Known, score: float, predicted: float) -> None:
        before = Agreement(*known.predicted.sums)
        known.predicted.add(score, predicted)
        self._all = self._all.plus(known.predicted, before)
        self._rank(known)

    def _rank(self, known: _Known) -> None:
        """Put a voice's slope among those of all, once it has scores enough to have one."""
        self._unrank(known)
        if known.predicted.count >= DOUBT_SCORES:
            known.slope = known.predicted.slope()
            insort(self._slopes, known.slope)

    def _unrank(self, known: _Known) -> None:
        if known.slope is not None:
            del self._slopes[bisect_left(self._slopes, known.slope)]
            known.slope = None

    def _fits(self, known: _Known) -> float:
        """How a voice follows predictions, beside how others do; 1: as they do, or better.

        Nothing is concluded while the others are few, or don't follow predictions themselves.
        """
        usual, own = self._usual(known), known.predicted
        if usual is None or usual < LEAST_SLOPE:
            return 1.0
        fits = min(1.0, own.slope(DOUBT_ERRORS) / usual)
        return _shrunk(max(fits, 0.0) ** 2, own.count, DOUBT_SCORES, towards=1.0)

    def _usual(self, known: _Known) -> float | None:
        """The slope of the middle one of the others, so that no flood decides it; small ones together."""
        if known.slope is None:
            others = self._slopes
        else:
            at = bisect_left(self._slopes, known.slope)
            others = [*self._slopes[:at], *self._slopes[at + 1 :]]
        if others:
            return others[(len(others) - 1) // 2]
        together = self._all.plus(NOTHING, known.predicted)
        return together.slope() if together.count >= DOUBT_SCORES else None


def _shrunk(found: float, count: float, doubt: float, *, towards: float) -> float:
    """What was found, held towards something by as many more observations."""
    return (count * found + doubt * towards) / (count + doubt)
