"""Text, number and time tasks that tier 0 should answer, with answers from the standard library."""

import base64
import binascii
import hashlib
import re
import string
import urllib.parse
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from tests.chance import number, pick, share, some
from tests.sure_documents import WORDS
from tests.sure_task import Sure

SENTENCES = (
    "Order 1234 shipped on 2024-05-01, order 987 on 2024-05-09.", "Call 555-1234 or 555-9876 before 17:30.",
    "Send it to ann@example.org, bo.li@mail.example.com and cy@x.io.", "ERR-404 at line 12, ERR-500 at line 7",
    "The cat sat on the mat with a hat", "price: $12.50, tax: $1.25, total: $13.75", "v1.2.3 replaces v1.2.0",
    "aaa bbb aaab ab b", "see http://a.example/x and https://b.example/y?q=1", "#red #green-ish #blue_2",
)  # fmt: skip
PATTERNS = (
    r"\d+", r"\d{4}-\d{2}-\d{2}", r"[\w.]+@[\w.]+\.\w+", r"ERR-\d+", r"\b[a-z]at\b", r"\$\d+\.\d{2}", r"v\d+(?:\.\d+)*",
    r"a+b?", r"https?://\S+", r"#[\w-]+", r"[A-Z]\w*", r"\w+", r"[^ ]+", r"\d+?", r"(?:order|line) \d+", r"\S+\.$",
    r"[aeiou]{2}", r"\b\w{3}\b", r"a|aa|ab", r"[.,]", r"^\w+",
)  # fmt: skip


def regex_tasks(count: int) -> Iterator[Sure]:
    asks = (
        'Extract all matches of the regex `{0}` from "{1}"', "Find all matches of the regex `{0}` in this text: {1}",
        'List every match of the regular expression `{0}` in "{1}".', 'Extract all matches of the regex {0} from "{1}"',
        "Find all strings matching the pattern `{0}` in the following text:\n```\n{1}\n```",
        'Please extract everything that matches the regex `{0}` from the text "{1}".',
        'Use the regex `{0}` to extract all matches from "{1}"', 'Apply the regex `{0}` to "{1}" and list the matches',
    )  # fmt: skip
    made = 0
    for n in range(10 * count):
        pattern, text = pick(PATTERNS, "pattern", n), pick(SENTENCES, "sentence", n)
        found = re.findall(pattern, text)
        if not found or '"' in text:
            continue
        made += 1
        how = pick(("", "", "", " as a comma-separated list"), "how", n)
        if how and any("," in one for one in found):
            how = ""
        ask = pick(asks[:1] if how else asks, "ask", n)
        yield Sure("regex", ask.format(pattern, text) + how, (", " if how else "\n").join(found))
        if made == count:
            return


def template_tasks(count: int) -> Iterator[Sure]:
    templates = (
        "Dear {name}, your order of {thing} leaves {town} on {day}.", "Hello {name}!", "{thing}: {price} EUR",
        "{name} lives in {town}. {name} likes {thing}.", "Room {room}, {day}",
    )  # fmt: skip
    values = {
        "name": WORDS, "thing": ("a red kite", "two lamps", "tea"), "town": ("Oslo", "New Delhi", "Karn"),
        "day": ("Monday", "1 May"), "price": ("12.50", "7"), "room": ("12", "4"),
    }  # fmt: skip
    for n in range(count):
        template = pick(templates, "template", n)
        names = list(
            dict.fromkeys(name for _, name, _, _ in string.Formatter().parse(template) if name)
        )
        chosen = {name: pick(values[name], name, n) for name in names}
        wanted = template.format_map(chosen)
        left, right = pick((("{", "}"), ("{{", "}}"), ("${", "}")), "style", n)
        given = template.replace("{", "\0").replace("}", right).replace("\0", left)
        pairs = [f'{name} = "{value}"' for name, value in chosen.items()]
        listed = " and ".join(filter(None, (", ".join(pairs[:-1]), pairs[-1])))
        members = ", ".join(f'"{name}": "{value}"' for name, value in chosen.items())
        ask = pick(
            (
                f'Fill in the template "{given}" with {listed}.', f'Fill in this template: "{given}" with {listed}',
                f"Fill in the template `{given}` using {{{members}}}",
                f"Fill in this template with the values below.\n\nTemplate:\n{given}\n\nValues:\n{{{members}}}",
                f'Please complete the template "{given}" with the values {listed}. Thanks!',
                f'Render the template "{given}" with {listed}',
                f'Replace the placeholders in "{given}" using {listed}',
            ), "ask", n,
        )  # fmt: skip
        yield Sure("template", ask, wanted)


