"""Plots: marks lie where the axes say, inside the picture, and the text is well-formed XML."""

import re
from html.parser import HTMLParser

import pytest

from streams.rig.benchmark.plot import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Scale,
    Series,
    decades,
    plot,
    ticks,
)


class Marks(HTMLParser):
    """Every element of a picture, and those that were never closed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def marks(svg: str, tag: str) -> list[dict[str, str | None]]:
    parser = Marks()
    parser.feed(svg)
    assert parser.open == []
    return [attributes for name, attributes in parser.found if name == tag]


def test_a_scale_maps_its_ends_to_the_edges() -> None:
    scale = Scale(10, 20, 100, 300)
    assert [scale.at(value) for value in (10, 15, 20)] == [100, 200, 300]
    log = Scale(0.01, 1, 0, 100, log=True)
    assert [log.at(value) for value in (0.01, 0.1, 1)] == pytest.approx([0, 50, 100])


def test_dots_lie_inside_and_say_what_they_are() -> None:
    svg = plot(
        [Series("a", [(0.0, 0.0), (1.0, 1.0)], "dots", labels=("low <1>", "high"))], x="x", y="y"
    )
    places = [(float(dot["cx"] or 0), float(dot["cy"] or 0)) for dot in marks(svg, "circle")]
    (left, low), (right, high) = places
    assert LEFT < left < right < WIDTH - RIGHT
    assert TOP < high < low < HEIGHT - BOTTOM
    assert "low &lt;1&gt;" in svg


def test_steps_hold_a_value_until_the_next_one() -> None:
    svg = plot([Series("tier 1", [(0, 0.5), (10, 0.6), (20, 0.6)], "steps")], x="task", y="y")
    points = str(marks(svg, "polyline")[0]["points"]).split()
    places = [tuple(map(float, point.split(","))) for point in points]
    assert len(places) == 5
    assert places[0][1] == places[1][1] > places[2][1]
    assert places[1][0] == places[2][0]


def test_a_band_goes_there_and_back() -> None:
    svg = plot([Series("", [(0, 2), (1, 3)], "band", lower=[(0, 0), (1, 1)])], x="x", y="y")
    assert len(str(marks(svg, "polygon")[0]["points"]).split()) == 4


def test_equal_values_and_none_at_all_can_be_drawn() -> None:
    assert "NaN" not in plot([Series("flat", [(5, 0.5), (5, 0.5)])], x="x", y="y")
    assert plot([], x="x", y="y") == "<p>Nothing to draw.</p>"
    assert "circle" in plot([Series("one", [(1e-5, 0.5)], "dots")], x="x", y="y", log=True)


def test_every_number_on_a_logarithmic_axis_is_a_place() -> None:
    svg = plot([Series("a", [(1e-5, 0.1), (1e-2, 0.9)])], x="dollars", y="quality", log=True)
    assert re.findall(r'"middle">([\d.e-]+)<', svg)[:4] == ["1e-05", "2e-05", "5e-05", "0.0001"]


def test_ticks_are_round_and_lie_between_the_ends() -> None:
    assert ticks(0.13, 0.94) == [0.2, 0.4, 0.6, 0.8]
    assert ticks(-3, 7) == [-2, 0, 2, 4, 6]
    assert ticks(1.0, 1.0) == [1.0]
    assert decades(0.003, 0.3) == pytest.approx([0.005, 0.01, 0.02, 0.05, 0.1, 0.2])
