"""The lab's PodDisruptionBudget: what its controller says, and the drain that it blocks."""

from pathlib import Path

from homelab_tui.config.load import load_config
from homelab_tui.engine.draining import Drainer
from homelab_tui.wiring import build_lab
from tests.labs import api, start_lab, until

BUDGETS = "/apis/policy/v1/namespaces/db/poddisruptionbudgets"


async def test_the_database_dump_is_kept_where_it_is_until_it_is_done(tmp_path: Path) -> None:
    async with start_lab(ssh=False, snmp=False, story=True) as served:
        site = served.sites["nuc"]
        async with api(site) as client:

            async def watched() -> object:
                budget = (await client.get(f"{BUDGETS}/logical-dump")).json()
                return budget if budget.get("status", {}).get("currentHealthy") == 1 else None

            status = (await until(watched))["status"]
            assert (status["desiredHealthy"], status["disruptionsAllowed"]) == (1, 0)
            pods = (await client.get("/api/v1/namespaces/db/pods")).json()["items"]
            [pod] = [one for one in pods if one["status"]["phase"] == "Running"]
            name, node = pod["metadata"]["name"], pod["spec"]["nodeName"]
            eviction = {"metadata": {"name": name, "namespace": "db"}}
            refused = await client.post(f"/api/v1/namespaces/db/pods/{name}/eviction", json=eviction)
            groups = (await client.get("/apis")).json()["groups"]
            listed = (await client.get("/apis/policy/v1")).json()["resources"]
        assert (refused.status_code, refused.json()["reason"]) == (429, "TooManyRequests")
        assert "needs 1 healthy pods and has 1 currently" in refused.json()["details"]["causes"][0]["message"]
        assert [group["name"] for group in groups] == ["batch", "policy"]
        assert [one["shortNames"] for one in listed] == [["pdb"]]

        lab = build_lab(load_config(str(served.write_config(tmp_path / "lab.toml"))))
        try:
            state = await lab.read(("clusters",))
            kube = next(
                one for _, reading in state.clusters if reading.value for one in reading.value.nodes if one.name == node
            )
            cluster = next(one for one in lab.sources.drains if one.name == "nuc")
            drainer = Drainer(cluster, kube, lab.operations, lab.clock)
            found = await drainer.sorted_pods(force=False)
            holders = await drainer.holders(found.evicted)
        finally:
            await lab.close()
    [why] = [why for one, why in holders if one.name == name]
    assert "logical-dump" in why
