"""Keys taken away, and files put back, against Debian's own sshd."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from homelab_tui.domain.errors import SourceConflict, SourceRefused
from homelab_tui.domain.keys import ProofState, PublicKey
from homelab_tui.domain.secrets import Secret
from tests.keygen import key_text
from tests.real.sshd import Account, Sshd, make_key, needs_root, running_sshd, throw_away_account


def line(key: PublicKey, comment: str = "x", options: str = "") -> bytes:
    return f"{options}{key_text(key.blob)} {comment}\n".encode()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def test_a_key_goes_from_both_files_and_no_other_byte_moves(
    server: Sshd, account: Account, tmp_path: Path
) -> None:
    gone, stays = make_key(tmp_path, "gone"), make_key(tmp_path, "stays")
    odd = b"# caf\xe9\r\n\r\n"
    account.write(
        ".ssh/authorized_keys", odd + line(gone) + line(stays) + line(gone, "again", 'from="10.0.0.0/8" ') + b"# end"
    )
    account.write(".ssh/authorized_keys2", line(gone, "two"))
    source, node = server.source(), server.node(account)
    assert (await source.prove(node, gone)).proven
    would = await source.remove_key(node, gone.fingerprint, dry_run=True)
    assert [text.split(":")[0] for text in would.lines] == [
        ".ssh/authorized_keys line 3",
        ".ssh/authorized_keys line 5",
        ".ssh/authorized_keys2 line 1",
    ]
    assert 'from="10.0.0.0/8"' in would.lines[1]
    assert would.writes == ()
    assert account.keys_file.read_bytes().count(b"ssh-ed25519") == 3
    removal = await source.remove_key(node, gone.fingerprint)
    assert [write.file for write in removal.writes] == [".ssh/authorized_keys", ".ssh/authorized_keys2"]
    assert account.keys_file.read_bytes() == odd + line(stays) + b"# end"
    assert (account.home / ".ssh/authorized_keys2").read_bytes() == b""
    proof = await source.prove(node, gone)
    assert (proof.state, proof.refused) == (ProofState.FAILED, True)
    assert (await source.prove(node, stays)).proven
    again = await source.remove_key(node, gone.fingerprint)
    assert (again.detail, again.writes) == ("not there", ())
    for write in removal.writes:  # and back again
        assert write.after is not None
        undone = await source.restore_file(node, write.file, sha(write.after), write.before)
        assert undone.changed
    assert (await source.prove(node, gone)).proven


async def test_the_key_that_the_session_came_in_with_stays(server: Sshd, account: Account, tmp_path: Path) -> None:
    mine, other = make_key(tmp_path, "mine"), make_key(tmp_path, "other")
    text = line(other) + line(mine)
    account.write(".ssh/authorized_keys", text)
    source = server.source(keys=(mine,), admin=False)
    with pytest.raises(SourceRefused, match="it is the key that this session logged in with"):
        await source.remove_key(server.node(account), mine.fingerprint)
    assert account.keys_file.read_bytes() == text


@pytest.mark.parametrize("companion", ["", 'from="192.0.2.1" ', 'expiry-time="20200101" ', 'command="/bin/true" '])
async def test_the_last_usable_line_stays(server: Sshd, account: Account, tmp_path: Path, companion: str) -> None:
    last, other = make_key(tmp_path, "last"), make_key(tmp_path, "other")
    text = line(last) + (line(other, "weak", companion) if companion else b"# nothing else\n")
    account.write(".ssh/authorized_keys", text)
    with pytest.raises(SourceRefused, match="the last usable line"):
        await server.source().remove_key(server.node(account), last.fingerprint)
    assert account.keys_file.read_bytes() == text


async def test_with_the_new_key_in_hand_the_old_one_may_go(server: Sshd, account: Account, tmp_path: Path) -> None:
    old, new = make_key(tmp_path, "old"), make_key(tmp_path, "new")
    account.write(".ssh/authorized_keys", line(old) + line(new))
    source, node = server.source(keys=(old, new), admin=False), server.node(account)
    removal = await source.remove_key(node, old.fingerprint, using=new)
    assert len(removal.writes) == 1
    assert account.keys_file.read_bytes() == line(new)


async def test_a_file_that_somebody_wrote_to_since_is_not_put_back(
    server: Sshd, account: Account, tmp_path: Path
) -> None:
    key, other = make_key(tmp_path, "key"), make_key(tmp_path, "other")
    account.write(".ssh/authorized_keys", line(other))
    source, node = server.source(), server.node(account)
    write = await source.add_key(node, key)
    assert write.after is not None
    by_hand = write.after + b"# by hand\n"
    account.keys_file.write_bytes(by_hand)
    with pytest.raises(SourceConflict, match="was changed since by somebody else; nothing was undone"):
        await source.restore_file(node, write.file, sha(write.after), write.before)
    assert account.keys_file.read_bytes() == by_hand


@needs_root
async def test_undoing_the_first_push_takes_the_file_away_while_a_password_still_opens(tmp_path: Path) -> None:
    with running_sshd() as server, throw_away_account(server, password="correct horse") as account:
        key = make_key(tmp_path, "first")
        (server.base / "admin" / account.user).write_text("")
        source, node = server.source(keys=(key,), admin=False), server.node(account)
        write = await source.add_key(node, key, password=Secret("correct horse"))
        assert (write.before, write.after is None) == (None, False)
        undone = await source.restore_file(node, write.file, sha(write.after or b""), None)
        assert (undone.changed, undone.after) == (True, None)
        assert not account.keys_file.exists()
        assert list((account.home / ".ssh").iterdir()) == []


@needs_root
async def test_undo_does_not_close_an_account_that_has_no_other_door(tmp_path: Path) -> None:
    with (
        running_sshd("PasswordAuthentication no", "KbdInteractiveAuthentication no") as server,
        throw_away_account(server) as account,
    ):
        key = make_key(tmp_path, "only")
        account.write(".ssh/authorized_keys", line(key))
        (server.base / "admin" / account.user).write_text("")
        source, node = server.source(keys=(key,), admin=False), server.node(account)
        with pytest.raises(SourceRefused, match="all that opens the account"):
            await source.restore_file(node, ".ssh/authorized_keys", sha(line(key)), b"")
        assert (await source.prove(node, key)).proven


async def test_eight_removers_and_pushers_at_once_lose_nothing(server: Sshd, account: Account, tmp_path: Path) -> None:
    leaving = [make_key(tmp_path, f"leaving{n}") for n in range(4)]
    coming = [make_key(tmp_path, f"coming{n}") for n in range(4)]
    anchor = make_key(tmp_path, "anchor")
    account.write(".ssh/authorized_keys", line(anchor) + b"".join(line(key) for key in leaving))
    node = server.node(account)
    await asyncio.gather(
        *(server.source().remove_key(node, key.fingerprint) for key in leaving),
        *(server.source().add_key(node, key) for key in coming),
    )
    text = account.keys_file.read_bytes()
    assert text.startswith(line(anchor))
    assert sorted(text.count(key_text(key.blob).encode()) for key in leaving + coming) == [0] * 4 + [1] * 4
