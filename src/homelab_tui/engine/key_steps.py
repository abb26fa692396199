"""The steps that every act on keys is made of: meet the host, prove a key, look again."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from homelab_tui.domain.errors import ActionRefused, HomelabError, SourceError
from homelab_tui.domain.keys import AccountKeys, HostKey, HostKeyState, Proof, ProofState, PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Result
from homelab_tui.engine.operations import READ_ONLY, Operations
from homelab_tui.engine.ports import Clock, ReachesAndInstalls
from homelab_tui.engine.pre_images import PreImage, PreImages

log = logging.getLogger(__name__)


class KeySteps:
    """What the acts on keys share."""

    def __init__(
        self,
        ssh: ReachesAndInstalls,
        operations: Operations,
        clock: Clock,
        state_dir: Path,
        *,
        read_only: bool,
        reread: Callable[[Node, AccountKeys | None], Awaitable[object]],
    ) -> None:
        self.ssh = ssh
        self.operations = operations
        self.clock = clock
        self.pre_images = PreImages(state_dir / "undo")
        self.read_only = read_only
        self._reread = reread

    def demand_writable(self) -> None:
        """Raises ActionRefused in read-only mode."""
        if self.read_only:
            raise ActionRefused(READ_ONLY)

    def refusals(self) -> tuple[str, ...]:
        """What a plan has to say about read-only mode."""
        return (READ_ONLY,) if self.read_only else ()

    def new_pre_image(self, node: Node) -> PreImage:
        """A place for the bytes before the next write."""
        return self.pre_images.new(node, self.clock.now())

    async def meet(self, node: Node, fingerprint: str | None = None) -> Result | None:
        """Decide the host key before anything else is sent. None: it is trusted. Ends early when the program closes."""
        return await self.operations.unless_closing(self._meet(node, fingerprint), missed=stopped(node))

    async def _meet(self, node: Node, fingerprint: str | None) -> Result | None:
        try:
            host_key = await self.ssh.host_key(node)
            if host_key.state in (HostKeyState.UNKNOWN, HostKeyState.NEW_TYPE) and fingerprint is not None:
                host_key = await self.ssh.trust(node, fingerprint)
        except SourceError as error:
            return failed(node, str(error))
        return None if host_key.state is HostKeyState.TRUSTED else untrusted(node, host_key)

    async def prove(self, node: Node, key: PublicKey) -> Proof:
        """A fresh login with one key. A line is written by now: whatever goes wrong here must not hide that."""
        unproven = Proof(ProofState.NOT_POSSIBLE, "not proven: the program is closing")
        return await self.operations.unless_closing(self._prove(node, key), missed=unproven)

    async def _prove(self, node: Node, key: PublicKey) -> Proof:
        try:
            return await self.ssh.prove(node, key)
        except HomelabError as error:
            return Proof(ProofState.FAILED, f"not proven: {error}")
        except Exception:
            log.exception("%s: proving a key: internal error", node.account)
            return Proof(ProofState.FAILED, "not proven: internal error, see the log")

    async def read_again(self, node: Node, known: AccountKeys | None = None) -> None:
        """Bring the account in the state up to date; a failure is state too. `known` spares the node the question."""
        await self.operations.unless_closing(self._read_again(node, known), missed=None)

    async def _read_again(self, node: Node, known: AccountKeys | None) -> None:
        try:
            await self._reread(node, known)
        except Exception:
            log.exception("%s: reading the account again: internal error", node.account)


def modes_offer(node: Node, account: AccountKeys | None) -> str | None:
    """Where the cure is for what others may write to; None where there is nothing that the account can mend."""
    if account is None or not account.loose.paths:
        return None
    return f"M, or homelab keys modes --node {node.account}, offers chmod go-w"


def changed_host_key(node: Node, host_key: HostKey) -> str:
    """The sentence for a host key that must stop everything."""
    if host_key.state is HostKeyState.REVOKED:
        return (
            f"{node.name}: its host key {host_key.fingerprint} is marked @revoked in {host_key.known_at}: nothing sent"
        )
    return (
        f"{node.name}: HOST KEY CHANGED: {host_key.key_type} is now {host_key.fingerprint}, "
        f"{host_key.known_at or 'known_hosts'} says {host_key.known_fingerprint}. Nothing was sent. "
        f"If you reinstalled it, run: {host_key.removal_command}"
    )


def untrusted(node: Node, shown: HostKey) -> Result:
    """Nothing was sent, because of the host key that is shown there."""
    if shown.state in (HostKeyState.CHANGED, HostKeyState.REVOKED):
        return failed(node, changed_host_key(node, shown))
    return failed(node, f"its host key is not known yet: {shown.key_type} {shown.fingerprint}; trust it first")


def failed(node: Node, detail: str) -> Result:
    """Nothing was changed, and why."""
    return Result(node.account, ok=False, changed=False, detail=detail)


def stopped(node: Node) -> Result:
    """Nothing was changed, for the program is closing."""
    return failed(node, "stopped before anything was sent: the program is closing")
