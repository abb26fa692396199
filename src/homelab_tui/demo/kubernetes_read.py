"""Reading from the demo's Kubernetes API: get, chunked lists, watches."""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec
from aiohttp import web

from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.http_server import LoopbackServer
from homelab_tui.demo.kubernetes_access import Target
from homelab_tui.demo.kubernetes_selectors import Matches, field_selector, label_selector
from homelab_tui.demo.kubernetes_status import ApiError, not_found, query_integer, status
from homelab_tui.demo.kubernetes_views import View, view_of
from homelab_tui.demo.objects import Change, Expired, Kind, Object, Stored

JSON = "application/json"
_TOO_OLD_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a watch is told of, and in which form."""

    matches: Matches
    view: View
    timeout_s: float


class Reads:
    """get, list and watch of one cluster."""

    def __init__(self, cluster: DemoCluster, *, bookmark_s: float = 10.0) -> None:
        """`bookmark_s`: how often a watch that allows bookmarks gets one (a real server: about a minute)."""
        self.cluster = cluster
        self.store = cluster.store
        self.bookmark_s = bookmark_s
        self.gone_as_status = False
        """True: a watch from a forgotten version is refused with HTTP 410 instead of an ERROR event."""
        self._snapshots: dict[tuple[str, str, int], list[Stored]] = {}
        """Of lists under way: (resource, namespace or "", version) → what there was."""

    def get(self, target: Target, view: View) -> web.Response:
        """One object."""
        stored = self.store.get(target.kind.resource, target.namespace, target.name)
        if stored is None:
            raise not_found(target.kind, target.name)
        return web.Response(body=view.one(stored), content_type=JSON)

    def view(self, target: Target, query: dict[str, str], accept: str) -> View:
        """The form that a reader asks for. Raises: ApiError 406 for one that there is not."""
        return view_of(accept, target.kind, self.cluster.clock.now, query.get("includeObject", ""))

    # -- lists ---------------------------------------------------------------------------------------------------------

    def collection(self, target: Target, query: dict[str, str], view: View) -> web.Response:
        """A collection, whole or in chunks of `limit` from one consistent snapshot."""
        kind, matches = target.kind, _matcher(target.kind, query)
        limit, start, version = query_integer(query, "limit"), ("", ""), self.store.version
        _check_version(query.get("resourceVersion", ""))
        if token := query.get("continue"):
            version, start = self._continued(token)
        items = self._snapshot(kind, target.namespace, version)
        plain = not (query.get("labelSelector") or query.get("fieldSelector"))
        page: list[Stored] = []
        meta: Object = {"resourceVersion": str(version)}
        candidates = [stored for stored in items if _key(stored) > start]
        for index, stored in enumerate(candidates):
            if limit > 0 and len(page) == limit:
                self._snapshots[kind.resource, target.namespace or "", version] = items
                meta["continue"] = _token(version, _key(page[-1]))
                if plain:
                    meta["remainingItemCount"] = len(candidates) - index
                break
            if matches(stored.body):
                page.append(stored)
        body = view.many(kind, meta, page)
        return web.Response(body=body, content_type=JSON, headers={"Cache-Control": "no-cache, private"})

    def _snapshot(self, kind: Kind, namespace: str, version: int) -> list[Stored]:
        known = self._snapshots.get((kind.resource, namespace or "", version))
        return self.store.all(kind.resource, namespace or None) if known is None else known

    def _continued(self, token: str) -> tuple[int, tuple[str, str]]:
        try:
            parts = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            version, (space, name) = int(parts["rv"]), parts["start"].split("/", 1)
        except (binascii.Error, ValueError, KeyError, TypeError, msgspec.MsgspecError) as error:
            wrong = next((at for at, letter in enumerate(token) if not (letter.isalnum() or letter in "-_")), 0)
            why = f"continue key is not valid: illegal base64 data at input byte {wrong}"
            raise ApiError(400, f"invalid continue token: {why}") from error
        if version < self.store.oldest:
            problem = ApiError(410, _TOO_OLD_CONTINUE)
            problem.status["metadata"] = {"continue": _token(self.store.version, (space, name))}
            raise problem
        return version, (space, name)

    def forget_snapshots(self) -> None:
        """As etcd's compaction does to the chunked lists that are under way."""
        self._snapshots.clear()

    # -- watches -------------------------------------------------------------------------------------------------------

    async def watch(
        self, target: Target, query: dict[str, str], request: web.BaseRequest, server: LoopbackServer
    ) -> web.StreamResponse:
        """A stream of events from `resourceVersion` on, one JSON document a line."""
        kind, matches = target.kind, _matcher(target.kind, query)
        view = self.view(target, query, request.headers.get("Accept", ""))
        if target.name:
            matches = field_selector(f"metadata.name={target.name}", kind)
        given = query.get("resourceVersion", "")
        _check_version(given)
        timeout_s = query_integer(query, "timeoutSeconds") or 1800
        initial = given in ("", "0") or query.get("sendInitialEvents") in ("1", "true")
        version = self.store.version if initial else int(given)
        if not initial and version < self.store.oldest and self.gone_as_status:
            raise self._too_old(version)
        response = web.StreamResponse(
            headers={"Content-Type": JSON, "Cache-Control": "no-cache, private", **server.dated()}
        )
        response.enable_chunked_encoding()
        await response.prepare(request)
        lines = self._events(target, query, Selection(matches, view, timeout_s), version, initial=initial)
        try:
            async for line in lines:
                await server.silence()
                await response.write(line)
        except ConnectionError:
            return response  # the client went away
        return response

    async def _events(
        self, target: Target, query: dict[str, str], chosen: Selection, version: int, *, initial: bool
    ) -> AsyncIterator[bytes]:
        kind = target.kind
        bookmarks = query.get("allowWatchBookmarks") in ("1", "true", "True")
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + chosen.timeout_s
        if initial:
            for stored in self.store.all(kind.resource, target.namespace or None):
                if chosen.matches(stored.body):
                    yield _line("ADDED", chosen.view.one(stored))
            if query.get("sendInitialEvents") in ("1", "true") and bookmarks:
                yield self._bookmark(kind, version, {"k8s.io/initial-events-end": "true"})
        wake = asyncio.Event()
        unsubscribe = self.store.subscribe(lambda change: wake.set() if change.resource == kind.resource else None)
        bookmark_at = loop.time() + self.bookmark_s
        try:
            while True:
                wake.clear()
                try:
                    changes, version = self.store.changes_since(version), max(version, self.store.version)
                except Expired:
                    yield _line("ERROR", msgspec.json.encode(self._too_old(version).status))
                    return
                lines = [line for change in changes if (line := _event(change, target, chosen))]
                if lines:
                    yield b"".join(lines)
                now = loop.time()
                if now >= ends_at:
                    return
                if bookmarks and (now >= bookmark_at):
                    yield self._bookmark(kind, version, None)
                    bookmark_at = now + self.bookmark_s
                pause = min(ends_at, bookmark_at if bookmarks else ends_at) - now
                try:
                    async with asyncio.timeout(pause):
                        await wake.wait()
                except TimeoutError:
                    continue
        finally:
            unsubscribe()

    def _too_old(self, version: int) -> ApiError:
        return ApiError(410, f"too old resource version: {version} ({self.store.oldest})")

    def _bookmark(self, kind: Kind, version: int, annotations: Object | None) -> bytes:
        meta: Object = {"resourceVersion": str(version), "creationTimestamp": None}
        if annotations:
            meta["annotations"] = annotations
        body: Object = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta, "spec": {}, "status": {}}
        return _line("BOOKMARK", msgspec.json.encode(body))


