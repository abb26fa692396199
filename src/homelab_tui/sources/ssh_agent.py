"""The SSH agent, spoken to directly: list its keys, let it sign. Two messages of its protocol are all we need.

Why not paramiko's: its agent socket has no time-out, so that one hung agent (or a key that waits for a touch) blocks
a thread for ever, and it offers every key that it finds.
"""

import os
import socket
import struct
from typing import TYPE_CHECKING

from homelab_tui.domain.errors import SourceError, SourceGarbled, SourceRefused, SourceTimeout, SourceUnreachable
from homelab_tui.domain.key_blobs import KEY_TYPES, BadKeyBlob, blob_type
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.public_keys import key_of_blob
from homelab_tui.domain.values import Frozen
from homelab_tui.sources.ssh_turns import TURNS

if TYPE_CHECKING:
    import paramiko

LIST_TIMEOUT_S = 1.0
SIGN_TIMEOUT_S = 20.0
"""Long enough for a person to touch a security key."""

_REQUEST_IDENTITIES, _IDENTITIES_ANSWER = 11, 12
_SIGN_REQUEST, _SIGN_RESPONSE = 13, 14
_MAX_ANSWER_BYTES = 256 * 1024
_SIGN_FLAGS = {"rsa-sha2-256": 2, "rsa-sha2-512": 4}


class Agent(Frozen):
    """An agent's socket. Nothing is open between two calls."""

    path: str

    def keys(self) -> tuple[PublicKey, ...]:
        """The keys it holds that ssh could use; certificates and unknown types are left out."""
        kind, body = self._ask(bytes([_REQUEST_IDENTITIES]), LIST_TIMEOUT_S)
        if kind != _IDENTITIES_ANSWER:
            raise SourceRefused("the SSH agent does not list its keys (is it locked?)")
        try:
            return tuple(_identities(body))
        except struct.error as error:
            raise SourceGarbled("the SSH agent's answer cannot be read") from error

    def sign(self, blob: bytes, data: bytes, algorithm: str | None) -> bytes:
        """A signature in SSH's own form, by the key with this blob."""
        flags = _SIGN_FLAGS.get(algorithm or "", 0)
        request = bytes([_SIGN_REQUEST]) + _packed(blob) + _packed(data) + struct.pack(">I", flags)
        kind, body = self._ask(request, SIGN_TIMEOUT_S)
        if kind != _SIGN_RESPONSE:
            raise SourceRefused("the SSH agent did not sign (the use was not confirmed, or the key is gone)")
        signature, _ = _unpacked(body, 0)
        return signature

    def _ask(self, request: bytes, timeout_s: float) -> tuple[int, bytes]:
        """One request, one answer: its type and its body."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
                wire.settimeout(timeout_s)
                wire.connect(self.path)
                wire.sendall(_packed(request))
                (length,) = struct.unpack(">I", _exactly(wire, 4))
                if not 1 <= length <= _MAX_ANSWER_BYTES:
                    raise SourceGarbled("the SSH agent's answer cannot be read")
                answer = _exactly(wire, length)
        except TimeoutError as error:
            raise SourceTimeout(f"the SSH agent did not answer within {timeout_s:g} s") from error
        except OSError as error:
            raise SourceUnreachable("the SSH agent cannot be reached (SSH_AUTH_SOCK)") from error
        return answer[0], answer[1:]


def running_agent() -> Agent | None:
    """The agent that the environment names; None without one. It may be dead all the same."""
    path = os.environ.get("SSH_AUTH_SOCK")
    return Agent(path) if path else None


def agent_signer(agent: Agent, key: PublicKey) -> "paramiko.PKey":
    """A paramiko key that lets the agent sign: exactly this one key, of any type (security keys too)."""
    import paramiko  # heavy: nothing may import it before the first paint

    class AgentSigner(paramiko.PKey):
        """The public half here, the private half in the agent."""

        def __init__(self) -> None:
            self.public_blob = None  # never a certificate

        def asbytes(self) -> bytes:
            return key.blob

        def get_name(self) -> str:
            return key.type

        def get_bits(self) -> int:
            return key.bits or 0

        def can_sign(self) -> bool:
            return True

        def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> paramiko.Message:
            TURNS.leave()  # an agent may ask a person first, or wait for a touch
            try:
                return paramiko.Message(agent.sign(key.blob, data, algorithm))
            except SourceError:
                # Raising here would end the whole connection: paramiko signs in its own thread. A signature that
                # the server refuses leaves the next key its chance.
                return paramiko.Message(_packed((algorithm or key.type).encode()) + _packed(b""))

    return AgentSigner()


def _identities(body: bytes) -> list[PublicKey]:
    (count,) = struct.unpack_from(">I", body, 0)
    position = 4
    keys: list[PublicKey] = []
    for _ in range(count):
        blob, position = _unpacked(body, position)
        comment, position = _unpacked(body, position)
        try:
            if blob_type(blob) in KEY_TYPES:
                keys.append(key_of_blob(blob, comment.decode("utf-8", "replace")))
        except BadKeyBlob:
            continue
    return keys


def _packed(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _unpacked(data: bytes, position: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from(">I", data, position)
    end = position + 4 + length
    if end > len(data):
        raise struct.error("cut short")
    return data[position + 4 : end], end


def _exactly(wire: socket.socket, wanted: int) -> bytes:
    data = b""
    while len(data) < wanted:
        chunk = wire.recv(wanted - len(data))
        if not chunk:
            raise ConnectionError("the agent closed the connection")
        data += chunk
    return data
