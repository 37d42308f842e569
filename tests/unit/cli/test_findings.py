"""What doctor says: each trouble with a remedy, keys never, and the exit code."""

import pytest

from streams.cli.findings import (
    REMEDIES,
    Mark,
    code_of,
    note,
    of_key,
    of_model,
    of_unlisted,
    ok,
    remedy,
    render,
    wrong,
)
from streams.providers.probe import Trouble, Unlisted


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_has_a_remedy(trouble: Trouble) -> None:
    assert trouble in REMEDIES
    assert "{" not in remedy("acme", trouble, "ACME_KEY")
    finding = of_unlisted("acme", "https://acme/v1", Unlisted(trouble, "detail"), None)
    assert finding.mark is (Mark.NOTE if trouble is Trouble.BUSY else Mark.WRONG)


def test_a_refused_key_names_its_variable_or_says_that_one_is_wanted() -> None:
    assert "into ACME_KEY" in remedy("acme", Trouble.KEY_REFUSED, "ACME_KEY")
    assert "set providers.acme.api_key_env" in remedy("acme", Trouble.KEY_REFUSED, None)


@pytest.mark.parametrize("key", [None, "", "  \n"])
def test_a_key_that_is_not_set_is_found_without_asking(key: str | None) -> None:
    found = of_key("acme", "ACME_KEY", key)
    assert found is not None
    assert "ACME_KEY is not set" in found.said


@pytest.mark.parametrize("key", ["two\nlines", "spaß", "a b", "tab\there"])
def test_a_key_that_no_header_can_carry_is_found_and_not_shown(key: str) -> None:
    found = of_key("acme", "ACME_KEY", key)
    assert found is not None
    assert key not in found.said + found.then


def test_a_line_break_after_a_key_does_not_matter() -> None:
    assert of_key("acme", "ACME_KEY", "sk-1234\n") is None


def test_a_model_that_is_not_listed_gets_names_that_are_near() -> None:
    found = of_model("gtp-4o", 3, "acme", ("gpt-4o", "gpt-4o-mini", "whisper"))
    assert found.mark is Mark.WRONG
    assert "gpt-4o" in found.then
    assert "whisper" not in found.then
    assert of_model("gpt-4o", 3, "acme", ("gpt-4o",)).mark is Mark.OK


def test_a_list_of_which_there_is_more_proves_nothing() -> None:
    assert of_model("a/b", 3, "acme", ("c/d",), whole=False).mark is Mark.NOTE
    assert of_model("a/b", 3, "acme", ("a/b",), whole=False).mark is Mark.OK


def test_an_empty_list_of_models_proves_nothing() -> None:
    assert of_model("gpt-4o", 3, "acme", ()).mark is Mark.NOTE


def test_the_exit_code_is_0_1_or_3() -> None:
    fine, there = ok("a", "well"), wrong("b", "ill", "mend", reached=True)
    gone = wrong("c", "away", "start it", reached=False)
    assert code_of([fine, note("n", "hm", "look")]) == 0
    assert code_of([fine, there, gone]) == 1
    assert code_of([fine, gone, gone]) == 3
    assert code_of([wrong("settings", "no salt", "set it")]) == 1


def test_what_to_do_stands_under_what_is_wrong() -> None:
    lines = list(render([ok("kafka", "answers"), wrong("clickhouse", "away", "start it")]))
    assert lines[1].startswith("wrong  clickhouse  away")
    assert lines[2].strip() == "→ start it"
    assert lines[-1] == "1 of 2 checks found something wrong."
