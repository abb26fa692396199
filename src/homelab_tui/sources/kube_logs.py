"""A container's log while it is written: one long answer, taken up again where it broke off."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from urllib.parse import quote

from homelab_tui.domain.errors import SourceError, SourceForbidden, SourceMissing, SourceTimeout
from homelab_tui.sources.kube_errors import Ask, refusal
from homelab_tui.sources.kube_objects import status
from homelab_tui.sources.kube_wire import Call, KubeWire

_SILENCE_S = 60.0
"""A log may say nothing for hours; after this long it is asked for anew, in case the wire is dead."""
_TRIES = 6
_FIRST_PAUSE_S = 0.25
_MAX_LINE_BYTES = 65_536


def log_path(namespace: str, pod: str) -> str:
    """Where a Pod's log is."""
    return f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/log"


def no_log(ask: Ask, code: int, headers: Mapping[str, str], body: bytes) -> SourceError:
    """What an answer other than 200 means: mostly that there is no log (yet, or any more)."""
    if code == 400 and (found := status(body)) is not None:
        # "container … is waiting to start", "previous terminated container … not found"
        return SourceMissing(f"{ask}: no log: {found.message or 'the server does not say why'}")
    if code == 204:
        return SourceMissing(f"{ask}: no log: no node runs this Pod yet")
    return refusal(ask, code, headers, body)


async def follow(
    wire: KubeWire, namespace: str, pod: str, container: str | None, tail_lines: int
) -> AsyncGenerator[tuple[str, ...], None]:
    """The last lines, then what is written, as it comes; ends once the container has ended.

    An empty step says that the log is open, and has nothing new yet.

    Raises: SourceMissing when there is no log (yet), SourceError when the wire stays broken.
    """
    mark = _Mark()
    ask = Ask(wire.name, "get", "pods/log", f"log of Pod {namespace}/{pod}")
    failures = 0
    while True:
        params = {"follow": "true", "timestamps": "true"} | ({"container": container} if container else {})
        params |= {"sinceTime": mark.at} if mark.at else {"tailLines": str(tail_lines)}
        call = Call(log_path(namespace, pod), ask, params=params, read_timeout_s=_SILENCE_S)
        seen = mark.count
        try:
            async for lines in _lines(wire, call, mark):
                yield lines
                failures = 0
            if mark.count == seen:
                return  # asked anew, it ended at once and had nothing new: the container has ended
        except (SourceMissing, SourceForbidden):
            raise
        except SourceTimeout:
            continue  # silence, and nothing worse
        except SourceError:
            failures += 1
            if failures >= _TRIES:
                raise
            await asyncio.sleep(_FIRST_PAUSE_S * 2 ** (failures - 1))


class _Mark:
    """How far a log was read. The server cuts `sinceTime` to seconds, so lines that are known come again."""

    def __init__(self) -> None:
        self.at = ""
        """Time of the last line."""
        self.count = 0
        """Lines so far."""
        self._at_last = 0
        """Lines with that very time."""
        self._again = 0

    def begin(self) -> None:
        """Another answer begins."""
        self._again = 0

    def takes(self, at: str) -> bool:
        """Whether a line is new."""
        if at < self.at:
            return False
        if at == self.at:
            self._again += 1
            if self._again <= self._at_last:
                return False
            self._at_last += 1
        else:
            self.at, self._at_last, self._again = at, 1, 1
        self.count += 1
        return True


async def _lines(wire: KubeWire, call: Call, mark: _Mark) -> AsyncGenerator[tuple[str, ...], None]:
    rest = b""
    mark.begin()
    async with wire.stream(call, refused=no_log) as chunks:
        yield ()
        async for chunk in chunks:
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > _MAX_LINE_BYTES:
                whole, rest = [*whole, rest], b""
            if lines := _new(whole, mark):
                yield lines
    if rest and (lines := _new([rest], mark)):
        yield lines


def _new(raw: list[bytes], mark: _Mark) -> tuple[str, ...]:
    found = []
    for line in raw:
        at, _, text = line.decode(errors="replace").partition(" ")
        if not at[:4].isdigit():
            # No time in front: the rest of a line that was too long, or a server that gives none.
            found.append(f"{at} {text}".rstrip())
        elif mark.takes(at):
            found.append(text)
    return tuple(found)
