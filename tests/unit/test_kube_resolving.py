"""A kubeconfig that another process resolves comes down to what it comes down to here."""

import sys
from pathlib import Path

import pytest

from homelab_tui.config.model import ClusterConfig
from homelab_tui.domain.errors import SourceError
from homelab_tui.domain.secrets import Secret
from homelab_tui.sources.kube_resolving import Apart, InProcess
from tests.unit.test_kubeconfig import PEM, encoded, kubeconfig

USER = f"""
token: s3cret-of-the-test
client-certificate-data: {encoded(PEM)}
client-key-data: {encoded(PEM)}
as: admin
as-groups: [ops]
exec:
  command: ./login
  args: [--quiet]
  env: [{{name: A, value: b}}]
  provideClusterInfo: true
"""


def config(path: Path, name: str = "home", context: str | None = None) -> ClusterConfig:
    return ClusterConfig(name=name, kubeconfig=str(path), context=context)


def test_everything_comes_back_as_it_was_found(tmp_path: Path) -> None:
    asked = config(kubeconfig(tmp_path / "config", user=USER))
    found = Apart([asked]).resolve(asked)
    assert found == InProcess().resolve(asked)
    assert found.token == Secret("s3cret-of-the-test")


def test_one_process_answers_for_every_cluster_and_an_error_is_only_of_its_own(tmp_path: Path) -> None:
    good, bad = config(kubeconfig(tmp_path / "good")), config(tmp_path / "missing", "other")
    accesses = Apart([bad, good])
    accesses.begin()
    assert accesses.resolve(good).server == "https://10.0.0.1:6443"
    with pytest.raises(SourceError) as there:
        accesses.resolve(bad)
    with pytest.raises(SourceError) as here:
        InProcess().resolve(bad)
    assert (type(there.value), str(there.value)) == (type(here.value), str(here.value))


def test_the_second_time_the_files_are_read_again(tmp_path: Path) -> None:
    asked = config(kubeconfig(tmp_path / "config"))
    accesses = Apart([asked])
    accesses.begin()
    assert accesses.resolve(asked).server == "https://10.0.0.1:6443"
    kubeconfig(tmp_path / "config", cluster="server: https://10.0.0.2:6443")
    assert accesses.resolve(asked).server == "https://10.0.0.2:6443"


@pytest.mark.parametrize("program", ["/nonexistent/python", "/bin/false", ""])
def test_where_no_process_can_be_had_it_is_done_here(
    tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = config(kubeconfig(tmp_path / "config"))
    monkeypatch.setattr(sys, "executable", program)
    assert Apart([asked]).resolve(asked).server == "https://10.0.0.1:6443"


def test_what_is_to_be_asked_may_be_known_late(tmp_path: Path) -> None:
    asked = config(kubeconfig(tmp_path / "config"))
    accesses = Apart()
    accesses.begin()  # with nothing: no process waits for a question
    accesses.ask([asked])
    begun = accesses._process
    assert accesses.resolve(asked).server == "https://10.0.0.1:6443"
    assert begun is not None
    assert begun.returncode == 0
