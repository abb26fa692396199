"""What is read of accounts: their keys, who none of mine is, when such a key was last used; and my own keys."""

import logging
from pathlib import Path

from homelab_tui.domain.errors import SourceError
from homelab_tui.domain.keys import AccountKeys, HostKeyState, KeyLogins
from homelab_tui.domain.nodes import Node
from homelab_tui.engine.ports import Clock, ReachesAndInstalls
from homelab_tui.engine.sightings import Sightings
from homelab_tui.engine.store import Store, entry, reading_of

log = logging.getLogger(__name__)


class AccountReadings:
    """Reads over SSH, and puts beside the reading what comes with it: the way, the host key, when keys were seen."""

    def __init__(self, ssh: ReachesAndInstalls, store: Store, clock: Clock, state_dir: Path) -> None:
        self._ssh = ssh
        self._store = store
        self._sightings = Sightings(state_dir, clock)
        self._known: dict[str, AccountKeys] = {}
        """Accounts as a write of ours has left them, until their poller has taken them."""

    def left(self, node: Node, keys: AccountKeys) -> None:
        """What a write of ours has just read: the next `read` of that account need not log in."""
        self._known[node.account] = keys

    async def read(self, node: Node) -> AccountKeys:
        """Host key and authorized_keys of one account."""
        self._store.put("ways", node.account, await self._ssh.way(node))
        known = self._known.pop(node.account, None)
        met = entry(self._store.told.host_keys, node.account)
        if known is not None and met is not None and met.state is HostKeyState.TRUSTED:
            self._store.update(sightings=self._sightings.saw(node.account, known))
            return known
        host_key = await self._ssh.host_key(node)
        self._store.put("host_keys", node.account, host_key)
        keys = await self._ssh.read_account(node)
        self._store.update(sightings=self._sightings.saw(node.account, keys))
        return keys

    def flush(self) -> None:
        """Wait until what was seen is written down."""
        self._sightings.flush()

    async def read_logins(self, node: Node) -> KeyLogins:
        """When keys that are none of mine were last used, as the node's own log tells."""
        strange = self.strangers(node)
        # Nobody unknown, nothing to ask: the log of a node is read for strangers only.
        return await self._ssh.last_logins(node, strange) if strange else KeyLogins()

    def strangers(self, node: Node) -> tuple[str, ...]:
        """Keys on a node that are none of mine, where its log may be read at all (as root)."""
        value = reading_of(self._store.told.accounts, node.account).value
        if value is None or not value.sudo:
            return ()
        mine = {key.fingerprint for key in self._store.told.my_keys}
        return tuple(dict.fromkeys(c.fingerprint for c in value.all_cells if c.fingerprint not in mine))

    async def read_mine(self) -> object:
        """My keys, into the state. Raises: ConfigError for a configured key file that is no key; SourceError."""
        keys = await self._ssh.read_my_keys()
        self._store.update(my_keys=keys)
        return keys

    async def read_mine_or_log(self) -> None:
        """The same, where an agent that does not answer stops nothing. Raises: ConfigError."""
        try:
            await self.read_mine()
        except SourceError as error:
            log.warning("my keys cannot be read: %s", error)
