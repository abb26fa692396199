"""Kubeconfigs as people have them, and as they break them."""

import base64
import json
import os
import socket
import ssl
import tempfile
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homelab_tui.config.model import ClusterConfig
from homelab_tui.domain.errors import SourceError, SourceRefused, SourceTimeout
from homelab_tui.domain.secrets import Secret
from homelab_tui.sources.kube_access import ClusterAccess, ExecPlugin
from homelab_tui.sources.kube_exec import PluginCredentials, run_plugin
from homelab_tui.sources.kube_tls import tls_context
from homelab_tui.sources.kube_tokens import Bearer
from homelab_tui.sources.kubeconfig import resolve
from tests.programs import python_program

SECRET = "s3cret-of-the-test"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def kubeconfig(
    path: Path, *, cluster: str = "server: https://10.0.0.1:6443", user: str = "{}", extra: str = ""
) -> Path:
    """A kubeconfig with one context `lab`; cluster and user are the YAML of their sections."""
    path.parent.mkdir(parents=True, exist_ok=True)
    inner = textwrap.indent(textwrap.dedent(cluster).strip(), "      ")
    person = textwrap.indent(textwrap.dedent(user).strip(), "      ")
    path.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: lab\n"
        f"clusters:\n  - name: lab\n    cluster:\n{inner}\n"
        f"users:\n  - name: me\n    user:\n{person}\n"
        "contexts:\n  - name: lab\n    context: {cluster: lab, user: me}\n" + extra
    )
    return path


def access_of(path: Path | str, context: str | None = None, environ: dict[str, str] | None = None) -> ClusterAccess:
    return resolve(ClusterConfig(name="home", kubeconfig=str(path), context=context), environ or {})


def refusal_of(path: Path | str, context: str | None = None) -> str:
    """The message of a kubeconfig that cannot be used; with its causes it holds no secret."""
    with pytest.raises(SourceError) as caught:
        access_of(path, context)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in f"{error!r} {error}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return str(caught.value)


def test_everything_a_connection_needs_is_read(tmp_path: Path) -> None:
    path = kubeconfig(
        tmp_path / "config",
        cluster=f"""
            server: https://api.example.org:6443/prefix/
            tls-server-name: kubernetes.default
            proxy-url: http://proxy.example.org:3128
            certificate-authority-data: {encoded(PEM)}
        """,
        user=f"""
            client-certificate-data: {encoded(PEM)}
            client-key-data: {encoded(SECRET)}
            username: admin
            password: {SECRET}
            as: boss
            as-groups: [system:masters, ops]
            as-user-extra: {{"acme.com/team": [home]}}
        """,
    )
    access = access_of(path)
    assert access.server == "https://api.example.org:6443/prefix"
    assert (access.server_name, access.proxy_url, access.ca_pem) == (
        "kubernetes.default",
        "http://proxy.example.org:3128",
        PEM,
    )
    assert access.certificate_pem == PEM
    assert access.key == Secret(SECRET)
    assert (access.username, access.password) == ("admin", Secret(SECRET))
    assert access.headers == (
        ("Impersonate-User", "boss"),
        ("Impersonate-Group", "system:masters"),
        ("Impersonate-Group", "ops"),
        ("Impersonate-Extra-acme.com%2Fteam", "home"),
    )
    assert path in access.files
    assert SECRET not in repr(access)


def test_relative_paths_start_from_the_kubeconfig_and_a_tilde_from_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    kubeconfig(
        tmp_path / "me/.kube/config",
        cluster="server: https://h\ncertificate-authority: pki/ca.crt",
        user="tokenFile: ~/tokens/one",
    )
    (tmp_path / "me/.kube/pki").mkdir()
    (tmp_path / "me/.kube/pki/ca.crt").write_text(PEM)
    access = resolve(ClusterConfig(name="home"), {})
    assert access.ca_pem == PEM
    assert access.token_file == tmp_path / "me/tokens/one"
    assert access.origin.endswith("/me/.kube/config")


def test_several_files_are_merged_the_first_one_wins_and_missing_ones_are_skipped(tmp_path: Path) -> None:
    first = kubeconfig(tmp_path / "a/config", cluster="server: https://first")
    second = kubeconfig(
        tmp_path / "b/config",
        cluster="server: https://second",
        extra="  - name: other\n    context: {cluster: elsewhere, user: me}\n",
    )
    text = second.read_text().replace("current-context: lab", "current-context: other")
    second.write_text(
        text.replace("clusters:\n", "clusters:\n  - name: elsewhere\n    cluster: {server: 'https://else'}\n")
    )
    several = os.pathsep.join((str(tmp_path / "missing"), str(first), str(second)))
    assert access_of(several).server == "https://first"
    assert access_of(several, "other").server == "https://else"
    from_environment = resolve(ClusterConfig(name="home", context="other"), {"KUBECONFIG": several})
    assert from_environment.server == "https://else"


