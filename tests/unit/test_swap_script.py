"""The swap of an authorized_keys file itself, under every shell that nodes have, with GNU's programs and busybox's."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from homelab_tui.sources.ssh_scripts import new_mark, swap_command
from tests.servers import require_binary

SHELLS = ("dash", "bash", "busybox")
APPLETS = ("cp", "head", "mkdir", "mv", "readlink", "rm", "sha256sum", "sync")
KEYS = ".ssh/authorized_keys"
OLD, NEW, THEIRS = b"# mine\n", b"# mine\n# and mine\n", b"# theirs\n"
NOBODY = 65534


def sha256(data: bytes | None) -> str:
    return "none" if data is None else hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Said:
    """The last word of a swap, what followed it, and how the script ended."""

    word: str
    text: str
    status: int
    stderr: str = field(compare=False, default="")


class Home:
    """A home on a node with one shell. As root the swap runs as nobody, for whom files can be closed."""

    def __init__(self, top: Path, shell: str) -> None:
        self.place = top / "home"
        self.file = self.place / KEYS
        self._programs = top / "programs"
        self._shims = top / "shims"
        self._path = f"{self._shims}:{self._programs}"
        for folder in (self.place, self._programs, self._shims):
            folder.mkdir()
            self._give(folder)
        (self._programs / "sh").symlink_to(require_binary(shell))
        if shell == "busybox":
            for name in APPLETS:
                (self._programs / name).symlink_to(require_binary(shell))
        else:
            self._path += ":/usr/bin:/bin"

    def write(self, data: bytes | None, name: str = KEYS, mode: int = 0o600) -> Path:
        """The file, its directory and its bytes; without bytes the directory only."""
        path = self.place / name
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700)
            self._give(path.parent)
        if data is not None:
            path.write_bytes(data)
            path.chmod(mode)
            self._give(path)
        return path

    def shim(self, name: str, body: str, real: Path | None = None) -> None:
        """A program of the node that does something else; @REAL is the one that it stands for."""
        stands_for = real or shutil.which(name, path=self._path)
        assert stands_for is not None, name
        (self._shims / name).write_text(f"#!/bin/sh\n{body.replace('@REAL', str(stands_for))}\n")
        (self._shims / name).chmod(0o755)

    def swap(self, old: bytes | None, new: bytes | None, sent: bytes | None = None) -> Said:
        """Runs the very line that a node gets."""
        mark = new_mark()
        line = swap_command(
            None if old is None else sha256(old), None if new is None else sha256(new), len(new or b""), KEYS, mark
        )
        done = subprocess.run(
            [str(self._programs / "sh"), "-c", line],
            input=(new or b"") if sent is None else sent,
            env={"PATH": self._path, "HOME": str(self.place), "THEIRS": THEIRS.decode(), "KEYS": str(self.file)},
            cwd="/",
            user=NOBODY if os.geteuid() == 0 else None,
            group=NOBODY if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
            capture_output=True,
            timeout=60,
            check=False,
        )
        marked = [text for text in done.stdout.decode().splitlines() if text.startswith(f"{mark} ")]
        assert len(marked) == 1, done
        word, _, text = marked[0][len(mark) + 1 :].partition(" ")
        return Said(word, text, done.returncode, done.stderr.decode())

    @property
    def left(self) -> bytes | None:
        """The bytes of the file as they are now. Raises AssertionError when something else lies beside it."""
        names = os.listdir(self.file.parent) if self.file.parent.exists() else []
        assert set(names) <= {self.file.name}
        return self.file.read_bytes() if names else None

    def _give(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)


@pytest.fixture(params=SHELLS)
def home(request: pytest.FixtureRequest) -> Iterator[Home]:
    top = Path(tempfile.mkdtemp(prefix="homelab-swap-"))
    top.chmod(0o755)  # pytest's own is for its user alone
    try:
        yield Home(top, request.param)
    finally:
        shutil.rmtree(top)


@dataclass(frozen=True)
class Case:
    """The bytes that are there, what was read before, what is to be written, and what comes of it."""

    there: bytes | None
    old: bytes | None
    new: bytes | None
    said: Said
    left: bytes | None
    sent: bytes | None = None


OK = Said("OK", "", 0)


def stale(data: bytes | None) -> Said:
    return Said("STALE", sha256(data), 16)


CASES = {
    "a first line": Case(None, None, NEW, OK, NEW),
    "one line more": Case(OLD, OLD, NEW, OK, NEW),
    "the same bytes": Case(OLD, OLD, OLD, OK, OLD),
    "an empty file gets its first line": Case(b"", b"", NEW, OK, NEW),
    "all lines taken out": Case(OLD, OLD, b"", OK, b""),
    "bytes of every kind": Case(OLD, OLD, bytes(range(256)) * 600, OK, bytes(range(256)) * 600),
    "another file than was read": Case(THEIRS, OLD, NEW, stale(THEIRS), THEIRS),
    "an empty one where lines were": Case(b"", OLD, NEW, stale(b""), b""),
    "a file where none was": Case(THEIRS, None, NEW, stale(THEIRS), THEIRS),
    "a file with the very bytes where none was": Case(NEW, None, NEW, stale(NEW), NEW),
    "no file where one was": Case(None, OLD, NEW, stale(None), None),
    "less than was sent": Case(OLD, OLD, NEW, Said("SHORT", "", 19), OLD, NEW[:-1]),
    "less than was sent, for a first line": Case(None, None, NEW, Said("SHORT", "", 19), None, NEW[:-1]),
    "other bytes than were sent": Case(OLD, OLD, NEW, Said("SHORT", "", 19), OLD, NEW.upper()),
    "nothing arrives and the old bytes are the new ones": Case(OLD, OLD, OLD, Said("SHORT", "", 19), OLD, b""),
    "another file, and less than was sent": Case(THEIRS, OLD, NEW, stale(THEIRS), THEIRS, b""),
    "the file taken away": Case(OLD, OLD, None, OK, None),
    "another file is not taken away": Case(THEIRS, OLD, None, stale(THEIRS), THEIRS),
    "a file that nobody read is not taken away": Case(THEIRS, None, None, stale(THEIRS), THEIRS),
    "it is gone already": Case(None, OLD, None, stale(None), None),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_file_is_swapped_for_what_was_sent_if_it_is_what_was_read(home: Home, case: Case) -> None:
    home.write(case.there)
    assert home.swap(case.old, case.new, case.sent) == case.said
    assert home.left == case.left


def test_a_directory_that_is_missing_is_made_for_its_account_alone(home: Home) -> None:
    assert home.swap(None, NEW) == OK
    assert home.left == NEW
    assert (home.file.parent.stat().st_mode & 0o777, home.file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_file_keeps_its_mode(home: Home) -> None:
    home.write(OLD, mode=0o640)
    assert home.swap(OLD, NEW) == OK
    assert home.file.stat().st_mode & 0o777 == 0o640


def test_a_directory_that_cannot_be_opened_is_told(home: Home) -> None:
    home.write(OLD)
    home.file.parent.chmod(0o300)
    said = home.swap(OLD, NEW)
    home.file.parent.chmod(0o700)
    assert said == Said("LOCKOPEN", "", 13)
    assert "ermission denied" in said.stderr
    assert home.left == OLD


NAMES = ("plain", "a b  c", "a - b", "back\\slash", "new\nline", "* [a-z] ?", '"; $(exit 1) `', "-")


def link(home: Home, name: str, there: bytes | None) -> Path:
    """What the file leads to."""
    target = home.write(there, f"elsewhere/{name}")
    home.write(None)
    home.file.symlink_to(Path("..") / "elsewhere" / name)
    return target


@pytest.mark.parametrize("name", NAMES)
def test_a_link_within_the_home_stays_and_what_it_leads_to_is_swapped_whatever_its_name(home: Home, name: str) -> None:
    target = link(home, name, OLD)
    assert home.swap(THEIRS, NEW) == stale(OLD)
    assert home.swap(OLD, NEW, b"") == Said("SHORT", "", 19)
    assert (target.read_bytes(), os.listdir(target.parent)) == (OLD, [name])
    assert home.swap(OLD, NEW) == OK
    assert (home.file.is_symlink(), target.read_bytes(), os.listdir(target.parent)) == (True, NEW, [name])
    assert home.swap(NEW, None) == OK
    assert not target.exists()


@pytest.mark.parametrize("home", ["dash", "bash"], indirect=True)  # to busybox such a link leads nowhere
@pytest.mark.parametrize("name", NAMES)
def test_a_link_to_a_file_that_is_not_there_yet_makes_it(home: Home, name: str) -> None:
    target = link(home, name, None)
    assert home.swap(OLD, NEW) == stale(None)
    assert home.swap(None, NEW) == OK
    assert (home.file.is_symlink(), target.read_bytes(), os.listdir(target.parent)) == (True, NEW, [name])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda home: home.file.symlink_to("/etc/passwd"), Said("OUTSIDE", "/etc/passwd", 12)),
        (lambda home: home.file.symlink_to("nowhere/at all"), Said("BADLINK", "", 12)),
        (lambda home: home.file.mkdir(), Said("NOTREG", "", 12)),
        (lambda home: os.mkfifo(home.file), Said("NOTREG", "", 12)),
    ],
    ids=["a link out of the home", "a link that leads nowhere", "a directory", "a pipe"],
)
def test_what_is_not_the_accounts_own_file_is_left(home: Home, make: Callable[[Home], None], said: Said) -> None:
    home.write(None)
    make(home)
    before = home.file.lstat()
    assert home.swap(None, NEW) == said
    assert (home.file.lstat().st_ino, home.file.lstat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert os.listdir(home.file.parent) == [home.file.name]


# --- somebody else, who takes no lock -------------------------------------------------------------------------------

ADDS = 'printf %s "$THEIRS" >>"$KEYS"'
REPLACES = 'printf %s "$THEIRS" >"$KEYS.x" && /bin/mv "$KEYS.x" "$KEYS"'
TAKES_AWAY = '/bin/rm "$KEYS"'


@pytest.mark.parametrize(
    ("program", "does", "there", "left"),
    [
        ("cp", ADDS, OLD, OLD + THEIRS),
        ("cp", REPLACES, OLD, THEIRS),
        ("cp", TAKES_AWAY, OLD, None),
        ("head", ADDS, OLD, OLD + THEIRS),
        ("head", REPLACES, OLD, THEIRS),
        ("head", TAKES_AWAY, OLD, None),
        ("head", REPLACES, None, THEIRS),
    ],
    ids=["cp-adds", "cp-replaces", "cp-takes away", "head-adds", "head-replaces", "head-takes away", "head-makes one"],
)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("sent", [NEW, b""], ids=["all arrives", "nothing arrives"])
def test_who_writes_before_the_hashes_are_compared_is_a_conflict_and_loses_nothing(
    home: Home, program: str, does: str, there: bytes | None, left: bytes | None, when: str, sent: bytes
) -> None:
    home.write(there)
    home.shim(program, f'{does}; exec @REAL "$@"' if when == "before" else f'@REAL "$@"; s=$?; {does}; exit $s')
    assert home.swap(there, NEW, sent) == stale(left)
    assert home.left == left


@pytest.mark.parametrize("there", [OLD, None], ids=["a file", "nothing"])
def test_who_writes_right_after_the_rename_is_told(home: Home, there: bytes | None) -> None:
    home.write(there)
    home.shim("mv", f'@REAL "$@"; {REPLACES}')
    assert home.swap(there, NEW) == Said("VERIFY", "", 21)
    assert home.left == THEIRS


# --- what cannot be done --------------------------------------------------------------------------------------------

FAILS = "echo no room >&2; exit 1"


@pytest.mark.parametrize(
    ("program", "said"),
    [("cp", Said("COPY", "", 17)), ("head", Said("WRITE", "", 18)), ("mv", Said("RENAME", "", 20))],
)
def test_a_step_that_fails_is_named_with_its_own_words_and_the_old_file_stays(
    home: Home, program: str, said: Said
) -> None:
    home.write(OLD)
    home.shim(program, FAILS)
    refusal = home.swap(OLD, NEW)
    assert refusal == said
    assert refusal.stderr.splitlines()[-1] == "no room"
    assert home.left == OLD


@pytest.mark.parametrize("program", ["cp", "head"])
def test_where_a_step_fails_but_the_file_is_another_one_it_has_to_be_read_again_first(home: Home, program: str) -> None:
    home.write(THEIRS)
    home.shim(program, FAILS)
    assert home.swap(OLD, NEW) == stale(THEIRS)
    assert home.left == THEIRS


def test_a_directory_that_takes_no_file_is_named_after_a_file_that_has_changed(home: Home) -> None:
    home.write(THEIRS)
    home.file.parent.chmod(0o500)
    assert home.swap(OLD, NEW) == stale(THEIRS)
    refusal = home.swap(THEIRS, NEW)
    assert refusal == Said("TMP", "", 17)
    assert "denied" in refusal.stderr.splitlines()[-1]
    assert home.left == THEIRS


@pytest.mark.parametrize("old", [OLD, None], ids=["read before", "never read"])
@pytest.mark.parametrize("new", [NEW, None], ids=["a write", "taken away"])
@pytest.mark.parametrize("mode", [0o700, 0o500], ids=["a directory", "a directory that takes no file"])
def test_a_file_that_cannot_be_read_is_named_and_left(
    home: Home, old: bytes | None, new: bytes | None, mode: int
) -> None:
    home.write(OLD, mode=0)
    home.file.parent.chmod(mode)
    refusal = home.swap(old, new)
    assert refusal == Said("READ", "", 15)
    assert "denied" in refusal.stderr.splitlines()[-1]
    home.file.parent.chmod(0o700)
    home.file.chmod(0o600)
    assert home.left == OLD


def test_a_file_that_could_not_be_read_for_a_moment_is_read_again(home: Home) -> None:
    home.write(OLD)
    home.shim("sha256sum", 'case $1 in -) shift; @REAL "$@"; exit 1;; esac; exec @REAL "$@"')
    assert home.swap(OLD, OLD) == stale(OLD)
    assert home.left == OLD


@pytest.mark.parametrize(("there", "said"), [(OLD, Said("READ", "", 15)), (None, Said("SHORT", "", 19))])
def test_a_node_that_cannot_hash_changes_nothing(home: Home, there: bytes | None, said: Said) -> None:
    home.write(there)
    home.shim("sha256sum", FAILS)
    assert home.swap(there, NEW) == said
    assert home.left == there


# --- what it costs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "new", "programs"),
    [
        (OLD, NEW, ["cp", "head", "sha256sum", "sync", "mv", "sha256sum"]),
        (None, NEW, ["head", "sha256sum", "sync", "mv", "sha256sum"]),
        (OLD, None, ["sha256sum", "rm"]),
    ],
    ids=["a write", "a first line", "taken away"],
)
def test_no_program_is_started_that_is_not_needed(
    home: Home, there: bytes | None, new: bytes | None, programs: list[str]
) -> None:
    """Each costs a node more than a millisecond."""
    home.write(there)
    log = home.place / "log"
    for name in APPLETS:
        home.shim(name, f'echo {name} >>"{log}"; exec @REAL "$@"')
    assert home.swap(there, new) == OK
    assert log.read_text().split() == programs


FLOCKS = {
    "util-linux": 'case $1 in -w) : >"$HOME/asked" ;; esac; exec @REAL "$@"',
    "busybox": 'case $1 in -n) exec @REAL "$@" ;; esac; echo "Usage: flock [-sxun] FD | FILE [-c] PROG" >&2; exit 1',
}
WAITS = ': >"$HOME/asked"; until [ -e "$HOME/given" ]; do @REAL 0.02; done'


@pytest.mark.parametrize("kind", FLOCKS)
def test_a_lock_that_somebody_holds_is_waited_for(home: Home, kind: str) -> None:
    home.write(OLD)
    home.shim("flock", FLOCKS[kind], require_binary("flock"))
    home.shim("sleep", WAITS, require_binary("sleep"))
    with held(home) as lock:

        def let_go() -> None:
            while not (home.place / "asked").exists():
                time.sleep(0.01)
            fcntl.flock(lock, fcntl.LOCK_UN)
            (home.place / "given").touch()

        waiting = threading.Thread(target=let_go, daemon=True)
        waiting.start()
        assert home.swap(OLD, NEW) == OK
        waiting.join(10)
    assert home.left == NEW


@pytest.mark.parametrize("kind", FLOCKS)
def test_a_lock_that_is_never_given_back_is_told(home: Home, kind: str) -> None:
    home.write(OLD)
    flock = FLOCKS[kind].replace('exec @REAL "$@"', 'case $1 in -w) shift; set -- -w 0.1 9 ;; esac; exec @REAL "$@"')
    home.shim("flock", flock, require_binary("flock"))
    home.shim("sleep", "exit 0", require_binary("sleep"))
    with held(home):
        assert home.swap(OLD, NEW) == Said("LOCK", "", 14)
    assert home.left == OLD


@contextlib.contextmanager
def held(home: Home) -> Iterator[int]:
    """Somebody else has the lock."""
    lock = os.open(home.file.parent, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)
