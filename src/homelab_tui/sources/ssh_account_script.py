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
# `measure` comes first and asks for all paths of an account at once; what it heard is gone through without a program.
# What is said is kept, and written in one piece: for each line a server sends a packet of its own, which costs both
# ends more than all that the shell does in between.
_LOOK = r"""
nl='
'
said=
say() { said="$said$nl@@HL $*$nl"; }
tell() { printf %s "$said"; said=; }
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
straight() {
  case $1 in *//*|*/./*|*/../*) return 1 ;; "$HOME"|"$HOME"/*) [ -n "$home" ] || return 1 ;; *) return 1 ;; esac
  d=$1
  while [ "$d" != "$HOME" ]; do [ ! -L "$d" ] || return 1; d=${d%/*}; done
  d=$home${1#"$HOME"}
}
kinds='if [ -f "$p" ]; then if [ -r "$p" ]; then k=FILE; else k=CLOSED; fi; elif [ -e "$p" ]; then k=NOTREG
elif [ -L "$p" ]; then k=DANGLING; elif [ -x "${p%/*}" ] || [ ! -e "${p%/*}" ]; then k=NONE; else k=HIDDEN; fi'
place() {
  case $1 in /*) p=$1 ;; *) p=$HOME/$1 ;; esac
  [ "$p" != "$placed" ] || { d=$placed_at; return 0; }
  kind
  case $k in
    FILE|CLOSED|NOTREG) straight "$p" || d=$(readlink -f "$p") || d=$p ;;
    *)
      if [ ! -d "${p%/*}" ]; then d=
      else straight "${p%/*}" || d=$(cd "${p%/*}" 2>/dev/null && pwd -P) || d=${p%/*}; fi ;;
  esac
  placed=$p; placed_at=$d
}
measure() {
  placed=
  set -- "$home"
  for f in $files; do
    expand "$f"; [ "$f" != none ] && wanted "$o" || continue
    place "$o"
    while [ -n "$d" ]; do
      set -- "$@" "$d"
      [ "$d" != "$home" ] && [ "$d" != / ] || break
      d=${d%/*}; d=${d:-/}
    done
  done
  heard=$(stat -c '%u %g %a %s %i %Z %n' "$@" $deciding 2>/dev/null)
}
split() {
  rest=$1
  owner=${rest%% *}; rest=${rest#* }; group=${rest%% *}; rest=${rest#* }; mode=${rest%% *}; rest=${rest#* }
  bytes=${rest%% *}; rest=${rest#* }; inode=${rest%% *}; rest=${rest#* }; since=${rest%% *}; name=${rest#* }
}
size() {
  IFS=$nl
  for line in $heard; do
    case $line in *" $d") split "$line"; [ "$name" != "$d" ] || { unset IFS; n=$bytes; return; } ;; esac
  done
  unset IFS
  n=$(as cat "$p" | head -c 1000001 | wc -c)
}
show() {
  if command -v base64 >/dev/null 2>&1; then say B64; b=$(as base64 "$p")
  elif command -v hexdump >/dev/null 2>&1; then say HEX; b=$(as hexdump -v -e '1/1 "%02x"' "$p")
  else say HEX; b=$(as od -An -v -tx1 "$p"); fi
  set -- $?
  said=$said$b
  return $1
}
look() {
  say FILE "$1"
  place "$1"
  case $k in
    DANGLING|NOTREG) say $k ;;
    CLOSED|HIDDEN) say UNREADABLE ;;
    FILE)
      size
      if [ "$n" -gt "$room" ]; then say TOOBIG
      else room=$((room - n)); if show; then say END; else say UNREADABLE; fi; fi ;;
  esac
  [ -z "$d" ] || say AT "$d"
}
chains() {
  IFS=$nl
  for line in $heard; do
    unset IFS
    split "$line"
    case $mode in *[2367]?) group="$group $mode $(members "$group")" ;; *) group="$group $mode -" ;; esac
    case " $deciding " in *" $name "*) ;; *) say STAT "$owner $group $name" ;; esac
  done
  unset IFS
}
"""

# As root. An account counts when one of the files is there. setpriv says nothing to the node's log, unlike sudo.
_OTHERS = r"""
set -f
LC_ALL=C; export LC_ALL
me=$1; files=$2; found=0; room=300000; deciding=
as() {
  if command -v setpriv >/dev/null 2>&1; then setpriv --reuid "$i" --regid "$gid" --clear-groups "$@" </dev/null
  else runuser -u "$u" -- "$@" </dev/null; fi
}
# One program becomes the account and tells all of it: each such step costs two milliseconds.
kind() { k=$(as sh -c "p=\$1; $kinds; echo \$k" sh "$p"); }
# What root does not see is not there; spares the programs that would find that out as the account.
wanted() { case $1 in /*) p=$1 ;; *) p=$HOME/$1 ;; esac; [ -e "$p" ] || [ -L "$p" ]; }
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
  found=$((found + 1)); [ "$found" -le @MOST ] || { say MORE; tell; break; }
  say OTHER "$i $u $HOME"
  say REAL "$home"
  measure
  for f in $files; do expand "$f"; if wanted "$o"; then look "$o"; fi; done
  chains
  tell
done
say LOOKED
tell
"""

