"""Which file is the configuration, and what is said of one that cannot be."""

from pathlib import Path

import pytest

from homelab_tui.config.load import LARGEST_BYTES, config_path, load_config
from homelab_tui.domain.errors import ConfigError


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_an_inline_secret_in_a_file_that_others_can_read_is_a_warning(tmp_path: Path, mode: int, warned: bool) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[[switches]]\nname = "sw1"\nhost = "s"\ncommunity = "s3cret"')
    path.chmod(mode)
    warnings = load_config(str(path)).warnings
    assert warnings == () or ("switches[0].community" in warnings[0] and "s3cret" not in warnings[0])
    assert bool(warnings) is warned


def test_a_megabyte_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("".join(f'[[nodes]]\nname = "n{number}"\nhost = "10.0.0.1"\n' for number in range(25_000)))
    assert path.stat().st_size > 1_000_000
    assert len(load_config(str(path)).nodes) == 25_000


def refused(given: str | None = None) -> str:
    """Why the file is not a configuration."""
    with pytest.raises(ConfigError) as caught:
        load_config(given)
    return str(caught.value)


def test_a_place_that_is_not_a_file_says_so(tmp_path: Path) -> None:
    assert refused(str(tmp_path)) == f"{tmp_path}: cannot be read: Is a directory"
    assert refused(str(tmp_path / "none")) == f"{tmp_path / 'none'}: there is no such file"
    (tmp_path / "binary").write_bytes(b"a = 1\nb = '\xff'")
    assert refused(str(tmp_path / "binary")) == f"{tmp_path / 'binary'}:2: is not UTF-8 text"
    assert refused("/dev/zero") == f"/dev/zero: is larger than {LARGEST_BYTES // 10**6} MB: is this the right file?"


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("")
    path.chmod(0)
    try:
        path.read_bytes()
    except PermissionError:
        assert refused(str(path)) == f"{path}: cannot be read: Permission denied"
    else:
        pytest.skip("root reads everything")


def test_the_place_is_the_option_else_the_variable_else_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOMELAB_CONFIG", "/env.toml")
    assert config_path("/given.toml") == Path("/given.toml")
    assert config_path(None) == Path("/env.toml")
    monkeypatch.delenv("HOMELAB_CONFIG")
    assert config_path(None) == tmp_path / "homelab" / "config.toml"
    why = refused()
    assert str(tmp_path / "homelab" / "config.toml") in why
    assert "homelab init" in why
    assert "homelab demo" in why
