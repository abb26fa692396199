"""One command over an open SSH connection, with every wait bounded."""

import contextlib
import select
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from homelab_tui.domain.errors import SourceError, SourceGarbled, SourceRefused, SourceTimeout, SourceUnreachable
from homelab_tui.domain.values import Frozen
from homelab_tui.sources.ssh_limits import MAX_OUTPUT_BYTES, Deadline
from homelab_tui.sources.ssh_routes import printable

if TYPE_CHECKING:
    import paramiko

SESSION_PATIENCE_S = 2.0
"""How long a refused session is asked for again."""


class Output(Frozen):
    """What one command said."""

    stdout: bytes
    stderr: bytes
    exit_status: int | None
    """None when the server gave none (a signal, a lost link)."""


class RunsCommands(Protocol):
    """Where one command after the other can be run: a session, or another account of its node."""

    @property
    def where(self) -> str:
        """Its name in messages."""
        ...

    def run(self, command: str, stdin: bytes = b"") -> Output:
        """One command, all of its input and output."""
        ...


def run_command(
    transport: "paramiko.Transport", command: str, where: str, *, stdin: bytes = b"", timeout_s: float
) -> Output:
    """Runs one command on a channel of its own: all input, both outputs drained, then its exit status.

    Raises: SourceTimeout when it is not over in time; SourceRefused when the server opens no session;
    SourceGarbled when it says more than is sane.
    """
    import paramiko  # heavy: nothing may import it before the first paint

    deadline = Deadline(timeout_s)
    late = f"{where}: the command did not end within {timeout_s:g} s"
    try:
        channel = _open(transport, deadline)
    except paramiko.ChannelException as error:
        raise SourceRefused(f"{where}: logged in, but the server opens no session ({printable(error.text)})") from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _lost(transport, where, deadline, late) from error
    try:
        channel.settimeout(max(deadline.left_s, 0.001))
        _start(channel, command, deadline)
        _feed(channel, transport, stdin)
        return _collect(channel, where, deadline, late)
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _lost(transport, where, deadline, late) from error
    finally:
        with contextlib.suppress(Exception):  # the link may be gone already
            channel.close()


@contextlib.contextmanager
def running_command(
    transport: "paramiko.Transport", command: str, where: str, *, timeout_s: float
) -> "Iterator[paramiko.Channel]":
    """A command whose channel somebody else talks over, until the block ends. Raises as `run_command`."""
    import paramiko  # heavy: nothing may import it before the first paint

    deadline = Deadline(timeout_s)
    try:
        channel = _open(transport, deadline)
        channel.settimeout(max(deadline.left_s, 0.001))
        _start(channel, command, deadline)
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _lost(transport, where, deadline, f"{where}: the command did not start in time") from error
    try:
        yield channel
    finally:
        with contextlib.suppress(Exception):  # the link may be gone already
            channel.close()


def _open(transport: "paramiko.Transport", deadline: Deadline) -> "paramiko.Channel":
    """A session channel. Where the server allows one at a time (MaxSessions 1), the one before may just be ending."""
    import paramiko  # heavy: nothing may import it before the first paint

    patience = Deadline(min(SESSION_PATIENCE_S, deadline.left_s))
    while True:
        try:
            return transport.open_session(timeout=max(deadline.left_s, 0.001))
        except paramiko.ChannelException:
            if patience.has_passed:
                raise
            time.sleep(0.03)


def _start(channel: "paramiko.Channel", command: str, deadline: Deadline) -> None:
    """exec_command() waits for the server's yes without any time-out: the event that it waits for has one."""
    channel.event = _EndingEvent(deadline)
    channel.exec_command(command.encode())


class _EndingEvent(threading.Event):
    """Comes of itself when it is too late; paramiko takes that for a closed channel."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def wait(self, timeout: float | None = None) -> bool:
        if not super().wait(self._deadline.left_s if timeout is None else timeout):
            self.set()
        return True


def _feed(channel: "paramiko.Channel", transport: "paramiko.Transport", stdin: bytes) -> None:
    """All of its input. A command that ends at once (no shell: /bin/false) may close the channel before it has that:
    what it said, and how it ended, counts all the same."""
    try:
        if stdin:
            channel.sendall(stdin)
        channel.shutdown_write()
    except OSError:
        if not (channel.closed and transport.is_active()):
            raise


def _collect(channel: "paramiko.Channel", where: str, deadline: Deadline, late: str) -> Output:
    """Drains both streams at once: a full stderr that nobody reads would stop the command for ever."""
    poller = select.poll()
    poller.register(channel.fileno(), select.POLLIN)
    out, err = bytearray(), bytearray()
    while True:
        is_over = channel.eof_received or channel.closed  # read before draining, so that nothing is lost in between
        while channel.recv_ready():
            out += channel.recv(65536)
        while channel.recv_stderr_ready():
            err += channel.recv_stderr(65536)
        if len(out) > MAX_OUTPUT_BYTES or len(err) > MAX_OUTPUT_BYTES:
            raise SourceGarbled(f"{where}: the command says more than {MAX_OUTPUT_BYTES // 1_000_000} MB; cut off")
        if is_over:
            break
        if deadline.has_passed:
            raise SourceTimeout(late)
        poller.poll(deadline.left_s * 1000)
    # recv_exit_status() has no time-out; the event behind it does.
    channel.status_event.wait(max(deadline.left_s, 0.1))
    status = channel.exit_status
    return Output(bytes(out), bytes(err), status if status >= 0 else None)


def _lost(transport: "paramiko.Transport", where: str, deadline: Deadline, late: str) -> SourceError:
    if deadline.has_passed and transport.is_active():
        return SourceTimeout(late)
    return SourceUnreachable(f"{where}: the connection was lost in the middle")
