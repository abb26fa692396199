"""StrictModes: which file modes make sshd ignore an authorized_keys file. sshd tells only its own log why.

The rule (OpenSSH's safe_path): the file, and every directory from it up to the home, belongs to the account or to root
and nobody else may write to it. Debian and Ubuntu allow group-writable when the group is the user's own private one.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PathMode:
    """One path on the way from the file up to the home, with links resolved."""

    path: str
    owner_uid: int
    group_gid: int
    mode: int
    """Permission bits."""
    group_members: tuple[str, ...] | None = None
    """Everybody in the group, primary or not; None when it was not asked."""


def strict_modes_faults(chain: tuple[PathMode, ...], *, uid: int, user: str, is_debian: bool) -> tuple[str, ...]:
    """Why sshd ignores the file, one sentence for each path that is wrong; empty when it reads it."""
    faults: list[str] = []
    for place in chain:
        if place.owner_uid not in (0, uid):
            faults.append(f"{place.path} belongs to uid {place.owner_uid}, so sshd ignores the keys")
        elif place.mode & 0o002:
            faults.append(_writable(place, "everybody"))
        elif place.mode & 0o020 and not (is_debian and place.group_members == (user,)):
            faults.append(_writable(place, f"group {place.group_gid}"))
    return tuple(faults)


def _writable(place: PathMode, who: str) -> str:
    letters = "o" if place.mode & 0o002 else "g"
    return f"{place.path} is writable by {who} (mode {place.mode:o}), so sshd ignores the keys: chmod {letters}-w it"
