"""Disks that are full, read-only or immutable, against Debian's own sshd: the old file always stays."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab_tui.domain.errors import SourceRefused
from homelab_tui.domain.keys import PublicKey
from tests.keygen import key_text
from tests.real.sshd import Account, Sshd, needs_root
from tests.servers import require_binary

pytestmark = needs_root


@contextlib.contextmanager
def mounted(place: Path, *arguments: str) -> Iterator[None]:
    """Something mounted for a while; a named skip where this machine allows no mounts (a plain container)."""
    done = subprocess.run(["mount", *arguments, str(place)], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"needs mount: {done.stderr.decode(errors='replace').strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(directory: Path) -> None:
    """Writes until there is no room for another byte."""
    with (directory / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


@pytest.mark.parametrize("size", [200, 6_000], ids=["small file", "file of more than a block"])
async def test_a_full_disk_leaves_the_old_file_and_no_litter(
    server: Sshd, account: Account, key: PublicKey, size: int
) -> None:
    old = b"# " + b"x" * size + b"\n" + key_text(server.admin.blob).encode() + b"\n"
    with mounted(account.home, "-t", "tmpfs", "-o", f"size=64k,uid={account.uid},gid={account.gid},mode=755", "tmpfs"):
        account.write(".ssh/authorized_keys", old)
        fill(account.home)
        with pytest.raises(SourceRefused, match=r"is as it was \(.*No space left on device"):
            await server.source().add_key(server.node(account), key)
        assert account.keys_file.read_bytes() == old
        assert [path.name for path in (account.home / ".ssh").iterdir()] == ["authorized_keys"]
        (account.home / "filler").unlink()
        assert (await server.source().add_key(server.node(account), key)).changed


async def test_a_full_disk_and_no_file_yet_makes_no_empty_file(server: Sshd, account: Account, key: PublicKey) -> None:
    with mounted(account.home, "-t", "tmpfs", "-o", f"size=64k,uid={account.uid},gid={account.gid},mode=755", "tmpfs"):
        account.write(".ssh/x", b"").unlink()
        fill(account.home)
        with pytest.raises(SourceRefused, match="No space left on device"):
            await server.source().add_key(server.node(account), key)
        assert list((account.home / ".ssh").iterdir()) == []


@contextlib.contextmanager
def with_quota(account: Account, directory: Path) -> Iterator[None]:
    """The account's home on a disk with room, in a btrfs subvolume that may hold 512 KiB and no more."""
    image, disk = directory / "disk", directory / "mounted"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(128 * 1024 * 1024)  # sparse
    btrfs = str(require_binary("btrfs"))
    subprocess.run(
        [str(require_binary("mkfs.btrfs")), "--quiet", "--mixed", str(image)], capture_output=True, check=True
    )
    with mounted(disk, "-t", "btrfs", "-o", "loop", str(image)):
        home = disk / "home"
        for words in (
            ("quota", "enable", disk),
            ("subvolume", "create", home),
            ("qgroup", "limit", "512K", home),
        ):
            subprocess.run([btrfs, *map(str, words)], capture_output=True, check=True)
        os.chown(home, account.uid, account.gid)
        with mounted(account.home, "--bind", str(home)):
            yield


async def test_a_quota_that_is_used_up_on_a_disk_with_room_leaves_the_old_file_and_no_litter(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    old = b"# " + b"x" * 6_000 + b"\n" + key_text(server.admin.blob).encode() + b"\n"
    with with_quota(account, tmp_path):
        account.write(".ssh/authorized_keys", old)
        os.sync()  # btrfs counts what is on the disk
        fill(account.home)
        with pytest.raises(SourceRefused, match=r"as it was \(.*Disk quota exceeded"):
            await server.source().add_key(server.node(account), key)
        assert account.keys_file.read_bytes() == old
        assert [path.name for path in (account.home / ".ssh").iterdir()] == ["authorized_keys"]
        (account.home / "filler").unlink()
        os.sync()
        assert (await server.source().add_key(server.node(account), key)).changed
        assert (await server.source().prove(server.node(account), key)).proven


async def test_a_read_only_home_is_named(server: Sshd, account: Account, key: PublicKey) -> None:
    account.write(".ssh/authorized_keys", b"# mine\n")
    with mounted(account.home, "-o", "bind,ro", str(account.home)):
        with pytest.raises(SourceRefused, match="Read-only file system"):
            await server.source().add_key(server.node(account), key)
        assert account.keys_file.read_bytes() == b"# mine\n"


async def test_an_immutable_file_is_named(server: Sshd, account: Account, key: PublicKey) -> None:
    path = account.write(".ssh/authorized_keys", b"# mine\n")
    with immutable(path):
        with pytest.raises(SourceRefused, match="is it immutable"):
            await server.source().add_key(server.node(account), key)
        assert path.read_bytes() == b"# mine\n"
        assert os.listdir(path.parent) == ["authorized_keys"]


@contextlib.contextmanager
def immutable(path: Path) -> Iterator[None]:
    done = subprocess.run(["chattr", "+i", str(path)], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"needs chattr +i: {done.stderr.decode(errors='replace').strip()}")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True)
