"""Keys: the matrix, first contact, and pushing a key without losing a byte or locking anyone out."""

from collections.abc import Sequence
from pathlib import Path

from homelab_tui.domain.errors import (
    CredentialsNeeded,
    HostKeyChanged,
    HostKeyUnknown,
    PasswordExpired,
    SourceError,
    SourceRefused,
    UsageError,
)
from homelab_tui.domain.keys import (
    AccountKeys,
    CellState,
    HostKey,
    HostKeyState,
    KeyRecipe,
    KeyWrite,
    ProofState,
    PublicKey,
)
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Plan, PlanStep, Result
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.state import LabState
from homelab_tui.domain.values import Frozen, replace
from homelab_tui.engine.key_steps import KeySteps, modes_offer, stopped, untrusted
from homelab_tui.engine.operations import Begun, Progress
from homelab_tui.engine.pre_images import PreImage
from homelab_tui.engine.store import entry, reading_of


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


class PushAnswers(Frozen):
    """What a person has decided before a push: nothing is asked while it runs."""

    password: Secret | None = None
    new_password: Secret | None = None
    """For an account whose password has expired: what takes its place, before anything else is done there."""
    fingerprint: str | None = None
    """An unknown host key that shows exactly this fingerprint is trusted first."""


class KeyActions:
    """What can be done to authorized_keys, over SSH."""

    def __init__(self, steps: KeySteps) -> None:
        self._steps = steps
        self._ssh = steps.ssh
        self._operations = steps.operations
        self._closed: set[str] = set()
        """Accounts that only a password would open, by the last push."""
        self._expired: set[str] = set()
        """Accounts that want a new password, by the last push."""

    def wants_password(self, node: Node) -> bool:
        """Whether the last push failed only because no key opened the account, and a password would."""
        return node.account in self._closed

    def wants_new_password(self, node: Node) -> bool:
        """Whether the last push failed only because the account's password has expired."""
        return node.account in self._expired

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
            refusals=self._steps.refusals(),
        )

    async def push(self, node: Node, key: PublicKey, answers: PushAnswers | None = None) -> Result:
        """Push one key to one account, and prove it. One dead node never stops another's push.

        The host key decides before anything else is sent. Only the write itself must finish: a program that closes
        before it has not begun, one that closes after it leaves the proof out.
        """
        decided = answers or PushAnswers()

        async def work(progress: Progress) -> Result:
            self._steps.demand_writable()
            self._closed.discard(node.account)
            self._expired.discard(node.account)
            if decided.fingerprint is not None:
                progress.stage("host key…")
                refused = await self._steps.meet(node, decided.fingerprint)
                if refused is not None:
                    return refused
            with self._steps.new_pre_image(node) as pre_image:
                progress.stage("writing…")
                begun = Begun()
                adding = self._add(node, key, decided, pre_image, progress, begun)
                try:
                    write = await self._operations.unless_closing(adding, missed=None, begun=begun)
                except (HostKeyUnknown, HostKeyChanged) as error:
                    return untrusted(node, error.shown)
                if write is None:
                    return stopped(node)
                lost = pre_image.keep(write)
            progress.stage("proving by a fresh login…")
            proof = await self._steps.prove(node, key)
            await self._steps.read_again(node, write.account)
            cure = modes_offer(node, write.account) if proof.state is ProofState.FAILED else None
            detail = "; ".join(part for part in (write.detail, proof.detail, cure, lost) if part)
            ok = proof.state is not ProofState.FAILED
            return Result(node.account, ok=ok, changed=write.changed, detail=detail, proven=proof.proven)

        # A write to the door of a house is never left half-way because a screen was closed.
        return await self._operations.run("keys.push", f"account:{node.account}", "connecting…", work, must_finish=True)

    def plan_generate(self, recipe: KeyRecipe) -> Plan:
        """What making a key pair will do. Pure."""
        locked = "with a passphrase" if recipe.passphrase else "WITHOUT a passphrase: whoever gets the file gets in"
        return Plan(
            kind="keys.generate",
            title=f"Make a new key pair {recipe.name}",
            steps=(PlanStep(recipe.name, f"{recipe.type}, {locked}"),),
            notes=("beside my other keys; an existing file is never overwritten",),
            refusals=self._steps.refusals(),
        )

    async def generate(self, recipe: KeyRecipe) -> Result:
        """Make a key pair on this machine; `created` is the path of its private half."""

        async def work(_progress: Progress) -> Result:
            self._steps.demand_writable()
            key = await self._ssh.make_key(recipe)
            private = key.private_path or (key.path or recipe.name).removesuffix(".pub")
            detail = f"{key.type} {key.fingerprint} {key.comment}".rstrip()
            return Result(recipe.name, ok=True, changed=True, detail=detail, created=private)

        target = f"key:{recipe.name}"
        return await self._operations.run("keys.generate", target, "making…", work, must_finish=True)

    async def trust(self, node: Node, fingerprint: str) -> Result:
        """Accept an unknown host key, if the server still shows exactly that fingerprint."""

        async def work(_progress: Progress) -> Result:
            self._steps.demand_writable()
            before = await self._ssh.host_key(node)
            if before.state is HostKeyState.TRUSTED and before.fingerprint == fingerprint:
                return Result(node.account, ok=True, changed=False, detail="already trusted")
            host_key = await self._ssh.trust(node, fingerprint)
            await self._steps.read_again(node)
            return Result(
                node.account, ok=True, changed=True, detail=f"{host_key.key_type} {fingerprint} is trusted now"
            )

        return await self._operations.run("keys.trust", f"account:{node.account}", "asking again…", work)

    async def _add(
        self,
        node: Node,
        key: PublicKey,
        decided: PushAnswers,
        pre_image: PreImage,
        progress: Progress,
        begun: Begun,
    ) -> KeyWrite:
        def expect(write: KeyWrite) -> None:
            begun.now()
            pre_image.expect(write)

        try:
            return await self._ssh.add_key(node, key, password=decided.password, before_write=expect)
        except PasswordExpired:
            if decided.password is None or decided.new_password is None:
                self._expired.add(node.account)
                raise
        except CredentialsNeeded as error:
            # It may be known from a moment ago that no key opens it; a password is asked for behind a known host only.
            refused = await self._steps.meet(node) if decided.password is None else None
            if refused is not None:
                raise SourceRefused(refused.detail) from error
            raise self._refused(node, error, asked=decided.password is not None) from error
        progress.stage("changing the expired password…")
        begun.now()
        try:
            await self._ssh.change_password(node, decided.password, decided.new_password)
        except SourceRefused:  # the old one, or the new one: both can be typed again
            self._expired.add(node.account)
            raise
        progress.stage("writing…")
        try:
            write = await self._ssh.add_key(node, key, password=decided.new_password, before_write=expect)
        except SourceError as error:
            # Its kind stays: it tells whether the write may have arrived all the same.
            kind = SourceRefused if isinstance(error, SourceRefused) else type(error)
            raise kind(f"the expired password was changed to the new one, but: {error}") from error
        return replace(write, detail=f"the expired password was changed; {write.detail}")

    def _refused(self, node: Node, error: CredentialsNeeded, *, asked: bool) -> SourceRefused:
        if error.password_possible:
            self._closed.add(node.account)
        return SourceRefused(f"{error}{' (a password would do)' if error.password_possible and not asked else ''}")


def _expectation(key: PublicKey, account: AccountKeys | None, host_key: HostKey | None) -> str:
    if account is None:
        known = f", host key {host_key.state.value}" if host_key else ""
        return f"not read yet{known}"
    cells = [cell for cell in account.cells if cell.fingerprint == key.fingerprint]
    if not cells:
        count = len(account.cells)
        return f"one line is added ({count} {'key' if count == 1 else 'keys'} there now)"
    if any(cell.state is CellState.PRESENT for cell in cells):
        return "already there: proven only"
    return f"there, but {cells[0].state.value} ({cells[0].options or 'see its line'}): left as it is"