def test_the_configured_file_wins_over_the_environment(tmp_path: Path) -> None:
    mine = kubeconfig(tmp_path / "mine", cluster="server: https://mine")
    other = kubeconfig(tmp_path / "other", cluster="server: https://other")
    assert access_of(mine, environ={"KUBECONFIG": str(other)}).server == "https://mine"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert f"no kubeconfig at {tmp_path}/nowhere" in refusal_of(tmp_path / "nowhere")
    with pytest.raises(SourceError, match=r"KUBECONFIG.*set `kubeconfig` of cluster 'home'"):
        resolve(ClusterConfig(name="home"), {"KUBECONFIG": str(tmp_path / "nowhere")})


def test_a_missing_context_is_answered_with_those_there_are(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config")
    message = refusal_of(path, "prod")
    assert str(path) in message
    assert "no context 'prod'" in message
    assert "contexts there are: lab" in message
    path.write_text(path.read_text().replace("current-context: lab", ""))
    assert "has no current-context" in refusal_of(path)


def test_a_context_that_names_what_is_not_there_is_refused(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config")
    whole = path.read_text()
    path.write_text(whole.replace("user: me}", "user: nobody}"))
    assert "names user 'nobody'" in refusal_of(path)
    path.write_text(whole.replace("{cluster: lab", "{cluster: gone"))
    assert "names cluster 'gone'" in refusal_of(path)
    path.write_text(whole.replace("cluster: lab, ", ""))
    assert "names no cluster" in refusal_of(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "just words",
        f"clusters: {SECRET}",
        f"users: [{{token: {SECRET}}}]\ncontexts: [3]",
        f"users:\n  - name: me\n    user: {{token: {SECRET}",
        f"a: b\n\t- {SECRET}",
        f"!!python/object/apply:os.system ['{SECRET}']",
        f"{SECRET}: \x00",
    ],
)
def test_a_broken_file_is_named_and_never_quoted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    assert str(path) in refusal_of(path)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    assert "is a directory" in refusal_of(tmp_path)


@pytest.mark.parametrize(
    ("user", "words"),
    [
        (f"client-key-data: {encoded(SECRET)}", "lacks client-certificate"),
        ("client-certificate: nowhere.crt", "nowhere.crt: no such file"),
        ("client-certificate-data: '*not base64*'", "client-certificate-data is not base64"),
        (f"token: [{SECRET}]", "token is not a text"),
        (f"auth-provider: {{name: oidc, config: {{id-token: {SECRET}}}}}", "legacy auth-provider 'oidc'"),
        (f"exec: {{args: [{SECRET}]}}", "has no command"),
    ],
)
def test_credentials_that_cannot_be_used_are_named_by_field(tmp_path: Path, user: str, words: str) -> None:
    message = refusal_of(kubeconfig(tmp_path / "config", user=user))
    assert words in message
    assert "context 'lab' of" in message


@pytest.mark.parametrize("server", ["''", "api.example.org", "ftp://h", "https://", "'https://h:notaport'"])
def test_a_server_that_is_no_url_is_refused(tmp_path: Path, server: str) -> None:
    assert "server is not an http(s) URL" in refusal_of(kubeconfig(tmp_path / "c", cluster=f"server: {server}"))


def test_a_pod_uses_its_service_account_when_there_is_no_kubeconfig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "token").write_text("t")
    (tmp_path / "ca.crt").write_text(PEM)
    inside = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    access = resolve(ClusterConfig(name="home"), inside, service_account=tmp_path)
    assert (access.server, access.token_file, access.ca_pem) == ("https://[fd00::1]:443", tmp_path / "token", PEM)
    with pytest.raises(SourceError, match="no kubeconfig at"):
        resolve(ClusterConfig(name="home", kubeconfig=str(tmp_path / "gone")), inside, service_account=tmp_path)


