"""Fresh SSH keys for tests, and ssh-keygen as the one who knows better."""

import base64
import re
import struct
import subprocess
from functools import cache
from pathlib import Path

from tests.servers import require_binary


def _field(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def ed25519_blob(number: int) -> bytes:
    """A well-formed ed25519 blob, the same for the same number. Nobody has its private half."""
    return _field(b"ssh-ed25519") + _field(struct.pack(">I", number) * 8)


def key_text(blob: bytes) -> str:
    """`type base64` of a blob."""
    length = struct.unpack(">I", blob[:4])[0]
    return f"{blob[4 : 4 + length].decode()} {base64.b64encode(blob).decode()}"


@cache
def generated(directory: Path, *options: str) -> bytes:
    """The `.pub` file of a key that ssh-keygen makes with these options."""
    path = directory / "-".join(("key", *(re.sub(r"\W", "", option) for option in options)))
    command = [str(require_binary("ssh-keygen")), "-q", *options, "-N", "", "-C", "a comment", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path.with_suffix(".pub").read_bytes()


def fingerprints(path: Path) -> list[str]:
    """The SHA256 fingerprints that `ssh-keygen -l` sees in a file, in order."""
    command = [str(require_binary("ssh-keygen")), "-l", "-f", str(path)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return re.findall(r"^\d+ (SHA256:\S+)", done.stdout.decode("utf-8", "replace"), re.MULTILINE)
