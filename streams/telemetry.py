"""Every metric's name, with unit and meaning, and the counters that hold them."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: name, unit (UCUM), labels (closed sets, never ids), meaning."""

    name: str
    unit: str
    labels: tuple[str, ...]
    meaning: str
    kind: str = "counter"

    @property
    def exposed(self) -> str:
        """Its name as Prometheus takes it."""
        return self.name.replace(".", "_") + ("_total" if self.kind == "counter" else "")


METRICS = (
    Metric(
        "tierflow.stage.outcomes", "{record}", ("stage", "outcome", "reason"),
        "Records by stage and what came of them.",
    ),
    Metric("tierflow.calls", "{call}", ("tier", "model", "outcome"), "Calls to models, by how they ended."),
    Metric("tierflow.call.cost", "USD", ("tier", "model"), "Dollars of confirmed calls."),
    Metric("tierflow.call.tokens", "{token}", ("tier", "model", "direction"), "Tokens of calls."),
    Metric(
        "tierflow.skill.refusals", "{prompt}", ("skill", "reason"),
        "Prompts for which a team's own tier-0 skill was stopped, late, broken or suspended.",
    ),
    Metric("tierflow.in_flight", "{record}", ("stage",), "Records taken and not settled.", "gauge"),
    Metric("tierflow.held", "{partition}", ("stage",), "Partitions held after bugs in a row.", "gauge"),
    Metric("tierflow.lessons", "{lesson}", (), "Lessons in the model state in force.", "gauge"),
    Metric("tierflow.model_state.version", "{version}", (), "Model state in force.", "gauge"),
    Metric("tierflow.policy.version", "{version}", (), "Policy in force.", "gauge"),
    Metric("tierflow.threshold", "1", ("tier",), "Threshold in force.", "gauge"),
)  # fmt: skip
BY_NAME = {metric.name: metric for metric in METRICS}


@dataclass
class Counters:
    """What was counted, and gauges that are asked when somebody looks."""

    counted: dict[str, dict[tuple[str, ...], float]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(float))
    )
    gauges: dict[str, Callable[[], dict[tuple[str, ...], float]]] = field(default_factory=dict)

    def add(self, name: str, amount: float, *labels: str) -> None:
        """Count `amount` more; labels in the metric's order."""
        self.counted[BY_NAME[name].name][labels] += amount

    def watch(self, name: str, ask: Callable[[], dict[tuple[str, ...], float]]) -> None:
        """Register a gauge: `ask` returns its values by labels."""
        self.gauges[BY_NAME[name].name] = ask

    def exposition(self) -> str:
        """All of it in Prometheus' text format 0.0.4."""
        lines: list[str] = []
        values = {**self.counted, **{name: ask() for name, ask in self.gauges.items()}}
        for metric in METRICS:
            if metric.name not in values:
                continue
            lines.append(f"# HELP {metric.exposed} {metric.meaning} Unit: {metric.unit}")
            lines.append(f"# TYPE {metric.exposed} {metric.kind}")
            for labels, value in sorted(values[metric.name].items()):
                pairs = zip(metric.labels, labels, strict=True)
                text = ",".join(f'{name}="{_escape(label)}"' for name, label in pairs)
                lines.append(
                    f"{metric.exposed}{{{text}}} {value:g}"
                    if text
                    else f"{metric.exposed} {value:g}"
                )
        return "\n".join(lines) + "\n"


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
