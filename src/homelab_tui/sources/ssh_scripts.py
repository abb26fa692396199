"""The shell that swaps an authorized_keys file on a node; the one that reads an account is in `ssh_account_script`.

POSIX sh and nothing newer, for busybox too. Every program that is started costs a node about a millisecond, more than
all else here: what the shell can do by itself, it does. Whatever a login shell, an rc file or a message of the day
prints around it is harmless: only what follows a marker counts.
"""

import secrets

MARK = "@@HL"
"""Begins every line that counts; a random word of each run follows, which no start file can print by accident."""

# The lock on what is open as 9. busybox's flock has no -w: there it is asked for once a second.
TAKE_LOCK = (
    "lock() { flock -n 9 && return 0; case $(flock --help 2>&1) in *-w*) flock -w 10 9; return ;; esac; "
    "k=0; until flock -n 9; do k=$((k + 1)); [ $k -le 10 ] || return 1; sleep 1; done; }"
)

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
    'h() { sum=$(sha256sum <"$1") && sum=${sum%% *}; }',
    r'say() { printf "\n%s %s\n" "$mark" "$*"; }',
    'stale() { say STALE "$sum"; exit 16; }',
    # Is the file still what was read? Asked before it is taken away, and before a failure is told: where somebody else
    # was faster, that comes first, and the caller begins again.
    'still() { if [ -e "$f" ]; then h "$f" || { say READ; exit 15; }; else sum=none; fi; '
    '[ "$sum" = "$old" ] || stale; }',
    'cd -- "$HOME" 2>/dev/null || { say NOHOME; exit 10; }',
    "case $f in */*) dir=${f%/*} ;; *) dir=. ;; esac",
    '[ -d "$dir" ] || mkdir -m 700 -- "$dir" || { say MKDIR; exit 11; }',
    'if [ -L "$f" ]; then f=$(readlink -f "$f") || { say BADLINK; exit 12; }; '
    'case $f in "$(readlink -f "$HOME")"/*) ;; *) say OUTSIDE "$f"; exit 12;; esac; fi',
    'if [ -e "$f" ]; then [ -f "$f" ] || { say NOTREG; exit 12; }; [ -O "$f" ] || { say OWNER; exit 12; }; fi',
    TAKE_LOCK,
    # A failing `exec` alone would end the shell without a word.
    'command exec 9<"$dir" || { say LOCKOPEN; exit 13; }',
    # Under the lock every other temporary file of ours is a dead writer's.
    "if command -v flock >/dev/null 2>&1; then lock || { say LOCK; exit 14; }; "
    'for left in "$f".hl.??????; do if [ -e "$left" ]; then rm -f -- "$left"; fi; done; fi',
    # "none" takes the file away: undoing the write that made it.
    'if [ "$new" = none ]; then still; rm -f -- "$f" || { say RENAME; exit 20; }; say OK; exit 0; fi',
    # The last six characters of the mark are as random as mktemp's would be; -C opens no file that is there already.
    "t=$f.hl.${mark#??????????????}",
    'set -C; true >"$t" || { still; say TMP; exit 17; }; set +C',
    # PIPE too: with the link gone, the very message about it would kill the shell before it has cleaned up.
    # The trap reads t when it runs: a link may lead to a file whose name means something to a shell.
    r'trap "rm -f -- \"\$t\"" EXIT',
    'trap "exit 30" HUP TERM INT PIPE',
    '[ "$old" = none ] || cp -a -- "$f" "$t" || { still; say COPY; exit 17; }',
    'head -c "$len" >"$t" || { still; say WRITE; exit 18; }',
    # One program hashes the old file and the new one. The old one is judged first: a writer who takes no lock is a
    # reason to begin again, never bytes that are missing. No globs (set -f), for among the words is the name of t.
    'set -f; if [ -e "$f" ]; then set -- $(sha256sum - "$t" <"$f"); else set -- none - $(sha256sum "$t"); fi',
    # It could not be opened, and can be now: somebody else was here.
    '[ "$2" = - ] || { still; stale; }',
    'sum=$1; [ "$sum" = "$old" ] || stale',
    # GNU's puts a backslash before the hash of a file whose name needs one.
    'case $3 in "$new"|?"$new") ;; *) say SHORT; exit 19 ;; esac',
    'sync "$t" 2>/dev/null || sync',
    'mv -f -- "$t" "$f" || { say RENAME; exit 20; }',
    "trap - EXIT HUP TERM INT PIPE",
    'command -v restorecon >/dev/null 2>&1 && restorecon -F "$dir" "$f"',
    'h "$f" && [ "$sum" = "$new" ] || { say VERIFY; exit 21; }',
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
    "TMP": "~/.ssh cannot be written to (read-only, full, over its quota, or not the account's); the file is as it was",
    "COPY": "authorized_keys cannot be copied (is the disk full, or a quota?); the file is as it was",
    "WRITE": "the new file cannot be written (is the disk full, or a quota?); the old one is as it was",
    "SHORT": "not everything arrived; the file is as it was",
    "RENAME": "authorized_keys cannot be replaced (is it immutable? lsattr shows it); the file is as it was",
    "VERIFY": "somebody else wrote to authorized_keys in the same moment; read it again before you go on",
}
"""Marker of SWAP_FILE -> what happened, as the end of a sentence that starts with the account."""


def new_mark() -> str:
    """The mark of one run."""
    return f"{MARK}{secrets.token_hex(8)}"


def swap_command(old_sha256: str | None, new_sha256: str | None, length: int, file: str, mark: str) -> str:
    """The command line that swaps a file; without a new hash it takes the file away.

    `file` is relative to the home, or absolute inside it.
    """
    return f"sh -c '{SWAP_FILE}' hl {old_sha256 or 'none'} {new_sha256 or 'none'} {length} {shell_word(file)} {mark}"


def shell_word(word: str) -> str:
    """A word for any login shell, quoted. Raises ValueError for all but plain path characters: tcsh and fish differ."""
    if not word or not all(char.isalnum() or char in "/._-+@%:," for char in word) or word.startswith("-"):
        raise ValueError(f"no path that is safe in every shell: {word!r}")
    return f"'{word}'"
