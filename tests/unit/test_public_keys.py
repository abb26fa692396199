"""The one line of a `.pub` file."""

import base64
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.key_blobs import TYPE_WORDS, BadKeyBlob, blob_bits, decode_base64
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.public_keys import (
    BadPublicKey,
    is_same_key,
    key_line,
    parse_key_line,
    parse_public_key,
    randomart,
)
from tests.keygen import ed25519_blob, fingerprints, generated, key_text
from tests.servers import require_binary

GOOD = key_text(ed25519_blob(1))


@pytest.mark.parametrize(
    "options",
    [
        ("-t", "ed25519"),
        ("-t", "rsa", "-b", "2048"),
        ("-t", "rsa", "-b", "3072"),
        ("-t", "ecdsa", "-b", "256"),
        ("-t", "ecdsa", "-b", "384"),
        ("-t", "ecdsa", "-b", "521"),
    ],
    ids=lambda options: "-".join(options[1::2]),
)
def test_type_bits_fingerprint_and_picture_are_those_of_ssh_keygen(
    options: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("keys")
    data = generated(directory, *options)
    path = directory / "k.pub"
    path.write_bytes(data)
    shown = subprocess.run(
        [str(require_binary("ssh-keygen")), "-lv", "-f", str(path)], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    key = parse_public_key(data)
    assert f"{key.bits} {key.fingerprint} {key.comment} ({TYPE_WORDS[key.type]})" == shown[0]
    assert list(randomart(key.blob)) == shown[1:]


@given(number=st.integers(0, 2**32 - 1))
def test_a_picture_has_eleven_rows_of_nineteen_signs(number: int) -> None:
    picture = randomart(ed25519_blob(number))
    assert [len(row) for row in picture] == [19] * 11
    assert "".join(picture).count("E") >= 1


def security_key_blob(key_type: str) -> bytes:
    def field(data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + data

    return field(key_type.encode()) + field(b"\7" * 32) + field(b"ssh:")


def test_a_security_key_is_read_like_any_other(tmp_path: Path) -> None:
    blob = security_key_blob("sk-ssh-ed25519@openssh.com")
    path = tmp_path / "sk.pub"
    path.write_text(key_text(blob) + " token\n")
    key = parse_public_key(path.read_bytes())
    assert (key.type, key.bits) == ("sk-ssh-ed25519@openssh.com", 256)
    assert fingerprints(path) == [key.fingerprint]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (f"{GOOD}\n{GOOD}\n".encode(), "holds 2 lines"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n", "is a private key"),
        (b"-----BEGIN RSA PRIVATE KEY-----\n", "is a private key"),
        (f"{GOOD} a\0b\n".encode(), "NUL"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "byte order mark"),
        (GOOD.encode() + b" " + b"x" * 17_000, "longer than 16 KiB"),
        (b"ssh-ed25519-cert-v01@openssh.com AAAA me\n", "is a certificate"),
        (b"ssh-ed25519\n", "no key after it"),
        (b"ssh-ed25519 not*base64\n", "not base64"),
        (GOOD.replace("ssh-ed25519", "ssh-rsa").encode(), "says ssh-rsa"),
        (GOOD.replace("ssh-ed25519", "SSH-ED25519").encode(), "does not start with a key type"),
        (f'from="10.0.0.1" {GOOD}\n'.encode(), "does not start with a key type"),
        (f"{GOOD[:-8]}\n".encode(), "cannot be read as a key"),
        (b"\x00\x01\x02\xff" * 4, "NUL"),
    ],
)
def test_what_is_no_public_key_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(BadPublicKey) as caught:
        parse_public_key(data)
    assert why in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n", "  \n"])
def test_line_ends_and_blanks_around_a_key_do_not_count(end: str) -> None:
    assert parse_public_key(f"  {GOOD} me{end}".encode()).comment == "me"


def test_a_comment_never_smuggles_a_line_break_or_an_escape_into_a_line() -> None:
    key = parse_public_key(GOOD.encode())
    nasty = PublicKey(key.type, key.blob, "evil\nssh-rsa AAAA\x1b[31m\r\0end")
    line = key_line(nasty)
    assert b"\n" not in line
    assert b"\r" not in line
    assert b"\x1b" not in line
    assert b"\0" not in line
    assert parse_key_line(line).blob == key.blob


@given(st.binary(max_size=400))
def test_no_bytes_whatever_raise_anything_but_the_one_error(data: bytes) -> None:
    for attempt in (data, b"ssh-ed25519 " + base64.b64encode(data), b"ssh-rsa " + data):
        try:
            parse_public_key(attempt)
        except BadPublicKey:
            pass


@given(st.data())
def test_a_damaged_blob_is_never_taken_for_a_key_of_the_same_bytes(data: st.DataObject) -> None:
    blob = bytearray(ed25519_blob(7))
    position = data.draw(st.integers(0, 18))  # the lengths and the type: behind them every byte is free
    blob[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadKeyBlob):
        blob_bits(bytes(blob))


def test_a_small_rsa_key_is_named_as_too_small() -> None:
    def field(number: bytes) -> bytes:
        return struct.pack(">I", len(number)) + number

    blob = field(b"ssh-rsa") + field(b"\1\0\1") + field(b"\x7f" * 64)
    with pytest.raises(BadKeyBlob, match="511 bits"):
        blob_bits(blob)


def test_base64_with_loose_bits_at_its_end_is_refused_as_openssh_does() -> None:
    with pytest.raises(BadKeyBlob):
        decode_base64(b"QUJDRB==")
    assert decode_base64(b"QUJDRA==") == b"ABCD"


def test_two_keys_are_the_same_whatever_their_comments_say() -> None:
    one, other = parse_public_key(GOOD.encode()), parse_public_key(f"{GOOD} elsewhere".encode())
    assert is_same_key(one, other)
    assert not is_same_key(one, parse_public_key(key_text(ed25519_blob(2)).encode()))
