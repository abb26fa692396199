"""SNMP requests to one agent: get, set, and walks that always end. Every error is one of `domain.errors`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from homelab_tui.config.model import SwitchConfig
from homelab_tui.domain.errors import (
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.sources.snmp_engines import Address, SnmpEngine
from homelab_tui.sources.snmp_values import Value
from homelab_tui.sources.vendor_tables import Oid

MAX_ROWS = 20_000
"""No table that is read here is longer; an agent that goes on for ever is stopped."""
_FEW_ROWS = 5
"""Rows per GETBULK that an agent is asked for when it did not answer to more."""
_GET_AT_ONCE = 20
"""Values per GET, so that the answer fits into one datagram."""

NO_ERROR, TOO_BIG, NO_SUCH_NAME, GEN_ERR, NO_ACCESS, AUTHORIZATION_ERROR = 0, 1, 2, 5, 6, 16
STATUS_NAMES = (
    "noError",
    "tooBig",
    "noSuchName",
    "badValue",
    "readOnly",
    "genErr",
    "noAccess",
    "wrongType",
    "wrongLength",
    "wrongEncoding",
    "wrongValue",
    "noCreation",
    "inconsistentValue",
    "resourceUnavailable",
    "commitFailed",
    "undoFailed",
    "authorizationError",
    "notWritable",
    "inconsistentName",
)
"""RFC 3416, by number."""

_REFUSALS = {
    "UnknownUserName": "does not know this user (username)",
    "UnknownSecurityName": "does not know this user (username)",
    "WrongDigest": "refused the authentication (auth_key or auth_protocol is wrong)",
    "AuthenticationFailure": "refused the authentication (auth_key or auth_protocol is wrong)",
    "AuthenticationError": "refused the authentication (auth_key or auth_protocol is wrong)",
    "UnsupportedAuthProtocol": "does not speak this auth_protocol",
    "DecryptionError": "could not decrypt the request (priv_key or priv_protocol is wrong)",
    "EncryptionError": "could not decrypt the request (priv_key or priv_protocol is wrong)",
    "UnsupportedPrivProtocol": "does not speak this priv_protocol",
    "UnsupportedSecurityLevel": "wants another security level for this user (auth_key and priv_key set or left out)",
    "NoAuthentication": "wants authentication (auth_key)",
    "NoEncryption": "wants encryption (priv_key)",
    "NotInTimeWindow": "says that the request is out of time (its clock or boot counter jumped); try again",
    "UnknownCommunityName": "does not know this community",
}
"""pysnmp's error indications that mean: the agent said no. SNMPv3 only; for v2c a wrong community is silence."""

Batch = list[tuple[Oid, Value | None]]
"""(object, value); None where the agent says that there is no such object."""


