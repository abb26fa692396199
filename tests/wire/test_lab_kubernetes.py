"""The lab's Kubernetes API answers as a real one does: asked with a client that shares no code with the product."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from homelab_tui.demo.lab import DemoLab
from homelab_tui.demo.site import DemoSite
from tests.labs import api, start_lab, until

JOBS = "/apis/batch/v1/namespaces/backup/jobs"
PODS = "/api/v1/namespaces/backup/pods"
Json = dict[str, Any]


def job(name: str, command: str = "echo hello; sleep 0.1", **spec: Any) -> Json:
    """A Job whose container obeys `command`."""
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", command]}
    template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template, **spec}}


@pytest.fixture
async def site() -> AsyncIterator[DemoSite]:
    """The NUC cluster of a lab without SSH and SNMP."""
    async with start_lab(ssh=False, snmp=False) as lab:
        yield lab.sites["nuc"]


async def test_who_connects_while_the_past_is_being_written_gets_the_whole_answer() -> None:
    asked: list[asyncio.Task[httpx.Response]] = []

    async def ask(lab: DemoLab) -> httpx.Response:
        async with api(lab.sites["nuc"]) as client:
            return await client.get("/apis/batch/v1/jobs")

    async with start_lab(ssh=False, snmp=False, opened=lambda lab: asked.append(asyncio.create_task(ask(lab)))) as lab:
        early = await asked[0]
        async with api(lab.sites["nuc"]) as client:
            assert len(early.json()["items"]) == len((await client.get("/apis/batch/v1/jobs")).json()["items"]) > 10


async def finished(client: httpx.AsyncClient, name: str, condition: str) -> Json:
    """The Job, once it has that condition."""

    async def look() -> Json | None:
        found: Json = (await client.get(f"{JOBS}/{name}")).json()
        kinds = [item["type"] for item in found["status"].get("conditions", ())]
        return found if condition in kinds else None

    done: Json = await until(look)
    return done


async def run_failed_job(client: httpx.AsyncClient, name: str = "bad") -> Json:
    """Create a Job that fails at once, and wait until it has."""
    created = await client.post(JOBS, json=job(name, "echo no space left; sleep 0.1; exit 3", backoffLimit=0))
    assert created.status_code == 201
    return await finished(client, name, "Failed")


async def lines(response: httpx.Response) -> AsyncIterator[Json]:
    """The events of a watch."""
    async for line in response.aiter_lines():
        yield json.loads(line)


# -- lists -------------------------------------------------------------------------------------------------------------


async def test_a_list_comes_in_chunks_of_one_snapshot(site: DemoSite) -> None:
    site.cluster.clock.freeze()  # no CronJob comes in between
    async with api(site) as client:
        whole = (await client.get("/apis/batch/v1/jobs")).json()
        names = [item["metadata"]["name"] for item in whole["items"]]
        first = (await client.get("/apis/batch/v1/jobs", params={"limit": 10})).json()
        assert first["metadata"]["remainingItemCount"] == len(names) - 10
        gone = first["items"][-1]["metadata"]
        unseen = whole["items"][12]["metadata"]
        for meta in (gone, unseen):
            path = f"/apis/batch/v1/namespaces/{meta['namespace']}/jobs/{meta['name']}"
            assert (await client.request("DELETE", path, json={"propagationPolicy": "Background"})).status_code == 200
        pages, token = [first], first["metadata"]["continue"]
        while token:
            page = (await client.get("/apis/batch/v1/jobs", params={"limit": 10, "continue": token})).json()
            pages.append(page)
            token = page["metadata"].get("continue")
        assert [item["metadata"]["name"] for page in pages for item in page["items"]] == names
        assert {page["metadata"]["resourceVersion"] for page in pages} == {first["metadata"]["resourceVersion"]}


async def test_an_old_continue_token_is_410_and_offers_another(site: DemoSite) -> None:
    async with api(site) as client:
        first = (await client.get("/apis/batch/v1/jobs", params={"limit": 5})).json()
        site.kubernetes.forget_history()
        late = await client.get("/apis/batch/v1/jobs", params={"limit": 5, "continue": first["metadata"]["continue"]})
        assert late.status_code == 410
        status = late.json()
        assert (status["kind"], status["reason"], status["code"]) == ("Status", "Expired", 410)
        assert status["message"].startswith("The provided continue parameter is too old")
        again = await client.get("/apis/batch/v1/jobs", params={"continue": status["metadata"]["continue"]})
        assert again.status_code == 200


async def test_selectors_choose_and_an_unknown_field_is_400(site: DemoSite) -> None:
    async with api(site) as client:
        await run_failed_job(client)
        failed = (await client.get(JOBS, params={"fieldSelector": "status.successful=0"})).json()["items"]
        assert "bad" in [item["metadata"]["name"] for item in failed]
        assert all("succeeded" not in item["status"] for item in failed)
        uid = next(item["metadata"]["uid"] for item in failed if item["metadata"]["name"] == "bad")
        selector = f"batch.kubernetes.io/controller-uid={uid}"
        pods = (await client.get("/api/v1/pods", params={"labelSelector": selector})).json()["items"]
        assert [pod["metadata"]["ownerReferences"][0]["uid"] for pod in pods] == [uid]
        node = pods[0]["spec"]["nodeName"]
        there = (await client.get("/api/v1/pods", params={"fieldSelector": f"spec.nodeName={node}"})).json()["items"]
        assert {pod["spec"]["nodeName"] for pod in there} == {node}
        wrong = await client.get(JOBS, params={"fieldSelector": "status.failed=1"})
        assert wrong.status_code == 400
        assert wrong.json()["message"] == 'field label "status.failed" not supported for batchv1.Job'


# -- watches -----------------------------------------------------------------------------------------------------------


async def test_a_watch_sees_a_job_created_changed_and_deleted(site: DemoSite) -> None:
    async with api(site) as client:
        version = (await client.get(JOBS)).json()["metadata"]["resourceVersion"]
        seen: list[tuple[str, str]] = []
        async with client.stream("GET", JOBS, params={"watch": "1", "resourceVersion": version}) as response:
            events = lines(response)

            async def follow(until_type: str) -> Json:
                async for event in events:
                    if event["object"]["metadata"]["name"] == "watched":
                        seen.append((event["type"], event["object"]["metadata"]["resourceVersion"]))
                        if event["type"] == until_type:
                            return event
                raise AssertionError("the watch ended")

            await client.post(JOBS, json=job("watched", "sleep 0.1"))
            await asyncio.wait_for(follow("ADDED"), 5)
            await finished(client, "watched", "Complete")
            await client.request("DELETE", f"{JOBS}/watched", json={"propagationPolicy": "Background"})
            last = await asyncio.wait_for(follow("DELETED"), 5)
        assert seen[0][0] == "ADDED"
        assert "MODIFIED" in [kind for kind, _ in seen]
        versions = [int(version) for _, version in seen]
        assert versions == sorted(set(versions))
        assert last["object"]["status"]["succeeded"] == 1


async def test_what_leaves_a_selection_reads_as_deleted(site: DemoSite) -> None:
    async with api(site) as client:
        version = (await client.get(JOBS)).json()["metadata"]["resourceVersion"]
        params = {
            "watch": "1",
            "resourceVersion": version,
            "fieldSelector": "status.successful=0",
            "timeoutSeconds": "5",
        }
        types: list[str] = []
        async with client.stream("GET", JOBS, params=params) as response:
            await client.post(JOBS, json=job("passes", "sleep 0.1"))
            async for event in lines(response):
                if event["object"]["metadata"]["name"] == "passes":
                    types.append(event["type"])
                    if event["type"] == "DELETED":
                        break
        assert types[0] == "ADDED"
        assert (await client.get(f"{JOBS}/passes")).status_code == 200


async def test_a_watch_that_allows_bookmarks_gets_them_and_ends_on_time(site: DemoSite) -> None:
    site.kubernetes.reads.bookmark_s = 0.2
    async with api(site) as client:
        version = (await client.get(JOBS)).json()["metadata"]["resourceVersion"]
        params = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": "1"}
        async with client.stream("GET", JOBS, params=params) as response:
            events = [event async for event in lines(response)]
        marks = [event for event in events if event["type"] == "BOOKMARK"]
        assert len(marks) >= 2
        assert marks[0]["object"]["kind"] == "Job"
        assert int(marks[-1]["object"]["metadata"]["resourceVersion"]) >= int(version)


@pytest.mark.parametrize("as_status", [False, True])
async def test_a_watch_from_a_forgotten_version_is_gone(site: DemoSite, as_status: bool) -> None:
    site.kubernetes.reads.gone_as_status = as_status
    async with api(site) as client:
        version = (await client.get(JOBS)).json()["metadata"]["resourceVersion"]
        site.kubernetes.forget_history()
        async with client.stream("GET", JOBS, params={"watch": "1", "resourceVersion": version}) as response:
            if as_status:
                status = json.loads(await response.aread())
                assert response.status_code == 410
            else:
                event = await anext(lines(response))
                assert (response.status_code, event["type"]) == (200, "ERROR")
                status = event["object"]
        assert status["reason"] == "Expired"
        assert status["message"].startswith(f"too old resource version: {version}")


# -- deletes -----------------------------------------------------------------------------------------------------------


async def pods_of(client: httpx.AsyncClient, found: Json) -> list[Json]:
    """The pods with the label of a Job's uid."""
    selector = f"batch.kubernetes.io/controller-uid={found['metadata']['uid']}"
    items: list[Json] = (await client.get(PODS, params={"labelSelector": selector})).json()["items"]
    return items


