"""Which questions about dates are answered, to the letter, and which are left."""

import pytest

from streams.tier0.dates import reckon_dates

ANSWERED = {
    "How many days are between 2024-01-01 and 2024-03-01?": "60 days",
    "How many days are there from 2023-12-31 to 2024-01-01?": "1 day",
    "How many days between January 1, 2024 and 1 March 2024?": "60 days",
    "How many weeks are between 2024-01-01 and 2024-02-26?": "8 weeks",
    "What is the number of days between 2024-03-01 and 2024-01-01?": "60 days",
    "What day of the week is 2024-02-29?": "Thursday",
    "Which weekday was July 20, 1969?": "Sunday",
    "On what day of the week did 2000-01-01 fall?": "Saturday",
    "What date is 30 days after 2024-01-31?": "2024-03-01",
    "What is the date 2 weeks before 2024-03-01?": "2024-02-16",
    "Add 90 days to 2023-12-01.": "2024-02-29",
    "Subtract 1 day from 2024-03-01": "2024-02-29",
    "2024-02-28 + 2 days": "2024-03-01",
    "Add 3 months to 2024-11-15": "2025-02-15",
    "Is 2024 a leap year?": "Yes",
    "Was 1900 a leap year?": "No",
    "How many days are in February 2023?": "28 days",
    "How many days does 2024 have?": "366 days",
    "Please tell me: what day of the week is the 4th of July 2026?": "Saturday",
}

LEFT = (
    "How many days are between 2024-01-01 and 2024-03-01, and which is a holiday?",
    "How many days until 2030-01-01?",
    "How many days are between 01/02/2024 and 03/02/2024?",
    "How many business days are between 2024-01-01 and 2024-03-01?",
    "How many days from 2024-03-01 to 2024-01-01?",
    "How many weeks are between 2024-01-01 and 2024-02-27?",
    "How many days are between 2024-01-01 and 2024-03-01 inclusive?",
    "Add 1 month to 2024-01-31",
    "What day of the week is 2023-02-29?",
    "What day of the week is 2024-13-01?",
    "What day of the week was 1492-10-12?",
    "Is next year a leap year?",
    "Is 2024 a leap year and why?",
    "Add 999999 weeks to 2024-01-01",
    "What day is it today, 2024-02-29?",
    "What happened on 2001-09-11?",
    "Why was 1900 not a leap year?",
    "How many days are in 2024 weeks?",
)


@pytest.mark.parametrize(("prompt", "expected"), ANSWERED.items())
def test_a_question_about_dates_is_answered(prompt: str, expected: str) -> None:
    assert reckon_dates(prompt) == expected


@pytest.mark.parametrize("prompt", LEFT)
def test_a_date_in_doubt_is_left_to_a_model(prompt: str) -> None:
    assert reckon_dates(prompt) is None
