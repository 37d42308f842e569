"""What the document skills answer, to the letter; what they leave is in tests/near_misses.py."""

import pytest

from streams.tier0.answer import answer
from streams.tier0.documents import MAX_CHARS

ANSWERED = {
    'Format this XML: <a  x="1"   y=\'2\'><!-- c --><b>t&amp;u</b><c></c><d /></a>': (
        "xml_format",
        '<a x="1" y=\'2\'>\n  <!-- c -->\n  <b>t&amp;u</b>\n  <c></c>\n  <d/>\n</a>',
    ),
    'Pretty-print this XML with tabs:\n<?xml version="1.0"?><a><b/></a>': (
        "xml_format",
        '<?xml version="1.0"?>\n<a>\n\t<b/>\n</a>',
    ),
    "Minify this XML:\n<a>\n  <b>x y</b>\n</a>": ("xml_format", "<a><b>x y</b></a>"),
    "Format this YAML:\na:   {b: 1,c: [x,'y: z']}\nd:\n- 0o17\n- yes": (
        "yaml_format",
        "a:\n  b: 1\n  c:\n    - x\n    - 'y: z'\nd:\n  - 0o17\n  - yes",
    ),
    'Convert this JSON to YAML: {"a": [1.50, {"b": null, "c": "no"}], "e": {}, "f": "12:30"}': (
        "conversion",
        'a:\n  - 1.50\n  - b: null\n    c: "no"\ne: {}\nf: "12:30"',
    ),
    "Convert this YAML to JSON:\nname: Ann Lee\nok: true\nnote: |\n  two\n  lines": (
        "conversion",
        '{\n  "name": "Ann Lee",\n  "ok": true,\n  "note": "two\\nlines\\n"\n}',
    ),
    "Convert this CSV to JSON with numbers as numbers:\nname,age\nAnn,3\nBo,4": (
        "conversion",
        '[\n  {\n    "name": "Ann",\n    "age": 3\n  },\n  {\n    "name": "Bo",\n    "age": 4\n  }\n]',
    ),
    'Convert this JSON to CSV: [{"a": "x, y", "b": 1}, {"a": "say \\"hi\\"", "b": null}]': (
        "conversion",
        'a,b\n"x, y",1\n"say ""hi""",',
    ),
    "Turn this CSV into a Markdown table:\nname, age\nAnn, 3": (
        "conversion",
        "| name | age |\n| --- | --- |\n| Ann | 3 |",
    ),
    "Convert this CSV to XML with root people and row person:\nname,age\nAnn,3\nBo,4": (
        "conversion",
        ("<people>\n  <person>\n    <name>Ann</name>\n    <age>3</age>\n  </person>\n"
        "  <person>\n    <name>Bo</name>\n    <age>4</age>\n  </person>\n</people>"),
    ),
    "Convert this XML to YAML: <r><a>x &amp; z</a><b>v</b><b>w</b></r>": (
        "conversion",
        'r:\n  a: "x & z"\n  b:\n    - v\n    - w',
    ),
    "Convert this TSV to CSV:\n```\na\tb\nx, y\tz\n```": ("conversion", 'a,b\n"x, y",z'),
    "Convert this YAML to XML. Return only the XML.\n\n```yaml\nr:\n  a: [x, z]\n```": (
        "conversion",
        "<r>\n  <a>x</a>\n  <a>z</a>\n</r>",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("prompt", "expected"), ANSWERED.items())
def test_documents_are_written_as_asked(prompt: str, expected: tuple[str, str]) -> None:
    found = answer(prompt)
    assert found is not None
    assert (found.skill, found.output) == expected


def test_lines_may_end_in_the_way_of_windows() -> None:
    asked = "Convert this CSV to TSV:\na,b\nx,z"
    found = answer(asked.replace("\n", "\r\n"))
    assert found == answer(asked)
    assert found is not None


def test_a_document_over_the_limit_goes_up_a_tier() -> None:
    asked = "Convert this CSV to TSV:\nfirst,second\n"
    row = "some text,some more\n"
    fits = asked + row * ((MAX_CHARS - 400 - len(asked)) // len(row))
    assert answer(fits) is not None
    assert answer(fits + row * 50) is None


def test_the_largest_depth_of_xml_is_answered_and_one_more_is_not() -> None:
    assert answer(f"Format this XML: {'<a>' * 40}x{'</a>' * 40}") is not None
    assert answer(f"Format this XML: {'<a>' * 41}x{'</a>' * 41}") is None
