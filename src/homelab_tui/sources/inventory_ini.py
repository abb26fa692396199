"""Ansible's INI inventories, by the rules of its own reader."""

import ast
import re
import shlex

from homelab_tui.domain.drafts import Given
from homelab_tui.sources.inventory_groups import Inventory, known_or_not

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:[#;].*)?")
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
_PORT = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]]*(?:\[[^\]]*\][^:\[\]]*)*):(?P<port>[0-9]{1,5})")
_PORT_LESS = re.compile(r"\[[0-9a-fA-F:.]+\]")
_LONGEST_LITERAL = 1000


def read_ini(text: str, file: str) -> Inventory:
    """The inventory in a text. Raises: ConfigError with the line that cannot be read."""
    inventory = Inventory(file)
    group, kind = "ungrouped", "hosts"
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("[") and (section := _SECTION.fullmatch(line)):
            group, kind = section[1], section[2] or "hosts"
            if kind not in ("hosts", "vars", "children"):
                raise inventory.problem(
                    number, f"[{group}:{kind}] is no section: there are [x], [x:vars], [x:children]"
                )
            inventory.declare(group)
        elif line.startswith("[") and ("]" not in line or (line.endswith("]") and not _PORT_LESS.fullmatch(line))):
            raise inventory.problem(number, "is no section: there are [x], [x:vars] and [x:children]")
        elif kind == "hosts":
            _read_host(inventory, group, line, number)
        elif kind == "children":
            child = _words(inventory, line, number)
            inventory.groups[group].children[child[0]] = number
        else:
            key, equals, value = line.partition("=")
            if not equals:
                raise inventory.problem(number, "a variable needs a value: write key=value")
            given = known_or_not(_literal(value.strip()), inventory.origin(number))
            inventory.groups[group].variables[key.strip()] = given
    inventory.check()
    return inventory


def _read_host(inventory: Inventory, group: str, line: str, number: int) -> None:
    pattern, *assignments = _words(inventory, line, number)
    variables: dict[str, Given] = {}
    with_port = _PORT.fullmatch(pattern)
    if with_port:
        pattern = with_port["host"].strip("[]") if with_port["host"].count(":") > 1 else with_port["host"]
        variables["ansible_port"] = Given(with_port["port"], inventory.origin(number))
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise inventory.problem(number, f"{assignment!r} is not a variable: write key=value")
        variables[key] = known_or_not(_literal(value), inventory.origin(number))
    inventory.add_hosts(pattern, group, variables, number)


def _words(inventory: Inventory, line: str, number: int) -> list[str]:
    """The words of a line, quotes taken off and the comment left out; a template is one word, spaces and all."""
    whole = _TEMPLATE.sub(lambda match: match[0].replace(" ", "").replace('"', "").replace("'", ""), line)
    try:
        words = shlex.split(whole, comments=True)
    except ValueError as error:
        raise inventory.problem(number, f"cannot be split into words: {str(error).lower()}") from error
    if not words:
        raise inventory.problem(number, "there is nothing before the comment")
    return words


def _literal(text: str) -> str:
    """A value as Ansible takes it: a Python literal where it is one (quotes come off), else the text."""
    if len(text) > _LONGEST_LITERAL:
        return text
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return text
