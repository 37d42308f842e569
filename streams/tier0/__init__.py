"""Answers that need no model: each skill is a pure function in a file of its own."""