# Whether sudo works without a password is not asked again (5 ms of CPU, a line in the log, and from some a mail to
# root) as long as what decides about it looks as it did: `known` is that answer and those looks.
_READ_ACCOUNT = r"""
main() {
LC_ALL=C; export LC_ALL; umask 077; set -f; unset IFS
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH
room=1000000; known='@KNOWN'
deciding='/etc/sudoers /etc/sudoers.d /usr/etc/sudoers /etc/group'
as() { "$@"; }
kind() { eval "$kinds"; }
wanted() { :; }
@LOOK
cd -P 2>/dev/null && home=$PWD || home=
u=${LOGNAME:-${USER:-}}; [ -n "$u" ] || u=$(id -un)
i=; files=@FILES
measure
IFS=$nl; seen=
for line in $heard; do
  split "$line"
  case " $deciding " in
    *" $name "*) seen="$seen $inode:$since" ;;
    *) if [ "$name" = "$home" ] && [ -O "$home" ]; then i=$owner; fi ;;
  esac
done
unset IFS
[ -n "$i" ] || i=$(id -u)
say USER "$u"; say UID "$i"; say HOME "$HOME"; say REAL "$home"
say CLOCK "$(date '+%s %z')"
s='sudo -n'; sure=
if [ "$i" = 0 ]; then s=; sure=yes
elif ! command -v sudo >/dev/null 2>&1 || [ "$known" = "no$seen" ]; then s=no
elif [ "$known" != "yes$seen" ]; then sudo -n true >/dev/null 2>&1 && sure=yes || s=no; fi
before=$files
if [ @SERVER = dropbear ]; then
  if [ "$i" = 0 ] && [ -e /etc/openwrt_release ]; then files=@ROOTFILE; fi
elif [ "$s" != no ] && sshd=$(command -v sshd); then
  from=${SSH_CONNECTION%% *}; from=${from:-127.0.0.1}
  conf=$($s "$sshd" -T -C "user=$u,host=$from,addr=$from" 2>/dev/null) || conf=
  [ -z "$conf" ] || sure=yes
  IFS=$nl
  for line in $conf; do
    unset IFS
    case $line in authorizedkeysfile\ *) files=${line#* } ;; esac
    case $line in authorizedkeys*|strictmodes*|pubkeyauth*|passwordauth*|kbdinteractive*|permitroot*)
      say CONF "$line" ;;
    esac
  done
  unset IFS
fi
if [ "$s" != no ] && [ -z "$sure" ]; then sudo -n true >/dev/null 2>&1 || s=no; fi
if [ "$s" = no ]; then say SUDO no; else say SUDO yes; fi
[ -z "$seen" ] || say SEEN "${seen# }"
[ "$files" = "$before" ] || measure
for f in $files; do [ "$f" = none ] || { expand "$f"; look "$o"; }; done
chains
if [ "$s" != no ] && [ @SERVER != dropbear ]; then
others=$(cat <<'OTHERS_END'
@OTHERS
OTHERS_END
)
tell
$s sh -c "$others" homelab "$u" "$files" 2>/dev/null
fi
say DONE
tell
}
main </dev/null
"""


def is_dropbear(server_version: str) -> bool:
    """Whether a server's greeting is dropbear's, which reads other files and knows fewer options than sshd."""
    return "dropbear" in server_version.lower()


def read_account_script(mark: str, *, dropbear: bool = False, known: str = "") -> bytes:
    """The script that reads an account, for `sh -s`. `known`: see `AccountMemory.known_sudo`."""
    files = "'.ssh/authorized_keys'" if dropbear else "'.ssh/authorized_keys .ssh/authorized_keys2'"
    words = {
        "@OTHERS": _OTHERS,
        "@LOOK": _LOOK,
        "@MOST": str(MOST_OTHERS),
        "@FILES": files,
        "@SERVER": "dropbear" if dropbear else "openssh",
        "@ROOTFILE": DROPBEAR_ROOT_FILE,
        "@KNOWN": known,
        MARK: mark,
    }
    script = _READ_ACCOUNT
    for word, value in words.items():
        script = script.replace(word, value)
    return script.encode()
