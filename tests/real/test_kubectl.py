"""The commands that Y copies, run by a shell with the real kubectl on the demo lab's API: they do what they stand for.

kubectl is no Debian package of today; where it is not installed these tests are skipped by name. What the commands say,
word by word, is tested without it (tests/unit/test_kubectl.py).
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from homelab_tui.config.load import load_config
from homelab_tui.demo.lab import DemoLab
from homelab_tui.domain.jobs import Job
from homelab_tui.engine.cronjobs import Limits
from homelab_tui.engine.lab import Lab
from homelab_tui.wiring import build_lab
from tests.labs import api, start_lab

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
JOBS = "/apis/batch/v1/namespaces/db/jobs"


@pytest.fixture
async def demo() -> AsyncIterator[DemoLab]:
    async with start_lab(ssh=False, snmp=False) as lab:
        yield lab


@pytest.fixture
async def lab(demo: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lab]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "lab.toml"
    demo.write_config(path)
    made = build_lab(load_config(str(path)))
    try:
        await made.read(("clusters",))
        yield made
    finally:
        await made.close()


async def shell(lines: Sequence[str]) -> str:
    """What a person's shell makes of the commands."""
    assert lines
    said = ""
    for line in lines:
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", line, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, f"{line}\n{out.decode()}"
        said += out.decode()
    return said


def job(lab: Lab, name: str) -> Job:
    return next(one for one in lab.store.state.jobs.jobs if one.id.name == name)


async def spec(demo: DemoLab, path: str) -> dict[str, Any]:
    async with api(demo.sites["nuc"]) as kubernetes:
        answer = await kubernetes.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def test_looking_says_what_our_screens_say(demo: DemoLab, lab: Lab) -> None:
    failed = job(lab, "migrate-0042")
    [place, *_] = await lab.logs.places(failed)
    assert "canceling statement due to lock timeout" in await shell(lab.kubectl.logs(failed, place))
    assert "name: migrate-0042" in await shell(lab.kubectl.yaml(failed))
    await shell(lab.kubectl.events(failed))


async def test_acts_change_what_ours_would(demo: DemoLab, lab: Lab) -> None:
    failed = job(lab, "migrate-0042")
    patch = lab.job_changes.expire_patch(failed, 86400)
    assert patch is not None
    await shell(lab.kubectl.patch_jobs([(failed, patch)]))
    assert {"spec": {"ttlSecondsAfterFinished": (await spec(demo, f"{JOBS}/migrate-0042"))["spec"][
        "ttlSecondsAfterFinished"
    ]}} == patch  # fmt: skip

    vacuum = next(one for one in lab.store.state.jobs.cronjobs if one.name == "vacuum")
    place = "/apis/batch/v1/namespaces/db/cronjobs/vacuum"
    await shell(lab.kubectl.patch_cronjobs([vacuum], {"spec": {"suspend": True}}))
    await shell(lab.kubectl.patch_cronjobs([vacuum], Limits(failed_history=0, ttl_s=3600).patch))
    changed = (await spec(demo, place))["spec"]
    assert changed["suspend"] is True
    assert changed["failedJobsHistoryLimit"] == 0
    assert changed["jobTemplate"]["spec"]["ttlSecondsAfterFinished"] == 3600

    [line] = lab.kubectl.trigger([("nuc", "db", "vacuum")], ["vacuum-manual-x7k2p"])
    # Its POST is protobuf, which a real API server takes and the lab's does not: what it would send is what counts.
    made = json.loads(await shell([f"{line} --dry-run=client -o json"]))["metadata"]
    assert made["name"] == "vacuum-manual-x7k2p"
    assert made["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    assert [owner["name"] for owner in made["ownerReferences"]] == ["vacuum"]

    await shell(lab.kubectl.delete([failed], "orphan"))
    async with api(demo.sites["nuc"]) as kubernetes:
        assert (await kubernetes.get(f"{JOBS}/migrate-0042")).status_code == 404
        pods = await kubernetes.get("/api/v1/namespaces/db/pods?labelSelector=job-name=migrate-0042")
    assert pods.json()["items"], "an orphan's Pods stay"
