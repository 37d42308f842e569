"""Numbers as text: base64 of them as they lie in memory."""

import base64
import binascii
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack_numbers(numbers: NDArray[Any]) -> str:
    """Base64 of numbers as they lie in memory; give them a little-endian type first."""
    return base64.b64encode(numbers.tobytes()).decode()


def unpack_numbers(text: str, kind: str, name: str) -> NDArray[Any]:
    """Read what `pack_numbers` wrote.

    Args:
        text: Base64 of numbers.
        kind: Their little-endian numpy type, such as `<f4`.
        name: The part they belong to, for the message.

    Raises:
        ValueError: The text is damaged.
    """
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), dtype=kind)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"learner state of {name!r} is damaged: {error}") from None
