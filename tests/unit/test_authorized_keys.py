"""authorized_keys: read as sshd reads it, edited without touching another byte."""

import re
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from homelab_tui.domain.authorized_keys import (
    LineKind,
    lines_about,
    merge_cells,
    parse_authorized_keys,
    read_cells,
    with_key,
    without_key,
)
from homelab_tui.domain.key_blobs import fingerprint
from homelab_tui.domain.keys import CellState
from tests.keygen import ed25519_blob, fingerprints, key_text

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BLOB, OTHER = ed25519_blob(1), ed25519_blob(2)
KEY, KEY2 = key_text(BLOB), key_text(OTHER)


def states(data: str | bytes, offset: timedelta = timedelta()) -> list[str]:
    raw = data.encode("latin-1") if isinstance(data, str) else data
    return [cell.state.value for cell in read_cells(raw, NOW, offset)[0]]


def problems(data: str | bytes) -> list[str]:
    raw = data.encode("latin-1") if isinstance(data, str) else data
    return list(read_cells(raw, NOW)[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{KEY} me\n", ["present"]),
        (f"{KEY}\n", ["present"]),
        (f"{KEY}", ["present"]),
        (f"{KEY}\r\n", ["present"]),
        (f"{KEY} me\r\n", ["present"]),
        (f"\t {KEY} me\n", ["present"]),
        (KEY.replace(" ", "\t") + "\tme\n", ["present"]),
        (KEY.replace(" ", "   ") + "   me\n", ["present"]),
        (f"{KEY} caf\xe9\n", ["present"]),
        (f"{KEY} a\0b\n", ["present"]),
        (f"# a comment\n\n   \n{KEY}\n", ["present"]),
        (f'from="10.0.0.0/8" {KEY}\n', ["restricted"]),
        (f'FROM="10.0.0.0/8",No-PTY {KEY}\n', ["restricted"]),
        (f'command="echo \\"hi\\" {KEY2}" {KEY}\n', ["restricted"]),
        (f"restrict {KEY}\n", ["restricted"]),
        (f"{KEY}\n{KEY} again\n", ["duplicate"]),
        (f'from="10.0.0.1" {KEY}\n{KEY}\n', ["duplicate"]),
        (f'expiry-time="20200101" {KEY}\n', ["expired"]),
        (f'expiry-time="20300101" {KEY}\n', ["restricted"]),
        (f'expiry-time="20300101",expiry-time="20200101" {KEY}\n', ["expired"]),
        (f'expiry-time="20200101" {KEY}\n{KEY}\n', ["duplicate"]),
        (f"cert-authority {KEY}\n", ["ca"]),
        (f'Cert-Authority,principals="a,b" {KEY}\n', ["ca"]),
        (f"cert-authority {KEY}\n{KEY}\n", ["present"]),
        (f"{KEY} me\n{KEY2} you\n", ["present", "present"]),
        (f"\ufeff{KEY}\n".encode(), []),
        (f"\ufeff# comment\n{KEY}\n".encode(), ["present"]),
        (f"{KEY[:40]}\n{KEY[40:]}\n", []),
        (KEY.replace("ssh-ed25519", "ssh-rsa") + "\n", []),
        (KEY.replace("ssh-ed25519", "SSH-ED25519") + "\n", []),
        (f"no-pty, no-user-rc {KEY}\n", []),
        (f"no-pty,made-up {KEY}\n", []),
        (f'command="a",command="b" {KEY}\n', []),
        (f'from="a",from="b" {KEY}\n', []),
        (f'expiry-time="20201301" {KEY}\n', []),
        (f'expiry-time="tomorrow" {KEY}\n', []),
        (f'command="never closed {KEY}\n', []),
        (f"command=unquoted {KEY}\n", []),
        (f'environment="noequals" {KEY}\n', []),
        (f'permitopen="nohost" {KEY}\n', []),
        (f'permitopen="host:80",permitlisten="8080" {KEY}\n', ["restricted"]),
        (f'tunnel="0",environment="A=b" {KEY}\n', ["restricted"]),
        (f"{KEY}{KEY2}\n", []),
        (f"{KEY} me{KEY2}\n", ["present"]),
        (f"#{KEY}\n", []),
        ("", []),
        ("\n\n\n", []),
    ],
)
def test_a_file_is_read_as_sshd_reads_it(text: str | bytes, expected: list[str]) -> None:
    assert states(text) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"\ufeff{KEY}\n".encode(), "line 1: it starts with a byte order mark"),
        (f"{KEY}{KEY2}\n", "line 1: two keys are glued together"),
        (f"{KEY2} x\n{KEY} me{key_text(ed25519_blob(3))}\n", "line 2: a second key is glued to this line's comment"),
        (f"#{KEY}\n", f"line 1: the key {fingerprint(BLOB)} is commented out"),
        (f"{KEY[:40]}\n", "line 1: the key is damaged"),
        (f"no-pty,made-up {KEY}\n", "line 1: there is an option that sshd does not know"),
        (f'command="open {KEY}\n', "a quote in the options is not closed"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA\n", "a certificate is no key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "a piece of a private key"),
        ("The agent has no identities.\n", "there is no key that sshd can read"),
    ],
)
def test_what_sshd_passes_over_is_said_with_its_line(text: str | bytes, sentence: str) -> None:
    assert any(sentence in problem for problem in problems(text)), problems(text)


