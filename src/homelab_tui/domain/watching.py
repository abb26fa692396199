"""What a list-then-watch yields."""

from typing import Generic, TypeVar

from homelab_tui.domain.values import Frozen

T = TypeVar("T")


class Watched(Frozen, Generic[T]):
    """One step of a watch: a whole list, or what changed since the last step."""

    items: tuple[T, ...] = ()
    """With `is_list`, everything there is; else the added and modified ones, newest state only."""
    gone: tuple[str, ...] = ()
    """uids of deleted objects."""
    is_list: bool = False
    has_more: bool = False
    """Of a list: it is long, and this its beginning. The rest follows, up to the step with `all_uids`."""
    all_uids: frozenset[str] | None = None
    """At the end of a long list: the uids of everything in it. What else is held is there no more."""
