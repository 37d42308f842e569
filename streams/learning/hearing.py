"""What a lesson weighs: whose word it is, and how much of all that was heard lately is that tenant's.

A tenant whose lessons are more than those of all others together is damped to what they have, so
that a flood doesn't decide for everybody. Alone it has all the say there is.

The learner weighs a lesson; the tuner, which holds the mean of all tasks, counts what is not believed
of a score as it was predicted. A voice that is found out is doubted back to its first word.
"""

from collections import OrderedDict
from typing import Annotated

from pydantic import Field

from streams.events.control import VoiceWeight
from streams.events.envelope import Label, Part
from streams.events.feedback import Lesson, Source
from streams.learning.trust import VOICES, Record, Trust, Voice

RECENT = 2_000.0
"""So many of the newest lessons, roughly, are what was heard lately."""

FEW = 25.0
"""Lessons of other tenants among the recent ones at which a flood is damped half as far as it should
be: a stray one or two are no reason to learn less from everyone else."""

LEAST_SAY = 0.1
"""No tenant is damped further: a large one's work is to be learned too."""

TENANTS = 1_000
"""Tenants that are counted; of more, those unheard for longest are forgotten."""

SHOWN = 100
"""Voices that are published with what was learned."""

_KEEP = 1 - 1 / RECENT
_SMALL = 1e-9


class Say(Part):
    """How much was heard of one tenant: a fading count, as it stood at lesson `at`."""

    tenant: Label
    count: float
    at: int


class Credit(Part):
    """One voice's scores less what was predicted: what it said, and what was counted; fading sums."""

    tenant: Label
    source: Source
    said: float
    counted: float


class Voices(Part):
    """What must be found again after a restart: every voice's record, and every tenant's say."""

    records: tuple[Record, ...] = ()
    credits: tuple[Credit, ...] = ()
    says: tuple[Say, ...] = ()
    heard: Annotated[int, Field(ge=0)] = 0


class Hearing:
    """The weight of one lesson after another; equal lessons in an equal order weigh the same.

    Args:
        kept: What `voices` returned: it goes on there.

    Example:
        >>> hearing = Hearing()
        >>> hearing.share("acme"), hearing.damping("acme")
        (0.0, 1.0)
    """

    def __init__(self, kept: Voices | None = None) -> None:
        kept = kept or Voices()
        self._trust = Trust(kept.records)
        self._says = OrderedDict((say.tenant, (say.count, say.at)) for say in kept.says)
        self._credits = OrderedDict(
            (Voice(each.tenant, each.source), (each.said, each.counted)) for each in kept.credits
        )
        self._heard = kept.heard

    def weigh(self, lesson: Lesson) -> float:
        """What a lesson counts for in [0, 1]; then learn who said it.

        One about cost counts whole: that is a bill, and nobody's word.
        """
        if lesson.score is None or lesson.source is None:
            return 1.0
        voice = Voice(lesson.tenant, lesson.source)
        answer = f"{lesson.decision_id}/{lesson.model}"
        believed = self._trust.hear(voice, answer, lesson.score, lesson.predicted_quality)
        damped = self.damping(lesson.tenant)
        self._count(lesson.tenant)
        return believed * damped

    def believe(self, lesson: Lesson) -> Lesson:
        """A lesson with the score that it is counted with; then learn who said it.

        What is believed of a voice is its weight's part of how far it was lately from what was
        predicted: where the weight falls, later scores take back what was counted before, as far
        as a score goes. A score of which nothing was predicted counts as it is.
        """
        weight = self.weigh(lesson)
        score, predicted = lesson.score, lesson.predicted_quality
        if score is None or lesson.source is None or predicted is None:
            return lesson
        voice = Voice(lesson.tenant, lesson.source)
        said, counted = self._credits.pop(voice, (0.0, 0.0))
        due = weight * (said + score - predicted) - counted
        if weight == 1 and abs(due - (score - predicted)) < _SMALL:
            believed = score
        else:
            believed = min(max(predicted + due, 0.0), 1.0)
        self._credits[voice] = (
            _KEEP * (said + score - predicted),
            _KEEP * (counted + believed - predicted),
        )
        if len(self._credits) > VOICES:
            self._credits.popitem(last=False)
        return lesson if believed == score else lesson.model_copy(update={"score": believed})

    def damping(self, tenant: str) -> float:
        """How far a tenant is damped just now: 1 unless it is heard more than all others together."""
        own = self._count_of(tenant)
        others = max(self._total - own, 0.0)
        if own <= others:
            return 1.0
        equal = max(others / own, LEAST_SAY)
        return (others * equal + FEW) / (others + FEW)

    def share(self, tenant: str) -> float:
        """A tenant's part of what was heard lately, in [0, 1]."""
        return min(self._count_of(tenant) / self._total, 1.0) if self._heard else 0.0

    def weights(self) -> dict[Voice, float]:
        """What a score of each voice that was heard would count for now."""
        found = self._trust.weights()
        return {voice: weight * self.damping(voice.tenant) for voice, weight in found.items()}

    def lightest(self) -> tuple[VoiceWeight, ...]:
        """The voices that weigh least, at most `SHOWN`, for who wants to know."""
        found = sorted(self.weights().items(), key=lambda each: (each[1], each[0]))
        return tuple(
            VoiceWeight(tenant=voice.tenant, source=voice.source, weight=round(weight, 4))
            for voice, weight in found[:SHOWN]
        )

    def voices(self) -> Voices:
        """What must be found again after a restart; those heard last at the end."""
        says = (Say(tenant=name, count=count, at=at) for name, (count, at) in self._says.items())
        credits_ = (
            Credit(tenant=voice.tenant, source=voice.source, said=said, counted=counted)
            for voice, (said, counted) in self._credits.items()
        )
        return Voices(
            records=self._trust.records(), credits=tuple(credits_), says=tuple(says),
            heard=self._heard,
        )  # fmt: skip

    @property
    def _total(self) -> float:
        """What the counts of all tenants come to, of those too that were forgotten."""
        return RECENT * (1 - _KEEP**self._heard)

    def _count_of(self, tenant: str) -> float:
        count, at = self._says.get(tenant, (0.0, self._heard))
        return count * float(_KEEP ** (self._heard - at))

    def _count(self, tenant: str) -> None:
        count = _KEEP * self._count_of(tenant) + 1.0
        self._heard += 1
        self._says[tenant] = (count, self._heard)
        self._says.move_to_end(tenant)
        if len(self._says) > TENANTS:
            self._says.popitem(last=False)
