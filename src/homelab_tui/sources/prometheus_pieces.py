"""An instant vector, taken apart while it arrives."""

import msgspec

from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.sources.prometheus_answers import UNREADABLE, Sample, Vector, not_a_vector, vector

_SERIES = b'{"metric":'
_PIECE_BYTES = 131_072
"""About 500 series: decoded in a millisecond, in which no other thread runs."""
_samples = msgspec.json.Decoder(list[Sample])


class Pieces:
    """The same as `vector`, of an answer that comes in parts: some hundred samples at a time, and none is kept here.

    100,000 samples at once take 60 MB and their text 20, and all others wait for them. What came before an error is
    worth nothing.
    """

    def __init__(self) -> None:
        self._head = b""
        """Everything before the first sample, once that has come."""
        self._rest = bytearray()
        self._enough = _PIECE_BYTES
        """Where no end of a sample is found, it is looked for again in twice as much."""

    def add(self, part: bytes) -> list[Sample]:
        """The samples that became whole with this part. Raises: SourceGarbled as `vector` does."""
        self._rest += part
        if len(self._rest) < self._enough:
            return []
        if not self._head and (first := self._rest.find(b"[" + _SERIES)) >= 0:
            self._head = bytes(self._rest[: first + 1])
            del self._rest[: first + 1]
        # No label can hold that text: a quote within a JSON string has a backslash before it.
        end = self._rest.rfind(b"," + _SERIES) if self._head else -1
        if end < 0:
            self._enough = 2 * len(self._rest)
            return []
        piece = b"[%b]" % bytes(self._rest[:end])
        del self._rest[: end + 1]
        self._enough = _PIECE_BYTES
        try:
            return _samples.decode(piece)
        except UNREADABLE as error:
            raise SourceGarbled(not_a_vector(piece, error)) from error

    def end(self) -> Vector:
        """The last samples, and the warnings. Raises: SourceGarbled as `vector` does."""
        rest, self._rest = self._head + self._rest, bytearray()
        return vector(rest)
