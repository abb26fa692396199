"""Keys on nodes, against Debian's own sshd."""

import asyncio
import hashlib
import os
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homelab_tui.domain.errors import SourceRefused
from homelab_tui.domain.key_blobs import fingerprint
from homelab_tui.domain.keys import CellState, ProofState, PublicKey
from homelab_tui.domain.values import replace
from tests.keygen import ed25519_blob, key_text
from tests.real.sshd import Account, Sshd, make_key, needs_root, throw_away_account
from tests.servers import require_binary


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def litter(account: Account) -> list[str]:
    return [path.name for path in (account.home / ".ssh").iterdir() if path.name != "authorized_keys"]


async def test_a_key_is_pushed_to_an_account_that_never_had_one_and_proven(
    server: Sshd, account: Account, key: PublicKey
) -> None:
    source = server.source()
    node = server.node(account)
    write = await source.add_key(node, key)
    assert (write.changed, write.before) == (True, None)
    assert account.keys_file.read_bytes() == write.after == f"{key_text(key.blob)} mine@test\n".encode()
    assert (mode(account.home / ".ssh"), mode(account.keys_file)) == (0o700, 0o600)
    assert account.keys_file.stat().st_uid == account.uid
    assert litter(account) == []
    proof = await source.prove(node, key)
    assert (proof.state, proof.proven) == (ProofState.PROVEN, True)
    assert f"Accepted key ED25519 {key.fingerprint}" in server.log()


async def test_a_second_push_changes_nothing(server: Sshd, account: Account, key: PublicKey) -> None:
    source = server.source()
    first = await source.add_key(server.node(account), key)
    inode = account.keys_file.stat().st_ino
    second = await source.add_key(server.node(account), replace(key, comment="another comment"))
    assert (second.changed, second.detail) == (False, "already there (.ssh/authorized_keys line 1)")
    assert second.before == second.after == first.after
    assert account.keys_file.stat().st_ino == inode


@pytest.mark.parametrize(
    "before",
    [
        b"%OLD% old",
        b"%OLD%",
        b"%OLD% old\r\n# note\r\n",
        b"\n\n# caf\xe9 \xff\n%OLD% old\n\n",
        b"\xef\xbb\xbf# bom before a comment\n%OLD%\n",
        b"no-pty  %OLD%   two  blanks \t\n\tno-such-option %OLD% x\n#%OLD%\n",
    ],
)
async def test_every_other_byte_stays_and_both_keys_log_in(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path, before: bytes
) -> None:
    old = make_key(tmp_path, "old")
    before = before.replace(b"%OLD%", key_text(old.blob).encode())
    account.write(".ssh/authorized_keys", before, 0o640)
    source = server.source()
    write = await source.add_key(server.node(account), key)
    after = account.keys_file.read_bytes()
    assert (write.before, write.after) == (before, after)
    assert after.startswith(before)
    assert after[len(before) :].lstrip(b"\n") == f"{key_text(key.blob)} mine@test\n".encode()
    assert mode(account.keys_file) == 0o640
    for each in (old, key):
        proof = await source.prove(server.node(account), each)
        assert proof.state is ProofState.PROVEN, proof


async def test_a_link_inside_the_home_is_followed_and_stays_a_link(
    server: Sshd, account: Account, key: PublicKey
) -> None:
    real = account.write("dotfiles/keys", b"# mine\n")
    account.write(".ssh/x", b"").unlink()
    account.keys_file.symlink_to("../dotfiles/keys")
    write = await server.source().add_key(server.node(account), key)
    assert write.changed
    assert account.keys_file.is_symlink()
    assert real.read_bytes() == write.after
    assert (await server.source().prove(server.node(account), key)).proven


