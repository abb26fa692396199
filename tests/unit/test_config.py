"""The configuration file: what is accepted, and how every problem is named with its file, line and key."""

from pathlib import Path

import pytest

from homelab_tui.commands import by_id
from homelab_tui.config.keymap import keys_of
from homelab_tui.config.load import parse_config
from homelab_tui.config.model import Config, PrometheusConfig
from homelab_tui.config.units import parse_duration, parse_size
from homelab_tui.domain.errors import ConfigError
from homelab_tui.domain.poe import PortRef

FILE = Path("lab/config.toml")
UNIFI = '[[switches]]\nname = "s"\nsource = "unifi"\nurl = "https://h"\n'
COMMAND = '[[switches]]\nname = "s"\nsource = "command"\n'
SCRAPED = '[[switches]]\nname = "s"\nsource = "prometheus"\n'
SNMP = '[[switches]]\nname = "sw1"\nhost = "s"\n'


def problems(text: str) -> list[str]:
    """What is wrong, one line each; empty when the text is accepted."""
    try:
        parse_config(text, FILE)
    except ConfigError as error:
        return str(error).splitlines()
    return []


def test_an_empty_file_is_a_configuration() -> None:
    assert parse_config("", FILE) == Config(path=FILE)


def test_the_contract_s_sample_is_read_as_it_is_written() -> None:
    config = parse_config(
        """
        [[nodes]]
        name = "nuc01"
        host = "192.168.10.121"
        user = "kkato"
        port = 22
        groups = ["nuc", "control-plane"]
        poe = "sw1/3"
        mac = "1C-69-7A-00-00-01"
        spec = { model = "NUC11PAHi5", cores = 4, memory = "16 GB", disk = "500 GB", os = "Rocky Linux 9.1" }
        [[nodes]]
        name = "rpi01"
        poe = "sw1/2/4"
        [[switches]]
        name = "sw1"
        source = "snmp"
        host = "192.168.10.2"
        version = "2c"
        community_env = "SW1_COMMUNITY"
        write_community_command = ["pass", "homelab/sw1"]
        protected_ports = ["1/8", "7", "sw1/1/6"]
        [[clusters]]
        name = "nuc"
        kubeconfig = "kubeconfig:~/more"
        context = "kubernetes-admin@nuc"
        namespaces = []
        [[prometheus]]
        name = "main"
        url = "http://192.168.10.121:9090/prom"
        cluster = "nuc"
        headers = { "X-Scope-OrgID" = "home" }
        bearer_token_file = "token"
        [[prometheus]]
        name = "inner"
        cluster = "nuc"
        via = "kubernetes"
        service = "monitoring/prometheus:9090"
        [[alertmanagers]]
        url = "http://192.168.10.121:9093"
        [ssh]
        known_hosts = "~/.ssh/known_hosts"
        bastion = "me@bastion.home:2222"
        [keys]
        paths = ["~/.ssh/id_ed25519.pub"]
        [ui]
        refresh = "1m30s"
        keymap = { "jobs.delete" = "ctrl+d" }
        [safety]
        read_only = true
        """,
        FILE,
    )
    nuc, rpi = config.nodes
    assert (nuc.poe, rpi.poe) == (PortRef("sw1", 1, 3), PortRef("sw1", 2, 4))
    assert (nuc.mac, nuc.spec.memory_bytes, nuc.spec.disk_bytes) == ("1c:69:7a:00:00:01", 16 * 10**9, 500 * 10**9)
    assert (rpi.host, rpi.user, rpi.port) == ("rpi01", None, None)
    switch = config.switches[0]
    assert switch.protected_ports == (PortRef("sw1", 1, 8), PortRef("sw1", 1, 7), PortRef("sw1", 1, 6))
    assert switch.community is not None
    assert switch.community.env == "SW1_COMMUNITY"
    assert switch.write_community is not None
    assert switch.write_community.command == ("pass", "homelab/sw1")
    assert config.clusters[0].kubeconfig == f"lab/kubeconfig:{Path('~/more').expanduser()}"
    assert config.prometheus[0].headers == (("X-Scope-OrgID", "home"),)
    assert config.prometheus[0].bearer_token is not None
    assert config.prometheus[0].bearer_token.file == Path("lab/token")
    assert config.ssh.known_hosts == Path("~/.ssh/known_hosts").expanduser()
    assert (config.ui.refresh_s, config.safety.read_only, config.warnings) == (90.0, True, ())
    assert keys_of(by_id("jobs.delete"), config.ui.keymap) == ("ctrl+d",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # Keys and tables.
        ("[[node]]", "1: node: unknown key; did you mean 'nodes'?"),
        ('\n[ssh]\nknow_hosts = "x"', "3: ssh.know_hosts: unknown key; did you mean 'known_hosts'?"),
        ("[safety]\nzzz = 1", "2: safety.zzz: unknown key; known: boot_grace, cycle_interval, cycle_off, read_only"),
        ("nodes = [1]", "1: nodes: must be an array of tables: write [[nodes]]"),
        ("[nodes]", "1: nodes: must be an array of tables: write [[nodes]]"),
        ('ssh = "x"', "1: ssh: must be a table: write [ssh]"),
        ('[ssh]\n"\\u001b[2J\\nx: fine" = 1', '2: ssh."\\u001b[2J\\u000ax: fine": unknown key; known: auth_timeout,'),
        # Nodes.
        ("[[nodes]]\nport = 22", "1: nodes[0].name: is missing"),
        ('[[nodes]]\nname = ""', "2: nodes[0].name: is empty"),
        ('[[nodes]]\nname = "a b"', "2: nodes[0].name: 'a b': use letters, digits, dots, dashes and underscores"),
        ('[[nodes]]\nname = "a\\u001b[31m"', "2: nodes[0].name: has control characters in it"),
        ('[[nodes]]\nname = "a"\nhost = "x\\u202ey"', "3: nodes[0].host: has control characters in it"),
        ('[[nodes]]\nname = "a"\nhost = "x\\u0000"', "3: nodes[0].host: has control characters in it"),
        ('[[nodes]]\nname = "a"\nhost = "-oProxyCommand=x"', "3: nodes[0].host: '-oProxyCommand=x' is not a host"),
        ('[[nodes]]\nname = "a"\nuser = "-l"', "3: nodes[0].user: '-l' is not an account name"),
        ('[[nodes]]\nname = "a"\nport = 0', "3: nodes[0].port: must be 1 to 65535"),
        (f'[[nodes]]\nname = "a"\nport = 0x{"f" * 5000}', "3: nodes[0].port: must be 1 to 65535"),
        ('[[nodes]]\nname = "a"\nport = true', "3: nodes[0].port: must be a whole number"),
        ('[[nodes]]\nname = "a"\nport = inf', "3: nodes[0].port: must be a whole number"),
        ('[[nodes]]\nname = "a"\nport = 1979-05-27', "3: nodes[0].port: must be a whole number"),
        ('[[nodes]]\nname = "a"\ngroups = ["x", 1]', "3: nodes[0].groups: item 2 is not a string"),
        ('[[nodes]]\nname = "a"\nmac = "1c:69"', "3: nodes[0].mac: '1c:69' is not a MAC address"),
        ('[[nodes]]\nname = "a"\npoe = "3"', "3: nodes[0].poe: '3' is not a port: write \"switch/port\""),
        (f'[[nodes]]\nname = "a"\npoe = "s/{"9" * 5000}"', "3: nodes[0].poe: 's/999"),
        ('[[nodes]]\nname = "a"\npoe = "sv1/3"\n' + SNMP, "3: nodes[0].poe: no switch is called 'sv1'; switches: sw1"),
        ('[[nodes]]\nname = "a"\nspec = { memory = 16 }', "3: nodes[0].spec.memory: must be a string with a unit"),
        ('[[nodes]]\nname = "a"\nspec.disk = "5 apples"', "3: nodes[0].spec.disk: is '5 apples': write a number and a"),
        (f'[[nodes]]\nname = "a"\nspec.disk = "{"9" * 400} GB"', "3: nodes[0].spec.disk: is '99"),
        ('[[nodes]]\nname = "a"\n[[nodes]]\nname = "a"', "4: nodes[1].name: the name 'a' is taken already"),
        # Switches.
        ('[[switches]]\nname = "s"', "1: switches[0].host: is missing"),
        ('[[switches]]\nname = "s"\nsource = "unifi"\nurl = "x"', "4: switches[0].url: is not a URL like"),
        ('[[switches]]\nname = "s"\nsource = "unifi"', "1: switches[0].url: is missing: its address"),
        (UNIFI + 'host = "h"', "5: switches[0].host: has no effect with source = 'unifi': it is for \"snmp\""),
        (UNIFI + 'username = "u"', "5: switches[0].username: and password belong together"),
        (UNIFI + 'site = "a/b"', "5: switches[0].site: 'a/b' is not the name of a site"),
        (UNIFI + 'api_key = "k"\nusername = "u"\npassword_env = "P"', "6: switches[0].username: and password are"),
        (COMMAND, "1: switches[0].list: is missing: the command that prints"),
        (COMMAND + 'list = ["l"]\non = ["on", "{port}"]', "5: switches[0].on: and its opposite belong together"),
        (COMMAND + 'list = ["l"]\ncycle = ["c", "{port}"]', "5: switches[0].cycle: needs on and off beside it"),
        (COMMAND + 'list = ["l"]\non = ["o"]\noff = ["f", "{port}"]', "5: switches[0].on: does not say which port"),
        (COMMAND + 'list = ["l"]\non = ["{prot}"]\noff = ["{port}"]', "5: switches[0].on: {prot} is not known"),
        (SCRAPED + 'prometheus = "main"', "4: switches[0].prometheus: must name one of [[prometheus]], and there"),
        (SNMP + 'prometheus = "mian"', "4: switches[0].prometheus: must name one of [[prometheus]], and there"),
        (COMMAND + 'list = ["l"]\nmatch = { a = "b" }', "5: switches[0].match: has no effect with source = 'command'"),
        (SCRAPED + 'match = { "a-b" = "x" }', "4: switches[0].match.a-b: is not the name of a label"),
        ('[[switches]]\nname = "s"\nsource = "prometheus"', "1: switches[0].match: is missing"),
        ('[[switches]]\nname = "s"\nsource = "snpm"', "3: switches[0].source: is 'snpm', must be one of snmp,"),
        (SNMP + "version = 3", "4: switches[0].version: must be a string: one of 2c, 3"),
        (SNMP + 'version = "3"', "1: switches[0].username: is missing: SNMP version 3 needs one"),
        (SNMP + 'version = "3"\nusername = "u"\npriv_key = "k"', "6: switches[0].priv_key: needs auth_key (or"),
        (SNMP + 'version = "3"\nusername = "u"\nauth_protocol = "SHA"', "6: switches[0].auth_protocol: needs auth_key"),
        (SNMP + 'auth_key_env = "K"', "4: switches[0].auth_key_env: is for SNMP version 3"),
        (SNMP + 'protected_ports = ["sw2/1/8"]', "4: switches[0].protected_ports: 'sw2/1/8' is not a port"),
        (SNMP + 'timeout = "1 h"', "4: switches[0].timeout: must be 0.1 s to 30 s"),
        # Secrets.
        (SNMP + "community_command = []", "4: switches[0].community_command: is empty"),
        (SNMP + 'community_file = "~no such user/x"', "4: switches[0].community_file: '~no such user/x' begins with a"),
        (SNMP + 'community = "c"\ncommunity_env = "C"', "5: switches[0].community_env: is given beside community"),
        # Servers.
        ('[[clusters]]\nname = "a"\nnamespaces = ["x/../y"]', "3: clusters[0].namespaces: 'x/../y' is not the"),
        ("[[prometheus]]", '1: prometheus[0].url: is missing (or via = "kubernetes" with a service)'),
        ('[[prometheus]]\nurl = "192.168.10.1:9090"', '2: prometheus[0].url: is not a URL like "http'),
        ('[[prometheus]]\nurl = "http://[::1"', '2: prometheus[0].url: is not a URL like "http'),
        ('[[prometheus]]\nurl = "http://h/?x=1"', "2: prometheus[0].url: has a ? or # in it"),
        ('[[prometheus]]\nvia = "kubernetes"\nservice = "a/b:1"', "1: prometheus[0].cluster: with via = "),
        ('[[prometheus]]\nurl = "http://h"\nusername = "u"', "3: prometheus[0].username: and password belong together"),
        ('[[prometheus]]\nurl = "http://h"\nheaders = { "a b" = "x" }', '3: prometheus[0].headers."a b": is not a'),
        ('[[prometheus]]\nurl = "http://h"\nheaders = { a = "x\\r\\nb: y" }', "3: prometheus[0].headers.a: has"),
        ("[[alertmanagers]]", "1: alertmanagers[0].url: is missing"),
        # The rest.
        ('[ssh]\nbastion = "-x"', "2: ssh.bastion: '-x' must be \"[user@]host[:port]\""),
        ('[keys]\npaths = ["~/.ssh/id_rsa"]', "2: keys.paths: '~/.ssh/id_rsa' does not end in .pub"),
        ("[ui]\nrefresh = 5", '2: ui.refresh: must be a string with a unit, like "5s"'),
        ('[ui]\nkeymap = { "jobs.delet" = "x" }', "2: ui.keymap.\"jobs.delet\": there is no such command; did"),
        ('[ui.keymap]\n"jobs.delete" = "l"', "2: ui.keymap.\"jobs.delete\": the key 'l' belongs to jobs.logs already"),
        ('[ui.keymap]\n"jobs.delete" = "/"', "2: ui.keymap.\"jobs.delete\": the key 'slash' belongs to app.filter"),
        ('[ui.keymap]\n"jobs.delete" = "Ctrl-D"', "2: ui.keymap.\"jobs.delete\": 'Ctrl-D' is not a key"),
        ("[ui]\nkeymap = { a = 1 }", "2: ui.keymap.a: must be a string"),
        ('[safety]\nread_only = "yes"', "2: safety.read_only: must be true or false"),
    ],
)  # fmt: skip
def test_a_problem_is_named_with_file_line_and_key(text: str, problem: str) -> None:
    found = problems(text)
    assert len([line for line in found if line.startswith(f"{FILE}:{problem}")]) == 1, found


