"""The matrix of 64 nodes read, and a key pushed to 64 and proven, beside the OpenSSH client and Ansible."""

import asyncio
import contextlib
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace as replace_in
from socket import create_server

from bench._ansible import HELPED, PLAIN, fetched, push_s
from bench._many_nodes import NODES, PARALLEL, House, Impossible, house
from homelab_tui.cli.collecting import collect_seldom, keep_for_good
from homelab_tui.cli.dashboard import SWITCH_S
from homelab_tui.config.places import state_dir
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.values import replace
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.wires import Sources
from homelab_tui.sources.ssh import SshSource

ROUNDS = 15
COMMAND_ROUNDS = 3
ANSIBLE_ROUNDS = 5
ALONE = 20
"""Nodes that are read and pushed to one after the other."""
LAG_ROUNDS = 5
"""One push is some four hundred turns: of them four decide about a 99th percentile."""
SAME_KEX = ("-o", "KexAlgorithms=curve25519-sha256")
"""What paramiko and an OpenSSH server of Debian 12 agree on. ssh's own first choice costs it ten times the CPU."""
TICK_S = 0.005


def main() -> None:
    """Everybody in turn, on the same server; medians of the rounds."""
    sys.setswitchinterval(SWITCH_S)  # both as the dashboard does for itself
    collect_seldom()
    try:
        with house() as given:
            os.environ["XDG_STATE_HOME"] = str(given.base / "state")
            load = f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores at the start"
            print(f"   {NODES} nodes, {PARALLEL} at a time, one sshd; {load}")
            _compare_with_ssh(given)
            asyncio.run(_one_after_the_other(given))
            _compare_with_ansible(given)
            asyncio.run(_lag(given))
            asyncio.run(_dead_node(given))
    except Impossible as why:
        print(f"   NOT MEASURED: {why}")


def _compare_with_ssh(given: House) -> None:
    ours: dict[str, list[float]] = {"read": [], "push": [], "read, CLI": [], "push, CLI": []}
    theirs: dict[str, list[float]] = {"read": [], "push": []}
    for number in range(ROUNDS):
        asyncio.run(_in_turn(given, ours, theirs, ours_first=number % 2 == 0))
        if number >= COMMAND_ROUNDS:
            continue
        given.forget_the_guest()
        ours["read, CLI"].append(_timed(lambda: _command(given, "keys", "--json")))
        given.forget_the_guest()
        ours["push, CLI"].append(
            _timed(lambda: _command(given, "keys", "push", given.guest.path or "", "--all", "--yes", "--json"))
        )
    default = {}
    for what, work in (("read", _ssh_read), ("push", _ssh_push)):
        given.forget_the_guest()
        default[what] = _timed(lambda work=work: work(given, ()))  # type: ignore[misc]
    logins = {"read": "1 login", "push": "2 logins"}
    for what in ("read", "push"):
        mine, yours = statistics.median(ours[what]), statistics.median(theirs[what])
        cli = statistics.median(ours[f"{what}, CLI"])
        pairs = [a / b for a, b in zip(ours[what], theirs[what], strict=True)]
        print(f"   {what} ({logins[what]} a node)")
        print(f"      homelab's engine          {mine:6.2f} s   as a command of its own {cli:6.2f} s")
        print(
            f"      xargs -P ssh, same kex    {yours:6.2f} s   ratio {statistics.median(pairs):.2f} (target < 1.00)",
            end="",
        )
        print(f", from {min(pairs):.2f} to {max(pairs):.2f}")
        print(f"      xargs -P ssh, its default {default[what]:6.2f} s   ratio {mine / default[what]:.2f} (one round)")


async def _in_turn(
    given: House, ours: dict[str, list[float]], theirs: dict[str, list[float]], *, ours_first: bool
) -> None:
    """One reading and one push of each, side by side: what else this machine does changes within seconds.

    Ours as the dashboard does them: the program runs already.
    """
    async with _lab(given) as lab:

        async def we_read() -> None:
            ours["read"].append(await _awaited(_read(lab)))

        async def they_read() -> None:
            theirs["read"].append(await _awaited(asyncio.to_thread(_ssh_read, given, SAME_KEX)))

        async def we_push() -> None:
            ours["push"].append(await _awaited(_push(lab, given)))

        async def they_push() -> None:
            theirs["push"].append(await _awaited(asyncio.to_thread(_ssh_push, given, SAME_KEX)))

        for pair in ((we_read, they_read), (we_push, they_push)):
            for work in pair if ours_first else reversed(pair):
                given.forget_the_guest()
                await work()


