"""Key files on this machine: my public keys, and the private halves that logins and proofs are signed with."""

import base64
import binascii
import hashlib
import os
import struct
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from homelab_tui.config.model import KeysConfig
from homelab_tui.domain.errors import ConfigError, ConfigProblem, SourceError
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.public_keys import (
    MAX_PUBLIC_KEY_BYTES,
    BadPublicKey,
    is_same_key,
    parse_public_key,
    with_private_half,
)
from homelab_tui.domain.values import Frozen, replace
from homelab_tui.sources.ssh_agent import Agent

if TYPE_CHECKING:
    import paramiko

MAX_PRIVATE_KEY_BYTES = 64 * 1024

_MAGIC = b"openssh-key-v1\0"


class PrivateKeyUnusable(SourceError):
    """A private key file that no login can be signed with. Its message names the file, never what is in it."""

    def __init__(self, message: str, *, needs_passphrase: bool = False) -> None:
        super().__init__(message)
        self.needs_passphrase = needs_passphrase


class PrivateKeyFile(Frozen):
    """What a private key file tells without being decrypted."""

    path: Path
    is_encrypted: bool
    blob: bytes | None
    """The public blob, which OpenSSH's own format keeps in the clear; None for PEM files."""


def read_public_key(path: Path) -> PublicKey:
    """The key of one `.pub` file, with its private half where that lies beside it.

    Raises ConfigError naming the file: it is missing, unreadable, a private key, or no key at all.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PUBLIC_KEY_BYTES + 1)
            made_at = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
    except OSError as error:
        raise _bad_file(path, None, f"cannot be read: {error.strerror or type(error).__name__}") from error
    try:
        key = parse_public_key(data)
    except BadPublicKey as error:
        raise _bad_file(path, 1, str(error)) from error
    half = _private_half(path)
    key = with_private_half(key, path=str(path), private_path=half)
    return replace(key, made_at=made_at, has_passphrase=_has_passphrase(half))


def read_my_keys(config: KeysConfig, agent: Agent | None) -> tuple[PublicKey, ...]:
    """The configured `.pub` files (else every ~/.ssh/id_*.pub), then what only the agent has. Each key once.

    A file of the configuration that cannot be used raises ConfigError, all of them together; of the files that were
    only found, such a one is left out. An agent that does not answer counts as having no keys.
    """
    keys: list[PublicKey] = []
    problems: list[ConfigProblem] = []
    for path in _public_key_paths(config):
        try:
            keys.append(read_public_key(path))
        except ConfigError as error:
            if config.paths:
                problems.extend(error.problems)
    if problems:
        raise ConfigError(tuple(problems))
    held = _agent_keys(agent) if config.agent else ()
    keys = [replace(key, in_agent=any(is_same_key(key, other) for other in held)) for key in keys]
    keys.extend(replace(key, in_agent=True) for key in held)
    return tuple(_each_once(keys))


def private_key_paths(config: KeysConfig) -> tuple[Path, ...]:
    """Where the private halves of my keys would be. A file that is missing or wrong is no reason not to log in."""
    halves = (_private_half(path) for path in _public_key_paths(config))
    return tuple(Path(half) for half in halves if half is not None)


def inspect_private_key(path: Path) -> PrivateKeyFile:
    """Reads a private key file without its passphrase. Raises PrivateKeyUnusable when it is none."""
    text = _read_private(path)
    if b"BEGIN OPENSSH PRIVATE KEY" in text:
        try:
            return _inspect_openssh(path, text)
        except (struct.error, binascii.Error, IndexError, ValueError) as error:
            raise PrivateKeyUnusable(f"{path} is damaged: it cannot be read as a private key") from error
    if b"PRIVATE KEY-----" not in text:
        raise PrivateKeyUnusable(f"{path} is not a private key")
    is_encrypted = b"ENCRYPTED" in text
    return PrivateKeyFile(path, is_encrypted, None)


def load_private_key(path: Path, passphrase: bytes | None = None) -> "paramiko.PKey":
    """A key that can sign. A certificate beside the file is never picked up: a proof is about the plain key.

    Raises PrivateKeyUnusable, which tells whether a passphrase would help.
    """
    from cryptography.exceptions import (  # heavy: nothing may import it before the first paint
        InvalidTag,
        UnsupportedAlgorithm,
    )
    from cryptography.hazmat.primitives import serialization

    text = _read_private(path)
    load = (
        serialization.load_ssh_private_key
        if b"BEGIN OPENSSH PRIVATE KEY" in text
        else serialization.load_pem_private_key
    )
    encrypted = inspect_private_key(path).is_encrypted
    if encrypted and not passphrase:
        raise PrivateKeyUnusable(f"{path} is protected by a passphrase; load it into the agent", needs_passphrase=True)
    try:
        key = load(text, passphrase if encrypted else None)
        plain = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        return _paramiko_key(plain.decode("ascii"))
    except UnsupportedAlgorithm as error:
        raise PrivateKeyUnusable(
            f"{path} is of a kind that cannot sign here (a security key, or an old cipher); load it into the agent"
        ) from error
    except (ValueError, TypeError, KeyError, InvalidTag) as error:
        why = "the passphrase is wrong" if encrypted else "it is damaged"
        raise PrivateKeyUnusable(f"{path} cannot be used: {why}", needs_passphrase=encrypted) from error


class LoadedKeys:
    """Private keys without a passphrase, each taken apart once as long as its file stays the same. Thread-safe.

    Checking a long RSA key takes 0.6 s of CPU, which must not be paid for at every login. What is remembered is no
    better kept secret on the disk; a file with a passphrase is never loaded here.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[bytes, paramiko.PKey]] = {}

    def load(self, path: Path) -> "paramiko.PKey":
        """A key that can sign, as `load_private_key`."""
        mark = hashlib.sha256(_read_private(path)).digest()
        with self._lock:  # held while it is loaded, too: 32 logins at once would load it 32 times
            known = self._known.get(path)
            if known is None or known[0] != mark:
                known = (mark, load_private_key(path))
                self._known[path] = known
            return known[1]