def test_reading_a_kubeconfig_prints_nothing_and_leaves_no_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    certificate, key = self_signed()
    user = f"client-certificate-data: {encoded(certificate)}\nclient-key-data: {encoded(key)}"
    access = access_of(kubeconfig(tmp_path / "config", user=user))
    tls_context(origin="x", verify=True, ca_pem=certificate, certificate_pem=access.certificate_pem, key=access.key)
    assert not any(scratch.iterdir())
    assert capfd.readouterr() == ("", "")


# TLS


def self_signed(password: bytes | None = None) -> tuple[str, str]:
    """A certificate for 127.0.0.1 and its key, both PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()


def test_a_key_that_does_not_fit_or_is_locked_is_refused_without_asking_anybody(
    capfd: pytest.CaptureFixture[str],
) -> None:
    certificate, _ = self_signed()
    locked_certificate, locked = self_signed(b"passphrase")
    for pem, key in ((certificate, self_signed()[1]), (locked_certificate, locked), (certificate, "no PEM")):
        with pytest.raises(SourceError, match="client-certificate and client-key cannot be used"):
            tls_context(origin="x", verify=True, ca_pem=None, certificate_pem=pem, key=Secret(key))
    assert capfd.readouterr() == ("", "")


def test_only_the_named_authority_is_trusted() -> None:
    certificate, _ = self_signed()
    context = tls_context(origin="x", verify=True, ca_pem=certificate)
    assert context.cert_store_stats()["x509"] == 1
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    careless = tls_context(origin="x", verify=False, ca_pem=None)
    assert careless.verify_mode is ssl.CERT_NONE
    with pytest.raises(SourceError, match="certificate-authority is not a PEM certificate"):
        tls_context(origin="x", verify=True, ca_pem="junk")


# Tokens


def bearer(**fields: object) -> Bearer:
    return Bearer(ClusterAccess(server="https://h", origin="context 'lab' of file", user="me", **fields))  # type: ignore[arg-type]


def test_a_token_file_is_read_again_when_it_changes_and_kept_while_it_is_away(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("one\n")
    held = bearer(token_file=path, token=Secret("static"))
    assert held.header(None) == {"Authorization": "Bearer one"}
    path.write_text("two\n")
    os.utime(path, ns=(1, 1))
    assert held.header(None) == {"Authorization": "Bearer two"}
    assert not held.reread()
    path.unlink()
    assert held.header(None) == {"Authorization": "Bearer two"}


def test_a_missing_token_file_is_named_unless_there_is_a_token(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert bearer(token_file=gone, token=Secret("static")).header(None) == {"Authorization": "Bearer static"}
    with pytest.raises(SourceRefused, match=r"token file .*/gone: no such file"):
        bearer(token_file=gone).header(None)


def test_a_name_and_password_become_basic_and_nobody_sends_nothing() -> None:
    assert bearer(username="me", password=Secret("pw")).header(None) == {"Authorization": f"Basic {encoded('me:pw')}"}
    assert bearer().header(None) == {}


@pytest.mark.parametrize("text", ["a b", "a\nb", "ä", "a\x00"])
def test_a_token_that_is_no_header_is_refused_and_not_told(text: str) -> None:
    with pytest.raises(SourceRefused) as caught:
        bearer(token=Secret(SECRET + text)).header(None)
    assert SECRET not in str(caught.value)


# Exec plugins


class Plugin:
    """A credential plugin written for one test."""

    def __init__(self, directory: Path, body: str) -> None:
        self.path = python_program(directory / "plugin", f"import json, os, sys, time\n{textwrap.dedent(body)}")

    def declared(self, **fields: object) -> ExecPlugin:
        return ExecPlugin(command=str(self.path), **fields)  # type: ignore[arg-type]


GIVE = """
def give(**status):
    print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}))
"""


def test_an_exec_entry_is_read_with_arguments_environment_and_paths(tmp_path: Path) -> None:
    path = kubeconfig(
        tmp_path / "config",
        cluster="""
            server: https://h
            certificate-authority-data: LS0=
            extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: x}}]
        """,
        user=f"""
            exec:
              apiVersion: client.authentication.k8s.io/v1beta1
              command: ./bin/login
              args: [get-token, 7]
              env: [{{name: PROFILE, value: {SECRET}}}]
              interactiveMode: Always
              provideClusterInfo: true
              installHint: get it
        """,
    )
    plugin = access_of(path).exec_plugin
    assert plugin is not None
    assert plugin.command == str(tmp_path / "bin/login")
    assert plugin.args == ("get-token", "7")
    assert (plugin.api_version, plugin.needs_terminal) == ("client.authentication.k8s.io/v1beta1", True)
    assert plugin.cluster_info == {
        "server": "https://h",
        "insecure-skip-tls-verify": False,
        "certificate-authority-data": "LS0=",
        "config": {"audience": "x"},
    }
    assert SECRET not in repr(plugin)


def test_an_exec_entry_may_be_nothing_but_a_command(tmp_path: Path) -> None:
    plugin = access_of(kubeconfig(tmp_path / "config", user="exec: {command: kubelogin}")).exec_plugin
    assert plugin == ExecPlugin("kubelogin")


async def test_a_plugin_sees_no_terminal_and_is_told_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    seen = tmp_path / "seen"
    plugin = Plugin(
        tmp_path,
        GIVE
        + f"""
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
try:
    terminal = bool(open("/dev/tty"))