async def test_a_link_out_of_the_home_is_refused_by_name(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    outside = server.base / f"outside-{account.user}"
    outside.write_bytes(b"# administered\n")
    outside.chmod(0o666)
    account.write(".ssh/x", b"").unlink()
    account.keys_file.symlink_to(outside)
    with pytest.raises(SourceRefused, match=f"a link out of the home.*{outside}"):
        await server.source().add_key(server.node(account), key)
    assert outside.read_bytes() == b"# administered\n"


async def test_a_link_that_leads_nowhere_is_refused(server: Sshd, account: Account, key: PublicKey) -> None:
    account.write(".ssh/x", b"").unlink()
    account.keys_file.symlink_to("nowhere")
    with pytest.raises(SourceRefused, match="leads nowhere"):
        await server.source().add_key(server.node(account), key)
    assert account.keys_file.is_symlink()


async def test_a_directory_in_the_files_place_is_refused(server: Sshd, account: Account, key: PublicKey) -> None:
    account.write(".ssh/x", b"").unlink()
    account.keys_file.mkdir()
    with pytest.raises(SourceRefused, match="is not a plain file"):
        await server.source().add_key(server.node(account), key)


async def test_a_file_that_somebody_else_administers_is_not_taken_over(
    server: Sshd, account: Account, key: PublicKey
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: a file of another owner")
    path = account.write(".ssh/authorized_keys", b"# by the house\n", 0o644)
    os.chown(path, 0, 0)
    with pytest.raises(SourceRefused, match="belongs to somebody else"):
        await server.source().add_key(server.node(account), key)
    assert (path.read_bytes(), path.stat().st_uid) == (b"# by the house\n", 0)


async def test_a_directory_that_cannot_be_written_leaves_the_file_as_it_was(
    server: Sshd, account: Account, key: PublicKey
) -> None:
    path = account.write(".ssh/authorized_keys", b"# mine\n")
    path.parent.chmod(0o500)
    with pytest.raises(SourceRefused, match=r"cannot be written to .*Permission denied"):
        await server.source().add_key(server.node(account), key)
    assert path.read_bytes() == b"# mine\n"
    assert litter(account) == []


async def test_a_missing_home_is_never_made_up(server: Sshd, account: Account, key: PublicKey) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: without it the server's own HOME would be missing")
    shutil.rmtree(account.home)
    with pytest.raises(SourceRefused, match="its home directory is missing"):
        await server.source().add_key(server.node(account), key)
    assert not account.home.exists()


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ('from="127.0.0.1,10.0.0.0/8" ', "it is there with options"),
        ("restrict ", "it is there with options"),
        ('expiry-time="20200101" ', "it is there, but expired"),
        ("made-up-option ", "with options that sshd cannot read"),
    ],
)
async def test_a_line_with_conditions_is_never_lifted_by_a_plain_one(
    server: Sshd, account: Account, key: PublicKey, options: str, detail: str
) -> None:
    before = f"# x\n{options}{key_text(key.blob)} mine\n".encode()
    account.write(".ssh/authorized_keys", before)
    write = await server.source().add_key(server.node(account), key)
    assert not write.changed
    assert detail in write.detail
    assert "line 2" in write.detail
    assert account.keys_file.read_bytes() == before


async def test_a_key_that_is_only_a_certificate_authority_gets_a_line_of_its_own(
    server: Sshd, account: Account, key: PublicKey
) -> None:
    account.write(".ssh/authorized_keys", f"cert-authority {key_text(key.blob)}\n".encode())
    write = await server.source().add_key(server.node(account), key)
    assert write.changed
    assert (await server.source().prove(server.node(account), key)).proven


async def test_eight_pushers_at_once_lose_nothing(server: Sshd, account: Account, tmp_path: Path) -> None:
    before = b"# the first line"
    account.write(".ssh/authorized_keys", before)
    keys = [make_key(tmp_path, f"k{number}") for number in range(8)]
    sources = [server.source() for _ in keys]  # a source by itself would take turns
    node = server.node(account)
    writes = await asyncio.gather(*(source.add_key(node, key) for source, key in zip(sources, keys, strict=True)))
    assert all(write.changed for write in writes)
    lines = account.keys_file.read_bytes().split(b"\n")
    assert lines[0] == before
    assert sorted(lines[1:-1]) == sorted(f"{key_text(key.blob)} {key.comment}".encode() for key in keys)
    assert litter(account) == []


