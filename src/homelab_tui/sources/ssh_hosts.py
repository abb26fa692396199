"""The names of the nodes in an /etc/hosts: a block of our own, by compare-and-swap as root. Blocking."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence

from homelab_tui.domain.errors import SourceConflict, SourceGarbled, SourceRefused
from homelab_tui.domain.hosts_block import BrokenBlock, hosts_lines, with_block, without_block
from homelab_tui.domain.keys import NodeChange
from homelab_tui.domain.secrets import Secret
from homelab_tui.sources.ssh_commands import RunsCommands
from homelab_tui.sources.ssh_root import MayBecomeRoot, run_as_root
from homelab_tui.sources.ssh_scripts import TAKE_LOCK, new_mark

_TRIES = 3
_SWAP = r"""
f=/etc/hosts
[ -L "$f" ] && { say LINK; exit 1; }
[ -f "$f" ] || { say NOTREG; exit 1; }
h() { sha256sum | cut -d" " -f1; }
@TAKE_LOCK
command exec 9</etc && { ! command -v flock >/dev/null 2>&1 || lock; } || { say LOCK; exit 1; }
[ "$(h <"$f")" = @OLD ] || { say STALE; exit 1; }
t=$(mktemp "$f.hl.XXXXXX") || { say WRITE; exit 1; }
trap 'rm -f -- "$t"' EXIT
trap 'exit 30' HUP TERM INT PIPE
cp -a -- "$f" "$t" && printf %s @DATA | base64 -d >"$t" || { say WRITE; exit 1; }
[ "$(h <"$t")" = @NEW ] || { say WRITE; exit 1; }
sync
mv -f -- "$t" "$f" 2>/dev/null || { say RENAME; exit 1; }
command -v restorecon >/dev/null 2>&1 && restorecon -F "$f"
[ "$(h <"$f")" = @NEW ] || { say STALE; exit 1; }
say OK
"""
_WHY = {
    "LINK": "/etc/hosts is a link: something else manages it",
    "NOTREG": "/etc/hosts is no plain file",
    "LOCK": "somebody else holds the lock on /etc",
    "WRITE": "/etc cannot be written to (read-only, or full)",
    "RENAME": "/etc/hosts cannot be replaced (immutable, or mounted from elsewhere)",
}


def write_hosts(
    session: RunsCommands, who: MayBecomeRoot, entries: Sequence[tuple[str, str]], password: Secret | None
) -> NodeChange:
    """Keeps these names and addresses in the /etc/hosts of a node, or of this machine; without any, the block goes.

    Raises: CredentialsNeeded when sudo wants a password; SourceRefused with the reason, nothing changed.
    """

    def edited(data: bytes) -> bytes:
        return with_block(data, hosts_lines(entries)) if entries else without_block(data)

    for _ in range(_TRIES):
        change = _try(session, who, edited, password)
        if change is not None:
            words = f"{len(entries)} names in /etc/hosts" if entries else "the block is gone from /etc/hosts"
            return NodeChange(change, words if change else f"as it should be: {words}")
    raise SourceConflict(f"{session.where}: /etc/hosts changes all the time; nothing was written")


def _try(
    session: RunsCommands, who: MayBecomeRoot, edited: Callable[[bytes], bytes], password: Secret | None
) -> bool | None:
    """Whether the file was changed; None when somebody else wrote to it in between."""
    data = _read(session)
    try:
        after = edited(data)
    except BrokenBlock as error:
        raise SourceRefused(f"{session.where}: /etc/hosts: {error}; nothing was changed") from error
    if after == data:
        return False
    old, new = hashlib.sha256(data).hexdigest(), hashlib.sha256(after).hexdigest()
    script = _SWAP.replace("@TAKE_LOCK", TAKE_LOCK).replace("@OLD", old).replace("@NEW", new)
    script = script.replace("@DATA", base64.b64encode(after).decode("ascii"))
    word = run_as_root(session, who, script, password)[-1][0]
    if word == "STALE":
        return None
    if word != "OK":
        raise SourceRefused(f"{session.where}: {_WHY.get(word, word)}; nothing was changed")
    return True


def _read(session: RunsCommands) -> bytes:
    mark = new_mark()
    script = f"printf '\\n{mark} '; base64 </etc/hosts | tr -d '\\n'; printf ' END\\n'\n"
    output = session.run("sh -s", script.encode()).stdout.decode("ascii", "replace")
    for line in output.splitlines():
        if line.startswith(f"{mark} ") and line.endswith(" END"):
            try:
                return base64.b64decode(line[len(mark) + 1 : -4], validate=True)
            except binascii.Error:
                break
    raise SourceGarbled(f"{session.where}: /etc/hosts could not be read; nothing was changed")
