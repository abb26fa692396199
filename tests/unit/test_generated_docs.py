"""The pages that are made from the code are as the code is."""

import shutil
from pathlib import Path

import pytest

from homelab_tui.commands import COMMANDS
from homelab_tui.config.keymap import shown_key
from homelab_tui.config.load import parse_config
from scripts.generate_docs import CHECKOUT, main


def test_no_generated_page_is_stale(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The pages of this checkout, to spoil."""
    shutil.copytree(CHECKOUT / "docs", tmp_path / "docs")
    shutil.copy(CHECKOUT / "README.md", tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", ["docs/config.md", "docs/keys.md", "README.md"])
def test_a_stale_page_is_named_and_made_anew(copy: Path, capsys: pytest.CaptureFixture[str], page: str) -> None:
    good = (copy / page).read_text()
    (copy / page).write_text(good.replace("`", "'"))
    assert main(["--check"], copy) == 1
    assert f"{page} is stale: make docs" in capsys.readouterr().err
    assert main([], copy) == 0
    assert main(["--check"], copy) == 0
    assert (copy / page).read_text() == good or page == "README.md"


def test_a_readme_without_a_place_for_the_keys_is_not_in_order(copy: Path) -> None:
    (copy / "README.md").write_text("# homelab\n")
    assert main(["--check"], copy) == 1
    assert (copy / "README.md").read_text() == "# homelab\n"


def test_the_keymap_on_the_keys_page_is_a_configuration() -> None:
    _, _, rest = (CHECKOUT / "docs" / "keys.md").read_text().partition("```toml\n")
    assert len(parse_config(rest.partition("```")[0], Path("config.toml")).ui.keymap) == 2


def test_every_command_is_on_the_keys_page() -> None:
    page = (CHECKOUT / "docs" / "keys.md").read_text()
    assert [command.id for command in COMMANDS if f"`{command.id}`" not in page] == []


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("slash", "/"),
        ("question_mark", "?"),
        ("escape", "esc"),
        ("ctrl+p", "ctrl+p"),
        ("space", "space"),
        ("D", "D"),
        ("tab", "tab"),
        ("ctrl+at", "ctrl+@"),
        ("f5", "f5"),
        ("delete", "delete"),
        ("exclamation_mark", "!"),
    ],
)
def test_a_key_is_shown_as_people_call_it(key: str, shown: str) -> None:
    assert shown_key(key) == shown
