"""`homelab init`, from files to a configuration, as a person starts it."""

import json
import os
import stat
from pathlib import Path

import pytest

from homelab_tui.cli import init, main
from homelab_tui.config.load import load_config

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "inventories"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own."""
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(path / "etc"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("HOMELAB_CONFIG", raising=False)
    return path


def all_of_it(*more: str) -> list[str]:
    options = ["--from-kubespray", "old.ini", "--from-ssh-config", "ssh_config", "--from-hosts", "hosts"]
    options += ["--kubeconfig", "kubeconfig"]
    return ["init", *(str(FIXTURES / text) if (FIXTURES / text).exists() else text for text in options), *more]


def test_a_configuration_is_made_of_four_files(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(all_of_it("--json")) == 0
    out, told = capsys.readouterr()
    path = home / "etc" / "homelab" / "config.toml"
    config = load_config()
    assert config.path == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    document = json.loads(out)
    assert document["path"] == str(path)
    assert document["nodes"] == [node.name for node in config.nodes]
    assert document["nodes"] == ["nuc01", "nuc02", "nuc03", "lonely", "rpi01", "gate", "rpi02.home"]
    assert document["clusters"] == ["nuc", "arn-home-pi-cluster"]
    assert f"kubespray inventory {FIXTURES / 'old.ini'}: 4 nodes" in told
    assert f"kubeconfig {FIXTURES / 'kubeconfig'}: 2 clusters" in told
    assert "s3cret" not in path.read_text()
    assert f"# {FIXTURES / 'old.ini'}:3" in path.read_text()
    assert list(path.parent.iterdir()) == [path]


def test_an_existing_file_is_never_overwritten_without_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("# mine\n")
    assert main(all_of_it("--output", str(path))) == 2
    assert f"{path} is there already" in capsys.readouterr().err
    assert path.read_text() == "# mine\n"
    assert main(all_of_it("--output", str(path), "--force")) == 0
    assert len(load_config(str(path)).nodes) == 7


def test_a_link_stays_a_link_and_a_dangling_one_counts_as_there(tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(tmp_path / "real.toml")
    assert main(all_of_it("--output", str(link))) == 2
    assert main(all_of_it("--output", str(link), "--force")) == 0
    assert link.is_symlink()
    assert len(load_config(str(tmp_path / "real.toml")).nodes) == 7


def test_to_stdout_nothing_is_written(home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(all_of_it("--output", "-")) == 0
    (tmp_path / "it.toml").write_text(capsys.readouterr().out)
    assert len(load_config(str(tmp_path / "it.toml")).nodes) == 7
    assert not (home / "etc").exists()
    assert main(all_of_it("--output", "-", "--json")) == 2


def test_without_options_the_usual_places_are_read_and_told(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_bytes((FIXTURES / "ssh_config").read_bytes())
    (home / ".kube").mkdir()
    (home / ".kube" / "config").write_bytes((FIXTURES / "kubeconfig").read_bytes())
    monkeypatch.setattr(init, "HOSTS", str(tmp_path / "no-hosts"))
    assert main(["init"]) == 0
    told = capsys.readouterr().err
    assert f"ssh configuration {home}/.ssh/config: 4 nodes" in told
    assert f"kubeconfig {home}/.kube/config: 2 clusters" in told
    config = load_config()
    assert [node.name for node in config.nodes] == ["nuc01", "nuc02", "rpi01", "gate"]
    assert config.ssh.config is None


def test_with_nothing_there_nothing_is_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(init, "HOSTS", str(tmp_path / "no-hosts"))
    assert main(["init", "--json"]) == 2
    out, told = capsys.readouterr()
    assert "nothing was written" in told
    assert "error" in json.loads(out)
    assert not (home / "etc").exists()


@pytest.mark.parametrize(
    ("text", "problem"), [("[a]\nnuc01 oops\n", ":2: 'oops' is not a variable"), ("", ": no host and no cluster in it")]
)
def test_a_file_that_cannot_be_read_is_exit_2_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, problem: str
) -> None:
    path = tmp_path / "inventory.ini"
    path.write_text(text)
    assert main(["init", "--from-kubespray", str(path), "--output", str(tmp_path / "out.toml")]) == 2
    assert f"{path}{problem}" in capsys.readouterr().err
    assert main(["init", "--from-hosts", str(tmp_path / "none"), "--output", str(tmp_path / "out.toml")]) == 2
    assert f"{tmp_path / 'none'}: there is no such file" in capsys.readouterr().err
    assert not (tmp_path / "out.toml").exists()


def test_a_place_that_cannot_be_written_is_exit_2_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "config.toml"
    assert main(all_of_it("--output", str(target))) == 2
    assert f"{target} cannot be written: " in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["home", "file"] or sorted(os.listdir(tmp_path)) == ["file", "home"]


def test_a_directory_of_kubespray_is_its_inventory(tmp_path: Path) -> None:
    (tmp_path / "mycluster").mkdir()
    (tmp_path / "mycluster" / "hosts.yaml").write_bytes((FIXTURES / "hosts.yaml").read_bytes())
    out = tmp_path / "out.toml"
    assert main(["init", "--from-kubespray", str(tmp_path / "mycluster"), "--output", str(out)]) == 0
    assert "nuc01" in [node.name for node in load_config(str(out)).nodes]
    assert f"# host: {tmp_path}/mycluster/hosts.yaml:10 has an encrypted value there: fill it in" in out.read_text()