def test_all_problems_are_reported_together_in_the_order_of_the_file() -> None:
    text = '[ui]\nrefresh = "x"\n[[nodes]]\nname = "a"\nport = 0\n[[nodes]]\nnam = "b"\n[safety]\nread_only = 1\n'
    assert [line.split(":")[1] for line in problems(text)] == ["2", "5", "6", "7", "9"]


def test_a_node_without_a_name_does_not_move_the_lines_of_the_others() -> None:
    text = '[[nodes]]\n[[nodes]]\nname = "a"\n[[nodes]]\nname = "a"\n'
    assert [line.split(": ")[:2] for line in problems(text)] == [
        [f"{FILE}:1", "nodes[0].name"],
        [f"{FILE}:5", "nodes[2].name"],
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = \n[zzz]", "1: TOML syntax: "),
        ("zzz = 1\n\nb = 'x\n\n\n", "3: TOML syntax: "),
        ("[ssh]\nzzz = [1,\n2\n\n\n", "3: TOML syntax: "),
        ("a = 1\na = 2\n", "2: TOML syntax: "),
        ("a = \"\x00\"", "1: TOML syntax: "),
        ("[nodes]\n[[nodes]]", "2: TOML syntax: "),
    ],
)  # fmt: skip
def test_a_syntax_error_is_reported_alone_with_its_line(text: str, place: str) -> None:
    found = problems(text)
    assert len(found) == 1
    assert found[0].startswith(f"{FILE}:{place}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = " + "[" * 200_000, "is nested too deeply"),
        ("a = " + "{b=" * 20_000, "is nested too deeply"),
        ("a = " + "9" * 5000, "has a number that is too long"),
    ],
    ids=["arrays", "inline tables", "digits"],
)
def test_what_breaks_the_parser_is_a_problem_and_not_a_traceback(text: str, problem: str) -> None:
    assert problems(text) == [f"{FILE}: {problem}"]


