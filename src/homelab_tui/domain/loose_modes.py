"""What `chmod go-w` can do against StrictModes: which paths of an account somebody else may write to, and the cure."""

from collections.abc import Iterable

from homelab_tui.domain.strict_modes import PathMode, is_loose, strict_modes_fault
from homelab_tui.domain.values import Frozen

_OTHERS_WRITE = 0o022
_PLAIN = frozenset("/._-+@%:,")


class LoosePath(Frozen):
    """One path that belongs to the account, and that others may write to."""

    path: str
    """Absolute, with links resolved."""
    mode: int
    """Permission bits, as they were read."""

    @property
    def after(self) -> int:
        """The bits without what others may write."""
        return self.mode & ~_OTHERS_WRITE

    @property
    def words(self) -> str:
        """`/home/me 775 → 755`."""
        return f"{self.path} {self.mode:o} → {self.after:o}"

    @property
    def undo(self) -> str:
        """The command that gives exactly the bits back that went."""
        who = "g" * bool(self.mode & 0o020) + "o" * bool(self.mode & 0o002)
        return f"chmod {who}+w {self.path}"


class LooseModes(Frozen):
    """Everything that StrictModes finds wrong with an account's files."""

    paths: tuple[LoosePath, ...] = ()
    """What the account itself can mend, the home first: no path is mended below one that others still write to."""
    beyond: tuple[str, ...] = ()
    """What it cannot, one sentence each."""


NOTHING_LOOSE = LooseModes()


def find_loose(chains: Iterable[tuple[PathMode, ...]], *, uid: int, user: str, is_debian: bool) -> LooseModes:
    """What is wrong on the ways from the files up to the home."""
    paths: dict[str, LoosePath] = {}
    beyond: dict[str, None] = {}
    for chain in chains:
        for place in reversed(chain):
            if strict_modes_fault(place, uid=uid, user=user, is_debian=is_debian) is None:
                continue
            why = _why_beyond(place, chain, uid=uid, user=user, is_debian=is_debian)
            if why is None:
                paths[place.path] = LoosePath(place.path, place.mode)
            else:
                beyond[why] = None
    ordered = sorted(paths.values(), key=lambda loose: loose.path.count("/"))
    return LooseModes(tuple(ordered), tuple(beyond))


def _why_beyond(place: PathMode, chain: tuple[PathMode, ...], *, uid: int, user: str, is_debian: bool) -> str | None:
    if place.owner_uid != uid:
        return f"{place.path} belongs to uid {place.owner_uid}, not to the account: its owner has to mend it"
    home = chain[-1].path
    if home == "/" or not (place.path == home or place.path.startswith(f"{home}/")):
        return f"{place.path} lies outside the home (a link leads there, or sshd reads it there): mend it by hand"
    if not all(char.isalnum() or char in _PLAIN for char in place.path):
        return f"{place.path} is not a path that homelab changes: mend it by hand"
    foreign = next((other for other in chain if other.owner_uid not in (0, uid)), None)
    if foreign is not None:
        return f"{foreign.path} belongs to uid {foreign.owner_uid}, so {place.path} is not ours to mend"
    above = (other for other in chain if place.path.startswith(f"{other.path}/") and other.owner_uid != uid)
    loose = next((other for other in above if is_loose(other, user=user, is_debian=is_debian)), None)
    if loose is not None:
        return f"{loose.path} above it lets others write, so {place.path} is not safe to mend"
    return None
