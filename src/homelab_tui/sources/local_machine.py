"""Commands on this very machine, in the shape that scripts for nodes need. Blocking."""

import getpass
import os
import subprocess

from homelab_tui.domain.errors import SourceTimeout, SourceUnreachable
from homelab_tui.domain.values import Frozen
from homelab_tui.sources.ssh_commands import Output

HERE = "this machine"


class LocalMachine(Frozen):
    """Runs commands here, as whoever runs the program."""

    timeout_s: float

    @property
    def where(self) -> str:
        """Its name in messages."""
        return HERE

    @property
    def user(self) -> str:
        """Who runs the program."""
        return getpass.getuser()

    @property
    def uid(self) -> int:
        """Its number; 0 needs no sudo."""
        return os.geteuid()

    @property
    def sudo(self) -> bool:
        """Whether sudo asks for no password just now."""
        return self.run("sudo -n true").exit_status == 0

    def run(self, command: str, stdin: bytes = b"") -> Output:
        """One command, in a session of its own: nothing of it may ask on the terminal that the screen is on."""
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", command],
                input=stdin,
                capture_output=True,
                timeout=self.timeout_s,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as error:
            raise SourceTimeout(f"{HERE}: the command did not end within {self.timeout_s:g} s") from error
        except OSError as error:
            raise SourceUnreachable(f"{HERE}: no shell can be run: {error.strerror}") from error
        return Output(done.stdout, done.stderr, done.returncode if done.returncode >= 0 else None)
