"""Plots as SVG, written by hand: axes, lines, bands, dots, steps. No library, no network."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

WIDTH, HEIGHT = 720, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 16, 44
TICKS = 6

COLOURS = ("#1f6feb", "#d1642a", "#2a9d5c", "#8250df", "#b08800", "#c2255c", "#0b7285", "#57606a")
"""In the order in which they are given away; the first is the router's."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """Something to be drawn.

    Args:
        name: For the legend.
        points: x and y, in the order drawn.
        kind: `line`, `dots`, `steps`, `dashes` (a thin line) or `band` (between points and `lower`).
        colour: Any of SVG's.
        lower: The other edge of a band.
        labels: One a dot.
    """

    name: str
    points: Sequence[Point]
    kind: str = "line"
    colour: str = COLOURS[0]
    lower: Sequence[Point] = ()
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """Values of an axis to places on the page; logarithmic where told."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Where a value lies, in pixels."""
        low, high, here = self.low, self.high, value
        if self.log:
            low, high, here = log10(low), log10(high), log10(max(value, self.low))
        share = (here - low) / (high - low) if high > low else 0.5
        return self.begin + share * (self.end - self.begin)


def plot(
    series: Sequence[Series], *, x: str, y: str, log: bool = False, y_span: Point | None = None
) -> str:
    """Draw one plot.

    Args:
        series: What is drawn, the first one below the others.
        x: What lies along the horizontal axis, with its unit.
        y: What lies along the vertical axis.
        log: Whether the horizontal axis is logarithmic; then nothing may lie at 0.
        y_span: Least and greatest of the vertical axis; None fits it to what is drawn.

    Returns:
        An `svg` element; of nothing to draw, a sentence.
    """
    every = [point for one in series for point in (*one.points, *one.lower)]
    if not every:
        return "<p>Nothing to draw.</p>"
    across = Scale(*_span([px for px, _ in every], log=log), LEFT, WIDTH - RIGHT, log)
    up = Scale(*(y_span or _span([py for _, py in every])), HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(y)} by {escape(x)}">',
        *_axes(across, up, x, y),
        *(mark for one in series for mark in _marks(one, across, up)),
        *_legend(series),
        "</svg>",
    ]
    return "\n".join(parts)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between two values, about six.

    Example:
        >>> ticks(0.0, 1.0)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if high <= low:
        return [low]
    raw = (high - low) / (TICKS - 1)
    power = 10.0 ** floor(log10(raw))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= raw * 0.999)
    first = int(-(-low // step))
    last = int(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten between two values above 0."""
    found = (
        each * 10.0**power
        for power in range(floor(log10(low)), floor(log10(high)) + 1)
        for each in (1, 2, 5)
    )
    return [value for value in found if low <= value <= high]


def _span(values: Sequence[float], *, log: bool = False) -> Point:
    low, high = min(values), max(values)
    if log:
        low = max(low, 1e-12)
        return low / 1.3, max(high, low) * 1.3
    room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    return low - room, high + room


def _axes(across: Scale, up: Scale, x: str, y: str) -> Iterator[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for value in ticks(up.low, up.high):
        at = up.at(value)
        yield f'<line class="grid" x1="{LEFT}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{value:g}</text>'
    marks = decades(across.low, across.high) if across.log else ticks(across.low, across.high)
    for value in marks:
        at = across.at(value)
        yield f'<line class="grid" x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{bottom}"/>'
        yield f'<text x="{at:.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>'
    yield f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x)}</text>'
    middle = (TOP + bottom) / 2
    yield (
        f'<text x="14" y="{middle}" text-anchor="middle" '
        f'transform="rotate(-90 14 {middle})">{escape(y)}</text>'
    )


def _marks(one: Series, across: Scale, up: Scale) -> Iterator[str]:
    places = [(across.at(px), up.at(py)) for px, py in one.points]
    if one.kind == "dots":
        yield from _dots(one, places)
        return
    if one.kind == "band":
        back = [(across.at(px), up.at(py)) for px, py in reversed(one.lower)]
        yield f'<polygon class="band" fill="{one.colour}" points="{_joined([*places, *back])}"/>'
        return
    if one.kind == "steps":
        places = list(_stepped(places))
    dashed = ' stroke-dasharray="4 3"' if one.kind == "dashes" else ""
    yield f'<polyline stroke="{one.colour}"{dashed} points="{_joined(places)}"/>'


def _dots(one: Series, places: Sequence[Point]) -> Iterator[str]:
    for number, (px, py) in enumerate(places):
        label = one.labels[number] if one.labels else one.name
        yield (
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="{one.colour}">'
            f"<title>{escape(label)}</title></circle>"
        )


def _stepped(places: Sequence[Point]) -> Iterator[Point]:
    for number, (px, py) in enumerate(places):
        if number:
            yield px, places[number - 1][1]
        yield px, py


def _legend(series: Sequence[Series]) -> Iterator[str]:
    named = [one for one in series if one.name and one.kind != "band"]
    for number, one in enumerate(named):
        at = TOP + 12 + 16 * number
        yield f'<rect x="{WIDTH - RIGHT + 12}" y="{at - 8}" width="10" height="10" fill="{one.colour}"/>'
        yield f'<text x="{WIDTH - RIGHT + 27}" y="{at + 1}">{escape(_short(one.name))}</text>'


def _short(name: str) -> str:
    last = name.rpartition("/")[2]
    return last if len(last) <= 20 else f"{last[:19]}…"  # noqa: PLR2004 (what fits beside the plot)


def _joined(places: Iterable[Point]) -> str:
    return " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
