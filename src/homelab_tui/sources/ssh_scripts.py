"""The shell that runs on a node: one script that reads an account, one that swaps an authorized_keys file.

POSIX sh and nothing newer, for busybox too. Whatever a login shell, an rc file or a message of the day prints around
it is harmless: only what follows a marker counts.
"""

import secrets

MARK = "@@HL"
"""Begins every line that counts; a random word of each run follows, which no start file can print by accident."""

_READ_ACCOUNT = r"""
main() {
LC_ALL=C; export LC_ALL; umask 077; set -f
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH
say() { printf '\n@@HL %s\n' "$*"; }
u=$(id -un); i=$(id -u); home=$(cd 2>/dev/null && pwd -P) || home=
say USER "$u"; say UID "$i"; say HOME "$HOME"
say CLOCK "$(date +%s) $(date +%z)"
s=no
if [ "$i" = 0 ]; then s=; say SUDO yes
elif ! command -v sudo >/dev/null 2>&1; then say SUDO no
elif sudo -n true >/dev/null 2>&1; then s='sudo -n'; say SUDO yes
else say SUDO no; fi
conf=; files='.ssh/authorized_keys .ssh/authorized_keys2'
if [ "$s" != no ] && command -v sshd >/dev/null 2>&1; then
  from=${SSH_CONNECTION%% *}; from=${from:-127.0.0.1}
  conf=$($s "$(command -v sshd)" -T -C "user=$u,host=$from,addr=$from" 2>/dev/null) || conf=
  found=$(printf '%s\n' "$conf" | sed -n 's/^authorizedkeysfile //p')
  [ -z "$found" ] || files=$found
  printf '%s\n' "$conf" |
  grep -E '^(authorizedkeys|strictmodes|pubkeyauth|passwordauth|kbdinteractive|permitroot)' |
  while read -r line; do say CONF "$line"; done
fi
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
  printf %s "$o"
}
members() {
  { getent group "$1" | cut -d: -f4 | tr , '\n'; getent passwd | awk -F: -v g="$1" '$4 == g { print $1 }'; } |
  sort -u | tr '\n' ',' 2>/dev/null
}
look() {
  f=$1; case $f in /*) p=$f ;; *) p=$HOME/$f ;; esac
  say FILE "$f"
  if [ ! -e "$p" ]; then
    if [ -L "$p" ]; then say DANGLING; else [ -x "${p%/*}" ] || [ ! -e "${p%/*}" ] || say UNREADABLE; fi
    d=${p%/*}; [ -d "$d" ] || return 0
  else
    d=$(readlink -f "$p") || d=$p
    if [ ! -f "$p" ]; then say NOTREG
    elif [ ! -r "$p" ]; then say UNREADABLE
    elif [ "$(wc -c <"$p")" -gt 1000000 ]; then say TOOBIG
    else printf '\n@@HL B64 '; base64 <"$p" | tr -d '\n'; printf ' END\n'; fi
  fi
  while :; do
    line=$(stat -c '%u %g %a' "$d" 2>/dev/null) || break
    case $line in
      *[2367]?) g=${line#* }; say STAT "$line $(members "${g%% *}") $d" ;;
      *) say STAT "$line - $d" ;;
    esac
    [ "$d" != "$home" ] && [ "$d" != / ] || break
    d=$(dirname "$d")
  done
}
for f in $files; do [ "$f" = none ] || look "$(expand "$f")"; done
say DONE
}
main </dev/null
"""

