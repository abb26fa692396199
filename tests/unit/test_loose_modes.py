"""Which of the paths that StrictModes minds the account itself can mend (tests/real does it on Debian's sshd)."""

import pytest

from homelab_tui.domain.loose_modes import LoosePath, find_loose
from homelab_tui.domain.strict_modes import PathMode

HOME = PathMode("/home/me", 1000, 1000, 0o755)
SSH = PathMode("/home/me/.ssh", 1000, 1000, 0o700)
FILE = PathMode("/home/me/.ssh/authorized_keys", 1000, 1000, 0o600)


def find(*chain: PathMode, is_debian: bool = False, uid: int = 1000) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = find_loose([chain, chain], uid=uid, user="me", is_debian=is_debian)
    return tuple(loose.words for loose in found.paths), found.beyond


def with_mode(place: PathMode, mode: int, *, owner: int = 1000, path: str | None = None) -> PathMode:
    return PathMode(path or place.path, owner, 1000, mode, ("me",))


def test_what_others_may_write_to_is_named_once_with_both_modes_the_home_first() -> None:
    chain = (with_mode(FILE, 0o666), with_mode(SSH, 0o777), with_mode(HOME, 0o2775))
    paths = ("/home/me 2775 → 2755", "/home/me/.ssh 777 → 755", "/home/me/.ssh/authorized_keys 666 → 644")
    assert find(*chain) == (paths, ())
    assert find(FILE, SSH, HOME) == ((), ())


def test_debians_private_group_is_no_finding() -> None:
    assert find(FILE, SSH, with_mode(HOME, 0o775), is_debian=True) == ((), ())


@pytest.mark.parametrize(
    ("mode", "after", "undo"),
    [
        (0o775, 0o755, "chmod g+w /p"),
        (0o707, 0o705, "chmod o+w /p"),
        (0o666, 0o644, "chmod go+w /p"),
        (0o1777, 0o1755, "chmod go+w /p"),
    ],
)
def test_only_the_right_of_others_to_write_goes_and_the_undo_gives_exactly_that_back(
    mode: int, after: int, undo: str
) -> None:
    loose = LoosePath("/p", mode)
    assert (loose.after, loose.undo) == (after, undo)


@pytest.mark.parametrize(
    ("chain", "sentence"),
    [
        ((FILE, with_mode(SSH, 0o777, owner=0), HOME), "/home/me/.ssh belongs to uid 0, not to the account"),
        ((FILE, with_mode(SSH, 0o777, owner=7), HOME), "/home/me/.ssh belongs to uid 7, not to the account"),
        (
            (with_mode(FILE, 0o666, path="/srv/keys"), PathMode("/srv", 0, 0, 0o755), PathMode("/", 0, 0, 0o755)),
            "/srv/keys lies outside the home",
        ),
        ((with_mode(FILE, 0o666, path="/home/me/.ssh/a b"), SSH, HOME), "/home/me/.ssh/a b is not a path that homelab"),
        ((with_mode(FILE, 0o666), PathMode(SSH.path, 7, 7, 0o755), HOME), "so /home/me/.ssh/authorized_keys is not"),
        ((with_mode(FILE, 0o666), with_mode(SSH, 0o777, owner=0), HOME), "/home/me/.ssh above it lets others write"),
    ],
    ids=["root's", "somebody's", "outside", "odd name", "below somebody's", "below root's loose one"],
)
def test_what_is_not_the_accounts_to_mend_is_told_and_left(chain: tuple[PathMode, ...], sentence: str) -> None:
    paths, beyond = find(*chain)
    assert paths == ()
    assert any(sentence in why for why in beyond)