def list_tasks(count: int) -> Iterator[Sure]:
    for n in range(count):
        words = some(WORDS, number(3, 8, "words", n), "list", n)
        repeated = words + some(words, 2, "again", n)
        repeated = some(repeated, len(repeated), "mixed", n)
        numbers = [
            str(number(-50, 500, "number", n, at)) for at in range(number(3, 9, "numbers", n))
        ]
        numbers = list(dict.fromkeys(numbers))
        lines = pick((False, False, True), "lines", n)

        def written(items: list[str], lines: bool = lines) -> str:
            return "\n".join(items) if lines else ", ".join(items)

        def ask(*ways: str, n: int = n, items: list[str], lines: bool = lines) -> str:
            given = ("\n" if lines else " ") + written(items)
            return pick(ways, "way", n, *ways) + given

        yield Sure(
            "list",
            ask(
                "Sort this list alphabetically:", "Sort these words in alphabetical order:", "Please sort the following list:",
                "Alphabetize this list:", "Arrange these words alphabetically:", "sort the list below alphabetically:",
                items=words,
            ),
            written(sorted(words)),
        )  # fmt: skip
        yield Sure(
            "list",
            ask(
                "Sort these numbers in ascending order:", "Sort the following numbers:", "Sort this list of numbers from smallest to largest:",
                "Order these numbers from low to high:", items=numbers,
            ),
            written(sorted(numbers, key=int)),
        )  # fmt: skip
        yield Sure(
            "list",
            ask(
                "Sort these numbers in descending order:", "Sort this list from largest to smallest:",
                "Arrange the following numbers in descending order:", items=numbers,
            ),
            written(sorted(numbers, key=int, reverse=True)),
        )  # fmt: skip
        yield Sure(
            "list",
            ask(
                "Remove duplicates from this list:", "Remove the duplicates from the following list:", "Deduplicate this list:",
                "Dedupe these items:", "Delete duplicate items from this list:", items=repeated,
            ),
            written(list(dict.fromkeys(repeated))),
        )  # fmt: skip
        distinct = share("distinct", n) < 0.5
        counts = ("How many unique items are in this list:", "Count the unique values in this list:") if distinct else (
            "How many items are in this list:", "Count the items in the following list:"
        )  # fmt: skip
        yield Sure(
            "list",
            ask(*counts, items=repeated),
            str(len(set(repeated)) if distinct else len(repeated)),
        )


def count_tasks(count: int) -> Iterator[Sure]:
    for n in range(count):
        words = some(WORDS, number(3, 9, "words", n), "text", n)
        text = " ".join(words).capitalize() + "."
        yield Sure(
            "text_count",
            pick(
                (
                    'How many words are in "{0}"?', 'Count the words in this sentence: "{0}"', 'Count the number of words in "{0}"',
                    'How many words does "{0}" have?', "How many words are in the following text?\n```\n{0}\n```",
                ), "words", n,
            ).format(text),
            str(len(re.findall(r"\w+", text))),
        )  # fmt: skip
        word = pick(WORDS, "word", n)
        letter = pick(word, "letter", n)
        yield Sure(
            "text_count",
            pick(
                (
                    "How many {0}'s are in the word {1}?", 'How many times does the letter "{0}" appear in "{1}"?',
                    'How many times does the letter {0} occur in the word "{1}"?', 'Count the letter {0} in "{1}"',
                    "How many '{0}' are there in '{1}'?",
                ), "letters", n,
            ).format(letter, word),
            str(sum(char == letter for char in word)),
        )  # fmt: skip
        sentence = " ".join(words)
        yield Sure(
            "text_count",
            pick(
                (
                    'How many characters are in "{0}", including spaces?', 'Count the characters in "{0}" including spaces',
                    'How many characters including spaces are in "{0}"?',
                ), "chars", n,
            ).format(sentence),
            str(sum(1 for _ in sentence)),
        )  # fmt: skip
        yield Sure("text_count", f'How many vowels are in "{word}"?', str(len(re.findall("[aeiou]", word)))) if "y" not in word else Sure(
            "text_count", f'How many letters are in "{sentence}"?', str(len(re.findall(r"[a-z]", sentence)))
        )  # fmt: skip


