"""List, then watch: everything once, and after it only what changes."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.domain.watching import Watched
from homelab_tui.sources.kube_errors import Ask, ListExpired, refusal, understood
from homelab_tui.sources.kube_lists import Lists, Resource, selectors
from homelab_tui.sources.kube_objects import decode, status, watch_event
from homelab_tui.sources.kube_schema import VersionedData
from homelab_tui.sources.kube_wire import Call, KubeWire

T = TypeVar("T")

WATCH_S = 50.0
"""How long one watch request lives: below the 60 s after which many a reverse proxy cuts a silent connection."""
_GRACE_S = 10.0
"""How much longer than that we wait before the link counts as broken."""
_MAX_LINE = 32 * 2**20
"""etcd holds no object above 1.5 MB; a line beyond this is no watch event."""
_PAUSE_S = 1.0
"""Least time between two requests to a server that ends each watch at once."""


async def watch(
    wire: KubeWire, resource: Resource[T], namespaces: tuple[str, ...], *, field_selector: str | None = None
) -> AsyncGenerator[Watched[T], None]:
    """The list, then what changed, for ever; a new list when the server forgot where we were.

    `namespaces`: empty for all. Changes that arrived together come as one step. Close it (`aclose`) to free the
    connections. Raises: SourceError when the wire breaks; the caller waits and starts anew.
    """
    spaces: tuple[str | None, ...] = namespaces or (None,)
    is_first = True
    while True:
        lists = Lists(wire, resource, spaces, field_selector)
        async with contextlib.aclosing(lists.in_steps() if is_first else lists.at_once()) as steps:
            async for listing in steps:
                yield listing
        is_first = False
        arrivals: asyncio.Queue[_Changes[T] | Exception] = asyncio.Queue(maxsize=64)
        streams = [
            asyncio.create_task(
                _Stream(wire, resource, space, field_selector, version, arrivals).follow(),
                name=f"watch {resource.plural} of {wire.name}",
            )
            for space, version in zip(spaces, lists.versions, strict=True)
        ]
        has_news = False
        try:
            while True:
                step, problem = await _together(arrivals)
                if step.latest or step.gone:
                    has_news = True
                    yield Watched(tuple(step.latest.values()), tuple(step.gone))
                if problem is not None:
                    raise problem
        except ListExpired:
            if not has_news:
                await asyncio.sleep(_PAUSE_S)
        finally:
            await _stop(streams)


@dataclass(slots=True)
class _Changes(Generic[T]):
    """What happened, newest state only."""

    latest: dict[str, T] = field(default_factory=dict)
    gone: dict[str, None] = field(default_factory=dict)

    def add(self, other: "_Changes[T]") -> None:
        """Let a later batch follow this one."""
        for uid in other.gone:
            self.latest.pop(uid, None)
        self.latest |= other.latest
        self.gone |= other.gone


async def _together(arrivals: "asyncio.Queue[_Changes[T] | Exception]") -> tuple[_Changes[T], Exception | None]:
    """Everything that has arrived, at least one thing; and the problem that ended it."""
    step: _Changes[T] = _Changes()
    arrived = await arrivals.get()
    while not isinstance(arrived, Exception):
        step.add(arrived)
        if arrivals.empty():
            return step, None
        arrived = arrivals.get_nowait()
    return step, arrived


async def _stop(streams: list[asyncio.Task[None]]) -> None:
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)


@dataclass(slots=True)
class _Stream(Generic[T]):
    """The watch of one namespace, over as many requests as it takes."""

    wire: KubeWire
    resource: Resource[T]
    namespace: str | None
    field_selector: str | None
    version: str
    arrivals: "asyncio.Queue[_Changes[T] | Exception]"

    async def follow(self) -> None:
        """Put changes, and at the end the problem, into the queue."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                began = loop.time()
                if not await self._once() and (early_s := _PAUSE_S - (loop.time() - began)) > 0:
                    await asyncio.sleep(early_s)
        except Exception as problem:  # a bug too ends the watch; nobody would notice a dead task
            await self.arrivals.put(problem)

    async def _once(self) -> bool:
        """One watch request until the server ends it; whether anything came.

        Raises: ListExpired; SourceError when the wire breaks.
        """
        ask = self.resource.ask(self.wire.name, "watch", self.namespace)
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": f"{WATCH_S:.0f}",
            "resourceVersion": self.version,
            **selectors(self.resource, self.field_selector),
        }
        call = Call(self.resource.path(self.namespace), ask, params=params, read_timeout_s=WATCH_S + _GRACE_S)
        has_news = False
        async with self.wire.stream(call) as chunks, contextlib.aclosing(lines(chunks)) as batches:
            async for batch in batches:
                changes: _Changes[T] = _Changes()
                for line in batch:
                    self._take(ask, line, changes)
                has_news = True
                if changes.latest or changes.gone:
                    await self.arrivals.put(changes)
        return has_news

    def _take(self, ask: Ask, line: bytes, changes: _Changes[T]) -> None:
        kind, item = understood(ask, watch_event, line)
        if kind == "ERROR":
            found = status(item)
            raise refusal(ask, (found.code if found else None) or 500, {}, bytes(item))
        meta = understood(ask, lambda data: decode(data, VersionedData), item).metadata
        self.version = (meta.resource_version if meta else None) or self.version
        if kind in ("ADDED", "MODIFIED"):
            read = understood(ask, self.resource.read_one, item)
            changes.latest[self.resource.uid(read)] = read
        elif kind == "DELETED" and meta is not None and meta.uid:
            changes.latest.pop(meta.uid, None)
            changes.gone[meta.uid] = None


async def lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[list[bytes], None]:
    """The lines that became whole with each chunk, however the chunks were cut; a last one without an end too.

    Raises: SourceGarbled for a line that does not end.
    """
    rest = bytearray()
    async for chunk in chunks:
        head, newline, tail = chunk.rpartition(b"\n")
        if newline:
            whole = bytes(rest + head).split(b"\n")
            rest = bytearray()
            yield [line for line in whole if line.strip()]
        rest += tail
        if len(rest) > _MAX_LINE:
            raise SourceGarbled(f"a line of more than {_MAX_LINE} bytes")
    if rest.strip():
        yield [bytes(rest)]
