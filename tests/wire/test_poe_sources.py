"""PoE switches behind UniFi, RouterOS, programs and a Prometheus: the documented shapes, on loopback."""

import asyncio
import json
import os
import textwrap
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from homelab_tui.config.load import parse_config
from homelab_tui.config.model import Config, PrometheusConfig, SecretRef, SwitchConfig
from homelab_tui.domain.errors import (
    SourceError,
    SourceForbidden,
    SourceGarbled,
    SourceMissing,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.poe import Detection, PortRef, PseGroup, budget_mw, drawn_mw
from homelab_tui.engine.ports import CyclesPoe, SwitchesPoe
from homelab_tui.sources.poe_command import CommandSwitch
from homelab_tui.sources.poe_prometheus import PrometheusPoeSwitch
from homelab_tui.sources.prometheus_http import PrometheusHttp
from homelab_tui.sources.routeros import RouterosSwitch
from homelab_tui.sources.unifi import UnifiSwitch
from homelab_tui.wiring import build_lab
from tests.labs import until
from tests.programs import python_program
from tests.wire.hostile_api import HostileApi, api

MAC = "74:ac:b9:00:00:01"
USW = PortRef("usw", 1, 3)


class Controller:
    """A UniFi Network controller: UniFi OS (or classic), by key and by login, with CSRF as it asks for it."""

    def __init__(self, *, classic: bool = False) -> None:
        self.classic = classic
        self.prefix = "" if classic else "/proxy/network"
        self.csrf = "csrf-1"
        self.sessions = 0
        self.overrides: list[dict[str, Any]] = [
            {"port_idx": 1, "name": "uplink", "portconf_id": "abc", "poe_mode": "auto"},
            {"port_idx": 8, "poe_mode": "pasv24"},
        ]
        self.cycled: list[int] = []
        self.expire = False
        self.modes = {1: "auto", 3: "auto", 8: "pasv24"}
        self.clients_fail = False
        self.wrong_password = 401
        self.lags = False
        """The switch has not been provisioned yet: it still reports, and gives, what was before."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path in ("/api/auth/login", "/api/login"):
            return await self.log_in(request)
        refused = self.refusal(request)
        if refused is not None:
            return refused
        if path == f"{self.prefix}/api/s/default/stat/device":
            return web.json_response({"meta": {"rc": "ok"}, "data": [{"mac": "x"}, self.access_point(), self.device()]})
        if path == f"{self.prefix}/api/s/default/stat/sta":
            if self.clients_fail:
                return web.Response(status=500)
            wired = {"mac": "DC:A6:32:00:00:03", "is_wired": True, "sw_mac": MAC, "sw_port": 3}
            return web.json_response({"data": [wired, {"mac": "aa:bb:cc:00:00:01", "is_wired": False}]})
        if path == f"{self.prefix}/api/s/default/rest/device/dev1" and request.method == "PUT":
            self.overrides = (await request.json())["port_overrides"]
            if not self.lags:
                self.modes |= {o["port_idx"]: o["poe_mode"] for o in self.overrides if "poe_mode" in o}
            return web.json_response({"data": []})
        if path == f"{self.prefix}/api/s/default/cmd/devmgr":
            body = await request.json()
            assert body["cmd"] == "power-cycle"
            assert body["mac"] == MAC
            self.cycled.append(body["port_idx"])
            return web.json_response({"data": []})
        return web.Response(status=404)

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        if (request.path == "/api/login") is not self.classic:
            return web.Response(status=404)
        body = await request.json()
        if (body["username"], body["password"]) != ("homelab", "s3cret"):
            return web.json_response({"code": "AUTHENTICATION_FAILED"}, status=self.wrong_password)
        self.sessions += 1
        answer = web.json_response({}, headers={} if self.classic else {"X-CSRF-Token": self.csrf})
        answer.set_cookie("unifises" if self.classic else "TOKEN", f"session-{self.sessions}")
        return answer

    def refusal(self, request: web.Request) -> web.Response | None:
        if request.headers.get("X-API-KEY") == "good-key" and not self.classic:
            return None
        cookie = request.cookies.get("unifises" if self.classic else "TOKEN")
        if cookie is None or (self.expire and cookie == "session-1"):
            return web.Response(status=401)
        if request.method != "GET" and not self.classic and request.headers.get("X-CSRF-Token") != self.csrf:
            return web.Response(status=403)
        return None

    def access_point(self) -> dict[str, Any]:
        return {
            "_id": "ap",
            "mac": "74:ac:b9:00:00:99",
            "name": "AP",
            "port_table": [{"port_idx": 1, "port_poe": False}],
        }

    def device(self) -> dict[str, Any]:
        """As aiounifi's fixtures and unpoller's types show it: strings for numbers, milliamperes."""
        port: dict[str, Any] = {
            "port_idx": 3,
            "name": "rpi03",
            "up": True,
            "speed": 100,
            "port_poe": True,
            "poe_enable": self.modes[3] != "off",
            "poe_mode": self.modes[3],
            "poe_caps": 7,
            "poe_class": "Class 4",
            "poe_power": "3.24",
            "poe_voltage": "53.78",
            "poe_current": "60.18",
            "poe_good": True,
        }
        idle = port | {
            "port_idx": 1,
            "name": "uplink",
            "poe_enable": False,
            "poe_class": "Unknown",
            "poe_power": "0.00",
        }
        passive = port | {"port_idx": 8, "poe_mode": self.modes[8], "poe_class": "Unknown", "poe_power": "n/a"}
        plain = {"port_idx": 9, "port_poe": False, "name": "sfp"}
        return {
            "_id": "dev1",
            "mac": MAC,
            "name": "USW Rack",
            "ip": "192.168.10.2",
            "model": "US8P60",
            "total_max_power": 60,
            "port_table": [passive, port, idle, plain],
            "port_overrides": self.overrides,
        }


def unifi(server: HostileApi, **settings: Any) -> UnifiSwitch:
    given: dict[str, Any] = {"api_key": SecretRef(inline="good-key")} | settings
    return UnifiSwitch(SwitchConfig("usw", "unifi", url=server.url, **({"timeout_s": 5.0} | given)))


LOGIN: dict[str, Any] = {"api_key": None, "username": "homelab", "password": SecretRef(inline="s3cret")}


async def test_a_unifi_port_is_read_with_its_strings_as_numbers_and_its_current_in_milliamperes() -> None:
    async with api(Controller().handle) as server:
        switch = unifi(server)
        reading = await switch.read()
        await switch.close()
    assert [port.ref.port for port in reading.ports] == [1, 3, 8]
    port = reading.ports[1]
    assert (port.power_mw, port.voltage_mv, port.current_ma, port.power_class) == (3240, 53780, 60, 4)
    assert port.detection is Detection.DELIVERING
    assert port.admin_on is True
    assert port.label == "rpi03"
    idle, passive = reading.ports[0], reading.ports[2]
    assert idle.detection is Detection.SEARCHING
    assert idle.power_class is None
    assert passive.power_mw is None
    assert budget_mw(reading) == 60_000
    assert drawn_mw(reading) == 3240
    assert reading.mac_ports == (("dc:a6:32:00:00:03", 3),)
    assert reading.model == "US8P60"


async def test_the_list_of_clients_is_a_bonus() -> None:
    controller = Controller()
    controller.clients_fail = True
    async with api(controller.handle) as server:
        switch = unifi(server)
        reading = await switch.read()
        await switch.close()
    assert len(reading.ports) == 3
    assert reading.mac_ports == ()


@pytest.mark.parametrize("classic", [False, True], ids=["unifi-os", "classic"])
async def test_a_unifi_port_is_switched_by_login_and_every_other_override_is_sent_back(classic: bool) -> None:
    controller = Controller(classic=classic)
    before = [dict(entry) for entry in controller.overrides]
    async with api(controller.handle) as server:
        switch = unifi(server, **LOGIN)
        await switch.set_admin(USW, on=False)
        assert controller.overrides == [*before, {"port_idx": 3, "poe_mode": "off"}]
        port = (await switch.read()).port(USW)
        assert port is not None
        assert port.admin_on is False
        assert port.detection is Detection.DISABLED
        await switch.set_admin(USW, on=True)
        await switch.close()
    assert controller.modes[3] == "auto"
    assert controller.sessions == 1


async def test_a_switch_that_lags_behind_its_controller_is_read_as_it_is_configured_and_as_it_is() -> None:
    controller = Controller()
    controller.lags = True
    async with api(controller.handle) as server:
        switch = unifi(server)
        await switch.set_admin(USW, on=False)
        port = (await switch.read()).port(USW)
        await switch.close()
    assert port is not None
    assert (port.admin_on, port.detection) == (False, Detection.DELIVERING)


async def test_a_session_that_ended_is_begun_anew() -> None:
    controller = Controller()
    async with api(controller.handle) as server:
        switch = unifi(server, **LOGIN)
        await switch.read()
        controller.expire, controller.csrf = True, "csrf-2"
        await switch.power_cycle(USW)
        await switch.close()
    assert controller.cycled == [3]
    assert controller.sessions == 2


async def test_a_passive_port_and_an_unknown_one_are_left_alone() -> None:
    controller = Controller()
    async with api(controller.handle) as server:
        switch = unifi(server)
        with pytest.raises(SourceRefused, match="pasv24, which a person chose"):
            await switch.set_admin(PortRef("usw", 1, 8), on=False)
        for ref in (PortRef("usw", 1, 9), PortRef("usw", 2, 3), PortRef("other", 1, 3)):
            with pytest.raises(SourceMissing):
                await switch.power_cycle(ref)
        await switch.close()
    assert controller.modes[8] == "pasv24"
    assert controller.cycled == []


@pytest.mark.parametrize(
    ("settings", "expected", "words"),
    [
        ({"api_key": SecretRef(inline="wrong-key")}, SourceRefused, "does not take this api_key"),
        (
            LOGIN | {"password": SecretRef(inline="wrong-one")},
            SourceRefused,
            "does not take this username and password",
        ),
        ({"site": "nowhere"}, SourceGarbled, "the site right"),
        ({"device": "USW Attic"}, SourceGarbled, "USW Rack"),
    ],
)
async def test_what_is_wrong_with_a_unifi_login_is_said_without_the_secret(
    settings: dict[str, Any], expected: type[SourceError], words: str
) -> None:
    async with api(Controller().handle) as server:
        switch = unifi(server, **settings)
        with pytest.raises(expected, match=words) as caught:
            await switch.read()
        await switch.close()
    assert str(caught.value).startswith("usw: ")
    assert "wrong-" not in str(caught.value)


@pytest.mark.parametrize("code", [400, 401, 403])
async def test_a_wrong_password_is_called_so_by_whichever_status(code: int) -> None:
    controller = Controller()
    controller.wrong_password = code
    async with api(controller.handle) as server:
        switch = unifi(server, **(LOGIN | {"password": SecretRef(inline="wrong-one")}))
        with pytest.raises(SourceRefused, match="does not take this username and password"):
            await switch.read()
        await switch.close()


async def _say(body: str, status: int = 200, content_type: str = "application/json") -> web.StreamResponse:
    return web.Response(text=body, status=status, content_type=content_type)


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"data": 3}', '{"data": [{"port_table": 5}]}', "[" * 9000])
async def test_a_controller_that_talks_nonsense_is_garbled_and_nothing_worse(body: str) -> None:
    async with api(lambda _: _say(body)) as server:
        switch = unifi(server)
        with pytest.raises(SourceGarbled, match=r"^usw: "):
            await switch.read()
        await switch.close()


# -- RouterOS ---------------------------------------------------------------------------------------------------------


class Router:
    """A MikroTik over REST."""

    def __init__(self) -> None:
        self.out = {"ether1-uplink": "off", "ether5": "auto-on", "ether6": "forced-on"}
        self.ids = {"*1": "ether1-uplink", "*5": "ether5", "*6": "ether6"}
        self.live: Any = [
            {"name": "ether1-uplink", "poe-out-status": "waiting-for-load"},
            {
                "name": "ether5",
                "poe-out-status": "powered-on",
                "poe-out-voltage": "47.9",
                "poe-out-current": 98,
                "poe-out-power": "4.7",
            },
            {"name": "ether6", "poe-out-status": "hovering"},
        ]
        self.asked: list[Any] = []
        self.no_poe = False
        self.streams = False
        self.read_only = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != "Basic aG9tZWxhYjpzM2NyZXQ=":
            return web.json_response({"error": 401, "message": "Unauthorized"}, status=401)
        path = request.path
        if path == "/rest/interface/ethernet/poe":
            if self.no_poe:
                return web.json_response(
                    {"detail": "no such command", "error": 400, "message": "Bad Request"}, status=400
                )
            return web.json_response([{".id": i, "name": n, "poe-out": self.out[n]} for i, n in self.ids.items()])
        if path == "/rest/interface/ethernet":
            rows = [{"name": n, "default-name": n.partition("-")[0], "running": "true"} for n in self.out]
            rows[1] |= {"comment": "rpi01", "speed": "100Mbps"}
            return web.json_response(rows)
        if path == "/rest/interface/ethernet/poe/monitor":
            return await self.monitor(request)
        if path == "/rest/system/resource":
            return web.json_response({"board-name": "RB5009UPr+S+IN", "version": "7.15 (stable)"})
        if path == "/rest/interface/bridge/host":
            row = {"mac-address": "DC:A6:32:00:00:01", "on-interface": "ether5", "local": "false"}
            return web.json_response(
                [row, {"mac-address": "02:00:00:00:00:01", "on-interface": "ether5", "local": "true"}]
            )
        if request.method == "PATCH" and path.startswith("/rest/interface/ethernet/poe/"):
            if self.read_only:
                return web.json_response({"error": 403, "message": "not enough permissions (9)"}, status=403)
            self.out[self.ids[path.rpartition("/")[2]]] = (await request.json())["poe-out"]
            return web.json_response({})
        return web.Response(status=404)

    async def monitor(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        if not self.streams:
            return web.json_response(self.live)
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(200):
            await answer.write(json.dumps(self.live).encode())
            await asyncio.sleep(0.05)
        return answer


def routeros(server: HostileApi, **settings: Any) -> RouterosSwitch:
    given: dict[str, Any] = {"username": "homelab", "password": SecretRef(inline="s3cret"), "timeout_s": 5.0} | settings
    return RouterosSwitch(SwitchConfig("mt", "routeros", url=server.url, **given))


async def test_routeros_ports_are_read_whatever_their_numbers_come_as() -> None:
    router = Router()
    async with api(router.handle) as server:
        switch = routeros(server)
        reading = await switch.read()
        await switch.close()
    assert router.asked == [{"numbers": "ether1-uplink,ether5,ether6", "once": ""}]
    assert [port.ref.port for port in reading.ports] == [1, 5, 6]
    port = reading.ports[1]
    assert (port.power_mw, port.voltage_mv, port.current_ma, port.label) == (4700, 47900, 98, "rpi01")
    assert port.detection is Detection.DELIVERING
    assert port.speed_mbps == 100
    assert reading.ports[0].admin_on is False
    assert reading.ports[2].detection is None
    assert any("hovering" in finding for finding in reading.findings)
    assert reading.model == "RB5009UPr+S+IN 7.15 (stable)"
    assert reading.mac_ports == (("dc:a6:32:00:00:01", 5),)


async def test_a_router_with_one_port_tells_only_its_status_and_that_is_enough() -> None:
    router = Router()
    router.ids, router.live = {"*5": "ether5"}, {"poe-out-status": "powered-on"}
    async with api(router.handle) as server:
        switch = routeros(server)
        reading = await switch.read()
        await switch.close()
    (port,) = reading.ports
    assert port.detection is Detection.DELIVERING
    assert port.power_mw is None


async def test_a_model_without_poe_answers_400_and_is_no_error() -> None:
    router = Router()
    router.no_poe = True
    async with api(router.handle) as server:
        switch = routeros(server)
        reading = await switch.read()
        await switch.close()
    assert reading.ports == ()
    assert "has no PoE ports" in reading.findings[0]


async def test_a_monitor_that_never_ends_costs_the_live_values_only() -> None:
    router = Router()
    router.streams = True
    async with api(router.handle) as server:
        switch = routeros(server, timeout_s=0.5)
        reading = await switch.read()
        await switch.close()
    assert [port.admin_on for port in reading.ports] == [False, True, True]
    assert any("live values did not come" in finding for finding in reading.findings)


async def test_a_routeros_port_is_switched_and_a_forced_one_is_not() -> None:
    router = Router()
    async with api(router.handle) as server:
        switch = routeros(server)
        await switch.set_admin(PortRef("mt", 1, 5), on=False)
        assert router.out["ether5"] == "off"
        await switch.set_admin(PortRef("mt", 1, 5), on=True)
        assert router.out["ether5"] == "auto-on"
        with pytest.raises(SourceRefused, match="forced-on"):
            await switch.set_admin(PortRef("mt", 1, 6), on=False)
        with pytest.raises(SourceMissing):
            await switch.set_admin(PortRef("mt", 1, 2), on=False)
        router.read_only = True
        with pytest.raises(SourceForbidden, match="rest-api"):
            await switch.set_admin(PortRef("mt", 1, 5), on=False)
        await switch.close()
    assert router.out == {"ether1-uplink": "off", "ether5": "auto-on", "ether6": "forced-on"}


async def test_a_wrong_password_and_a_closed_port_are_told_apart() -> None:
    async with api(Router().handle) as server:
        switch = routeros(server, password=SecretRef(inline="wrong"))
        with pytest.raises(SourceRefused, match="does not take this username and password"):
            await switch.read()
        await switch.close()
        url = server.url
    gone = RouterosSwitch(SwitchConfig("mt", "routeros", url=url, username="u", password=SecretRef(inline="p")))
    with pytest.raises(SourceUnreachable, match=r"^mt: no connection"):
        await gone.read()
    await gone.close()


# -- Commands ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that keeps the state of four ports in a file, and appends what it was called with to another."""
    state, calls = tmp_path / "state.json", tmp_path / "calls"
    state.write_text(json.dumps({"1": True, "2": False, "3": True, "4": True}))
    return python_program(
        tmp_path / "poe tool",
        textwrap.dedent(f"""\
        import json, pathlib, sys
        state = pathlib.Path({str(state)!r})
        ports = json.loads(state.read_text())
        with open({str(calls)!r}, "a") as log:
            log.write(json.dumps(sys.argv[1:]) + "\\n")
        if sys.argv[1] == "list":
            print("port | status | power (W) | label")
            for number, on in ports.items():
                status, watts = ("Delivering Power", "5.5") if on else ("disabled", "-")
                print(number, status, watts, "rpi " + number, sep=" | ")
        else:
            ports[sys.argv[2]] = sys.argv[1] == "on"
            state.write_text(json.dumps(ports))
        """),
    )


def command(program: Path, **settings: Any) -> CommandSwitch:
    tool = str(program)
    given: dict[str, Any] = {
        "list": (tool, "list"),
        "on": (tool, "on", "{port}", "group={group}", "$(id); rm -rf {port}"),
        "off": (tool, "off", "{port}"),
        "timeout_s": 5.0,
    }
    return CommandSwitch(SwitchConfig("cs", "command", **(given | settings)))


async def test_a_command_reads_and_switches_ports_without_a_shell(program: Path) -> None:
    switch = command(program)
    reading = await switch.read()
    assert [port.admin_on for port in reading.ports] == [True, False, True, True]
    assert reading.ports[0].power_mw == 5500
    assert reading.ports[1].power_mw is None
    assert reading.ports[0].label == "rpi 1"
    assert reading.ports[0].detection is Detection.DELIVERING
    await switch.set_admin(PortRef("cs", 1, 3), on=False)
    port = (await switch.read()).port(PortRef("cs", 1, 3))
    assert port is not None
    assert port.admin_on is False
    await switch.set_admin(PortRef("cs", 1, 3), on=True)
    calls = [json.loads(line) for line in (program.parent / "calls").read_text().splitlines()]
    assert calls[-1] == ["on", "3", "group=1", "$(id); rm -rf 3"]
    with pytest.raises(SourceMissing, match="prints no such port"):
        await switch.set_admin(PortRef("cs", 1, 9), on=False)
    assert len(calls) == 6


async def test_commands_that_fail_hang_or_are_not_there_are_named(program: Path, tmp_path: Path) -> None:
    ref = PortRef("cs", 1, 1)
    with pytest.raises(SourceRefused, match="no `off` command is configured"):
        await command(program, on=(), off=()).set_admin(ref, on=False)
    with pytest.raises(SourceRefused, match="cannot be run: No such file"):
        await command(program, list=(str(tmp_path / "gone"),)).read()
    with pytest.raises(SourceError, match=r"failed \(exit status 3\): no session left"):
        await command(program, list=("/bin/sh", "-c", "echo no session left >&2; exit 3")).read()
    with pytest.raises(SourceGarbled, match="printed no port"):
        await command(program, list=("/bin/echo", "hello")).read()
    pid = tmp_path / "pid"
    with pytest.raises(SourceTimeout, match=r"did not end within 0\.5 s"):
        await command(program, list=("/bin/sh", "-c", f"sleep 60 & echo $! > {pid}; wait"), timeout_s=0.5).read()
    child = int(pid.read_text())
    await until(lambda: _is_gone(child))


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


# -- Prometheus -------------------------------------------------------------------------------------------------------


def snmp_exporter(series: str, value: float, **labels: str) -> dict[str, Any]:
    metric = {"__name__": series, "instance": "192.168.10.2", "job": "snmp", **labels}
    return {"metric": metric, "value": [1700000000, str(value)]}


def port_row(name: str, value: float, port: int, group: int = 1) -> dict[str, Any]:
    return snmp_exporter(name, value, pethPsePortGroupIndex=str(group), pethPsePortIndex=str(port))


class Scraped:
    """A Prometheus with one switch's series."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = rows
        self.queries: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(str((await request.post())["query"]))
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": list(self.rows)}})


def scraped(server: HostileApi) -> PrometheusPoeSwitch:
    config = SwitchConfig("sw9", "prometheus", match=(("instance", '10.0.0.2"\\'),))
    return PrometheusPoeSwitch(config, PrometheusHttp(PrometheusConfig("main", url=server.url)))


async def test_the_series_of_snmp_exporter_are_a_reading_and_switch_nothing() -> None:
    prometheus = Scraped(
        port_row("pethPsePortAdminEnable", 1, 3),
        port_row("pethPsePortDetectionStatus", 3, 3),
        port_row("pethPsePortPowerClassifications", 5, 3),
        port_row("pethPsePortPowerDeniedCounter", 7, 3),
        port_row("pethPsePortAdminEnable", 2, 1, 2),
        port_row("pethPsePortPowerClassifications", 5, 1, 2),
        snmp_exporter("pethMainPsePower", 120, pethMainPseGroupIndex="1"),
        snmp_exporter("pethMainPseConsumptionPower", 18400, pethMainPseGroupIndex="1"),
        snmp_exporter("pethMainPseUsageThreshold", 0, pethMainPseGroupIndex="1"),
        snmp_exporter("pethPsePortAdminEnable", 1),
        snmp_exporter("pethPsePortAdminEnable", float("nan"), pethPsePortIndex="4"),
    )
    async with api(prometheus.handle) as server:
        switch = scraped(server)
        reading = await switch.read()
        with pytest.raises(SourceRefused, match="switches nothing"):
            await switch.set_admin(PortRef("sw9", 1, 3), on=False)
        await switch.close()
    assert prometheus.queries[0].endswith(', instance="10.0.0.2\\"\\\\"}')
    assert [str(port.ref) for port in reading.ports] == ["sw9/3", "sw9/2/1"]
    first, second = reading.ports
    assert (first.admin_on, first.detection, first.power_class) == (True, Detection.DELIVERING, 4)
    assert (first.denied_count, first.power_mw) == (7, None)
    assert second.admin_on is False
    assert second.power_class is None
    assert reading.groups == (PseGroup(1, budget_mw=120_000, drawn_mw=18_400),)


async def test_unpollers_amperes_are_milliamperes_and_mikrotiks_watts_are_tenths() -> None:
    labels = {"port_num": "3", "port_name": "rpi03", "name": "USW"}
    prometheus = Scraped(
        snmp_exporter("unpoller_device_port_poe_watts", 3.24, **labels),
        snmp_exporter("unpoller_device_port_poe_volts", 53.78, **labels),
        snmp_exporter("unpoller_device_port_poe_amperes", 60.18, **labels),
        snmp_exporter("mtxrPOEPower", 47, mtxrPOEInterfaceIndex="5"),
        snmp_exporter("mtxrPOEStatus", 3, mtxrPOEInterfaceIndex="5"),
    )
    async with api(prometheus.handle) as server:
        switch = scraped(server)
        unifi_port, mikrotik = (await switch.read()).ports
        await switch.close()
    assert (unifi_port.power_mw, unifi_port.voltage_mv, unifi_port.current_ma) == (3240, 53780, 60)
    assert unifi_port.label == "rpi03"
    assert unifi_port.admin_on is None
    assert mikrotik.power_mw == 4700
    assert mikrotik.detection is Detection.DELIVERING


async def test_two_switches_under_one_match_are_a_finding() -> None:
    row = port_row("pethPsePortAdminEnable", 1, 3)
    other = {"metric": row["metric"] | {"instance": "192.168.10.3"}, "value": [0, "2"]}
    async with api(Scraped(row, other).handle) as server:
        switch = scraped(server)
        reading = await switch.read()
        await switch.close()
    assert reading.ports[0].admin_on is True
    assert "narrower" in reading.findings[0]


# -- All of them ------------------------------------------------------------------------------------------------------


async def test_the_wiring_makes_each_kind_of_switch_as_the_configuration_says(tmp_path: Path) -> None:
    text = """
        [[prometheus]]
        url = "http://127.0.0.1:9"
        [[switches]]
        name = "a"
        host = "127.0.0.1"
        [[switches]]
        name = "b"
        source = "unifi"
        url = "https://127.0.0.1:9"
        api_key = "k"
        [[switches]]
        name = "c"
        source = "routeros"
        url = "https://127.0.0.1:9"
        username = "u"
        password = "p"
        [[switches]]
        name = "d"
        source = "command"
        list = ["true"]
        [[switches]]
        name = "e"
        source = "prometheus"
        match = { instance = "x" }
        """
    config: Config = parse_config(textwrap.dedent(text), tmp_path / "config.toml")
    lab = build_lab(config)
    switches: tuple[SwitchesPoe, ...] = lab.sources.switches
    assert [(one.name, one.kind) for one in switches] == [
        ("a", "snmp"),
        ("b", "unifi"),
        ("c", "routeros"),
        ("d", "command"),
        ("e", "prometheus"),
    ]
    native = [one.name for one in switches if isinstance(one, CyclesPoe) and one.cycles_by_itself]
    assert native == ["b"]
    await lab.close()
