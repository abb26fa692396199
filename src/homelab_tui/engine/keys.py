"""Keys: the matrix, first contact, and pushing a key without losing a byte or locking anyone out."""

import contextlib
import hashlib
import logging
import os
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from homelab_tui.domain.errors import (
    ActionRefused,
    CredentialsNeeded,
    HomelabError,
    SourceError,
    SourceRefused,
    UsageError,
)
from homelab_tui.domain.keys import (
    AccountKeys,
    CellState,
    HostKey,
    HostKeyState,
    KeyWrite,
    Proof,
    ProofState,
    PublicKey,
)
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Plan, PlanStep, Result
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.state import LabState
from homelab_tui.engine.operations import READ_ONLY, Operations, Progress
from homelab_tui.engine.ports import Clock, ReachesAndInstalls
from homelab_tui.engine.store import entry, reading_of

log = logging.getLogger(__name__)


def find_key(keys: Sequence[PublicKey], text: str) -> PublicKey:
    """The key that a `.pub` path, `SHA256:…`, a unique comment or a file stem means.

    Raises: UsageError when it is a private key file, ambiguous, or not to be found.
    """
    if text.startswith("SHA256:"):
        found = [key for key in keys if key.fingerprint == text]
    else:
        path = _path(text)
        found = [key for key in keys if key.path and path and Path(key.path).resolve() == path.resolve()]
        if not found and path and path.suffix != ".pub" and "/" in text and path.is_file():
            raise UsageError(f"{text} looks like a private key; name its public half, {text}.pub")
        found = found or [key for key in keys if key.comment and key.comment == text]
        found = found or [key for key in keys if key.path and Path(key.path).stem == text]
    # The same key from a file and from the agent: the one with the private half here can be proven.
    unique = {key.fingerprint: key for key in sorted(found, key=lambda key: key.private_path is not None)}
    if len(unique) == 1:
        return next(iter(unique.values()))
    if unique:
        raise UsageError(f"{text!r} is ambiguous: {', '.join(sorted(unique))}")
    known = ", ".join(Path(key.path).name if key.path else key.fingerprint for key in keys)
    raise UsageError(f"no key of mine is {text!r}; keys: {known or 'none'}")


def _path(text: str) -> Path | None:
    """The text as a path; None where it cannot be one."""
    try:
        return Path(text).expanduser() if text and "\0" not in text else None
    except RuntimeError:  # ~nobody-of-that-name
        return None


@dataclass(frozen=True, slots=True)
class PushAnswers:
    """What a person has decided before a push: nothing is asked while it runs."""

    password: Secret | None = None
    fingerprint: str | None = None
    """An unknown host key that shows exactly this fingerprint is trusted first."""