class StatusError(SourceGarbled):
    """The agent answered a request with an error status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class SnmpSession:
    """Requests to one agent with one credential.

    Raises, from every request: SourceTimeout (no answer), SourceUnreachable (no route, no such name), SourceRefused
    (SNMPv3 said no), SourceGarbled (an answer that is no SNMP).
    """

    def __init__(self, config: SwitchConfig, engine: SnmpEngine, auth: Any, target: Any) -> None:
        self._config = config
        self._wire = engine
        self._auth = auth
        self._target = target
        self._context = engine.api.ContextData()
        self._bulk_proven = False
        self.bulk_problem: str | None = None
        """Why GETNEXT is used; None as long as the agent answers GETBULK."""
        self.max_repetitions = 25

    async def get(self, oids: Sequence[Oid]) -> dict[Oid, Value]:
        """The values of these objects. What the agent does not have is left out."""
        found: dict[Oid, Value] = {}
        for start in range(0, len(oids), _GET_AT_ONCE):
            found.update(await self._get(oids[start : start + _GET_AT_ONCE]))
        return found

    async def _get(self, oids: Sequence[Oid]) -> dict[Oid, Value]:
        try:
            batch = await self._ask("get_cmd", oids)
        except StatusError as error:
            # One object that this agent dislikes must not hide the others.
            if len(oids) > 1 and error.status in (TOO_BIG, NO_SUCH_NAME, GEN_ERR):
                half = len(oids) // 2
                return {**await self._get(oids[:half]), **await self._get(oids[half:])}
            if error.status == NO_SUCH_NAME:
                return {}
            raise
        return {oid: value for oid, value in batch if value is not None}

    async def get_column(self, root: Oid, indexes: Sequence[int]) -> dict[Oid, Value]:
        """The cells of a column with one-number indexes. Close together they are walked, which is cheaper than GETs."""
        if not indexes:
            return {}
        first, last = min(indexes), max(indexes)
        if first < 1 or last - first >= 2 * len(indexes):
            return await self.get([(*root, index) for index in indexes])
        below = self._walk_from((*root, first - 1), root, lambda _: None, expected=len(indexes), stop=(*root, last))
        wanted = set(indexes)
        return {oid: value for oid, value in (await below).items() if oid[-1] in wanted}

    async def walk(
        self, root: Oid, note: Callable[[str], object], *, expected: int | None = None, needed: bool = False
    ) -> dict[Oid, Value]:
        """Everything below an object. Ends on every agent, however it counts.

        `expected` rows save a request; `note` is told what was odd. Raises StatusError when the agent answers with an
        error before the first row of what is `needed`.
        """
        return await self._walk_from(root, root, note, expected=expected, needed=needed)

    async def _walk_from(
        self,
        start: Oid,
        root: Oid,
        note: Callable[[str], object],
        *,
        expected: int | None,
        needed: bool = False,
        stop: Oid | None = None,
    ) -> dict[Oid, Value]:
        """What follows `start` below `root`, as far as `stop`."""
        rows: dict[Oid, Value] = {}
        seen: set[Oid] = set()
        last = start
        while len(seen) < MAX_ROWS:
            try:
                batch = await self._next(last, None if expected is None else max(1, expected + 1 - len(seen)))
            except StatusError as error:
                # noSuchName is how SNMPv1 agents say "the end".
                if error.status != NO_SUCH_NAME:
                    if needed and not rows:
                        raise
                    note(f"the agent stopped a walk with {_status_name(error.status)}")
                return rows
            before = len(seen)
            for oid, value in batch:
                if oid[: len(root)] != root or (stop is not None and oid > stop):
                    return rows
                if oid in seen or oid == start:
                    note("the agent's object identifiers go round in circles; the walk was ended")
                    return rows
                if oid < last:
                    note("the agent's object identifiers do not increase")
                seen.add(oid)
                last = oid
                if value is not None:
                    rows[oid] = value
            if len(seen) == before or (stop is not None and last == stop):
                return rows
        note(f"a table of more than {MAX_ROWS} rows was cut")
        return rows

    async def _next(self, last: Oid, wanted: int | None) -> Batch:
        """What follows an object: as many rows as the agent gives at once, at most `wanted`."""
        repetitions = min(self.max_repetitions, wanted or self.max_repetitions)
        while self.bulk_problem is None:
            try:
                batch = await self._ask("bulk_cmd", [last], 0, repetitions)
            except StatusError as error:
                if error.status == TOO_BIG and repetitions > 1:
                    repetitions = self.max_repetitions = max(1, repetitions // 2)
                    continue
                batch = await self._ask("next_cmd", [last])
                self.bulk_problem = f"the agent answers GETBULK with {_status_name(error.status)}; GETNEXT is used"
            except SourceTimeout:
                if repetitions > _FEW_ROWS:
                    # A slow agent gathers all rows before it answers: fewer of them may be in time, once it has worked
                    # off what it was asked before.
                    repetitions = self.max_repetitions = _FEW_ROWS
                    await asyncio.sleep(self._config.timeout_s)
                    continue
                if self._bulk_proven:
                    raise
                # GET was answered before: some agents fall silent on GETBULK alone.
                batch = await self._ask("next_cmd", [last])
                self.bulk_problem = "the agent does not answer GETBULK; GETNEXT is used"
            else:
                self._bulk_proven = True
            return batch
        return await self._ask("next_cmd", [last])

    async def set_integer(self, oid: Oid, value: int) -> Value | None:
        """Write an INTEGER; what the agent says it is now, None when it says that there is no such object.

        Raises StatusError with the agent's error status.
        """
        binding = self._wire.binding_class(oid, self._wire.api.Integer32(value))
        batch = await self._ask("set_cmd", [], binding=binding)
        return next((said for name, said in batch if name == oid), None)

    async def _ask(self, command: str, oids: Sequence[Oid], *numbers: int, binding: Any = None) -> Batch:
        bindings = [binding] if binding is not None else [self._wire.binding_class(oid) for oid in oids]
        request = getattr(self._wire.api, command)
        arrivals, unreadable = self._wire.arrivals[self._address], self._wire.unreadable()
        errors = len(self._wire.socket_errors)
        # pysnmp keeps the time itself; the outer limit is for the case that it loses a request.
        limit_s = self._config.timeout_s * (self._config.retries + 1) + 3
        answer: Awaitable[Any] = request(
            self._wire.engine, self._auth, self._target, self._context, *numbers, *bindings, lookupMib=False
        )
        try:
            # Not wait_for(): before Python 3.12 it swallows a cancellation that comes together with the answer
            # (python/cpython#86296), and then a loop around it would never end.
            async with asyncio.timeout(limit_s):
                indication, status, _, pairs = await answer
        except TimeoutError as error:
            raise self._silence(arrivals, unreadable, errors) from error
        except SourceError:
            raise
        except Exception as error:  # pysnmp and pyasn1 raise whatever an odd message makes them raise
            raise SourceGarbled(
                f"{self._config.name}: SNMP with {self._place} failed ({type(error).__name__})"
            ) from error
        if indication is not None:
            kind = type(indication).__name__
            if kind == "RequestTimedOut":
                raise self._silence(arrivals, unreadable, errors) from indication
            if kind in _REFUSALS:
                raise SourceRefused(f"{self._config.name}: {self._place} {_REFUSALS[kind]}") from indication
            raise SourceGarbled(f"{self._config.name}: {self._place} answered nonsense ({kind})") from indication
        if int(status) != NO_ERROR:
            raise self._status_error(int(status), writes=command == "set_cmd")
        return _batch(pairs)

    def _status_error(self, status: int, *, writes: bool) -> SourceError:
        name = _status_name(status)
        if not writes and status in (NO_ACCESS, AUTHORIZATION_ERROR):
            cure = "check auth_key, priv_key and the user's view" if self._config.version == "3" else "check its view"
            return SourceRefused(f"{self._config.name}: {self._place} allows no reading ({name}): {cure}")
        return StatusError(f"{self._config.name}: {self._place} answered {name}", status)

    def _silence(self, arrivals: int, unreadable: int, errors: int) -> SourceError:
        name, config = self._config.name, self._config
        if self._wire.arrivals[self._address] > arrivals:
            if self._wire.unreadable() > unreadable:
                return SourceGarbled(f"{name}: {self._place} answers, but not with SNMP that can be read")
            if config.version == "3":
                return SourceRefused(
                    f"{name}: {self._place} answers, but not so that this user's keys open it: check priv_key and "
                    f"priv_protocol; a slow switch needs a larger timeout_s ({config.timeout_s:g})"
                )
            return SourceTimeout(
                f"{name}: {self._place} answers too late or to another question: raise timeout_s ({config.timeout_s:g})"
            )
        if len(self._wire.socket_errors) > errors:
            reason = self._wire.socket_errors[-1].strerror or "no route"
            return SourceUnreachable(f"{name}: nothing can be sent to {self._place}: {reason}")
        waited_s = config.timeout_s * (config.retries + 1)
        cause = "wrong user, wrong address" if config.version == "3" else "wrong community, wrong address"
        return SourceTimeout(
            f"{name}: no answer from {self._place} within {waited_s:g} s ({cause} or SNMP off: these look the same)"
        )

    @property
    def _address(self) -> Address:
        host, port = self._target.transport_address[:2]
        return str(host), int(port)

    @property
    def _place(self) -> str:
        return f"{self._config.host}, UDP port {self._config.port}"


def _batch(pairs: Any) -> Batch:
    """What came back, as plain values, cut where the agent has no more objects: an empty identifier stands there."""
    batch: Batch = []
    for oid, value in pairs:
        if type(value).__name__ == "EndOfMibView":
            return [*batch, ((), None)]
        batch.append((tuple(oid), _plain(value)))
    return batch


def _plain(value: Any) -> Value | None:
    """A pysnmp value as a plain one; None for noSuchObject, noSuchInstance and NULL."""
    kind = type(value).__name__
    if kind in ("NoSuchObject", "NoSuchInstance", "Null", "UnSpecified"):
        return None
    if hasattr(value, "asOctets"):
        return bytes(value)
    if kind in ("ObjectIdentifier", "ObjectName", "ObjectIdentity"):
        return tuple(value)
    return int(value)


def _status_name(status: int) -> str:
    return STATUS_NAMES[status] if 0 <= status < len(STATUS_NAMES) else f"error status {status}"
