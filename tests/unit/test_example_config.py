"""config.example.toml: it loads, it names every key, and its commented defaults are the defaults."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from homelab_tui.config.load import parse_config
from homelab_tui.config.model import Config, SecretRef
from homelab_tui.domain.errors import ConfigError
from homelab_tui.domain.nodes import Node, NodeSpec
from scripts.config_page import TABLES, keys_of_table

PATH = Path(__file__).resolve().parents[2] / "config.example.toml"
TEXT = PATH.read_text()
UNCOMMENTED = re.sub(r'^#(?=[a-z_"]+ = |\[)', "", TEXT, flags=re.MULTILINE)
NODE_KEYS = {"name", "host", "user", "port", "groups", "poe", "mac", "spec"}


def test_the_example_is_a_configuration() -> None:
    config = parse_config(TEXT, PATH)
    assert [node.name for node in config.nodes] == ["nuc01", "rpi01"]
    assert (len(config.switches), len(config.clusters), len(config.prometheus), len(config.alertmanagers)) == (
        1,
        1,
        1,
        1,
    )


def test_the_example_is_a_configuration_with_every_comment_taken_away() -> None:
    assert not re.search(r"^#\S", UNCOMMENTED.replace("#\n", ""), re.MULTILINE)
    config = parse_config(UNCOMMENTED, PATH)
    assert (len(config.switches), len(config.prometheus), len(config.alertmanagers)) == (6, 3, 2)
    assert config.nodes[0].port == 22


def test_the_commented_defaults_are_the_defaults() -> None:
    plain, full = parse_config(TEXT, PATH), parse_config(UNCOMMENTED, PATH)
    examples = {
        "bastion",
        "theme",
        "keymap",
        "headers",
        "bearer_token",
        "username",
        "password",
        "ca_file",
        "kubeconfig",
    }
    examples |= {"config", "known_hosts", "paths", "path", "warnings"}
    pairs: list[tuple[Any, Any]] = [(plain.switches[0], full.switches[0]), (plain.clusters[0], full.clusters[0])]
    pairs += [(plain.prometheus[0], full.prometheus[0]), (plain.alertmanagers[0], full.alertmanagers[0])]
    pairs += [(plain.ssh, full.ssh), (plain.keys, full.keys), (plain.ui, full.ui), (plain.safety, full.safety)]
    for one, other in pairs:
        for field in dataclasses.fields(one):
            if field.name not in examples:
                assert getattr(one, field.name) == getattr(other, field.name), (type(one).__name__, field.name)


def named_in_example(header: str) -> set[str]:
    """Every key in the blocks of one table, a secret's by its name without its form."""
    blocks = re.findall(rf"^{re.escape(header)}\n(.*?)(?=^\[|\Z)", UNCOMMENTED, re.MULTILINE | re.DOTALL)
    keys = re.findall(r"(?:^|[{,] )([a-z_]+) = ", "".join(blocks), re.MULTILINE)
    return {re.sub(r"_(file|env|command)$", "", key) if key != "ca_file" else key for key in keys}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.header))
def test_the_example_names_every_key_of_the_model(table: Any) -> None:
    in_model = {key.name for key in keys_of_table(table)}
    header = "[[nodes]]" if table.header == "spec" else table.header
    missing = in_model - named_in_example(header)
    assert not missing


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.header))
def test_the_reader_knows_the_keys_of_the_model_and_no_others(table: Any) -> None:
    text = f"{table.header}\nzzzz = 1" if table.header != "spec" else "[[nodes]]\nspec.zzzz = 1"
    with pytest.raises(ConfigError) as caught:
        parse_config(text, PATH)
    known = re.search(r"zzzz: unknown key; known: (.*)", str(caught.value))
    assert known
    forms = ("", "_file", "_env", "_command")
    in_model = {key.name + form for key in keys_of_table(table) for form in (forms if key.is_secret else ("",))}
    assert set(known[1].split(", ")) == in_model


def test_every_dataclass_of_the_model_is_a_documented_table() -> None:
    documented = {table.model for table in TABLES}
    in_config = {Node, NodeSpec}
    for field in dataclasses.fields(Config):
        value = getattr(Config(), field.name)
        if dataclasses.is_dataclass(value):
            in_config.add(type(value))
    assert in_config <= documented
    assert {"SwitchConfig", "ClusterConfig", "PrometheusConfig", "AlertmanagerConfig"} <= {
        model.__name__ for model in documented
    }
    assert SecretRef not in documented