def _event(change: Change, target: Target, chosen: Selection) -> bytes | None:
    """The line of a change for a selective watcher: what leaves the selection reads as DELETED."""
    if change.resource != target.kind.resource:
        return None
    body = change.stored.body
    if target.namespace and body["metadata"].get("namespace") != target.namespace:
        return None
    was = change.previous is not None and chosen.matches(change.previous)
    now = change.type != "DELETED" and chosen.matches(body)
    if not was and not now:
        return None
    shown = "DELETED" if not now else ("MODIFIED" if was else "ADDED")
    return _line(shown, chosen.view.one(change.stored))


def _line(kind: str, raw: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + raw + b"}\n"


def _matcher(kind: Kind, query: dict[str, str]) -> Matches:
    by_label = label_selector(query.get("labelSelector", ""))
    by_field = field_selector(query.get("fieldSelector", ""), kind)
    return lambda body: by_label(body) and by_field(body)


def _check_version(text: str) -> None:
    if text and not text.isdigit():
        raise ApiError(400, f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')


def _key(stored: Stored) -> tuple[str, str]:
    meta = stored.body["metadata"]
    return meta.get("namespace", ""), meta["name"]


def _token(version: int, key: tuple[str, str]) -> str:
    raw = msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": version, "start": "/".join(key)})
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def gone_status(version: int, oldest: int) -> Object:
    """The 410 Status of a watch, for tests that want to compare."""
    return status(410, f"too old resource version: {version} ({oldest})")
