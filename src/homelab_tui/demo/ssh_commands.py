"""Running what an SSH client asks for: a real /bin/sh in the node's own scratch root, wired to the channel."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST

RUN_VARIABLE = "HOMELAB_DEMO_RUN"
"""Set in every session's environment, so that what a session left behind is found again and ended."""
HANG_UP_S = 0.5
"""How long a command has to notice the end of its input before it is told to end."""
TERM_S = 1.0
"""How long it then has before it is killed."""
_CHUNK = 65536
_LOOKS, _LOOK_AGAIN_S = 3, 0.03
# A file size limit of 0 is the full disk that needs no root: every write to a file fails, pipes do not.
_DISK_FULL = 'trap "" XFSZ; ulimit -f 0; exec /bin/sh -c "$0"'
# A session leader that opens a terminal gets it as its controlling terminal.
_ON_TERMINAL = 'exec /bin/sh ${1:+-c "$1"} <"$0" >"$0" 2>&1'


_SFTP_SERVERS = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
)
"""Where Debian, Red Hat, Arch and macOS have it."""


def sftp_server() -> Path | None:
    """This machine's sftp-server; None where there is none."""
    return next((Path(path) for path in _SFTP_SERVERS if os.access(path, os.X_OK)), None)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where commands run."""

    cwd: Path
    environment: dict[str, str]
    """Complete: nothing of the server's own environment is inherited."""


