"""Which prompts the unit skill answers, to the letter, and which it leaves."""

import pytest

from streams.tier0.units import convert_units

ANSWERED = {
    "How many kilometers is 5 miles?": "8.04672 kilometers",
    "Convert 5 miles to kilometres": "8.04672 kilometres",
    "Convert 5 miles to km.": "8.04672 km",
    "Please convert 100 F to C": "37.7778 C",
    "What is 100 degrees Fahrenheit in degrees Celsius?": "37.7778 degrees Celsius",
    "-40°F in °C": "-40 °C",
    "How many feet are in a mile?": "5280 feet",
    "how many feet are there in one mile": "5280 feet",
    "1 lb to kg": "0.453592 kg",
    "Convert 5 feet 10 inches to cm": "177.8 cm",
    "How many minutes are in 2 hours and 30 minutes?": "150 minutes",
    "Convert 60 mph to km/h": "96.56064 km/h",
    "What is 36 km/h in m/s?": "10 m/s",
    "Convert 3 in to cm": "7.62 cm",
    "Convert 2.5 gallons to liters": "9.4635 liters",
    "Convert 1,234.5 grams to kilograms": "1.2345 kilograms",
    "Convert 5 GiB to MiB": "5120 MiB",
    "How many bits are in 3 bytes?": "24 bits",
    "Convert 8 megabits to megabytes": "1 megabytes",
    "Convert 1 GB to GiB": "0.931323 GiB",
    "Convert 26.2 miles to kilometers, rounded to 2 decimal places": "42.16 kilometers",
    "Convert 1 mile to feet to the nearest whole number": "5280 feet",
    "How many seconds are in a day?": "86400 seconds",
    "Convert 0 K to Celsius": "-273.15 Celsius",
    "Could you please convert 70 kg to pounds? Thanks!": "154.3236 pounds",
    "How tall is 6 feet in cm?": "182.88 cm",
    "10km in miles": "6.2137 miles",
    "How many ounces are in 2 pounds?": "32 ounces",
}

LEFT = (
    "Convert 5 miles to kilometres and write a poem",
    "Convert 5 miles to kilograms",
    "Convert 5 dollars to euros",
    "How many miles is a marathon?",
    "How many feet does a dog have?",
    "Convert 2 tons to kg",
    "How many days are in 2 months?",
    "Convert 5 GB to MB",
    "Convert 5 gallons to litres",
    "Convert -5 miles to km",
    "Convert -500 C to F",
    "Convert 1,23 miles to km",
    "Convert five to ten miles",
    "How many kilometers is 5 miles, and why do Americans use miles?",
    "Convert 5 miles to km and 3 feet to cm",
    "What is a foot in prosody?",
    "Convert 5 mb to kb",
    "How long does it take to run 5 miles in minutes?",
    "Convert 5 miles",
    "Explain how to convert 5 miles to km",
    "1e5 m to km",
    "Convert 5 5 miles to km",
    "Convert 20 C and 5 F to K",
)


@pytest.mark.parametrize(("prompt", "expected"), ANSWERED.items())
def test_a_quantity_is_given_in_the_unit_asked_for(prompt: str, expected: str) -> None:
    assert convert_units(prompt) == expected


@pytest.mark.parametrize("prompt", LEFT)
def test_a_unit_in_doubt_is_left_to_a_model(prompt: str) -> None:
    assert convert_units(prompt) is None