def _paramiko_key(text: str) -> "paramiko.PKey":
    """The paramiko key of an unencrypted OpenSSH text. Raises ValueError for a type that paramiko does not sign with.

    Not PKey.from_path(): that one loads `<file>-cert.pub` silently and offers the certificate instead.
    """
    import io

    import paramiko  # heavy: nothing may import it before the first paint

    kinds: tuple[type[paramiko.PKey], ...] = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
    for kind in kinds:
        try:
            return kind.from_private_key(io.StringIO(text))
        except paramiko.SSHException:
            continue
    raise ValueError("no key type of paramiko's fits")


def _bad_file(path: Path, line: int | None, message: str) -> ConfigError:
    return ConfigError((ConfigProblem(str(path), line, "", message),))


def _public_key_paths(config: KeysConfig) -> Iterable[Path]:
    if config.paths:
        return config.paths
    found = sorted(Path("~/.ssh").expanduser().glob("id_*.pub"))
    return [path for path in found if not path.name.endswith("-cert.pub")]


def _private_half(path: Path) -> str | None:
    """The private key file beside a `.pub`, where there is one."""
    if path.suffix != ".pub":
        return None
    private = path.with_suffix("")
    return str(private) if private.is_file() else None


def _has_passphrase(half: str | None) -> bool | None:
    if half is None:
        return None
    try:
        return inspect_private_key(Path(half)).is_encrypted
    except PrivateKeyUnusable:
        return None


def _agent_keys(agent: Agent | None) -> tuple[PublicKey, ...]:
    if agent is None:
        return ()
    try:
        return agent.keys()
    except SourceError:
        return ()


def _each_once(keys: Iterable[PublicKey]) -> Iterable[PublicKey]:
    seen: set[tuple[str, bytes]] = set()
    for key in keys:
        if (key.type, key.blob) not in seen:
            seen.add((key.type, key.blob))
            yield key


def _read_private(path: Path) -> bytes:
    try:
        # A FIFO or a device in the place of a key must not hold the program up.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            text = file.read(MAX_PRIVATE_KEY_BYTES + 1) or b""
    except OSError as error:
        raise PrivateKeyUnusable(f"{path} cannot be read: {error.strerror or type(error).__name__}") from error
    if len(text) > MAX_PRIVATE_KEY_BYTES:
        raise PrivateKeyUnusable(f"{path} is not a private key")
    return text


def _inspect_openssh(path: Path, text: bytes) -> PrivateKeyFile:
    """PROTOCOL.key: magic, cipher, kdf, kdf options, number of keys, public blob, …"""
    body = text.split(b"-----BEGIN OPENSSH PRIVATE KEY-----", 1)[1].split(b"-----END", 1)[0]
    data = base64.b64decode(b"".join(body.split()), validate=True)
    if not data.startswith(_MAGIC):
        raise ValueError("wrong magic")
    position = len(_MAGIC)
    fields: list[bytes] = []
    for _ in range(3):
        (length,) = struct.unpack_from(">I", data, position)
        fields.append(data[position + 4 : position + 4 + length])
        position += 4 + length
    position += 4  # the number of keys, always one
    (length,) = struct.unpack_from(">I", data, position)
    blob = data[position + 4 : position + 4 + length]
    return PrivateKeyFile(path, fields[0] != b"none", blob)
