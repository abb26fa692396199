"""What paramiko reads through: whole packets are taken at once, nothing is lost, and no turn is held while it waits."""

import socket
from collections.abc import Iterator

import pytest

from homelab_tui.sources import ssh_greetings
from homelab_tui.sources.ssh_greetings import OverheardLink
from homelab_tui.sources.ssh_turns import Turns

GREETING = b"SSH-2.0-OpenSSH_9.2p1\r\n"


class Counted(socket.socket):
    """A socket that counts how often it is read, and told to acknowledge."""

    def __init__(self, other: socket.socket) -> None:
        super().__init__(other.family, other.type, other.proto, other.detach())
        self.reads = 0
        self.acknowledged = 0

    def setsockopt(self, level: int, option: int, value: object, *more: object) -> None:
        assert (level, option, value) == (socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self.acknowledged += 1
        super().setsockopt(level, option, 1)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        self.reads += 1
        return super().recv(size, flags)


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    """Turns that nobody else has a part in."""
    turns = Turns(patience_s=60)
    monkeypatch.setattr(ssh_greetings, "TURNS", turns)
    return turns


@pytest.fixture
def wires(turns: Turns) -> Iterator[tuple[socket.socket, Counted]]:
    """The server's end, and ours."""
    theirs, ours = socket.socketpair()
    counted = Counted(ours)
    with theirs, counted:
        yield theirs, counted
    turns.leave()


def test_what_has_come_is_taken_at_once_and_handed_out_piece_by_piece(wires: tuple[socket.socket, Counted]) -> None:
    theirs, ours = wires
    link = OverheardLink(ours)
    packets = bytes(range(256)) * 20
    theirs.sendall(packets)
    sizes = [4, 16, 1, 300, 5_000]
    assert b"".join(link.recv(size) for size in sizes) == packets
    assert ours.reads == 1
    theirs.sendall(b"more")
    assert link.recv(2) + link.recv(100) == b"more"
    assert ours.reads == 2


def test_a_time_out_in_the_middle_of_a_packet_loses_nothing(wires: tuple[socket.socket, Counted]) -> None:
    theirs, ours = wires
    link = OverheardLink(ours)
    link.settimeout(0.01)
    theirs.sendall(b"half")
    assert link.recv(4) == b"half"
    with pytest.raises(TimeoutError):
        link.recv(4)
    theirs.sendall(b"rest")
    assert link.recv(4) == b"rest"


def test_the_end_comes_after_what_was_said(wires: tuple[socket.socket, Counted]) -> None:
    theirs, ours = wires
    link = OverheardLink(ours)
    theirs.sendall(b"last words")
    theirs.shutdown(socket.SHUT_WR)
    assert [link.recv(5), link.recv(50), link.recv(5), link.recv(5)] == [b"last ", b"words", b"", b""]


def test_the_turn_is_kept_for_what_has_come_and_given_back_before_more_is_waited_for(
    wires: tuple[socket.socket, Counted], turns: Turns
) -> None:
    theirs, ours = wires
    link = OverheardLink(ours)
    link.settimeout(0.01)
    theirs.sendall(b"onetwo")
    assert (link.recv(3), is_taken(turns)) == (b"one", True)
    assert (link.recv(3), is_taken(turns)) == (b"two", True)
    with pytest.raises(TimeoutError):
        link.recv(3)
    assert not is_taken(turns)


@pytest.mark.parametrize("size", [1, 7, 128, 4_096])
def test_what_comes_before_the_greeting_is_kept_however_it_is_read(
    wires: tuple[socket.socket, Counted], size: int
) -> None:
    theirs, ours = wires
    link = OverheardLink(ours)
    theirs.sendall(b"Not allowed at this time\r\n" + GREETING)
    heard = b""
    while not heard.endswith(GREETING):
        heard += link.recv(size)
    assert link.said == "Not allowed at this time\r\n"


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="only Linux acknowledges when it is told to")
def test_what_nothing_is_sent_after_is_acknowledged_before_more_is_waited_for(turns: Turns) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = Counted(socket.create_connection(listener.getsockname()))
        theirs, _ = listener.accept()
    with theirs, ours:
        link = OverheardLink(ours)
        acknowledged = []
        for answers in (True, False, False, True, False):
            theirs.sendall(b"heard")
            assert link.recv(3) + link.recv(2) == b"heard"
            acknowledged.append(ours.acknowledged)
            if answers:
                link.send(b"yes")
        assert acknowledged == [0, 0, 1, 2, 2]
    turns.leave()


def is_taken(turns: Turns) -> bool:
    """Whether somebody computes."""
    return turns._turn.locked()
