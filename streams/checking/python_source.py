"""The answer parsed as Python, never run.

Python's parser needs time and stack for nesting, so what is too long or too deep is refused before it is
asked. A text of plain words ("Sure", "a is not b") may be Python by accident; it is no code.
"""

import ast
import re
import warnings

from streams.checking.check import PASS, Answer, Fault, Verdict, refused
from streams.checking.truncation import cut

SOURCE_CHARS = 65_536
WORDS_CHARS = 2_000
"""Longest text that may be Python by accident."""
DEPTH = 60
"""Deepest brackets; the interpreter's own bound is 200, and its parser's time grows with them."""
_BRACKETS = re.compile(r"[()\[\]{}]")
_UNFINISHED = re.compile(
    r"was never closed|unexpected EOF|unterminated triple|expected an indented block"
)
_WORDS = (
    ast.Module, ast.Expr, ast.Name, ast.Constant, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Tuple,
    ast.AnnAssign, ast.expr_context, ast.cmpop, ast.boolop, ast.unaryop,
)  # fmt: skip


def parses_as_python(answer: Answer) -> Verdict:
    """Want Python that parses.

    Example:
        >>> parses_as_python(Answer("print(1"))
        Refused(because=<Fault.TRUNCATED: 'truncated'>, detail="line 1: '(' was never closed")
        >>> parses_as_python(Answer("Sure!")).because
        <Fault.NOT_PYTHON: 'not_python'>
    """
    if end := cut(answer):
        return end
    text = answer.text
    if told := _too_much(text):
        return refused(Fault.TOO_LARGE, told)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they would quote the answer on stderr
            tree = ast.parse(text)
    except SyntaxError as error:
        return _broken(error, text)
    except (ValueError, RecursionError, MemoryError) as error:
        return refused(Fault.NOT_PYTHON, f"can't be parsed: {type(error).__name__}")
    # A long text that parses is no accident, and a walk over all of it would take as long as parsing.
    is_code = len(text) > WORDS_CHARS or any(
        not isinstance(node, _WORDS) for node in ast.walk(tree)
    )
    return PASS if is_code else refused(Fault.NOT_PYTHON, "words or nothing, and no code")


def _broken(error: SyntaxError, text: str) -> Verdict:
    """A refusal in the parser's words, which quote at most a bracket; cut off, or wrong."""
    line = error.lineno or 0
    words = (error.msg or "").split("'", 1)[0] if "(" not in (error.msg or "") else error.msg
    detail = f"line {line}: {words.strip() or 'invalid syntax'}"
    last = len(text.rstrip().split("\n"))
    is_end = "was never closed" in error.msg or "triple" in error.msg or line >= last
    if _UNFINISHED.search(error.msg) and is_end:
        return refused(Fault.TRUNCATED, detail)
    return refused(Fault.NOT_PYTHON, detail)


def _too_much(text: str) -> str | None:
    """What of a text is beyond what is parsed; None: nothing."""
    if len(text) > SOURCE_CHARS:
        return f"longer than {SOURCE_CHARS} characters"
    depth = 0
    for bracket in _BRACKETS.findall(text):  # those in strings count too: the bound is generous
        depth += 1 if bracket in "([{" else -1 if depth else 0
        if depth > DEPTH:
            return f"nested over {DEPTH} deep"
    return None
