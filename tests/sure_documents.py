"""Document tasks that tier 0 should answer, with answers from the standard library and PyYAML.

Nothing here uses the skills' own code; phrasings are as people write them, not as a grammar does.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import yaml

from tests.chance import number, pick, share, some
from tests.sure_task import Sure

WORDS = (
    "oak", "harbour", "copper", "lantern", "meadow", "signal", "velvet", "quartz", "falcon", "timber",
    "orchid", "canyon", "ember", "willow", "summit", "pebble", "saffron", "thicket", "beacon", "marble",
)  # fmt: skip
FIELDS = (
    "name",
    "town",
    "colour",
    "size",
    "shelf",
    "owner",
    "status",
    "kind",
    "material",
    "origin",
)
TEXTS = (
    "yes", "3", "2024-05-01", "a: b", "# no comment", "- dash", "null", 'say "hi"', "line\nbreak", "café",
    "{x}", "x, y", "1e3", "", "it's", "007", "*star", "&and", "@home", "50%", "100 m", "🙂", "true", "~",
)  # fmt: skip


class Indented(yaml.SafeDumper):  # type: ignore[misc]  # untyped
    """PyYAML's own writer, with items below their key indented."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)


def to_yaml(value: object) -> str:
    written: str = yaml.dump(
        value,
        Dumper=Indented,
        sort_keys=False,
        allow_unicode=True,
        width=10_000,
        default_flow_style=False,
    )
    return written.rstrip("\n")


def to_json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def compact(value: object) -> str:
    return orjson.dumps(value).decode()


def same_yaml(value: object) -> Any:
    """Whether an answer is YAML for this value, with no flow collection in it."""
    return lambda output: yaml.safe_load(output) == value


def same_json(value: object) -> Any:
    return lambda output: output == to_json(value)


def tree(*cause: object, depth: int = 0, words: bool = True) -> Any:
    """A made-up document of words, numbers, truth values and lists."""
    kind = share(*cause, "kind")
    if depth == 0 or (kind < 0.3 and depth < 3):
        keys = some(FIELDS, number(2, 4, *cause, "keys"), *cause)
        return {key: tree(*cause, key, depth=depth + 1, words=words) for key in keys}
    if kind < 0.5 and depth < 3:
        return [
            tree(*cause, n, depth=depth + 1, words=words)
            for n in range(number(2, 3, *cause, "items"))
        ]
    if kind < 0.75:
        return pick(WORDS if words else TEXTS, *cause, "text")
    return pick(
        (number(-99, 999, *cause, "n"), True, False, None, number(1, 99, *cause, "d") / 4),
        *cause,
        "scalar",
    )


def table(*cause: object, typed: bool = False) -> tuple[list[str], list[list[str]]]:
    header = some(FIELDS, number(2, 4, *cause, "columns"), *cause)
    rows = [
        [
            str(number(1, 900, *cause, n, name)) if typed and at == 1
            else pick((*WORDS, "Ann, the baker", 'a "big" one', "two words"), *cause, n, name)
            for at, name in enumerate(header)
        ]
        for n in range(number(2, 5, *cause, "rows"))
    ]  # fmt: skip
    return header, rows


def separated(header: list[str], rows: list[list[str]], delimiter: str = ",") -> str:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    return written.getvalue().rstrip("\n")


def element(*cause: object, depth: int = 0, name: str = "catalog") -> ET.Element:
    made = ET.Element(name)
    for attribute in some(("id", "lang", "code"), number(0, 2, *cause, "attributes"), *cause, "a"):
        made.set(attribute, pick((*WORDS, "a > b", "x & y", "7"), *cause, attribute))
    if depth < 3 and (depth == 0 or share(*cause, "leaf") < 0.4):
        for n in range(number(1, 3, *cause, "children")):
            made.append(element(*cause, n, depth=depth + 1, name=pick(FIELDS, *cause, n, "name")))
    elif share(*cause, "empty") > 0.2:
        made.text = pick((*WORDS, "fish & chips", "1 < 2", "42"), *cause, "text")
    return made


def xml(made: ET.Element, indent: str | None = None) -> str:
    copy = ET.fromstring(ET.tostring(made))  # noqa: S314 (our own)
    if indent is not None:
        ET.indent(copy, indent)
    return ET.tostring(copy, encoding="unicode").replace(" />", "/>")


def plain_xml(value: Any, name: str) -> ET.Element:
    made = ET.Element(name)
    if not isinstance(value, dict):
        made.text = (
            {True: "true", False: "false"}.get(value, str(value))
            if isinstance(value, bool)
            else str(value)
        )
        return made
    for key, inner in value.items():
        for item in inner if isinstance(inner, list) else [inner]:
            made.append(plain_xml(item, key))
    return made


def flat(*cause: object) -> dict[str, Any]:
    """What XML can say without attributes: words, and lists of at least two of them."""
    keys = some(FIELDS, number(2, 4, *cause, "keys"), *cause)
    return {
        key: some(WORDS, number(2, 3, *cause, key), *cause, key) if share(*cause, key) < 0.3
        else {"part": pick(WORDS, *cause, key), "note": pick(WORDS, *cause, key, 2)} if share(*cause, key) < 0.5
        else pick(WORDS, *cause, key)
        for key in keys
    }  # fmt: skip


def fenced(label: str, document: str) -> str:
    return f"```{label}\n{document}\n```"


