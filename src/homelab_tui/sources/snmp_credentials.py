"""Opens SNMP sessions: whose credential, which protocols, which address."""

import asyncio
import ipaddress
import socket
from typing import Any

from homelab_tui.config.model import SecretRef, SwitchConfig
from homelab_tui.domain.errors import SourceRefused, SourceTimeout, SourceUnreachable
from homelab_tui.sources.snmp_engines import Address, SnmpEngine
from homelab_tui.sources.snmp_sessions import SnmpSession
from homelab_tui.sources.threads import in_daemon_thread

_AUTH_PROTOCOLS = {
    "MD5": "USM_AUTH_HMAC96_MD5",
    "SHA": "USM_AUTH_HMAC96_SHA",
    "SHA224": "USM_AUTH_HMAC128_SHA224",
    "SHA256": "USM_AUTH_HMAC192_SHA256",
    "SHA384": "USM_AUTH_HMAC256_SHA384",
    "SHA512": "USM_AUTH_HMAC384_SHA512",
}
_PRIV_PROTOCOLS = {
    "DES": "USM_PRIV_CBC56_DES",
    "AES": "USM_PRIV_CFB128_AES",
    "AES128": "USM_PRIV_CFB128_AES",
    "AES192": "USM_PRIV_CFB192_AES",
    "AES256": "USM_PRIV_CFB256_AES",
}


async def open_session(config: SwitchConfig, engine: SnmpEngine, *, write: bool = False) -> SnmpSession:
    """A session with the switch's read credential, or, for one action, its write credential.

    Raises SourceRefused when the credential is not configured, SourceUnreachable when the host's name is not known.
    """
    auth = await _credential(config, engine.api, write=write)
    address, family = await _resolve(config)
    target = engine.target_classes[family](address, timeout_s=config.timeout_s, retries=config.retries)
    return SnmpSession(config, engine, auth, target)


async def _credential(config: SwitchConfig, api: Any, *, write: bool) -> Any:
    if config.version == "3":
        return await _user(config, api)
    key = "write_community" if write else "community"
    ref = config.write_community if write else config.community
    if ref is None:
        what = "nothing can be switched" if write else "it cannot be read"
        raise SourceRefused(f"{config.name}: {key} is not configured ({key}_file, _env or _command), so {what}")
    return api.CommunityData(await _secret(config, ref, key), mpModel=1)


async def _user(config: SwitchConfig, api: Any) -> Any:
    if config.username is None:
        raise SourceRefused(f"{config.name}: SNMP version 3 needs a username")
    keys: dict[str, Any] = {}
    if config.auth_key is not None:
        keys["authKey"] = await _secret(config, config.auth_key, "auth_key")
        keys["authProtocol"] = getattr(api, _named(config, "auth_protocol", config.auth_protocol, "SHA"))
    if config.priv_key is not None:
        keys["privKey"] = await _secret(config, config.priv_key, "priv_key")
        keys["privProtocol"] = getattr(api, _named(config, "priv_protocol", config.priv_protocol, "AES"))
    try:
        return api.UsmUserData(config.username, **keys)
    except Exception as error:
        raise SourceRefused(
            f"{config.name}: this combination of SNMPv3 settings is impossible ({type(error).__name__})"
        ) from error


def _named(config: SwitchConfig, key: str, value: str | None, default: str) -> str:
    names = _AUTH_PROTOCOLS if key == "auth_protocol" else _PRIV_PROTOCOLS
    wanted = (value or default).upper().replace("-", "").replace("_", "")
    if wanted not in names:
        raise SourceRefused(f"{config.name}: {key} {value!r} is not one of {', '.join(names)}")
    return names[wanted]


async def _secret(config: SwitchConfig, ref: SecretRef, key: str) -> str:
    # Imported here: only a session that is opened needs it.
    from homelab_tui.sources.secret_refs import resolve

    what = f"switches.{config.name}.{key}"
    text = (await in_daemon_thread(lambda: resolve(ref, what), name="secret")).reveal()
    if key in ("auth_key", "priv_key") and len(text) < 8:
        raise SourceRefused(f"{config.name}: {key} is too short: SNMPv3 wants 8 characters or more")
    return text


async def _resolve(config: SwitchConfig) -> tuple[Address, int]:
    """The switch's address and its family (4, 6)."""
    host = config.host
    if not host:
        raise SourceUnreachable(f"{config.name}: no host is configured")
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return (str(literal), config.port), literal.version

    def look_up() -> tuple[Address, int]:
        answers = socket.getaddrinfo(host, config.port, type=socket.SOCK_DGRAM)
        family, *_, address = answers[0]
        return (str(address[0]), int(address[1])), 6 if family == socket.AF_INET6 else 4

    try:
        async with asyncio.timeout(5):
            return await in_daemon_thread(look_up, name="snmp-resolve")
    except (OSError, UnicodeError) as error:
        if isinstance(error, TimeoutError):
            raise SourceTimeout(f"{config.name}: the name {host!r} was not resolved within 5 s") from error
        raise SourceUnreachable(f"{config.name}: the name {host!r} is not known") from error