except OSError:
    terminal = False
facts = {{"info": info, "stdin": sys.stdin.read(), "terminal": terminal, "args": sys.argv[1:], "env": os.environ["A"]}}
open({str(seen)!r}, "w").write(json.dumps(facts))
print("noise that belongs nowhere", file=sys.stderr)
give(token="tok", expirationTimestamp="2030-01-01T00:00:00Z")
""",
    )
    declared = plugin.declared(args=("x",), env=(("A", "b"),), cluster_info={"server": "https://h"})
    credential = await run_plugin(declared, "me")
    assert credential.token == Secret("tok")
    assert credential.expires_at == datetime(2030, 1, 1, tzinfo=UTC)
    facts = json.loads(seen.read_text())
    assert facts["info"]["spec"] == {"interactive": False, "cluster": {"server": "https://h"}}
    assert facts["info"]["kind"] == "ExecCredential"
    assert (facts["stdin"], facts["terminal"], facts["args"], facts["env"]) == ("", False, ["x"], "b")
    assert capfd.readouterr() == ("", "")


async def test_a_failing_plugin_is_quoted_by_its_last_line_without_its_secrets(tmp_path: Path) -> None:
    token = "eyJhbGciOiJSUzI1NiIsImtpZCI6IkEifQ.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"
    plugin = Plugin(
        tmp_path,
        f"sys.exit('first line\\n\\x1b[31mlogin expired\\x1b[0m password=hunter2 {token}\\n')",
    )
    with pytest.raises(SourceRefused) as caught:
        await run_plugin(plugin.declared(), "me")
    message = str(caught.value)
    assert "exec plugin 'plugin' of user 'me' ended with status 1" in message
    assert "login expired" in message
    for hidden in ("hunter2", token, "\x1b", "first line"):
        assert hidden not in message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("print('token: abc')", "not an ExecCredential"),
        ("print('{}')", "answered None of None"),
        (GIVE.replace("/v1", "/v1alpha1") + "give(token='t')", "v1alpha1, asked was"),
        (GIVE + "give()", "neither a token nor a certificate"),
        (GIVE + "give(clientCertificateData='x')", "neither a token nor a certificate"),
        (f"print('{SECRET}' + chr(255) * 3, end='')", "not an ExecCredential"),
    ],
)
async def test_a_plugin_that_talks_nonsense_is_refused(tmp_path: Path, body: str, words: str) -> None:
    with pytest.raises(SourceRefused, match=words) as caught:
        await run_plugin(Plugin(tmp_path, body).declared(), "me")
    assert SECRET not in str(caught.value)


async def test_a_missing_plugin_says_how_to_get_it() -> None:
    with pytest.raises(SourceRefused, match=r"no such file or directory \(install kubelogin\)"):
        await run_plugin(ExecPlugin("no-such-plugin-anywhere", install_hint="install\n kubelogin"), "me")


async def test_a_plugin_that_needs_a_terminal_is_not_started(tmp_path: Path) -> None:
    marker = tmp_path / "started"
    plugin = Plugin(tmp_path, f"open({str(marker)!r}, 'w')")
    with pytest.raises(SourceRefused, match="interactiveMode: Always"):
        await run_plugin(plugin.declared(needs_terminal=True), "me")
    assert not marker.exists()


@pytest.fixture
def phone() -> Iterator[socket.socket]:
    """A listening socket: whoever connects to it is alive, until the connection ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


