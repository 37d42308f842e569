"""Ids and draws derived from their cause, so that a redelivery repeats them."""

import hashlib


def _encode(parts: tuple[str | int, ...]) -> bytes:
    """Length-prefixed, so that ("ab", "c") and ("a", "bc") differ."""
    encoded = [str(part).encode() for part in parts]
    return b"".join([len(part).to_bytes(4, "big") + part for part in encoded])


def derive(kind: str, *cause: str | int) -> str:
    """Name a thing after what caused it.

    Args:
        kind: What the id names, such as `result`; it is the id's readable prefix.
        cause: All that tells this thing from others of its kind.

    Returns:
        The same id for the same kind and cause, always: `kind-` and 32 hex digits.

    Example:
        >>> derive("result", "t1", "d", 0) == derive("result", "t1", "d", 0)
        True
        >>> derive("result", "t1") == derive("call", "t1")
        False
    """
    return f"{kind}-{hashlib.sha256(_encode((kind, *cause))).hexdigest()[:32]}"


def digest(value: bytes) -> str:
    """SHA-256 of a body, 64 hex digits: whether two bodies are the same."""
    return hashlib.sha256(value).hexdigest()


def draw(salt: str, task_id: str, purpose: str) -> float:
    """A number in [0, 1) that nobody outside can steer and a redelivery repeats.

    Args:
        salt: The deployment's secret; without it a caller could pick ids that win the draw.
        task_id: The task for which chance decides.
        purpose: What is decided, so that two draws for one task are independent.

    Example:
        >>> 0 <= draw("s", "t1", "choice") < 1
        True
    """
    hashed = hashlib.sha256(_encode((salt, task_id, purpose))).digest()
    return int.from_bytes(hashed[:7], "big") / (1 << 56)
