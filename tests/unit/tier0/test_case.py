"""Which prompts the case skill answers, to the letter, and which it leaves."""

import pytest

from streams.tier0.case import change_case

ANSWERED = {
    'Convert "hello world" to upper case': "HELLO WORLD",
    "Convert 'Hello World' to lowercase.": "hello world",
    "Please convert the string `user profile id` to camelCase": "userProfileId",
    'Change "hello world" to UPPERCASE.': "HELLO WORLD",
    'Turn "UserProfileId" into snake_case': "user_profile_id",
    'What is "hello world" in kebab-case?': "hello-world",
    "Convert hello_world to PascalCase": "HelloWorld",
    "Convert the variable name maxRetryCount to SCREAMING_SNAKE_CASE": "MAX_RETRY_COUNT",
    "Convert the following text to title case: hello big world": "Hello Big World",
    "Convert to upper case: Grüße, it's late!": "GRÜSSE, IT'S LATE!",
    "Could you convert this to lower case:\n```\nLINE One\nLINE Two\n```": "line one\nline two",
    "Uppercase this: hello there": "HELLO THERE",
    'Write "parseHTTPResponse2" in snake case': "parse_http_response2",
    "Convert 'HELLO WORLD' to title case": "Hello World",
    'Convert "USER_ID" to camel case': "userId",
    "Convert “smart quotes” to upper case": "SMART QUOTES",
    'Transform the phrase "don\'t stop" to Title Case': "Don't Stop",
}

LEFT = (
    'Convert "hello world" to upper case and translate it to French',
    'Convert "hello world" to upper case. Then reverse it.',
    "Convert the following to upper case: hello world. Then explain why.",
    "Convert the following to upper case: hello world and also count the letters",
    'Convert "the lord of the rings" to title case',
    'Convert "NASA launch" to title case',
    'Convert "well-known" to title case',
    'Convert "parse HTTP response" to camelCase',
    'Convert "naïve idea" to snake_case',
    "Convert this to upper case",
    "Convert strings to lowercase",
    "Convert it to upper case",
    'Capitalize "hello world"',
    "What is the difference between upper case and lower case?",
    "Write a function that converts text to snake_case: def f(x)",
    "Convert the variable names in this file to camelCase",
    'Convert "a" and "b" to upper case',
    "Convert the following to lower case:\nLine One\nLine Two",
    'Convert "" to upper case',
    "Explain the court case: Smith v Jones",
    'Convert "2fast" to camelCase',
)


@pytest.mark.parametrize(("prompt", "expected"), ANSWERED.items())
def test_text_is_written_in_the_case_asked_for(prompt: str, expected: str) -> None:
    assert change_case(prompt) == expected


@pytest.mark.parametrize("prompt", LEFT)
def test_a_case_in_doubt_is_left_to_a_model(prompt: str) -> None:
    assert change_case(prompt) is None
