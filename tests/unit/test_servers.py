import sys
from pathlib import Path

import pytest

from tests.servers import require_binary


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_a_program_on_the_path_is_found(empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = empty_path / "a-server"
    program.symlink_to(sys.executable)
    monkeypatch.setenv("CI", "true")
    assert require_binary("a-server") == program


def test_in_ci_a_missing_server_fails_the_test(empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-server is not installed"):
        require_binary("no-such-server")


@pytest.mark.parametrize("ci", ["", "false", "0"])
def test_on_a_laptop_a_missing_server_skips_the_test_by_name(
    ci: str, empty_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(pytest.skip.Exception, match="no-such-server is not installed"):
        require_binary("no-such-server")