async def _one_after_the_other(given: House) -> None:
    """What a single node takes: nobody waits for a core, only for what the other side says."""
    times: dict[str, list[float]] = {"read": [], "push": [], "ssh's read": [], "ssh's push": []}
    async with _lab(given) as lab:
        for node in given.nodes[:ALONE]:
            one = replace_in(given, nodes=(node,))
            works: dict[str, Callable[[], Awaitable[object]]] = {
                "read": lambda node=node: lab.read_account(node),  # type: ignore[misc]
                "ssh's read": lambda one=one: asyncio.to_thread(_ssh_read, one, SAME_KEX),  # type: ignore[misc]
                "push": lambda one=one: _push(lab, one),  # type: ignore[misc]
                "ssh's push": lambda one=one: asyncio.to_thread(_ssh_push, one, SAME_KEX),  # type: ignore[misc]
            }
            for what, work in works.items():
                given.forget_the_guest()
                times[what].append(await _awaited(work()))
    ms = {what: statistics.median(each) * 1000 for what, each in times.items()}
    print(f"   {ALONE} nodes one after the other, medians")
    for what in ("read", "push"):
        yours = ms[f"ssh's {what}"]
        print(f"      {what}: {ms[what]:.0f} ms; ssh, same kex, {yours:.0f} ms   ratio {ms[what] / yours:.2f}")


async def _our_push_s(given: House) -> float:
    """As the dashboard does it, which has read the matrix a moment ago; nobody is logged in any more."""
    async with _lab(given) as lab:
        await _read(lab)
        await asyncio.to_thread(given.wait_until_left)
        return await _awaited(_push(lab, given))


@contextlib.asynccontextmanager
async def _lab(given: House, *more: Node) -> AsyncIterator[Lab]:
    config = replace(given.config, nodes=(*given.nodes, *more))
    ssh = SshSource(config.ssh, config.keys)
    # Nobody looks for updates: in a house that is an `apt-get` on each of 64 machines, here it would be 64 on this one.
    lab = Lab(config, Sources(ssh=ssh, reboots=ssh), state_dir())
    # The first reading of a program asks `ssh -G` once for every host, and imports its libraries.
    await lab.read(("keys",), accounts=given.nodes)
    try:
        yield lab
    finally:
        await lab.close()


async def _read(lab: Lab) -> None:
    state = await lab.read(("keys",))
    unread = [reading.problem for _, reading in state.accounts if reading.value is None]
    if unread:
        raise Impossible(f"{len(unread)} accounts could not be read: {unread[0]}")


async def _push(lab: Lab, given: House) -> None:
    key = await lab.keys.find(given.guest.path or "")
    results = await asyncio.gather(*(lab.keys.push(node, key) for node in given.nodes))
    failed = [result.detail for result in results if not (result.changed and result.proven)]
    if failed or given.pushed() != len(given.nodes):
        raise Impossible(f"{len(failed)} pushes did not end well: {failed[:1]}")


def _ssh_read(given: House, options: tuple[str, ...]) -> None:
    """One login a node, and the files printed; no more is asked."""
    files = "cat .ssh/authorized_keys; cat .ssh/authorized_keys2 2>/dev/null; true"
    done = _xargs(given, ["ssh", *given.ssh_options(), *options, "{}", files])
    if done.stdout.count("# the house") != len(given.nodes):
        raise Impossible(f"ssh did not read every node: {done.stderr[:200]}")


def _ssh_push(given: House, options: tuple[str, ...]) -> None:
    """Two logins a node: one that appends blindly, one with the new key alone."""
    ssh = shlex.join(["ssh", *given.ssh_options(), *options])
    append = "umask 077; mkdir -p .ssh; cat >>.ssh/authorized_keys"
    guest = f"-o IdentityFile=none -i {shlex.quote(given.guest.private_path or '')}"
    line = f"{ssh} {{}} {shlex.quote(append)} <{shlex.quote(given.guest.path or '')} && {ssh} {guest} {{}} echo in"
    done = _xargs(given, ["sh", "-c", line])
    if done.stdout.count("in\n") != len(given.nodes) or given.pushed() != len(given.nodes):
        raise Impossible(f"ssh did not reach every node: {done.stderr[:200]}")


def _xargs(given: House, command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["xargs", "-P", str(PARALLEL), "-I{}", *command],
        input=given.hosts,
        capture_output=True,
        text=True,
        check=False,
    )


