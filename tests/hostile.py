"""Texts that are meant to cost a skill its time: each skill's requests with the worst payloads known."""

from collections.abc import Iterator

from streams.tier0.answer import TEXT_CHARS

BOMB = '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx">' + "".join(
    f'<!ENTITY x{n} "{f"&x{n - 1 or str()};" * 10}">' for n in range(1, 9)
) + "]><a>&x8;</a>"  # fmt: skip
ALIASES = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(8)
)

REQUESTS: dict[str, tuple[str, ...]] = {
    "json_format": ("Format this JSON: ", "Minify this JSON: ", "Sort the keys of this JSON: "),
    "sql_format": ("Format this SQL: select ", "Format this SQL: select a from t where "),
    "case": ("Convert to upper case: ", 'Convert "', "Convert to camelCase: "),
    "dates": ("How many days from 2024-01-01 to ", "What is 2024-02-29 + "),
    "units": ("Convert 5 ", "How many m in ", "Convert 1 km to "),
    "arithmetic": ("What is ", "Calculate ", "What is 2 + "),
    "xml_format": ("Format this XML: ", "Minify this XML: <a>", "Format this XML with 8 spaces: <a>"),
    "yaml_format": ("Format this YAML:\n", "Format this YAML:\na: ", "Format this YAML:\n```yaml\n"),
    "conversion": (
        "Convert this CSV to JSON:\na,b\n", "Convert this JSON to YAML: ", "Convert this YAML to JSON:\n",
        "Convert this XML to JSON: <a>", "Convert this JSON to CSV: [", "Convert this JSON to XML: ",
        "Convert this CSV to a Markdown table with all values as strings:\n",
    ),
    "regex": (
        'Extract all matches of the regex `(?:a+)+b` from "', "Extract all matches of the regex `", "Find all matches of the regex ",
        'Extract all matches of the regex `\\w+@` from "',
        'Extract all matches of the regex `[a-z0-9 ]{1,99}!` from "',
        'Extract all matches of the regex `.*.*.*x` from "', 'Extract all matches of the regex `(?:a|aa|a{2,9})+?$` from "',
    ),
    "template": ('Fill in the template "', 'Fill in the template "{a}" with ', "Fill in this template with the values below.\nTemplate:\n"),
    "list": ("Sort this list: ", "Remove duplicates from this list: ", "Sort this list alphabetically:\n", "How many unique items are in "),
    "text_count": ('How many words are in "', "How many ", "Count the letter r in '", "How many lines are in\n```\n"),
    "encoding": ('Base64-encode "', "Decode this Base64: ", 'URL-decode "', "Decode this hex string: ", 'What is the SHA-512 hash of "', "URL encode: "),
    "base": ("Convert ", "Convert 0x", "What is 0b"),
    "time_zone": ("What is ", "Convert 2024-01-01 10:00 ", "What is 10:00 UTC in ", "What time is 10:00 a"),
}  # fmt: skip

UNITS = (
    "[", "{", '{"a":', '"', "'", "\\", "(", "1", " ", "-", "*", "a ", ", ", "``` ", "--", "/*", "“", "a.", "\n", "a", "[1,", "1,", '"a":1,',
    "<a>", "<a/>", "<a b='c'/>", "<!--", "<!-- - -->", "<![CDATA[", "&amp;", "</a>", "<?x?>", "- ", "a: ", "a: 1\n", "- - ", "? ", "[a, ", "{a: ",
    "&a ", "*a ", "!!str ", "| ", "a,b\n", '"a","b"\n', ",", "\t", "x,y,z\n", "{a}", "{{a}}", "${a}", "{a} {", "%41", "%", "ff", "QUJD", "=", "é",
    "\u0301", "🙂", "\x00", "\u202e", "\ud800", "a+", "(?:", "a|", "[a-z]", "a{1,99}", "aa", " in", " to", " utc", " and", " of", "a-", "a_", "a/", "2024-01-01 ",
    "how many ", "the ", "=1, ", ":", "a=1, ", "?", ".", "please ", " thanks", " with", "select ", "(a", "then ",
)  # fmt: skip

WHOLE = (
    f"Format this XML: {BOMB}",
    f"Convert this XML to JSON: {BOMB}",
    f"Convert this YAML to JSON:\n{ALIASES}",
    f"Format this YAML:\n{ALIASES}",
    "Convert this YAML to JSON:\n```yaml\na: !!python/object/apply:time.sleep [9]\n```",
    "Format this JSON: " + '{"a":' * 99 + "[" + ",".join(["1"] * 3500) + "]" + "}" * 99,
    "Format this XML with 8 spaces: " + "<a>" * 39 + "<b/>" * 600 + "</a>" * 39,
    "Convert this JSON to XML: " + '{"r":' * 30 + '{"a":["x"' + ',"x"' * 1900 + "]}" + "}" * 30,
    "Convert this JSON to YAML: [" + ",".join(['{"a":"b"}'] * 700) + "]",
    "Convert this YAML to JSON:\n" + "\n".join(f"k{n}: [v, w]" for n in range(220)),
    "Format this YAML:\n" + "\n".join(f"k{n}: {{v: [w]}}" for n in range(99)),
    "Convert this CSV to JSON:\n" + "\n".join(["name,town", *["Ann,Oslo"] * 740]),
    "Convert this JSON to CSV: [" + ",".join(['{"a":"x","b":"y"}'] * 440) + "]",
    "Convert this XML to CSV:\n<r>" + "<p><a>x</a><b>y</b></p>" * 230 + "</r>",
    "Sort this list alphabetically: " + ", ".join("ab" * (n % 7 + 1) + chr(97 + n % 26) for n in range(300)),
    "Sort this list alphabetically: " + ", ".join(chr(97 + n % 26) + chr(97 + n // 26) * 3 for n in range(300)),
    "Sort these numbers: " + ", ".join(str(n * 7919 % 10007) for n in range(300)),
    'How many words are in "' + "word " * 3000 + '"?',
    'Base64-encode "' + "é " * 7900 + '"',
    'URL-encode "' + "é " * 7900 + '"',
    'URL-decode "' + "%41" * 5300 + '"',
    'Extract all matches of the regex `\\w+` from "' + "ab " * 700 + '"',
    'Fill in the template "' + "{a} " * 1900 + '" with a = "x"',
    "Format this SQL: select " + ", ".join(f"a{n}" for n in range(180)) + " from t",  # noqa: S608 (no query is run)
)  # fmt: skip


def hostile() -> Iterator[tuple[str, str]]:
    """The skill that each text is aimed at, and the text; also at lengths just below usual limits."""
    for skill, requests in REQUESTS.items():
        for request in requests:
            for unit in UNITS:
                for chars in (190, 2_300, 7_900, TEXT_CHARS):
                    text = (request + unit * (chars // len(unit) + 1))[:chars]
                    yield skill, text
                    if request.endswith(('"', "'", "`")):
                        yield skill, text[:-2] + request[-1] + "?" * (skill == "text_count")
    for text in WHOLE:
        yield "any", text
