"""Chunked lists of the demo's Kubernetes API: each goes on with what it began with."""

from homelab_tui.demo.site import CROWD
from tests.labs import api, start_lab


async def test_two_lists_in_pages_at_once_do_not_get_each_others_objects() -> None:
    async with start_lab(jobs=6, cronjobs=4, catalogue=False, ssh=False, snmp=False) as lab:
        site = lab.sites["nuc"]
        async with api(site) as client:
            path, page = f"/apis/batch/v1/namespaces/{CROWD}/", {"limit": "3"}
            first = {kind: (await client.get(path + kind, params=page)).json() for kind in ("jobs", "cronjobs")}
            changed = site.cluster.store.require("jobs", CROWD, "crowd-00005")
            changed["metadata"]["annotations"] = {"moves": "the version on"}
            site.cluster.store.update("jobs", changed)
            for kind, whole in (("jobs", 6), ("cronjobs", 4)):
                more = {**page, "continue": first[kind]["metadata"]["continue"]}
                rest = (await client.get(path + kind, params=more)).json()
                names = [item["metadata"]["name"] for item in (*first[kind]["items"], *rest["items"])]
                assert names == [f"crowd-{number:05d}" for number in range(whole)]
                assert rest["kind"] == first[kind]["kind"]
                assert all(("schedule" in item["spec"]) == (kind == "cronjobs") for item in rest["items"])
