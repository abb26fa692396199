"""Where in a TOML text a problem stands, however the text is written; and that no text breaks the reader."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from homelab_tui.config.lines import KeyPath, key_lines
from homelab_tui.config.load import parse_config
from homelab_tui.domain.errors import ConfigError

FILE = Path("lab/config.toml")


def problems(text: str) -> list[str]:
    """What is wrong, one line each; empty when the text is accepted."""
    try:
        parse_config(text, FILE)
    except ConfigError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('nodes = [\n  {name = "a"},\n  {name = "b",\tport = 0},\n]', 3),
        ('nodes = [{name = "x", spec = {os = "]}\\"#"}},\n  {port = 0, name = "b"}]', 2),
        ('[[ nodes ]] # [[x]]\nname = "a"\n[[nodes]]\n"name" = \'b\'\n\n"p\\u006frt" = 0', 6),
        (
            '[[nodes]]\nname = "a"\n[[nodes]]\nname = "b"\n[nodes.spec]\nos = """\n[[nodes]]\nx = 1\\\n"""\ncores = 0',
            10,
        ),
        ("[[nodes]]\r\nname = 'a'\r\n[[nodes]]\r\nname = 'b'\r\ngroups = [ # ]\r\n '''a'''\r\n]\r\nport = 0", 8),
        ('\ufeff[[nodes]]\nname = "a"\n[[nodes]]\nname = "b"\nspec.cores = 4\nspec.memory = "x"', 6),
        ('# \x85 \u2028 \n[[nodes]]\nname = "a"\n[[nodes]]\nname = "b"\nport = 0', 6),
    ],
)
def test_a_key_is_found_on_its_line_however_it_is_written(text: str, line: int) -> None:
    assert problems(text)[-1].startswith(f"{FILE}:{line}: nodes[1].")


def leaves(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The path of every key in parsed TOML."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield (*path, key)
            yield from leaves(inner, (*path, key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for number, inner in enumerate(value):
            yield from leaves(inner, (*path, number))


BARE = st.sampled_from(["name", "nodes", "a", "b-c", "1", '"x.y"', "'[z]'", '"q\\"\\u0041"', '"#"', "port"])
KEYS = st.lists(BARE, min_size=1, max_size=3).map(".".join)
STRINGS = ('"s"', "'l'", '""', '"#]}"', '"""m\n# [x]\n"""', "'''\n]'''", '""""a"""', '"\\"\\\\"')
OTHERS = ("1", "-1.5e3", "inf", "nan", "true", "0xff", "1979-05-27T07:32:00Z", "07:32:00", "1979-05-27 07:32:00.5")
SCALARS = st.sampled_from((*STRINGS, *OTHERS))
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[\n# c ]\n" + ",\n".join(items) + "\n]")
        | st.dictionaries(BARE, inner, max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs.items()) + "}"
        )
    ),
    max_leaves=5,
)
STATEMENTS = st.one_of(
    st.tuples(KEYS, VALUES).map(lambda pair: f"{pair[0]} = {pair[1]} # c"),
    KEYS.map("[{}]".format),
    KEYS.map("[[ {} ]]".format),
    st.just("# [not] = 1"),
)


@given(st.lists(STATEMENTS, max_size=6).map("\n".join))
@example("[[a]]\n[a.b]\nc = 1\n[[a]]\n[[a.b]]\nc = {d = [1, {e = 2}]}")
def test_every_key_of_any_toml_has_a_line_that_holds_it(text: str) -> None:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines, rows = key_lines(text), text.split("\n")
    for path in leaves(values):
        if isinstance(path[-1], str):
            assert path[-1].replace('"A', "") in rows[lines[path] - 1], (path, lines)


REAL_KEYS = [
    "nodes",
    "switches",
    "clusters",
    "prometheus",
    "alertmanagers",
    "ssh",
    "keys",
    "ui",
    "safety",
    "name",
    "host",
]
REAL_KEYS += ["poe", "spec", "memory", "protected_ports", "community", "community_command", "url", "headers", "bastion"]
REAL_KEYS += ["refresh", "keymap", "paths", "port", "mac", "via", "service", "kubeconfig", "namespaces", "version"]
REAL = st.tuples(st.sampled_from(REAL_KEYS), VALUES | st.text().map(repr)).map(" = ".join)
HEADERS = st.sampled_from([f"[{key}]" for key in REAL_KEYS] + [f"[[{key}]]" for key in REAL_KEYS])


@given(st.lists(STATEMENTS | REAL | HEADERS | st.text(), max_size=8).map("\n".join) | st.text())
def test_no_text_raises_anything_but_a_config_error(text: str) -> None:
    problems(text)


def test_a_megabyte_with_a_problem_names_its_line() -> None:
    (found,) = problems("".join(f'[[nodes]]\nname = "n{number}"\n' for number in range(40_000)) + "port = 0")
    assert found.startswith(f"{FILE}:80001: nodes[39999].port: ")
