"""Key files on this machine: what is mine, what can sign, and what was named by mistake."""

import os
import subprocess
from pathlib import Path

import pytest

from homelab_tui.config.model import KeysConfig
from homelab_tui.domain.errors import ConfigError
from homelab_tui.sources.key_files import (
    LoadedKeys,
    PrivateKeyUnusable,
    inspect_private_key,
    load_private_key,
    read_my_keys,
    read_public_key,
)
from tests.keygen import generated
from tests.servers import require_binary


def key(directory: Path, *options: str) -> Path:
    """The private key's path."""
    generated(directory, *options)
    name = "-".join(("key", *("".join(char for char in option if char.isalnum()) for option in options)))
    return directory / name


def encrypted(directory: Path, *options: str) -> Path:
    path = key(directory, *options)
    cipher = options[options.index("-Z") :] if "-Z" in options else ()
    command = [str(require_binary("ssh-keygen")), "-q", "-p", "-P", "", "-N", "a secret", *cipher, "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


def test_a_public_key_knows_its_private_half_where_it_lies_beside_it(tmp_path: Path) -> None:
    private = key(tmp_path, "-t", "ed25519")
    public = private.with_suffix(".pub")
    read = read_public_key(public)
    assert (read.path, read.private_path, read.comment) == (str(public), str(private), "a comment")
    private.unlink()
    assert read_public_key(public).private_path is None


def test_a_private_key_named_by_mistake_is_refused_by_file_and_line_and_not_quoted(tmp_path: Path) -> None:
    private = key(tmp_path, "-t", "ed25519")
    body = private.read_text().splitlines()[1]
    with pytest.raises(ConfigError) as caught:
        read_public_key(private)
    assert f"{private}:1: is a private key; name the .pub file beside it" in str(caught.value)
    assert body not in str(caught.value)


def test_every_configured_file_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    good = key(tmp_path, "-t", "ed25519").with_suffix(".pub")
    (tmp_path / "empty.pub").write_text("")
    config = KeysConfig(paths=(tmp_path / "missing.pub", good, tmp_path / "empty.pub"), agent=False)
    with pytest.raises(ConfigError) as caught:
        read_my_keys(config, None)
    assert [problem.file for problem in caught.value.problems] == [
        str(tmp_path / "missing.pub"),
        str(tmp_path / "empty.pub"),
    ]
    assert "No such file" in caught.value.problems[0].message


def test_without_configuration_it_is_every_id_file_but_certificates_and_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    line = key(tmp_path, "-t", "ed25519").with_suffix(".pub").read_text()
    (ssh / "id_ed25519.pub").write_text(line)
    (ssh / "id_ed25519-cert.pub").write_text("ssh-ed25519-cert-v01@openssh.com AAAA")
    (ssh / "id_broken.pub").write_text("rubbish")
    (ssh / "other.pub").write_text(line)
    keys = read_my_keys(KeysConfig(agent=False), None)
    assert [each.path for each in keys] == [str(ssh / "id_ed25519.pub")]


def test_the_same_key_in_two_files_is_one_key(tmp_path: Path) -> None:
    public = key(tmp_path, "-t", "ed25519").with_suffix(".pub")
    copy = tmp_path / "copy.pub"
    copy.write_text(public.read_text())
    assert len(read_my_keys(KeysConfig(paths=(public, copy), agent=False), None)) == 1


@pytest.mark.parametrize(
    "options",
    [
        ("-t", "ed25519"),
        ("-t", "rsa", "-b", "2048"),
        ("-t", "ecdsa", "-b", "256"),
        ("-t", "ecdsa", "-b", "521"),
        ("-t", "rsa", "-b", "2048", "-m", "PEM"),
        ("-t", "ecdsa", "-b", "384", "-m", "PEM"),
        ("-t", "rsa", "-b", "2048", "-m", "PKCS8"),
    ],
    ids="-".join,
)
def test_a_private_key_of_every_format_is_loaded_and_is_the_right_one(tmp_path: Path, options: tuple[str, ...]) -> None:
    path = key(tmp_path, *options)
    public = read_public_key(path.with_suffix(".pub"))
    found = inspect_private_key(path)
    assert not found.is_encrypted
    assert found.blob in (public.blob, None)
    assert load_private_key(path).asbytes() == public.blob


@pytest.mark.parametrize(
    "options",
    [
        ("-t", "ed25519"),
        ("-t", "rsa", "-b", "2048", "-m", "PEM"),
        ("-t", "rsa", "-b", "2048", "-m", "PKCS8"),
        ("-t", "ed25519", "-Z", "aes256-gcm@openssh.com"),
        ("-t", "ed25519", "-Z", "aes256-cbc"),
    ],
    ids="-".join,
)
def test_a_passphrase_is_asked_for_told_wrong_or_taken(tmp_path: Path, options: tuple[str, ...]) -> None:
    path = encrypted(tmp_path, *options)
    assert inspect_private_key(path).is_encrypted
    with pytest.raises(PrivateKeyUnusable, match="is protected by a passphrase") as missing:
        load_private_key(path)
    with pytest.raises(PrivateKeyUnusable, match="the passphrase is wrong") as wrong:
        load_private_key(path, b"not it")
    assert missing.value.needs_passphrase
    assert wrong.value.needs_passphrase
    assert load_private_key(path, b"a secret").asbytes() == read_public_key(path.with_suffix(".pub")).blob


@pytest.mark.parametrize("cipher", ["chacha20-poly1305@openssh.com", "aes128-cbc"])
def test_a_cipher_that_we_cannot_read_points_to_the_agent(tmp_path: Path, cipher: str) -> None:
    path = encrypted(tmp_path, "-t", "ed25519", "-Z", cipher)
    with pytest.raises(PrivateKeyUnusable, match=r"an old cipher.*load it into the agent"):
        load_private_key(path, b"a secret")


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END", b"\xff" * 90_000]
)
def test_what_is_no_private_key_is_named_and_nothing_else_is_raised(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "id_x"
    path.write_bytes(content)
    for act in (inspect_private_key, load_private_key):
        with pytest.raises(PrivateKeyUnusable, match=str(path)):
            act(path)


def test_every_cut_of_a_key_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    whole = key(tmp_path, "-t", "ed25519").read_bytes()
    path = tmp_path / "cut"
    for length in range(0, len(whole) - 40, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(PrivateKeyUnusable, match=str(path)):
            load_private_key(path)


def test_a_fifo_in_the_place_of_a_key_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "id_x")
    with pytest.raises(PrivateKeyUnusable):
        load_private_key(tmp_path / "id_x")


def test_a_key_is_taken_apart_once_and_again_when_its_file_is_another(tmp_path: Path) -> None:
    loaded = LoadedKeys()
    path = key(tmp_path, "-t", "ed25519")
    first = loaded.load(path)
    assert loaded.load(path) is first
    (tmp_path / "other").mkdir()
    path.write_bytes(key(tmp_path / "other", "-t", "ed25519").read_bytes())  # of the same length
    second = loaded.load(path)
    assert second.asbytes() != first.asbytes()
    assert second.asbytes() == load_private_key(path).asbytes()
    path.unlink()
    with pytest.raises(PrivateKeyUnusable, match=str(path)):
        loaded.load(path)


def test_a_key_that_is_given_a_passphrase_is_not_remembered_open(tmp_path: Path) -> None:
    loaded = LoadedKeys()
    path = key(tmp_path, "-t", "ed25519")
    loaded.load(path)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "a secret", "-f", str(path)], check=True)
    with pytest.raises(PrivateKeyUnusable, match="is protected by a passphrase"):
        loaded.load(path)
