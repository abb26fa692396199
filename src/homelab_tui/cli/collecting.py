"""When Python looks for garbage, in a program that holds much and must answer keys at any moment."""

import contextlib
import gc
import sys

_NEW_OBJECTS = 5_000
"""Made since the last look, beyond those freed. At the usual 700 it looks some hundred times while 10,000 Jobs load."""
_YOUNG_LOOKS, _OLD_LOOKS = 10, 10


def collect_later() -> None:
    """Until `collect_seldom`, look for no garbage: modules are no garbage, and a start took 80 ms longer."""
    gc.disable()


def collect_seldom() -> None:
    """Never look into what is there by now (`gc.freeze`), nor often into what comes: what we hold has no cycles."""
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _YOUNG_LOOKS, _OLD_LOOKS)
    gc.enable()


def keep_for_good() -> None:
    """Never look again into what is there now: modules, classes, Jobs. A full look took a tenth of a second.

    What is in use no more is freed all the same, unless it is a ring; young rings are swept out before.
    """
    gc.collect(1)
    gc.freeze()


def give_back() -> None:
    """Hand the memory that long answers took, and no longer take, back to the system: glibc keeps it otherwise.

    Takes some milliseconds.
    """
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):  # musl has no such function
            ctypes.CDLL(None).malloc_trim(0)
