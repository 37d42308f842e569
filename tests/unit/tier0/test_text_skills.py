"""What the skills on text, numbers and times answer, to the letter."""

import pytest

from streams.tier0 import zones
from streams.tier0.answer import answer

ANSWERED = {
    r'Extract all matches of the regex `\d+` from "order 12, item 7"': ("regex", "12\n7"),
    r'Extract the first match of the regex `[a-z]+` from "1 ab cd"': ("regex", "ab"),
    r'How many matches of the regex `a|b` are in "abc"?': None,
    r'Count the matches for the regex `[ab]` in "abc"': ("regex", "2"),
    r'Find all matches of the regex `\w+` in "a b" as a JSON array': ("regex", '["a", "b"]'),
    r'List all matches of the regex `\w+` in "a b" as a comma-separated list': ("regex", "a, b"),
    'Fill in the template "Dear {name}, see you in {town}." with name = "Ann" and town = "New Delhi"': (
        "template", "Dear Ann, see you in New Delhi.",
    ),
    'Render the template `{{n}} x {{ m }}` with n = 3, m = "four"': ("template", "3 x four"),
    'Fill in this template with the values below.\n\nTemplate:\nHi ${a}!\nBye.\n\nValues:\n{"a": "Bo"}': (
        "template", "Hi Bo!\nBye.",
    ),
    "Sort this list alphabetically: pear, apple, fig.": ("list", "apple, fig, pear"),
    "Sort these numbers in descending order: 1.5, -3, 20": ("list", "20, 1.5, -3"),
    "Sort this list in reverse alphabetical order: a, c, b": ("list", "c, b, a"),
    "Remove duplicates from this list:\nb\na\nb": ("list", "b\na"),
    "Reverse this list: a, b, c": ("list", "c, b, a"),
    "How many unique items are in this list: a, b, a?": ("list", "2"),
    'How many words are in "The cat sat, didn\'t it?"?': ("text_count", "5"),
    'Count the characters in "a b c" excluding spaces': ("text_count", "3"),
    "How many r's are in the word strawberry?": ("text_count", "3"),
    'How many times does the word "the" appear in "the end of the day"?': ("text_count", "2"),
    "How many lines are in this text?\n```\na\nb\nc\n```": ("text_count", "3"),
    'Base64-encode "héllo wörld"': ("encoding", "aMOpbGxvIHfDtnJsZA=="),
    "Decode this base64 string: aMOpbGxvIHfDtnJsZA==": ("encoding", "héllo wörld"),
    'Encode "a?>" in URL-safe Base64': ("encoding", "YT8-"),
    'URL-encode "a b&c=ü"': ("encoding", "a%20b%26c%3D%C3%BC"),
    "URL decode: a%20b%26": ("encoding", "a b&"),
    'Convert "hi" to hex': ("encoding", "6869"),
    "Decode this hex string: `68 69`": ("encoding", "hi"),
    'What is the MD5 hash of "hello"?': ("encoding", "5d41402abc4b2a76b9719d911017c592"),
    'CRC32 of "hello"': ("encoding", "3610a686"),
    'Base32 encode "hi"': ("encoding", "NBUQ===="),
    "Convert 255 to binary": ("base", "11111111"),
    "What is 0xFF in octal?": ("base", "377"),
    "Convert BEEF from hex to decimal": ("base", "48879"),
    "Convert the octal number 777 to hex": ("base", "1ff"),
    "Convert 35 to base 36": ("base", "z"),
    "What is 2024-07-01 15:00 UTC in New York?": ("time_zone", "2024-07-01 11:00"),
    "Convert 2024-01-01T23:30:15 Europe/Berlin to Asia/Tokyo": ("time_zone", "2024-01-02T07:30:15"),
    "Convert 2024-07-01 3 PM London time to Los Angeles time": ("time_zone", "2024-07-01 7:00 AM"),
    "Convert 10:00 UTC to +05:30": ("time_zone", "15:30"),
    "What time is 15:00 UTC on 2024-07-01 in Tokyo?": ("time_zone", "2024-07-02 00:00"),
    "Convert Unix timestamp 1700000000 to UTC": ("time_zone", "2023-11-14T22:13:20Z"),
    "Convert Unix timestamp 1700000000 to Asia/Tokyo": ("time_zone", "2023-11-15 07:13:20"),
}  # fmt: skip


@pytest.mark.parametrize(("prompt", "expected"), ANSWERED.items())
def test_text_is_treated_as_asked(prompt: str, expected: tuple[str, str] | None) -> None:
    found = answer(prompt)
    assert (found and (found.skill, found.output)) == expected


def test_every_zone_that_is_listed_has_its_rules() -> None:
    keys = set(zones._KEYS.values())
    assert len(keys) > 400
    assert all(zones.known_zone(key) is not None for key in keys)


@pytest.mark.parametrize(
    "named",
    ["eastern", "general", "east", "georgia", "san juan", "buenos aires", "est", "../etc/passwd"],
)
def test_a_name_of_several_places_is_no_zone(named: str) -> None:
    assert zones.known_zone(named) is None


def test_digits_keep_the_case_of_the_prompts() -> None:
    for digits, expected in (("AB", "4R"), ("ab", "4r")):
        found = answer(f"Convert {digits} from hex to base 36")
        assert found is not None
        assert found.output == expected
