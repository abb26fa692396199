"""The embedded demo lab: every server of a home cluster on loopback, for the demo and for tests."""

import asyncio
import contextlib
import importlib
import logging
import secrets
import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from homelab_tui.demo.alertmanager import DemoAlertmanager
from homelab_tui.demo.certificates import Authority
from homelab_tui.demo.config_file import (
    ClusterAddress,
    client_tables,
    cluster_tables,
    controller_table,
    kubeconfig,
    node_table,
    ssh_config,
    switch_table,
    write_key,
)
from homelab_tui.demo.faults import Faults
from homelab_tui.demo.loopback import tcp_socket, udp_socket
from homelab_tui.demo.options import LabOptions
from homelab_tui.demo.routeros import DemoRouterOs
from homelab_tui.demo.secrets_on_disk import Scratch, write_private
from homelab_tui.demo.site import DemoSite
from homelab_tui.demo.story import Story
from homelab_tui.demo.switch_exporter import switch_labels
from homelab_tui.demo.unifi import DemoUnifi
from homelab_tui.demo.world import Clock, World

CLUSTERS = ("nuc", "pi")
SWITCH_CLUSTER = "pi"
"""Whose Prometheus has the switch scraped too."""
SNMP_OPERATOR, SNMP_READER = "homelab", "homelab-reader"
"""SNMPv3 users: one that switches ports, one that sees everything but switches nothing."""
BEAT_S = 0.05
"""How often the world is moved to the present."""
WITHOUT_LAPTOP_KEY = ("nuc03", "rpi02", "rpi04")
"""Nodes that do not know the second key, so that there is something to push."""
log = logging.getLogger(__name__)