async def test_a_plugin_that_hangs_is_ended_with_its_children(tmp_path: Path, phone: socket.socket) -> None:
    plugin = Plugin(
        tmp_path,
        f"""
import socket
if os.fork() == 0:
    line = socket.create_connection(("127.0.0.1", {phone.getsockname()[1]}))
time.sleep(600)
""",
    )
    with pytest.raises(SourceTimeout, match="did not end within 2 s"):
        await run_plugin(plugin.declared(), "me", timeout_s=2)
    child, _ = phone.accept()
    with child:
        child.settimeout(20)
        assert child.recv(1) == b"", "the child's end closes the line"


async def test_a_credential_is_kept_until_shortly_before_its_end(tmp_path: Path) -> None:
    counter = tmp_path / "runs"
    plugin = Plugin(
        tmp_path,
        GIVE
        + f"""
runs = int(open({str(counter)!r}).read() or 0) + 1 if os.path.exists({str(counter)!r}) else 1
open({str(counter)!r}, "w").write(str(runs))
give(token=f"t{{runs}}", expirationTimestamp="2030-01-01T01:00:00Z")
""",
    )
    held = PluginCredentials(plugin.declared(), "me")
    start = datetime(2030, 1, 1, tzinfo=UTC)
    first = await held.current(start)
    assert (await held.current(start + timedelta(minutes=58))) is first
    second = await held.current(start + timedelta(minutes=59, seconds=1))
    assert second.token == Secret("t2")
    held.forget(first)
    assert (await held.current(start)) is second, "an old refusal does not throw away a new credential"
    held.forget(second)
    assert (await held.current(start)).token == Secret("t3")


NAMES = st.sampled_from(["one", "two", "three"])
FILES = st.lists(
    st.fixed_dictionaries(
        {
            "clusters": st.lists(NAMES, unique=True),
            "users": st.lists(NAMES, unique=True),
            "contexts": st.lists(st.tuples(NAMES, NAMES, NAMES), unique_by=lambda entry: entry[0]),
        }
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(FILES)
def test_files_are_merged_as_the_official_package_merges_them(files: list[dict[str, Any]]) -> None:
    from kubernetes.config.kube_config import KubeConfigMerger

    with tempfile.TemporaryDirectory() as directory:
        paths = [Path(directory, str(number), "config") for number in range(len(files))]
        for number, (path, file) in enumerate(zip(paths, files, strict=True)):
            path.parent.mkdir()
            document = {
                "clusters": [{"name": n, "cluster": {"server": f"https://{n}.{number}"}} for n in file["clusters"]],
                "users": [{"name": n, "user": {"tokenFile": f"{n}.{number}"}} for n in file["users"]],
                "contexts": [{"name": n, "context": {"cluster": c, "user": u}} for n, c, u in file["contexts"]],
            }
            path.write_text(json.dumps(document))
        several = os.pathsep.join(map(str, paths))
        merged = KubeConfigMerger(several).config
        for context in merged["contexts"].value:
            wanted = context.value["context"]
            cluster = merged["clusters"].get_with_name(wanted["cluster"], safe=True)
            user = merged["users"].get_with_name(wanted["user"], safe=True)
            if cluster is None or user is None:
                assert "which is in none of" in refusal_of(several, context.value["name"])
                continue
            access = access_of(several, context.value["name"])
            assert access.server == cluster["cluster"]["server"]
            assert access.token_file == Path(user.path).parent / user["user"]["tokenFile"]


def test_of_several_files_the_first_with_a_current_context_says_it_and_an_empty_one_says_nothing(
    tmp_path: Path,
) -> None:
    empty, first, second = tmp_path / "empty", tmp_path / "first", tmp_path / "second"
    empty.write_text("# nothing yet\n")
    kubeconfig(first, cluster="server: https://first")
    kubeconfig(second).write_text(second.read_text().replace("current-context: lab", "current-context: nowhere"))
    assert access_of(os.pathsep.join(map(str, (empty, first, second)))).server == "https://first"
    assert "has no current-context" in refusal_of(empty)


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("[1, 2]", "no table of clusters"),
        ("clusters: {lab: here}", "are lists of named entries"),
        ("clusters: [lab]", "are lists of named entries"),
        (f"users:\n  - name: 'me\n    user: {{token: {SECRET}", "not YAML at line"),
        ("clusters: \x01", "not YAML"),
    ],
)
def test_of_several_files_the_broken_one_is_named(tmp_path: Path, text: str, trouble: str) -> None:
    good, bad = kubeconfig(tmp_path / "good"), tmp_path / "bad"
    bad.write_text(text)
    said = refusal_of(os.pathsep.join((str(good), str(bad))))
    assert said.startswith(f"kubeconfig {bad}: ")
    assert trouble in said
