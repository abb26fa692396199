"""paramiko's transport and its packets as homelab uses them. Imported where paramiko is: in the first connection."""

from collections.abc import Sequence

import paramiko


class Packetizer(paramiko.packet.Packetizer):
    """Without the thread that watches over each handshake: `Transport.start_client` has a limit of its own here."""

    def start_handshake(self, timeout: float) -> None:
        """Starts no timer."""


def _sorted_ciphers(offered: Sequence[str]) -> tuple[str, ...]:
    """The ciphers that authenticate by themselves first, then counter mode.

    paramiko would rather have CBC than them; and it compares a MAC byte by byte in Python, a fifth of what a login
    costs on this side.
    """
    return tuple(sorted(offered, key=_rank))


def _rank(name: str) -> int:
    return next((rank for rank, kind in enumerate(("-gcm@", "-ctr")) if kind in name), 2)


class Transport(paramiko.Transport):
    """Without a log of its own: forty lines a login, each put together and then read by nobody."""

    _preferred_ciphers = _sorted_ciphers(paramiko.Transport._preferred_ciphers)  # type: ignore[attr-defined]

    def _filter_algorithm(self, type_: str) -> tuple[str, ...]:
        """What is preferred: nothing of it is disabled here, and paramiko asks sixteen times a login."""
        preferred: tuple[str, ...] = getattr(self, f"_preferred_{type_}")
        return preferred

    def _log(self, level: int, msg: object, *args: object) -> None:
        """Writes nothing: whatever goes wrong is raised too."""

    def _parse_debug(self, message: paramiko.Message) -> None:
        """Leaves it unread. sshd tells what each line of authorized_keys permits, and paramiko quotes that byte by
        byte for its log."""
