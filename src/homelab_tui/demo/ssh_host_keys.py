"""Host keys of the demo's SSH servers: made per run, or kept in a directory between runs."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

RSA_BITS = 2048
"""Enough for keys that live as long as a demo; 3072 bits would cost its start another half second."""


@dataclass(frozen=True, slots=True)
class HostKeys:
    """The keys that one server proves itself with."""

    keys: tuple[paramiko.PKey, ...]
    """In the order of preference: ed25519, then RSA where there is one."""

    def known_hosts_lines(self, port: int) -> list[str]:
        """One known_hosts line for each key of a server on a loopback port."""
        return [f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}" for key in self.keys]


def make_host_keys(*, rsa_too: bool = True) -> HostKeys:
    """Fresh random keys that no file knows."""
    keys: list[paramiko.PKey] = [paramiko.Ed25519Key.from_private_key(StringIO(_new_ed25519()))]
    if rsa_too:
        keys.append(paramiko.RSAKey.from_private_key(StringIO(_new_rsa())))
    return HostKeys(tuple(keys))


def load_host_keys(directory: Path, node: str, *, rsa_too: bool = True) -> HostKeys:
    """The keys of `node` in `directory` (`<node>_ed25519`, `<node>_rsa`, mode 0600); made there when absent.

    Raises: OSError when the directory cannot be written; SSHException for a file that is no private key.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys: list[paramiko.PKey] = [
        paramiko.Ed25519Key.from_private_key(StringIO(_kept(directory / f"{node}_ed25519", _new_ed25519)))
    ]
    if rsa_too:
        keys.append(paramiko.RSAKey.from_private_key(StringIO(_kept(directory / f"{node}_rsa", _new_rsa))))
    return HostKeys(tuple(keys))


def public_line(comment: str) -> str:
    """The public line of an ed25519 key whose private half is thrown away: a key that nobody here owns."""
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    encoded = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return f"{encoded.decode('ascii')} {comment}"


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        # Never readable by others, not even for the moment between creating and chmod.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(make())
    return path.read_text(encoding="ascii")


def _new_ed25519() -> str:
    return _openssh(ed25519.Ed25519PrivateKey.generate())


def _new_rsa() -> str:
    return _openssh(rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS))


def _openssh(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode("ascii")
