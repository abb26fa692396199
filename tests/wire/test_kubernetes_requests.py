"""Single requests: credentials, TLS, refusals, deletes, logs; and what comes back from servers that misbehave."""

import asyncio
import json
import os
from pathlib import Path

import pytest
from aiohttp import web

from homelab_tui.domain.errors import (
    SourceConflict,
    SourceError,
    SourceForbidden,
    SourceGarbled,
    SourceMissing,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.jobs import CronJob, Job, JobId, JobState
from tests.programs import python_program
from tests.wire.hostile_api import (
    Authority,
    Handler,
    api,
    encoded,
    job,
    listed,
    raw_server,
    source,
    status,
    write_kubeconfig,
)

SECRET = "s3cret-of-the-test"
FAILED_JOB = Job(JobId("lab", "apps", "backup"), JobState.FAILED, uid="u1", resource_version="7")
MISSING = "jobs.batch not found"


def always(answer: web.Response) -> Handler:
    """The same answer to everything."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=answer.status, body=answer.body, headers=dict(answer.headers))

    return handler


def in_turn(*answers: web.Response) -> Handler:
    """One answer after the other."""
    left = list(answers)

    async def handler(request: web.Request) -> web.StreamResponse:
        return left.pop(0)

    return handler


# Answers that are no good


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (web.Response(text="<html>login</html>"), SourceGarbled, "not what a Kubernetes API sends"),
        (web.Response(body=b"\x00\xff" * 99), SourceGarbled, "not what a Kubernetes API sends"),
        (web.Response(text=""), SourceGarbled, "not what a Kubernetes API sends"),
        (
            web.Response(status=502, text="<html>502 Bad Gateway</html>"),
            SourceError,
            r"Bad Gateway \(502\).*a proxy in between",
        ),
        (web.Response(status=302, headers={"Location": "https://login"}), SourceGarbled, r"redirected \(302\)"),
        (web.Response(status=404, text="no such page"), SourceGarbled, "another server"),
        (status(404, MISSING), SourceMissing, r"lab: list Jobs of all namespaces: not there \(404\)"),
        (status(429, "slow down", headers={"Retry-After": "7"}), SourceError, "come back in 7 s"),
        (status(503, "apiserver is shutting down", headers={"Retry-After": "1"}), SourceError, "shutting down.*1 s"),
        (status(500, "etcdserver: leader changed"), SourceError, "leader changed"),
        (status(504, "Timeout: request did not complete"), SourceTimeout, "did not complete"),
        (status(400, "bad selector"), SourceRefused, "bad selector"),
        (status(401, "Unauthorized"), SourceRefused, r"does not take these credentials \(401\)"),
    ],
)
async def test_a_bad_answer_is_one_error_of_ours(
    tmp_path: Path, answer: web.Response, error: type[SourceError], words: str
) -> None:
    async with api(always(answer)) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        with pytest.raises(error, match=words) as caught:
            await lab.list_jobs()
        assert type(caught.value) is error


async def test_a_server_that_says_nothing_is_a_timeout(tmp_path: Path) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with api(hang) as hostile, source(write_kubeconfig(tmp_path, hostile.url), read_timeout_s=0.2) as lab:
        with pytest.raises(SourceTimeout, match=rf"127\.0\.0\.1:{hostile.port} sent no answer within 0\.2 s"):
            await lab.list_jobs()


async def test_a_server_that_drips_for_ever_is_a_timeout_too(tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with raw_server(talk) as url, source(write_kubeconfig(tmp_path, url), read_timeout_s=0.1) as lab:
        with pytest.raises(SourceTimeout):
            await asyncio.wait_for(lab.read_version(), 20)


async def test_no_server_and_no_such_host_are_unreachable(tmp_path: Path) -> None:
    async with raw_server(lambda reader, writer: asyncio.sleep(0)) as url:
        pass
    async with source(write_kubeconfig(tmp_path, url)) as lab:
        with pytest.raises(SourceUnreachable, match="lab: get the server's version: no connection to 127"):
            await lab.read_version()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Len",
    ],
)
async def test_a_conversation_that_stops_half_way_is_an_error_of_ours(tmp_path: Path, sent: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(sent)
        await writer.drain()

    async with raw_server(talk) as url, source(write_kubeconfig(tmp_path, url)) as lab:
        with pytest.raises((SourceUnreachable, SourceGarbled), match=r"127\.0\.0\.1"):
            await lab.list_jobs()


async def test_a_kubeconfig_that_cannot_be_used_is_said_with_the_clusters_name(tmp_path: Path) -> None:
    async with source(tmp_path / "nowhere") as lab:
        with pytest.raises(SourceError, match="lab: no kubeconfig at"):
            await lab.list_jobs()


async def test_a_kubeconfig_that_was_mended_is_read_again(tmp_path: Path) -> None:
    async with api(always(listed(job("a")))) as hostile:
        path = write_kubeconfig(tmp_path, "http://127.0.0.1:9")
        async with source(path) as lab:
            with pytest.raises(SourceUnreachable):
                await lab.list_jobs()
            os.utime(write_kubeconfig(tmp_path, hostile.url), ns=(1, 1))
            assert len(await lab.list_jobs()) == 1


async def test_a_closed_source_never_connects_again(tmp_path: Path) -> None:
    async with api(always(listed())) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        await lab.list_jobs()
        await lab.close()
        with pytest.raises(SourceUnreachable, match="closed by homelab itself"):
            await lab.list_jobs()
        assert len(hostile.requests) == 1


# Credentials


def bearer_only(token: str) -> Handler:
    """Lets in who shows that token."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {token}":
            return status(401, "Unauthorized")
        return listed(job("a"))

    return handler


def plugin_user(directory: Path, status_of_run: str) -> str:
    """A user with an exec plugin; `status_of_run` is Python for the credential's status, `run` counts from 1."""
    program = python_program(
        directory / "plugin",
        "import json\n"
        f"log = {str(directory / 'runs')!r}\n"
        "open(log, 'a').write('x')\nrun = len(open(log).read())\n"
        f"status = {status_of_run}\n"
        'answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}\n'
        "print(json.dumps(answer))\n",
    )
    return f"{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: {program}, interactiveMode: Never}}}}"


async def test_a_401_asks_the_plugin_once_more_and_then_works(tmp_path: Path) -> None:
    user = plugin_user(tmp_path, "{'token': f'token-{run}'}")
    async with (
        api(bearer_only("token-2")) as hostile,
        source(write_kubeconfig(tmp_path, hostile.url, user=user)) as lab,
    ):
        assert len(await lab.list_jobs()) == 1
        assert len(await lab.list_jobs()) == 1
        assert (tmp_path / "runs").read_text() == "xx"
        assert [request.headers["Authorization"] for request in hostile.requests] == [
            "Bearer token-1",
            "Bearer token-2",
            "Bearer token-2",
        ]


async def test_a_401_that_stays_is_told_after_one_retry(tmp_path: Path) -> None:
    user = plugin_user(tmp_path, "{'token': 'never-good'}")
    async with api(bearer_only("other")) as hostile, source(write_kubeconfig(tmp_path, hostile.url, user=user)) as lab:
        with pytest.raises(SourceRefused, match="renew them") as caught:
            await lab.list_jobs()
        assert len(hostile.requests) == 2
        assert "never-good" not in str(caught.value)


async def test_many_requests_at_once_run_the_plugin_once(tmp_path: Path) -> None:
    user = plugin_user(tmp_path, "{'token': f'token-{run}'}")
    async with (
        api(bearer_only("token-1")) as hostile,
        source(write_kubeconfig(tmp_path, hostile.url, user=user)) as lab,
    ):
        await asyncio.gather(*(lab.list_jobs() for _ in range(8)))
        assert (tmp_path / "runs").read_text() == "x"


async def test_a_failing_plugin_is_an_error_of_ours(tmp_path: Path) -> None:
    user = plugin_user(tmp_path, "1 / 0")
    async with source(write_kubeconfig(tmp_path, "http://127.0.0.1:9", user=user)) as lab:
        with pytest.raises(SourceRefused, match=r"lab: exec plugin 'plugin' of user 'me' ended .*ZeroDivisionError"):
            await lab.list_jobs()


async def test_a_rotated_token_file_is_used_from_the_next_request_on(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one")
    async with (
        api(bearer_only("two")) as hostile,
        source(write_kubeconfig(tmp_path, hostile.url, user="{tokenFile: token}")) as lab,
    ):
        with pytest.raises(SourceRefused):
            await lab.list_jobs()
        assert len(hostile.requests) == 1, "nothing new in the file: no second try"
        token.write_text("two")
        os.utime(token, ns=(1, 1))
        assert len(await lab.list_jobs()) == 1


async def test_a_token_file_swapped_unseen_is_read_at_the_401(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one")
    os.utime(token, ns=(1, 1))

    async def swap(request: web.Request) -> web.StreamResponse:
        token.write_text("two")
        os.utime(token, ns=(1, 1))
        return await bearer_only("two")(request)

    path = write_kubeconfig(tmp_path, "http://x", user="{tokenFile: token}")
    async with api(swap) as hostile:
        path.write_text(path.read_text().replace("http://x", hostile.url))
        async with source(path) as lab:
            assert len(await lab.list_jobs()) == 1
            assert len(hostile.requests) == 2


async def test_impersonation_and_basic_credentials_are_sent(tmp_path: Path) -> None:
    user = f"{{username: me, password: {SECRET}, as: boss, as-groups: [a, b]}}"
    async with (
        api(always(listed())) as hostile,
        source(write_kubeconfig(tmp_path, hostile.url, user=user)) as lab,
    ):
        await lab.list_jobs()
        headers = hostile.requests[0].headers
        assert headers["Authorization"] == f"Basic {encoded(f'me:{SECRET}')}"
        assert headers["Impersonate-User"] == "boss"
        assert headers.getall("Impersonate-Group") == ["a", "b"]
        assert headers["User-Agent"].startswith("homelab/")


async def test_a_proxy_is_used_and_the_environments_never_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    async with api(always(listed())) as hostile:
        async with source(write_kubeconfig(tmp_path, hostile.url)) as lab:
            await lab.list_jobs()
        by_proxy = write_kubeconfig(tmp_path, "http://api.invalid", cluster=f"      proxy-url: {hostile.url}\n")
        async with source(by_proxy) as lab:
            await lab.list_jobs()
        assert hostile.requests[1].headers["Host"] == "api.invalid"
        by_environment = write_kubeconfig(tmp_path, "http://api.invalid")
        async with source(by_environment) as lab:
            with pytest.raises(SourceUnreachable):
                await lab.list_jobs()
        monkeypatch.setenv("http_proxy", hostile.url)
        async with source(by_environment) as lab:
            await lab.list_jobs()


@pytest.mark.parametrize(
    ("url", "words"), [("socks5://h:1", "socksio"), (f"gopher://me:{SECRET}@h", "proxy-url is not")]
)
async def test_a_proxy_that_cannot_be_used_is_named_without_its_password(tmp_path: Path, url: str, words: str) -> None:
    path = write_kubeconfig(tmp_path, "http://h", cluster=f"      proxy-url: {url}\n")
    async with source(path) as lab:
        with pytest.raises(SourceError, match=words) as caught:
            await lab.list_jobs()
        assert SECRET not in str(caught.value)


# TLS


async def test_inline_certificates_open_a_server_that_wants_them(tmp_path: Path) -> None:
    authority = Authority()
    tls = authority.server_context(tmp_path, authority.issue("server", "127.0.0.1"), wants_client=True)
    async with api(always(listed(job("a"))), tls) as hostile:
        cluster = f"      certificate-authority-data: {encoded(authority.pem)}\n"
        user = authority.issue("me").inline()
        async with source(write_kubeconfig(tmp_path, hostile.url, cluster=cluster, user=user)) as lab:
            assert len(await lab.list_jobs()) == 1
        async with source(write_kubeconfig(tmp_path, hostile.url, cluster=cluster)) as lab:
            with pytest.raises(SourceUnreachable, match=r"127\.0\.0\.1.*broke the connection|certificate required"):
                await lab.list_jobs()


async def test_a_plugins_client_certificate_is_shown_and_a_new_one_after_it(tmp_path: Path) -> None:
    authority = Authority()
    tls = authority.server_context(tmp_path, authority.issue("server", "127.0.0.1"), wants_client=True)
    pairs = [authority.issue(name) for name in ("first", "second")]
    statuses = [{"clientCertificateData": pair.certificate, "clientKeyData": pair.key} for pair in pairs]
    seen: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        subject = request.transport.get_extra_info("peercert")["subject"]
        seen.append(subject[0][0][1])
        return status(401, "expired") if seen[-1] == "first" else listed(job("a"))

    user = plugin_user(tmp_path, f"{statuses!r}[run - 1]")
    async with api(answer, tls) as hostile:
        cluster = f"      certificate-authority-data: {encoded(authority.pem)}\n"
        async with source(write_kubeconfig(tmp_path, hostile.url, cluster=cluster, user=user)) as lab:
            assert len(await lab.list_jobs()) == 1
    assert seen == ["first", "second"]


async def test_an_untrusted_server_is_refused_before_anything_secret_is_sent(tmp_path: Path) -> None:
    authority, other = Authority(), Authority("other")
    tls = authority.server_context(tmp_path, authority.issue("server", "127.0.0.1"))
    async with api(always(listed()), tls) as hostile:
        for cluster in (f"      certificate-authority-data: {encoded(other.pem)}\n", ""):
            path = write_kubeconfig(tmp_path, hostile.url, cluster=cluster, user=f"{{token: {SECRET}}}")
            async with source(path) as lab:
                with pytest.raises(SourceUnreachable, match="its certificate is not trusted") as caught:
                    await lab.list_jobs()
                assert SECRET not in str(caught.value)
        assert not hostile.requests
        careless = write_kubeconfig(tmp_path, hostile.url, cluster="      insecure-skip-tls-verify: true\n")
        async with source(careless) as lab:
            await lab.list_jobs()


async def test_the_name_in_the_certificate_can_be_another_than_the_address(tmp_path: Path) -> None:
    authority = Authority()
    tls = authority.server_context(tmp_path, authority.issue("server", "kubernetes.default"))
    async with api(always(listed()), tls) as hostile:
        trust = f"      certificate-authority-data: {encoded(authority.pem)}\n"
        async with source(write_kubeconfig(tmp_path, hostile.url, cluster=trust)) as lab:
            with pytest.raises(SourceUnreachable, match=r"not trusted.*127\.0\.0\.1"):
                await lab.list_jobs()
        named = trust + "      tls-server-name: kubernetes.default\n"
        async with source(write_kubeconfig(tmp_path, hostile.url, cluster=named)) as lab:
            await lab.list_jobs()


async def test_http_on_a_tls_port_and_tls_on_an_http_port_are_errors_of_ours(tmp_path: Path) -> None:
    authority = Authority()
    tls = authority.server_context(tmp_path, authority.issue("server", "127.0.0.1"))
    async with api(always(listed()), tls) as secure, api(always(listed())) as plain:
        for url in (secure.url.replace("https", "http"), plain.url.replace("http", "https")):
            async with source(write_kubeconfig(tmp_path, url)) as lab:
                with pytest.raises(SourceError):
                    await lab.list_jobs()


# Acting


async def test_a_delete_carries_everything_in_its_body(tmp_path: Path) -> None:
    accepted = web.json_response(job("backup") | {"metadata": {"deletionTimestamp": "2026-05-01T00:00:00Z"}})
    async with api(always(accepted)) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        assert await lab.delete_job(FAILED_JOB, propagation="Foreground")
        assert (hostile.requests[0].method, hostile.paths()) == (
            "DELETE",
            ["/apis/batch/v1/namespaces/apps/jobs/backup"],
        )
        assert json.loads(hostile.bodies[0]) == {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": "u1", "resourceVersion": "7"},
        }
        with pytest.raises(ValueError, match="is none of"):
            await lab.delete_job(FAILED_JOB, propagation="Kaboom")


async def test_a_job_that_is_gone_counts_as_deleted_already(tmp_path: Path) -> None:
    async with api(always(status(404, MISSING))) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        assert await lab.delete_job(FAILED_JOB) is False


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (job("backup", uid="u2"), "another Job of this name has taken its place"),
        (job("backup", uid="u1", active=1), "it was failed, now it is running"),
        (job("backup", uid="u1", conditions=[{"type": "Failed", "status": "True"}]), "it changed since it was read"),
    ],
)
async def test_a_conflict_says_what_changed(tmp_path: Path, now: dict[str, object], words: str) -> None:
    answers = in_turn(status(409, "the UID in the precondition does not match"), web.json_response(now))
    async with api(answers) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        with pytest.raises(SourceConflict, match=f"{words}; nothing was deleted"):
            await lab.delete_job(FAILED_JOB)


async def test_a_conflict_over_a_job_that_is_gone_meanwhile_is_no_conflict(tmp_path: Path) -> None:
    answers = in_turn(status(409, "changed"), status(404, MISSING))
    async with api(answers) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        assert await lab.delete_job(FAILED_JOB) is False


async def test_a_forbidden_delete_names_the_missing_verb(tmp_path: Path) -> None:
    async with api(always(status(403, "no"))) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        with pytest.raises(SourceForbidden, match="Job apps/backup") as caught:
            await lab.delete_job(FAILED_JOB)
        assert (caught.value.verb, caught.value.resource) == ("delete", "jobs.batch")


@pytest.mark.parametrize("code", [429, 500, 503])
async def test_a_delete_that_met_a_busy_server_is_sent_once(tmp_path: Path, code: int) -> None:
    busy = status(code, "busy", headers={"Retry-After": "3"})
    async with api(always(busy)) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        with pytest.raises(SourceError, match=r"busy; it asks to come back in 3 s"):
            await lab.delete_job(FAILED_JOB)
        assert len(hostile.requests) == 1


async def test_what_prometheus_alone_knows_is_never_deleted(tmp_path: Path) -> None:
    async with api(always(listed())) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        with pytest.raises(SourceMissing, match="Prometheus alone knows it"):
            await lab.delete_job(Job(FAILED_JOB.id, JobState.FAILED))
        assert not hostile.requests


async def test_a_patch_names_the_object_and_version_it_is_meant_for(tmp_path: Path) -> None:
    async with (
        api(always(web.json_response(job("backup")))) as hostile,
        source(write_kubeconfig(tmp_path, hostile.url)) as lab,
    ):
        await lab.patch_job(FAILED_JOB, {"spec": {"ttlSecondsAfterFinished": 60}, "metadata": {"labels": {"a": "b"}}})
        await lab.patch_cronjob(
            CronJob("lab", "apps", "nightly", uid="c", resource_version="3"), {"spec": {"suspend": True}}
        )
        assert [request.headers["Content-Type"] for request in hostile.requests] == ["application/merge-patch+json"] * 2
        assert json.loads(hostile.bodies[0]) == {
            "spec": {"ttlSecondsAfterFinished": 60},
            "metadata": {"labels": {"a": "b"}, "uid": "u1", "resourceVersion": "7"},
        }
        assert hostile.paths()[1] == "/apis/batch/v1/namespaces/apps/cronjobs/nightly"


async def test_names_cannot_leave_their_place_in_the_path(tmp_path: Path) -> None:
    async with api(always(status(404, MISSING))) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        with pytest.raises(SourceMissing):
            await lab.read_job("a/../../kube-system", "x?y#z")
        assert hostile.requests[0].raw_path == "/apis/batch/v1/namespaces/a%2F..%2F..%2Fkube-system/jobs/x%3Fy%23z"


# Reading


async def test_a_log_is_decoded_and_bounded(tmp_path: Path) -> None:
    async with api(always(web.Response(body=b"ok \xff\xfe\n" + b"x" * 2_500_000))) as hostile:
        async with source(write_kubeconfig(tmp_path, hostile.url)) as lab:
            text = await lab.read_log("apps", "backup-x", container="main", previous=True, tail_lines=5)
            assert text.startswith("ok ��\nxxx")
            assert len(text) <= 2_000_000
        query = hostile.requests[0].query
        assert dict(query) == {"tailLines": "5", "limitBytes": "2000000", "container": "main", "previous": "true"}


async def test_a_container_without_a_log_is_missing_it(tmp_path: Path) -> None:
    waiting = status(400, 'container "main" in pod "backup-x" is waiting to start: ContainerCreating')
    async with api(always(waiting)) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        with pytest.raises(SourceMissing, match=r"no log: .*waiting to start"):
            await lab.read_log("apps", "backup-x")


async def test_a_pod_without_a_node_has_no_log_yet(tmp_path: Path) -> None:
    """As kube-apiserver answers it: 204."""
    async with api(always(web.Response(status=204))) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        with pytest.raises(SourceMissing, match="no log: no node runs this Pod yet"):
            await lab.read_log("apps", "backup-x")


async def test_a_name_that_is_taken_is_said_so(tmp_path: Path) -> None:
    taken = status(409, 'jobs.batch "backup" already exists', reason="AlreadyExists")
    async with api(always(taken)) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        with pytest.raises(SourceConflict, match=r"create Job apps/backup: the name is taken \(409\)"):
            await lab.create_job("apps", {"metadata": {"name": "backup"}})


async def test_events_of_one_object_are_the_servers_work_and_of_several_ours(tmp_path: Path) -> None:
    def event(name: str) -> dict[str, object]:
        return {"involvedObject": {"kind": "Job", "name": name}, "reason": "R"}

    async with api(always(listed(event("a"), event("b"), event("c")))) as hostile:
        async with source(write_kubeconfig(tmp_path, hostile.url)) as lab:
            assert len(await lab.read_events("apps", object_names=("a",))) == 1
            assert len(await lab.read_events("apps", object_names=("a", "c"))) == 2
        assert hostile.requests[0].query["fieldSelector"] == "involvedObject.name=a"
        assert "fieldSelector" not in hostile.requests[1].query


@pytest.mark.parametrize(
    ("answer", "allowed"),
    [
        (web.json_response({"status": {"allowed": True}}, status=201), True),
        (web.json_response({"status": {"allowed": False, "reason": "x"}}, status=201), False),
        (web.json_response({}, status=201), None),
        (web.Response(text="<html>"), None),
        (status(403, "no"), None),
    ],
)
async def test_a_permission_is_yes_no_or_unknown(tmp_path: Path, answer: web.Response, allowed: bool | None) -> None:
    async with api(always(answer)) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        assert await lab.is_allowed("get", "pods/log", "apps") is allowed
        assert json.loads(hostile.bodies[0])["spec"]["resourceAttributes"] == {
            "verb": "get",
            "group": "",
            "resource": "pods",
            "subresource": "log",
            "namespace": "apps",
        }
        await lab.is_allowed("delete", "jobs.batch", "")
        assert json.loads(hostile.bodies[1])["spec"]["resourceAttributes"] == {
            "verb": "delete",
            "group": "batch",
            "resource": "jobs",
            "namespace": "",
        }


async def test_a_service_is_reached_through_the_api_server(tmp_path: Path) -> None:
    answers = in_turn(
        web.json_response({"status": "success"}),
        web.json_response({"status": "error", "error": "bad query"}, status=400),
        status(503, "no endpoints available for service"),
        status(403, "no"),
    )
    async with api(answers) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        code, body = await lab.service_get("monitoring/prometheus:9090", "/api/v1/query", {"query": 'up{a="b c"}'})
        assert (code, json.loads(body)) == (200, {"status": "success"})
        assert hostile.requests[0].path == "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query"
        assert hostile.requests[0].query["query"] == 'up{a="b c"}'
        code, _ = await lab.service_get("monitoring/prometheus:9090", "api/v1/query", {})
        assert code == 400, "what the service itself says is not ours to judge"
        with pytest.raises(SourceError, match="no endpoints available"):
            await lab.service_get("monitoring/prometheus:9090", "api/v1/query", {})
        with pytest.raises(SourceForbidden) as caught:
            await lab.service_get("monitoring/prometheus:9090", "api/v1/query", {})
        assert (caught.value.verb, caught.value.resource) == ("get", "services/proxy")
        with pytest.raises(SourceRefused, match="is not `namespace/name:port`"):
            await lab.service_get("prometheus", "api/v1/query", {})


async def test_a_path_prefix_of_the_server_is_kept(tmp_path: Path) -> None:
    async with api(always(web.json_response({"gitVersion": "v1.31.4+k3s1"}))) as hostile:
        async with source(write_kubeconfig(tmp_path, hostile.url + "/k8s/clusters/c-1/")) as lab:
            assert await lab.read_version() == "v1.31.4+k3s1"
        assert hostile.paths() == ["/k8s/clusters/c-1/version"]


async def test_nothing_is_printed_and_nothing_secret_is_in_a_repr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    user = f"{{token: {SECRET}}}"
    async with (
        api(always(status(401, "no"))) as hostile,
        source(write_kubeconfig(tmp_path, hostile.url, user=user)) as lab,
    ):
        with pytest.raises(SourceRefused) as caught:
            await lab.list_jobs()
        assert SECRET not in repr(lab) + repr(vars(lab)) + repr(caught.value) + caplog.text
    assert capfd.readouterr() == ("", "")


async def test_a_question_on_a_connection_that_was_closed_meanwhile_is_asked_again_and_a_deletion_is_not(
    tmp_path: Path,
) -> None:
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Keeps the connection, it says; and closes it when it is used a second time."""
        for number in range(2):
            asked.append((await reader.readuntil(b"\r\n\r\n")).split(b" ", 1)[0])
            if number == 0:
                body = b'{"gitVersion":"v1.31.4","items":[]}'
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)

    async with raw_server(talk) as url, source(write_kubeconfig(tmp_path, url)) as lab:
        await lab.read_version()
        assert await lab.list_jobs() == ()
        assert asked == [b"GET", b"GET", b"GET"]
        with pytest.raises(SourceUnreachable):
            await lab.delete_job(FAILED_JOB)
        assert asked[3:] == [b"DELETE"], "it may have been carried out"
