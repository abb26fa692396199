"""The script that reads an account on a node: who it is, which files hold its keys, what sshd says, who else is there.

POSIX sh and nothing newer, for busybox too: OpenWrt has neither base64 nor stat nor getent. Whatever a login shell, an
rc file or a message of the day prints around it is harmless: only what follows a marker counts. Every program that is
started costs a node about a millisecond: what the shell can do by itself, it does.
"""

from homelab_tui.sources.ssh_scripts import MARK

DROPBEAR_ROOT_FILE = "/etc/dropbear/authorized_keys"
"""Where OpenWrt's dropbear reads root's keys."""

MOST_OTHERS = 200
"""How many other accounts are looked at; that there are more is said."""

# `room` is what may still be said of files, in bytes: the whole answer is cut off at 2 MB, and nobody else's files may
# make ours unreadable.
# For the account itself, and once more as root for the other accounts of the node. `as` runs a program as the account
# whose file is looked at: root never opens a file on a path that somebody else can change (CVE-2026-11837).
_LOOK = r"""
say() { printf '\n@@HL %s\n' "$*"; }
encoding=B64
command -v base64 >/dev/null 2>&1 || encoding=HEX
encoded() {
  if [ "$encoding" = B64 ]; then base64 | tr -d '\n'
  elif command -v hexdump >/dev/null 2>&1; then hexdump -v -e '1/1 "%02x"'
  else od -An -v -tx1 | tr -d ' \n'; fi
}
expand() {
  r=$1; o=
  while [ -n "$r" ]; do
    case $r in
      %%*) o=$o%; r=${r#??} ;;
      %h*) o=$o$HOME; r=${r#??} ;;
      %u*) o=$o$u; r=${r#??} ;;
      %U*) o=$o$i; r=${r#??} ;;
      *) o=$o${r%"${r#?}"}; r=${r#?} ;;
    esac
  done
}
members() {
  { getent group "$1" | cut -d: -f4 | tr , '\n'; getent passwd | awk -F: -v g="$1" '$4 == g { print $1 }'; } |
  sort -u | tr '\n' ',' 2>/dev/null
}
look() {
  f=$1; case $f in /*) p=$f ;; *) p=$HOME/$f ;; esac
  say FILE "$f"
  if ! as [ -e "$p" ]; then
    if as [ -L "$p" ]; then say DANGLING
    else as [ -x "${p%/*}" ] || ! as [ -e "${p%/*}" ] || say UNREADABLE; fi
    d=${p%/*}; [ -d "$d" ] || return 0
    case $d in "$home"|"$home"/*) [ ! -L "$d" ] ;; *) false ;; esac || d=$(cd "$d" 2>/dev/null && pwd -P) || d=${p%/*}
  else
    d=$(readlink -f "$p") || d=$p
    if ! as [ -f "$p" ]; then say NOTREG
    elif ! as [ -r "$p" ]; then say UNREADABLE
    elif n=$(size "$p"); [ "$n" -gt "$room" ]; then say TOOBIG
    else room=$((room - n)); printf '\n@@HL %s ' "$encoding"; as cat "$p" | encoded; printf ' END\n'; fi
  fi
  set --
  while :; do
    set -- "$@" "$d"
    [ "$d" != "$home" ] && [ "$d" != / ] || break
    d=${d%/*}; d=${d:-/}
  done
  stat -c '%u %g %a %n' "$@" 2>/dev/null | while read -r owner group mode place; do
    case $mode in
      *[2367]?) say STAT "$owner $group $mode $(members "$group") $place" ;;
      *) say STAT "$owner $group $mode - $place" ;;
    esac
  done
}
"""

