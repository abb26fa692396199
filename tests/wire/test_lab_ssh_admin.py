"""What an administrator may do on the lab's nodes: sudo, reboot, sshd -T; and the way through the bastion."""

import asyncio
from pathlib import Path

import pytest

from homelab_tui.config.load import load_config
from homelab_tui.demo.ssh_power import PowerRequests
from homelab_tui.demo.world import World
from homelab_tui.sources.ssh_routes import Routes
from homelab_tui.wiring import build_lab
from tests.labs import start_lab, still_clock, until
from tests.servers import require_binary
from tests.wire.ssh_lab import NUC, PI, accepts, ssh_lab


async def test_sudo_needs_no_password_and_answers_for_the_node_alone(tmp_path: Path) -> None:
    async with ssh_lab(tmp_path) as lab:
        for node in (NUC, PI):
            assert (await lab.run(node, "sudo -n true")).status == 0
            assert (await lab.run(node, "sudo -n id -u; id -u; sudo whoami")).text.split() == ["0", "1000", "root"]
            assert (await lab.run(node, "sudo -k; sudo -v; sudo -n -u root -- false")).status == 1
        refused = await lab.run(NUC, f"echo x | sudo -n tee {tmp_path}/written")
        assert refused.status == 1
        assert b"Sorry, user kkato is not allowed to execute 'tee " in refused.err
        assert not (tmp_path / "written").exists()
        assert b"command not found" in (await lab.run(NUC, "sudo nothing-like-it")).err


async def test_sshd_tells_its_configuration_to_root_alone(tmp_path: Path) -> None:
    async with ssh_lab(tmp_path) as lab:
        asked = {node: (await lab.run(node, "sudo -n sshd -T -C user=x")).text.splitlines() for node in (NUC, PI)}
        assert (await lab.run(NUC, "sshd -T")).status == 1
        assert (await lab.run(NUC, "sudo -n /usr/sbin/sshd -t")).status == 0
    assert "passwordauthentication yes" in asked[PI]
    assert "passwordauthentication no" in asked[NUC]
    assert "authorizedkeysfile .ssh/authorized_keys" in asked[NUC]
    assert "authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2" in asked[PI]


@pytest.mark.parametrize("command", ["sudo -n systemctl reboot", "sudo -n reboot", "sudo -n shutdown -r now"])
async def test_a_reboot_is_the_node_s_and_a_new_boot_id_follows(tmp_path: Path, command: str) -> None:
    async with ssh_lab(tmp_path) as lab:
        before = (await lab.run(NUC, 'cat "$PROBE_ROOT/proc/sys/kernel/random/boot_id"')).text
        booted = lab.world.nodes[NUC].boot_id
        assert (await lab.run(NUC, command)).status == 0
        await until(lambda: lab.world.nodes[NUC].boot_id != booted)
        await until(lambda: accepts(lab.ports[NUC]))
        assert (await lab.run(NUC, 'cat "$PROBE_ROOT/proc/sys/kernel/random/boot_id"')).text != before
        assert (await lab.run(PI)).text == "in"


async def test_a_halted_pi_is_dark_until_its_port_is_cycled(tmp_path: Path) -> None:
    async with ssh_lab(tmp_path) as lab:
        assert (await lab.run(PI, "poweroff")).status == 1
        assert (await lab.run(PI, "sudo -n poweroff")).status == 0
        await until(lambda: not accepts(lab.ports[PI]))
        port = lab.world.switch.ports[1]
        assert (port.delivers_power, port.has_link) == (True, False)
        lab.world.set_port_admin(1, False)
        lab.world.set_port_admin(1, True)
        await until(lambda: accepts(lab.ports[PI]))
        assert port.has_link


def test_a_scheduled_reboot_comes_at_its_time_and_can_be_called_off(tmp_path: Path) -> None:
    world = World(still_clock(), nodes=2)
    requests = PowerRequests(tmp_path / "power", world)
    first = world.nodes[NUC].boot_id

    def pass_minute() -> str:
        requests.read()
        world.clock.advance(61)
        requests.carry_out()
        return world.nodes[NUC].boot_id

    try:
        requests.path.write_text(f"reboot {NUC} 60\ncancel {NUC} 0\nnonsense; rm -rf /\nreboot nobody 0\n")
        assert pass_minute() == first
        requests.path.write_text(f"reboot {NUC} 60\n")
        requests.read()
        requests.carry_out()
        assert world.nodes[NUC].boot_id == first
        assert pass_minute() != first
    finally:
        requests.close()


async def test_the_nucs_are_reached_through_the_bastion_and_the_pis_are_not(tmp_path: Path) -> None:
    async with start_lab(bastion=True, catalogue=False) as demo:
        config = load_config(str(demo.write_config(tmp_path / "config.toml")))
        nodes = {node.name: node for node in config.nodes}
        routes = Routes(config.ssh)
        ways = {name: [hop.name for hop in routes.route(nodes[name]).hops] for name in ("nuc01", "rpi01")}
        assert ways == {"nuc01": ["bastion", "nuc01"], "rpi01": ["rpi01"]}
        lab = build_lab(config)
        try:
            state = await lab.read(("nodes",))
            probed = {name: reading.value is not None for name, reading in state.probes}
            assert probed == dict.fromkeys(nodes, True)
        finally:
            await lab.close()
        demo.faults.apply("ssh:bastion=refuse")
        process = await asyncio.create_subprocess_exec(
            *(str(require_binary("ssh")), "-F", str(demo.home / ".ssh" / "config"), "-o", "BatchMode=yes"),
            *("-p", str(demo.ssh_ports["nuc01"]), "kkato@nuc01", "true"),
            stderr=asyncio.subprocess.PIPE,
        )
        _, complaint = await process.communicate()
        assert process.returncode == 255
        assert b"refused" in complaint
