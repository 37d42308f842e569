"""Every metric's name, with unit and meaning, and the counters that hold them.

An update is a dictionary's: 0.2 µs, 0.3 µs for a histogram (`make bench`). Everything else is done
when somebody looks.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

Labels = tuple[str, ...]
Values = Mapping[Labels, float]

STAGE_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
CALL_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)
INSERT_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: name, unit (UCUM), labels (closed sets, never ids), meaning.

    `kind` is Prometheus' word; `buckets` are the upper bounds of a histogram, in its unit.
    """

    name: str
    unit: str
    labels: tuple[str, ...]
    meaning: str
    kind: str = "counter"
    buckets: tuple[float, ...] = ()

    @property
    def exposed(self) -> str:
        """Its name as Prometheus takes it."""
        return self.name.replace(".", "_") + ("_total" if self.kind == "counter" else "")


METRICS = (
    Metric("tierflow.build_info", "1", ("version",), "The version that runs; always 1.", "gauge"),
    Metric("tierflow.ready", "1", (), "Whether /readyz says yes: 1, else 0.", "gauge"),
    Metric(
        "tierflow.consumer.lag_records", "{record}", ("role", "topic"),
        "Records of the partitions this process has that are not settled yet.", "gauge",
    ),
    Metric(
        "tierflow.stage.outcomes", "{record}", ("stage", "outcome", "reason"),
        "Records by stage and what came of them; ticks are counted too.",
    ),
    Metric(
        "tierflow.stage.duration_seconds", "s", ("stage",),
        "From taking a record into work until all that it led to was confirmed.",
        "histogram", STAGE_S,
    ),
    Metric(
        "tierflow.dead_letters", "{record}", ("stage", "reason"),
        "Records that were buried, letter confirmed.",
    ),
    Metric("tierflow.in_flight", "{record}", ("stage",), "Records taken and not settled.", "gauge"),
    Metric(
        "tierflow.held", "{partition}", ("stage",),
        "Partitions held because too many records were buried as bugs.", "gauge",
    ),
    Metric(
        "tierflow.calls", "{call}", ("tier", "model", "state", "failure"),
        "Calls to models that ended: completed, failed or in_doubt; failure is none where it completed.",
    ),
    Metric(
        "tierflow.call.duration_seconds", "s", ("tier", "model"),
        "How long a model took to answer, or to fail.", "histogram", CALL_S,
    ),
    Metric(
        "tierflow.call.tokens", "{token}", ("tier", "model", "direction"),
        "Tokens of calls as providers counted them: input, output.",
    ),
    Metric(
        "tierflow.call.cost_usd", "USD", ("tier", "model"),
        "Dollars of calls whose cost is known.",
    ),
    Metric(
        "tierflow.calls_unpriced", "{call}", ("tier", "model"),
        "Calls that may have been billed and whose cost is unknown; none of it is in the dollars.",
    ),
    Metric(
        "tierflow.breaker.state", "1", ("model", "state"),
        "The state of a model's breaker in this worker: 1 for closed, half_open or open, 0 for the others.",
        "gauge",
    ),
    Metric(
        "tierflow.breaker.changes", "{change}", ("model", "state"),
        "Changes of a model's breaker in this worker, by the state that it came to.",
    ),
    Metric(
        "tierflow.limiter.wait_seconds", "s", ("tier", "model"),
        "How long calls waited for their turn; 0 where they did not.", "histogram", STAGE_S,
    ),
    Metric(
        "tierflow.limiter.refusals", "{call}", ("tier", "model"),
        "Calls that a provider refused with a 429.",
    ),
    Metric(
        "tierflow.limiter.held", "1", ("model",),
        "Whether a 429 holds a model in this worker: 1, else 0.", "gauge",
    ),
    Metric(
        "tierflow.limiter.learned_per_second", "{call}/s", ("model",),
        "The rate that a model's provider was learned to take from this worker, where it was.", "gauge",
    ),
    Metric(
        "tierflow.rerouted", "{task}", ("tier", "model", "reason"),
        "Tasks that took another model: breaker, rate_limit, waiting_room or gone.",
    ),
    Metric(
        "tierflow.skill.refusals", "{prompt}", ("skill", "reason"),
        "Prompts for which a team's own tier-0 skill was stopped, late, broken or suspended.",
    ),
    Metric(
        "tierflow.learner.loss", "1", ("model",),
        "Mean log loss of the learner's predictions, tested before trained; model all is over all.",
        "gauge",
    ),
    Metric(
        "tierflow.learner.brier", "1", ("model",),
        "Mean squared error of the same predictions.", "gauge",
    ),
    Metric(
        "tierflow.learner.log_loss", "1", ("model",),
        "Log loss summed up; its rate by that of the lessons is the recent loss.",
    ),
    Metric(
        "tierflow.learner.lessons", "{lesson}", ("model",), "Lessons that the learner was tested on.",
    ),
    Metric("tierflow.lessons", "{lesson}", (), "Lessons in the model state in force.", "gauge"),
    Metric("tierflow.model_state.version", "{version}", (), "Model state in force.", "gauge"),
    Metric("tierflow.policy.version", "{version}", (), "Policy in force.", "gauge"),
    Metric("tierflow.threshold", "1", ("tier",), "Threshold in force.", "gauge"),
    Metric(
        "tierflow.control.refused", "{record}", (),
        "Control records that could not be used; the last good one stays in force.",
    ),
    Metric(
        "tierflow.spans", "{span}", ("outcome",),
        "Spans by what became of them: exported, failed (the collector did not take them), dropped.",
    ),
    Metric("tierflow.sink.rows", "{row}", ("table",), "Rows that ClickHouse has confirmed."),
    Metric("tierflow.sink.blocks", "{block}", ("table",), "Blocks that ClickHouse has confirmed."),
    Metric("tierflow.sink.buried", "{record}", ("reason",), "Records that are no event of their topic."),
    Metric("tierflow.sink.refusals", "{try}", (), "Tries that ClickHouse did not answer or refused."),
    Metric(
        "tierflow.sink.insert_duration_seconds", "s", ("table",),
        "One block, from the first try until it was confirmed.", "histogram", INSERT_S,
    ),
    Metric(
        "tierflow.sink.age_seconds", "s", (),
        "Age of the oldest record that was read and is not in ClickHouse; 0 where all are.", "gauge",
    ),
)  # fmt: skip
BY_NAME = {metric.name: metric for metric in METRICS}


