"""Loading the wire libraries before their first call, where there is time for it."""

import importlib
from collections.abc import Callable

_LIBRARIES = (
    "httpx",
    "paramiko",
    "pysnmp.hlapi.v3arch.asyncio",
)
"""In the order in which what they bring is missed."""


def load_http() -> None:
    """Import what every source that speaks HTTP needs (40 ms). Blocking: in a thread."""
    importlib.import_module("homelab_tui.sources.http_wire")


def load_wires(enough: Callable[[], bool]) -> None:
    """Import one wire library after the other until all are loaded, or `enough` says that there is other work.

    Blocking, for most of a second: in a thread, and never before the first paint.
    """
    for name in _LIBRARIES:
        if enough():
            return
        importlib.import_module(name)