class DemoLab:
    """`async with DemoLab() as lab: lab.write_config(path)`. Everything is on 127.0.0.1 and gone at the exit."""

    def __init__(
        self,
        options: LabOptions | None = None,
        *,
        faults: Iterable[str] = (),
        clock: Clock | None = None,
        opened: Callable[["DemoLab"], None] = lambda _: None,
        **settings: Any,
    ) -> None:
        """`faults`: SPECs that are on from the start; `settings`: single options by name instead of `options`.

        `opened` is called once every port takes connections and `write_config` is possible; who connects then gets
        the answer when the past is written, some tenths of a second later.

        Raises: ValueError for a bad SPEC, TypeError for an unknown option.
        """
        self.options = options or LabOptions.of(**settings)
        chosen = self.options
        self.world = World(
            clock,
            chosen.seed,
            nodes=chosen.nodes,
            boot_s=chosen.boot_s,
            search_s=chosen.search_s,
            drift=chosen.story,
        )
        jump_host = (self.world.bastion.name,) if chosen.bastion else ()
        switch = (self.world.switch.name,)
        targets = {"ssh": (*self.world.nodes, *jump_host), "snmp": switch, "unifi": switch, "routeros": switch}
        self.faults = Faults({**targets, "kubernetes": CLUSTERS, "prometheus": CLUSTERS, "alertmanager": ("main",)})
        for spec in faults:
            self.faults.apply(spec)
        self.sites: dict[str, DemoSite] = {}
        self.ssh_ports: dict[str, int] = {}
        self.snmp_port: int | None = None
        self.controller_url: str | None = None
        """Where a UniFi console or a MikroTik answers, instead of the SNMP agent."""
        self.community = secrets.token_urlsafe(12)
        self.write_community = secrets.token_urlsafe(12)
        self.auth_key, self.priv_key = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
        """Pass phrases of both SNMPv3 users."""
        self.passwords: dict[str, str] = {}
        """Node -> password of its account, where password login is on."""
        self._authorities: dict[str, Authority] = {}
        self.alertmanager = DemoAlertmanager(self.world.clock, self.faults)
        self._opened = opened
        self._snmp_socket: socket.socket | None = None
        self._ssh_sockets: dict[str, socket.socket] = {}
        self._scratch: Scratch | None = None
        self._stack = contextlib.AsyncExitStack()

    # -- life ----------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Start every server. Raises: OSError when loopback or the temporary directory cannot be used."""
        try:
            scratch = self._scratch = Scratch()
            self._stack.callback(scratch.remove)
            self._make_sites()
            self._write_client_files()
            await self._open()
            self._opened(self)
            async with asyncio.TaskGroup() as group:
                for site in self.sites.values():
                    group.create_task(site.start())
            # After the clusters: what those tell is what is seen first, and these load a library each.
            async with asyncio.TaskGroup() as group:
                if self._ssh_sockets:
                    group.create_task(self._start_ssh())
                if self._snmp_socket is not None:
                    group.create_task(self._start_snmp(self._snmp_socket))
            beat = asyncio.create_task(self._beat())
            self._stack.push_async_callback(_cancelled, beat)
            if self.options.story:
                Story(self.sites["pi"]).begin()
        except BaseExceptionGroup as group:
            await self._stack.aclose()
            raise _cause(group) from group
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything, remove the scratch directory."""
        await self._stack.aclose()

    @property
    def scratch(self) -> Path:
        """The private directory of this run. Raises: RuntimeError before the start."""
        if self._scratch is None:
            raise RuntimeError("the lab is not started")
        return self._scratch.path

    @property
    def home(self) -> Path:
        """The throw-away home: `.ssh` with two key pairs, config and known_hosts; `state` for XDG_STATE_HOME."""
        return self.scratch / "home"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of both clusters; contexts `<user>@<cluster>`, users as in `lab_users`."""
        return self.home / ".kube" / "config"

    def write_config(self, path: Path) -> Path:
        """Write a configuration, mode 0600, that points the product at this lab. Raises: OSError."""
        ssh, switch = self.home / ".ssh", self.world.switch.name
        past = (SWITCH_CLUSTER, switch_labels(self.options.switch_exporter, switch))
        parts = [
            "# Written by `homelab demo`. Everything in here is thrown away when the demo ends.\n",
            *(
                node_table(self.world.nodes[name], port, switch, self._by_name(name))
                for name, port in self.ssh_ports.items()
                if name in self.world.nodes
            ),
        ]
        if self.snmp_port is not None:
            files = {name: self.scratch / name for name in ("community", "write_community", "auth_key", "priv_key")}
            user = SNMP_OPERATOR if self.options.snmp_version == "3" else None
            parts.append(switch_table(switch, self.snmp_port, files, user, past=past))
        if self.controller_url is not None:
            files = {name: self.scratch / name for name in ("api_key", "password")}
            source = self.options.switch_source
            parts.append(controller_table(switch, source, self.controller_url, SNMP_OPERATOR, files, past=past))
        parts += [cluster_tables(address, self.kubeconfig) for address in self._addresses()]
        parts.append(f'[[alertmanagers]]\nname = "main"\nurl = "{self.alertmanager.url}"\n')
        keys = [ssh / "id_ed25519.pub", ssh / "id_laptop.pub"]
        parts.append(client_tables(ssh / "config", ssh / "known_hosts", keys))
        return write_private(path, "\n".join(parts))

    def step(self) -> None:
        """Move the whole lab to the present at once, for a test that moved the clock."""
        self.world.tick()
        for site in self.sites.values():
            site.beat()

    def _by_name(self, name: str) -> bool:
        """Whether the config leaves the way to a node to the ssh configuration."""
        return self.options.bastion and self.world.nodes[name].kind == "nuc"

    # -- inside --------------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        """Every port, and every file that a client needs to find it."""
        await self.alertmanager.start()
        self._stack.push_async_callback(self.alertmanager.stop)
        for site in self.sites.values():
            site.prometheus.notify = self.alertmanager.receive
            self._stack.push_async_callback(site.stop)
            site.open()
        write_private(self.kubeconfig, kubeconfig(self._addresses()))
        if self.options.snmp and self.options.switch_source == "snmp":
            self._snmp_socket = udp_socket()
            self._stack.callback(self._snmp_socket.close)
            self.snmp_port = self._snmp_socket.getsockname()[1]
        elif self.options.snmp:
            await self._start_controller()
        if self.options.ssh:
            self._open_ssh()

    def _open_ssh(self) -> None:
        """A port of every machine, which takes connections while its server is made ready."""
        machines = [*self.world.nodes, *((self.world.bastion.name,) if self.options.bastion else ())]
        for name in machines:
            port = self._ssh_sockets[name] = tcp_socket()
            self._stack.callback(port.close)
            self.ssh_ports[name] = port.getsockname()[1]
            if self.faults.get("ssh", name) != "refuse":
                port.listen()
        self.passwords = {
            name: secrets.token_urlsafe(9) for name, node in self.world.nodes.items() if node.kind == "nuc"
        }
        for name, password in self.passwords.items():
            write_private(self.scratch / "passwords" / name, password + "\n")
        ssh = self.home / ".ssh"
        if self.options.bastion:
            jump_host = self.world.bastion
            text = ssh_config(ssh, ssh / "known_hosts", (jump_host.user, self.ssh_ports[jump_host.name]))
            write_private(ssh / "config", text)

    def _make_sites(self) -> None:
        for name in CLUSTERS:
            tls = ca = None
            if self.options.tls:
                authority = self._authorities[name] = Authority(f"{name}-ca")
                tls, ca = authority.server_context(self.scratch), authority.certificate.decode()
            site = self.options.site if name == CLUSTERS[0] else replace(self.options.site, jobs=0, cronjobs=0)
            if name == SWITCH_CLUSTER and self.options.snmp:
                site = replace(site, scrape=replace(site.scrape, switch_exporter=self.options.switch_exporter))
            self.sites[name] = DemoSite(name, self.world, self.faults, site, tls, ca=ca, story=self.options.story)

    def _write_client_files(self) -> None:
        scratch = self._scratch
        if scratch is None:
            raise RuntimeError("the lab is not started")
        ssh = scratch.directory("home", ".ssh")
        scratch.directory("home", "state")
        scratch.secret("community", self.community + "\n")
        scratch.secret("write_community", self.write_community + "\n")
        scratch.secret("auth_key", self.auth_key + "\n")
        scratch.secret("priv_key", self.priv_key + "\n")
        write_private(ssh / "config", ssh_config(ssh, ssh / "known_hosts"))
        write_private(ssh / "known_hosts", "")
        mine = write_key(ssh, "id_ed25519", "demo@homelab")
        laptop = write_key(ssh, "id_laptop", "laptop@homelab")
        self.authorized = {name: [mine] if name in WITHOUT_LAPTOP_KEY else [mine, laptop] for name in self.world.nodes}
        self.authorized[self.world.bastion.name] = [mine]

    async def _start_ssh(self) -> None:
        # paramiko is heavy, and a lab without SSH does not need it. In a thread: the clusters answer meanwhile.
        await asyncio.to_thread(importlib.import_module, "homelab_tui.demo.ssh")
        from homelab_tui.demo.ssh import DemoSshServers

        servers = DemoSshServers(
            self.world,
            self.faults,
            self.scratch / "nodes",
            self.authorized,
            self.scratch / "host_keys",
            self.passwords,
            rsa_host_keys=False,
            bastion=self.options.bastion,
        )
        self._stack.push_async_callback(servers.stop)
        await servers.prepare(self._ssh_sockets)
        # Before anybody is answered: who logs in at once must know whom to.
        lines = "".join(f"{line}\n" for line in servers.known_hosts_lines())
        write_private(self.home / ".ssh" / "known_hosts", lines)
        await servers.start()

    async def _start_snmp(self, port: socket.socket) -> None:
        # pysnmp loads a dozen MIB modules, and a lab without a switch does not need it
        await asyncio.to_thread(importlib.import_module, "homelab_tui.demo.snmp")
        from homelab_tui.demo.snmp import DemoSnmpAgent, V3User

        users = [
            V3User(name, self.auth_key, self.priv_key, name == SNMP_OPERATOR) for name in (SNMP_OPERATOR, SNMP_READER)
        ]
        agent = DemoSnmpAgent(
            self.world,
            self.faults,
            self.community,
            self.write_community,
            users=users,
            profile=self.options.switch_profile,
        )
        self._stack.push_async_callback(agent.stop)
        await agent.start(port)

    async def _start_controller(self) -> None:
        api_key, password = secrets.token_urlsafe(24), secrets.token_urlsafe(12)
        self._scratch_secret("api_key", api_key)
        self._scratch_secret("password", password)
        user = (SNMP_OPERATOR, password)
        server: DemoUnifi | DemoRouterOs
        if self.options.switch_source == "unifi":
            server = DemoUnifi(self.world, self.faults, api_key, user)
        else:
            server = DemoRouterOs(self.world, self.faults, user)
        self._stack.push_async_callback(server.stop)
        await server.start()
        self.controller_url = server.url

    def _scratch_secret(self, name: str, text: str) -> None:
        write_private(self.scratch / name, text + "\n")

    def _addresses(self) -> list[ClusterAddress]:
        return [
            ClusterAddress(
                name, site.kubernetes.url, site.kubernetes.users, self._authorities.get(name), site.prometheus.url
            )
            for name, site in self.sites.items()
        ]

    async def _beat(self) -> None:
        while True:
            try:
                self.step()
            except Exception:  # the lab's heart goes on: a broken moment is logged, not the end of every server
                log.exception("demo lab: a beat failed")
            await asyncio.sleep(BEAT_S)


def _cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What several servers that start at once failed on: what the system refused before what followed from it."""
    leaves = [_cause(error) if isinstance(error, BaseExceptionGroup) else error for error in group.exceptions]
    return next((error for error in leaves if isinstance(error, OSError)), leaves[0])


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
