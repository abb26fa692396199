"""Where a key was found, and who depends on it, as far as accounts were read. Pure."""

from collections.abc import Sequence

from homelab_tui.domain.key_guards import would_close
from homelab_tui.domain.keys import AccountKeys, KeyCell, PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.state import LabState
from homelab_tui.engine.store import reading_of


def find_unknown(state: LabState, text: str) -> PublicKey | None:
    """A key that is not mine, by its fingerprint, as far as accounts were read; its private half is not here."""
    for _, reading in state.accounts:
        for cell in reading.value.all_cells if reading.value else ():
            if cell.fingerprint == text:
                return PublicKey(cell.type, b"", cell.comment, fingerprint=cell.fingerprint)
    return None


def closed_accounts(state: LabState, key: PublicKey, nodes: Sequence[Node]) -> dict[str, tuple[str, ...]]:
    """Other accounts that no usable line is left in without this key: user → the names of the nodes where it is so."""
    found: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        account = reading_of(state.accounts, node.account).value
        for other in account.others if account else ():
            if would_close(other, key.fingerprint):
                found[other.account] = (*found.get(other.account, ()), node.name)
    return found


def owner_of(file: str) -> str | None:
    """The other account whose file it is (`~root/.ssh/authorized_keys`); None for the session's own."""
    return file[1:].partition("/")[0] if file.startswith("~") else None


def cells_of(account: AccountKeys, key: PublicKey) -> list[KeyCell]:
    """What an account itself holds of a key."""
    return [cell for cell in account.cells if cell.fingerprint == key.fingerprint]


def standing(state: LabState, node: Node, key: PublicKey) -> str:
    """Where on a node a key is, in words."""
    account = reading_of(state.accounts, node.account).value
    if account is None:
        return "not read yet"
    elsewhere = [
        f"{other.account}: {cell.file} line {cell.line}"
        for other in account.others
        for cell in other.cells
        if cell.fingerprint == key.fingerprint
    ]
    cells = cells_of(account, key)
    if not cells:
        return ", ".join(elsewhere) or "not there"
    cell = cells[0]
    own = " (this is the key that homelab logs in with)" if account.login_fingerprint == key.fingerprint else ""
    return ", ".join((f"{cell.file} line {cell.line}: {cell.state.value}{own}", *elsewhere))
