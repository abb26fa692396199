"""Lists of one kind of object, page by page; and at the start, what is waited for before the rest."""

import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Generic, TypeVar
from urllib.parse import quote

from msgspec import Raw

from homelab_tui.domain.errors import SourceGarbled, SourceRefused
from homelab_tui.domain.values import Frozen
from homelab_tui.domain.watching import Watched
from homelab_tui.sources.kube_errors import Ask, ListExpired, understood
from homelab_tui.sources.kube_objects import Page
from homelab_tui.sources.kube_wire import Call, KubeWire

T = TypeVar("T")

PAGE_SIZE = 250
"""An answer of some 700 kB: it is understood in the time of one frame, and freed before the next one comes."""
_MAX_RESTARTS = 3


class Resource(Frozen, Generic[T]):
    """One kind of object: where it is, and how its JSON becomes ours."""

    plural: str
    words: str
    """For messages: `Jobs`."""
    read_page: Callable[[bytes], Page[T]]
    read_one: Callable[[bytes | Raw], T]
    uid: Callable[[T], str]
    group: str = ""
    version: str = "v1"
    label_selector: str | None = None
    first_selector: str | None = None
    """Field selector of what is waited for: where the list takes several pages, it is asked for before the rest."""
    has_namespace: bool = True

    @property
    def qualified(self) -> str:
        """`jobs.batch`, as RBAC and kubectl name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """URL path of the collection, or of one object in it."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        space = f"/namespaces/{quote(namespace, safe='')}" if namespace is not None else ""
        return f"{root}{space}/{self.plural}" + (f"/{quote(name, safe='')}" if name is not None else "")

    def ask(self, cluster: str, verb: str, namespace: str | None, name: str | None = None) -> Ask:
        """The request in words."""
        if name is not None:
            what = f"{self.words.removesuffix('s')} {f'{namespace}/' if namespace else ''}{name}"
        elif not self.has_namespace:
            what = self.words
        else:
            what = f"{self.words} of {f'namespace {namespace}' if namespace else 'all namespaces'}"
        return Ask(cluster, verb, self.qualified, what)


class Listed(Frozen, Generic[T]):
    """A whole list, and where a watch goes on from."""

    items: tuple[T, ...]
    resource_version: str


async def read_list(
    wire: KubeWire, resource: Resource[T], namespace: str | None, *, field_selector: str | None = None
) -> Listed[T]:
    """Everything there is, in pages; from the start again when the server forgot the list half-way.

    `field_selector`: what the server leaves out, e.g. `status.successful=0` for Jobs without a success.
    Raises: SourceError.
    """
    for restarts_left in range(_MAX_RESTARTS, -1, -1):
        items: list[T] = []
        version = ""
        try:
            async with contextlib.aclosing(_pages(wire, resource, namespace, field_selector)) as pages:
                async for page in pages:
                    items += page.items
                    version = page.resource_version
            return Listed(tuple(items), version)
        except ListExpired:
            if not restarts_left:
                raise
    raise AssertionError("unreachable: the last try returns or raises")


async def _pages(
    wire: KubeWire,
    resource: Resource[T],
    namespace: str | None,
    field_selector: str | None = None,
    after: Page[T] | None = None,
) -> AsyncGenerator[Page[T], None]:
    """One page after the other; of what comes `after` one, where that is given."""
    ask = resource.ask(wire.name, "list", namespace)
    params = {"limit": str(PAGE_SIZE), **selectors(resource, field_selector)}
    proceed = after.proceed if after is not None else None
    while after is None or proceed is not None:
        if proceed is not None:
            params["continue"] = proceed
        body = await wire.fetch(Call(resource.path(namespace), ask, params=params))
        after = understood(ask, resource.read_page, body)
        if after.proceed is not None and after.proceed == proceed:
            raise SourceGarbled(f"{ask}: the server repeats the same page")
        yield after
        proceed = after.proceed


def selectors(resource: Resource[T], field_selector: str | None) -> dict[str, str]:
    """Query parameters that narrow a list or a watch."""
    given = {"labelSelector": resource.label_selector, "fieldSelector": field_selector}
    return {key: text for key, text in given.items() if text}


class Lists(Generic[T]):
    """The lists of some namespaces as steps of a watch, which then goes on from `versions`."""

    def __init__(
        self,
        wire: KubeWire,
        resource: Resource[T],
        namespaces: Sequence[str | None],
        field_selector: str | None = None,
    ) -> None:
        self._wire = wire
        self._resource = resource
        self._namespaces = namespaces
        self._field_selector = field_selector
        self.versions: list[str] = []
        """Of each namespace, once every step was taken."""

    async def at_once(self) -> AsyncGenerator[Watched[T], None]:
        """One step with everything."""
        listed = [
            await read_list(self._wire, self._resource, namespace, field_selector=self._field_selector)
            for namespace in self._namespaces
        ]
        self.versions = [part.resource_version for part in listed]
        yield Watched(tuple(item for part in listed for item in part.items), is_list=True)

    async def in_steps(self) -> AsyncGenerator[Watched[T], None]:
        """Where there is more than a page: what is waited for, then page after page, so that nobody waits for all."""
        try:
            async with contextlib.aclosing(self._steps()) as steps:
                async for step in steps:
                    yield step
        except ListExpired:
            async with contextlib.aclosing(self.at_once()) as steps:
                async for step in steps:
                    yield step

    async def _steps(self) -> AsyncGenerator[Watched[T], None]:
        first = [await self._first_page(namespace, self._field_selector) for namespace in self._namespaces]
        self.versions = [page.resource_version for page in first]
        items = [item for page in first for item in page.items]
        unfinished = [(space, page) for space, page in zip(self._namespaces, first, strict=True) if page.proceed]
        early = [(space, page) for space, _ in unfinished if (page := await self._waited_for(space))]
        items_early = [item for _, page in early for item in page.items]
        yield Watched((*items, *items_early), is_list=True, has_more=bool(unfinished))
        async for page in self._following(early, self._resource.first_selector):
            yield Watched(page.items)
        seen = {*map(self._resource.uid, items)}
        async for page in self._following(unfinished, self._field_selector):
            seen.update(map(self._resource.uid, page.items))
            yield Watched(page.items)
        if unfinished:
            # What was waited for may have gone before its page was read.
            yield Watched(all_uids=frozenset(seen))

    async def _following(
        self, begun: Sequence[tuple[str | None, Page[T]]], field_selector: str | None
    ) -> AsyncGenerator[Page[T], None]:
        """The pages after these first ones."""
        for namespace, first in begun:
            following = _pages(self._wire, self._resource, namespace, field_selector, first)
            async with contextlib.aclosing(following) as pages:
                async for page in pages:
                    yield page

    async def _first_page(self, namespace: str | None, field_selector: str | None) -> Page[T]:
        async with contextlib.aclosing(_pages(self._wire, self._resource, namespace, field_selector)) as pages:
            return await anext(pages)

    async def _waited_for(self, namespace: str | None) -> Page[T] | None:
        selector = self._resource.first_selector
        if selector is None or self._field_selector is not None:
            return None
        try:
            return await self._first_page(namespace, selector)
        except SourceRefused:  # a server that does not know the selector: everything comes in its turn
            return None
