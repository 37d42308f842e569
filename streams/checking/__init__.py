"""Whether an answer is what was asked for; repaired where there is exactly one way to."""
