"""Whether a cheap model's answer is kept: what checks it passed, and how sure its tokens were.

Source: FrugalGPT, arXiv 2305.05176: ask the cheap model, score its answer, go on only if the score
is low. The score here is the geometric mean of the tokens' probabilities.
"""

import math
from collections.abc import Sequence

SURE = 0.9
"""Mean probability of an answer's tokens from which on it is trusted."""


def confidence(token_logprobs: Sequence[float] | None) -> float | None:
    """The geometric mean of an answer's token probabilities; None where there are none.

    Args:
        token_logprobs: Natural logarithms of the probabilities, each at most 0.

    Example:
        >>> round(confidence([-0.1, -0.3]), 3), confidence(None)
        (0.819, None)
    """
    if not token_logprobs:
        return None
    mean = math.fsum(token_logprobs) / len(token_logprobs)
    return math.exp(min(mean, 0.0)) if math.isfinite(mean) else None


def trusted(token_logprobs: Sequence[float] | None, *, checked: bool, bar: float = SURE) -> bool:
    """Whether a cheap model's answer may stand.

    Args:
        token_logprobs: As the provider told them, if it did.
        checked: Whether a check that can tell right from wrong (a schema, a pattern, a list of
            choices, a parser) has passed it.
        bar: Least confidence, in [0, 1].

    Returns:
        Whether its confidence reaches the bar; where nothing is known of that, whether it was
        checked.

    Example:
        >>> trusted([-0.01], checked=False), trusted([-2.0], checked=True), trusted(None, checked=True)
        (True, False, True)
    """
    sure = confidence(token_logprobs)
    return checked if sure is None else sure >= bar
