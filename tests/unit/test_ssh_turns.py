"""One connection's thread computes at a time, and one that forgets to stop keeps nobody waiting for long."""

import threading
import time
from collections.abc import Callable

from homelab_tui.sources.ssh_turns import PATIENCE_S, Turns


def in_threads(work: Callable[[], None], count: int) -> None:
    """`work` in so many threads at once, to its end."""
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_one_computes_at_a_time() -> None:
    turns, now, most = Turns(patience_s=60), 0, 0

    def work() -> None:
        nonlocal now, most
        for _ in range(20):
            turns.take()
            now += 1
            most = max(most, now)
            time.sleep(0.0002)
            now -= 1
            turns.leave()

    in_threads(work, 8)
    assert most == 1


def test_a_turn_that_is_never_given_back_is_waited_for_once() -> None:
    turns = Turns()
    in_threads(turns.take, 1)  # and that thread is gone
    begun = time.monotonic()
    turns.take()
    assert time.monotonic() - begun >= PATIENCE_S * 0.9
    done: list[int] = []

    def work() -> None:
        turns.take()
        done.append(1)
        turns.leave()

    begun = time.monotonic()
    in_threads(work, 50)
    assert len(done) == 50
    assert time.monotonic() - begun < 50 * PATIENCE_S  # nobody waits for the lost one any more


def test_who_has_no_turn_gives_none_back() -> None:
    turns = Turns()
    turns.leave()
    turns.take()
    in_threads(turns.leave, 1)  # another thread's
    refused: list[bool] = []

    def work() -> None:
        begun = time.monotonic()
        turns.take()
        refused.append(time.monotonic() - begun >= PATIENCE_S * 0.9)

    in_threads(work, 1)
    assert refused == [True]
    turns.leave()
    turns.leave()