def test_a_plain_comment_is_no_problem() -> None:
    assert problems(f"# keys of the house\n#\n{KEY} me\n") == []


def test_an_expiry_time_without_a_zone_is_the_nodes_own() -> None:
    text = f'expiry-time="202611231230" {KEY}\n'  # half past twelve there; it is twelve UTC
    assert states(text) == ["restricted"]
    assert states(text, timedelta(hours=1)) == ["expired"]
    assert states(f'expiry-time="202611231230Z" {KEY}\n', timedelta(hours=1)) == ["restricted"]


def test_the_cell_shows_the_first_line_its_options_and_its_comment() -> None:
    (cell,) = read_cells(f'# x\n\nfrom="10.0.0.1",no-pty {KEY} me@home\n'.encode(), NOW)[0]
    assert (cell.line, cell.options, cell.comment) == (3, 'from="10.0.0.1",no-pty', "me@home")
    assert cell.fingerprint == fingerprint(BLOB)


def test_a_file_that_sshd_ignores_shows_its_keys_as_ignored() -> None:
    cells, _ = read_cells(f"{KEY}\n".encode(), NOW, ignored=True)
    assert [cell.state for cell in cells] == [CellState.IGNORED]


def test_a_key_in_two_files_is_a_duplicate_and_an_ignored_file_does_not_count() -> None:
    one, _ = read_cells(f"{KEY}\n".encode(), NOW)
    two, _ = read_cells(f"{KEY}\n{KEY2}\n".encode(), NOW, file=".ssh/authorized_keys2")
    dead, _ = read_cells(f"{KEY}\n".encode(), NOW, ignored=True)
    assert [cell.state.value for cell in merge_cells([one, two])] == ["duplicate", "present"]
    assert [cell.state.value for cell in merge_cells([dead, two])] == ["present", "present"]
    assert [cell.state.value for cell in merge_cells([one, dead])] == ["present"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, f"{KEY2}\n"),
        (b"", f"{KEY2}\n"),
        (f"{KEY}\n".encode(), f"{KEY}\n{KEY2}\n"),
        (f"{KEY}".encode(), f"{KEY}\n{KEY2}\n"),
        (f"{KEY}\r\n".encode(), f"{KEY}\r\n{KEY2}\n"),
        (f"{KEY} caf\xe9".encode("latin-1"), f"{KEY} caf\xe9\n{KEY2}\n"),
        (b"\n\n", f"\n\n{KEY2}\n"),
    ],
)
def test_a_key_goes_onto_a_line_of_its_own(before: bytes | None, after: str) -> None:
    assert with_key(before, KEY2.encode()) == after.encode("latin-1")


@pytest.mark.parametrize("bad", [b"a\nb", b"a\rb", b"a\0b"])
def test_a_line_with_a_line_break_in_it_is_never_written(bad: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        with_key(b"", bad)


def test_taking_a_key_out_takes_all_of_its_lines_and_keeps_certificate_authorities() -> None:
    before = f'{KEY} a\n# note\r\n{KEY2} b\nfrom="x" {KEY}\nno-such {KEY}\ncert-authority {KEY}\n{KEY} last'
    assert without_key(before.encode(), BLOB) == f"# note\r\n{KEY2} b\ncert-authority {KEY}\n".encode()


def test_a_key_inside_a_command_or_a_comment_is_not_taken_for_the_key() -> None:
    before = f'command="echo {KEY}" {KEY2} about {KEY}\n# {KEY}\n'.encode()
    assert lines_about(before, BLOB) == ()
    assert without_key(before, BLOB) == before


# --- properties -----------------------------------------------------------------------------------------------------

comments = st.binary(max_size=12).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b"").replace(b"\0", b""))
options = st.sampled_from(
    [
        b"",
        b"restrict ",
        b'from="10.0.0.1,!10.0.0.2" ',
        b'command="say \\"a b\\"",no-pty ',
        b"made-up ",
        b"no-pty, ",
        b'expiry-time="20200101" ',
        b"cert-authority ",
        b'open="quote ',
        b"\xef\xbb\xbf",
    ]
)
blanks = st.sampled_from([b" ", b"\t", b"  ", b" \t "])


