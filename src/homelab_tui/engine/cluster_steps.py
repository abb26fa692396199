"""A step of a watch, put on top of what is known."""

import asyncio
from typing import Protocol, TypeVar

from homelab_tui.domain.watching import Watched

_COMPARED_AT_ONCE = 1000


class HasUid(Protocol):
    """An object of Kubernetes."""

    @property
    def uid(self) -> str | None:
        """None where the API said none: such an object is left out."""


T = TypeVar("T", bound=HasUid)


async def applied(objects: dict[str, T], step: Watched[T]) -> dict[str, T]:
    """The objects by uid after one step of the watch."""
    if step.is_list:
        listed = await _listed(objects, step.items)
        # After an outage of a long list only the beginning is there: what was known stands until its end.
        return objects | listed if step.has_more else listed
    if step.all_uids is not None:
        return {uid: item for uid, item in objects.items() if uid in step.all_uids}
    for item in step.items:
        if item.uid and objects.get(item.uid) != item:
            objects[item.uid] = item
    for uid in step.gone:
        objects.pop(uid, None)
    return objects


async def _listed(before: dict[str, T], items: tuple[T, ...]) -> dict[str, T]:
    """The items by uid; what is as it was stays the same object, so that nobody has to look into it."""
    found: dict[str, T] = {}
    for count, item in enumerate(items, 1):
        if item.uid:
            old = before.get(item.uid)
            found[item.uid] = old if old is not None and old == item else item
        if before and count % _COMPARED_AT_ONCE == 0:
            await asyncio.sleep(0)
    return found
