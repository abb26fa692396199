"""The administrator's acts on a node over SSH: sudo, /etc/hosts, key-only sshd."""

import asyncio
from collections.abc import Callable, Sequence

from homelab_tui.domain.errors import SourceError, SourceRefused
from homelab_tui.domain.keys import AdminUser, NodeChange, PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.public_keys import key_of_blob
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import replace
from homelab_tui.sources.key_files import PrivateKeyUnusable
from homelab_tui.sources.local_machine import LocalMachine
from homelab_tui.sources.ssh_addresses import address_of
from homelab_tui.sources.ssh_hardening import ROLLBACK_S, harden, unharden
from homelab_tui.sources.ssh_hosts import write_hosts
from homelab_tui.sources.ssh_login import Signer
from homelab_tui.sources.ssh_sessions import Session, Sessions
from homelab_tui.sources.ssh_sudo import grant_sudo, take_sudo_back, works_without_password
from homelab_tui.sources.ssh_users import make_user, remove_user
from homelab_tui.sources.ssh_writes import read_account

_RESOLVE_TIMEOUT_S = 5.0
_LOCAL_COMMAND_S = 15.0


class Administers:
    """Satisfies the engine's AdministersNodes."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.rollback_s = ROLLBACK_S
        """How long a node that is being hardened waits for us before it puts everything back."""

    async def harden(self, node: Node, tell: Callable[[str], None], *, undo: bool = False) -> NodeChange:
        """Key-only sshd, with a rollback that the node does by itself; `tell` hears the stages.

        Raises SourceRefused when it was not done; its message says what was put back.
        """
        loop = asyncio.get_running_loop()

        def stage(text: str) -> None:
            loop.call_soon_threadsafe(tell, text)

        def body(session: Session) -> NodeChange:
            return unharden(session, stage) if undo else harden(session, stage, self.rollback_s)

        return await self._sessions.with_session(node, body, commands=25)

    async def allow_sudo(self, node: Node, password: Secret | None, *, undo: bool = False) -> NodeChange:
        """sudo without a password for the node's account, proven in a session without a terminal, else taken back."""
        if undo:
            return await self._sessions.with_session(
                node, lambda session: take_sudo_back(session, password), commands=2
            )
        change = await self._sessions.with_session(node, lambda session: grant_sudo(session, password), commands=4)
        if not change.changed:
            return change
        if await self._sessions.with_session(node, works_without_password):
            return replace(change, detail=f"{change.detail}, proven in a session without a terminal", proven=True)
        await self._sessions.with_session(node, lambda session: take_sudo_back(session, password), commands=2)
        raise SourceRefused(
            f"{node.name}: sudo still asks for a password in a session without a terminal (a later line of sudoers, "
            "or requiretty); the drop-in was taken away again"
        )

    async def make_user(self, node: Node, request: AdminUser, password: Secret | None) -> NodeChange:
        """A user with a key and passwordless sudo, proven by a fresh login with that key, else taken back."""
        signer = None if request.key is None else await self._try_signer(request.key)

        def body(session: Session) -> tuple[NodeChange, Signer | None]:
            own = session.login.signer
            if request.key is not None:
                return make_user(session, request, request.key, password), signer
            if own is None:
                raise SourceRefused(
                    f"{session.where}: no key opened this account; name one (--key). Nothing was changed"
                )
            return make_user(session, request, key_of_blob(own.load().asbytes(), request.name), password), own

        change, proving = await self._sessions.with_session(node, body, commands=4)
        if proving is None:
            return replace(change, detail=f"{change.detail}; a login is not proven: the key's private half is not here")
        theirs = replace(node, user=request.name, other_account=True)
        try:
            works = await self._sessions.with_session(theirs, works_without_password, only=proving)
            why = "sudo asks for a password there"
        except SourceError as error:
            works, why = False, str(error)
        if works:
            return replace(change, detail=f"{change.detail}; proven by a fresh login without a terminal", proven=True)
        taken = "it was as it is before"
        if change.changed:
            back = await self.remove_user(node, request.name, password)
            taken = back.detail
        raise SourceRefused(
            f"{node.name}: a fresh login as {request.name} is not root without a password ({why}); {taken}"
        )

    async def remove_user(self, node: Node, name: str, password: Secret | None) -> NodeChange:
        """Takes back what `make_user` did."""
        return await self._sessions.with_session(node, lambda session: remove_user(session, name, password), commands=4)

    async def _try_signer(self, key: PublicKey) -> Signer | None:
        """What signs with a key; None where nothing here can."""
        try:
            return await self._sessions.signer(key)
        except PrivateKeyUnusable:
            return None

    async def address(self, node: Node) -> str | None:
        """What the other nodes are to know the node by; None for loopback, and for a name that is not found."""
        late = f"{node.name}: the name {node.host} was not looked up in time"
        return await self._sessions.in_thread(lambda _: address_of(node), deadline_s=_RESOLVE_TIMEOUT_S, late=late)

    async def write_hosts(self, node: Node, entries: Sequence[tuple[str, str]], password: Secret | None) -> NodeChange:
        """Names and addresses into the node's /etc/hosts, in a block of our own; without any, the block goes."""
        kept = tuple(entries)

        def body(session: Session) -> NodeChange:
            return write_hosts(session, read_account(session), kept, password)

        return await self._sessions.with_session(node, body, commands=9)

    async def write_hosts_here(self, entries: Sequence[tuple[str, str]], password: Secret | None) -> NodeChange:
        """The same on this machine, by its own sudo where the program is not root."""
        kept, here = tuple(entries), LocalMachine(_LOCAL_COMMAND_S)
        return await self._sessions.in_thread(
            lambda _: write_hosts(here, here, kept, password),
            deadline_s=3 * _LOCAL_COMMAND_S,
            late="this machine: /etc/hosts was not written in time; look at it",
        )
