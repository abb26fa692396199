"""When a key last logged in, by the node's own log: sshd's journal, else its log files, else OpenWrt's logread.

Blocking: it runs inside a session's thread. Root only; what no log tells any more is not known.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

from homelab_tui.domain.errors import SourceRefused
from homelab_tui.domain.keys import KeyLogins
from homelab_tui.sources.ssh_root import can_be_root, run_as_root
from homelab_tui.sources.ssh_sessions import Session
from homelab_tui.sources.ssh_writes import read_account

# Newest first, and ended as soon as every key was met: a journal on a microSD card is slow. What takes too long is cut
# off, and then only what was seen counts. `last` prints the newest line of each key.
_SCRIPT = r"""
limited() { if command -v timeout >/dev/null 2>&1; then timeout @SECONDS "$@" 2>/dev/null; else "$@" 2>/dev/null; fi; }
accepted() { grep -E 'Accepted publickey for|Pubkey auth succeeded for'; }
met() {
  awk -v wanted="$1" -v newest_first="$2" '
    BEGIN { n = split(wanted, words, " "); for (k = 1; k <= n; k++) need[words[k]] = 1 }
    { for (f = 1; f <= NF; f++) if ($f in need) {
        line[$f] = $0
        if (newest_first) { print; delete need[$f]; if (--n == 0) exit }
    } }
    END { if (!newest_first) for (k in line) print line[k] }'
}
told=no
tell() { while IFS= read -r line; do say "$1" "$line"; done; }
if command -v journalctl >/dev/null 2>&1; then
  first=$(limited journalctl -q --no-pager -o short-unix | head -n 1)
  if [ -n "$first" ]; then
    told=yes; say SINCE "$first"
    limited journalctl -q --no-pager -r -o short-unix -t sshd -t sshd-session -t dropbear |
    accepted | met '@KEYS' 1 | tell LOGIN
  fi
fi
for name in auth.log secure; do
  set -- /var/log/$name.1 /var/log/$name
  [ -r "$2" ] || continue
  [ -r "$1" ] || shift
  told=yes; say SINCE "$(head -n 1 "$1")"
  cat "$@" | accepted | met '@KEYS' '' | tell LOGIN
done
if [ "$told" = no ] && command -v logread >/dev/null 2>&1; then
  told=yes; say SINCE "$(limited logread | head -n 1)"
  limited logread | accepted | met '@KEYS' '' | tell LOGIN
fi
say END "$told"
"""
_SCAN_S = 8
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_UNIX = re.compile(r"(\d{9,11})(?:\.\d+)? ")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*")
_CLASSIC = re.compile(r"(?:[A-Z][a-z]{2} )?([A-Z][a-z]{2}) +(\d{1,2}) (\d\d:\d\d:\d\d)(?: (\d{4}))? ")


def read_last_logins(session: Session, fingerprints: Sequence[str]) -> KeyLogins:
    """The last login of each of these keys. Raises SourceRefused where no log can be read."""
    wanted = [mark for mark in fingerprints if _FINGERPRINT.fullmatch(mark)]
    reading = read_account(session)
    if not can_be_root(reading):
        raise SourceRefused(f"{session.where}: the log of its logins needs sudo without a password")
    script = _SCRIPT.replace("@KEYS", " ".join(wanted)).replace("@SECONDS", str(_SCAN_S))
    try:
        words = run_as_root(session, reading, script)
    except SourceRefused as error:
        raise SourceRefused(f"{session.where}: the log of its logins is not for the account to read by sudo") from error
    if words[-1] != ("END", "yes"):
        raise SourceRefused(f"{session.where}: it keeps no log of logins (no journal, auth.log, secure or logread)")
    zone = timezone(reading.utc_offset)
    last: dict[str, datetime] = {}
    for word, line in words:
        found = _FINGERPRINT.search(line)
        at = log_time(line, reading.clock, zone)
        if word == "LOGIN" and found is not None and at is not None:
            last[found[0]] = max(at, last.get(found[0], at))
    begins = [at for word, line in words if word == "SINCE" and (at := log_time(line, reading.clock, zone)) is not None]
    return KeyLogins(min(begins, default=None), tuple(sorted(last.items())))


def log_time(line: str, now: datetime, zone: timezone) -> datetime | None:
    """The moment at the front of a log line: journalctl's short-unix, ISO 8601, or syslog's, which names no year.

    A classic time is in the node's zone, and of the year that makes it the latest one not after `now`.
    """
    try:
        if match := _UNIX.match(line):
            return datetime.fromtimestamp(int(match[1]), UTC)
        if match := _ISO.match(line):
            at = datetime.fromisoformat(match[0])
            return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=zone).astimezone(UTC)
        if match := _CLASSIC.match(line):
            month, day, clock, year = match.groups()
            return _classic(f"{month} {day} {clock}", int(year) if year else None, now, zone)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _classic(text: str, year: int | None, now: datetime, zone: timezone) -> datetime:
    for guess in (year,) if year else (now.year + 1, now.year, now.year - 1):
        try:
            at = datetime.strptime(f"{guess} {text}", "%Y %b %d %H:%M:%S").replace(tzinfo=zone).astimezone(UTC)
        except ValueError:  # 29 February of a year that has none
            continue
        if year or at <= now + timedelta(days=1):
            return at
    raise ValueError(text)