class KeyActions:
    """What can be done to authorized_keys, over SSH."""

    def __init__(
        self,
        ssh: ReachesAndInstalls,
        operations: Operations,
        clock: Clock,
        state_dir: Path,
        *,
        read_only: bool,
        reread: Callable[[Node], Awaitable[object]],
    ) -> None:
        self._ssh = ssh
        self._operations = operations
        self._clock = clock
        self._undo_dir = state_dir / "undo"
        self._read_only = read_only
        self._reread = reread
        self._closed: set[str] = set()
        """Accounts that only a password would open, by the last push."""

    def wants_password(self, node: Node) -> bool:
        """Whether the last push failed only because no key opened the account, and a password would."""
        return node.account in self._closed

    async def find(self, text: str) -> PublicKey:
        """The key that a person means: one of mine (see `find_key`), or any `.pub` file.

        Raises: UsageError; ConfigError for a `.pub` file that is no key.
        """
        keys = await self._ssh.read_my_keys()
        try:
            return find_key(keys, text)
        except UsageError:
            path = _path(text)
            if path is None or path.suffix != ".pub" or not path.is_file():
                raise
            return await self._ssh.read_key_file(path)

    def plan_push(self, state: LabState, key: PublicKey, nodes: Sequence[Node]) -> Plan:
        """What pushing this key to these nodes will do, as far as is known without asking them again. Pure."""
        steps, warnings = [], []
        for node in nodes:
            account = reading_of(state.accounts, node.account).value
            host_key = entry(state.host_keys, node.account)
            steps.append(PlanStep(node.account, _expectation(key, account, host_key)))
            if host_key is not None and host_key.state in (HostKeyState.CHANGED, HostKeyState.REVOKED):
                warnings.append(f"{node.name}: its host key is {host_key.state.value}: nothing will be sent there")
        refusals = [READ_ONLY] if self._read_only else []
        name = key.comment or key.fingerprint
        where = nodes[0].name if len(nodes) == 1 else f"{len(nodes)} nodes"
        return Plan(
            kind="keys.push",
            title=f"Push {name} to {where}",
            steps=tuple(steps),
            notes=(
                f"{key.type} {key.fingerprint}",
                "appended to ~/.ssh/authorized_keys; every other byte stays as it is",
                "proven by a fresh login with this key alone"
                if key.private_path or key.in_agent
                else "its private half is not here: the login cannot be proven from this machine",
            ),
            warnings=tuple(warnings),
            refusals=tuple(refusals),
        )

    async def push(self, node: Node, key: PublicKey, answers: PushAnswers | None = None) -> Result:
        """Push one key to one account, and prove it. One dead node never stops another's push.

        Only the write itself must finish: a program that closes before it has not begun, one that closes after it
        leaves the proof out.
        """
        decided = answers or PushAnswers()

        async def work(progress: Progress) -> Result:
            if self._read_only:
                raise ActionRefused(READ_ONLY)
            self._closed.discard(node.account)
            progress.stage("host key…")
            stopped = _failed(node, "stopped before anything was sent: the program is closing")
            refused = await self._operations.unless_closing(self._meet(node, decided.fingerprint), missed=stopped)
            if refused is not None:
                return refused
            pre_image = PreImage(self._undo_dir, node, self._clock.now())
            pre_image.reserve()
            try:
                progress.stage("writing…")
                write = await self._add(node, key, decided.password)
                lost = pre_image.keep(write)
            finally:
                pre_image.discard()
            progress.stage("proving by a fresh login…")
            unproven = Proof(ProofState.NOT_POSSIBLE, "not proven: the program is closing")
            proof = await self._operations.unless_closing(self._prove(node, key), missed=unproven)
            await self._operations.unless_closing(self._read_again(node), missed=None)
            detail = "; ".join(part for part in (write.detail, proof.detail, lost) if part)
            ok = proof.state is not ProofState.FAILED
            return Result(node.account, ok=ok, changed=write.changed, detail=detail, proven=proof.proven)

        # A write to the door of a house is never left half-way because a screen was closed.
        return await self._operations.run("keys.push", f"account:{node.account}", "connecting…", work, must_finish=True)

    async def trust(self, node: Node, fingerprint: str) -> Result:
        """Accept an unknown host key, if the server still shows exactly that fingerprint."""

        async def work(_progress: Progress) -> Result:
            if self._read_only:
                raise ActionRefused(READ_ONLY)
            before = await self._ssh.host_key(node)
            if before.state is HostKeyState.TRUSTED and before.fingerprint == fingerprint:
                return Result(node.account, ok=True, changed=False, detail="already trusted")
            host_key = await self._ssh.trust(node, fingerprint)
            await self._reread(node)
            return Result(
                node.account, ok=True, changed=True, detail=f"{host_key.key_type} {fingerprint} is trusted now"
            )

        return await self._operations.run("keys.trust", f"account:{node.account}", "asking again…", work)

    async def _meet(self, node: Node, fingerprint: str | None) -> Result | None:
        """Decide the host key before anything else is sent. None: it is trusted."""
        try:
            host_key = await self._ssh.host_key(node)
            if host_key.state in (HostKeyState.UNKNOWN, HostKeyState.NEW_TYPE) and fingerprint is not None:
                host_key = await self._ssh.trust(node, fingerprint)
        except SourceError as error:
            return _failed(node, str(error))
        if host_key.state is HostKeyState.TRUSTED:
            return None
        if host_key.state in (HostKeyState.CHANGED, HostKeyState.REVOKED):
            return _failed(node, changed_host_key(node, host_key))
        return _failed(
            node, f"its host key is not known yet: {host_key.key_type} {host_key.fingerprint}; trust it first"
        )

    async def _add(self, node: Node, key: PublicKey, password: Secret | None) -> KeyWrite:
        try:
            return await self._ssh.add_key(node, key, password=password)
        except CredentialsNeeded as error:
            if error.password_possible:
                self._closed.add(node.account)
            hint = " (a password would do)" if error.password_possible and password is None else ""
            raise SourceRefused(f"{error}{hint}") from error

    async def _prove(self, node: Node, key: PublicKey) -> Proof:
        """The line is written by now: whatever goes wrong here must not hide that."""
        try:
            return await self._ssh.prove(node, key)
        except HomelabError as error:
            return Proof(ProofState.FAILED, f"not proven: {error}")
        except Exception:
            log.exception("%s: proving a key: internal error", node.account)
            return Proof(ProofState.FAILED, "not proven: internal error, see the log")

    async def _read_again(self, node: Node) -> None:
        try:
            await self._reread(node)
        except Exception:
            log.exception("%s: reading the account again: internal error", node.account)


