"""Logging in: which keys are offered, in which order, and what the server says to them.

Each key is offered by itself, five at most on one connection. A password is sent only when it was given, and only to
a method that asks for a password.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from homelab_tui.config.model import KeysConfig
from homelab_tui.domain.errors import (
    CredentialsNeeded,
    PasswordExpired,
    SourceError,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.key_blobs import fingerprint
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.secrets import Secret
from homelab_tui.sources.key_files import PrivateKeyUnusable, inspect_private_key, private_key_paths
from homelab_tui.sources.ssh_agent import Agent, agent_signer, running_agent
from homelab_tui.sources.ssh_connection import Arrival
from homelab_tui.sources.ssh_limits import MAX_AUTH_TRIES, PASSWORD_METHODS
from homelab_tui.sources.ssh_routes import Hop, printable

if TYPE_CHECKING:
    import paramiko


_EXPIRED = re.compile(
    r"current.*password|new password|change your password|password.*expired", re.IGNORECASE | re.DOTALL
)


LoadKey = Callable[[Path], "paramiko.PKey"]
"""How a private key file is loaded; raises PrivateKeyUnusable."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key that can be offered: a file, or one key of the agent."""

    fingerprint: str | None
    """None for a PEM file, whose public half shows only when it is loaded."""
    label: str
    """For messages: the file, or the agent's comment."""
    load: Callable[[], "paramiko.PKey"] = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """How a login went well."""

    fingerprint: str | None
    """The key that opened it; None when it was a password, or nothing at all."""
    methods: tuple[str, ...]
    """What the server offers for this account; empty when it was not asked."""
    signer: Signer | None = field(default=None, repr=False)
    """What the key signs with, for a second login just like this one."""


class Unheard(SourceRefused):
    """The connection ended before the server had answered anything about a login: nothing was tried yet."""


class Unasked(Unheard):
    """A server that was not asked what it offers did not open as before: to be asked on a new connection."""


def signers_for(hop: Hop, keys: KeysConfig, load: LoadKey, preferred: str | None = None) -> tuple[Signer, ...]:
    """What may be offered to a server: my key files, the files that ssh would use, then the agent's keys.

    A file that needs a passphrase is signed for by the agent, where that has it. `preferred` is the fingerprint that
    worked the last time: it goes first, which spares the server every other try.
    """
    agent = running_agent() if keys.agent else None
    held = _held(agent)
    signers: list[Signer] = []
    for path in _private_files(hop, keys):
        signer = _file_signer(path, load, agent, held)
        if signer is not None:
            signers.append(signer)
    if agent is not None and not hop.identities_only:
        signers.extend(_agent_signer(agent, key) for key in held)
    signers.sort(key=lambda signer: signer.fingerprint != preferred if preferred else False)
    return tuple(_each_once(signers))


def signer_of(key: PublicKey, load: LoadKey, *, use_agent: bool) -> Signer:
    """The one signer of a key, for a proof. Raises PrivateKeyUnusable when nothing here can sign with it."""
    agent = running_agent() if use_agent else None
    held = [other for other in _held(agent) if other.blob == key.blob]
    try:
        if key.private_path is None:
            raise PrivateKeyUnusable("its private half is not on this machine, and not in the agent")
        private = inspect_private_key(Path(key.private_path))
        if private.is_encrypted and held:
            raise PrivateKeyUnusable("the agent has it open")
        loaded = load(private.path)
        if loaded.asbytes() != key.blob:
            raise PrivateKeyUnusable(f"{private.path} is not the private half of {key.path or key.fingerprint}")
        return Signer(key.fingerprint, key.private_path, lambda: loaded)
    except PrivateKeyUnusable:
        if agent is None or not held:
            raise
        return _agent_signer(agent, held[0])


def ask_methods(arrival: Arrival) -> tuple[str, ...]:
    """The methods that the server offers for the account; empty when it lets everybody in.

    Only "none" is tried, which sshd does not count as a failure.
    """
    import paramiko  # heavy: nothing may import it before the first paint

    try:
        arrival.transport.auth_none(arrival.hop.user)
    except paramiko.BadAuthenticationType as error:
        return tuple(error.allowed_types)
    except (paramiko.SSHException, EOFError, OSError) as error:
        why = refuse_login(arrival, error)
        raise (why if arrival.transport.is_active() else Unheard(str(why))) from error
    return ()


