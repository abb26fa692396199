"""Taking others' right to write from an account's files, as the account itself: what StrictModes asks for.

Blocking: it runs inside a session's thread.
"""

import shlex

from homelab_tui.domain.keys import AccountKeys, CellState, ModesMended
from homelab_tui.domain.loose_modes import LoosePath
from homelab_tui.sources.ssh_account import AccountReading, keys_found, loose_modes, no_answer
from homelab_tui.sources.ssh_commands import Output, RunsCommands
from homelab_tui.sources.ssh_routes import printable
from homelab_tui.sources.ssh_scripts import MARK, new_mark
from homelab_tui.sources.ssh_sessions import Session
from homelab_tui.sources.ssh_writes import read_account

# The home comes first: once nobody else can write to a directory, what is looked at in it is what is changed. Never by
# sudo; and where the account is root itself, nobody else may be able to swap its home (CVE-2026-11837). `cd -P` and
# `pwd -P` show a link on the way.
_MEND = r"""
main() {
LC_ALL=C; export LC_ALL
say() { printf '\n@@HL %s\n' "$*"; }
home=$(cd 2>/dev/null && pwd -P) || { say NOHOME; return; }
i=$(id -u)
if [ "$i" = 0 ]; then
  up=$home
  while [ "$up" != / ]; do
    up=${up%/*}; up=${up:-/}
    case $(stat -c '%u %a' "$up") in
      *[2367]?|*[2367]) say ABOVE "$up"; return ;;
      '0 '*) ;;
      *) say ABOVE "$up"; return ;;
    esac
  done
fi
mend() {
  p=$1; d=${p%/*}; d=${d:-/}; n=./${p##*/}
  case $p in "$home"|"$home"/*) ;; *) say OUTSIDE "$p"; return 1 ;; esac
  cd -P "$d" 2>/dev/null && [ "$(pwd -P)" = "$d" ] || { say MOVED "$p"; return 1; }
  [ ! -L "$n" ] || { say LINK "$p"; return 1; }
  [ -e "$n" ] || { say GONE "$p"; return 1; }
  [ -O "$n" ] || { say OWNER "$p"; return 1; }
  was=$(stat -c %a "$n")
  [ "$was" = "$3" ] && return 0
  [ "$was" = "$2" ] || { say MODE "$p"; return 1; }
  chmod go-w "$n" && [ "$(stat -c %a "$n")" = "$3" ] || { say CHMOD "$p"; return 1; }
}
@PATHS
say DONE
}
main </dev/null
"""
_WHY = {
    "NOHOME": "its home directory is missing or cannot be entered",
    "ABOVE": "others could swap root's home, because they own or may write to",
    "OUTSIDE": "it lies outside the home:",
    "MOVED": "a link has come in on the way to",
    "LINK": "it is a link now:",
    "GONE": "it is not there any more:",
    "OWNER": "it does not belong to the account:",
    "MODE": "its mode has changed since it was read, look again:",
    "CHMOD": "the mode cannot be changed (read-only, or immutable? lsattr shows it):",
}
"""What the script says -> the words before the path it is about."""


class Mending:
    """What is to be mended, what was sent, and what came of it: for the case that the link breaks before the answer."""

    def __init__(self, wanted: tuple[LoosePath, ...]) -> None:
        self.wanted = wanted
        self.sent: dict[str, LoosePath] = {}
        self.problem: str | None = None
        self._ignored: set[str] = set()
        self._now: dict[str, int] = {}

    def saw(self, reading: AccountReading, server_version: str) -> None:
        """The account as it was before anything was sent."""
        self._ignored |= _fingerprints(reading, server_version, ignored=True)

    def ended(self, reading: AccountReading, server_version: str) -> None:
        """The account as it is now."""
        self._now = {place.path: place.mode for file in reading.files for place in file.chain}
        self._ignored &= _fingerprints(reading, server_version, ignored=False)

    def judged(self, account: AccountKeys) -> ModesMended:
        """What is done, by the second look."""
        changed = tuple(loose for path, loose in self.sent.items() if self._now.get(path) == loose.after)
        return ModesMended(changed, account, tuple(sorted(self._ignored)), self.problem)


def mend_modes(session: Session, mending: Mending) -> AccountReading:
    """`chmod go-w` on what is still as it was read; the account as it is then.

    What kept it from being done is in `mending.problem`.
    """
    version = session.server_version
    reading = read_account(session)
    if not mending.sent:
        mending.saw(reading, version)
    there = {loose.path for loose in loose_modes(reading, version).paths}
    due = tuple(loose for loose in mending.wanted if loose.path in there)
    mending.problem = None
    if due:
        mending.sent |= {loose.path: loose for loose in due}
        mending.problem = chmod(session, due)
        reading = read_account(session)
    mending.ended(reading, version)
    return reading


def chmod(session: RunsCommands, due: tuple[LoosePath, ...]) -> str | None:
    """Runs the script; what stopped it, in a sentence, None when nothing did."""
    mark = new_mark()
    calls = (f"mend {shlex.quote(loose.path)} {loose.mode:o} {loose.after:o} || return" for loose in due)
    script = _MEND.replace(MARK, mark).replace("@PATHS", "\n".join(calls))
    return _problem(session.run("sh -s", script.encode()), session.where, mark)


def _problem(output: Output, where: str, mark: str) -> str | None:
    lines = output.stdout.decode("utf-8", "replace").splitlines()
    marked = [line[len(mark) + 1 :] for line in lines if line.startswith(f"{mark} ")]
    word, _, path = marked[-1].partition(" ") if marked else ("", "", "")
    if word == "DONE":
        return None
    if word not in _WHY:
        raise no_answer(output, where)
    return f"{_WHY[word]} {printable(path)}".rstrip()


def _fingerprints(reading: AccountReading, server_version: str, *, ignored: bool) -> set[str]:
    cells = keys_found(reading, server_version).cells
    return {cell.fingerprint for cell in cells if (cell.state is CellState.IGNORED) is ignored}
