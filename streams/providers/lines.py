"""Cuts bytes that come in pieces into whole lines and server-sent events; pure, and linear in their size."""

from collections.abc import Iterator

DATA = b"data"
MARK = b"\xef\xbb\xbf"  # U+FEFF, which may open a stream of events


class Lines:
    """The lines of bytes that come in pieces, ended by LF, CRLF or CR."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that these bytes complete."""
        if self._begun and self._begun[-1].endswith(b"\r"):
            chunk = self._begun.pop() + chunk  # was it the first half of CRLF?
        held = b"\r" if chunk.endswith(b"\r") else b""
        whole = chunk[: len(chunk) - len(held)]
        *ended, rest = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if ended:
            ended[0] = b"".join((*self._begun, ended[0]))
            self._begun.clear()
        self._begun += [part for part in (rest + held,) if part]
        return ended

    def rest(self) -> list[bytes]:
        """The line that nothing ended, if any."""
        line = b"".join(self._begun)
        self._begun.clear()
        return [line.removesuffix(b"\r")] if line else []


class Events:
    r"""The data of server-sent events; their names are left out, since the data repeats them.

    Source:
        https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation.

    Example:
        >>> events = Events()
        >>> events.feed(b"event: a\ndata: 1\n\n: alive\n\nda"), events.feed(b"ta:2\r\n\r\n")
        ([b'1'], [b'2'])
    """

    def __init__(self) -> None:
        self._lines = Lines()
        self._data: list[bytes] = []
        self._began = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that these bytes complete."""
        return list(self._dispatched(self._lines.feed(chunk)))

    def rest(self) -> list[bytes]:
        """The data of the event that no empty line ended, if any."""
        found = [*self._dispatched(self._lines.rest()), *self._dispatched([b""])]
        self._data.clear()
        return found

    def _dispatched(self, lines: list[bytes]) -> Iterator[bytes]:
        for line in lines:
            field, _, value = self._unmarked(line).partition(b":")
            if field == DATA:
                self._data.append(value.removeprefix(b" "))
            elif not line and self._data:
                yield b"\n".join(self._data)
                self._data.clear()

    def _unmarked(self, line: bytes) -> bytes:
        if self._began:
            return line
        self._began = True
        return line.removeprefix(MARK)