def log_in(arrival: Arrival, signers: Iterable[Signer], password: Secret | None = None) -> LoggedIn:
    """Logs in with the first key that works, else with the password.

    Raises CredentialsNeeded when nothing opened the account; it says what was offered, and whether a password could.
    """
    methods = ask_methods(arrival)
    if arrival.transport.is_authenticated():
        arrival.was_opened = True
        return LoggedIn(None, methods)
    hints: list[str] = []
    tried = 0
    if "publickey" in methods:
        for signer in signers:
            if tried == MAX_AUTH_TRIES:
                hints.append(f"only the first {MAX_AUTH_TRIES} keys were offered")
                break
            try:
                key = signer.load()
            except PrivateKeyUnusable as error:
                hints.append(str(error))
                continue
            tried += 1
            if offer_key(arrival, key):
                return LoggedIn(signer.fingerprint or fingerprint(key.asbytes()), methods, signer)
    possible = bool(PASSWORD_METHODS.intersection(methods))
    if password is not None and possible:
        _send_password(arrival, methods, password)
        return LoggedIn(None, methods)
    raise CredentialsNeeded(_nothing_fits(arrival, methods, tried, hints, possible), password_possible=possible)


def log_in_as_before(arrival: Arrival, known: LoggedIn) -> LoggedIn | None:
    """The login that went well a while ago once more, without asking the server what it offers.

    None where the key is not here any more, or is another one: then nothing was sent. Raises Unasked where it does not
    open the account any more: what was tried on this connection counts against the next key (MaxAuthTries).
    """
    if known.signer is None:
        return None
    try:
        key = known.signer.load()
    except PrivateKeyUnusable:
        return None
    if fingerprint(key.asbytes()) != known.fingerprint:
        return None
    try:
        if offer_key(arrival, key):
            return known
    except SourceRefused as error:
        raise Unasked(str(error)) from error
    raise Unasked(f"{arrival.where}: the key of the last login is refused")


def offer_key(arrival: Arrival, key: "paramiko.PKey") -> bool:
    """Whether the server takes this key. Raises CredentialsNeeded when it takes it, but wants more."""
    import paramiko  # heavy: nothing may import it before the first paint

    arrival.was_tried = True
    try:
        more = arrival.transport.auth_publickey(arrival.hop.user, key)
    except paramiko.BadAuthenticationType as error:
        if "publickey" in error.allowed_types:
            return False
        raise CredentialsNeeded(
            f"{arrival.where}: the server takes no keys from {arrival.hop.user}",
            password_possible=bool(PASSWORD_METHODS.intersection(error.allowed_types)),
        ) from error
    except paramiko.AuthenticationException as error:
        if arrival.transport.is_active() and str(error) == "Authentication failed.":
            return False
        raise refuse_login(arrival, error) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise refuse_login(arrival, error) from error
    if more:
        raise CredentialsNeeded(
            f"{arrival.where}: the key is accepted, but the server wants {' and '.join(map(printable, more))} too",
            password_possible=bool(PASSWORD_METHODS.intersection(more)),
        )
    arrival.was_opened = True
    return True


def _send_password(arrival: Arrival, methods: tuple[str, ...], password: Secret) -> None:
    import paramiko  # heavy: nothing may import it before the first paint

    user, transport = arrival.hop.user, arrival.transport
    prompts = _OnePrompt(password)
    arrival.was_tried = True
    try:
        if "password" in methods:
            # Without fallback: paramiko's own would give the password to any single prompt, a one-time code's too.
            more = transport.auth_password(user, password.reveal(), fallback=False)
        else:
            more = transport.auth_interactive(user, prompts.answer)
    except paramiko.BadAuthenticationType as error:
        raise _refused_password(arrival, prompts) from error
    except paramiko.AuthenticationException as error:
        if transport.is_active() and "timeout" not in str(error):
            raise _refused_password(arrival, prompts) from error
        raise refuse_login(arrival, error) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise refuse_login(arrival, error) from error
    if more:
        raise CredentialsNeeded(
            f"{arrival.where}: the password is accepted, but the server wants {' and '.join(map(printable, more))} too",
            password_possible=False,
        )
    arrival.was_opened = True


