"""The locks are what every machine installs: complete, hashed, agreeing with each other, and tied to no index."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def pins(lock: str) -> dict[str, Version]:
    """Normalised name -> version."""
    text = (ROOT / lock).read_text()
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in found}


def wanted(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes(lock: str) -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / lock).read_text())[1:]
    assert len(entries) == len(pins(lock)) > 20
    assert [entry.partition("==")[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_no_directory_of_the_machine_that_made_it(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links|(?:^|\s)/\w+|file:| @ ", text) == []


@pytest.mark.parametrize(("lock", "extras"), [(LOCKS[0], ("build",)), (LOCKS[1], ("build", "dev"))])
def test_a_lock_fits_pyproject(lock: str, extras: tuple[str, ...]) -> None:
    locked = pins(lock)
    for requirement in wanted(*extras):
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{name} is not in {lock}: run make lock"
        assert requirement.specifier.contains(locked[name]), f"{requirement} but {locked[name]}: run make lock"


def test_what_is_run_is_what_is_tested() -> None:
    assert pins(LOCKS[0]).items() <= pins(LOCKS[1]).items()


def test_every_dependency_has_a_range() -> None:
    floating = [str(requirement) for requirement in wanted("build", "dev") if not requirement.specifier]
    assert floating == []
