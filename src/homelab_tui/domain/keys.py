"""SSH public keys, and what is found of them on the nodes.

The formats have modules of their own: `authorized_keys` (parse and edit, byte for byte) and `known_hosts`.
"""

import re
import shlex
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.loose_modes import NOTHING_LOOSE, LooseModes, LoosePath
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import Frozen


class PublicKey(Frozen):
    """One public key of ours. Two keys are the same when type and blob are: comment and path do not count."""

    type: str
    """ssh-ed25519, ssh-rsa, ecdsa-sha2-nistp256, sk-ssh-ed25519@openssh.com, …"""
    blob: bytes
    """The decoded base64 part, as sshd compares it."""
    comment: str = ""
    path: str | None = None
    """The `.pub` file; None for a key that only the agent has."""
    bits: int | None = None
    fingerprint: str = ""
    """`SHA256:…`, as `ssh-keygen -l` prints it."""
    in_agent: bool = False
    private_path: str | None = None
    """The private half beside the `.pub`, where it exists: what a push is proven with."""
    has_passphrase: bool | None = None
    """Whether the private half is locked; None where it is not here, or cannot be read."""
    made_at: datetime | None = None
    """When the `.pub` file was last written: as old as the key, unless it was copied. None for the agent's."""


class CellState(StrEnum):
    """How one key stands in one account. There is no cell for a key that is absent."""

    PRESENT = "present"
    RESTRICTED = "restricted"
    DUPLICATE = "duplicate"
    EXPIRED = "expired"
    CA = "ca"
    IGNORED = "ignored"


class KeyCell(Frozen):
    """One key found in an account's authorized_keys."""

    fingerprint: str
    state: CellState
    line: int
    """1-based line of the first find."""
    options: str | None = None
    """The options text of that line, as it stands; None without."""
    type: str = ""
    comment: str = ""
    file: str = ".ssh/authorized_keys"


class HostKeyState(StrEnum):
    """How a server's host key stands against known_hosts."""

    TRUSTED = "trusted"
    NEW_TYPE = "new-type"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"


class HostKey(Frozen):
    """What a server showed, and what we knew."""

    state: HostKeyState
    key_type: str
    fingerprint: str
    host: str
    """The name it is looked up by, `[host]:port` where the port is not 22."""
    known_at: str | None = None
    """`file:line` of the known key that it contradicts or agrees with."""
    known_fingerprint: str | None = None
    """Fingerprint of the known key, for a changed one."""
    blob: bytes = b""
    jump_host: str | None = None
    """Whose key it is, where that is a jump host on the way; None: the node's own."""

    @property
    def removal_command(self) -> str:
        """What takes the known key out of its very file, to be run by a person who has compared the new one."""
        file = (self.known_at or "").rpartition(":")[0]
        return f"ssh-keygen -R {shlex.quote(self.host)}" + (f" -f {shlex.quote(file)}" if file else "")


class FoundAccount(Frozen):
    """The keys of one account on a node, whoever looked."""

    account: str
    home: str
    cells: tuple[KeyCell, ...] = ()
    problems: tuple[str, ...] = ()
    """Lines that sshd cannot read, StrictModes findings with their path: sentences."""
    unread: tuple[str, ...] = ()
    """Files that could not be read: what is in them is not known, so that no key is "absent"."""


class AccountKeys(Frozen):
    """What was read of one account on one node."""

    account: str
    """The user that was logged in."""
    home: str
    cells: tuple[KeyCell, ...] = ()
    problems: tuple[str, ...] = ()
    """Lines that sshd cannot read, StrictModes findings with their path, files that could not be read: sentences."""
    unread: tuple[str, ...] = ()
    """Files that could not be read: what is in them is not known, so that no key is "absent"."""
    file_sha256: str | None = None
    """Hash of the authorized_keys bytes; None when the file does not exist."""
    methods: tuple[str, ...] = ()
    """What the server offers for the account; empty when it was not asked."""
    password_login: bool | None = None
    """Whether the server offers password (or keyboard-interactive) login; None when it could not be asked."""
    password_by_config: bool | None = None
    """The same as `sshd -T` says it; None where sudo does not allow the question."""
    sudo: bool | None = None
    """Whether `sudo -n true` works without a terminal; None when not tried."""
    server_version: str | None = None
    login_fingerprint: str | None = None
    """The key this session logged in with."""
    others: tuple[FoundAccount, ...] = ()
    """The node's other accounts that hold keys (root among them); empty where sudo does not show them."""
    loose: LooseModes = NOTHING_LOOSE
    """What others may write to, so that sshd ignores the keys, and what of it the account itself can mend."""

    @property
    def all_cells(self) -> tuple[KeyCell, ...]:
        """Its own cells, and those of the node's other accounts."""
        return (*self.cells, *(cell for other in self.others for cell in other.cells))


