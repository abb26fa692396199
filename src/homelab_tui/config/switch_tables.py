"""`[[switches]]`: each wire has keys of its own, and a key without effect is refused."""

import re

from homelab_tui.config.model import SwitchConfig
from homelab_tui.config.reader import Table
from homelab_tui.config.server_tables import read_url
from homelab_tui.config.tables import port_ref
from homelab_tui.domain.poe import PortRef

SOURCES = ("snmp", "unifi", "routeros", "prometheus", "command")
_AUTH = ("MD5", "SHA", "SHA224", "SHA256", "SHA384", "SHA512")
_PRIV = ("DES", "AES", "AES192", "AES256")
_SNMP_KEYS = (
    *("host", "port", "version", "community", "write_community"),
    *("auth_protocol", "auth_key", "priv_protocol", "priv_key", "retries"),
)
_PAST_KEYS = ("prometheus", "match")
"""Where the ports' past power is asked for. Not for `command`, whose numbers of the ports are the user's own."""
_HTTP_KEYS = ("url", "password", "ca_file", "verify")
_COMMAND_KEYS = ("list", "on", "off", "cycle")
_OWN_KEYS = {
    "snmp": (*_SNMP_KEYS, "username", "timeout", *_PAST_KEYS),
    "unifi": (*_HTTP_KEYS, "username", "api_key", "site", "device", "timeout", *_PAST_KEYS),
    "routeros": (*_HTTP_KEYS, "username", "timeout", *_PAST_KEYS),
    "prometheus": _PAST_KEYS,
    "command": (*_COMMAND_KEYS, "timeout"),
}
"""What each wire reads, besides name, source and protected_ports."""
_HTTP_TIMEOUT_S = 5.0
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def read_switch(table: Table) -> SwitchConfig | None:
    """`[[switches]]`."""
    default = SwitchConfig(name="")
    name = table.name("name")
    source = table.text("source", choices=SOURCES) or default.source
    timeout_s = default.timeout_s if source == "snmp" else _HTTP_TIMEOUT_S
    config = SwitchConfig(
        name=name or "",
        source=source,
        host=table.host("host"),
        port=table.integer("port", default.port, low=1, high=65535),
        version=table.text("version", choices=("2c", "3")) or default.version,
        community=table.secret("community"),
        write_community=table.secret("write_community"),
        username=table.text("username"),
        auth_protocol=table.text("auth_protocol", choices=_AUTH),
        auth_key=table.secret("auth_key"),
        priv_protocol=table.text("priv_protocol", choices=_PRIV),
        priv_key=table.secret("priv_key"),
        url=read_url(table),
        api_key=table.secret("api_key"),
        password=table.secret("password"),
        site=_site(table) or default.site,
        device=table.text("device"),
        ca_file=table.path_to("ca_file"),
        verify=table.boolean("verify", default.verify),
        list=table.strings("list"),
        on=_template(table, "on"),
        off=_template(table, "off"),
        cycle=_template(table, "cycle"),
        prometheus=table.text("prometheus"),
        match=_match(table),
        protected_ports=_protected(table, name),
        timeout_s=table.duration("timeout", timeout_s, low=0.1, high=30.0),
        retries=table.integer("retries", default.retries, low=0, high=10),
    )
    for key in sorted({key for keys in _OWN_KEYS.values() for key in keys} - set(_OWN_KEYS[source])):
        for form in table.secret_keys(key):
            whose = " or ".join(f'"{one}"' for one, keys in _OWN_KEYS.items() if key in keys)
            table.problem(form, f"has no effect with source = {source!r}: it is for {whose}")
    _CHECKS[source](table, config)
    return None if name is None else config


def _check_snmp(table: Table, config: SwitchConfig) -> None:
    """What looks encrypted is."""
    if not table.has("host"):
        table.problem("host", "is missing: the switch's name or address")

    def given(*keys: str) -> list[str]:
        return [form for key in keys for form in table.secret_keys(key)]

    if config.version != "3":
        for key in given("username", "auth_protocol", "auth_key", "priv_protocol", "priv_key"):
            table.problem(key, 'is for SNMP version 3: say version = "3"')
        return
    for key in given("community", "write_community"):
        table.problem(key, "is for SNMP version 2c")
    if not given("username"):
        table.problem("username", "is missing: SNMP version 3 needs one")
    for key, needed in (("auth_protocol", "auth_key"), ("priv_protocol", "priv_key"), ("priv_key", "auth_key")):
        if given(key) and not given(needed):
            table.problem(given(key)[0], f"needs {needed} (or {needed}_file, _env, _command) beside it")


def _check_login(table: Table, _: SwitchConfig) -> None:
    """An address, and one way to log in."""
    if not table.has("url"):
        table.problem("url", 'is missing: its address, like "https://192.168.10.1"')
    has_password, has_key = bool(table.secret_keys("password")), bool(table.secret_keys("api_key"))
    if table.has("username") != has_password:
        table.problem("username", "and password belong together (password_file, _env or _command)")
    elif has_password and has_key:
        table.problem("username", "and password are given beside an api_key: keep one of them")


def _check_command(table: Table, _: SwitchConfig) -> None:
    if not table.has("list"):
        table.problem("list", "is missing: the command that prints the ports")
    if table.has("on") != table.has("off"):
        table.problem("on" if table.has("on") else "off", "and its opposite belong together: give on and off")
    if table.has("cycle") and not table.has("on"):
        table.problem("cycle", "needs on and off beside it: a port that stays off must be switched on again")


def _check_prometheus(table: Table, _: SwitchConfig) -> None:
    if not table.has("match"):
        table.problem("match", 'is missing: labels of this switch, like { instance = "192.168.10.2" }')


_CHECKS = {
    "snmp": _check_snmp,
    "unifi": _check_login,
    "routeros": _check_login,
    "command": _check_command,
    "prometheus": _check_prometheus,
}


def _site(table: Table) -> str | None:
    site = table.text("site")
    if site is not None and not re.fullmatch(r"[A-Za-z0-9_.-]+", site):
        table.problem("site", f"{site!r} is not the name of a site, as in the controller's URLs (/manage/NAME/…)")
    return site


def _template(table: Table, key: str) -> tuple[str, ...]:
    """An argv list; `{group}` and `{port}` are all that is filled in, and without a port it would do one thing only."""
    argv = table.strings(key)
    used = [name for text in argv for name in _PLACEHOLDER.findall(text)]
    unknown = sorted(set(used) - {"group", "port"})
    if unknown:
        table.problem(key, f"{{{unknown[0]}}} is not known: {{group}} and {{port}} are")
    elif argv and "port" not in used:
        table.problem(key, "does not say which port: put {port} into it")
    return argv


def _match(table: Table) -> tuple[tuple[str, str], ...]:
    labels = table.pairs("match")
    for name, _ in labels:
        if not _LABEL.fullmatch(name):
            table.problem("match", "is not the name of a label", inner=name)
    return labels


def _protected(table: Table, switch: str | None) -> tuple[PortRef, ...]:
    """`"1/8"` (group/port), `"8"`, or the long forms with the switch's name before them."""
    found = []
    for text in table.strings("protected_ports"):
        own = text if re.fullmatch(r"[0-9]+(/[0-9]+)?", text) else text.removeprefix(f"{switch}/")
        ref = port_ref(switch or "", own.split("/"))
        if ref is None:
            table.problem("protected_ports", f'{text!r} is not a port: write "group/port", like "1/8"')
        else:
            found.append(ref)
    return tuple(found)
