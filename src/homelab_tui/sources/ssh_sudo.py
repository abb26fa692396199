"""Passwordless sudo for one account: a drop-in that visudo accepts, and that a session without a terminal proves.

Blocking: it runs inside a session's thread.
"""

import re
import shlex

from homelab_tui.domain.errors import SourceRefused
from homelab_tui.domain.keys import NodeChange
from homelab_tui.domain.secrets import Secret
from homelab_tui.sources.ssh_root import Words, run_as_root
from homelab_tui.sources.ssh_routes import printable
from homelab_tui.sources.ssh_scripts import new_mark
from homelab_tui.sources.ssh_sessions import Session
from homelab_tui.sources.ssh_writes import read_account

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")

# The temporary name has a dot, which sudo passes over. The last match wins in sudoers: 99 comes after what others put
# there. A dot in the account's own name would make sudo pass over ours, too.
GRANT = r"""
d=/etc/sudoers.d; f=@F; u=@U
command -v visudo >/dev/null 2>&1 || { say NOVISUDO; exit 1; }
[ -d "$d" ] || { say NODIR; exit 1; }
t=$(mktemp "$d/.homelab.XXXXXX") || { say WRITE; exit 1; }
trap 'rm -f -- "$t"' EXIT
trap 'exit 30' HUP TERM INT PIPE
printf '%s\n' '# written by homelab keys sudo; undo: homelab keys sudo --undo' "$u ALL=(ALL:ALL) NOPASSWD: ALL" >"$t"
visudo -cf "$t" >/dev/null 2>&1 || { say BAD; exit 1; }
chmod 0440 "$t" && sync && mv -f -- "$t" "$f" || { say WRITE; exit 1; }
command -v restorecon >/dev/null 2>&1 && restorecon -F "$f"
visudo -c >/dev/null 2>&1 || { rm -f -- "$f"; say BROKEN; exit 1; }
say OK
"""
_TAKE_BACK = r"""
f=@F
[ -e "$f" ] || { say NOTHING; exit 0; }
grep -q '^# written by homelab' "$f" || { say FOREIGN; exit 1; }
rm -f -- "$f" || { say WRITE; exit 1; }
say OK
"""
WHY = {
    "NOVISUDO": "there is no visudo on the node to check it with",
    "NODIR": "there is no /etc/sudoers.d",
    "WRITE": "/etc/sudoers.d cannot be written to",
    "BAD": "visudo does not accept a line for this account",
    "BROKEN": "visudo finds the whole of sudoers broken with it, so it was taken away again",
    "FOREIGN": "the file was not written by homelab; look at it yourself",
}


def grant_sudo(session: Session, password: Secret | None) -> NodeChange:
    """Lets the account use sudo without a password. Its proof is a session of its own: `works_without_password`.

    Raises: CredentialsNeeded when sudo wants a password; SourceRefused with the reason, nothing changed.
    """
    reading = read_account(session)
    if reading.uid == 0:
        return NodeChange(False, "the account is root")
    if works_without_password(session):
        return NodeChange(False, "sudo asks for no password already", proven=True)
    words = run_as_root(session, reading, _filled(GRANT, session, reading.user), password)
    _demand_ok(session, words)
    return NodeChange(True, f"{drop_in(reading.user)} written")


def take_sudo_back(session: Session, password: Secret | None) -> NodeChange:
    """Takes the drop-in away again. Raises as `grant_sudo`."""
    reading = read_account(session)
    words = run_as_root(session, reading, _filled(_TAKE_BACK, session, reading.user), password)
    if words[-1][0] == "NOTHING":
        return NodeChange(False, f"there is no {drop_in(reading.user)}; nothing to undo")
    _demand_ok(session, words)
    return NodeChange(True, f"{drop_in(reading.user)} is gone")


def works_without_password(session: Session) -> bool:
    """Whether sudo asks for no password in a session without a terminal, whatever was typed a moment ago."""
    mark = new_mark()
    return mark.encode() in session.run("sh -s", f"sudo -k -n true && echo {mark}\n".encode()).stdout


def drop_in(user: str) -> str:
    """The file of one account."""
    return f"/etc/sudoers.d/99-homelab-{user.replace('.', '_')}"


def _filled(script: str, session: Session, user: str) -> str:
    if not _USER.fullmatch(user) or user.isupper():  # to sudoers a word in capitals is an alias
        raise SourceRefused(f"{session.where}: sudoers cannot name the account {printable(user)} safely")
    return script.replace("@F", shlex.quote(drop_in(user))).replace("@U", shlex.quote(user))


def _demand_ok(session: Session, words: Words) -> None:
    word = words[-1][0]
    if word != "OK":
        raise SourceRefused(f"{session.where}: {WHY.get(word, word)}; nothing was changed")
