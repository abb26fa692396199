"""paramiko's server side where it differs from sshd: what is offered to it, when it answers, how it says goodbye."""

import socket
from collections.abc import Callable
from typing import ClassVar

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_CHANNEL_OPEN_FAILURE, cMSG_DISCONNECT

OnChannel = Callable[[paramiko.Channel], None]
_PROTOCOL_ERROR = 2


class UnusableKey(paramiko.PKey):
    """A key that nobody can log in with: of a kind that this server cannot check."""


class _Logins(AuthHandler):
    """paramiko's, but a FIDO or DSA key is refused as sshd does it: paramiko would end the connection."""

    def _generate_key_from_request(self, algorithm: str, keyblob: bytes) -> paramiko.PKey:
        try:
            key = super()._generate_key_from_request(algorithm, keyblob)  # type: ignore[misc]
        except Exception:  # whatever a client's mangled key makes of paramiko's parser
            return UnusableKey()
        return key if isinstance(key, paramiko.PKey) else UnusableKey()


def _answer(channel: paramiko.Channel, message: paramiko.Message) -> None:
    channel._handle_request(message)  # type: ignore[attr-defined]
    transport = channel.get_transport()
    if isinstance(transport, LabTransport):
        transport.answered(channel)


class LabTransport(paramiko.Transport):
    """One connection's transport. Its two callbacks run in its own thread, in the order of the client's messages."""

    # paramiko's own table of handlers; there is no public hook behind the answer.
    _channel_handler_table: ClassVar[dict[int, Callable[[paramiko.Channel, paramiko.Message], None]]] = {
        **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]
        MSG_CHANNEL_REQUEST: _answer,
    }
    _logins: AuthHandler | None = None

    def __init__(self, sock: socket.socket, *, opened: OnChannel, answered: OnChannel) -> None:
        """`opened`: the client has a new channel. `answered`: a channel's request was answered; what it asked for may
        start only now: a quick command could else send its exit status before the "success" of its start, and the
        client would call that a closed channel."""
        super().__init__(sock)
        self.refusal: str | None = None
        """What to say of the next channel that is refused; None: sshd's "open failed"."""
        self.opened = opened
        self.answered = answered

    @property
    def auth_handler(self) -> AuthHandler | None:
        """The login's state machine. paramiko makes its own after the key exchange; this puts ours in its place."""
        return self._logins

    @auth_handler.setter
    def auth_handler(self, handler: AuthHandler | None) -> None:
        self._logins = None if handler is None else _Logins(self)

    def disconnect(self, why: str) -> None:
        """Say why, and leave: sshd's end of a client that guessed too often, in place of one more "failed"."""
        message = paramiko.Message()
        message.add_byte(cMSG_DISCONNECT)
        message.add_int(_PROTOCOL_ERROR)
        message.add_string(why)
        message.add_string("")
        self._send_message(message)
        self.close()

    def _send_message(self, data: paramiko.Message) -> None:
        """paramiko refuses a channel without a word; sshd says why."""
        raw = data.asbytes()
        if raw.startswith(cMSG_CHANNEL_OPEN_FAILURE):
            refused, why = paramiko.Message(raw[1:]), self.refusal or "open failed"
            self.refusal = None
            data = paramiko.Message()
            data.add_byte(cMSG_CHANNEL_OPEN_FAILURE)
            data.add_int(refused.get_int())
            data.add_int(refused.get_int())
            data.add_string(why)
            data.add_string("")
        super()._send_message(data)  # type: ignore[misc]  # paramiko's own, without a type

    def _queue_incoming_channel(self, channel: paramiko.Channel) -> None:
        # In place of the queue behind accept(): a client's next channel must not overtake the count of this one.
        self.opened(channel)
