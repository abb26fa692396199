"""In which form the demo's API answers a reader: whole objects, their metadata alone, or the rows of a table."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from homelab_tui.demo.kubernetes_status import ApiError
from homelab_tui.demo.kubernetes_tables import cells, column_definitions
from homelab_tui.demo.objects import Kind, Object, Stored

_META = "meta.k8s.io/v1"


class View(Protocol):
    """One form."""

    def one(self, stored: Stored) -> bytes:
        """An object."""

    def many(self, kind: Kind, meta: Object, items: Sequence[Stored]) -> bytes:
        """A collection; `meta` is the list's own metadata."""


class Whole:
    """The objects themselves."""

    def one(self, stored: Stored) -> bytes:
        """The object's bytes."""
        return stored.raw

    def many(self, kind: Kind, meta: Object, items: Sequence[Stored]) -> bytes:
        """JobList, PodList and so on."""
        head = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": meta}
        return msgspec.json.encode(head)[:-1] + b',"items":[' + b",".join(item.item for item in items) + b"]}"


class MetadataOnly:
    """PartialObjectMetadata."""

    def one(self, stored: Stored) -> bytes:
        """The object's metadata."""
        return msgspec.json.encode(partial(stored.body))

    def many(self, kind: Kind, meta: Object, items: Sequence[Stored]) -> bytes:
        """PartialObjectMetadataList."""
        found = [partial(stored.body) for stored in items]
        return msgspec.json.encode(
            {"kind": "PartialObjectMetadataList", "apiVersion": _META, "metadata": meta, "items": found}
        )


class Rows:
    """Table."""

    def __init__(self, kind: Kind, now: Callable[[], datetime], include: str) -> None:
        """`include`: what a row carries of its object: None, Metadata or Object."""
        self._kind, self._now, self._include = kind, now, include

    def one(self, stored: Stored) -> bytes:
        """A table of one row."""
        return self.many(self._kind, {"resourceVersion": str(stored.version)}, [stored])

    def many(self, kind: Kind, meta: Object, items: Sequence[Stored]) -> bytes:
        """A row for each object."""
        now = self._now()
        rows = [self._row(stored.body, now) for stored in items]
        head: Object = {"kind": "Table", "apiVersion": _META, "metadata": meta}
        return msgspec.json.encode(head | {"columnDefinitions": column_definitions(kind), "rows": rows})

    def _row(self, body: Object, now: datetime) -> Object:
        row: Object = {"cells": cells(self._kind, body, now)}
        if self._include == "None":
            return row
        return row | {"object": body if self._include == "Object" else partial(body)}


def partial(body: Object) -> Object:
    """An object's metadata as an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": body["metadata"]}


def view_of(accept: str, kind: Kind, now: Callable[[], datetime], include: str = "") -> View:
    """The first form of an Accept header that the API has. Raises: ApiError 406 when it has none of them, 400."""
    if include not in ("", "None", "Metadata", "Object"):
        why = f'unsupported includeObject value: "{include}"'
        raise ApiError(400, why)
    for wanted in filter(None, (part.strip() for part in (accept or "*/*").split(","))):
        media, *parameters = (part.strip() for part in wanted.split(";"))
        if media not in ("application/json", "application/*", "*/*"):
            continue
        asked = dict(re.findall(r"(\w+)=([\w.]+)", ";".join(parameters)))
        form = asked.get("as")
        if form is None:
            return Whole()
        if asked.get("g") == "meta.k8s.io" and asked.get("v") == "v1":
            if form == "Table":
                return Rows(kind, now, include or "Metadata")
            if form in ("PartialObjectMetadata", "PartialObjectMetadataList"):
                return MetadataOnly()
    raise ApiError(406, "only the following media types are accepted: application/json")