def _command(given: House, *arguments: str) -> None:
    command = [sys.executable, "-m", "homelab_tui", "--config", str(given.write_config()), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Impossible(f"homelab {arguments[0]}: {done.stderr[:300]}")


async def _awaited(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _compare_with_ansible(given: House) -> None:
    theirs: list[float] = []
    helped: list[float] = []
    ours: list[float] = []
    try:
        collections = fetched(given.base / "collections")
        for _ in range(ANSIBLE_ROUNDS):
            for told, times in ((PLAIN, theirs), (HELPED, helped)):
                given.wait_until_left()
                given.forget_the_guest()
                times.append(push_s(given, collections, told))
                given.wait_until_left()
                given.forget_the_guest()
                ours.append(asyncio.run(_our_push_s(given)))
    except Impossible as why:
        print(f"   ansible.posix.authorized_key: NOT MEASURED: {why}")
        return
    ours_s = statistics.median(ours)
    print(f"   push, homelab's engine in turns {ours_s:.2f} s")
    for what, times, target in (
        ("ansible.posix.authorized_key, the interpreter given", theirs, " (target 8 x)"),
        ("the same, pipelining and the same key exchange given, too", helped, ""),
    ):
        print(f"      {what:60} {statistics.median(times):5.1f} s: {statistics.median(times) / ours_s:.1f} x{target}")


async def _lag(given: House) -> None:
    """How late the loop of the running dashboard is, while it reads and pushes."""
    from homelab_tui.ui.app import HomelabApp

    async with _lab(given) as lab:
        app = HomelabApp(lab.config, lambda: lab)
        async with app.run_test(size=(140, 40)) as pilot:
            await pilot.pause()
            await pilot.press("2")
            await _settled(lab)
            keep_for_good()
            print("   lag of the UI loop, the 64 servers on the same cores with the same right to them:")
            await _print_lags(given, lab)
            print("   the same, the servers with no right to cores that others want (in a home they have their own):")
            with given.elsewhere():
                await _print_lags(given, lab)
    print("   (target: p99 ≤ 50 ms on a machine where the idle process has next to none)")


async def _print_lags(given: House, lab: Lab) -> None:
    works: tuple[tuple[str, Callable[[], Awaitable[object]]], ...] = (
        ("while nothing is done", lambda: asyncio.sleep(2)),
        ("while ssh reads, in processes of its own", lambda: asyncio.to_thread(_ssh_read, given, SAME_KEX)),
        ("while it reads", lambda: _read(lab)),
        ("while it pushes", lambda: _push(lab, given)),
    )
    for what, work in works:
        lags: list[float] = []
        own: list[float] = []
        bystander: list[float] = []
        for _ in range(LAG_ROUNDS):
            given.forget_the_guest()
            for whole, part in zip((lags, own, bystander), await _lags(work), strict=True):
                whole += part
        words = f"p50 {statistics.median(lags) * 1000:5.1f} ms, p99 {_p99_ms(lags):5.1f} ms"
        print(f"      {what:42} {words}, of it CPU of its own at most {_p99_ms(own):4.1f} ms;", end="")
        print(f" an idle process beside it p99 {_p99_ms(bystander):5.1f} ms")


def _p99_ms(lags: list[float]) -> float:
    return statistics.quantiles(lags, n=100)[98] * 1000


async def _settled(lab: Lab) -> None:
    """Until the first round of every poller is over: it is another matter."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        readings = (*lab.store.state.accounts, *lab.store.state.probes)
        if all(reading.value is not None or reading.problem for _, reading in readings):
            return
        await asyncio.sleep(0.2)


async def _lags(work: Callable[[], Awaitable[object]]) -> tuple[list[float], list[float], list[float]]:
    """How late our loop woke each time, what its thread computed meanwhile, and how late a process woke that has
    nothing else to do. What is in neither is waiting for the interpreter's lock, or for a core."""
    lags: list[float] = []
    own: list[float] = []

    async def tick() -> None:
        while True:
            before, computed = time.perf_counter(), time.thread_time()
            await asyncio.sleep(TICK_S)
            lags.append(time.perf_counter() - before - TICK_S)
            own.append(time.thread_time() - computed)

    bystander = subprocess.Popen(  # noqa: ASYNC220  it is started before anything is measured
        [sys.executable, "-c", _BYSTANDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert bystander.stdout is not None
    bystander.stdout.readline()
    ticker = asyncio.create_task(tick())
    await work()
    ticker.cancel()
    said, _ = await asyncio.to_thread(bystander.communicate)
    return lags, own, [float(word) for word in said.split()]


_BYSTANDER = f"""
import select, sys, time
print("ready", flush=True)
lags = []
while not select.select([sys.stdin], [], [], 0)[0]:
    before = time.perf_counter()
    time.sleep({TICK_S})
    lags.append(time.perf_counter() - before - {TICK_S})
print(*lags)
"""


async def _dead_node(given: House) -> None:
    """When the last living node is read, with a node among them that takes a connection and never answers."""
    with _silent_server() as port:
        dead = Node("dead", "127.0.0.1", user="nobody", port=port)
        async with _lab(given, dead) as lab:
            alone, beside = [], []
            for _ in range(3):
                alone.append(await _last_read(lab, given.nodes))
                beside.append(await _last_read(lab, (dead, *given.nodes)))
    ratio = statistics.median(beside) / statistics.median(alone)
    print(f"   a dead node among them: the other {NODES} are read in {ratio:.2f} x the time (1.00: it delays nobody)")


async def _last_read(lab: Lab, nodes: tuple[Node, ...]) -> float:
    started = time.perf_counter()
    tasks = {node.name: asyncio.create_task(lab.read_account(node)) for node in nodes}
    await asyncio.gather(*(task for name, task in tasks.items() if name != "dead"))
    taken_s = time.perf_counter() - started
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    return taken_s


@contextlib.contextmanager
def _silent_server() -> Iterator[int]:
    with create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])
