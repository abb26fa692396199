"""Secrets come from where the configuration says, and never show."""

import sys
import time
from pathlib import Path

import pytest

from homelab_tui.config.model import SecretRef
from homelab_tui.domain.errors import SourceRefused
from homelab_tui.sources import secret_refs
from homelab_tui.sources.secret_refs import is_lasting, resolve

PYTHON = sys.executable


def told(ref: SecretRef) -> str:
    """The message of the refusal."""
    with pytest.raises(SourceRefused) as caught:
        resolve(ref, "prometheus.main.bearer_token")
    chain: BaseException | None = caught.value
    while chain is not None:  # what a traceback would show, too
        assert "hunter2" not in str(chain)
        assert "hunter2" not in repr(getattr(chain, "output", None))
        chain = chain.__cause__
    assert str(caught.value).startswith("prometheus.main.bearer_token: ")
    return str(caught.value)


def test_each_place_gives_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("hunter2 \nsecond line\n")
    monkeypatch.setenv("HOMELAB_TEST_TOKEN", "hunter2")
    script = "print('hunter2'); print('second line')"
    assert resolve(SecretRef(inline="hunter2"), "x").reveal() == "hunter2"
    assert resolve(SecretRef(file=file), "x").reveal() == "hunter2 "
    assert resolve(SecretRef(env="HOMELAB_TEST_TOKEN"), "x").reveal() == "hunter2"
    assert resolve(SecretRef(command=(PYTHON, "-c", script)), "x").reveal() == "hunter2"


def test_a_file_is_read_again_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token"
    ref = SecretRef(file=file)
    for text in ("one", "two"):
        file.write_text(text)
        assert resolve(ref, "x").reveal() == text
    assert not is_lasting(ref)
    assert is_lasting(SecretRef(env="X"))


def test_a_home_directory_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "token").write_text("hunter2")
    assert resolve(SecretRef(file=Path("~/token")), "x").reveal() == "hunter2"


def test_a_refusal_names_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOMELAB_TEST_TOKEN", raising=False)
    empty = tmp_path / "empty"
    empty.write_text("\nhunter2\n")
    assert "No such file" in told(SecretRef(file=tmp_path / "missing"))
    assert "Is a directory" in told(SecretRef(file=tmp_path))
    assert f"{empty} is empty" in told(SecretRef(file=empty))
    assert "cannot be read" in told(SecretRef(file=Path("~no-such-user-here/token")))
    assert "HOMELAB_TEST_TOKEN is not set" in told(SecretRef(env="HOMELAB_TEST_TOKEN"))
    assert "value in the configuration is empty" in told(SecretRef(inline=""))
    assert "does not say where" in told(SecretRef())


def test_a_secret_that_is_not_text_is_refused_without_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "binary"
    file.write_bytes(b"hunter2\xff\xfe")
    assert "not text" in told(SecretRef(file=file))


def test_a_failing_command_tells_its_status_and_nothing_it_printed() -> None:
    script = "import sys; print('hunter2'); print('hunter2', file=sys.stderr); sys.exit(3)"
    assert "exit status 3" in told(SecretRef(command=(PYTHON, "-c", script)))
    assert "No such file" in told(SecretRef(command=("/nonexistent/program",)))
    assert "cannot be run" in told(SecretRef(command=(PYTHON, "\0")))
    assert "is empty" in told(SecretRef(command=(PYTHON, "-c", "")))


def test_a_command_gets_no_terminal_and_no_shell(tmp_path: Path) -> None:
    script = "import sys; print(sys.stdin.read() == '' and sys.argv[1])"
    assert resolve(SecretRef(command=(PYTHON, "-c", script, "$HOME; *")), "x").reveal() == "$HOME; *"


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_refs, "_COMMAND_TIMEOUT_S", 0.3)
    script = "import time; print('hunter2', flush=True); time.sleep(60)"
    start = time.monotonic()
    assert "within 0.3 s" in told(SecretRef(command=(PYTHON, "-c", script)))
    assert time.monotonic() - start < 10


def test_a_secret_does_not_show() -> None:
    ref = SecretRef(inline="hunter2")
    assert "hunter2" not in repr(ref)
    assert "hunter2" not in f"{resolve(ref, 'x')!r} {resolve(ref, 'x')}"
