"""Programs in a pseudo-terminal, watched from outside: when a text appears, how long leaving takes."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence


class Terminal:
    """One program in a pty of 120 x 40. Times are seconds since its start."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self._screen = b""
        self.started = time.perf_counter()
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(  # noqa: S606  a program of our own, no shell wanted
                    command[0], list(command), {**os.environ, "TERM": "xterm-256color", **(env or {})}
                )
            finally:
                os._exit(127)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def wait_for(self, text: str, timeout_s: float = 20.0) -> float:
        """Seconds from the start until the text was written. Raises TimeoutError with the end of what was."""
        wanted = text.encode()
        deadline = time.perf_counter() + timeout_s
        while wanted not in self._screen:
            left_s = deadline - time.perf_counter()
            if left_s <= 0 or not self._read(left_s):
                raise TimeoutError(f"no {text!r} within {timeout_s} s; last: {self._screen[-400:]!r}")
        return time.perf_counter() - self.started

    def watch(self, seconds: float) -> None:
        """Read along for a while, as a terminal does."""
        until = time.perf_counter() + seconds
        while (left_s := until - time.perf_counter()) > 0:
            self._read(left_s)

    def forget(self) -> None:
        """What was on the screen until now does not count for the next `wait_for`."""
        self._screen = b""

    def send(self, keys: str) -> None:
        """Type."""
        os.write(self._master, keys.encode())

    def leave(self, keys: str = "q", timeout_s: float = 10.0) -> float:
        """Type the keys that quit; seconds until the process has ended."""
        begun = time.perf_counter()
        self.send(keys)
        while time.perf_counter() - begun < timeout_s:
            ended, _ = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.pid = 0
                return time.perf_counter() - begun
            self._read(0.005)
        raise TimeoutError("it does not leave")

    def close(self) -> None:
        """End the program if it still runs."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._master)

    def _read(self, timeout_s: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], timeout_s)
        if not ready:
            return False
        try:
            chunk = os.read(self._master, 65536)
        except OSError:
            return False
        # Textual asks the terminal whether it knows synchronised output, and waits for no answer.
        self._screen += chunk
        return bool(chunk)
