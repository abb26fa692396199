"""What `homelab init` reads: inventories (against recordings of Ansible's own reader), hosts, ssh and kube files."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.drafts import Found, FoundNode, Given
from homelab_tui.domain.errors import ConfigError
from homelab_tui.sources.hosts_files import read_hosts
from homelab_tui.sources.inventories import read_inventory
from homelab_tui.sources.inventory_groups import Inventory
from homelab_tui.sources.inventory_ini import read_ini
from homelab_tui.sources.inventory_yaml import read_yaml
from homelab_tui.sources.kube_contexts import read_contexts
from homelab_tui.sources.ssh_configs import read_ssh_config

HERE = Path(__file__).resolve().parents[1] / "fixtures" / "inventories"
INVENTORIES = ("kubespray.ini", "old.ini", "hosts.yaml", "precedence.ini")
UNKNOWN = "(unknown)"


def plain(value: Given | None) -> str | None:
    """The value; UNKNOWN for one that is there and cannot be known."""
    return None if value is None else UNKNOWN if value.value is None else value.value


def by_name(found: Found) -> dict[str, FoundNode]:
    return {node.name: node for node in found.nodes}


def read(name: str) -> Inventory:
    text = (HERE / name).read_text()
    return read_yaml(text, name) if name.endswith(".yaml") else read_ini(text, name)


def recorded(name: str) -> Any:
    """What `ansible-inventory -i NAME --list` of ansible-core 2.19.14 printed."""
    return json.loads((HERE / f"{name}.recorded.json").read_text())


def members(listing: Any, group: str) -> set[str]:
    entry = listing.get(group, {})
    return set(entry.get("hosts", ())).union(*(members(listing, child) for child in entry.get("children", ())))


@pytest.mark.parametrize("name", INVENTORIES)
def test_hosts_and_groups_are_those_that_ansible_finds(name: str) -> None:
    inventory, listing = read(name), recorded(name)
    assert set(inventory.hosts) == members(listing, "all")
    for group in set(inventory.groups) - {"all", "ungrouped"}:
        assert {host for host in inventory.hosts if group in inventory.groups_of(host)} == members(listing, group)


@pytest.mark.parametrize("name", INVENTORIES)
def test_variables_are_those_that_ansible_finds_but_templates_and_vaults_are_unknown(name: str) -> None:
    inventory, listing = read(name), recorded(name)
    for host in inventory.hosts:
        theirs = listing["_meta"]["hostvars"].get(host, {})
        for key in ("ansible_host", "ansible_user", "ansible_port", "ansible_ssh_host", "ansible_ssh_user"):
            value = theirs.get(key)
            unknown = isinstance(value, dict) or "{{" in str(value)
            expected = None if value is None else UNKNOWN if unknown else str(value)
            assert plain(inventory.value(host, key)) == expected, (host, key)


def test_a_kubespray_inventory_becomes_nodes_and_a_bastion() -> None:
    found = read_inventory(HERE / "kubespray.ini")
    nodes = by_name(found)
    assert nodes["nuc01"].groups == ("etcd", "kube_control_plane")
    assert nodes["nuc01"].host == Given("192.168.10.121", f"{HERE / 'kubespray.ini'}:4")
    assert nodes["nuc01"].user == Given("kkato", f"{HERE / 'kubespray.ini'}:19")
    assert [name for name in nodes if name.startswith("nuc")] == ["nuc01", "nuc02", "nuc03", "nuc04"]
    assert (plain(nodes["nuc02"].user), plain(nodes["rpi3.home"].port)) == ("worker", "2222")
    assert found.bastion is not None
    assert found.bastion.value == "jump@198.51.100.7:2200"
    assert "gate" not in nodes


def test_old_group_names_are_today_s() -> None:
    nodes = by_name(read_inventory(HERE / "old.ini"))
    assert nodes["nuc02"].groups == ("kube_control_plane", "kube_node")
    assert (plain(nodes["nuc01"].host), plain(nodes["nuc01"].user)) == ("192.168.10.121", "kkato")
    assert nodes["lonely"].groups == ()


def test_templates_and_vaults_are_unknown_and_never_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nodes = by_name(read_inventory(HERE / "old.ini")) | by_name(read_inventory(HERE / "hosts.yaml"))
    assert (plain(nodes["secret"].host), plain(nodes["secret"].user)) == (UNKNOWN, UNKNOWN)
    assert nodes["secret"].host is not None
    assert nodes["secret"].host.why_unknown == "an encrypted value"
    (tmp_path / "loose.ini").write_text("a ansible_host={{ lookup('pipe', 'touch executed') }} ansible_port=22\n")
    loose = by_name(read_inventory(tmp_path / "loose.ini"))["a"]
    assert (plain(loose.host), plain(loose.port)) == (UNKNOWN, "22")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("i", "[a\nb", "1: "),
        ("i", "[a:b]\n", "1: [a:b] is no section"),
        ("i", "[a]\nnuc01 ansible_host\n", "2: 'ansible_host' is not a variable"),
        ("i", "[a]\nnuc01 x='\n", "2: cannot be split into words"),
        ("i", "[a]\nnuc[04:01]\n", "2: [04:01] is not a range"),
        ("i", "[a]\nnuc[1:x]\n", "2: [1:x] is not a range"),
        ("i", "[a]\nnuc[01:100]\n", "2: [01:100]: with leading zeros"),
        ("i", "[a]\nnuc[0:999999999]\n", "2: these are more than 10000 hosts"),
        ("i", "[a]\nnuc[1:1000][1:1000]\n", "2: these are more than 10000 hosts"),
        ("i", "[a:children]\nnobody\n", "2: there is no group 'nobody'"),
        ("i", "[a:vars]\nx\n", "2: a variable needs a value"),
        ("i", "[a:children]\nb\n[b:children]\na\n", " these groups contain each other: a, b"),
        ("i", "#!/bin/sh\necho {}\n", "1: is a program"),
        ("i", "$ANSIBLE_VAULT;1.1;AES256\n61\n", "1: is encrypted"),
        ("i.yml", "all:\n  hosts: [a, b]\n", "2: hosts of 'all' must be a mapping"),
        ("i.yml", "all:\n  host: {}\n", "2: 'host' of the group 'all' is none of"),
        ("i.yml", "all:\n\thosts: {}\n", "2: YAML syntax: found character"),
        ("i.yml", "- a\n", "1: an inventory is a mapping"),
        ("i.yml", "all: &a\n  children: {b: *a}\n", "2: groups are nested too deeply, or"),
        ("i.yml", "a: " + "[" * 5000, " is nested too deeply"),
        ("i.yml", "a: \x01\n", " YAML syntax: ReaderError"),
    ],
)
def test_an_inventory_that_cannot_be_read_names_its_line(tmp_path: Path, name: str, text: str, problem: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_inventory(path)
    assert str(caught.value).startswith(f"{path}:{problem}")


@given(st.text() | st.lists(st.sampled_from(list("[]:=ab1 \n#'\"{}%,-&*!|<>?")), max_size=60).map("".join))
def test_no_text_breaks_a_reader(text: str) -> None:
    for reader in (read_ini, read_yaml):
        try:
            reader(text, "f")
        except ConfigError:
            pass


def test_a_hosts_file_gives_machines_and_nothing_else() -> None:
    found = read_hosts(HERE / "hosts")
    assert [(node.name, plain(node.host)) for node in found.nodes] == [
        ("nuc01", "192.168.10.121"),
        ("nuc02", "192.168.10.122"),
        ("rpi01", "192.168.10.131"),
        ("rpi02.home", "192.168.10.132"),
        ("bad/name", "192.168.10.9"),
    ]
    assert found.nodes[0].aliases == ("nuc01.home",)
    assert found.notes == (f"{HERE / 'hosts'}:16: '300.1.1.1' is not an address: the line is left out",)


def test_an_ssh_configuration_is_read_as_ssh_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The same answers with an ssh client and without: our own reading is checked against it.
    with_client = read_ssh_config(HERE / "ssh_config")
    monkeypatch.setenv("PATH", str(tmp_path))
    without = read_ssh_config(HERE / "ssh_config")
    assert with_client == without
    nodes = by_name(without)
    assert list(nodes) == ["nuc01", "nuc02", "rpi01", "gate"]
    assert (plain(nodes["nuc01"].host), plain(nodes["nuc01"].user), nodes["nuc01"].port) == (
        "192.168.10.121",
        "kkato",
        None,
    )
    assert (plain(nodes["nuc02"].host), nodes["nuc02"].user, plain(nodes["nuc02"].port)) == (
        "192.168.10.122",
        None,
        "2222",
    )
    assert (plain(nodes["rpi01"].host), nodes["rpi01"].address) == ("rpi01", "192.168.10.131")
    assert without.ssh_config == str(HERE / "ssh_config")
    assert any("github.com is left out" in note for note in without.notes)


def test_an_include_is_followed_and_a_circle_of_them_ends(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(f"Include {tmp_path}/*.conf\nHost late\n  HostName 10.0.0.2\n")
    (tmp_path / "a.conf").write_text("Host early\n  HostName 10.0.0.1\n")
    assert list(by_name(read_ssh_config(tmp_path / "config"))) == ["early", "late"]
    (tmp_path / "b.conf").write_text(f"Include {tmp_path}/b.conf\n")
    with pytest.raises(ConfigError, match=r"b\.conf:1: too many Includes"):
        read_ssh_config(tmp_path / "config")


def test_a_match_exec_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(f'Host a\n  HostName 10.0.0.1\nMatch exec "touch {tmp_path}/ran"\n  User other\n')
    found = read_ssh_config(path)
    assert plain(by_name(found)["a"].host) == "10.0.0.1"
    assert "is not run here" in found.notes[0]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [("Host a\nHostName\n", "2: is not a setting"), ("Host a\n  Prot 22\n", "2: Bad configuration")],
)
def test_an_ssh_configuration_that_ssh_refuses_names_its_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_ssh_config(path)
    assert str(caught.value).startswith(f"{path}:{problem}")


def test_a_kubeconfig_gives_each_cluster_once_by_its_current_context() -> None:
    clusters = read_contexts(HERE / "kubeconfig").clusters
    assert [(c.name, c.context, c.other_contexts) for c in clusters] == [
        ("nuc", "kubernetes-admin@nuc", ("reader@nuc",)),
        ("arn-home-pi-cluster", "pi", ()),
    ]
    assert all(os.path.isabs(cluster.kubeconfig) for cluster in clusters)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("users: [{token: s3cret\n", "2: YAML syntax"),
        ("- s3cret\n", " is not a kubeconfig"),
        ("contexts: s3cret\n", " is not a kubeconfig"),
        ("a: !s3cret x\n", "1: YAML syntax"),
    ],
)
def test_a_kubeconfig_that_cannot_be_read_is_not_quoted(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_contexts(path)
    assert str(caught.value).startswith(f"{path}:{problem}")
    assert caught.value.__cause__ is None
    assert "tok" not in str(caught.value)


@given(st.binary(max_size=200))
def test_no_bytes_break_a_reader(data: bytes) -> None:
    path = Path(os.environ["HOMELAB_TEST_FILE"])
    path.write_bytes(data)
    for reader in (read_inventory, read_hosts, read_contexts):
        try:
            reader(path)
        except ConfigError:
            pass


@pytest.fixture(scope="module", autouse=True)
def one_file(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A file that the property above writes again and again: hypothesis gives no fresh tmp_path per example."""
    os.environ["HOMELAB_TEST_FILE"] = str(tmp_path_factory.mktemp("bytes") / "file")
    yield
    del os.environ["HOMELAB_TEST_FILE"]
