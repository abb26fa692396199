"""The lab's switch behind a UniFi console and as a MikroTik, asked with a client that knows nothing of the product."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from homelab_tui.config.load import load_config
from homelab_tui.demo.faults import Faults
from homelab_tui.demo.routeros import DemoRouterOs
from homelab_tui.demo.unifi import DemoUnifi
from homelab_tui.demo.world import World
from homelab_tui.domain.poe import Detection
from homelab_tui.wiring import build_lab
from tests.labs import start_lab, until

USER = ("homelab", "a password")
SITE = "/proxy/network/api/s/default"


@pytest.mark.parametrize("source", ["unifi", "routeros"])
async def test_the_product_reads_and_switches_through_it(tmp_path: Path, source: str) -> None:
    async with start_lab(ssh=False, catalogue=False, switch_source=source) as demo:
        lab = build_lab(load_config(str(demo.write_config(tmp_path / "config.toml"))))
        try:
            (_, reading), *_ = (await lab.read(("switches",))).switches
            assert reading.value is not None, reading.problem
            ports = {port.ref.port: port for port in reading.value.ports}
            assert [ports[number].detection for number in (1, 2, 3, 4, 5)] == [Detection.DELIVERING] * 5
            assert all(5_000 < (ports[number].power_mw or 0) < 9_000 for number in (1, 2, 3, 4, 5))
            (switch,) = lab.sources.switches
            await switch.set_admin(ports[3].ref, on=False)
            assert [port.admin for port in demo.world.switch.ports.values()] == [1, 1, 2, 1, 1, 1, 1, 2]
            await switch.set_admin(ports[3].ref, on=True)
            assert demo.world.switch.ports[3].admin == 1
            demo.faults.apply(f"{source}=503")
            (_, broken), *_ = (await lab.read(("switches",))).switches
            assert broken.problem
        finally:
            await lab.close()


async def test_unifi_wants_a_key_or_a_login_with_its_csrf_token() -> None:
    world = World(search_s=0.1)
    console = DemoUnifi(world, Faults(), "the key", USER, cycle_s=0.2)
    await console.start()
    try:
        async with httpx.AsyncClient(base_url=console.url) as client:
            assert (await client.get(f"{SITE}/stat/device")).status_code == 401
            assert (await client.get(f"{SITE}/stat/device", headers={"X-API-KEY": "another"})).status_code == 401
            wrong = await client.post("/api/auth/login", json={"username": USER[0], "password": "?"})
            assert (wrong.status_code, wrong.json()["code"]) == (403, "AUTHENTICATION_FAILED_INVALID_CREDENTIALS")
            login = await client.post("/api/auth/login", json={"username": USER[0], "password": USER[1]})
            assert login.status_code == 200
            device = (await client.get(f"{SITE}/stat/device")).json()["data"][0]
            port = device["port_table"][2]
            assert (port["poe_class"], port["poe_mode"], port["name"]) == ("Class 4", "auto", "rpi03")
            watts, volts, milliamperes = (float(port[f"poe_{what}"]) for what in ("power", "voltage", "current"))
            assert volts * milliamperes / 1000 == pytest.approx(watts, rel=0.02)
            order = {"cmd": "power-cycle", "mac": device["mac"], "port_idx": 3}
            assert (await client.post(f"{SITE}/cmd/devmgr", json=order)).status_code == 401
            token = {"X-CSRF-Token": login.headers["X-CSRF-Token"]}
            assert (await client.post(f"{SITE}/cmd/devmgr", json=order, headers=token)).json()["meta"] == {"rc": "ok"}
            assert world.switch.ports[3].admin == 2
            await until(lambda: world.switch.ports[3].admin == 1)
            other = await client.post(f"{SITE}/cmd/devmgr", json={**order, "mac": "00:00:00:00:00:00"}, headers=token)
            assert (other.status_code, other.json()["meta"]["msg"]) == (400, "api.err.UnknownDevice")
            # The whole list counts: what is left out of it goes back to `auto`.
            rest = f"{SITE}/rest/device/{device['_id']}"
            off = {"port_overrides": [{"port_idx": 1, "poe_mode": "off"}]}
            assert (await client.put(rest, json=off, headers=token)).status_code == 200
            assert [port.admin for port in world.switch.ports.values()] == [2, 1, 1, 1, 1, 1, 1, 1]
            assert (await client.put(rest, json={"port_overrides": "x"}, headers=token)).status_code == 400
            stations = (await client.get(f"{SITE}/stat/sta")).json()["data"]
            assert {one["hostname"]: one["sw_port"] for one in stations}["nuc02"] == 8
    finally:
        await console.stop()


async def test_routeros_speaks_in_strings_and_its_monitor_streams_unless_told_once() -> None:
    world = World(search_s=0.1)
    router = DemoRouterOs(world, Faults(), USER)
    await router.start()
    poe = "/rest/interface/ethernet/poe"
    try:
        async with httpx.AsyncClient(base_url=router.url, auth=USER) as client:
            denied = await client.get(poe, auth=("homelab", "?"))
            assert (denied.status_code, denied.json()) == (401, {"error": 401, "message": "Unauthorized"})

            async def ask(path: str, body: dict[str, str], code: int = 200) -> Any:
                answer = await client.post(f"{poe}/{path}", json=body)
                assert answer.status_code == code, answer.text
                return answer.json()

            listed = (await client.get(poe)).json()
            assert [one["poe-out"] for one in listed] == ["auto-on"] * 7 + ["off"]
            live, idle = await ask("monitor", {"numbers": "ether1,ether6", "once": ""})
            assert (live["poe-out-status"], live["poe-out-voltage"]) == ("powered-on", "53.0")
            assert 4 < float(live["poe-out-power"]) < 9
            assert "poe-out-power" not in idle
            assert (await ask("monitor", {"numbers": "ether77", "once": ""}, 400))["message"] == "Bad Request"
            await ask("set", {"numbers": "ether3", "poe-out": "off"})
            assert world.switch.ports[3].admin == 2
            changed = await client.patch(f"{poe}/*3", json={"poe-out": "auto-on"})
            assert (changed.json()["poe-out"], world.switch.ports[3].admin) == ("auto-on", 1)
            assert (await client.patch(f"{poe}/*3", json={"poe-out": "sideways"})).status_code == 400
            assert (await client.get(f"{poe}/*77")).status_code == 404

            async def delivers() -> bool:
                return bool((await ask("monitor", {"numbers": "ether3", "once": ""}))[0].get("poe-out-power"))

            await until(delivers)
            await ask("power-cycle", {"numbers": "ether3", "duration": "0.2s"})
            assert world.switch.ports[3].admin == 2
            await until(lambda: world.switch.ports[3].admin == 1)
            async with client.stream("POST", f"{poe}/monitor", json={"numbers": "ether1"}) as stream:
                chunks = stream.aiter_bytes()
                async with asyncio.timeout(5):
                    first, second = await anext(chunks), await anext(chunks)
            assert json.loads(first)[0]["name"] == json.loads(second)[0]["name"] == "ether1"
    finally:
        await router.stop()
