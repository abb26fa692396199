"""`homelab check` on the demo lab: the document, the exit status, and what a broken server does to them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from homelab_tui.cli import main
from homelab_tui.demo.lab import DemoLab
from tests.labs import start_lab


async def check(lab: DemoLab, config: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, Any, str]:
    """Exit status, document and what was told, of one run as a person starts it."""
    lab.write_config(config)
    capsys.readouterr()
    status = await asyncio.to_thread(main, ["--config", str(config), "check", "--json", *options])
    out, told = capsys.readouterr()
    return status, json.loads(out), told


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


async def test_the_demo_lab_is_in_order(lab: DemoLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found, told = await check(lab, tmp_path / "lab.toml", capsys, "--nodes")
    assert [one for one in found["checks"] if one["status"] == "fail"] == []
    assert status == 0
    assert found["taken_at"].endswith("Z")
    assert {tuple(one) for one in found["checks"]} == {("subject", "check", "status", "detail", "fix")}
    subjects = {one["subject"] for one in found["checks"]}
    assert {"cluster nuc", "cluster pi", "prometheus nuc", "switch sw1", "node nuc01", "node rpi04", "keys"} <= subjects
    logins = [one["detail"] for one in found["checks"] if one["check"] == "login"]
    assert len(logins) == 8
    assert all("SHA256:" in login for login in logins)
    assert " ok" in told


async def test_without_nodes_no_node_is_asked(lab: DemoLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found, _ = await check(lab, tmp_path / "lab.toml", capsys)
    assert status == 0
    assert not [one for one in found["checks"] if one["subject"].startswith("node ")]


@pytest.mark.parametrize(
    ("faults", "status", "failing"),
    [
        (("prometheus:nuc=503",), 1, {"prometheus nuc"}),
        (("prometheus=503",), 3, {"prometheus nuc", "prometheus pi"}),
        (("snmp=hang",), 3, {"switch sw1"}),
        (("ssh:rpi03=refuse", "ssh:rpi02=wrong-host-key"), 1, {"node rpi03", "node rpi02"}),
        (("kubernetes:nuc=garbage",), 1, {"cluster nuc"}),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, tuple) else None,
)
async def test_a_broken_server_fails_its_own_checks_alone(
    faults: tuple[str, ...], status: int, failing: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with start_lab(faults) as lab:
        ssh = any(fault.startswith("ssh") for fault in faults)
        found_status, found, told = await check(lab, tmp_path / "lab.toml", capsys, *(["--nodes"] if ssh else []))
    assert {one["subject"] for one in found["checks"] if one["status"] == "fail"} == failing
    assert found_status == status
    assert ("no answer at all from" in told) is (status == 3)


def test_a_bad_configuration_is_exit_2_and_nothing_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.toml").write_text('[[prometheus]]\nurl = "nonsense"\n')
    assert main(["--config", str(tmp_path / "bad.toml"), "check", "--json"]) == 2
    out, told = capsys.readouterr()
    assert f"{tmp_path / 'bad.toml'}:2: prometheus[0].url: is not a URL" in told
    assert "prometheus[0].url" in json.loads(out)["error"]


async def test_an_alertmanager_is_asked_for_its_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "am.toml"
    server = await asyncio.start_server(_alertmanager, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        config.write_text(
            f'[[alertmanagers]]\nurl = "http://127.0.0.1:{port}/am"\n'
            f'[[alertmanagers]]\nname = "other"\nurl = "http://127.0.0.1:{port}"\n'
        )
        status = await asyncio.to_thread(main, ["--config", str(config), "check", "--json"])
    checks = {one["subject"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
    assert (checks["alertmanager alertmanager"]["status"], checks["alertmanager alertmanager"]["detail"]) == (
        "ok",
        "0.27.0",
    )
    assert checks["alertmanager other"]["status"] == "fail"
    assert "is not the answer of an Alertmanager" in checks["alertmanager other"]["detail"]
    assert status == 1


async def _alertmanager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An Alertmanager under /am; at the root something else that speaks JSON."""
    head = await reader.readuntil(b"\r\n\r\n")
    good = head.startswith(b"GET /am/api/v2/status ")
    body = b'{"versionInfo": {"version": "0.27.0"}}' if good else b"[]"
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    writer.close()
