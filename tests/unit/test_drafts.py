"""Merging what was found, and writing it as a configuration that loads."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.config.load import parse_config
from homelab_tui.config.model import Config
from homelab_tui.config.writer import config_text, usable
from homelab_tui.domain.drafts import Draft, Found, FoundCluster, FoundNode, Given, merge


def node(name: str, origin: str = "f:1", **values: str) -> FoundNode:
    return FoundNode(name, origin, **{key: Given(value, origin) for key, value in values.items()})  # type: ignore[arg-type]


def loaded(draft: Draft) -> tuple[Config, str]:
    text = config_text(draft, ["hosts file /etc/hosts: 1 node"], "Written by a test from:")
    return parse_config(text, Path("config.toml")), text


def test_the_more_trusted_file_keeps_its_values_and_the_others_fill_its_gaps() -> None:
    draft = merge(
        [
            Found(
                "kubespray inventory", "i", (FoundNode("n", "i:1", host=Given("10.0.0.1", "i:1"), groups=("etcd",)),)
            ),
            Found("ssh configuration", "s", (node("n", "s:1", host="10.0.0.2", user="me"),)),
            Found("hosts file", "h", (node("n", "h:1", host="10.0.0.3"), node("m", "h:2", host="10.0.0.4"))),
        ]
    )
    config, text = loaded(usable(draft))
    assert [(n.name, n.host, n.user, n.groups) for n in config.nodes] == [
        ("n", "10.0.0.1", "me", ("etcd",)),
        ("m", "10.0.0.4", None, ()),
    ]
    assert 'user = "me"                         # s:1\n' in text
    assert draft.notes == (
        "n: host 10.0.0.1 (i:1) kept; s:1 says 10.0.0.2",
        "n: host 10.0.0.1 (i:1) kept; h:1 says 10.0.0.3",
    )


def test_another_name_of_the_same_address_is_the_same_machine_but_another_port_is_another() -> None:
    draft = merge(
        [
            Found(
                "i",
                "i",
                (node("a", "i:1", host="10.0.0.1", port="2201"), node("b", "i:2", host="10.0.0.1", port="2202")),
            ),
            Found("h", "h", (node("x", "h:1", host="10.0.0.1"), node("y", "h:2", host="10.0.0.1", port="2203"))),
        ]
    )
    assert [found.name for found in draft.nodes] == ["a", "b", "y"]
    assert draft.notes == ("h:1: x is a (i:1): same address or name",)


def test_an_alias_that_leads_to_the_known_address_is_the_better_way() -> None:
    alias = FoundNode("n", "s:1", host=Given("n", "s:1"), address="10.0.0.1")
    config, text = loaded(merge([Found("i", "i", (node("n", "i:1", host="10.0.0.1"),)), Found("s", "s", (alias,))]))
    assert config.nodes[0].host == "n"
    assert "s:1: an ssh alias, which knows the way to 10.0.0.1" in text
    other = merge([Found("i", "i", (node("n", "i:1", host="10.0.0.9"),)), Found("s", "s", (alias,))])
    assert loaded(other)[0].nodes[0].host == "10.0.0.9"


def test_an_unknown_value_is_a_comment_unless_another_file_knows_it() -> None:
    unknown = FoundNode("n", "i:1", host=Given(None, "i:1", "a template"))
    _, text = loaded(merge([Found("i", "i", (unknown,))]))
    assert "# host: i:1 has a template there: fill it in\n" in text
    config, _ = loaded(merge([Found("i", "i", (unknown,)), Found("h", "h", (node("n", "h:1", host="10.0.0.1"),))]))
    assert config.nodes[0].host == "10.0.0.1"


def test_what_the_loader_would_refuse_is_left_out_and_told() -> None:
    nodes = (node("bad name"), node("n", host="-x", user="a b", port="99999"), node("ok", port="22"))
    draft = usable(Draft(nodes, bastion=Given("a b", "f:9")))
    config, _ = loaded(draft)
    assert [(found.name, found.port) for found in config.nodes] == [("n", None), ("ok", 22)]
    assert config.ssh.bastion is None
    assert len(draft.notes) == 5


def test_clusters_of_one_name_get_a_number() -> None:
    one = FoundCluster("kubernetes", "a", "/a", "admin@kubernetes", ("other",))
    config, text = loaded(merge([Found("k", "a", clusters=(one,)), Found("k", "b", clusters=(one,))]))
    assert [cluster.name for cluster in config.clusters] == ["kubernetes", "kubernetes-2"]
    assert '#context = "other"' in text


def test_the_commented_rest_is_a_configuration_too() -> None:
    _, text = loaded(Draft((node("n"),), clusters=(FoundCluster("nuc", "k", "/k", "c"),)))
    lines = [line[1:] if line.startswith("#") and line[1:2] not in " " else line for line in text.splitlines()]
    config = parse_config("\n".join(lines), Path("config.toml"))
    assert (len(config.switches), len(config.prometheus)) == (1, 1)


TEXTS = st.text() | st.sampled_from(
    ["nuc01", "10.0.0.1", "22", "-x", "a\nb", '"', "\\", "\x1b[31m", "\u202e", "\ud800"]
)
GIVENS = st.none() | st.builds(Given, st.none() | TEXTS, TEXTS, TEXTS)
NODES = st.builds(FoundNode, TEXTS, TEXTS, GIVENS, GIVENS, GIVENS, st.lists(TEXTS, max_size=2).map(tuple))
CLUSTERS = st.builds(FoundCluster, st.sampled_from(["nuc", "pi"]), TEXTS, st.just("/k"), st.sampled_from(["c", "d@e"]))
FOUNDS = st.builds(
    Found,
    st.just("kind"),
    TEXTS,
    st.lists(NODES, max_size=3).map(tuple),
    st.lists(CLUSTERS, max_size=2).map(tuple),
    GIVENS,
)


@given(st.lists(FOUNDS, max_size=3))
def test_whatever_is_found_the_file_loads(founds: list[Found]) -> None:
    draft = usable(merge(founds))
    config, text = loaded(draft)
    assert len(config.nodes) == len(draft.nodes)
    assert all(char.isprintable() or char == "\n" for char in text)
