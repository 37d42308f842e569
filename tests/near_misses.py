"""Prompts that look like a skill's and that tier 0 must leave to a model.

Two kinds: sure tasks with something more or something else asked around them, and prompts that are
ambiguous, broken, or in another language.
"""

from collections.abc import Iterator, Sequence

from tests.chance import pick
from tests.sure_task import Sure

AROUND = (
    "Explain how to do the following: {0}",
    "Explain step by step: {0}",
    "Write a Python function that does this: {0}",
    "What would a beginner get wrong here? {0}",
    "Why would anyone ask this? {0}",
    "{0}\n\nAlso explain your reasoning.",
    "{0}\n\nThen translate the result to French.",
    "{0}\nand explain why",
    "{0} and then tell me what it means",
    "{0}, but first tell me a joke",
    "Don't {0}",
    "Never {0}",
    "Is it a good idea to {0}",
    'My colleague said: "{0}". What did he mean?',
    "Bitte mach Folgendes: {0}",
    "{0} Erkläre bitte auch, warum.",
    "Peux-tu m'expliquer ceci : {0}",
    "{0}\n{0}",
    "Compare the result of this with the original: {0}",
    "{0} Use your own words.",
    "{0} in your own words and style",
    "{0} (the shorter the better)",
    "Rewrite this prompt so that it is clearer: {0}",
    "{0}\n\nNote: the input above is only an example, use the attached file.",
)  # fmt: skip

