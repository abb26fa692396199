"""A user of its own for kubespray and the like: made if asked, opened by one key, root without a password. Blocking.

One script as root does all of it, or takes all of it back: the account (with no password at all: `*`, not the `!` that
sshd refuses without PAM), the key (written as that account, never by root), the sudoers drop-in (checked by visudo,
then tried without a terminal). A fresh login with the key is the proof; that is asked for by the caller.
"""

import base64
import re
import shlex

from homelab_tui.domain.errors import SourceRefused
from homelab_tui.domain.keys import AdminUser, NodeChange, PublicKey, is_user_name
from homelab_tui.domain.public_keys import key_line
from homelab_tui.domain.secrets import Secret
from homelab_tui.sources.ssh_account import AccountReading
from homelab_tui.sources.ssh_root import run_as_root
from homelab_tui.sources.ssh_routes import printable
from homelab_tui.sources.ssh_scripts import SWAP_FILE, SWAP_REFUSALS, new_mark
from homelab_tui.sources.ssh_sessions import Session
from homelab_tui.sources.ssh_sudo import GRANT, WHY, drop_in
from homelab_tui.sources.ssh_writes import read_account

MADE_BY_US = "made by homelab"
"""The account's GECOS field: what an undo may remove again."""

# Without its own clean-up and last word: the script around it has those.
_GRANT = "\n".join(line for line in GRANT.splitlines() if not line.startswith(("trap ", "say OK")))
_MAKE = r"""
u=@U; f=@F; made=no; granted=no; changed=no
command -v runuser >/dev/null 2>&1 || { say NORUNUSER; exit 1; }
take_back() {
  [ -z "$t" ] || rm -f -- "$t"
  [ -z "$k" ] || rm -f -- "$k"
  [ "$finished" = no ] || return 0
  [ "$granted" = no ] || rm -f -- "$f"
  [ "$made" = no ] || userdel -r "$u" >/dev/null 2>&1 || { sleep 1; userdel -r "$u" >/dev/null 2>&1; }
}
t=; k=; finished=no
trap take_back EXIT
trap 'exit 30' HUP TERM INT PIPE
if ! id "$u" >/dev/null 2>&1; then
  [ @CREATE = yes ] || { say NOUSER; exit 1; }
  command -v useradd >/dev/null 2>&1 || { say NOUSERADD; exit 1; }
  [ -x /bin/bash ] && shell=/bin/bash || shell=/bin/sh
  # Somebody else may hold the lock on /etc/passwd for a moment (unattended upgrades make accounts, too).
  for try in 1 2 3 4 5 6; do
    why=$(useradd -m -s "$shell" -c '@GECOS' -p '*' "$u" 2>&1) && break
    case $why in *"try again"*) sleep 1 ;; *) try=6 ;; esac
    [ "$try" != 6 ] || { say USERADD "$(printf %s "$why" | tr '\n' ' ')"; exit 1; }
  done
  made=yes; changed=yes
fi
[ "$(id -u "$u")" != 0 ] || { say ISROOT; exit 1; }
home=$(getent passwd "$u" | cut -d: -f6)
[ -d "$home" ] || { say NOHOME; exit 1; }
as() { runuser -u "$u" -- env HOME="$home" "$@"; }
k=$(mktemp) || { say WRITE; exit 1; }
old=none
if as [ -e "$home/@FILE" ]; then
  as cat "$home/@FILE" >"$k" </dev/null || { say READKEYS; exit 1; }
  old=$(sha256sum <"$k" | cut -d" " -f1)
fi
if ! grep -qF '@BLOB' "$k"; then
  [ ! -s "$k" ] || [ -z "$(tail -c 1 "$k")" ] || echo >>"$k"
  printf %s @LINE64 | base64 -d >>"$k"
  said=$(as sh -c '@SWAP' hl "$old" "$(sha256sum <"$k" | cut -d" " -f1)" "$(wc -c <"$k")" @FILE @MARK <"$k" 2>/dev/null)
  word=$(printf '%s\n' "$said" | sed -n 's/^@MARK //p' | tail -n 1)
  [ "$word" = OK ] || { say KEY "$word"; exit 1; }
  changed=yes
fi
if as sudo -k -n true >/dev/null 2>&1 </dev/null; then :
else
  [ -e "$f" ] || granted=yes
  @GRANT
  changed=yes
  as sudo -k -n true >/dev/null 2>&1 </dev/null || { say STILLASKS; exit 1; }
fi
finished=yes
say DONE "$made $changed"
"""
_REMOVE = r"""
u=@U; f=@F; changed=no; kept=
# After the last session (our proof was one) the user's own systemd stays for another ten seconds.
end_manager() {
  [ -d /run/systemd/system ] && [ "$(loginctl show-user "$u" -p State --value 2>/dev/null)" = closing ] &&
    systemctl stop "user@$(id -u "$u").service" >/dev/null 2>&1
}
if [ -e "$f" ]; then
  grep -q '^# written by homelab' "$f" || { say FOREIGN; exit 1; }
  rm -f -- "$f" || { say WRITE; exit 1; }
  changed=yes
fi
entry=$(getent passwd "$u")
if [ "$(printf %s "$entry" | cut -d: -f5 | cut -d, -f1)" = '@GECOS' ]; then
  home=$(printf %s "$entry" | cut -d: -f6)
  own=$(cd "$home" 2>/dev/null && find . -type f ! -path ./@FILE ! -path ./.bash_history | while IFS= read -r p; do
    cmp -s "/etc/skel/$p" "$p" || echo "$p"; done | head -n 1)
  r=-r; [ -z "$own" ] || { r=; kept=$home; }
  for try in 1 2 3 4 5 6; do
    why=$(userdel $r "$u" 2>&1) && break
    case $why in *"currently used"*) end_manager; sleep 1 ;; *"try again"*) sleep 1 ;; *) try=6 ;; esac
    [ "$try" != 6 ] || { say USERDEL "$(printf %s "$why" | tr '\n' ' ')"; exit 1; }
  done
  changed=yes
elif [ -n "$entry" ]; then kept=account
fi
say DONE "$changed $kept"
"""
_WHY = {
    **WHY,
    "NORUNUSER": "there is no runuser on the node",
    "NOUSER": "there is no such account; it is made only if asked (--create)",
    "NOUSERADD": "there is no useradd on the node",
    "USERADD": "the account cannot be made",
    "ISROOT": "that account is root already",
    "NOHOME": "the account has no home directory",
    "READKEYS": "its authorized_keys cannot be read as that account",
    "KEY": "its authorized_keys cannot be written as that account",
    "STILLASKS": "sudo still asks it for a password without a terminal (a later line of sudoers, or requiretty)",
    "USERDEL": "the account cannot be removed (is somebody logged in to it?); its sudo is taken away",
}


