"""New key pairs: what ssh-keygen says of them, and that nothing is ever overwritten."""

import os
import subprocess
from pathlib import Path

import pytest

from homelab_tui.config.model import KeysConfig
from homelab_tui.domain.errors import ActionRefused, UsageError
from homelab_tui.domain.keys import KeyRecipe
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import replace
from homelab_tui.sources.key_files import PrivateKeyUnusable, load_private_key
from homelab_tui.sources.key_making import make_key
from tests.servers import require_binary


def config(directory: Path) -> KeysConfig:
    return KeysConfig(paths=(directory / "others.pub",), agent=False)


def keygen(*arguments: str) -> "subprocess.CompletedProcess[str]":
    program = str(require_binary("ssh-keygen"))
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(("kind", "shown"), [("ed25519", "256 SHA256:"), ("rsa", "3072 SHA256:")])
def test_ssh_keygen_reads_both_halves_and_finds_them_one_key(tmp_path: Path, kind: str, shown: str) -> None:
    old_mask = os.umask(0o000)
    try:
        key = make_key(config(tmp_path / "new"), KeyRecipe("id_x", kind))
    finally:
        os.umask(old_mask)
    private = tmp_path / "new" / "id_x"
    assert [p.stat().st_mode & 0o777 for p in (private.parent, private, Path(key.path or ""))] == [0o700, 0o600, 0o644]
    public = keygen("-y", "-f", str(private)).stdout.split()
    assert public[:2] == Path(key.path or "").read_text().split()[:2]
    listing = keygen("-lf", str(private)).stdout
    assert listing.startswith(shown)
    assert key.fingerprint in listing
    assert "@" in key.comment
    assert key.comment.rpartition("-")[2].isdigit()
    assert key.has_passphrase is False


def test_a_passphrase_locks_the_private_half_and_ssh_keygen_opens_it_with_it(tmp_path: Path) -> None:
    recipe = KeyRecipe("id_x", comment="me at home", passphrase=Secret("pass fräse"))
    key = make_key(config(tmp_path), recipe)
    private = tmp_path / "id_x"
    assert (key.has_passphrase, key.comment) == (True, "me at home")
    assert keygen("-y", "-P", "wrong", "-f", str(private)).returncode != 0
    assert keygen("-y", "-P", "pass fräse", "-f", str(private)).returncode == 0
    assert load_private_key(private, "pass fräse".encode()).asbytes() == key.blob
    with pytest.raises(PrivateKeyUnusable):
        load_private_key(private)
    assert "fräse" not in repr(recipe)


@pytest.mark.parametrize("there", ["id_x", "id_x.pub"])
def test_an_existing_file_is_never_overwritten_and_nothing_is_left(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_bytes(b"precious")
    with pytest.raises(ActionRefused, match=f"{there} is there already, and is never overwritten"):
        make_key(config(tmp_path), KeyRecipe("id_x"))
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [(there, b"precious")]


def test_a_link_in_the_place_of_the_key_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "id_x").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ActionRefused):
        make_key(config(tmp_path), KeyRecipe("id_x"))
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["", "..", "a/b", "-f", "x.pub", "a\nb"])
def test_a_name_that_is_no_plain_file_name_makes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        make_key(config(tmp_path), replace(KeyRecipe("x"), name=name))
    assert list(tmp_path.iterdir()) == []
