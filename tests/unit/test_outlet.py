"""The way to a terminal that reads, stands still, or is gone."""

import contextlib
import io
import os
import threading
from collections.abc import Iterator
from typing import TextIO

import pytest

from homelab_tui.ui.outlet import Outlet

FRAME = "x" * 1_000
LEAVE = "\x1b[?1049l"


class Line:
    """A pipe in place of a terminal: it stands still while nobody reads."""

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        self.stream: TextIO = io.TextIOWrapper(io.FileIO(writing, "w"), encoding="utf-8", write_through=True)

    def fill(self, *, blocking: bool) -> None:
        """Until it takes no more. `blocking`: how it is left, as another program may have."""
        os.set_blocking(self.stream.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.stream.fileno(), b".")
        os.set_blocking(self.stream.fileno(), blocking)

    def read_until(self, end: str) -> str:
        """Everything up to that text."""
        data = b""
        while not data.endswith(end.encode()):
            data += os.read(self.reading, 65_536)
        return data.decode()

    def close(self) -> None:
        """Nobody will read any more."""
        if self.reading >= 0:
            os.close(self.reading)
            self.reading = -1


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()
    made.stream.close()


def never() -> None:
    raise AssertionError("nothing was left out")


def test_what_is_written_arrives_in_order(line: Line) -> None:
    outlet = Outlet(line.stream, never)
    for number in range(1_000):
        outlet.write(f"{number} ⣿\n")
    assert line.read_until("999 ⣿\n").split("\n")[:-1] == [f"{number} ⣿" for number in range(1_000)]
    assert outlet.settle(10)


def test_what_no_text_can_say_is_written_as_its_escape(line: Line) -> None:
    Outlet(line.stream, never).write("\udcff.")
    assert line.read_until(".") == "\\udcff."


def test_a_terminal_that_is_gone_is_no_error_and_nobody_waits_for_it(line: Line) -> None:
    outlet = Outlet(line.stream, never, largest_backlog=10 * len(FRAME))
    line.close()
    for _ in range(1_000):
        outlet.write(FRAME)
    assert outlet.settle(10)


@pytest.mark.parametrize("blocking", [True, False])
def test_a_terminal_that_stands_still_holds_nobody_up_and_is_drawn_anew_when_it_goes_on(
    line: Line, blocking: bool
) -> None:
    line.fill(blocking=blocking)
    caught_up = threading.Event()
    outlet = Outlet(line.stream, caught_up.set, largest_backlog=10 * len(FRAME))
    for _ in range(1_000):
        outlet.write(FRAME)
    outlet.write(LEAVE)
    assert not outlet.settle(0.01)
    assert not caught_up.is_set()
    text = line.read_until(LEAVE).lstrip(".")  # with what gives the terminal back, which is never left out
    assert len(text) < 30 * len(FRAME), "what it could not take was not kept"
    assert set(text.removesuffix(LEAVE)) == {"x"}
    assert caught_up.wait(10)
    assert outlet.settle(10)