async def test_a_delete_without_a_policy_orphans_the_pods_and_warns(site: DemoSite) -> None:
    async with api(site) as client:
        bad = await run_failed_job(client)
        answer = await client.delete(f"{JOBS}/bad")
        assert answer.status_code == 200
        assert "child pods are preserved by default" in answer.headers["Warning"]

        async def gone() -> bool:
            return (await client.get(f"{JOBS}/bad")).status_code == 404

        await until(gone)
        left = await pods_of(client, bad)
        assert len(left) == 1
        assert "ownerReferences" not in left[0]["metadata"]


async def test_background_in_the_body_takes_the_pods_along(site: DemoSite) -> None:
    async with api(site) as client:
        bad = await run_failed_job(client)
        answer = await client.request("DELETE", f"{JOBS}/bad", json={"propagationPolicy": "Background"})
        assert answer.json()["status"] == "Success"
        assert answer.json()["details"]["uid"] == bad["metadata"]["uid"]
        assert "Warning" not in answer.headers
        missing = await client.get(f"{JOBS}/bad")
        assert missing.status_code == 404
        assert missing.json()["message"] == 'jobs.batch "bad" not found'
        assert await pods_of(client, bad) == []


async def test_a_body_beats_the_query(site: DemoSite) -> None:
    async with api(site) as client:
        bad = await run_failed_job(client)
        body = {"preconditions": {"uid": bad["metadata"]["uid"]}}
        await client.request("DELETE", f"{JOBS}/bad", params={"propagationPolicy": "Background"}, json=body)

        async def gone() -> bool:
            return (await client.get(f"{JOBS}/bad")).status_code == 404

        await until(gone)
        assert len(await pods_of(client, bad)) == 1


