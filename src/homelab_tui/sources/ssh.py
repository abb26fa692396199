"""Nodes over SSH: are they there, what are they, which keys do they take, and one more key for them.

paramiko runs in threads of our own (`ssh_threads`); the stages of a connection are in `ssh_connection`, `ssh_login`
and `ssh_commands`; what is run on a node is in `ssh_scripts` and `probe`.
"""

import contextlib
import secrets
import socket
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from homelab_tui.config.model import KeysConfig, SshConfig
from homelab_tui.domain.errors import (
    CredentialsNeeded,
    HostKeyChanged,
    HostKeyUnknown,
    SourceConflict,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.keys import (
    AccountKeys,
    BeforeWrite,
    HostKey,
    HostKeyState,
    KeyLogins,
    KeyRecipe,
    KeyRemoval,
    KeyWrite,
    ModesMended,
    Proof,
    ProofState,
    PublicKey,
    no_matter,
)
from homelab_tui.domain.loose_modes import LoosePath
from homelab_tui.domain.nodes import Node, NodeFacts, PendingUpdates
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import replace
from homelab_tui.sources.key_files import PrivateKeyUnusable, read_my_keys, read_public_key
from homelab_tui.sources.key_making import make_key
from homelab_tui.sources.known_hosts_files import judge_host_key, remember_host_key
from homelab_tui.sources.probe import PROBE_SCRIPT, parse_probe
from homelab_tui.sources.probe_updates import UPDATES_SCRIPT, UPDATES_TIMEOUT_S, parse_updates
from homelab_tui.sources.ssh_account import AccountReading, NoCommands, account_keys, file_faults, no_answer
from homelab_tui.sources.ssh_administration import Administers
from homelab_tui.sources.ssh_agent import running_agent
from homelab_tui.sources.ssh_commands import Output
from homelab_tui.sources.ssh_connection import Arrival
from homelab_tui.sources.ssh_last_logins import read_last_logins
from homelab_tui.sources.ssh_login import LoggedIn, offer_key
from homelab_tui.sources.ssh_modes import Mending, mend_modes
from homelab_tui.sources.ssh_other_accounts import is_theirs, remove_elsewhere, restore_elsewhere
from homelab_tui.sources.ssh_power import ask_for_reboot
from homelab_tui.sources.ssh_removals import Removals, remove_key, restore_file
from homelab_tui.sources.ssh_sessions import LOCAL_TIMEOUT_S, Session, Sessions
from homelab_tui.sources.ssh_threads import Scope
from homelab_tui.sources.ssh_writes import Attempts, add_line, as_written, read_account

MAKE_KEY_TIMEOUT_S = 60.0
"""A long RSA key takes a Pi a while."""


_UPDATES_COMMANDS = 4
"""As many commands' time as asking a package manager may take."""


def facts_of(output: Output, where: str, taken_at: datetime) -> NodeFacts:
    """What the probe's output says. Raises: SourceError when it says nothing, or was cut short however late."""
    text = output.stdout.decode("utf-8", "replace")
    facts = parse_probe(text, taken_at)
    # Neither: the script did not run (no shell, or a restricted one).
    # Half an answer looks like a node that has no disks and no services: it is none.
    if (facts.kernel is None and facts.hostname is None) or (output.exit_status is None and "@@ end" not in text):
        raise no_answer(output, where)
    return facts


class SshSource(Administers):
    """All nodes of the configuration. Satisfies the engine's ReachesNodes and InstallsKeys."""

    def __init__(self, ssh: SshConfig, keys: KeysConfig) -> None:
        self._keys = keys
        super().__init__(Sessions(ssh, keys))
        self._faults: dict[tuple[str, str | None], tuple[str, ...]] = {}
        """Why sshd ignores an account's keys, as far as its last reading told: what a failed proof is explained by."""

    async def answers(self, node: Node) -> bool:
        """Whether the SSH port of the way's first server takes a connection; False: refused, or no route.

        Raises: SourceTimeout when nothing answers in time; SourceUnreachable when the name is not found.
        """
        try:
            await self._sessions.reach(node)
        except SourceUnreachable as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and not isinstance(cause, socket.gaierror):
                return False
            raise
        return True

    def forget(self) -> None:
        """See `InstallsKeys.forget`."""
        self._sessions.forget()

    async def way(self, node: Node) -> tuple[str, ...]:
        """The jump hosts on the way to the node, the first one first; empty for a direct one."""
        return await self._sessions.way(node)

    async def probe(self, node: Node) -> NodeFacts:
        """What the node says of itself, by one read-only script."""

        def body(session: Session) -> NodeFacts:
            started = datetime.now(UTC)
            output = session.run("sh -s", PROBE_SCRIPT.encode())
            ended = datetime.now(UTC)
            return facts_of(output, session.where, started + (ended - started) / 2)

        return await self._sessions.with_session(node, body)

    async def pending_updates(self, node: Node) -> PendingUpdates | None:
        """What waits to be updated, by the node's own caches; None where its package manager is none we know."""

        def body(session: Session) -> PendingUpdates | None:
            output = session.run("sh -s", UPDATES_SCRIPT.encode(), UPDATES_TIMEOUT_S)
            text = output.stdout.decode("utf-8", "replace")
            if "@@ end" not in text:
                raise no_answer(output, session.where)
            return parse_updates(text)

        return await self._sessions.with_session(node, body, commands=_UPDATES_COMMANDS)

    async def host_key(self, node: Node) -> HostKey:
        """The host key that decides about going on: the node's, or that of a jump host which is not trusted yet."""

        def shown(arrival: Arrival, _: Scope) -> HostKey:
            jump_host = None if arrival.hop is arrival.route.target else arrival.hop.name
            return replace(arrival.host_key, jump_host=jump_host)

        return await self._sessions.at_door(node, shown, commands=0, leave_open=True)

    async def trust(self, node: Node, fingerprint: str) -> HostKey:
        """Remembers the key that `host_key` showed, if the server still shows exactly that one.

        Raises: SourceConflict when it shows another one now; HostKeyChanged when known_hosts contradicts it. Nothing
        is written then.
        """

        def body(arrival: Arrival, _: Scope) -> HostKey:
            shown = arrival.host_key
            if shown.fingerprint != fingerprint:
                raise SourceConflict(
                    f"{arrival.where}: it shows {shown.key_type} {shown.fingerprint}, not {fingerprint}; "
                    "nothing was written. Compare again"
                )
            if shown.state is HostKeyState.TRUSTED:
                return shown
            if shown.state in (HostKeyState.CHANGED, HostKeyState.REVOKED):
                arrival.demand_trust()
            remember_host_key(arrival.hop, shown)
            entries = self._sessions.known_hosts.read(arrival.hop.known_hosts)
            return judge_host_key(arrival.hop, entries, shown.key_type, shown.blob)

        return await self._sessions.at_door(node, body, commands=0)

    async def read_my_keys(self) -> tuple[PublicKey, ...]:
        """Key files of the configuration, and the agent's. Raises ConfigError for a configured file that is no key."""
        agent = running_agent() if self._keys.agent else None
        return await self._sessions.in_thread(
            lambda _: read_my_keys(self._keys, agent),
            deadline_s=LOCAL_TIMEOUT_S,
            late=f"my key files could not be read within {LOCAL_TIMEOUT_S:g} s",
        )

    async def read_key_file(self, path: Path) -> PublicKey:
        """The key of a `.pub` file that a person names. Raises ConfigError naming the file."""
        return await self._sessions.in_thread(
            lambda _: read_public_key(path),
            deadline_s=LOCAL_TIMEOUT_S,
            late=f"{path} could not be read within {LOCAL_TIMEOUT_S:g} s",
        )

    async def make_key(self, recipe: KeyRecipe) -> PublicKey:
        """A new key pair beside my other keys; from now on it is one of mine.

        Raises: ActionRefused for a file that is there already; UsageError for a recipe that makes none.
        """
        key = await self._sessions.in_thread(
            lambda _: make_key(self._keys, recipe), deadline_s=MAKE_KEY_TIMEOUT_S, late="the key was not made in time"
        )
        if self._keys.paths and key.path is not None:
            self._keys = replace(self._keys, paths=(*self._keys.paths, Path(key.path)))
            self._sessions.use_keys(self._keys)
        return key

    async def read_account(self, node: Node, *, password: Secret | None = None) -> AccountKeys:
        """Every authorized_keys file that sshd reads for the account, and what keeps it from being read."""

        def body(session: Session) -> AccountKeys:
            reading = read_account(session)
            session.memory.keep(reading)
            return self._told(node, session, reading)

        return await self._sessions.with_session(node, body, password=password, as_before=True)

    async def last_logins(self, node: Node, fingerprints: Sequence[str]) -> KeyLogins:
        """When these keys last logged in to the node, by its own log. Raises SourceRefused where none can be read."""
        wanted = tuple(fingerprints)
        return await self._sessions.with_session(node, lambda session: read_last_logins(session, wanted), commands=4)

    async def add_key(
        self, node: Node, key: PublicKey, *, password: Secret | None = None, before_write: BeforeWrite = no_matter
    ) -> KeyWrite:
        """Appends one line to authorized_keys by compare-and-swap; every other byte stays.

        A link that breaks in the middle leaves it open whether the line is there: then the file is read again.
        """
        attempts = Attempts(before_write)

        def body(session: Session) -> KeyWrite:
            write, reading = add_line(session, key, attempts)
            return replace(write, account=self._told(node, session, as_written(reading, write)))

        commands = 4  # two for a quiet file; more only for one that others write to as well
        try:
            return await self._sessions.with_session(node, body, password=password, commands=commands, as_before=True)
        except (SourceTimeout, SourceUnreachable, SourceGarbled):
            if attempts.last is None:
                raise
        # Idempotent: if the line arrived, this finds it; if it did not, this is the second and last try.
        with _may_have_arrived(node):
            again = await self._sessions.with_session(node, body, password=password, commands=commands)
        return attempts.judge(again)

    async def change_password(self, node: Node, old: Secret, new: Secret) -> None:
        """A new password for an account whose own has expired; a fresh login that runs a command shows that it is so.

        Raises: CredentialsNeeded when the old one is refused; SourceRefused when the new one is.
        """
        await self._sessions.change_password(node, old, new)
        proof = await self._sessions.with_session(node, _run_marker, password=new)
        if not proof.proven:
            raise SourceRefused(f"{node.name}: the password was changed, but no command runs: {proof.detail}")

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
        """Takes every line about a key out of the files that sshd reads; `using` is the one key to log in with.

        `everywhere`: out of the node's other accounts too, as far as sudo shows them; of those only the ones named in
        `may_close` lose their last usable line.

        Raises SourceRefused where that could lock the account; then nothing was written.
        """
        removals = Removals(before_write)

        def body(session: Session) -> KeyRemoval:
            removal, reading = remove_key(session, fingerprint, removals, dry_run=dry_run)
            if everywhere:
                removal = remove_elsewhere(
                    session, reading, fingerprint, removals, removal, dry_run=dry_run, may_close=may_close
                )
            self._told(node, session, reading)
            return removal

        only = None if using is None else await self._sessions.signer(using)
        try:
            return await self._sessions.with_session(node, body, only=only, commands=6)
        except (SourceTimeout, SourceUnreachable, SourceGarbled):
            if removals.pending is None and not removals.done:
                raise
        with _may_have_arrived(node):
            return await self._sessions.with_session(node, body, only=only, commands=6)

    async def restore_file(self, node: Node, file: str, left_sha256: str, before: bytes | None) -> KeyWrite:
        """Puts an authorized_keys file back as it was before a write, if it still is what that write left.

        Raises: SourceConflict when it is not; SourceRefused where that would lock the account.
        """

        def body(session: Session) -> KeyWrite:
            if is_theirs(file):
                return restore_elsewhere(session, file, left_sha256, before)
            write, reading = restore_file(session, file, left_sha256, before)
            self._told(node, session, reading)
            return write

        return await self._sessions.with_session(node, body, commands=2)

    async def mend_modes(
        self, node: Node, wanted: Sequence[LoosePath], *, password: Secret | None = None
    ) -> ModesMended:
        """`chmod go-w` on these paths, as the account itself, if they still are as they were read; read back.

        A link that breaks in the middle leaves it open what is done: then it is looked at again.
        """
        mending = Mending(tuple(wanted))  # its problem is told, not raised: what was done before it counts

        def body(session: Session) -> ModesMended:
            reading = mend_modes(session, mending)
            return mending.judged(self._told(node, session, reading))

        try:
            return await self._sessions.with_session(node, body, password=password, commands=3)
        except (SourceTimeout, SourceUnreachable, SourceGarbled):
            if not mending.sent:
                raise
        return await self._sessions.with_session(node, body, password=password, commands=3)

    async def prove(self, node: Node, key: PublicKey) -> Proof:
        """A fresh connection that logs in with this key alone, and runs a command.

        Raises SourceError when the node cannot be reached: then nothing is known about the key.
        """
        try:
            signer = await self._sessions.signer(key)
        except PrivateKeyUnusable as error:
            return Proof(ProofState.NOT_POSSIBLE, f"not proven: {error}")

        def body(arrival: Arrival, scope: Scope) -> Proof:
            arrival.demand_trust()
            try:
                accepted = offer_key(arrival, signer.load())
            except CredentialsNeeded as error:
                return Proof(ProofState.FAILED, str(error))
            if not accepted:
                return Proof(ProofState.FAILED, self._why_refused(node), refused=True)
            session = self._sessions.session(arrival, LoggedIn(key.fingerprint, ()), scope)
            return _run_marker(session)

        return await self._sessions.at_door(node, body)

    async def reboot(self, node: Node) -> None:
        """Asks the node to boot anew; returns when it obeys, link lost or not. Raises SourceRefused without sudo."""
        await self._sessions.with_session(node, ask_for_reboot, commands=2)

    async def close(self) -> None:
        """Ends every connection; whoever waits for one gets an error."""
        await self._sessions.close()

    def _told(self, node: Node, session: Session, reading: AccountReading) -> AccountKeys:
        """The account in the domain's words; what keeps sshd from reading its files is remembered for a proof."""
        account = account_keys(
            reading,
            methods=session.login.methods,
            server_version=session.server_version,
            login_fingerprint=session.login.fingerprint,
        )
        faults = (fault for file in reading.files for fault in file_faults(reading, file, session.server_version))
        self._faults[node.name, node.user] = tuple(dict.fromkeys(faults))
        return account

    def _why_refused(self, node: Node) -> str:
        faults = self._faults.get((node.name, node.user), ())
        if faults:
            return f"sshd refused the key: {'; '.join(faults)}"
        return "sshd refused the key: it may read another file, or bar the account (its log says why)"


@contextlib.contextmanager
def _may_have_arrived(node: Node) -> Iterator[None]:
    """For a second look after a link that broke: where there is no way in any more, it is still open what was done."""
    try:
        yield
    except (HostKeyUnknown, HostKeyChanged, CredentialsNeeded) as error:
        raise SourceUnreachable(
            f"{node.name}: the link broke before the answer came, so it may have been written; then: {error}"
        ) from error


def _run_marker(session: Session) -> Proof:
    """The login counts only when a command of ours really ran."""
    marker = f"homelab-proof-{secrets.token_hex(8)}"
    try:
        output = session.run(f"echo {marker}")
    except SourceError as error:
        return Proof(ProofState.FAILED, f"the key logs in, but: {error}")
    if marker.encode() in output.stdout:
        return Proof(ProofState.PROVEN, "proven by a fresh login with this key alone")
    refusal = no_answer(output, session.where)
    if isinstance(refusal, NoCommands) and _has_sftp(session):
        return Proof(ProofState.PROVEN, "proven by a fresh login with this key alone (SFTP only: it runs no commands)")
    return Proof(ProofState.FAILED, f"the key logs in, but: {refusal}")


def _has_sftp(session: Session) -> bool:
    try:
        with session.sftp() as files:
            return bool(files.normalize("."))
    except (SourceError, OSError):
        return False
