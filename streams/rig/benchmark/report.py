"""One HTML file with the table, the plots and the JSON of a benchmark: it opens without a network."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

import orjson

from streams.rig.benchmark.blocks import InBlocks
from streams.rig.benchmark.change import WINDOW, Adapting
from streams.rig.benchmark.figures import OURS, Block, Figures, Line
from streams.rig.benchmark.plot import COLOURS, Point, Series, plot
from streams.rig.benchmark.table import render

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
  color: #1f2328; background: #fff; }
pre { overflow-x: auto; background: #f6f8fa; padding: 1rem; border-radius: 6px; font-size: 13px; }
svg { width: 100%; height: auto; max-width: 60rem; }
svg text { font: 12px system-ui, sans-serif; fill: #57606a; }
svg .grid { stroke: #d8dee4; stroke-width: 1; }
svg polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .band { opacity: .18; }
p.note { color: #57606a; }
"""

DIAGONAL: Sequence[Point] = ((0.0, 0.0), (1.0, 1.0))


def page(figures: Figures, title: str) -> str:
    """The whole report.

    Args:
        figures: What is reported.
        title: What was benchmarked, such as the file's name.
    """
    json = orjson.dumps(figures.to_json()).decode().replace("</", "<\\/")
    sections = (
        f"<section><h2>{escape(head)}</h2>\n<p class='note'>{escape(note)}</p>\n{drawn}\n</section>"
        for head, note, drawn in _sections(figures)
    )
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escape(title)}: routing benchmark</title>",
            f"<style>{STYLE}</style></head><body>",
            f"<h1>Routing benchmark: {escape(title)}</h1>",
            f"<pre>{escape(render(figures))}</pre>",
            *sections,
            f'<script type="application/json" id="figures">{json}</script>',
            "</body></html>",
            "",
        )
    )


def _sections(figures: Figures) -> Iterator[tuple[str, str, str]]:
    yield (
        "Quality against cost",
        "Mean over orders. The dashed line is the best random mixture of two models at each cost.",
        _quality_against_cost(figures),
    )
    yield (
        "Learning curve",
        "Mean score of each stretch of tasks over orders, with its 95% interval.",
        _learning_curve(figures),
    )
    yield (
        "Thresholds over time",
        "By tier, mean over orders: share of the best predicted, or the mean that has to be predicted.",
        _thresholds(figures),
    )
    yield (
        "Calibration",
        "Predicted quality of the chosen model against its score, in ten bins.",
        _calibration(figures),
    )
    if figures.blocks is not None:
        yield (
            f"Mean score of all tasks so far; target {figures.blocks.target:g}",
            "Mean and extremes over orders; dashed, always the cheapest or the category's best model.",
            _so_far(figures.blocks),
        )
    if figures.change is not None:
        yield (
            f"After the change: {figures.change.change} of {figures.change.model}",
            f"Its share in windows of {WINDOW} tasks, mean over orders; dashed, its share before.",
            _after_change(figures.change),
        )
    if figures.paces:
        yield (
            "Gap recovered by share of strong calls",
            "One dot a pace, mean over orders. The area under it is the APGR.",
            _paces(figures),
        )


def _quality_against_cost(figures: Figures) -> str:
    singles = [line for line in figures.rows if line.name.startswith("single:")]
    others = [line for line in figures.rows if line.name in ("random", "length", "oracle")]
    ours = [line for line in figures.rows if line.name.startswith(f"{OURS}:")] or [figures.ours]
    series = [Series("best mixture", _frontier(singles), "dashes", COLOURS[-1])]
    for number, line in enumerate((*singles, *others)):
        colour = COLOURS[1 + number % (len(COLOURS) - 1)]
        series.append(_dot(line.name.removeprefix("single:"), [line], colour))
    series.append(_dot(OURS, ours, COLOURS[0]))
    if len(ours) > 1:
        points = sorted(_place(line) for line in ours)
        series.append(Series("", points, "line", COLOURS[0]))
    return plot(series, x="dollars a task", y="quality", log=True)


def _dot(name: str, lines: Sequence[Line], colour: str) -> Series:
    labels = [
        f"{line.name}: {line.quality.mean:.4f} at ${float(line.cost_usd.mean):.4g}"
        for line in lines
    ]
    return Series(name, [_place(line) for line in lines], "dots", colour, labels=labels)


def _place(line: Line) -> Point:
    return max(float(line.cost_usd.mean), 1e-9), line.quality.mean


def _frontier(singles: Sequence[Line]) -> list[Point]:
    """The upper hull of the models' places, with points between them: dollars are drawn as logs."""
    hull: list[Point] = []
    for place in sorted(_place(line) for line in singles):
        if hull and place[1] <= hull[-1][1]:
            continue
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) <= _slope(hull[-1], place):
            hull.pop()
        hull.append(place)
    points = hull[:1]
    for left, right in pairwise(hull):
        for step in range(1, 21):
            share = (step / 20) ** 3  # closer together where the logarithm bends
            points.append(
                (left[0] + share * (right[0] - left[0]), left[1] + share * (right[1] - left[1]))
            )
    return points


def _slope(left: Point, right: Point) -> float:
    return (right[1] - left[1]) / (right[0] - left[0]) if right[0] > left[0] else float("inf")