class _OnePrompt:
    """Answers keyboard-interactive: one hidden prompt that asks for a password, once; nothing else."""

    def __init__(self, password: Secret) -> None:
        self._password = password
        self._answered = False
        self.foreign_prompt: str | None = None
        self.wants_new = False
        """Whether the server went on to ask for a new password."""

    def answer(self, _title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        """The responses to one round of prompts; an empty one where the password does not belong."""
        if not prompts:
            return []
        text, echo = prompts[0]
        is_password = len(prompts) == 1 and not echo and "password" in str(text).lower()
        if is_password and not self._answered:
            self._answered = True
            return [self._password.reveal()]
        # PAM goes on within the login where the password was right, but has expired.
        self.wants_new = self.wants_new or (self._answered and bool(_EXPIRED.search(f"{text} {instructions}")))
        self.foreign_prompt = printable(str(text), 60)
        return [""] * len(prompts)


def _refused_password(arrival: Arrival, prompts: _OnePrompt) -> SourceRefused:
    if prompts.wants_new:
        return PasswordExpired(f"{arrival.where}: its password has expired: the account wants a new one first")
    if prompts.foreign_prompt is not None:
        why = f"the server asks “{prompts.foreign_prompt}”, which homelab does not answer; log in once by hand"
        return CredentialsNeeded(f"{arrival.where}: {why}", password_possible=False)
    return CredentialsNeeded(
        f"{arrival.where}: the password for {arrival.hop.user} was refused", password_possible=True
    )


def refuse_login(arrival: Arrival, error: Exception) -> SourceError:
    """What became of a login that the library gave up."""
    text = str(error)
    if isinstance(error, SourceError):
        return error
    if "timeout" in text.lower():
        return SourceTimeout(f"{arrival.where}: the server did not decide about the login in time")
    if not arrival.transport.is_active():
        return SourceRefused(
            f"{arrival.where}: the server ended the connection during the login as {arrival.hop.user} "
            "(too many keys or tries, or the account is barred)"
        )
    return SourceUnreachable(f"{arrival.where}: the connection was lost during the login")


def _nothing_fits(arrival: Arrival, methods: tuple[str, ...], tried: int, hints: list[str], possible: bool) -> str:
    account = f"{arrival.hop.user}@{arrival.hop.host}"
    offered = "no key could be offered" if not tried else f"none of the {tried} keys offered opens it"
    if tried == 1:
        offered = "the one key offered does not open it"
    if "publickey" not in methods:
        offered = "it takes no keys"
    detail = f" ({'; '.join(hints)})" if hints else ""
    after = "it would take a password" if possible else "it takes no password either"
    return f"{arrival.where}: not logged in to {account}: {offered}{detail}; {after}"


def _held(agent: Agent | None) -> tuple[PublicKey, ...]:
    if agent is None:
        return ()
    try:
        return agent.keys()
    except SourceError:
        return ()


def _private_files(hop: Hop, keys: KeysConfig) -> Iterable[Path]:
    seen: set[Path] = set()
    for path in (*private_key_paths(keys), *hop.identity_files):
        if path not in seen and path.is_file():
            seen.add(path)
            yield path


def _file_signer(path: Path, load: LoadKey, agent: Agent | None, held: tuple[PublicKey, ...]) -> Signer | None:
    try:
        private = inspect_private_key(path)
    except PrivateKeyUnusable:
        return None
    if private.is_encrypted and agent is not None:
        for key in held:
            if key.blob == private.blob:
                return _agent_signer(agent, key)
    mark = None if private.blob is None else fingerprint(private.blob)
    return Signer(mark, str(path), lambda: load(path))


def _agent_signer(agent: Agent, key: PublicKey) -> Signer:
    return Signer(key.fingerprint, f"agent: {printable(key.comment, 60)}", lambda: agent_signer(agent, key))


def _each_once(signers: Iterable[Signer]) -> Iterable[Signer]:
    seen: set[str] = set()
    for signer in signers:
        if signer.fingerprint is None or signer.fingerprint not in seen:
            if signer.fingerprint is not None:
                seen.add(signer.fingerprint)
            yield signer