class Histogram:
    """How many observations fell under each bound, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def take(self, value: float, times: int) -> None:
        """Count a value, `times` over."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times


@dataclass
class Counters:
    """What was counted, and gauges that are asked when somebody looks."""

    counted: dict[str, dict[Labels, float]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(float))
    )
    gauges: dict[str, Callable[[], Values]] = field(default_factory=dict)
    histograms: dict[str, dict[Labels, Histogram]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def add(self, name: str, amount: float, *labels: str) -> None:
        """Count `amount` more; labels in the metric's order.

        An amount of 0 makes a series begin at 0, so that its first increase is seen as one.
        """
        self.counted[BY_NAME[name].name][labels] += amount

    def observe(self, name: str, value: float, *labels: str, times: int = 1) -> None:
        """Put a value into a histogram, `times` over; labels in the metric's order."""
        series = self.histograms[name]
        known = series.get(labels)
        if known is None:
            known = series[labels] = Histogram(BY_NAME[name].buckets)
        known.take(value, times)

    def watch(self, name: str, ask: Callable[[], Values]) -> None:
        """Register what is counted elsewhere: `ask` returns its values by labels."""
        self.gauges[BY_NAME[name].name] = ask

    def exposition(self) -> str:
        """All of it in Prometheus' text format 0.0.4."""
        lines: list[str] = []
        for metric in METRICS:
            samples = list(self._samples(metric))
            if samples:
                lines.append(f"# HELP {metric.exposed} {metric.meaning}")
                lines.append(f"# TYPE {metric.exposed} {metric.kind}")
                lines += samples
        return "\n".join(lines) + "\n"

    def _samples(self, metric: Metric) -> Iterator[str]:
        if metric.kind == "histogram":
            for labels, histogram in sorted(self.histograms.get(metric.name, {}).items()):
                yield from _distribution(metric, labels, histogram)
            return
        ask = self.gauges.get(metric.name)
        values = self.counted.get(metric.name, {}) if ask is None else ask()
        for labels, value in sorted(values.items()):
            yield f"{metric.exposed}{_braces(metric.labels, labels)} {_number(value)}"


def _distribution(metric: Metric, labels: Labels, histogram: Histogram) -> Iterator[str]:
    name, names = metric.exposed, (*metric.labels, "le")
    below = 0
    for bound, count in zip(
        (*map(_number, histogram.bounds), "+Inf"), histogram.counts, strict=True
    ):
        below += count
        yield f"{name}_bucket{_braces(names, (*labels, bound))} {below}"
    yield f"{name}_sum{_braces(metric.labels, labels)} {_number(histogram.total)}"
    yield f"{name}_count{_braces(metric.labels, labels)} {below}"


def _braces(names: tuple[str, ...], labels: Labels) -> str:
    pairs = zip(names, labels, strict=True)
    text = ",".join(f'{name}="{_escape(label)}"' for name, label in pairs)
    return f"{{{text}}}" if text else ""


def _number(value: float) -> str:
    """Every digit: a counter past a million must still be seen to move."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
