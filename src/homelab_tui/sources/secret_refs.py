"""Reading a secret from the place that the configuration names: inline, a file, an environment variable, a command."""

import os
import subprocess
from pathlib import Path

from homelab_tui.config.model import SecretRef
from homelab_tui.domain.errors import SourceRefused
from homelab_tui.domain.secrets import Secret

_COMMAND_TIMEOUT_S = 10.0
_MAX_BYTES = 65_536
"""A secret is one line; whoever points at a disk image by mistake should not have to wait for it."""


def resolve(ref: SecretRef, what: str) -> Secret:
    """The secret, read anew at every call. Blocks: for a command up to 10 s, so call it in a thread.

    `what` names it in messages, as `prometheus.main.bearer_token`. Neither the secret nor anything that its place
    holds or a command prints is ever part of a message.

    Raises: SourceRefused when it cannot be had: it names the place and why.
    """
    if ref.inline is not None:
        return _secret(ref.inline, f"{what}: the value in the configuration")
    if ref.file is not None:
        return _from_file(ref.file, what)
    if ref.env is not None:
        text = os.environ.get(ref.env)
        if text is None:
            raise SourceRefused(f"{what}: the environment variable {ref.env} is not set")
        return _secret(text, f"{what}: the environment variable {ref.env}")
    if ref.command:
        return _from_command(ref.command, what)
    raise SourceRefused(f"{what}: the configuration does not say where it is")


def is_lasting(ref: SecretRef) -> bool:
    """Whether it may be kept after the first read. Not so a file: it is cheap to read again, and tokens are renewed."""
    return ref.file is None


def _from_file(file: Path, what: str) -> Secret:
    path = file
    try:
        path = file.expanduser()
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES)
    except (OSError, RuntimeError, ValueError) as error:  # no such user in `~user`; a NUL in the path
        why = error.strerror if isinstance(error, OSError) else None
        raise SourceRefused(f"{what}: {path} cannot be read: {why or type(error).__name__}") from error
    return _first_line(data, f"{what}: {path}")


def _from_command(command: tuple[str, ...], what: str) -> Secret:
    program = command[0]
    try:
        # Without a terminal on any of its ends it can neither ask on our screen nor eat our keys.
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        error.output = None  # what it printed so far may be the secret
        raise SourceRefused(f"{what}: {program} gave nothing within {_COMMAND_TIMEOUT_S:g} s and was ended") from None
    except OSError as error:
        raise SourceRefused(f"{what}: {program} cannot be run: {error.strerror or type(error).__name__}") from error
    except ValueError as error:
        raise SourceRefused(f"{what}: {program} cannot be run: its arguments hold a NUL") from error
    if done.returncode != 0:
        how = f"exit status {done.returncode}" if done.returncode > 0 else f"signal {-done.returncode}"
        raise SourceRefused(f"{what}: {program} failed ({how}); run it by hand to see why")
    return _first_line(done.stdout, f"{what}: the output of {program}")


def _first_line(data: bytes, place: str) -> Secret:
    lines = data.splitlines()
    if not lines:
        raise SourceRefused(f"{place} is empty")
    try:
        return _secret(lines[0].decode(), place)
    except UnicodeDecodeError:
        # Not `from error`: it carries the bytes.
        raise SourceRefused(f"{place} is not text (UTF-8)") from None


def _secret(text: str, place: str) -> Secret:
    if not text.strip():
        raise SourceRefused(f"{place} is empty")
    return Secret(text)