# On ONE line for tcsh, no single quote and no exclamation mark inside, no leading exec (rbash). Arguments: the hash
# of the bytes as they were read (or "none"), the hash and length of the new bytes, the file, the mark. New bytes on
# stdin.
# The lock is on the directory itself: no lock file is left behind. cp -a keeps mode, ACL, attributes and label.
_SWAP_LINES = (
    "LC_ALL=C",
    "export LC_ALL",
    "umask 077",
    "old=$1",
    "new=$2",
    "len=$3",
    "f=$4",
    "mark=$5",
    'h() { sha256sum | cut -d" " -f1; }',
    r'say() { printf "\n%s %s\n" "$mark" "$*"; }',
    'cd -- "$HOME" 2>/dev/null || { say NOHOME; exit 10; }',
    'dir=$(dirname -- "$f")',
    '[ -d "$dir" ] || mkdir -m 700 -- "$dir" || { say MKDIR; exit 11; }',
    'if [ -L "$f" ]; then f=$(readlink -f "$f") || { say BADLINK; exit 12; }; '
    'case $f in "$(readlink -f "$HOME")"/*) ;; *) say OUTSIDE "$f"; exit 12;; esac; fi',
    'if [ -e "$f" ]; then [ -f "$f" ] || { say NOTREG; exit 12; }; [ -O "$f" ] || { say OWNER; exit 12; }; fi',
    'exec 9<"$dir" || { say LOCKOPEN; exit 13; }',
    # Under the lock every other temporary file of ours is a dead writer's.
    'if command -v flock >/dev/null 2>&1; then flock -w 10 9 || { say LOCK; exit 14; }; rm -f -- "$f".hl.??????; fi',
    'if [ -e "$f" ]; then cur=$(h <"$f") || { say READ; exit 15; }; else cur=none; fi',
    '[ "$cur" = "$old" ] || { say STALE "$cur"; exit 16; }',
    # "none" takes the file away: undoing the write that made it.
    'if [ "$new" = none ]; then rm -f -- "$f" || { say RENAME; exit 20; }; say OK; exit 0; fi',
    't=$(mktemp "$f.hl.XXXXXX") || { say TMP; exit 17; }',
    # PIPE too: with the link gone, the very message about it would kill the shell before it has cleaned up.
    r'trap "rm -f -- \"$t\"" EXIT',
    'trap "exit 30" HUP TERM INT PIPE',
    'if [ -e "$f" ]; then cp -a -- "$f" "$t" || { say COPY; exit 17; }; fi',
    'head -c "$len" >"$t" || { say WRITE; exit 18; }',
    '[ "$(h <"$t")" = "$new" ] || { say SHORT; exit 19; }',
    'sync "$t" 2>/dev/null || sync',
    'mv -f -- "$t" "$f" || { say RENAME; exit 20; }',
    "trap - EXIT HUP TERM INT PIPE",
    'command -v restorecon >/dev/null 2>&1 && restorecon -F "$dir" "$f"',
    '[ "$(h <"$f")" = "$new" ] || { say VERIFY; exit 21; }',
    "say OK",
)
SWAP_FILE = "; ".join(_SWAP_LINES)

SWAP_REFUSALS = {
    "NOHOME": "its home directory is missing or cannot be entered; nothing was written",
    "MKDIR": "~/.ssh cannot be created",
    "BADLINK": "authorized_keys is a link that leads nowhere; nothing was written",
    "OUTSIDE": "authorized_keys is a link out of the home; somebody administers it, so nothing was written",
    "NOTREG": "authorized_keys is not a plain file; nothing was written",
    "OWNER": "authorized_keys belongs to somebody else, who administers it; nothing was written",
    "LOCKOPEN": "~/.ssh cannot be opened; nothing was written",
    "LOCK": "somebody else has held the lock on ~/.ssh for 10 s; nothing was written",
    "READ": "authorized_keys cannot be read; nothing was written",
    "TMP": "~/.ssh cannot be written to (read-only, full, or not the account's); the file is as it was",
    "COPY": "authorized_keys cannot be copied (is the disk full?); the file is as it was",
    "WRITE": "the new file cannot be written (is the disk full?); the old one is as it was",
    "SHORT": "not everything arrived; the file is as it was",
    "RENAME": "authorized_keys cannot be replaced (is it immutable? lsattr shows it); the file is as it was",
    "VERIFY": "somebody else wrote to authorized_keys in the same moment; read it again before you go on",
}
"""Marker of SWAP_FILE -> what happened, as the end of a sentence that starts with the account."""


def new_mark() -> str:
    """The mark of one run."""
    return f"{MARK}{secrets.token_hex(8)}"


def read_account_script(mark: str) -> bytes:
    """The script that reads an account, for `sh -s`."""
    return _READ_ACCOUNT.replace("@@HL", mark).encode()


def swap_command(old_sha256: str | None, new_sha256: str | None, length: int, file: str, mark: str) -> str:
    """The command line that swaps a file; without a new hash it takes the file away.

    `file` is relative to the home, or absolute inside it.
    """
    return f"sh -c '{SWAP_FILE}' hl {old_sha256 or 'none'} {new_sha256 or 'none'} {length} {_quoted(file)} {mark}"


def _quoted(word: str) -> str:
    """A word for any login shell. Only plain path characters get through: tcsh and fish differ about the rest."""
    if not word or not all(char.isalnum() or char in "/._-+@%:," for char in word) or word.startswith("-"):
        raise ValueError(f"no path that is safe in every shell: {word!r}")
    return f"'{word}'"
