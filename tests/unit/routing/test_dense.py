import numpy as np
import pytest

from streams.ids import digest
from streams.routing import dense as inputs_of
from streams.routing.dense import RELUS, SEEN, STRUCTURE_NORM, WIDTH, dense
from streams.routing.features import STRUCTURE, Features, extract, pack, unpack
from streams.routing.rules import Verdict
from streams.routing.structure import STEPS

VERDICT = Verdict(3, 0.7, "default")
NO_HASHES = np.empty(0, dtype=np.uint16)


def of(structure: object) -> Features:
    return Features(np.asarray(structure, dtype=np.float32), NO_HASHES, b"")


def test_inputs_are_one_the_structure_and_its_relus() -> None:
    features = extract("Write a function that sorts a list. How many swaps?", VERDICT)
    inputs = dense(features)
    assert inputs.dtype == np.float32
    assert inputs.shape == (WIDTH,) == (92,)
    assert inputs[0] == 1.0
    scale = STRUCTURE_NORM / SEEN**0.5
    assert inputs[1 : 1 + SEEN] == pytest.approx(features.structure[:SEEN] * scale)
    assert len(set(inputs[1 + SEEN :].tolist())) > RELUS / 2


def test_the_mixtures_never_change_since_weights_are_learned_on_them() -> None:
    constants = (inputs_of._MIX, inputs_of._LEVEL, inputs_of._CENTRE, inputs_of._RELU_SCALE)
    written = b"".join(np.rint(np.float64(1000) * c).astype("<i4").tobytes() for c in constants)
    assert digest(written)[:16] == "222c8a7a1192623e"


def test_what_the_rules_say_is_no_part_of_it() -> None:
    text = "Design the architecture of a cache"
    one, other = (dense(extract(text, Verdict(tier, 0.9, "r"))) for tier in (1, 4))
    assert one.tobytes() == other.tobytes()


def test_a_lesson_has_the_inputs_of_its_decision_bit_for_bit() -> None:
    features = extract("Explain the difference between a list and a tuple", VERDICT)
    assert dense(unpack(pack(features))).tobytes() == dense(features).tobytes()


def test_structure_at_its_mean_and_spread_gives_centred_relus_of_norm_one() -> None:
    """An orthogonal array of plus and minus one: mean 0, spread 1, no two numbers correlated."""
    rows = 64
    structure = np.zeros((rows, STRUCTURE))
    for row in range(rows):
        structure[row, :SEEN] = [1 - 2 * ((row & n).bit_count() % 2) for n in range(1, SEEN + 1)]
    inputs = np.array([dense(of(row)) for row in structure])
    relus = inputs[:, 1 + SEEN :]
    assert np.abs(relus.mean(axis=0)).max() < 0.05
    assert (relus**2).sum(axis=1).mean() == pytest.approx(1.0, abs=0.15)
    assert (inputs[:, 1 : 1 + SEEN] ** 2).sum(axis=1).mean() == pytest.approx(STRUCTURE_NORM**2)


def test_the_most_that_structure_can_be_stays_small() -> None:
    for sign in (4.0, -4.0):
        assert np.abs(dense(of(np.full(STRUCTURE, sign)))).max() < 10
    assert STEPS * 4 < 127