def xml_tasks(count: int) -> Iterator[Sure]:
    pretty = (
        "Format this XML: {0}", "Pretty-print this XML:\n{0}", "Please format the following XML document:\n\n{0}",
        "Beautify the XML below.\n{0}", "Indent this XML:\n{1}", "Can you prettify this XML?\n\n{1}\n\nThanks!",
        "Format this XML with an indent of 2 spaces:\n{0}", "Could you please pretty print the following XML:\n{1}",
        "Reformat this xml snippet: {0}", "I have some XML that is hard to read. Format it:\n{0}",
    )  # fmt: skip
    for n in range(count):
        made = element("xml", n)
        if n % 5 == 4:
            asked = pick(
                (
                    "Minify this XML:\n{0}",
                    "Minify the following XML:\n{1}",
                    "Compact this XML:\n{0}",
                ),
                "minify",
                n,
            )
            given, wanted = xml(made, "   "), xml(made)
        elif n % 7 == 6:
            asked = pick(
                ("Format this XML with 4 spaces:\n{0}", "Indent this XML with 4 spaces: {0}"),
                "wide",
                n,
            )
            given, wanted = xml(made), xml(made, "    ")
        else:
            asked, given, wanted = pick(pretty, "pretty", n), xml(made), xml(made, "  ")
        yield Sure("xml_format", asked.format(given, fenced("xml", given)), wanted)


def yaml_tasks(count: int) -> Iterator[Sure]:
    asks = (
        "Format this YAML:\n{0}", "Pretty-print this YAML:\n{1}", "Please format the following YAML:\n\n{1}",
        "Beautify this YAML document:\n{0}", "Reformat this YAML:\n{1}\n\nThanks!", "Tidy up this yaml:\n{0}",
        "Clean up the indentation of this YAML:\n{1}",
    )  # fmt: skip
    for n in range(count):
        value = tree("yaml", n)
        given = pick(
            (
                yaml.safe_dump(value, sort_keys=False, default_flow_style=True, width=10_000),
                yaml.safe_dump(value, sort_keys=False, indent=6),
                yaml.safe_dump(value, sort_keys=False),
            ), "form", n,
        ).rstrip("\n")  # fmt: skip
        yield Sure(
            "yaml_format", pick(asks, "ask", n).format(given, fenced("yaml", given)), to_yaml(value)
        )


CONVERT = (
    "Convert this {0} to {1}:\n{2}", "Convert the following {0} to {1}:\n\n{2}", "Turn this {0} into {1}:\n{3}",
    "Please convert this {0} data to {1}.\n\n{3}", "Can you transform the {0} below into {1}?\n{3}\nThanks!",
    "{0} to {1}:\n{2}", "Convert this {0} document into {1}. Return only the {1}.\n{3}",
    "Rewrite this {0} as {1}:\n{2}", "I need the following {0} in {1} format:\n{3}", "Translate this {0} to {1}:\n{3}",
)  # fmt: skip


def asked(n: int, source: str, target: str, document: str) -> str:
    label = source.lower()
    return pick(CONVERT, source, target, n).format(
        source, target, document, fenced(label, document)
    )


def tree_conversions(count: int) -> Iterator[Sure]:
    for n in range(count):
        value = tree("json to yaml", n, words=n % 2 == 0)
        yield Sure("conversion", asked(n, "JSON", "YAML", compact(value)), check=same_yaml(value))
        value = tree("yaml to json", n, words=n % 2 == 0)
        yield Sure(
            "conversion",
            asked(n, "YAML", "JSON", to_yaml(value)),
            check=same_json(value),
            given=value,
        )
        value = {"order": flat("xml", n)}
        written = xml(plain_xml(value["order"], "order"), "  ")
        yield Sure("conversion", asked(n, "JSON", "XML", compact(value)), written)
        yield Sure(
            "conversion",
            asked(n, "XML", "JSON", xml(plain_xml(value["order"], "order"))),
            to_json(value),
        )
        yield Sure("conversion", asked(n, "XML", "YAML", written), to_yaml(value))
        yield Sure("conversion", asked(n, "YAML", "XML", to_yaml(value)), written)


def table_conversions(count: int) -> Iterator[Sure]:
    for n in range(count):
        header, rows = table("table", n)
        given, records = (
            separated(header, rows),
            [dict(zip(header, row, strict=True)) for row in rows],
        )
        yield Sure("conversion", asked(n, "CSV", "JSON", given), to_json(records))
        yield Sure("conversion", asked(n, "CSV", "YAML", given), check=same_yaml(records))
        yield Sure("conversion", asked(n, "JSON", "CSV", compact(records)), given)
        header, rows = table("typed", n, typed=True)
        given, records = (
            separated(header, rows),
            [dict(zip(header, row, strict=True)) for row in rows],
        )
        strings = pick(
            (" with all values as strings", ", keeping all values as strings"), "strings", n
        )
        yield Sure("conversion", f"Convert this CSV to JSON{strings}:\n{given}", to_json(records))
        counted = [{**record, header[1]: int(record[header[1]])} for record in records]
        yield Sure(
            "conversion",
            f"Convert this CSV to JSON with numbers as numbers:\n{given}",
            to_json(counted),
        )
        yield Sure("conversion", asked(n, "JSON", "CSV", compact(counted)), given)
        simple = [[cell.replace(",", "").replace('"', "") for cell in row] for row in rows]
        yield Sure(
            "conversion", asked(n, "CSV", "TSV", separated(header, simple)), separated(header, simple, "\t")
        )  # fmt: skip
        lines = [header, ["---"] * len(header), *simple]
        wanted = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        yield Sure(
            "conversion",
            f"Convert this CSV to a Markdown table:\n{separated(header, simple)}",
            wanted,
        )
        people = {"row": [dict(zip(header, row, strict=True)) for row in simple]}
        written = xml(plain_xml(people, "rows"), "  ")
        yield Sure(
            "conversion",
            f"Convert this CSV to XML with root element rows and row element row:\n{separated(header, simple)}", written,
        )  # fmt: skip
        yield Sure("conversion", asked(n, "XML", "CSV", written), separated(header, simple))