class Sighting(Frozen):
    """A key in an account, and since when we know of it there."""

    account: str
    fingerprint: str
    first_seen_at: datetime


class KeyLogins(Frozen):
    """What a node's own log says about logins by key."""

    since: datetime | None = None
    """How far back the log goes; None when it does not say."""
    last: tuple[tuple[str, datetime], ...] = ()
    """Fingerprint → its last login. A key that is missing has not logged in since then."""


class KeyWrite(Frozen):
    """What a compare-and-swap write of an authorized_keys file did."""

    changed: bool
    detail: str
    """What happened, in a sentence."""
    before: bytes | None
    """The bytes before, for undo; None when there was no file."""
    after: bytes | None
    """The bytes it left; None when it took the file away."""
    file: str = ".ssh/authorized_keys"
    """Which file, as sshd names it: relative to the home, or absolute."""
    account: AccountKeys | None = None
    """The whole account as the write left it; None when that is not known without reading it again."""


BeforeWrite = Callable[[KeyWrite], None]
"""Hears what a write is going to do before it is sent; what it raises prevents the write."""


def no_matter(_write: KeyWrite) -> None:
    """A BeforeWrite for whoever does not want to know."""


class KeyRemoval(Frozen):
    """What taking a key out of an account did, or would do."""

    detail: str
    """What happened, in a sentence."""
    lines: tuple[str, ...] = ()
    """The lines that are about the key, with file and number."""
    writes: tuple[KeyWrite, ...] = ()
    """One a file that was written; empty for a dry run, and where the key is not."""
    problem: str | None = None
    """Why one of several files could not be written, after another one was."""


class ModesMended(Frozen):
    """What taking others' right to write did to an account."""

    changed: tuple[LoosePath, ...]
    """What is done and read back, as it was before."""
    account: AccountKeys
    """The account as it is now."""
    opened: tuple[str, ...] = ()
    """Fingerprints of the keys that sshd ignored before, and reads now."""
    problem: str | None = None
    """What kept the rest from being done, in a sentence."""


class NodeChange(Frozen):
    """What an act of the administrator did to a node."""

    changed: bool
    detail: str
    """What happened, in a sentence."""
    proven: bool | None = None
    """Whether a fresh login showed it; None when nothing had to be."""


def is_user_name(name: str) -> bool:
    """Whether useradd and sudoers both take it as the name of an ordinary account."""
    return re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", name) is not None and name != "root"


class AdminUser(Frozen):
    """A user of its own for kubespray and the like: opened by one key, root without a password."""

    name: str
    create: bool = False
    """Whether the account is to be made where it is not there."""
    key: PublicKey | None = None
    """What opens it; None: the key that homelab itself comes in with."""


class KeyRecipe(Frozen):
    """A key pair to be made."""

    name: str
    """File name of the private half; `.pub` is added for the other."""
    type: str = "ed25519"
    """ed25519 or rsa."""
    comment: str | None = None
    """None: user@host-YYYYMMDD."""
    passphrase: Secret | None = None
    """None: no passphrase."""

    def demand_plain(self) -> None:
        """Raises UsageError for a name that is no plain file name, and for a comment that is more than one line."""
        name = self.name
        if not name or name in (".", "..") or "/" in name or name.startswith("-") or not name.isprintable():
            raise UsageError(f"{name!r} is not a plain file name")
        if name.endswith(".pub"):
            raise UsageError(f"{name!r}: name the private half; .pub is added for the other")
        if self.comment and not self.comment.isprintable():
            raise UsageError("the comment holds a control character")


class ProofState(StrEnum):
    """Whether a fresh login with one key alone worked."""

    PROVEN = "proven"
    FAILED = "failed"
    NOT_POSSIBLE = "not-possible"
    """Its private half is not here."""


class Proof(Frozen):
    """The outcome of a fresh login with exactly one key: no agent, no password, no certificate."""

    state: ProofState
    detail: str
    refused: bool = False
    """Whether it failed because the server refused the key: what a revocation is proven by."""

    @property
    def proven(self) -> bool | None:
        """The contract's `proven`: None where the private half is not here to prove with."""
        return None if self.state is ProofState.NOT_POSSIBLE else self.state is ProofState.PROVEN
