"""How a command answers: exit codes, the failures that lead to them, facts on stdout."""

import argparse
import enum
import getpass
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streams.settings import Settings

Subparsers = Any
"""What `ArgumentParser.add_subparsers` returns; argparse keeps its name to itself."""


class Exit(enum.IntEnum):
    """What a shell is told."""

    DONE = 0
    NO = 1  # it ran and the answer is no: criterion missed, task failed, plan pending
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    INTERRUPTED = 130


CODES = {
    Exit.USAGE: {
        "SettingsError", "UsageError", "RecordedError", "CertificateError", "CaFileError",
    },
    Exit.NOT_FOUND: {"NotFoundError", "MissingTopicError"},
    Exit.UNREACHABLE: {"ConnectionError", "TimeoutError", "KafkaConnectionError"},
    Exit.NO: {
        "RefusedError", "StalledError", "BooksBehindError", "ChildDiedError", "NotReadyError",
        "PortTakenError", "BrokerMissingError", "TopicRecreated", "MigrationError", "OSError",
        "TopicAuthorizationFailedError", "GroupAuthorizationFailedError",
        "ClusterAuthorizationFailedError",
    },
}  # fmt: skip
"""What failures mean to a script. A failure that stands nowhere here is a bug and is shown whole."""


def first_of(error: Exception) -> Exception:
    """What really failed: of errors that came together, the first."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def code_of(error: Exception) -> Exit | None:
    """By what the failure is called, so that no module is imported only to name its errors."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return next((code for code, known in CODES.items() if names & known), None)


class UsageError(ValueError):
    """An argument or a file that can't be used; the message names it and what is wanted."""


class NotFoundError(LookupError):
    """What was asked for isn't there; the message says what to do."""


def command(
    subparsers: Subparsers, name: str, does: str, example: str, *, listed: bool = True
) -> argparse.ArgumentParser:
    """A command's parser, with the options that all commands take.

    Args:
        subparsers: Of the parser above.
        name: What is typed.
        does: One sentence, shown in both helps.
        example: A line or more that can be typed, shown in its own help.
        listed: Whether the parser above names it.
    """
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        **({"help": does} if listed else {}),
        description=does,
        epilog="example:\n" + "\n".join(f"  {line}" for line in example.splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(parser)
    return parser


def add_common(parser: argparse.ArgumentParser) -> None:
    """`--config` and `--timeout`, before or after the command."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="settings (else TIERFLOW_CONFIG, else ./tierflow.toml)",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="S",
        default=argparse.SUPPRESS,
        help="how long to try to reach Kafka or ClickHouse (10)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """`--json`: facts for a program."""
    parser.add_argument("--json", action="store_true", help="JSON on stdout")


def whole_number(text: str, most: int) -> int:
    """A number from 1 to `most`, for argparse.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {most}")
    return int(text)


def seconds(text: str) -> float:
    """A positive number of seconds, for argparse.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def read_settings(
    args: argparse.Namespace, overrides: Mapping[str, object] | None = None
) -> "Settings":
    """The settings in force for this command line.

    Args:
        args: As parsed.
        overrides: What flags say, by dotted name; None: not given.

    Raises:
        SettingsError: See `streams.sources.load`.
    """
    from streams import sources

    return sources.load(args.config, overrides)


def who_asks(settings: "Settings") -> str:
    """The name under which an operator's order is kept: Kafka's user, else that of this machine."""
    if settings.kafka.user:
        return settings.kafka.user
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def content_of(flag: str, file: str) -> bytes:
    """All of a file that a flag names, or of stdin (`-`).

    Raises:
        UsageError: It can't be read.
    """
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{flag}: {file} can't be read: {error.strerror}") from None


def print_json(fact: object) -> None:
    """One JSON value on one line: money as decimal strings, times RFC 3339 UTC."""
    import orjson

    options = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
    sys.stdout.buffer.write(orjson.dumps(fact, default=_plain, option=options))
    sys.stdout.buffer.flush()


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no fact")