HASHES: tuple[tuple[str, Callable[[bytes], str]], ...] = (
    ("MD5", lambda raw: hashlib.md5(raw).hexdigest()),  # noqa: S324 (asked for)
    ("SHA-1", lambda raw: hashlib.sha1(raw).hexdigest()),  # noqa: S324 (asked for)
    ("SHA-256", lambda raw: hashlib.sha256(raw).hexdigest()),
    ("SHA512", lambda raw: hashlib.sha512(raw).hexdigest()),
    ("sha3-256", lambda raw: hashlib.sha3_256(raw).hexdigest()),
    ("CRC32", lambda raw: f"{zlib.crc32(raw):08x}"),
)


def encoding_tasks(count: int) -> Iterator[Sure]:
    for n in range(count):
        text = " ".join(
            some(
                (*WORDS, "Größe", "naïve", "x=1&y=2", "50%", "東京", "a:b"),
                number(1, 4, "words", n),
                "text",
                n,
            )
        )
        encoded = binascii.b2a_base64(text.encode(), newline=False).decode()
        yield Sure(
            "encoding",
            pick(
                (
                    'Base64-encode "{0}"', 'Encode "{0}" in Base64', "Base64 encode this text: {0}", "Convert '{0}' to base64",
                    'What is the Base64 encoding of "{0}"?', "Encode the following text as base64:\n```\n{0}\n```",
                    'Please encode the string "{0}" to Base64. Return only the result.',
                ), "b64", n,
            ).format(text),
            encoded,
        )  # fmt: skip
        yield Sure(
            "encoding",
            pick(
                (
                    'Decode this Base64: "{0}"', "Decode this base64 string: {0}", 'Base64-decode "{0}"', "Decode `{0}` from base64",
                    "Base64 decode: {0}", "Convert this base64 to text: {0}", "What does the base64 string {0} decode to?",
                ), "d64", n,
            ).format(encoded),
            text,
        )  # fmt: skip
        percent = urllib.parse.quote(text, safe="")
        yield Sure(
            "encoding",
            pick(
                ('URL-encode "{0}"', "URL encode this string: {0}", 'Percent-encode "{0}"'),
                "url",
                n,
            ).format(text),
            percent,
        )
        if "%" in percent:
            yield Sure(
                "encoding",
                pick(
                    ('URL-decode "{0}"', "Decode this URL-encoded string: {0}", "URL decode: {0}"),
                    "unurl",
                    n,
                ).format(percent),
                text,
            )
        hexed = binascii.hexlify(text.encode()).decode()
        yield Sure(
            "encoding",
            pick(
                ('Convert "{0}" to hex', 'Hex-encode "{0}"', 'Encode "{0}" as hexadecimal'),
                "hex",
                n,
            ).format(text),
            hexed,
        )
        yield Sure(
            "encoding",
            pick(
                (
                    "Decode this hex string: {0}",
                    "Convert the hex {0} to text",
                    'Hex decode "{0}"',
                    "Convert this hex to ASCII: {0}",
                ),
                "unhex",
                n,
            ).format(hexed),
            text,
        )
        name, made = pick(HASHES, "hash", n)
        yield Sure(
            "encoding",
            pick(
                (
                    'What is the {1} hash of "{0}"?', "Compute the {1} of '{0}'", '{1} of "{0}"', 'Calculate the {1} checksum of "{0}"',
                    'Hash "{0}" with {1}',
                ), "hashed", n,
            ).format(text, name),
            made(text.encode()),
        )  # fmt: skip
        yield Sure(
            "encoding",
            f'Encode "{text}" in URL-safe Base64',
            base64.b64encode(text.encode(), altchars=b"-_").decode(),
        )


BASES = {
    "binary": 2,
    "octal": 8,
    "hexadecimal": 16,
    "hex": 16,
    "base 3": 3,
    "base 36": 36,
    "base-7": 7,
}