ODD = """
Format this XML: <a><b></a>
Format this XML: <a>text <b>bold</b> more</a>
Format this XML: <!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>
Format this XML: <a>&undeclared;</a>
Format this XML: <a/><b/>
Format this XML: <a b=1/>
Format this XML: <a xml:space="preserve"> <b/> </a>
Format this XML: <a><![CDATA[x]]></a>
Format this XML and remove the comments: <a><!-- x --></a>
Fix this XML: <a><b></a>
Is this XML valid? <a/>
Validate this XML: <a/>
Minify this XML: <a><!-- keep? --></a>
Format this HTML: <p>hi</p>
Explain this XML: <a><b>1</b></a>
Convert this XML to JSON: <a id="1"><b>x</b></a>
Convert this XML to JSON: <a><b>1</b></a>
Convert this XML to JSON: <a><b/></a>
Convert this XML to JSON: <a><b>x</b><c>z</c><b>w</b></a>
Convert this XML to a Python dictionary: <a><b>x</b></a>
Convert this XML to CSV: <a><b>x</b></a>
Convert this JSON to XML: {"a": 1, "b": 2}
Convert this JSON to XML: [1, 2]
Convert this JSON to XML: {"a": {"b": null}}
Convert this JSON to XML: {"a": {"1b": "x"}}
Convert this JSON to CSV: {"a": 1}
Convert this JSON to CSV: [{"a": 1, "b": 2}, {"b": 3, "a": 4}]
Convert this JSON to CSV: [{"a": [1], "b": 2}]
Convert this JSON to CSV: [{"a": "", "b": null}]
Convert this JSON to YAML: {"a": 1,}
Convert this JSON to YAML: {"a": 1e400}
Convert this JSON to YAML with comments: {"a": 1}
Convert this JSON to TOML: {"a": 1}
Convert this JSON schema to a Pydantic model: {"type": "object"}
Convert this JSON to JSON: {"a": 1}
Convert this YAML to JSON:|a: no
Convert this YAML to JSON:|when: 2024-01-01
Convert this YAML to JSON:|mode: 0644
Convert this YAML to JSON:|time: 12:30
Convert this YAML to JSON:|a: &x 1|b: *x
Convert this YAML to JSON:|a: !!str 1
Convert this YAML to JSON:|a: !!python/object/apply:os.system ["ls"]
Convert this YAML to JSON:|a: 1|a: 2
Convert this YAML to JSON:|1: x
Convert this YAML to JSON:|a: 1|---|b: 2
Convert this YAML to JSON:|<<: {a: 1}
Convert this YAML to JSON:|a: [1, 2
Convert this YAML to JSON:|just some words
Convert this YAML to JSON:|a: 1||Note: keep it short
Convert this YAML to JSON:|a: 1e3
Format this YAML:|a: 1 # comment
Format this YAML:|a: &b {c: 1}
Format this YAML:|a: "x|  y"
Fix this YAML:|a:b
Convert this CSV to JSON:|name,age|Ann,3
Convert this CSV to JSON:|name,ok|Ann,true
Convert this CSV to JSON:|name,town|Ann,
Convert this CSV to JSON:|name,town|Ann,Oslo,Norway
Convert this CSV to JSON:|name|Ann
Convert this CSV to JSON:|name,name|Ann,Bo
Convert this CSV to JSON:|1,2|3,4
Convert this CSV to JSON grouped by town:|name,town|Ann,Oslo
Convert this CSV to JSON with snake_case keys:|First Name,town|Ann,Oslo
Convert this CSV to JSON:|name,town|Ann,Oslo|Thanks!
Convert this CSV to JSON:|name,town|Ann,Oslo and explain why
Convert this CSV to XML:|name,town|Ann,Oslo|Bo,Rome
Convert this CSV to SQL:|name,town|Ann,Oslo
Convert this CSV to a chart:|name,town|Ann,Oslo
Format this CSV:|name,town|Ann,Oslo
Summarize this CSV:|name,town|Ann,Oslo
Convert this CSV to a Markdown table:|name,town|a|b,Oslo
Extract all matches of the regex `(a+)+b` from "aaaab"
Extract all matches of the regex `(\\d+)-(\\d+)` from "1-2"
Extract all matches of the regex `(?<=a)b` from "ab"
Extract all matches of the regex `\\1` from "ab"
Extract all matches of the regex `a*` from "aa"
Extract all matches of the regex `[` from "a["
Extract all matches of the regex `zzz` from "abc"
Extract all matches of the regex `é` from "é"
Extract all matches of the regex `\\w+` from "Größe"
Extract all matches of the regex `a++` from "aa"
Extract all matches of the regex `(?i)a` from "A"
Extract all matches of the regex `a` from "abc" ignoring case
Extract all email addresses from "ann@example.org"
Explain the regex `\\d+`
Write a regex that matches "12"
Extract the names from this text: Ann met Bo.
Replace all matches of the regex `a` with "b" in "aaa"
Does the regex `a+` match "aaa"?
Fill in the template "Dear {name}" with city = "Oslo"
Fill in the template "Dear {name} of {town}" with name = "Ann"
Fill in the template "Dear {name}" with name = "Ann" and town = "Oslo"
Fill in the template "Dear {name}" with name = "{town}"
Fill in the template "Dear {name}" with a suitable name
Fill in the template "Dear {name} of {{town}}" with name = "Ann" and town = "Oslo"
Fill in the template "Dear NAME" with NAME = "Ann"
Write a template for a letter with {name}
Fill in this template with made-up values: "Dear {name}"
Sort this list: banana, apple, Cherry
Sort this list: item10, item9, item1
Sort this list: 10, nine, 8
Sort this list: ice cream, iceberg, ice
Sort this list: 1.0, 1, 2
Sort this list by length: aaa, b, cc
Sort this list: b, a and explain why
Sort this list of dicts by age: [{"age": 3}, {"age": 1}]
Sort these movies by release date: Alien, Jaws
Sort this list: pears, plums and apples
Sort this list: été, eau
Sort this list using bubble sort and show the steps: 3, 1, 2
Sort this list randomly: b, a
Sort the following words by importance: b, a
Order: two pizzas, one cola
Order pizza: one, two
Remove duplicates from this list: Ann, ann
Remove duplicates from this list: a, a , A
Remove duplicates from this list and sort it: b, a, b
Count the fruits in this list: apple, carrot, pear
How many people are in this list: Ann, Rex the dog
How many items are in this list:
How many words are in "well-known state-of-the-art"?
How many words are in "Hello - world"?
How many words are in "3.5 apples/pears"?
How many characters are in "hello world"?
How many characters are in "é"?
How many letters r are in strawberry jam?
How many times does "a" appear in "Banana And"?
How many times does the word "cat" appear in "cat concatenates"?
How many vowels are in "rhythm"?
How many sentences are in "Hi. Dr. No is here."?
How many words are in the English language?
How many words should an essay have?
How many syllables are in "banana"?
How many words in "a b" rhyme?
Count the words in the text above.
Count to ten
How many r's are in this prompt?
Base64-encode the attached file
Decode this Base64: "aGVsbG8"
Decode this Base64: "aGVsbG9="
Decode this Base64: "/////w=="
Decode this Base64: "AAEC"
Decode this: "aGVsbG8="
Explain Base64 encoding of "hello"
Is "aGVsbG8=" Base64?
URL-encode "https://a.example/x?y=1"
URL-encode "a/b"
URL-encode "it's (ok)!"
URL-decode "a+b"
URL-decode "100%"
URL-decode "%ff%fe"
Encode "hello"
Encode "hello" with rot13
Encode "hello" in base64 and hex
Base64-encode "a\\nb"
Base64-encode: hello and then decode it
Base64 encode: Is this a test?
Hash "hello"
Hash "password" with bcrypt
What is MD5?
Is MD5 of "a" secure?
Crack the MD5 hash "5d41402abc4b2a76b9719d911017c592"
Decrypt "aGVsbG8="
Convert the hex "ff" to decimal and text
Convert 1010 to hex
Convert 0101 to decimal
Convert -5 to binary
Convert 3.5 to binary
Convert ff to decimal
Convert 255 to 16-bit binary
Convert 12 from binary to decimal
Convert 10 to decimal
Convert 10 to base 1
Convert 10 to base 64
Convert 255 to binary and explain
Convert IV to decimal
Convert 5 to binary using recursion
What is 0x1g in decimal?
Convert 0x1F from octal to decimal
How do I convert 255 to binary?
What is binary?
What is 3 PM EST in Tokyo?
What is 15:00 UTC in New York?
What is 2024-07-01 15:00 in New York?
What is 2024-03-10 02:30 New York in UTC?
What is 2024-11-03 01:30 New York in UTC?
What is 2024-07-01 15:00 BST in UTC?
What is 01/02/2024 15:00 UTC in Tokyo?
What is 2024-02-30 15:00 UTC in Tokyo?
What is 2024-07-01 25:00 UTC in Tokyo?
What is 2024-07-01 15:00 UTC in Springfield?
What is 2024-07-01 15:00 UTC in Atlantis?
What is 2024-07-01 15:00 UTC in Eastern time?
What is 2300-07-01 15:00 UTC in Tokyo?
What time is it in Tokyo?
What is the time difference between Oslo and Tokyo?
What is 23:30 UTC in +05:30?
Convert Unix timestamp 1700000000 to local time
Schedule a call at 2024-07-01 15:00 UTC in Tokyo
Wandle dieses CSV in JSON um:|name,ort|Ann,Oslo
Sortiere diese Liste: b, a
Convertis ce JSON en YAML : {"a": 1}
Convierte este JSON a YAML: {"a": 1}
Wie viele Wörter sind in "ein Haus"?
Convert this CSV a JSON por favor:|name,town|Ann,Oslo
Sort diese Liste alphabetisch: b, a
Codifica "hello" en base64
""".strip().split("\n")


def odd() -> Iterator[str]:
    """Prompts that a skill knows by their words and not by their sense; `|` is a line end."""
    for line in ODD:
        yield line.replace("|", "\n").replace("\\\\", "\\")


def around(tasks: Sequence[Sure], each: int) -> Iterator[str]:
    """Sure tasks with more, or something else, asked around them."""
    for number, task in enumerate(tasks):
        for turn in range(each):
            yield pick(AROUND, "around", number, turn).format(task.prompt)