@pytest.mark.parametrize("text", ["url = 'http://me:s3cret@h'", "url = 'ftp://s3cret'", "pasword = 's3cret'"])
def test_what_may_hold_a_password_is_not_repeated(text: str) -> None:
    found = problems(f"[[prometheus]]\n{text}")
    assert found
    assert "s3cret" not in "".join(found)


def test_no_secret_is_in_a_repr() -> None:
    config = parse_config(
        '[[prometheus]]\nurl = "http://h"\nbearer_token = "s3cret"\nheaders = { Authorization = "s3cret" }', FILE
    )
    assert config.prometheus[0].bearer_token is not None
    assert config.prometheus[0].bearer_token.inline == "s3cret"
    assert "s3cret" not in repr(config)


def test_two_forms_of_a_key_are_one_key() -> None:
    config = parse_config('[ui.keymap]\n"app.filter" = "f9, F,f9, &"\n"app.theme" = ""', FILE)
    assert keys_of(by_id("app.filter"), config.ui.keymap) == ("f9", "F", "ampersand")
    assert keys_of(by_id("app.theme"), config.ui.keymap) == ()


def test_two_commands_may_swap_their_keys() -> None:
    assert problems('[ui.keymap]\n"jobs.delete" = "l"\n"jobs.logs" = "d"') == []


def test_a_cluster_that_is_not_configured_is_a_warning() -> None:
    config = parse_config('[[clusters]]\nname = "nuc"\n[[prometheus]]\nurl = "http://h"\ncluster = "nuk"', FILE)
    assert len(config.warnings) == 1
    assert "no [[clusters]] is called 'nuk' (nuc)" in config.warnings[0]


@pytest.mark.parametrize(
    ("text", "size"), [("16 GB", 16 * 10**9), ("4GiB", 2**32), ("0.5 tb", 5 * 10**11), ("512 B", 512)]
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h 30m", 5400), ("7d", 604_800), ("250ms", 0.25), ("1.5 h", 5400)]
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 parsec", "1h30", "9999999999h", "٥m", "1_000s", "5s x"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write a number and a unit|longer than"):
        parse_duration(text)


def test_defaults_are_the_model_s_own() -> None:
    config = parse_config('[[prometheus]]\nurl = "http://h"', FILE)
    assert config.prometheus == (PrometheusConfig(name="prometheus", url="http://h"),)
