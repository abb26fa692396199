"""Ansible's YAML inventories. Values are never constructed: a tag (`!vault`) only says that a value is unknown."""

from typing import TYPE_CHECKING, Any

from homelab_tui.domain.drafts import Given
from homelab_tui.sources.inventory_groups import Inventory, known_or_not

if TYPE_CHECKING:
    from yaml import Node, SafeLoader

_DEEPEST = 40
_STANDARD = "tag:yaml.org,2002:"


def read_yaml(text: str, file: str) -> Inventory:
    """The inventory in a text. Raises: ConfigError with the line that cannot be read."""
    # Heavy, and only an import of an inventory needs it.
    from yaml import MarkedYAMLError, SafeLoader, YAMLError

    inventory = Inventory(file)
    reader = None
    try:
        loader = SafeLoader(text)
        reader = _Reader(inventory, loader)
        root = loader.get_single_node()
        for name, group, line in reader.pairs(root, "an inventory is a mapping of groups") if root else ():
            reader.read_group(name, group, line, 0)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise inventory.problem(mark.line + 1 if mark else None, f"YAML syntax: {error.problem or 'broken'}") from None
    except YAMLError as error:
        raise inventory.problem(None, f"YAML syntax: {type(error).__name__}: not text that YAML allows") from None
    except RecursionError:
        raise inventory.problem(None, "is nested too deeply") from None
    inventory.check()
    return inventory


class _Reader:
    """Walks the nodes of one document, which know their lines."""

    def __init__(self, inventory: Inventory, loader: "SafeLoader") -> None:
        self._inventory = inventory
        self._loader = loader

    def pairs(self, node: "Node", what: str) -> list[tuple[str, "Node", int]]:
        """Key, value and line of each pair of a mapping; none of a null. A single word is a key without a value."""
        from yaml import MappingNode, ScalarNode

        if isinstance(node, ScalarNode) and node.tag == _STANDARD + "null":
            return []
        if isinstance(node, ScalarNode) and node.tag == _STANDARD + "str":
            return [(node.value, ScalarNode(_STANDARD + "null", "", node.start_mark), node.start_mark.line + 1)]
        if not isinstance(node, MappingNode):
            raise self._inventory.problem(node.start_mark.line + 1, what)
        flatten: Any = self._loader.flatten_mapping
        flatten(node)  # `<<: *defaults`
        return [
            (str(key.value), value, key.start_mark.line + 1) for key, value in node.value if isinstance(key, ScalarNode)
        ]

    def read_group(self, name: str, node: "Node", line: int, depth: int) -> None:
        """One group with everything under it."""
        if depth > _DEEPEST:
            raise self._inventory.problem(line, "groups are nested too deeply, or contain themselves")
        group = self._inventory.declare(name)
        for key, value, key_line in self.pairs(node, f"the group {name!r} must be a mapping: hosts, vars, children"):
            if key == "hosts":
                for host, variables, host_line in self.pairs(value, f"hosts of {name!r} must be a mapping"):
                    given = self._variables(variables, f"variables of {host!r} must be a mapping")
                    self._inventory.add_hosts(host, name, given, host_line)
            elif key == "vars":
                group.variables.update(self._variables(value, f"vars of {name!r} must be a mapping"))
            elif key == "children":
                for child, inner, child_line in self.pairs(value, f"children of {name!r} must be a mapping"):
                    group.children[child] = child_line
                    self.read_group(child, inner, child_line, depth + 1)
            else:
                message = f"{key!r} of the group {name!r} is none of hosts, vars, children"
                raise self._inventory.problem(key_line, message)

    def _variables(self, node: "Node", what: str) -> dict[str, Given]:
        return {key: self._value(value) for key, value, _ in self.pairs(node, what)}

    def _value(self, node: "Node") -> Given:
        from yaml import ScalarNode

        origin = self._inventory.origin(node.start_mark.line + 1)
        if not node.tag.startswith(_STANDARD):
            return Given(None, origin, "an encrypted value" if "vault" in node.tag else f"a {node.tag} value")
        if not isinstance(node, ScalarNode):
            return Given(None, origin, "a list or a mapping")
        if node.tag == _STANDARD + "null":
            return Given(None, origin, "nothing")
        return known_or_not(str(node.value), origin)