# As root. An account counts when one of the files is there. setpriv says nothing to the node's log, unlike sudo.
_OTHERS = r"""
set -f
LC_ALL=C; export LC_ALL
me=$1; files=$2; found=0; room=300000
as() {
  if command -v setpriv >/dev/null 2>&1; then setpriv --reuid "$i" --regid "$gid" --clear-groups "$@" </dev/null
  else runuser -u "$u" -- "$@" </dev/null; fi
}
size() { as cat "$1" | head -c 1000001 | wc -c; }
@LOOK
{ getent passwd 2>/dev/null || cat /etc/passwd; } | head -n 2000 |
while IFS=: read -r u _ i gid _ HOME _; do
  [ "$u" != "$me" ] && [ -n "$HOME" ] && [ "$HOME" != / ] && [ -d "$HOME" ] || continue
  there=
  for f in $files; do
    expand "$f"; case $o in /*) ;; *) o=$HOME/$o ;; esac
    [ -f "$o" ] && there=yes
  done
  [ -n "$there" ] && home=$(cd "$HOME" 2>/dev/null && pwd -P) || continue
  found=$((found + 1)); [ "$found" -le @MOST ] || { say MORE; break; }
  say OTHER "$i $u $HOME"
  for f in $files; do
    expand "$f"; case $o in /*) p=$o ;; *) p=$HOME/$o ;; esac
    # What root does not see is not there; spares the programs that would find that out as the account.
    if [ -e "$p" ] || [ -L "$p" ]; then look "$o"; fi
  done
done
say LOOKED
"""

_READ_ACCOUNT = r"""
main() {
LC_ALL=C; export LC_ALL; umask 077; set -f
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH
room=1000000
as() { "$@"; }
size() { wc -c <"$1"; }
@LOOK
i=$(id); i=${i#uid=}; u=${i%%)*}; u=${u#*\(}; i=${i%%[!0-9]*}; home=$(cd 2>/dev/null && pwd -P) || home=
say USER "$u"; say UID "$i"; say HOME "$HOME"
say CLOCK "$(date '+%s %z')"
s=no
if [ "$i" = 0 ]; then s=; say SUDO yes
elif ! command -v sudo >/dev/null 2>&1; then say SUDO no
elif sudo -n true >/dev/null 2>&1; then s='sudo -n'; say SUDO yes
else say SUDO no; fi
conf=; files=@FILES
if [ @SERVER = dropbear ]; then
  if [ "$i" = 0 ] && [ -e /etc/openwrt_release ]; then files=@ROOTFILE; fi
elif [ "$s" != no ] && command -v sshd >/dev/null 2>&1; then
  from=${SSH_CONNECTION%% *}; from=${from:-127.0.0.1}
  conf=$($s "$(command -v sshd)" -T -C "user=$u,host=$from,addr=$from" 2>/dev/null) || conf=
  found=$(printf '%s\n' "$conf" | sed -n 's/^authorizedkeysfile //p')
  [ -z "$found" ] || files=$found
  printf '%s\n' "$conf" |
  grep -E '^(authorizedkeys|strictmodes|pubkeyauth|passwordauth|kbdinteractive|permitroot)' |
  while read -r line; do say CONF "$line"; done
fi
for f in $files; do [ "$f" = none ] || { expand "$f"; look "$o"; }; done
if [ "$s" != no ] && [ @SERVER != dropbear ]; then
others=$(cat <<'OTHERS_END'
@OTHERS
OTHERS_END
)
$s sh -c "$others" homelab "$u" "$files" 2>/dev/null
fi
say DONE
}
main </dev/null
"""


def is_dropbear(server_version: str) -> bool:
    """Whether a server's greeting is dropbear's, which reads other files and knows fewer options than sshd."""
    return "dropbear" in server_version.lower()


def read_account_script(mark: str, *, dropbear: bool = False) -> bytes:
    """The script that reads an account, for `sh -s`."""
    files = "'.ssh/authorized_keys'" if dropbear else "'.ssh/authorized_keys .ssh/authorized_keys2'"
    words = {
        "@OTHERS": _OTHERS,
        "@LOOK": _LOOK,
        "@MOST": str(MOST_OTHERS),
        "@FILES": files,
        "@SERVER": "dropbear" if dropbear else "openssh",
        "@ROOTFILE": DROPBEAR_ROOT_FILE,
        MARK: mark,
    }
    script = _READ_ACCOUNT
    for word, value in words.items():
        script = script.replace(word, value)
    return script.encode()
