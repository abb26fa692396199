"""Scripts as root on a node: through `sudo` without a password, or with one on stdin. Blocking.

A script is read whole before its first line runs (it is one function), so that a link that breaks in the middle of
sending runs nothing. Whatever else is printed around it is harmless: only what follows the mark counts.
"""

from typing import Protocol

from homelab_tui.domain.errors import CredentialsNeeded, SourceError, SourceRefused
from homelab_tui.domain.secrets import Secret
from homelab_tui.sources.ssh_account import no_answer
from homelab_tui.sources.ssh_commands import Output, RunsCommands
from homelab_tui.sources.ssh_routes import printable
from homelab_tui.sources.ssh_scripts import new_mark

Words = tuple[tuple[str, str], ...]
"""What a script said, line by line: a word and the rest."""

_SCRIPT = """main() {
LC_ALL=C; export LC_ALL; umask 077; cd /
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH
say() { printf '\\nMARK_HERE %s\\n' "$*"; }
BODY_HERE
}
main </dev/null
"""


class MayBecomeRoot(Protocol):
    """Who runs the commands, and whether sudo asks for a password."""

    @property
    def user(self) -> str:
        """Its name."""
        ...

    @property
    def uid(self) -> int:
        """0 needs no sudo."""
        ...

    @property
    def sudo(self) -> bool:
        """Whether sudo works without a password."""
        ...


def run_as_root(session: RunsCommands, reading: MayBecomeRoot, body: str, password: Secret | None = None) -> Words:
    """Runs the lines of a script as root; `say WORD text` is what it answers with.

    Raises: CredentialsNeeded when sudo wants a password and none, or a wrong one, was given; SourceRefused when the
    account may not become root at all.
    """
    mark = new_mark()
    script = _SCRIPT.replace("MARK_HERE", mark).replace("BODY_HERE", body).encode()
    if reading.uid == 0:
        output = session.run("sh -s", script)
    elif reading.sudo:
        output = session.run("sudo -n sh -s", script)
    elif password is not None:
        line = password.reveal().encode() + b"\n"
        # -k: no ticket of an earlier sudo counts, so that exactly one line of stdin is the password. Tried alone first:
        # after a wrong one sudo would take lines of the script for the next tries, and pam_faillock counts them.
        tried = session.run('sudo -k -S -p "" true', line)
        if tried.exit_status != 0:
            raise _refusal(session, tried)
        output = session.run('sudo -k -S -p "" sh -s', line + script)
    else:
        raise CredentialsNeeded(
            f"{session.where}: {printable(reading.user)} needs a password for sudo (or may not use it)",
            password_possible=True,
        )
    words = tuple(_said(output, mark))
    if not words:
        raise _refusal(session, output)
    return words


def can_be_root(reading: MayBecomeRoot) -> bool:
    """Whether the account is root, or becomes it without a password."""
    return reading.uid == 0 or reading.sudo


def _said(output: Output, mark: str) -> list[tuple[str, str]]:
    lines = output.stdout.decode("utf-8", "replace").splitlines()
    found = [line[len(mark) + 1 :] for line in lines if line.startswith(f"{mark} ")]
    return [(word, text) for word, _, text in (line.partition(" ") for line in found)]


def _refusal(session: RunsCommands, output: Output) -> SourceError:
    text = output.stderr.decode("utf-8", "replace")
    lowered = text.lower()
    where = session.where
    if "incorrect password" in lowered or "sorry, try again" in lowered or "no password was provided" in lowered:
        return CredentialsNeeded(f"{where}: sudo refused the password; nothing was changed", password_possible=True)
    if "not in the sudoers" in lowered or "may not run sudo" in lowered or "not allowed to" in lowered:
        return SourceRefused(f"{where}: the account may not use sudo for this; nothing was changed")
    if "tty" in lowered or "terminal" in lowered:
        return SourceRefused(f"{where}: sudo wants a terminal (requiretty in sudoers); nothing was changed")
    if "sudo" in lowered and "not found" in lowered:
        return SourceRefused(f"{where}: there is no sudo on the node; nothing was changed")
    return no_answer(output, where)