class PreImage:
    """The bytes of an authorized_keys file before a write, kept on this machine so that undo is one more write.

    `reserve` before the write, `keep` after it, `discard` in any case.
    """

    def __init__(self, directory: Path, node: Node, now: datetime) -> None:
        self._directory = directory
        self._part = directory / f".{uuid.uuid4().hex}.part"
        self._name = f"{quote(node.name, safe='')}~{quote(node.user or '', safe='')}~{now:%Y%m%dT%H%M%S.%fZ}"

    def reserve(self) -> None:
        """Make sure that there is a place for it. Raises ActionRefused where there is none: then nothing is written."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise ActionRefused(
                f"nothing was sent: what was there before could not be kept in {self._directory} ({error.strerror})"
            ) from error

    def keep(self, write: KeyWrite) -> str | None:
        """Keep the bytes before a write that changed something; a sentence when that failed, for the write is done."""
        if not write.changed:
            return None
        suffix = "" if write.before is not None else ".none"
        try:
            self._part.write_bytes(write.before or b"")
            self._part.rename(self._directory / f"{self._name}~{hashlib.sha256(write.after).hexdigest()}{suffix}")
        except OSError as error:
            return f"what was there before could not be kept for undo ({error.strerror})"
        return None

    def discard(self) -> None:
        """Leave nothing half-written behind."""
        with contextlib.suppress(OSError):
            self._part.unlink()


def changed_host_key(node: Node, host_key: HostKey) -> str:
    """The sentence for a host key that must stop everything."""
    if host_key.state is HostKeyState.REVOKED:
        return (
            f"{node.name}: its host key {host_key.fingerprint} is marked @revoked in {host_key.known_at}: nothing sent"
        )
    return (
        f"{node.name}: HOST KEY CHANGED: {host_key.key_type} is now {host_key.fingerprint}, "
        f"{host_key.known_at or 'known_hosts'} says {host_key.known_fingerprint}. Nothing was sent. "
        f"If you reinstalled it, run: ssh-keygen -R '{host_key.host}'"
    )


def _expectation(key: PublicKey, account: AccountKeys | None, host_key: HostKey | None) -> str:
    if account is None:
        known = f", host key {host_key.state.value}" if host_key else ""
        return f"not read yet{known}"
    cells = [cell for cell in account.cells if cell.fingerprint == key.fingerprint]
    if not cells:
        return f"one line is added ({len(account.cells)} keys there now)"
    if any(cell.state is CellState.PRESENT for cell in cells):
        return "already there: proven only"
    return f"there, but {cells[0].state.value} ({cells[0].options or 'see its line'}): left as it is"


def _failed(node: Node, detail: str) -> Result:
    return Result(node.account, ok=False, changed=False, detail=detail)