@needs_root
@pytest.mark.parametrize("place", [".", ".ssh", ".ssh/authorized_keys"])
async def test_a_place_that_others_may_write_to_is_named_when_the_proof_fails(
    server: Sshd, account: Account, key: PublicKey, place: str
) -> None:
    account.write(".ssh/authorized_keys", b"")
    path = (account.home / place).resolve()
    os.chown(path, account.uid, 100)  # a group that is not the user's own: Debian's sshd lets that one be
    # A new file never keeps a group that its owner is not in, so for the file itself it is everybody.
    path.chmod(0o770 if path.is_dir() else 0o666)
    who = "group 100" if path.is_dir() else "everybody"
    source = server.source()
    write = await source.add_key(server.node(account), key)
    assert write.changed
    assert f"{path} is writable by {who}" in write.detail
    proof = await source.prove(server.node(account), key)
    assert (proof.state, proof.proven) == (ProofState.FAILED, False)
    assert f"{path} is writable by {who}" in proof.detail
    assert f"bad ownership or modes for {'directory' if path.is_dir() else 'file'}" in server.log()
    read = await source.read_account(server.node(account))
    assert [cell.state for cell in read.cells] == [CellState.IGNORED]


@needs_root
async def test_the_users_own_private_group_may_write_on_debian(server: Sshd, account: Account, key: PublicKey) -> None:
    account.write(".ssh/authorized_keys", b"")
    for path in (account.home, account.home / ".ssh"):
        path.chmod(0o775)
    source = server.source()
    write = await source.add_key(server.node(account), key)
    assert "ignores" not in write.detail
    assert (await source.prove(server.node(account), key)).proven


@needs_root
@pytest.mark.parametrize("place", [".", ".ssh"])
async def test_a_place_that_belongs_to_another_user_is_named(
    server: Sshd, account: Account, key: PublicKey, place: str
) -> None:
    account.write(".ssh/authorized_keys", f"{key_text(key.blob)}\n".encode(), 0o644)
    path = (account.home / place).resolve()
    path.chmod(0o755)
    os.chown(path, 65534, 65534)
    source = server.source()
    read = await source.read_account(server.node(account))
    assert [cell.state for cell in read.cells] == [CellState.IGNORED]
    assert any(f"{path} belongs to uid 65534" in problem for problem in read.problems)
    assert (await source.prove(server.node(account), key)).proven is False


NOISE = r"""
echo 'Welcome to the house'; printf '\033[31mred\033[0m\007\n'; echo oops >&2
printf '@@HL OK\n@@HL USER root\n'
"""


@needs_root
@pytest.mark.parametrize("shell", ["sh", "bash", "rbash", "fish", "tcsh", "zsh"])
async def test_any_login_shell_and_a_noisy_start_file_are_no_obstacle(server: Sshd, key: PublicKey, shell: str) -> None:
    with throw_away_account(server, shell=str(require_binary(shell))) as account:
        for name in (".bashrc", ".profile", ".tcshrc", ".zshenv", ".config/fish/config.fish"):
            if "/" not in name or (account.home / ".config").exists():
                account.write(name, NOISE.encode() if name != ".tcshrc" else b"echo Welcome\n")
        source = server.source()
        write = await source.add_key(server.node(account), key)
        assert write.changed
        assert (await source.prove(server.node(account), key)).proven
        read = await source.read_account(server.node(account))
        assert (read.account, read.home) == (account.user, str(account.home))


@needs_root
@pytest.mark.parametrize("shell", ["/usr/sbin/nologin", "/bin/false"])
async def test_an_account_without_a_shell_is_told_apart_from_one_without_the_key(
    server: Sshd, key: PublicKey, shell: str
) -> None:
    with throw_away_account(server, shell=shell) as account:
        with pytest.raises(SourceRefused, match=r"takes the login but (has no shell|runs no commands)"):
            await server.source().add_key(server.node(account), key)
        assert not (account.home / ".ssh").exists()


async def test_a_forced_command_is_no_proof(server: Sshd, account: Account, key: PublicKey) -> None:
    account.write(".ssh/authorized_keys", f'command="echo no such luck" {key_text(key.blob)}\n'.encode())
    proof = await server.source().prove(server.node(account), key)
    assert proof.state is ProofState.FAILED
    assert "the key logs in, but" in proof.detail
    assert "no such luck" in proof.detail


