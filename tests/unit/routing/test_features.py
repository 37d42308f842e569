import base64

import numpy as np
import pytest

from streams.routing.edges import TEXTS
from streams.routing.features import HASHES, STRUCTURE, Features, extract, pack, unpack
from streams.routing.rules import Verdict
from streams.routing.structure import LIMIT

SURE = Verdict(2, 0.8, "single_function")
PROMPT = "Which of these is a prime number?\n(A) 4 (B) 7\nAnswer:"


def texts_of(features: Features) -> set[int]:
    return {one for one in features.hashes.tolist() if one < TEXTS}


def edges_of(features: Features) -> set[int]:
    return {one for one in features.hashes.tolist() if one >= TEXTS}


def test_a_prompt_has_all_structure_numbers_and_sorted_unique_hashes() -> None:
    found = extract(PROMPT, SURE)
    assert found.structure.shape == (STRUCTURE,)
    assert float(np.abs(found.structure).max()) <= LIMIT
    assert np.all(found.hashes[1:] > found.hashes[:-1])
    assert 0 < len(found.hashes) < 2 * len(PROMPT)
    assert int(found.hashes[-1]) < HASHES


def test_the_rules_verdict_is_among_the_features() -> None:
    found = extract(PROMPT, SURE)
    assert found.structure[-6:-1].tolist() == [0, 0, 1, 0, 0]
    assert found.structure[-1] == pytest.approx(0.8, abs=0.02)


def test_case_does_not_change_the_hashes_but_the_capitals() -> None:
    low, high = extract("rename the variable", SURE), extract("RENAME THE VARIABLE", SURE)
    assert texts_of(low) == texts_of(high)
    assert low.structure.tolist() != high.structure.tolist()


def test_the_order_of_words_changes_pairs_and_not_words() -> None:
    one, two = (set(extract(text, SURE).hashes.tolist()) for text in ("ab cd", "cd ab"))
    assert len(one & two) >= 2
    assert one != two


def test_a_word_hashes_alike_wherever_it_stands() -> None:
    alone = texts_of(extract("foo", SURE))
    assert len(alone) == 1
    assert alone <= texts_of(extract("some other words before foo", SURE))


def test_prompts_that_begin_and_end_alike_share_edges_whatever_lies_between() -> None:
    which, who = (
        "Which gas do plants take in at night?",
        "Which old song has the most verses at all?",
    )
    edges = edges_of(extract(which, SURE))
    assert len(edges) >= 6
    assert len(edges & edges_of(extract(who, SURE))) >= 4
    assert len(edges & edges_of(extract("list the gases\nthat plants take in", SURE))) <= 1


def test_only_the_ends_of_a_long_prompt_are_read() -> None:
    head, tail = "a" * 900, "b" * 300
    one = extract(head + "x" * 5000 + tail, SURE)
    two = extract(head + "y" * 5000 + tail, SURE)
    assert one.hashes.tolist() == two.hashes.tolist()


@pytest.mark.parametrize("text", ["", " ", "?", "ab", "\U0001f600\ud800", "e\u0301" * 2000])
def test_odd_texts_have_features_too(text: str) -> None:
    found = extract(text, SURE)
    assert np.all(np.isfinite(found.structure))
    assert unpack(pack(found)).hashes.tolist() == found.hashes.tolist()


def test_packing_keeps_every_bit() -> None:
    found = extract(PROMPT, SURE)
    again = unpack(pack(found))
    assert again.structure.tobytes() == found.structure.tobytes()
    assert again.hashes.tobytes() == found.hashes.tobytes()
    assert again.hashes.dtype == found.hashes.dtype


def _spoilt(at: int, value: int) -> str:
    body = bytearray(base64.b64decode(pack(extract(PROMPT, SURE))))
    body[at] = value
    return base64.b64encode(bytes(body)).decode()


@pytest.mark.parametrize(
    ("packed", "says"),
    [
        ("not base64!", "base64"),
        ("", "header"),
        (_spoilt(0, 9), "version 9"),
        (_spoilt(1, 3), "3 structure numbers"),
        (_spoilt(2, 1), "bytes"),
        (_spoilt(-1, 0xFF), "below"),
    ],
)
def test_a_damaged_pack_is_refused_by_name(packed: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        unpack(packed)