async def test_foreground_stays_until_the_pods_are_gone(site: DemoSite) -> None:
    async with api(site) as client:
        await client.post(JOBS, json=job("long", "sleep 60"))

        async def running() -> bool:
            found = (await client.get(f"{JOBS}/long")).json()
            return bool(found["status"].get("ready"))

        await until(running)
        answer = (await client.request("DELETE", f"{JOBS}/long", json={"propagationPolicy": "Foreground"})).json()
        assert answer["kind"] == "Job"
        assert answer["metadata"]["finalizers"] == ["foregroundDeletion"]
        assert "deletionTimestamp" in (await client.get(f"{JOBS}/long")).json()["metadata"]

        async def gone() -> bool:
            return (await client.get(f"{JOBS}/long")).status_code == 404

        await until(gone)
        assert await pods_of(client, answer) == []


@pytest.mark.parametrize(("field", "words"), [("uid", "UID"), ("resourceVersion", "ResourceVersion")])
async def test_a_wrong_precondition_is_409_and_deletes_nothing(site: DemoSite, field: str, words: str) -> None:
    async with api(site) as client:
        bad = await run_failed_job(client)
        wrong = {"propagationPolicy": "Background", "preconditions": {field: "7"}}
        answer = await client.request("DELETE", f"{JOBS}/bad", json=wrong)
        assert answer.status_code == 409
        assert answer.json()["reason"] == "Conflict"
        start = f'Operation cannot be fulfilled on Job.batch "bad": the {words} in the precondition (7) does not match'
        assert answer.json()["message"].startswith(start)
        right = {"propagationPolicy": "Background", "preconditions": {field: bad["metadata"][field]}}
        assert (await client.request("DELETE", f"{JOBS}/bad", json=right)).status_code == 200


