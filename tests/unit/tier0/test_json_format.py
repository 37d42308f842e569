"""Which prompts the JSON skill answers, to the letter, and which it leaves."""

import pytest

from streams.tier0.json_format import format_json

PRETTY = '{\n  "b": 1.50,\n  "a": [\n    true,\n    null\n  ]\n}'

ANSWERED = {
    'Format this JSON: {"b":1.50,"a":[true,null]}': PRETTY,
    'Pretty-print this JSON: {"b": 1.50, "a": [true, null]}': PRETTY,
    'Please format the following JSON document.\n\n{"b":1.50,\n"a":[true,null]}': PRETTY,
    'Can you prettify the JSON below?\n{"b":1.50,"a":[true,null]}': PRETTY,
    'Beautify this JSON:\n```json\n{"b":1.50,"a":[true,null]}\n```': PRETTY,
    'Format the JSON below\n```\n{"b":1.50,"a":[true,null]}\n```\nThanks!': PRETTY,
    'pretty print: {"b":1.50,"a":[true,null]}': PRETTY,
    'Make this JSON readable: {"b":1.50,"a":[true,null]}': PRETTY,
    '{"b":1.50,"a":[true,null]}\n\nPlease pretty-print this JSON.': PRETTY,
    '{"b":1.50,"a":[true,null]}\n\nPretty-print this JSON.': PRETTY,
    'Format this JSON with 4-space indentation: {"a":{"b":[]},"c":{}}': (
        '{\n    "a": {\n        "b": []\n    },\n    "c": {}\n}'
    ),
    "Indent this JSON using tabs: [1]": "[\n\t1\n]",
    'Format this JSON and sort the keys: {"b":{"d":1,"c":2},"a":0}': (
        '{\n  "a": 0,\n  "b": {\n    "c": 2,\n    "d": 1\n  }\n}'
    ),
    'Sort the keys of this JSON object alphabetically: {"b":1,"a":2}': '{\n  "a": 2,\n  "b": 1\n}',
    'Minify this JSON: { "a" : 1e400 , "b" : "x y" }': '{"a":1e400,"b":"x y"}',
    "Put this JSON on one line: [\n1,\n-0.10]": "[1,-0.10]",
    'Compact the following JSON: {"é": "\\u00e9\\"", "a": 1, "a": 2}': '{"é":"\\u00e9\\"","a":1,"a":2}',
    'Format this JSON: `[{"a":12345678901234567890.10}]`': (
        '[\n  {\n    "a": 12345678901234567890.10\n  }\n]'
    ),
    'Format this JSON: {"a":1}. Return only the formatted JSON.': '{\n  "a": 1\n}',
}  # fmt: skip

LEFT = (
    'Format this JSON and explain what it does: {"a":1}',
    'Format this JSON: {"a":1} and explain it',
    'Format this JSON: {"a":1,}',
    "Format this JSON: {'a': 1}",
    'Format the JSON below.\n{"a": 1',
    "Format this JSON: {a: 1}",
    'Format this JSON: {"a": 01}',
    'Format this JSON: {"a": NaN}',
    'Format this JSON: {"a": 1} {"b": 2}',
    "Format this JSON:",
    "Format this text as JSON: name Ann, age 3 []",
    'Fix and format this JSON: {"a":1}',
    'Convert this JSON to YAML: {"a":1}',
    'Is this JSON pretty? {"a":1}',
    'Format this JSON:\n```python\n{"a":1}\n```',
    'Format this JSON: {"a":"\\x"}',
    'Format this JSON: {"a":"tab\there"}',
    'Sort the keys of this JSON: {"a":1,"a":2}',
    'Sort this JSON by keys: {"\\u0062":1,"a":2}',
    "Format this JSON: " + "[" * 5000 + "]" * 5000,
    'Remove the key a from this JSON: {"a":1}',
)


@pytest.mark.parametrize(("prompt", "expected"), ANSWERED.items())
def test_json_is_laid_out_as_asked(prompt: str, expected: str) -> None:
    assert format_json(prompt) == expected


@pytest.mark.parametrize("prompt", LEFT)
def test_json_in_doubt_is_left_to_a_model(prompt: str) -> None:
    assert format_json(prompt) is None
