"""The figures as a text for people: a table of ways, who did which share, calibration, time."""

from collections.abc import Iterator, Mapping, Sequence

from streams.rig.benchmark.blocks import NEAR, InBlocks
from streams.rig.benchmark.calibration import Calibration
from streams.rig.benchmark.change import Adapting
from streams.rig.benchmark.ends import Ends
from streams.rig.benchmark.figures import OURS, Figures, Line
from streams.rig.benchmark.intervals import Interval
from streams.rig.figures import plain

UNKNOWN = "-"
HEAD = ("", "quality", "", "regret", "$ a task", "at most", "APGR", "", "CPT50", "CPT80")


def render(figures: Figures) -> str:
    """Tell how it went, for a terminal of a hundred and ten columns.

    Args:
        figures: Of the whole benchmark.
    """
    parts = [
        _opening(figures),
        "\n".join(_aligned([HEAD, *(_cells(line) for line in figures.rows)])),
        "\n".join(_shares(figures)),
        "\n".join(_change(figures.change)),
        "\n".join(_ends(figures.ends)),
        "\n".join(_blocks(figures.blocks)),
        "\n".join(_calibration(figures.calibration)),
        "\n".join(_closing(figures)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def half(found: Interval | None, digits: int = 4) -> str:
    """Half the width of an interval, such as `±0.0012`; nothing of a single run."""
    if found is None or found.high is None:
        return ""
    return f"±{found.high - found.mean:.{digits}f}"


def _opening(figures: Figures) -> str:
    learned = f" after {figures.learned} that only teach" if figures.learned else ""
    orders = f"{figures.seeds} order{'s' if figures.seeds > 1 else ''}"
    text = (
        f"{figures.tasks} tasks measured{learned}, in {orders}; models: {', '.join(figures.models)}"
    )
    if figures.incomplete:
        text += f"\n{figures.incomplete} rows left out: without an outcome or a cost of some model"
    if figures.terms:
        told = ", ".join(f"{name} {value}" for name, value in figures.terms.items())
        text += f"\n{told}"
    return text


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.name,
        f"{line.quality.mean:.4f}",
        half(line.quality),
        f"{line.regret.mean:.4f}",
        f"{float(line.cost_usd.mean):.4g}",
        f"{float(line.cost_usd.max):.4g}",
        _number(line.apgr),
        half(line.gap.apgr, 3),
        _number(line.cpt50),
        _number(line.cpt80),
    )


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Names to the left, figures to the right; a column that holds nothing is left out."""
    columns = [
        column
        for column in zip(*rows, strict=True)
        if any(cell not in ("", UNKNOWN) for cell in column[1:])
    ]
    widths = [max(len(cell) for cell in column) for column in columns]
    for cells in zip(*columns, strict=True):
        first, *rest = cells
        padded = (f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))
        yield "  ".join((f"{first:<{widths[0]}}", *padded)).rstrip()


def _shares(figures: Figures) -> Iterator[str]:
    ours = figures.ours
    yield f"models: {told(ours.share)}"
    if ours.tiers:
        tiers = {f"tier {tier}": share for tier, share in ours.tiers.items()}
        yield f"tiers:  {told(tiers)}"
    for line in figures.rows:
        if line.name.startswith(f"{OURS}:"):
            yield f"at ${line.name.removeprefix(f'{OURS}:')}: {told(line.share)}"
    if set(figures.bound_by) - {UNKNOWN}:
        yield f"bound by: {told(figures.bound_by)}"
    over = [line for line in figures.rows if line.over_ceiling is not None]
    for line in over:
        passed = line.over_ceiling or 0.0
        said = "no order spent more" if not passed else f"an order spent {passed:.2%} more"
        yield f"ceiling ${plain(line.ceiling_usd)}: {said}" if line.ceiling_usd else said


def told(shares: Mapping[str, float]) -> str:
    """Shares in words, such as `small 61.0% · large 39.0%`."""
    return " · ".join(f"{name} {share:.1%}" for name, share in shares.items())


def _change(found: Adapting | None) -> Iterator[str]:
    if found is None:
        return
    said = "was not followed"
    if found.median is not None:
        worst = "some orders never" if found.worst is None else f"worst {found.worst}"
        said = f"followed after {found.median:g} tasks (median; {worst})"
    after = found.shares[-1] if found.shares else 0.0
    yield f"change: {found.change} of {found.model}, {said}; share {found.before:.1%} → {after:.1%}"


def _ends(found: Ends | None) -> Iterator[str]:
    if found is None:
        return
    first, last = (f"{one.mean:.4f} {half(one)}".strip() for one in (found.first, found.last))
    yield (
        f"first {found.tasks} tasks: {first}; last {found.tasks}: {last}; "
        f"lead over chance risen by {found.risen.mean:+.4f} {half(found.risen)}".rstrip()
    )


def _blocks(found: InBlocks | None) -> Iterator[str]:
    """Each order's worst checkpoint, beside what can be had at all."""
    if found is None:
        return
    size = "whole categories" if found.size is None else f"blocks of {found.size} of one category"
    orders = found.orders
    yield (
        f"target {found.target:g} through {size}, {found.passes} passes: the mean of all tasks so far "
        f"is never further off than {NEAR:g}, from the 3,000th task on, in {found.held} of {len(orders)} orders; "
        f"of one who knows the categories' means in {found.clairvoyant}, all blocks to come as well in {found.could}"
    )
    head = ("order", "worst", "clairvoyant", "foresight", "lowest", "highest", "$ a task", "bound", "changes", "variation", "a task")  # fmt: skip
    rows = [
        (
            str(order.seed),
            UNKNOWN if order.worst is None else f"{order.worst:.4f}",
            UNKNOWN if order.clairvoyant is None else f"{order.clairvoyant:.4f}",
            f"{order.foresight:.4f}",
            f"{max((at.lowest for at in order.checkpoints), default=0.0):.3f}",
            f"{min((at.highest for at in order.checkpoints), default=1.0):.3f}",
            f"{float(order.cost_usd):.4g}",
            f"{order.bound_by_target:.1%}",
            str(order.changes),
            f"{max(order.variation.values(), default=0.0):.2f}",
            f"{order.variation_a_task:.5f}",
        )
        for order in orders
    ]
    yield from _aligned([head, *rows])


def _calibration(found: Calibration) -> Iterator[str]:
    if found.error is None:
        return
    yield f"calibration: predictions are off by {found.error:.3f} on average"
    rows = [("predicted", "tasks", "mean", "scored")]
    rows += [
        (f"{bin_.low:.1f} to {bin_.high:.1f}", str(bin_.tasks), _number(bin_.predicted), _number(bin_.scored))
        for bin_ in found.bins
        if bin_.tasks
    ]  # fmt: skip
    yield from _aligned(rows)


def _closing(figures: Figures) -> Iterator[str]:
    decision, lesson = figures.decision_us, figures.lesson_us
    if decision.p50 is not None:
        yield f"a decision: {decision.p50:.0f} µs p50, {decision.p99:.0f} µs p99"
        if figures.between_us.p50 is not None:
            yield f"a decision between lessons: {figures.between_us.p50:.0f} µs p50"
    if lesson.p50 is not None:
        yield f"a lesson from a score: {lesson.p50:.0f} µs p50"
    if figures.bill_us.p50 is not None:
        yield f"a lesson from a bill: {figures.bill_us.p50:.0f} µs p50"
    if figures.snapshot_bytes:
        yield f"a model's snapshot: {figures.snapshot_bytes:,} bytes at most"
    if figures.seeds > 1:
        yield "± is half of a 95% interval over orders: how far order and draws move a figure."