# -- Jobs --------------------------------------------------------------------------------------------------------------


async def test_a_failing_job_retries_then_has_failure_target_before_failed(site: DemoSite) -> None:
    async with api(site) as client:
        version = (await client.get(JOBS)).json()["metadata"]["resourceVersion"]
        created = (await client.post(JOBS, json=job("flop", "echo oh no; exit 7", backoffLimit=1))).json()
        assert (
            created["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"]
            == created["metadata"]["uid"]
        )
        failed = await finished(client, "flop", "Failed")
        assert failed["status"]["failed"] == 2
        assert "completionTime" not in failed["status"]
        params = {
            "watch": "1",
            "resourceVersion": version,
            "fieldSelector": "metadata.name=flop",
            "timeoutSeconds": "1",
        }
        async with client.stream("GET", JOBS, params=params) as response:
            states = [event["object"]["status"] async for event in lines(response)]
        seen = [[item["type"] for item in status.get("conditions", ())] for status in states]
        assert seen.index(["FailureTarget"]) < seen.index(["FailureTarget", "Failed"])
        pods = await pods_of(client, failed)
        assert [pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] for pod in pods] == [7, 7]
        name = pods[0]["metadata"]["name"]
        assert (await client.get(f"{PODS}/{name}/log")).text == "oh no\n"
        events = (
            await client.get("/api/v1/namespaces/backup/events", params={"fieldSelector": "involvedObject.name=flop"})
        ).json()
        assert {"SuccessfulCreate", "BackoffLimitExceeded"} <= {item["reason"] for item in events["items"]}


