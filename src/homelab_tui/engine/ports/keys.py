"""SSH, as the engine reaches nodes, reads their accounts and changes them."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from homelab_tui.domain.keys import (
    AccountKeys,
    AdminUser,
    BeforeWrite,
    HostKey,
    KeyLogins,
    KeyRecipe,
    KeyRemoval,
    KeyWrite,
    ModesMended,
    NodeChange,
    Proof,
    PublicKey,
    no_matter,
)
from homelab_tui.domain.loose_modes import LoosePath
from homelab_tui.domain.nodes import Node, NodeFacts
from homelab_tui.domain.secrets import Secret


class ReachesNodes(Protocol):
    """SSH, the read side."""

    async def answers(self, node: Node) -> bool:
        """Whether a TCP connection to the SSH port is taken, as that node is reached (jump hosts: the first hop).

        False: refused, or no route. Raises SourceTimeout when nothing answers in time.
        """
        ...

    async def way(self, node: Node) -> tuple[str, ...]:
        """The jump hosts on the way to the node, the first one first; empty for a direct one. Asks no node."""
        ...

    async def probe(self, node: Node) -> NodeFacts:
        """One read-only probe over one exec."""
        ...

    async def host_key(self, node: Node) -> HostKey:
        """The key the server shows now, judged against known_hosts. Sends nothing but the key exchange."""
        ...

    async def trust(self, node: Node, fingerprint: str) -> HostKey:
        """Append the offered key to known_hosts if, asked again, the server still shows exactly this fingerprint."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class InstallsKeys(Protocol):
    """SSH, the authorized_keys side."""

    async def read_my_keys(self) -> tuple[PublicKey, ...]:
        """Key files of the configuration, and the agent's. Raises ConfigError for a configured file that is no key."""
        ...

    async def read_key_file(self, path: Path) -> PublicKey:
        """The key of one `.pub` file. Raises ConfigError naming the file."""
        ...

    async def make_key(self, recipe: KeyRecipe) -> PublicKey:
        """A new key pair beside my other keys. Raises ActionRefused for a file that is there already."""
        ...

    async def read_account(self, node: Node, *, password: Secret | None = None) -> AccountKeys:
        """Every authorized_keys file that sshd reads for the account."""
        ...

    def forget(self) -> None:
        """The next readings ask the nodes for everything, what an earlier answer would still tell included."""
        ...

    async def last_logins(self, node: Node, fingerprints: Sequence[str]) -> KeyLogins:
        """When these keys last logged in to the node, by its own log. Raises SourceRefused where none can be read."""
        ...

    async def add_key(
        self, node: Node, key: PublicKey, *, password: Secret | None = None, before_write: BeforeWrite = no_matter
    ) -> KeyWrite:
        """Compare-and-swap: one line appended, every other byte as it was, `~/.ssh` 700 and the file 600 if created.

        `changed` is False when the key is already there as a plain line. `before_write` hears of each write before it
        is sent, in any thread; what it raises prevents it.
        """
        ...

    async def change_password(self, node: Node, old: Secret, new: Secret) -> None:
        """A new password for an account whose own has expired (PasswordExpired), shown by a fresh login.

        Raises CredentialsNeeded when the old one is refused, SourceRefused when the new one is.
        """
        ...

    async def remove_key(
        self,
        node: Node,
        fingerprint: str,
        *,
        using: PublicKey | None = None,
        everywhere: bool = False,
        dry_run: bool = False,
        before_write: BeforeWrite = no_matter,
        may_close: Collection[str] = (),
    ) -> KeyRemoval:
        """Every line about a key out of the files that sshd reads; `using` is the one key to log in with.

        `everywhere`: out of the node's other accounts too, as far as sudo shows them; their files are called
        `~root/.ssh/authorized_keys`. Of those only the ones named in `may_close` lose their last usable line.
        `before_write` as in `add_key`.

        Raises SourceRefused, with nothing written, for the key that the session came in with and the last usable one.
        """
        ...

    async def restore_file(self, node: Node, file: str, left_sha256: str, before: bytes | None) -> KeyWrite:
        """A file as it was before a write of ours. Raises SourceConflict when it is not what that write left."""
        ...

    async def mend_modes(
        self, node: Node, wanted: Sequence[LoosePath], *, password: Secret | None = None
    ) -> ModesMended:
        """`chmod go-w` on these paths, as the account itself, if they still are as they were read; read back."""
        ...

    async def prove(self, node: Node, key: PublicKey) -> Proof:
        """A fresh connection with that key alone. Raises SourceError when the node cannot be reached."""
        ...


class AdministersNodes(Protocol):
    """SSH, as root on the node."""

    async def harden(self, node: Node, tell: Callable[[str], None], *, undo: bool = False) -> NodeChange:
        """Key-only sshd, with a rollback that the node does by itself; `tell` hears the stages.

        Raises SourceRefused when it was not done; its message says what was put back, and what is proven.
        """
        ...

    async def allow_sudo(self, node: Node, password: Secret | None, *, undo: bool = False) -> NodeChange:
        """sudo without a password for the node's account, or with one again.

        Raises CredentialsNeeded when sudo wants a password.
        """
        ...

    async def make_user(self, node: Node, request: AdminUser, password: Secret | None) -> NodeChange:
        """A user with a key and passwordless sudo, proven by a fresh login, else taken back. Raises as `allow_sudo`."""
        ...

    async def remove_user(self, node: Node, name: str, password: Secret | None) -> NodeChange:
        """Take back what `make_user` did: its sudo, and the account where homelab made it."""
        ...

    async def address(self, node: Node) -> str | None:
        """What the other nodes are to know the node by; None for loopback, and for a name that is not found."""
        ...

    async def write_hosts(self, node: Node, entries: Sequence[tuple[str, str]], password: Secret | None) -> NodeChange:
        """Names and addresses into the node's /etc/hosts; without any, the block goes. Raises as `allow_sudo`."""
        ...

    async def write_hosts_here(self, entries: Sequence[tuple[str, str]], password: Secret | None) -> NodeChange:
        """The same on this machine, by its own sudo. Raises as `allow_sudo`."""
        ...


class ReachesAndInstalls(ReachesNodes, InstallsKeys, AdministersNodes, Protocol):
    """SSH with everything the engine asks of it."""