async def test_the_matrix_cells_of_an_account(server: Sshd, account: Account, key: PublicKey) -> None:
    stranger, twice = ed25519_blob(5), ed25519_blob(6)
    account.write(
        ".ssh/authorized_keys",
        f'{key_text(key.blob)} me\nfrom="10.0.0.1" {key_text(stranger)}\n{key_text(twice)}\n'
        f"#{key_text(ed25519_blob(7))}\n".encode(),
    )
    account.write(".ssh/authorized_keys2", f"{key_text(twice)}\nrubbish\n".encode())
    read = await server.source().read_account(server.node(account))
    assert {cell.fingerprint: cell.state.value for cell in read.cells} == {
        key.fingerprint: "present",
        fingerprint(stranger): "restricted",
        fingerprint(twice): "duplicate",
    }
    assert any("commented out" in problem for problem in read.problems)
    assert any(problem.startswith(".ssh/authorized_keys2 line 2:") for problem in read.problems)
    assert read.login_fingerprint == server.admin.fingerprint
    assert read.file_sha256 == hashlib.sha256(account.keys_file.read_bytes()).hexdigest()
    assert (read.password_login, read.server_version and read.server_version[:16]) == (True, "SSH-2.0-OpenSSH_")


@needs_root
async def test_a_key_file_that_the_account_cannot_read_is_unreadable_and_not_empty(
    server: Sshd, account: Account, key: PublicKey
) -> None:
    path = account.write(".ssh/authorized_keys", f"{key_text(key.blob)}\n".encode(), 0o600)
    os.chown(path, 0, 0)
    read = await server.source().read_account(server.node(account))
    assert any("cannot be read" in problem for problem in read.problems)
    with pytest.raises(SourceRefused, match="cannot be read"):
        await server.source().add_key(server.node(account), key)


def days_from_now(days: int) -> str:
    """A moment as an option of a line tells it."""
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


# The test fills the moments in. Names that tell the time differ between two workers; then pytest-xdist runs nothing.
LOGS_IN = [
    "%K%",
    "%K% comment",
    "%K%\r",
    "\t %K%",
    "no-pty %K%",
    "NO-PTY,No-X11-Forwarding %K%",
    'from="127.0.0.0/8" %K%',
    'expiry-time="%TOMORROW%" %K%',
    'environment="A=b" %K%',
    'permitopen="a:1",permitlisten="1" %K%',
    'tunnel="any" %K%',
    'from="10.0.0.1" %K%\n%K%',
    "made-up %K%\nno-pty %K%",
    "%O%\n%K%",
]
DOES_NOT = [
    "",
    "#%K%",
    "made-up %K%",
    "no-pty, no-user-rc %K%",
    'from="10.0.0.1" %K%',
    'expiry-time="%YESTERDAY%" %K%',
    'expiry-time="20201301" %K%',
    "cert-authority %K%",
    'command="a",command="b" %K%',
    'environment="none" %K%',
    'permitopen="nohost" %K%',
    "%O%%K%",
    "%O% comment%K%",
    'command="%K%" %O%',
]


@pytest.mark.parametrize("line", LOGS_IN + DOES_NOT)
async def test_our_reading_of_a_line_is_sshds_own(server: Sshd, account: Account, key: PublicKey, line: str) -> None:
    text = line.replace("%K%", key_text(key.blob)).replace("%O%", key_text(ed25519_blob(9)))
    text = text.replace("%TOMORROW%", days_from_now(1)).replace("%YESTERDAY%", days_from_now(-1))
    account.write(".ssh/authorized_keys", text.encode())
    source = server.source()
    read = await source.read_account(server.node(account))
    cell = next((cell for cell in read.cells if cell.fingerprint == key.fingerprint), None)
    usable = cell is not None and cell.state in (CellState.PRESENT, CellState.RESTRICTED, CellState.DUPLICATE)
    logs_in = bool((await source.prove(server.node(account), key)).proven)
    assert logs_in == (line in LOGS_IN)
    assert usable == (logs_in or line == 'from="10.0.0.1" %K%')  # a from= is shown, not judged