async def test_logs_tail_follow_and_previous(site: DemoSite) -> None:
    async with api(site) as client:
        command = "echo one; echo two; sleep 1; echo three; exit 1"
        body = job("talks", command, backoffLimit=5)
        body["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
        made = (await client.post(JOBS, json=body)).json()
        pod = (await until(lambda: pods_of(client, made)))[0]["metadata"]["name"]

        async def started() -> bool:
            return (await client.get(f"{PODS}/{pod}/log")).status_code == 200

        await until(started)
        early = await client.get(f"{PODS}/{pod}/log", params={"previous": "true"})
        assert early.status_code == 400
        assert early.json()["message"] == f'previous terminated container "main" in pod "{pod}" not found'
        async with client.stream("GET", f"{PODS}/{pod}/log", params={"follow": "true"}) as response:
            followed = [line async for line in response.aiter_lines()]
        assert followed == ["one", "two", "three"]
        assert (await client.get(f"{PODS}/{pod}/log", params={"tailLines": "1"})).text == "three\n"
        wrong = await client.get(f"{PODS}/{pod}/log", params={"container": "sidecar"})
        assert (wrong.status_code, wrong.json()["message"]) == (400, f"container sidecar is not valid for pod {pod}")


async def test_an_immutable_field_is_422_and_the_ttl_is_not_immutable(site: DemoSite) -> None:
    merge = {"Content-Type": "application/merge-patch+json"}
    async with api(site) as client:
        await run_failed_job(client)
        fixed = await client.patch(f"{JOBS}/bad", content=b'{"spec":{"completions":9}}', headers=merge)
        assert fixed.status_code == 422
        assert "spec.completions: Invalid value: 9: field is immutable" in fixed.json()["message"]
        patched = await client.patch(f"{JOBS}/bad", content=b'{"spec":{"ttlSecondsAfterFinished":0}}', headers=merge)
        assert patched.json()["spec"]["ttlSecondsAfterFinished"] == 0

        async def gone() -> bool:
            return (await client.get(f"{JOBS}/bad")).status_code == 404

        await until(gone)


async def test_cron_jobs_run_on_the_minute_and_are_named_by_it() -> None:
    async with start_lab(ssh=False, snmp=False) as lab:
        site = lab.sites["nuc"]
        async with api(site) as client:
            minute = int(lab.world.clock.now().timestamp()) // 60 + 1
            lab.world.clock.advance(minute * 60 - lab.world.clock.now().timestamp() + 0.01)
            path = f"/apis/batch/v1/namespaces/monitoring/jobs/heartbeat-{minute}"

            async def there() -> Json | None:
                answer = await client.get(path)
                return answer.json() if answer.status_code == 200 else None

            run = await until(there)
            assert run["metadata"]["ownerReferences"][0]["kind"] == "CronJob"
            cron = (await client.get("/apis/batch/v1/namespaces/monitoring/cronjobs/heartbeat")).json()
            assert (
                cron["status"]["lastScheduleTime"]
                == run["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"]
            )


async def test_a_suspended_cron_job_does_not_run(site: DemoSite) -> None:
    merge = {"Content-Type": "application/merge-patch+json"}
    heartbeat = "/apis/batch/v1/namespaces/monitoring/cronjobs/heartbeat"
    async with api(site) as client:
        await client.patch(heartbeat, content=b'{"spec":{"suspend":true}}', headers=merge)
        before = (await client.get(heartbeat)).json()["status"].get("lastScheduleTime")
        site.cluster.clock.advance(180)
        site.beat()
        assert (await client.get(heartbeat)).json()["status"].get("lastScheduleTime") == before


# -- who may -----------------------------------------------------------------------------------------------------------


async def test_a_wrong_token_is_401_none_is_403_and_rights_are_worded_as_rbac_does(site: DemoSite) -> None:
    async with api(site) as client:
        nobody = await client.get("/api/v1/pods", headers={"Authorization": "Bearer wrong"})
        assert (nobody.status_code, nobody.json()["message"]) == (401, "Unauthorized")
        del client.headers["Authorization"]
        anonymous = await client.get("/api/v1/pods")
        assert anonymous.status_code == 403
        assert anonymous.json()["message"].startswith('pods is forbidden: User "system:anonymous" cannot list')
    async with api(site, "viewer") as client:
        denied = await client.request("DELETE", f"{JOBS}/x", json={})
        assert denied.status_code == 403
        assert denied.json()["message"] == (
            'jobs.batch "x" is forbidden: User "viewer" cannot delete resource "jobs" in API group "batch" '
            'in the namespace "backup"'
        )
        review = {
            "spec": {
                "resourceAttributes": {"verb": "delete", "group": "batch", "resource": "jobs", "namespace": "backup"}
            }
        }
        ssar = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        assert (await client.post(ssar, json=review)).json()["status"]["allowed"] is False
    async with api(site, "backup-only") as client:
        everywhere = await client.get("/apis/batch/v1/jobs")
        assert everywhere.json()["message"].endswith('in API group "batch" at the cluster scope')
        assert (await client.get(JOBS)).status_code == 200
        assert (await client.post(ssar, json=review)).json()["status"]["allowed"] is True
    async with api(site, "nobody") as client:
        for path in (JOBS, "/api/v1/nodes", "/api/v1/namespaces/backup/pods"):
            assert (await client.get(path)).status_code == 403
        assert (await client.post(ssar, json=review)).json()["status"]["allowed"] is False
        assert (await client.get("/version")).status_code == 200
    async with api(site) as client:
        assert (await client.post(ssar, json=review)).json()["status"]["allowed"] is True


async def test_names_are_checked_and_taken_names_refused(site: DemoSite) -> None:
    async with api(site) as client:
        await client.post(JOBS, json=job("twice"))
        again = await client.post(JOBS, json=job("twice"))
        assert (again.status_code, again.json()["reason"]) == (409, "AlreadyExists")
        assert (await client.post(JOBS, json=job("Not_A_Name"))).status_code == 422
        assert (await client.post(JOBS, json=job("x" * 64))).status_code == 422
        nowhere = await client.post("/apis/batch/v1/namespaces/nowhere/jobs", json=job("x"))
        assert nowhere.json()["message"] == 'namespaces "nowhere" not found'


# -- the machines ------------------------------------------------------------------------------------------------------


async def test_a_node_without_power_turns_unknown_and_comes_back_with_a_new_boot_id() -> None:
    async with start_lab(ssh=False, snmp=False) as lab, api(lab.sites["pi"]) as client:

        async def ready() -> Json:
            node: Json = (await client.get("/api/v1/nodes/rpi03")).json()
            condition: Json = node["status"]["conditions"][-1]
            return condition | {"boot": node["status"]["nodeInfo"]["bootID"]}

        before = await ready()
        lab.world.set_port_admin(3, False)

        async def silent() -> bool:
            return bool((await ready())["status"] == "Unknown")

        await until(silent)
        lab.world.set_port_admin(3, True)

        async def back() -> bool:
            return bool((await ready())["status"] == "True")

        await until(back)
        assert (await ready())["boot"] != before["boot"]


# -- faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [401, 403, 429, 500, 503])
async def test_a_status_fault_speaks_as_the_api_server(lab: DemoLab, code: int) -> None:
    lab.faults.set("kubernetes", "pi", str(code))
    async with api(lab.sites["pi"]) as client, api(lab.sites["nuc"]) as other:
        answer = await client.get("/apis/batch/v1/jobs")
        assert (answer.status_code, answer.json()["kind"], answer.json()["code"]) == (code, "Status", code)
        assert (await other.get("/apis/batch/v1/jobs")).status_code == 200
        lab.faults.set("kubernetes", "pi", None)
        assert (await client.get("/apis/batch/v1/jobs")).status_code == 200


async def test_refuse_closes_the_port_and_gives_it_back(site: DemoSite) -> None:
    faults = site.faults
    async with api(site) as client:
        assert (await client.get("/version")).status_code == 200
        async with client.stream("GET", JOBS, params={"watch": "1"}) as response:
            events = response.aiter_lines()
            await anext(events)
            faults.set("kubernetes", "nuc", "refuse")
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                async for _ in events:
                    pass
        with pytest.raises(httpx.ConnectError):
            await client.get("/version")
        faults.set("kubernetes", "nuc", None)

        async def back() -> bool:
            with contextlib.suppress(httpx.ConnectError):
                return bool((await client.get("/version")).status_code == 200)
            return False

        await until(back)


async def test_hang_answers_nothing_and_a_running_watch_falls_silent(site: DemoSite) -> None:
    async with api(site, timeout_s=0.5) as client:
        version = (await client.get(JOBS)).json()["metadata"]["resourceVersion"]
        params = {"watch": "1", "resourceVersion": version}
        async with client.stream("GET", JOBS, params=params) as response:
            site.faults.set("kubernetes", "nuc", "hang")
            site.garbage.delete_now(
                "jobs", "backup", site.cluster.store.all("jobs", "backup")[0].body["metadata"]["name"]
            )
            with pytest.raises(httpx.ReadTimeout):
                await anext(lines(response))
        with pytest.raises(httpx.ReadTimeout):
            await client.get(JOBS)


@pytest.mark.parametrize("fault", ["reset", "partial", "garbage"])
async def test_a_broken_answer_is_never_whole_json(site: DemoSite, fault: str) -> None:
    site.faults.set("kubernetes", "nuc", fault)
    async with api(site) as client:
        with pytest.raises((httpx.HTTPError, ValueError)):
            (await client.get(JOBS)).json()


async def test_a_cordoned_node_takes_no_pod_and_an_evicted_pod_is_retried_elsewhere(site: DemoSite) -> None:
    merge = {"Content-Type": "application/merge-patch+json"}
    async with api(site) as client:
        made = (await client.post(JOBS, json=job("moves", "sleep 60"))).json()

        async def running() -> Json | None:
            pods = [pod for pod in await pods_of(client, made) if pod["status"]["phase"] == "Running"]
            return pods[0] if pods else None

        first = await until(running)
        node = first["spec"]["nodeName"]
        await client.patch(f"/api/v1/nodes/{node}", content=b'{"spec":{"unschedulable":true}}', headers=merge)
        name = first["metadata"]["name"]
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "backup"}}
        assert (await client.post(f"{PODS}/{name}/eviction", json=body)).status_code == 201

        async def elsewhere() -> Json | None:
            pod = await running()
            return pod if pod and pod["metadata"]["name"] != name else None

        second = await until(elsewhere)
        assert second["spec"]["nodeName"] not in (node, "nuc01")
        assert (await client.post(f"{PODS}/{name}/eviction", json=body)).status_code == 404


async def test_a_long_answer_is_compressed_for_who_takes_it() -> None:
    async with start_lab(ssh=False, snmp=False, jobs=300) as lab, api(lab.sites["nuc"]) as client:
        found = {}
        for encoding in ("gzip", "identity"):
            answer = await client.get("/apis/batch/v1/jobs", headers={"Accept-Encoding": encoding})
            found[encoding] = (answer.headers.get("Content-Encoding"), len(answer.json()["items"]))
        short = await client.get(JOBS, headers={"Accept-Encoding": "gzip"})
    assert found["gzip"][0] == "gzip"
    assert found["identity"][0] is None
    assert found["gzip"][1] == found["identity"][1] > 300
    assert "Content-Encoding" not in short.headers
