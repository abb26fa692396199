"""StrictModes: which file modes make sshd ignore an authorized_keys file. sshd tells only its own log why.

The rule (OpenSSH's safe_path): the file, and every directory from it up to the home, belongs to the account or to root
and nobody else may write to it. Debian and Ubuntu allow group-writable when the group is the user's own private one.
"""

from homelab_tui.domain.values import Frozen


class PathMode(Frozen):
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
    faults = (strict_modes_fault(place, uid=uid, user=user, is_debian=is_debian) for place in chain)
    return tuple(fault for fault in faults if fault is not None)


def strict_modes_fault(place: PathMode, *, uid: int, user: str, is_debian: bool) -> str | None:
    """What is wrong with one path, in a sentence; None when nothing is."""
    if place.owner_uid not in (0, uid):
        return f"{place.path} belongs to uid {place.owner_uid}, so sshd ignores the keys"
    if not is_loose(place, user=user, is_debian=is_debian):
        return None
    return _writable(place, "everybody" if place.mode & 0o002 else f"group {place.group_gid}")


def is_loose(place: PathMode, *, user: str, is_debian: bool) -> bool:
    """Whether somebody whom sshd minds may write to the path."""
    is_private_group = is_debian and place.group_members == (user,)
    return bool(place.mode & 0o002) or (bool(place.mode & 0o020) and not is_private_group)


def _writable(place: PathMode, who: str) -> str:
    letters = "o" if place.mode & 0o002 else "g"
    return f"{place.path} is writable by {who} (mode {place.mode:o}), so sshd ignores the keys: chmod {letters}-w it"