def _learning_curve(figures: Figures) -> str:
    curve = figures.learning_curve
    best = max(
        (line for line in figures.rows if line.name.startswith("single:")),
        key=lambda line: line.quality.mean,
    )
    ends = (curve[0].task, curve[-1].task)
    flat = {"best single model": best, "best mixture": _named(figures, "mixture")}
    series = [
        Series(
            name, [(end, line.quality.mean) for end in ends], "dashes", COLOURS[1 + number]
        )
        for number, (name, line) in enumerate(flat.items())
    ]  # fmt: skip
    series.insert(0, _band(curve))
    series.append(Series(OURS, [(block.task, block.quality.mean) for block in curve]))
    return plot(series, x="task", y="mean score")


def _band(curve: Sequence[Block]) -> Series:
    upper, lower = [], []
    for block in curve:
        found = block.quality
        upper.append((block.task, found.mean if found.high is None else min(found.high, 1.0)))
        lower.append((block.task, found.mean if found.low is None else max(found.low, 0.0)))
    return Series("", upper, "band", lower=lower)


def _so_far(found: InBlocks) -> str:
    series = []
    columns = list(zip(*(order.checkpoints for order in found.orders), strict=True))
    if not columns:
        return "<p>Too few tasks.</p>"
    means = [[at.mean for at in column] for column in columns]
    tasks = [float(column[0].task) for column in columns]
    upper, lower = ([side(mean) for mean in means] for side in (max, min))
    series.append(Series("", _points(tasks, upper), "band", lower=_points(tasks, lower)))
    series.append(Series(OURS, _points(tasks, [sum(mean) / len(mean) for mean in means])))
    bounds = {
        "lowest": [sum(at.lowest for at in column) / len(column) for column in columns],
        "highest": [sum(at.highest for at in column) / len(column) for column in columns],
    }
    for name, values in bounds.items():
        series.append(Series(name, _points(tasks, values), "dashes", COLOURS[-1]))
    target = [(task, found.target) for task in tasks]
    series.append(Series("target", target, "dashes", COLOURS[1]))
    return plot(series, x="task", y="mean score so far")


def _points(tasks: Sequence[float], values: Sequence[float]) -> list[Point]:
    return list(zip(tasks, values, strict=True))


def _named(figures: Figures, name: str) -> Line:
    return next(line for line in figures.rows if line.name == name)


def _thresholds(figures: Figures) -> str:
    if not figures.thresholds:
        return "<p>No threshold was ever set.</p>"
    tiers = sorted({tier for moved in figures.thresholds for tier in moved.thresholds})
    tasks = sorted({moved.task for moved in figures.thresholds})
    last = figures.tasks + figures.learned
    series = []
    for number, tier in enumerate(tiers):
        means = [_mean_threshold(figures, tier, task) for task in (*tasks, last)]
        points = [
            (float(task), mean)
            for task, mean in zip((*tasks, last), means, strict=True)
            if mean is not None
        ]
        series.append(Series(f"tier {tier}", points, "steps", COLOURS[number % len(COLOURS)]))
    return plot(series, x="task", y="threshold")


def _mean_threshold(figures: Figures, tier: str, task: int) -> float | None:
    """What is in force at a task, over orders."""
    found: dict[int, float] = {}
    for moved in figures.thresholds:
        if moved.task <= task and tier in moved.thresholds:
            found[moved.seed] = moved.thresholds[tier]
    return sum(found.values()) / len(found) if found else None


def _calibration(figures: Figures) -> str:
    held = [
        (found.predicted, found.scored, found.tasks)
        for found in figures.calibration.bins
        if found.predicted is not None and found.scored is not None
    ]
    labels = [f"{tasks} tasks: predicted {x:.3f}, scored {y:.3f}" for x, y, tasks in held]
    series = [
        Series("perfect", DIAGONAL, "dashes", COLOURS[-1]),
        Series("", [(x, y) for x, y, _ in held], "line"),
        Series(OURS, [(x, y) for x, y, _ in held], "dots", labels=labels),
    ]
    return plot(series, x="predicted quality", y="mean score", y_span=(0.0, 1.0))


def _after_change(found: Adapting) -> str:
    points = [(WINDOW * number + WINDOW / 2, share) for number, share in enumerate(found.shares)]
    ends = [(0.0, found.before), (float(WINDOW * len(found.shares)), found.before)]
    series = [
        Series("before", ends, "dashes", COLOURS[-1]),
        Series(found.model, points, "line"),
    ]
    return plot(series, x="tasks after the change", y="share", y_span=(0.0, 1.0))


def _paces(figures: Figures) -> str:
    weak, strong = sorted(
        line.quality.mean for line in figures.rows if line.name.startswith("single:")
    )
    points = [
        (pace.share.mean, (pace.quality.mean - weak) / (strong - weak)) for pace in figures.paces
    ]
    curve = [(0.0, 0.0), *sorted(points), (1.0, 1.0)]
    labels = [f"pace {pace.ceiling:.3f}: share {pace.share.mean:.3f}" for pace in figures.paces]
    series = [
        Series("random", DIAGONAL, "dashes", COLOURS[-1]),
        Series("", curve, "line"),
        Series(OURS, points, "dots", labels=labels),
    ]
    return plot(series, x="share of strong calls", y="gap recovered")
