"""`chmod go-w` on what makes sshd ignore the keys: Debian's own sshd refuses before, and lets in afterwards."""

import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from homelab_tui.config.model import KeysConfig
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.loose_modes import LoosePath
from homelab_tui.domain.values import replace
from homelab_tui.sources.ssh import SshSource
from homelab_tui.sources.ssh_account_script import read_account_script
from homelab_tui.sources.ssh_commands import Output
from homelab_tui.sources.ssh_modes import chmod
from tests.keygen import key_text
from tests.real.command_lines import CommandLine, ended
from tests.real.links import Link, running
from tests.real.sshd import Account, Sshd, needs_root, running_sshd, throw_away_account

pytestmark = needs_root
PASSWORD = "correct horse"
LOGIN_BYTES = 4_000
"""More than a login sends, less than it, the script that changes modes and the second look."""


@pytest.fixture(scope="module")
def server() -> Iterator[Sshd]:
    with running_sshd("PasswordAuthentication yes") as sshd:
        yield sshd


@pytest.fixture
def account(server: Sshd) -> Iterator[Account]:
    """Opened by a password alone: no program tells sshd of an admin's key."""
    with throw_away_account(server, password=PASSWORD) as throw_away:
        (server.base / "admin" / throw_away.user).unlink()
        yield throw_away


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.lstat().st_mode):o}"


def loosened(account: Account, key: PublicKey) -> tuple[Path, Path, Path]:
    """Home, .ssh and file as the torture wants them; the home's group is a foreign one."""
    file = account.write(".ssh/authorized_keys", f"{key_text(key.blob)} mine\n".encode(), 0o666)
    file.parent.chmod(0o777)
    os.chown(account.home, account.uid, 100)
    account.home.chmod(0o775)
    return account.home, file.parent, file


def command_line(directory: Path, server: Sshd, account: Account, key: PublicKey) -> CommandLine:
    directory.mkdir()
    shell = CommandLine(directory, {"PASSWORD": PASSWORD})
    shell.configure(server, [account], [key], admin=False)
    return shell


