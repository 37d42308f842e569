"""A provider's export is read exactly, or not at all: a wrong line is named with its field."""

from decimal import Decimal

import pytest

from streams.money.bills import dollars, read_bill

LOG = (
    b'{"at":"2026-11-23T12:00:00Z","model":"small","call_id":"a","answered":true,"billed_usd":"0.0004"}\n'
    b'{"at":"2026-11-23T12:00:01Z","model":"small","call_id":"b","answered":false,"billed_usd":"0"}\n'
    b'{"at":"2026-11-23T12:00:02Z","model":"odd","call_id":"c","answered":true,"billed_usd":null}\n'
)


def test_the_simulators_log_is_a_bill_and_null_is_unknown() -> None:
    bill = read_bill(LOG)
    assert dict(bill.figures) == {"a": Decimal("0.0004"), "b": Decimal(0), "c": None}
    assert (bill.lines, bill.repeated) == (3, 0)


def test_an_array_a_byte_order_mark_and_empty_lines_are_read() -> None:
    array = b'[{"call_id": "a", "cost_usd": 0.1},\n {"call_id": "b", "cost_usd": 2}]'
    assert dict(read_bill(array).figures) == {"a": Decimal("0.1"), "b": Decimal(2)}
    lines = b'\xef\xbb\xbf{"call_id": "a", "cost_usd": "1"}\r\n\r\n'
    assert dict(read_bill(lines).figures) == {"a": Decimal(1)}
    assert read_bill(b"").lines == 0


def test_a_number_is_not_rounded_on_its_way_through_a_float() -> None:
    bill = read_bill(b'{"call_id": "a", "billed_usd": 123456.123456789012}')
    assert bill.figures["a"] == Decimal("123456.123456789012")


def test_billed_counts_over_cost() -> None:
    bill = read_bill(b'{"call_id": "a", "cost_usd": "1", "billed_usd": "2"}')
    assert bill.figures["a"] == Decimal(2)


def test_several_lines_of_a_call_are_added_and_a_copy_of_a_line_counts_once() -> None:
    first = b'{"call_id": "a", "part": "input", "billed_usd": "0.1"}\n'
    second = b'{"call_id": "a", "part": "output", "billed_usd": "0.2"}\n'
    bill = read_bill(first + second + first)
    assert bill.figures["a"] == Decimal("0.3")
    assert (bill.lines, bill.repeated) == (3, 1)
    unknown = b'{"call_id": "a", "part": "fee", "billed_usd": null}\n'
    assert read_bill(first + unknown + second).figures["a"] is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"nonsense", "line 2: no JSON"),
        (b'{"call_id": "b"', "line 2: no JSON"),
        (b"7", "line 2: no JSON object"),
        (b"{}", "line 2: call_id: "),
        (b'{"call_id": null, "billed_usd": "1"}', "line 2: call_id: "),
        (b'{"call_id": "b"}', "line 2: billed_usd: missing"),
        (b'{"call_id": "b", "billed_usd": true}', "line 2: billed_usd: "),
        (b'{"call_id": "b", "billed_usd": "$1.20"}', "line 2: billed_usd: '$1.20'"),
        (b'{"call_id": "b", "cost_usd": "1,20"}', "line 2: cost_usd: '1,20'"),
        (b'{"call_id": "b", "cost_usd": -0.5}', "line 2: cost_usd: '-0.5'"),
        (b'{"call_id": "b", "cost_usd": NaN}', "line 2: cost_usd: 'NaN'"),
        (b'{"call_id": "b", "cost_usd": 1e9999}', "line 2: cost_usd: '1e9999'"),
        (b'{"call_id": "b", "cost_usd": "1000000"}', "line 2: cost_usd: '1000000'"),
        (b"[" * 100_000, "line 2: no JSON"),
    ],
)
def test_a_line_that_can_not_be_read_is_named_with_its_field(line: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said.replace('$', '[$]')}"):
        read_bill(b'{"call_id": "a", "billed_usd": "1"}\n' + line)


def test_an_entry_of_an_array_is_named_too() -> None:
    with pytest.raises(ValueError, match=r"^entry 2: billed_usd: "):
        read_bill(b'[{"call_id": "a", "billed_usd": 1}, {"call_id": "b", "billed_usd": ""}]')
    with pytest.raises(ValueError, match="no UTF-8"):
        read_bill(b"\xff\xfe\x00")


@pytest.mark.parametrize("text", ["", "x", "1_000", "٣", "0x10", "inf", "1e", ".5", "9" * 5000])
def test_what_is_no_amount_is_refused_and_shown_short(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount of dollars") as refused:
        dollars(text)
    assert len(str(refused.value)) < 150