@dataclass(eq=False)
class RunningCommand:
    """One command on one channel. `run` blocks until it is over; `hang_up` ends it early, from any thread."""

    channel: paramiko.Channel
    text: str | None
    """The command; None: an interactive shell."""
    surroundings: Surroundings
    terminal: bool = False
    disk_full: bool = False
    cut_output: bool = False
    """Deliver the first half of the first piece of output and then no more: neither the rest nor an exit status."""
    _process: "subprocess.Popen[bytes] | None" = None
    _over: bool = False
    _lock: Lock = field(default_factory=Lock)

    def run(self) -> None:
        """Start it, carry its three streams, send the exit status, close the channel."""
        try:
            status = self._run_on_terminal() if self.terminal else self._run_on_pipes()
        except OSError as error:
            self._over = True
            self._finish(127, f"cannot run: {error.strerror}\n".encode())
        else:
            self._finish(status)

    def hang_up(self) -> None:
        """End the command's process group: first politely, then for good. Returns when it is gone."""
        if self._process is None:
            return
        for number, patience_s in ((None, HANG_UP_S), (signal.SIGTERM, TERM_S), (signal.SIGKILL, TERM_S)):
            if number is not None:
                self._signal(number)
            deadline = time.monotonic() + patience_s
            while time.monotonic() < deadline:
                if self._over:
                    return
                time.sleep(0.02)

    # -- inside: its threads end by themselves, with the process or with the channel ------------------------------

    def _run_on_pipes(self) -> int:
        text = self.text or "exec /bin/sh"
        argv = ["/bin/sh", "-c", _DISK_FULL, text] if self.disk_full else ["/bin/sh", "-c", text]
        (stdin, to_child), (from_child, stdout), (child_errors, stderr) = os.pipe(), os.pipe(), os.pipe()
        try:
            process = self._start(argv, stdin, stdout, stderr)
        except OSError:
            for descriptor in (to_child, from_child, child_errors):
                os.close(descriptor)
            raise
        finally:
            for descriptor in (stdin, stdout, stderr):
                os.close(descriptor)
        _thread(self._feed, to_child)
        errors = _thread(self._carry, child_errors, True)
        _thread(self._hang_up_when_closed)
        self._carry(from_child, False)
        errors.join()
        return self._wait(process)

    def _run_on_terminal(self) -> int:
        master, slave = os.openpty()
        argv = ["/bin/sh", "-c", _ON_TERMINAL, os.ttyname(slave), *([self.text] if self.text else [])]
        process = self._start(argv, subprocess.DEVNULL, subprocess.DEVNULL, subprocess.DEVNULL)
        _thread(self._feed, os.dup(master), b"\x04")
        _thread(self._hang_up_when_closed)
        # Our own end of the slave stays open until the shell is gone: without it the first read could end early.
        _thread(_close_after, process, slave)
        self._carry(master, False)
        return self._wait(process)

    def _start(self, argv: list[str], stdin: int, stdout: int, stderr: int) -> "subprocess.Popen[bytes]":
        self._process = subprocess.Popen(
            argv,
            cwd=self.surroundings.cwd,
            env=self.surroundings.environment,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            umask=0o022,
        )
        return self._process

    def _hang_up_when_closed(self) -> None:
        # paramiko sets a channel's status_event when the channel closes, whoever closes it.
        self.channel.status_event.wait()
        self.hang_up()

    def _wait(self, process: "subprocess.Popen[bytes]") -> int:
        _wait_unreaped(process)
        # Reaped under the lock: no signal may go to a process group whose number somebody else has by now.
        with self._lock:
            status = process.wait()
            self._over = True
        return status

    def _signal(self, number: int) -> None:
        with self._lock:
            if self._process is not None and not self._over:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, number)

    def _feed(self, descriptor: int, at_end: bytes = b"") -> None:
        """Client → command. A command that stops reading does not stop the client from sending."""
        try:
            while data := self.channel.recv(_CHUNK):
                with contextlib.suppress(BrokenPipeError):
                    _write_all(descriptor, data)
            _write_all(descriptor, at_end)
        except OSError:
            pass  # The channel or the terminal is gone.
        finally:
            os.close(descriptor)

    def _carry(self, descriptor: int, is_stderr: bool) -> None:
        """Command → client, until the command's end closes; a client that went away closes it for the command."""
        send = self.channel.sendall_stderr if is_stderr else self.channel.sendall
        try:
            while data := os.read(descriptor, _CHUNK):
                if self.cut_output:
                    send(data[: len(data) // 2])
                    break
                send(data)
        except (OSError, EOFError):
            pass  # EIO is how a terminal ends; a send that fails means that the client is gone.
        finally:
            os.close(descriptor)

    def _finish(self, status: int, message: bytes = b"") -> None:
        if self.cut_output:
            return
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            if message:
                self.channel.sendall_stderr(message)
            if status < 0:
                self._send_exit_signal(-status)
            else:
                self.channel.send_exit_status(status)
            self.channel.close()

    def _send_exit_signal(self, number: int) -> None:
        """What RFC 4254, 6.10 has in place of a status for a command that a signal ended; paramiko cannot send it."""
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(self.channel.remote_chanid)
        message.add_string("exit-signal")
        message.add_boolean(False)
        message.add_string(signal.Signals(number).name.removeprefix("SIG"))
        message.add_boolean(False)
        message.add_string("")
        message.add_string("")
        transport = self.channel.get_transport()
        if transport is not None:
            transport._send_user_message(message)  # type: ignore[attr-defined]


def _thread(target: Callable[..., None], *arguments: object) -> Thread:
    thread = Thread(target=target, args=arguments, daemon=True, name="demo-ssh-command")
    thread.start()
    return thread


def _wait_unreaped(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def _close_after(process: "subprocess.Popen[bytes]", descriptor: int) -> None:
    _wait_unreaped(process)
    os.close(descriptor)


def end_leftovers(run_id: str) -> None:
    """End every process that sessions of this run started and left behind (`nohup … &`), found by its environment."""
    marker = f"{RUN_VARIABLE}={run_id}".encode()
    for _ in range(_LOOKS):
        try:
            _end_marked(marker, os.listdir("/proc"))
        except FileNotFoundError:
            return  # Not Linux: nothing to look at.
        # A process that is just being replaced by another program (nohup, setsid) shows no environment for a moment.
        time.sleep(_LOOK_AGAIN_S)


def _end_marked(marker: bytes, entries: list[str]) -> None:
    for entry in entries:
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            environment = Path("/proc", entry, "environ").read_bytes()
            if marker in environment.split(b"\0"):
                os.kill(int(entry), signal.SIGKILL)
        except OSError:
            continue  # It ended meanwhile, or belongs to somebody else.


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