def logs_in(server: Sshd, account: Account, key: PublicKey) -> bool:
    """What the OpenSSH client itself says."""
    assert key.private_path is not None
    options = ("BatchMode=yes", "IdentitiesOnly=yes", f"UserKnownHostsFile={server.known_hosts()}")
    words = [word for option in options for word in ("-o", option)]
    command = ["ssh", "-F", "none", *words, "-i", key.private_path, "-p", str(server.port), f"{account.user}@127.0.0.1"]
    done = subprocess.run([*command, "true"], capture_output=True, stdin=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def modes(shell: CommandLine, *more: str) -> tuple[int, dict[str, object]]:
    done = ended(shell.start("keys", "modes", "--node", "nuc01", "--password-env", "PASSWORD", "--json", *more))
    (result,) = done.results
    return done.status, result


def test_what_others_may_write_to_is_mended_as_the_account_and_the_key_logs_in(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    paths = loosened(account, key)
    private = account.write("private", b"x", 0o666)  # not on sshd's way: it stays as it is
    assert not logs_in(server, account, key)
    shell = command_line(tmp_path / "here", server, account, key)

    status, would = modes(shell, "--dry-run")
    assert (status, would["changed"]) == (0, True)
    home, directory, file = paths
    assert would["detail"] == f"would do: chmod go-w {home} 775 → 755, {directory} 777 → 755, {file} 666 → 644"
    assert [mode(path) for path in paths] == ["775", "777", "666"]

    status, result = modes(shell, "--yes")
    assert (status, result["ok"], result["changed"], result["proven"]) == (0, True, True, True), result
    assert [mode(path) for path in paths] == ["755", "755", "644"]
    assert mode(private) == "666"
    undo = f"undo: chmod g+w {home}; chmod go+w {directory}; chmod go+w {file}"
    assert str(result["detail"]).endswith(undo)
    assert logs_in(server, account, key)

    status, again = modes(shell, "--yes")
    assert (status, again["ok"], again["changed"]) == (0, True, False)

    subprocess.run(["sh", "-c", undo.removeprefix("undo: ")], check=True)
    assert [mode(path) for path in paths] == ["775", "777", "666"]


def test_without_the_password_nothing_is_known_and_nothing_changed(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    paths = loosened(account, key)
    shell = command_line(tmp_path / "here", server, account, key)
    done = ended(shell.start("keys", "modes", "--all", "--yes", "--json"))
    assert (done.status, done.results[0]["ok"], done.results[0]["changed"]) == (1, False, False)
    assert [mode(path) for path in paths] == ["775", "777", "666"]


def test_a_push_that_sshd_ignores_names_the_cure(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    loosened(account, key)
    shell = command_line(tmp_path / "here", server, account, key)
    push = ("keys", "push", str(key.path), "--node", "nuc01", "--password-env", "PASSWORD", "--yes", "--json")
    (result,) = ended(shell.start(*push)).results
    assert result["ok"] is False
    assert "M, or homelab keys modes --node nuc01, offers chmod go-w" in result["detail"]


def test_a_link_out_of_the_home_is_refused_and_what_it_leads_to_stays(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    file = account.write(".ssh/authorized_keys", f"{key_text(key.blob)} mine\n".encode(), 0o666)
    outside = server.base / f"outside-{account.user}"
    file.rename(outside)
    file.symlink_to(outside)
    status, result = modes(command_line(tmp_path / "here", server, account, key), "--yes")
    assert (status, result["ok"], result["changed"]) == (1, False, False)
    assert f"{outside} lies outside the home" in str(result["detail"])
    assert mode(outside) == "666"


def test_a_link_inside_the_home_is_mended_where_it_leads(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    file = account.write("dotfiles/authorized_keys", f"{key_text(key.blob)} mine\n".encode(), 0o666)
    (account.home / ".ssh").symlink_to("dotfiles")
    status, result = modes(command_line(tmp_path / "here", server, account, key), "--yes")
    assert (status, result["ok"], result["proven"]) == (0, True, True), result
    assert str(result["detail"]).startswith(f"{file} 666 → 644; ")


def test_what_belongs_to_root_is_left_to_root(server: Sshd, account: Account, key: PublicKey, tmp_path: Path) -> None:
    home, directory, file = loosened(account, key)
    os.chown(directory, 0, 0)
    status, result = modes(command_line(tmp_path / "here", server, account, key), "--yes")
    assert (status, result["ok"], result["changed"]) == (1, False, True), result
    assert f"{directory} belongs to uid 0, not to the account" in str(result["detail"])
    assert [mode(path) for path in (home, directory, file)] == ["755", "777", "666"]


async def test_an_answer_that_never_came_back_is_looked_at_again_and_told_as_done(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    file = account.write(".ssh/authorized_keys", f"{key_text(key.blob)} mine\n".encode(), 0o666)
    server.authorize_admin(account)
    source = server.source()
    found = (await source.read_account(server.node(account))).loose
    assert found.paths == (LoosePath(str(file), 0o666),)
    # Login and the first read are whole; of what comes then, the answers never come back.
    limit = len(read_account_script("x" * 20)) + LOGIN_BYTES
    with running(Link(server.port, mute_answers_after_bytes=limit, most_connections_cut=1)) as link:
        hosts = tmp_path / "known_hosts"
        hosts.write_text(f"[127.0.0.1]:{link.port} {server.known_hosts().read_text().split(' ', 1)[1]}")
        short = replace(server.config(hosts), command_timeout_s=3.0)
        through = SshSource(short, KeysConfig(paths=(server.base / "keys" / "admin.pub",), agent=False))
        mended = await through.mend_modes(replace(server.node(account), port=link.port), found.paths)
        assert link.connections == 2
    assert (mode(file), mended.changed, mended.problem) == ("644", found.paths, None)
    assert mended.opened == (key.fingerprint,)


@dataclass
class Here:
    """This machine's sh as root, or as a throw-away user."""

    home: Path
    account: Account | None = None
    where: str = "here"

    def run(self, command: str, stdin: bytes = b"") -> Output:
        environment = {"HOME": str(self.home), "PATH": os.environ["PATH"]}
        who = self.account
        prefix = f"setpriv --reuid {who.uid} --regid {who.gid} --clear-groups " if who else ""
        argv = ["sh", "-c", f"{prefix}{command}"]
        done = subprocess.run(argv, input=stdin, capture_output=True, env=environment, check=False)
        return Output(done.stdout, done.stderr, done.returncode)


def test_root_changes_nothing_where_others_could_swap_its_home(tmp_path: Path) -> None:
    above = tmp_path / "above"
    home = above / "home"
    home.mkdir(parents=True)
    home.chmod(0o777)
    above.chmod(0o777)
    problem = chmod(Here(home), (LoosePath(str(home), 0o777),))
    assert problem == f"others could swap root's home, because they own or may write to {above}"
    assert mode(home) == "777"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.chmod(0o660), "its mode has changed since it was read, look again:"),
        (lambda file: os.chown(file, 65534, 0), "it does not belong to the account:"),
        (lambda file: file.unlink(), "it is not there any more:"),
        (lambda file: (file.rename(file.with_name("x")), file.symlink_to("x")), "it is a link now:"),
        (
            lambda file: (file.parent.rename(file.parents[1] / "x"), file.parent.symlink_to("x")),
            "a link has come in on the way to",
        ),
    ],
    ids=["mode", "owner", "gone", "link", "link above"],
)
def test_a_path_that_is_not_what_was_read_is_left_alone(account: Account, change: object, words: str) -> None:
    file = account.write(".ssh/authorized_keys", b"", 0o666)
    assert callable(change)
    before = {path: mode(path) for path in (account.home, file.parent)}
    change(file)
    done = chmod(Here(account.home, account), (LoosePath(str(file), 0o666),))
    assert done == f"{words} {file}"
    assert mode(account.home) == before[account.home]
    real = [path for path in account.home.rglob("*") if path.is_file() and not path.is_symlink()]
    assert all(mode(path) in ("666", "660") for path in real)
