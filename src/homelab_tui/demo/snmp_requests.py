"""How the demo's switch answers GET, GETNEXT, GETBULK and SET, with the errors of RFC 3416, on pysnmp's responders."""

from collections.abc import Callable
from typing import Any

from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413 import cmdrsp
from pysnmp.proto.api import v2c
from pysnmp.proto.rfc1902 import Integer32
from pysnmp.proto.rfc1905 import endOfMibView, noSuchInstance, noSuchObject
from pysnmp.smi import error
from pysnmp.smi.instrum import AbstractMibInstrumController

from homelab_tui.demo.snmp_tree import SwitchTree
from homelab_tui.demo.snmp_vendors import Oid, Value
from homelab_tui.demo.world import World

EVERYTHING: Oid = (1,)
"""What both communities may read, and the write community may write."""


class SetResponder(cmdrsp.SetCommandResponder):  # type: ignore[misc]  # pysnmp is untyped
    """pysnmp's, but with the error index of the variable that failed, not always 1."""

    def send_varbinds(self, engine: SnmpEngine, reference: Any, status: Any, index: Any, variables: Any) -> None:
        """Send the answer."""
        controller = self.snmpContext.get_mib_instrum(b"")
        if status and isinstance(controller, Controller):
            index = controller.failed_index
        super().send_varbinds(engine, reference, status, index, variables)


class BulkResponder(cmdrsp.BulkCommandResponder):  # type: ignore[misc]  # pysnmp is untyped
    """pysnmp's, but it stops where the MIB ends, as agents do; not one endOfMibView for each repetition asked for."""

    _shape = (0, 0)

    def handle_management_operation(self, engine: SnmpEngine, reference: Any, context_name: Any, pdu: Any) -> None:
        """Note how many columns were asked for, then answer."""
        asked = len(v2c.apiBulkPDU.get_varbinds(pdu))
        once = min(max(0, int(v2c.apiBulkPDU.get_non_repeaters(pdu))), asked)
        self._shape = (once, asked - once)
        super().handle_management_operation(engine, reference, context_name, pdu)

    def send_varbinds(self, engine: SnmpEngine, reference: Any, status: Any, index: Any, variables: Any) -> None:
        """Send the answer."""
        once, repeated = self._shape
        if repeated:
            for start in range(once, len(variables), repeated):
                if all(value is endOfMibView for _, value in variables[start : start + repeated]):
                    variables = variables[: start + repeated]
                    break
        super().send_varbinds(engine, reference, status, index, variables)


class Controller(AbstractMibInstrumController):  # type: ignore[misc]  # pysnmp is untyped
    """Answers pysnmp's requests for variables out of the switch's tree, with the errors of RFC 3416, 4.2."""

    def __init__(self, world: World, tree: SwitchTree, fault: Callable[[], str | None]) -> None:
        self._world = world
        self._tree = tree
        self._fault = fault
        self.mute_until = 0.0
        """Monotonic second up to which the switch answers nobody: TP-Link's habit after a question it does not know."""
        self.failed_index = 0
        """1-based place of the variable that the last SET failed at."""

    def read_variables(self, *variables: Any, **context: Any) -> list[tuple[Any, Any]]:
        """GET."""
        self._prepare()
        self._mind(variables)
        answers = []
        for name, _ in variables:
            oid = tuple(name)
            value: Any = None if self._hidden(name, context) else self._tree.read(oid)
            if value is None:
                value = noSuchInstance if self._tree.has_object(oid) else noSuchObject
            answers.append((name, value))
        return answers

    def read_next_variables(self, *variables: Any, **context: Any) -> list[tuple[Any, Any]]:
        """GETNEXT, and one repetition of GETBULK."""
        self._prepare()
        self._mind(variables)
        answers: list[tuple[Any, Any]] = []
        for name, _ in variables:
            found: tuple[Oid, Value] | None = self._tree.following(tuple(name))
            if found is None or self._hidden(found[0], context):
                answers.append((name, endOfMibView))
            else:
                answers.append((name.clone(found[0]), found[1]))
        return answers

    def write_variables(self, *variables: Any, **context: Any) -> list[tuple[Any, Any]]:
        """SET: every variable is checked before the first one is changed."""
        self._prepare()
        wanted = []
        for index, (name, value) in enumerate(variables):
            self.failed_index = index + 1
            wanted.append(self._checked(tuple(name), value, index, context))
        self.failed_index = 0
        for port, on in wanted:
            self._world.set_port_admin(port, on)
        return list(variables)

    def _checked(self, oid: Oid, value: Any, index: int, context: dict[str, Any]) -> tuple[int, bool]:
        facts = {"name": oid, "idx": index}
        if self._fault() == "403" or context["acFun"]("write", (oid, value), **(context | {"idx": index})):
            raise error.NoAccessError(**facts)
        admin = self._tree.admin
        if oid[: len(admin.oid)] != admin.oid:
            raise error.NotWritableError(**facts)
        if value.getTagSet() != Integer32.tagSet:
            raise error.WrongTypeError(**facts)
        if int(value) not in (admin.on, admin.off):
            raise error.WrongValueError(**facts)
        port = admin.port_of(oid)
        if port is None or port not in self._world.switch.ports:
            raise error.NoCreationError(**facts)
        return port, int(value) == admin.on

    def _hidden(self, oid: Any, context: dict[str, Any]) -> bool:
        """True if the community's view does not show it."""
        return bool(context["acFun"]("read", (oid, None), **context))

    def _mind(self, variables: Any) -> None:
        """Fall silent, where the switch is of that kind, when somebody asks about what it does not have."""
        if self._tree.sulks_s and not all(self._tree.knows(tuple(name)) for name, _ in variables):
            self.mute_until = self._world.clock.monotonic() + self._tree.sulks_s

    def _prepare(self) -> None:
        """Let the world's time pass, and play the faults that answer with an error."""
        if self._fault() in ("500", "503", "429"):
            self.failed_index = 1
            raise error.GenError(name=EVERYTHING, idx=0)
        self._world.tick()
