"""docs/config.md, from the configuration's model: every key with its type, default and docstring."""

import ast
import dataclasses
import inspect
import re
import typing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import NoneType

from homelab_tui.config.load import parse_config
from homelab_tui.config.model import (
    AlertmanagerConfig,
    ClusterConfig,
    KeysConfig,
    PrometheusConfig,
    SafetyConfig,
    SecretRef,
    SshConfig,
    SwitchConfig,
    UiConfig,
)
from homelab_tui.domain.errors import ConfigError
from homelab_tui.domain.nodes import Node, NodeSpec
from homelab_tui.domain.poe import PortRef


@dataclass(frozen=True, slots=True)
class DocumentedTable:
    """One table of the file, and the class it becomes."""

    header: str
    model: type
    not_in_file: frozenset[str] = frozenset()
    """Fields that the program adds."""


@dataclass(frozen=True, slots=True)
class DocumentedKey:
    """One key of a table."""

    name: str
    kind: str
    default: str
    """As TOML; empty when there is none."""
    text: str
    is_secret: bool


TABLES = (
    DocumentedTable("[[nodes]]", Node, frozenset({"other_account"})),
    DocumentedTable("spec", NodeSpec),
    DocumentedTable("[[switches]]", SwitchConfig),
    DocumentedTable("[[clusters]]", ClusterConfig),
    DocumentedTable("[[prometheus]]", PrometheusConfig),
    DocumentedTable("[[alertmanagers]]", AlertmanagerConfig),
    DocumentedTable("[ssh]", SshConfig),
    DocumentedTable("[keys]", KeysConfig),
    DocumentedTable("[ui]", UiConfig),
    DocumentedTable("[safety]", SafetyConfig),
)

INTRODUCTION = """\
# The configuration

`homelab --config FILE`, else `HOMELAB_CONFIG`, else `$XDG_CONFIG_HOME/homelab/config.toml` (in `~/.config` by default).
TOML; every table is optional. [config.example.toml](../config.example.toml) has every key in its place;
`homelab init` writes a first file from what is there, `homelab check` asks every source that it promises.

A wrong file is refused before anything is contacted: exit status 2, every problem with file, line and key.

* **duration**, **size**: strings with a unit: `"500ms"`, `"30s"`, `"1h30m"`, `"7d"`; `"16 GB"`, `"4 GiB"`.
* **path**: `~` is your home, a relative path begins where the file is.
* **secret**: a secret `X` is given as `X_file` (first line of a file), `X_env` (an environment variable), `X_command`
  (an argv list; first line of its output) or `X` itself, which warns when others can read the file. It is read at its
  first use; one that cannot be had makes its source DOWN, not the program.

<!-- Made by scripts/generate_docs.py from src/homelab_tui/config/model.py: edit that, then `make docs`. -->
"""


def config_page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(_section(table) for table in TABLES)])


def keys_of_table(table: DocumentedTable) -> tuple[DocumentedKey, ...]:
    """Every key of a table, in the order of the model."""
    texts = _docstrings(table.model)
    hints = typing.get_type_hints(table.model)
    found = []
    for field in dataclasses.fields(table.model):
        if field.name in table.not_in_file:
            continue
        name = field.name.removesuffix("_s").removesuffix("_bytes")
        # A page speaks to a person: None is Python's word.
        text = texts[field.name].replace("; None: ", "; not given: ").replace("None: ", "Not given: ")
        inner = [kind for kind in typing.get_args(hints[field.name]) if kind is not NoneType]
        plain = inner[0] if NoneType in typing.get_args(hints[field.name]) else hints[field.name]
        found.append(DocumentedKey(name, _kind(field.name, plain), _default(field), text, plain is SecretRef))
    return tuple(found)


def _section(table: DocumentedTable) -> str:
    title = "`spec` of a node" if table.header == "spec" else f"`{table.header}`"
    about = re.sub(r"^`.*?`: ", "", table.model.__doc__ or "").partition(". ")[0].rstrip(".")
    required = _required(table)
    lines = [f"## {title}", "", f"{about[0].upper()}{about[1:]}.", ""]
    lines += ["| key | type | default | |", "|---|---|---|---|"]
    for key in keys_of_table(table):
        default = "required" if key.name in required else f"`{key.default}`" if key.default else ""
        lines.append(f"| `{key.name}` | {key.kind} | {default} | {_cell(key.text)} |")
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _docstrings(model: type) -> dict[str, str]:
    """The docstring under each field. Raises KeyError later for a field that has none: each needs one."""
    body = typing.cast("ast.ClassDef", ast.parse(inspect.getsource(model)).body[0]).body
    found = {}
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[ast.unparse(field.target)] = str(below.value.value)
    return found


def _kind(name: str, kind: object) -> str:
    if name.endswith("_s"):
        return "duration"
    if name.endswith("_bytes"):
        return "size"
    words: dict[object, str] = {
        str: "string",
        int: "number",
        bool: "true or false",
        Path: "path",
        PortRef: "port",
        NodeSpec: "table",
        SecretRef: "secret",
        tuple[str, ...]: "list of strings",
        tuple[Path, ...]: "list of paths",
        tuple[PortRef, ...]: "list of ports",
        tuple[tuple[str, str], ...]: "table of strings",
    }
    return words[kind]


def _default(field: "dataclasses.Field[object]") -> str:
    value = field.default
    if value is dataclasses.MISSING or value is None or isinstance(value, NodeSpec):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f'"{value:g}s"'
    if isinstance(value, str):
        return f'"{value}"'
    if value == ():
        return "{}" if "tuple[tuple" in str(field.type) else "[]"
    return str(value)


def _required(table: DocumentedTable) -> set[str]:
    """The keys that the loader itself misses in an empty table."""
    if not table.header.startswith("[["):
        return set()
    try:
        parse_config(table.header, Path("config.toml"))
    except ConfigError as error:
        return {
            problem.key.rpartition(".")[2] for problem in error.problems if problem.message.startswith("is missing")
        }
    return set()