@st.composite
def key_lines(draw: st.DrawFn) -> bytes:
    text = key_text(ed25519_blob(draw(st.integers(0, 5)))).encode()
    cut = draw(st.one_of(st.none(), st.integers(1, len(text))))
    if cut is not None and draw(st.booleans()):
        text = text[:cut]
    kind, _, word = text.partition(b" ")
    text = kind + draw(blanks) + word if word else kind
    return draw(st.sampled_from([b"", b" ", b"\t"])) + draw(options) + text + b" " + draw(comments)


lines = st.one_of(
    key_lines(),
    comments,
    st.just(b""),
    comments.map(lambda text: b"#" + text),
    st.tuples(key_lines(), key_lines()).map(b"".join),
)
files = st.tuples(st.lists(st.tuples(lines, st.sampled_from([b"\n", b"\r\n"])), max_size=8), st.booleans()).map(
    lambda parts: b"".join(line + end for line, end in parts[0])[: None if parts[1] else -1]
)


@settings(max_examples=150, deadline=None)
@given(files)
def test_the_keys_that_we_see_are_those_that_ssh_keygen_sees(data: bytes) -> None:
    # After options sshd skips any number of blanks, ssh-keygen only one: it is no oracle for two.
    assume(not re.search(rb"(?m)^[ \t]*(?!ssh-)[^ \t\n]+[ \t]{2}", data))
    # A file whose first line has these words anywhere is for ssh-keygen a private key, for sshd a comment.
    assume(b"PRIVATE KEY" not in data.partition(b"\n")[0])
    seen = [line.blob for line in parse_authorized_keys(data) if line.blob]
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        assert [fingerprint(blob) for blob in seen] == fingerprints(Path(file.name))


@given(files, st.integers(0, 5))
def test_adding_keeps_every_byte_and_makes_the_key_readable(data: bytes, number: int) -> None:
    line = key_text(ed25519_blob(number)).encode()
    after = with_key(data, line)
    assert after.startswith(data)
    assert after[len(data) :].lstrip(b"\n") == line + b"\n"
    before_lines, after_lines = parse_authorized_keys(data), parse_authorized_keys(after)
    assert after_lines[: len(before_lines)] == before_lines
    assert after_lines[-1].is_plain()
    assert after_lines[-1].blob == ed25519_blob(number)


@given(files, st.integers(0, 5))
def test_adding_and_taking_out_again_gives_the_file_back(data: bytes, number: int) -> None:
    blob = ed25519_blob(number)
    clean = without_key(data, blob)
    again = without_key(with_key(clean, key_text(blob).encode()), blob)
    assert again in (clean, clean + b"\n")
    assert not [line for line in lines_about(again, blob) if not line.options.is_ca]


@given(files, st.integers(0, 5))
def test_taking_out_leaves_the_other_lines_byte_for_byte_in_their_order(data: bytes, number: int) -> None:
    after = without_key(data, ed25519_blob(number))
    rest = iter(data.split(b"\n"))
    assert all(any(line == other for other in rest) for line in after.split(b"\n") if line)
    others = [line.blob for line in parse_authorized_keys(data) if line.blob not in (b"", ed25519_blob(number))]
    assert [
        line.blob for line in parse_authorized_keys(after) if line.blob not in (b"", ed25519_blob(number))
    ] == others


@given(st.binary(max_size=300))
def test_no_bytes_whatever_make_the_reader_stumble(data: bytes) -> None:
    cells, sentences = read_cells(data, NOW)
    assert all(sentence.isprintable() for sentence in sentences)
    assert len(cells) <= data.count(b"\n") + 1
    assert all(line.kind in LineKind for line in parse_authorized_keys(data))
