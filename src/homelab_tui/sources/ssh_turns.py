"""One connection computes at a time, the others wait for their turn outside the interpreter's lock.

paramiko has a thread for each connection, and Python hands its lock to whoever of those that wait for it comes first:
with 32 logins at once the event loop, which draws the screen, waited for 30 others (p99 230 ms). So a connection's
thread takes a turn when something has arrived for it, and gives it back before it waits for more.
"""

import threading

PATIENCE_S = 0.1
"""So long is a turn waited for; then its holder has forgotten it, or waits for something itself."""


class Turns:
    """Who may compute; for the threads of paramiko's transports."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._turn = threading.Lock()
        self._held = threading.local()

    def take(self) -> None:
        """Waits until nobody else computes, or has done so for too long."""
        turn = self._turn
        if turn.acquire(timeout=self._patience_s):
            self._held.turn = turn
        elif self._turn is turn:
            self._turn = threading.Lock()

    def leave(self) -> None:
        """Lets the next one compute. Harmless in a thread that has no turn."""
        turn: threading.Lock | None = getattr(self._held, "turn", None)
        if turn is not None:
            self._held.turn = None
            turn.release()


TURNS = Turns()
"""The process's, as the interpreter's lock is."""