def demand_name(name: str) -> None:
    """Raises SourceRefused for what useradd and sudoers would not both take."""
    if not is_user_name(name):
        raise SourceRefused(
            f"{printable(name)!r} is no name for a new account (a-z, 0-9, _ and -); nothing was changed"
        )


def make_user(session: Session, request: AdminUser, key: PublicKey, password: Secret | None) -> NodeChange:
    """The account with its key and its sudo. Its proof is a login of its own.

    Raises: CredentialsNeeded when sudo wants a password; SourceRefused with the reason, and all of it taken back.
    """
    demand_name(request.name)
    reading = read_account(session)
    mark = new_mark()
    line = key_line(key)
    words = {
        "@GRANT": _GRANT,
        "@CREATE": "yes" if request.create else "no",
        "@GECOS": MADE_BY_US,
        "@BLOB": base64.b64encode(key.blob).decode("ascii"),
        "@LINE64": base64.b64encode(line + b"\n").decode("ascii"),
        "@SWAP": SWAP_FILE,
        "@FILE": _file(reading),
        "@MARK": mark,
    }
    said = run_as_root(session, reading, _filled(_MAKE, request.name, words), password)
    word, text = said[-1]
    if word != "DONE":
        raise SourceRefused(f"{session.where}: {_reason(word, text)}; nothing was changed")
    made, _, changed = text.partition(" ")
    if changed != "yes":
        return NodeChange(False, f"{request.name} has its key and its sudo already")
    how = "was made" if made == "yes" else "was there"
    return NodeChange(
        True, f"{request.name} {how}; it has the key {key.comment or key.fingerprint} and {drop_in(request.name)}"
    )


def remove_user(session: Session, name: str, password: Secret | None) -> NodeChange:
    """Takes the drop-in away, and the account too where homelab made it. Raises as `make_user`."""
    demand_name(name)
    reading = read_account(session)
    if reading.user == name:
        raise SourceRefused(f"{session.where}: homelab is logged in as {name}; come as somebody else to take it away")
    said = run_as_root(
        session, reading, _filled(_REMOVE, name, {"@GECOS": MADE_BY_US, "@FILE": _file(reading)}), password
    )
    word, text = said[-1]
    if word != "DONE":
        raise SourceRefused(f"{session.where}: {_reason(word, text)}")
    changed, _, kept = text.partition(" ")
    if changed != "yes":
        return NodeChange(
            False, f"there is no {drop_in(name)}, and no account {name} that homelab made; nothing to undo"
        )
    if kept == "account":
        return NodeChange(True, f"{drop_in(name)} is gone; the account {name} was there before, and stays with its key")
    stays = f"; its home {printable(kept)} holds files of its own, and stays" if kept else ""
    return NodeChange(True, f"{drop_in(name)} and the account {name} are gone{stays}")


def _file(reading: AccountReading) -> str:
    """The file that sshd reads for any account, where it is in the home; else the usual one, and the proof tells."""
    first = (reading.setting("authorizedkeysfile") or "").split()
    plain = bool(first) and re.fullmatch(r"[A-Za-z0-9._/-]+", first[0]) is not None and not first[0].startswith("/")
    return first[0] if plain else ".ssh/authorized_keys"


def _filled(script: str, name: str, words: dict[str, str]) -> str:
    for word, value in (*words.items(), ("@F", shlex.quote(drop_in(name))), ("@U", shlex.quote(name))):
        script = script.replace(word, value)
    return script


def _reason(word: str, text: str) -> str:
    if word == "KEY":
        return f"{_WHY[word]}: {SWAP_REFUSALS.get(text.split(' ')[0], printable(text, 80) or 'no answer')}"
    hint = f" ({printable(text, 200)})" if text else ""
    return f"{_WHY.get(word, word)}{hint}"