def base_tasks(count: int) -> Iterator[Sure]:
    for n in range(count):
        value = number(2, 10 ** pick((2, 4, 9), "size", n), "value", n)
        if set(str(value)) <= {"0", "1"}:
            value += 7
        name = pick(sorted(BASES), "base", n)
        wanted = np.base_repr(value, BASES[name]).lower()
        yield Sure(
            "base",
            pick(
                ("Convert {0} to {1}", "What is {0} in {1}?", "Convert the decimal number {0} to {1}.", "Convert {0} from decimal to {1}", "Express {0} in {1}", "Write {0} in {1} notation", "{0} in {1}?"),
                "ask", n,
            ).format(value, name),
            wanted,
        )  # fmt: skip
        yield Sure(
            "base",
            pick(
                ("Convert {1} {0} to decimal", "Convert {0} from {1} to decimal", "What is {1} {0} in decimal?", "Convert the {1} number {0} to base 10", "Convert {0} ({1}) to decimal"),
                "back", n,
            ).format(wanted, name),
            str(value),
        )  # fmt: skip
        yield Sure(
            "base",
            pick(("Convert 0x{0:x} to decimal", "What is 0x{0:x} in decimal?"), "hex", n).format(
                value
            ),
            f"{value:d}",
        )
        yield Sure("base", f"Convert 0b{value:b} to hex", f"{value:x}")


PLACES = (
    "New York",
    "Tokyo",
    "Berlin",
    "Sydney",
    "Kolkata",
    "London",
    "Sao Paulo",
    "Kathmandu",
    "Los Angeles",
)
KEYS = {
    "New York": "America/New_York", "Tokyo": "Asia/Tokyo", "Berlin": "Europe/Berlin", "Sydney": "Australia/Sydney",
    "Kolkata": "Asia/Kolkata", "London": "Europe/London", "Sao Paulo": "America/Sao_Paulo", "Kathmandu": "Asia/Kathmandu",
    "Los Angeles": "America/Los_Angeles",
}  # fmt: skip


def time_tasks(count: int) -> Iterator[Sure]:
    for n in range(count):
        moment = datetime(2001, 1, 1, 12, tzinfo=UTC) + timedelta(
            minutes=number(0, 12_000_000, "minutes", n)
        )
        first, second = some(PLACES, 2, "places", n)
        here, there = (
            moment.astimezone(ZoneInfo(KEYS[first])),
            moment.astimezone(ZoneInfo(KEYS[second])),
        )
        told = {
            "u": f"{moment:%Y-%m-%d %H:%M}",
            "h": f"{here:%Y-%m-%d %H:%M}",
            "p": first,
            "q": second,
            "k": KEYS[first],
            "l": KEYS[second],
        }
        yield Sure(
            "time_zone",
            pick(("What is {u} UTC in {q}?", "Convert {u} UTC to {l}", "Convert {u} from UTC to {q} time", "What time is {u} UTC in {q}?", "Convert {u} GMT to {l}."), "utc", n).format(**told),
            f"{there:%Y-%m-%d %H:%M}",
        )  # fmt: skip
        yield Sure(
            "time_zone",
            pick(("Convert {h} {p} time to {q} time", "What is {h} in {p} in {q}?", "Convert {h} from {k} to {l}", "If it is {h} in {p}, what time is it in {q}?"), "local", n).format(**told),
            f"{there:%Y-%m-%d %H:%M}",
        )  # fmt: skip
        yield Sure(
            "time_zone",
            f"Convert {here:%Y-%m-%d} {here:%I:%M %p} {KEYS[first]} to UTC",
            f"{moment:%Y-%m-%d} {moment.hour % 12 or 12}:{moment:%M %p}",
        )
        stamp = int(moment.timestamp())
        yield Sure(
            "time_zone",
            pick(
                ("Convert Unix timestamp {0} to UTC", "What is the epoch time {0} in UTC?"),
                "stamp",
                n,
            ).format(stamp),
            f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        )
        yield Sure(
            "time_zone", f"What is the Unix timestamp of {moment:%Y-%m-%dT%H:%M:%SZ}?", str(stamp)
        )
        clock = datetime(
            2024, 3, 3, number(6, 11, "hour", n), number(0, 59, "minute", n), tzinfo=UTC
        )
        yield Sure(
            "time_zone",
            f"Convert {clock:%H:%M} UTC to +05:30",
            f"{clock + timedelta(hours=5, minutes=30):%H:%M}",
        )
