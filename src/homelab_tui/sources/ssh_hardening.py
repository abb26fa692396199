"""Key-only sshd without a lock-out: a session stays open, a rollback is armed, a fresh real login decides. Blocking.

`sshd -t` accepts configurations that let nobody in (AllowUsers of somebody else, PubkeyAuthentication no, a missing
RevokedKeys file), and the list of methods looks right all the same. So nothing counts but a login that runs a command.
"""

import fnmatch
import secrets
import time
from collections.abc import Callable

from homelab_tui.domain.errors import (
    CredentialsNeeded,
    HomelabError,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.keys import NodeChange
from homelab_tui.sources.ssh_account import AccountReading
from homelab_tui.sources.ssh_connection import Arrival
from homelab_tui.sources.ssh_hardening_scripts import HardeningScripts
from homelab_tui.sources.ssh_limits import PASSWORD_METHODS
from homelab_tui.sources.ssh_login import LoggedIn, Signer, ask_methods, offer_key
from homelab_tui.sources.ssh_root import Words, can_be_root, run_as_root
from homelab_tui.sources.ssh_routes import printable
from homelab_tui.sources.ssh_sessions import Session
from homelab_tui.sources.ssh_writes import read_account

Stage = Callable[[str], None]
ROLLBACK_S = 120
"""How long the node waits for us before it puts everything back by itself."""
_TRIES = 8
_TRY_PAUSE_S = 0.5
_WHY = {
    "NOSSHD": "there is no sshd program on the node",
    "BADBEFORE": "its sshd configuration is broken already",
    "NOINCLUDE": "its sshd_config includes no /etc/ssh/sshd_config.d; homelab writes to no other file",
    "PENDING": "another hardening is on its way, or was left armed",
    "NOTIMER": "the rollback's timer cannot be started",
    "WRITE": "the file cannot be written",
    "GONE": "the rollback was faster",
    "BADCONFIG": "sshd does not accept the configuration",
    "RELOAD": "sshd cannot be told to read its configuration",
    "FOREIGN": "00-homelab.conf was not written by homelab; look at it yourself",
}


class Surprise(SourceRefused):
    """Something is not as it must be; everything is to be put back."""


def harden(session: Session, stage: Stage, rollback_s: int = ROLLBACK_S) -> NodeChange:
    """Switches password logins off on the node that this session is on.

    Raises: SourceRefused when it was not done; its message says whether anything was changed, whether it was put back,
    and whether access was proven after that.
    """
    signer, reading = _demand_ready(session)
    stage("proving the key…")
    try:
        _log_in_again(session, signer, with_sudo=reading.uid != 0)
    except HomelabError as error:
        raise SourceRefused(f"{error}; nothing was changed") from error
    settings = (reading.setting("passwordauthentication"), reading.setting("kbdinteractiveauthentication"))
    if settings == ("no", "no") and not PASSWORD_METHODS.intersection(session.login.methods):
        return NodeChange(False, "takes keys only already; proven by a fresh login", proven=True)
    scripts = HardeningScripts(secrets.token_hex(6), rollback_s)
    stage("arming the rollback…")
    # What is left unsaid by a link that breaks here is the timer's: it fires whatever becomes of us.
    armed_at = time.monotonic()
    _demand(session, run_as_root(session, reading, scripts.arm()), "ARMED", "nothing was changed")
    try:
        _switch_over(session, reading, signer, scripts, stage)
    except HomelabError as error:
        stage("putting back…")
        after = _put_back(session, reading, signer, scripts, armed_at + rollback_s)
        raise SourceRefused(f"{session.where}: not hardened: {printable(str(error), 300)}; {after}") from error
    return NodeChange(True, "takes keys only; proven by a fresh login, the rollback is disarmed", proven=True)


def unharden(session: Session, stage: Stage) -> NodeChange:
    """Takes the drop-in away again, and proves that the key still opens the node."""
    signer, reading = _demand_ready(session)
    stage("taking the drop-in away…")
    words = run_as_root(session, reading, HardeningScripts("none", 0).undo())
    if _has(words, "NOTHING"):
        return NodeChange(False, "there is no 00-homelab.conf; nothing to undo")
    _demand(session, words, "UNDONE", "nothing was changed")
    stage("proving the key…")
    _retried(session, lambda: _log_in_again(session, signer, with_sudo=False))
    return NodeChange(True, "00-homelab.conf is gone, sshd decides as before; proven by a fresh login", proven=True)


def _demand_ready(session: Session) -> tuple[Signer, AccountReading]:
    """A key that opened this session, and root without a password. Raises SourceRefused."""
    if session.login.signer is None:
        raise SourceRefused(f"{session.where}: no key opens the account yet; push one first. Nothing was changed")
    reading = read_account(session)
    if not can_be_root(reading):
        raise SourceRefused(
            f"{session.where}: hardening needs sudo without a password (homelab keys sudo); nothing was changed"
        )
    return session.login.signer, reading


def _switch_over(
    session: Session, reading: AccountReading, signer: Signer, scripts: HardeningScripts, stage: Stage
) -> None:
    """From the armed rollback to the disarmed one. Raises at the first surprise."""
    stage("writing the drop-in…")
    words = run_as_root(session, reading, scripts.write(reading.user, _place(session)))
    _demand(session, words, "WRITTEN", "it was not reloaded")
    reason = shut_out(words, reading.user)
    if reason is not None:
        raise Surprise(reason)
    stage("trying it out…")
    _try_out(session, reading, signer)
    stage("reloading sshd…")
    _demand(session, run_as_root(session, reading, scripts.reload()), "RELOADED", "")
    stage("proving by a fresh login…")
    _retried(session, lambda: _demand_no_password(session))
    _retried(session, lambda: _log_in_again(session, signer, with_sudo=reading.uid != 0))
    stage("disarming the rollback…")
    _demand(session, run_as_root(session, reading, scripts.disarm()), "DISARMED", "")


def _try_out(session: Session, reading: AccountReading, signer: Signer) -> None:
    """A login at an sshd of our own that reads the files as they are now, before the real one does.

    A reload brings into force whatever else waits in those files, and our rollback could not take that back. It runs
    as `sshd -i` over this session, so it needs no port; it does not know our address, which only the real login tells.
    Where it cannot be started at all, that says nothing.
    """
    sudo = "" if reading.uid == 0 else "sudo -n "
    command = f"sh -c 'PATH=$PATH:/usr/sbin:/sbin; exec {sudo}$(command -v sshd) -i -f /etc/ssh/sshd_config'"
    try:
        with session.through(command) as arrival:
            _demand_login(session, arrival, signer, with_sudo=reading.uid != 0)
    except Surprise:
        raise
    except (CredentialsNeeded, SourceGarbled) as error:
        raise Surprise(f"{error} (tried out before the reload)") from error
    except (SourceUnreachable, SourceTimeout, SourceRefused):
        if session.run("sh -s", b"echo there\n").stdout.strip() != b"there":
            raise


def _put_back(
    session: Session, reading: AccountReading, signer: Signer, scripts: HardeningScripts, fires_at: float
) -> str:
    """Roll back now over the session that is still open, else wait for the timer; then prove access again."""
    try:
        _demand(session, run_as_root(session, reading, scripts.roll_back()), "ROLLED", "")
        how = "it was put back"
    except HomelabError:
        session.wait(max(0.0, fires_at + 2.0 - time.monotonic()))
        how = "the node's own rollback has put it back"
    try:
        _retried(session, lambda: _log_in_again(session, signer, with_sudo=False))
    except HomelabError as error:
        return f"{how}, BUT ACCESS IS NOT PROVEN: {printable(str(error), 200)}; do not close what is still open"
    return f"{how}, and access is proven again"


def shut_out(words: Words, user: str) -> str | None:
    """Why the configuration in force would not do, by `sshd -T -C`; None when nothing speaks against it."""
    said: dict[str, list[str]] = {}
    for word, text in words:
        if word == "CONF":
            keyword, _, value = text.partition(" ")
            said.setdefault(keyword.lower(), []).append(value.strip())
    for keyword, wanted in (
        ("pubkeyauthentication", "yes"),
        ("passwordauthentication", "no"),
        ("kbdinteractiveauthentication", "no"),
    ):
        if said.get(keyword, [""])[0] != wanted:
            return f"sshd -T says {keyword} {said.get(keyword, ['nothing'])[0]}, and not {wanted}"
    missing = next((text for word, text in words if word == "NOREVOKED"), None)
    if missing is not None:
        return f"sshd refuses every key while {missing} cannot be read (RevokedKeys)"
    if said.get("authorizedkeysfile") == ["none"] and said.get("authorizedkeyscommand", ["none"]) == ["none"]:
        return "sshd reads no keys at all (AuthorizedKeysFile none)"
    if said.get("forcecommand", ["none"])[0] != "none":
        return "sshd runs a command of its own instead of ours (ForceCommand)"
    chains = " ".join(said.get("authenticationmethods", ["any"])).split()
    if chains != ["any"] and not any(chain.split(":")[0] == "publickey" for chain in chains):
        return f"sshd wants more than a key (AuthenticationMethods {' '.join(chains)})"
    if user == "root" and said.get("permitrootlogin", ["yes"])[0] == "no":
        return "sshd does not let root in (PermitRootLogin no)"
    if _matches(said.get("denyusers", []), user):
        return "sshd bars the account (DenyUsers)"
    if "allowusers" in said and not _matches(said["allowusers"], user):
        return f"sshd lets only others in (AllowUsers {' '.join(said['allowusers'])})"
    groups = [text for word, text in words if word == "GROUP"]
    if any(_matches(said.get("denygroups", []), group) for group in groups):
        return "sshd bars a group of the account (DenyGroups)"
    if "allowgroups" in said and not any(_matches(said["allowgroups"], group) for group in groups):
        return f"sshd lets only other groups in (AllowGroups {' '.join(said['allowgroups'])})"
    return None


def _matches(values: list[str], user: str) -> bool:
    patterns = [pattern.split("@")[0] for value in values for pattern in value.split()]
    return any(fnmatch.fnmatchcase(user, pattern) for pattern in patterns)


def _log_in_again(session: Session, signer: Signer, *, with_sudo: bool) -> None:
    """A fresh connection, this key alone, a command that really runs. Raises a SourceError."""
    with session.beside() as arrival:
        _demand_login(session, arrival, signer, with_sudo=with_sudo)


def _demand_login(session: Session, arrival: Arrival, signer: Signer, *, with_sudo: bool) -> None:
    marker = f"homelab-proof-{secrets.token_hex(8)}"
    if not offer_key(arrival, signer.load()):
        raise Surprise(f"{session.where}: a fresh login with the key is refused")
    fresh = session.on(arrival, LoggedIn(signer.fingerprint, (), signer))
    script = f"sudo -n true && echo {marker}" if with_sudo else f"echo {marker}"
    if marker.encode() not in fresh.run("sh -s", f"{script}\n".encode()).stdout:
        raise Surprise(f"{session.where}: a fresh login runs no commands" + (" with sudo" if with_sudo else ""))


def _demand_no_password(session: Session) -> None:
    with session.beside() as arrival:
        methods = ask_methods(arrival)
    # Not "publickey alone": RHEL's sshd offers GSSAPI methods besides, which no password opens.
    if "publickey" not in methods or PASSWORD_METHODS.intersection(methods):
        raise Surprise(f"{session.where}: the server offers {', '.join(map(printable, methods)) or 'nothing'}")


def _retried(session: Session, check: Callable[[], None]) -> None:
    """A reload takes a moment, in which connections may be refused or still meet the old configuration."""
    for _ in range(_TRIES - 1):
        try:
            return check()
        except SourceError:
            session.wait(_TRY_PAUSE_S)
    return check()


def _place(session: Session) -> str:
    """The connection as sshd sees it; a Match block may look at any part of it."""
    words = session.run("sh -s", b'printf "%s\\n" "@@FROM $SSH_CONNECTION"\n').stdout.decode("ascii", "replace")
    found = [line.split()[1:] for line in words.splitlines() if line.startswith("@@FROM ")]
    parts = found[-1] if found else []
    if len(parts) != 4 or not all(char in "0123456789abcdefABCDEF.:" for part in parts for char in part):
        parts = ["127.0.0.1", "1", "127.0.0.1", "22"]
    return f"host={parts[0]},addr={parts[0]},laddr={parts[2]},lport={parts[3]}"


def _has(words: Words, word: str) -> bool:
    return any(said == word for said, _ in words)


def _demand(session: Session, words: Words, word: str, otherwise: str) -> None:
    """Raises Surprise, with what the script said instead, unless it said this word."""
    if _has(words, word):
        return
    last, text = words[-1]
    why = _WHY.get(last, last)
    detail = f" ({printable(text, 200)})" if text and last != "CONF" else ""
    end = f"; {otherwise}" if otherwise else ""
    raise Surprise(f"{session.where}: {why}{detail}{end}")
