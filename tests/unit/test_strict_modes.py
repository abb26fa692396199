"""Which modes make sshd ignore an authorized_keys file (tests/real asks sshd itself)."""

import pytest

from homelab_tui.domain.strict_modes import PathMode, strict_modes_faults

HOME = PathMode("/home/me", 1000, 1000, 0o755)
SSH = PathMode("/home/me/.ssh", 1000, 1000, 0o700)


def faults(*chain: PathMode, is_debian: bool = False) -> tuple[str, ...]:
    return strict_modes_faults(chain, uid=1000, user="me", is_debian=is_debian)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400, 0o755, 0o700])
def test_what_only_the_owner_may_write_is_read(mode: int) -> None:
    assert faults(PathMode("/f", 1000, 1000, mode), SSH, HOME) == ()


def test_root_may_own_any_of_it() -> None:
    assert faults(PathMode("/f", 0, 0, 0o644), PathMode("/home/me/.ssh", 0, 0, 0o755), HOME) == ()


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (PathMode("/f", 1001, 1000, 0o600), "/f belongs to uid 1001, so sshd ignores the keys"),
        (
            PathMode("/f", 1000, 7, 0o660),
            "/f is writable by group 7 (mode 660), so sshd ignores the keys: chmod g-w it",
        ),
        (
            PathMode("/f", 1000, 7, 0o666),
            "/f is writable by everybody (mode 666), so sshd ignores the keys: chmod o-w it",
        ),
    ],
)
def test_the_path_that_is_wrong_is_named_with_its_cure(place: PathMode, sentence: str) -> None:
    assert faults(SSH, place, HOME) == (sentence,)


@pytest.mark.parametrize(
    ("members", "is_debian", "is_read"),
    [
        (("me",), True, True),
        (("me",), False, False),
        (("me", "other"), True, False),
        ((), True, False),
        (None, True, False),
    ],
)
def test_only_debian_lets_the_users_own_private_group_write(
    members: tuple[str, ...] | None, is_debian: bool, is_read: bool
) -> None:
    place = PathMode("/home/me/.ssh", 1000, 1000, 0o775, members)
    assert (faults(place, HOME, is_debian=is_debian) == ()) == is_read
