"""Making a key pair: OpenSSH's own format, never over an existing file, closed to others from its first byte."""

import getpass
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from homelab_tui.config.model import KeysConfig
from homelab_tui.domain.errors import ActionRefused, UsageError
from homelab_tui.domain.keys import KeyRecipe, PublicKey
from homelab_tui.sources.key_files import read_public_key

RSA_BITS = 3072
"""The least that a strict policy (RHEL 9, RequiredRSASize) takes for years to come."""


def keys_directory(config: KeysConfig) -> Path:
    """Where a new key goes: beside the configured ones, else ~/.ssh."""
    return config.paths[0].parent if config.paths else Path("~/.ssh").expanduser()


def make_key(config: KeysConfig, recipe: KeyRecipe) -> PublicKey:
    """Writes `name` (0600) and `name.pub` (0644); the directory is made 0700 where it is missing.

    Raises: UsageError for a name that is no plain file name, and a type that is not made; ActionRefused when one of the
    files is there already or cannot be written. Nothing is left behind then.
    """
    recipe.demand_plain()
    directory = keys_directory(config)
    private, public = directory / recipe.name, directory / f"{recipe.name}.pub"
    comment = recipe.comment if recipe.comment is not None else _usual_comment()
    secret_half, public_half = _pair(recipe)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if public.exists() or public.is_symlink():
            raise FileExistsError(17, "File exists", str(public))
        _write_new(private, secret_half, 0o600)
        try:
            _write_new(public, b" ".join(part for part in (public_half, comment.encode()) if part) + b"\n", 0o644)
        except OSError:
            private.unlink()
            raise
    except FileExistsError as error:
        raise ActionRefused(
            f"{error.filename} is there already, and is never overwritten; give another name"
        ) from error
    except OSError as error:
        raise ActionRefused(f"{error.filename or directory} cannot be written: {error.strerror}") from error
    return read_public_key(public)


def _pair(recipe: KeyRecipe) -> tuple[bytes, bytes]:
    """The private half as OpenSSH writes it (aes256-ctr and bcrypt with a passphrase), and `type base64`."""
    # heavy: nothing may import it before the first paint
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
    if recipe.type == "ed25519":
        key = ed25519.Ed25519PrivateKey.generate()
    elif recipe.type == "rsa":
        key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    else:
        raise UsageError(f"{recipe.type!r} is not a type that is made here: ed25519, or rsa for old gear")
    lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if recipe.passphrase is not None:
        lock = serialization.BestAvailableEncryption(recipe.passphrase.reveal().encode())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, lock)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private, public


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """A file that was not there: closed to others from the start, on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink()
        raise


def _usual_comment() -> str:
    """user@host-YYYYMMDD, the day as this machine's UTC clock has it."""
    return f"{getpass.getuser()}@{socket.gethostname().split('.')[0]}-{datetime.now(UTC):%Y%m%d}"
