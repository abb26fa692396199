"""known_hosts, judged as ssh judges it (tests/real holds the same table against ssh itself)."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.key_blobs import fingerprint
from homelab_tui.domain.keys import HostKeyState
from homelab_tui.domain.known_hosts import (
    judge,
    known_host_line,
    known_types,
    lookup_name,
    names_match,
    parse_known_hosts,
)
from tests.keygen import ed25519_blob, key_text
from tests.known_hosts_table import CASES, Case
from tests.servers import require_binary

KEY, OTHER = ed25519_blob(1), ed25519_blob(2)
# An RSA key that ssh-keygen made for this table; nobody keeps its private half.
RSA = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDiQwdTL3cdVYJEQGs6xQyol2hCoag6TewSnfL5qMHDmHpgOoeWD/INX0ZcFhvx+WIkaJFy+2"
    "q0kv1Vz3kQq9TpChVBaWIIWG9h8SYq21iWj1To/U8CD+iDh0BKOOAgSpDn15iwsjiMAquH7KfzF/L5TH4YBEIHkWemVtCkHvxfJQ=="
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_says_of_a_server_what_it_would_say_to_ssh(case: Case) -> None:
    data = case.data(host="127.0.0.1", port=2222, key=key_text(KEY), other=key_text(OTHER), rsa=RSA)
    entries = parse_known_hosts(data, "known_hosts")
    assert judge(entries, "127.0.0.1", 2222, "ssh-ed25519", KEY).state is case.expected


def test_the_judgement_names_the_line_that_decides() -> None:
    text = f"# house\n[nas]:2222 {key_text(OTHER)}\n[nas]:2222 {key_text(KEY)}\n"
    entries = parse_known_hosts(text.encode(), "/home/me/.ssh/known_hosts")
    trusted = judge(entries, "nas", 2222, "ssh-ed25519", KEY)
    assert trusted.entry is not None
    assert trusted.entry.place == "/home/me/.ssh/known_hosts:3"
    changed = judge(entries[:1], "nas", 2222, "ssh-ed25519", KEY)
    assert changed.entry is not None
    assert (changed.entry.line, fingerprint(changed.entry.blob)) == (2, fingerprint(OTHER))


def test_names_are_looked_up_in_lower_case_and_with_their_port() -> None:
    assert lookup_name("NUC01.Home", 22) == "nuc01.home"
    assert lookup_name("NUC01", 2222) == "[nuc01]:2222"
    assert names_match("NUC01,nas", lookup_name("Nuc01", 22))


def test_the_types_that_a_server_is_known_by_are_asked_for_first() -> None:
    text = f"[nas]:2222 {RSA}\nnas {key_text(KEY)}\n@revoked nas {key_text(OTHER)}\n"
    entries = parse_known_hosts(text.encode(), "f")
    assert known_types(entries, "nas", 2222) == ("ssh-rsa",)
    assert known_types(entries, "nas", 22) == ("ssh-ed25519",)
    assert known_types(entries, "other", 22) == ()


@pytest.mark.parametrize(("host", "port"), [("nas", 22), ("nas", 2222), ("fe80::1", 22), ("10.0.0.9", 2022)])
@pytest.mark.parametrize("salt", [None, bytes(range(20))], ids=["plain", "hashed"])
def test_a_new_line_is_found_again_by_us_and_by_ssh_keygen(
    tmp_path: Path, host: str, port: int, salt: bytes | None
) -> None:
    line = known_host_line(host, port, "ssh-ed25519", KEY, salt=salt)
    assert (host.encode() in line) == (salt is None)
    assert judge(parse_known_hosts(line, "f"), host, port, "ssh-ed25519", KEY).state is HostKeyState.TRUSTED
    file = tmp_path / "known_hosts"
    file.write_bytes(line)
    command = [str(require_binary("ssh-keygen")), "-F", lookup_name(host, port), "-f", str(file)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0
    assert key_text(KEY) in found.stdout


@given(st.binary(max_size=200))
def test_no_bytes_whatever_hide_a_good_line(rubbish: bytes) -> None:
    line = b"\n[nas]:2222 " + key_text(KEY).encode() + b"\n"
    entries = parse_known_hosts(rubbish + line + rubbish, "f")
    assert any(entry.blob == KEY for entry in entries)


@given(st.text(alphabet="ab*?!.,[]:", max_size=12), st.text(alphabet="ab.:[]", min_size=1, max_size=6))
def test_patterns_match_as_opensshs_own_algorithm_does(patterns: str, name: str) -> None:
    assert names_match(patterns, name) == match_pattern_list(name, patterns)


def match_pattern_list(name: str, patterns: str) -> bool:
    """match.c, written down again."""
    found = False
    for pattern in patterns.split(","):
        negated = pattern.startswith("!")
        if match_pattern(name, pattern[1:] if negated else pattern):
            if negated:
                return False
            found = True
    return found


def match_pattern(name: str, pattern: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(match_pattern(name[start:], pattern[1:]) for start in range(len(name) + 1))
    return bool(name) and pattern[0] in ("?", name[0]) and match_pattern(name[1:], pattern[1:])
