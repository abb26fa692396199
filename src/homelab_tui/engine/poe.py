"""PoE ports: refusing the dangerous, switching them, and cycling them to the end."""

from collections.abc import Awaitable, Callable, Sequence

from homelab_tui.domain.errors import ActionRefused, SourceError
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Plan, PlanStep, Result
from homelab_tui.domain.poe import PoePort
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import NodeView
from homelab_tui.domain.values import replace
from homelab_tui.engine.journal import Journal, JournalEntry
from homelab_tui.engine.node_actions import then_ready
from homelab_tui.engine.operations import READ_ONLY, Operations, Progress
from homelab_tui.engine.poe_cycles import KIND, PortPower
from homelab_tui.engine.poe_following import Follower
from homelab_tui.engine.poe_safeguards import STALE_READING_S, PoeLimits, refusals, risks
from homelab_tui.engine.poe_targets import PortTarget, find_port, parse_port
from homelab_tui.engine.ports import Clock, SwitchesPoe

__all__ = ["STALE_READING_S", "PoeActions", "PoeLimits", "PortTarget", "find_port", "parse_port"]

_WORDS = {"cycle": "Power-cycle", "off": "Switch off", "on": "Switch on"}


class PoeActions:
    """What can be done to PoE ports, over the switches of the lab."""

    def __init__(
        self,
        switches: Sequence[SwitchesPoe],
        operations: Operations,
        journal: Journal,
        clock: Clock,
        limits: PoeLimits,
        answers: Callable[[Node], Awaitable[bool]],
        wake: Callable[[], None] = lambda: None,
        until_ready: Callable[[NodeView], Awaitable[Result | None]] | None = None,
    ) -> None:
        """`until_ready`: waits for the Node of a cycled box; None from it: it is in no cluster that can be asked."""
        self._switches = {switch.name: switch for switch in switches}
        self._operations = operations
        self._journal = journal
        self._clock = clock
        self._limits = limits
        self._answers = answers
        self._wake = wake
        self._until_ready = until_ready
        self._power = PortPower(operations, journal, clock)

    def plan(self, verb: str, targets: Sequence[PortTarget]) -> Plan:
        """What `cycle`, `off` or `on` will do to these ports, and why not, if a safeguard says no."""
        said = [why for target in targets for why in self._refusals(verb, target)]
        warnings: list[str] = []
        names: list[str] = []
        for target in targets:
            risk, name = risks(verb, target)
            warnings += risk
            names += [name] if name else []
        if len(set(names)) > 1:
            said.append(f"these need their names typed, one at a time: {', '.join(sorted(set(names)))}")
        what = _name(targets[0]) if len(targets) == 1 else f"{len(targets)} ports"
        notes = [f"off for {self._limits.cycle_off_s:g} s, then on until the switch confirms it"]
        return Plan(
            kind=f"poe.{verb}",
            title=f"{_WORDS[verb]} {what}",
            steps=tuple(PlanStep(str(t.ref), _describe(t)) for t in targets),
            notes=tuple(notes) if verb == "cycle" else (),
            warnings=tuple(warnings),
            refusals=tuple(dict.fromkeys(said)),
            confirm_name=names[0] if len(set(names)) == 1 else None,
            danger=verb != "on",
        )

    async def switch(self, target: PortTarget, *, on: bool) -> Result:
        """Set one port on or off, and read back that it is. The safeguards are asked again before."""
        verb = "on" if on else "off"
        name = _name(target)

        async def work(progress: Progress) -> Result:
            switch, fresh = await self._look_again(verb, target)
            await switch.set_admin(target.ref, on=on)
            progress.stage(f"{verb}, reading back")
            changed = fresh.port is None or fresh.port.admin_on is not on
            try:
                port = await self._power.read_back(switch, target.ref, on=on)
            except SourceError as error:
                return Result(name, ok=False, changed=changed, detail=f"accepted, but not confirmed: {error}")
            detail = f"{verb}, {port.detection.value if port.detection else 'admin confirmed'}"
            return Result(name, ok=True, changed=changed, detail=detail)

        result = await self._operations.run(f"poe.{verb}", f"port:{target.ref}", f"switching {verb}…", work, name=name)
        self._wake()
        return result

    async def cycle(self, target: PortTarget, *, to_ready: bool = True) -> Result:
        """Off, wait, on until the switch confirms it, then follow the node until it takes a TCP connection.

        `to_ready`: and, where it is in a cluster, until its Node is Ready as another boot.

        The safeguards are asked again before. The first part is written to the journal before its first step, and
        finishes even when its caller is cancelled; following is only watching.
        """
        before: list[PoePort | None] = []

        async def work(progress: Progress) -> Result:
            switch, fresh = await self._look_again("cycle", target)
            before.append(fresh.port)
            limits = self._limits
            return await self._power.off_and_on(
                switch,
                target.ref,
                _name(target),
                progress,
                off_s=limits.cycle_off_s,
                interval_s=limits.cycle_interval_s,
            )

        row = f"port:{target.ref}"
        result = await self._operations.run(KIND, row, "asking the switch…", work, must_finish=True, name=_name(target))
        self._wake()
        if not result.ok or self._operations.closing.is_set():
            return result
        followed = await self._follow(target, before[0], result)
        if not followed.ok or not to_ready or target.node is None or self._until_ready is None:
            return followed
        ready = await self._until_ready(target.node)
        return followed if ready is None else then_ready(followed, ready)

    async def restore(self, entry: JournalEntry) -> Result:
        """Switch a port on that an interrupted cycle may have left off, and close its journal entry."""
        text = f"{entry.detail('switch')}/{entry.detail('group')}/{entry.detail('port')}"
        ref = parse_port(text)
        switch = self._switches.get(ref.switch) if ref else None
        if entry.kind != KIND or ref is None or switch is None:
            detail = f"no switch of the configuration has port {text}: look at it by hand"
            return Result(entry.target, ok=False, changed=False, detail=detail)

        async def work(progress: Progress) -> Result:
            if self._limits.read_only:
                raise ActionRefused(READ_ONLY)
            return await self._power.restore(switch, ref, progress, entry.id)

        result = await self._operations.run("poe.restore", f"port:{ref}", "switching on…", work, must_finish=True)
        self._wake()
        return result

    def _refusals(self, verb: str, target: PortTarget) -> list[str]:
        try:
            cycled_at = self._journal.last(KIND, str(target.ref)) if verb == "cycle" else None
        except OSError as error:
            return [f"the journal cannot be read ({error.strerror}): whether {target.ref} was just cycled is not known"]
        return refusals(verb, target, self._limits, self._clock.now(), cycled_at)

    async def _look_again(self, verb: str, target: PortTarget) -> tuple[SwitchesPoe, PortTarget]:
        """The switch, and the target as the switch tells it now: a plan may have been looked at for an hour.

        Raises: ActionRefused when a safeguard says no by now; SourceError when the switch does not answer.
        """
        switch = self._switches.get(target.ref.switch)
        if switch is None:
            raise ActionRefused(f"no switch of the configuration is called {target.ref.switch}")
        if self._limits.read_only:
            raise ActionRefused(READ_ONLY)
        reading = await switch.read()
        fresh = replace(target, port=reading.port(target.ref), reading=Reading().renewed(reading, self._clock.now()))
        said = self._refusals(verb, fresh)
        if said:
            raise ActionRefused("; ".join(said))
        return switch, fresh

    async def _follow(self, target: PortTarget, before: PoePort | None, powered: Result) -> Result:
        """Until the port delivers power and the node takes a TCP connection, or the boot grace is over."""
        follower = Follower(
            self._switches[target.ref.switch],
            before or PoePort(target.ref),
            target.node.node if target.node else None,
            self._answers,
            self._operations,
            self._clock,
            boot_grace_s=self._limits.boot_grace_s,
        )
        followed = await self._operations.run(
            "poe.follow", f"port:{target.ref}", "on", follower.work, name=_name(target)
        )
        self._wake()
        return replace(followed, changed=powered.changed, detail=f"power-cycled, {followed.detail}")


def _name(target: PortTarget) -> str:
    return target.node.node.name if target.node else str(target.ref)


def _describe(target: PortTarget) -> str:
    words = []
    if target.node is not None:
        how = f", found {target.node.port_note}" if target.node.port_note else ""
        words.append(f"feeds {target.node.node.name} ({target.node.state.value}{how})")
    if target.port is not None:
        if target.port.detection is not None:
            words.append(target.port.detection.value)
        if target.port.power_mw is not None:
            words.append(f"{target.port.power_mw / 1000:.1f} W")
        if target.port.label:
            words.append(f"label {target.port.label}")
    return ", ".join(words) or "nothing is known of it"
