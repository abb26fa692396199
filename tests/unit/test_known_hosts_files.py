"""known_hosts files as they are at each look, parsed only when they changed."""

import os
import time
from pathlib import Path

import pytest

from homelab_tui.domain.errors import SourceRefused
from homelab_tui.domain.known_hosts import KnownHosts
from homelab_tui.sources.known_hosts_files import KnownHostsFiles
from tests.keygen import ed25519_blob, key_text
from tests.labs import until


def lines(host: str, *numbers: int) -> str:
    return "".join(f"{host} {key_text(ed25519_blob(number))}\n" for number in numbers)


def blobs(found: KnownHosts, name: str = "nas") -> list[bytes]:
    return [entry.blob for entry in found.about(name)]


async def test_a_file_that_was_left_alone_is_parsed_once(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(lines("nas", 1))
    files = KnownHostsFiles()
    first = files.read((path,))
    assert files.read((path,)) is not first  # written just now: a second write could look the same

    async def is_kept() -> bool:
        return files.read((path, tmp_path / "none")) is files.read((path, tmp_path / "none"))

    await until(is_kept, 30)


def test_what_is_written_in_the_same_moment_with_the_same_length_counts(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    files = KnownHostsFiles()
    for number in range(1, 40):
        path.write_text(lines("nas", number))
        assert blobs(files.read((path,))) == [ed25519_blob(number)]


async def test_a_change_that_keeps_length_and_time_is_seen_by_its_inode(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(lines("nas", 1))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    changed_at = path.stat().st_ctime
    await until(lambda: time.time() - changed_at > 2.1, 30)
    files = KnownHostsFiles()
    assert blobs(files.read((path,))) == [ed25519_blob(1)]
    assert files.read((path,)) is files.read((path,))
    path.write_text(lines("nas", 2))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert blobs(files.read((path,))) == [ed25519_blob(2)]


def test_the_files_keep_their_order_and_one_that_is_missing_is_empty(tmp_path: Path) -> None:
    own, system = tmp_path / "own", tmp_path / "system"
    system.write_text(lines("nas", 2))
    files = KnownHostsFiles()
    assert blobs(files.read((own, system))) == [ed25519_blob(2)]
    own.write_text(lines("nas", 1))
    assert blobs(files.read((own, system))) == [ed25519_blob(1), ed25519_blob(2)]
    assert blobs(files.read((system, own))) == [ed25519_blob(2), ed25519_blob(1)]
    own.unlink()
    assert blobs(files.read((own, system))) == [ed25519_blob(2)]


def test_a_file_that_cannot_be_read_is_named_though_it_was_read_before(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(lines("nas", 1))
    files = KnownHostsFiles()
    files.read((path,))
    path.unlink()
    path.mkdir()
    with pytest.raises(SourceRefused, match=f"{path} cannot be read"):
        files.read((path,))
