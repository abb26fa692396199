"""What is run as root while a node's sshd is told to take keys only."""

import base64
import shlex

DROP_IN = "/etc/ssh/sshd_config.d/00-homelab.conf"
"""Sorts before everything that a distribution or cloud-init puts there: for sshd the first value wins."""
HEADER = "# written by homelab keys harden; undo: homelab keys harden --undo"
CONTENT = f"""{HEADER}
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
"""
_ROLLBACK = "/etc/ssh/.homelab-rollback"

# An sshd that a socket of systemd's starts (Ubuntu) may not bind its address itself: it dies of a reload, and would
# come back only with the next connection. A restart keeps the sessions too (KillMode=process). Whatever is broken in
# the files ends an sshd that reads them anew (Debian's unit looks first, RHEL's does not): so never without `sshd -t`.
_RELOAD = r"""
reload() {
  if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then
    for unit in ssh sshd; do
      if systemctl -q is-active "$unit.service"; then
        sshd -t 2>/dev/null || return 1
        systemctl -q is-active "$unit.socket" || ! systemctl reload "$unit.service" || return 0
        systemctl try-restart "$unit.service"
        return
      fi
    done
    return 0
  fi
  pidfile=$(sshd -T -C user=root,host=localhost,addr=127.0.0.1 2>/dev/null | sed -n 's/^pidfile //p')
  sshd -t 2>/dev/null && kill -HUP "$(cat "${pidfile:-/run/sshd.pid}")"
}
"""

# Only one of rollback and disarming can rename the script away: whoever does decides.
_ROLL_BACK = r"""
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH
r=@R; f=@F
mv -- "$r" "$r.running" 2>/dev/null || exit 3
if [ -e "$r.before" ]; then mv -f -- "$r.before" "$f"; else rm -f -- "$f"; fi
sync
@RELOAD
# Not reloaded by us: what else waits in those files for a reload must not come into force now.
if [ -e "$r.reloaded" ]; then
  reload
  # One that did not survive what is taken back now, or that systemd has tried to start too often.
  for unit in ssh.socket ssh.service sshd.socket sshd.service; do
    if systemctl -q is-failed "$unit" 2>/dev/null; then systemctl reset-failed "$unit"; systemctl start "$unit"; fi
  done
fi
rm -f -- "$r.running" "$r.reloaded"
"""

_ARM = r"""
f=@F; r=@R
command -v sshd >/dev/null 2>&1 || { say NOSSHD; exit 1; }
[ -d /run/sshd ] || mkdir -m 755 /run/sshd 2>/dev/null
why=$(sshd -t 2>&1) || { say BADBEFORE "$(printf %s "$why" | tr '\n' ' ')"; exit 1; }
if [ ! -d "${f%/*}" ] || ! grep -Eiq '^[[:space:]]*Include[[:space:]].*sshd_config\.d' /etc/ssh/sshd_config; then
  say NOINCLUDE; exit 1
fi
for other in /etc/ssh/.homelab-rollback.*; do
  case $other in *.before|*.running|*.done|*.reloaded|*'*') continue;; esac
  [ -z "$(find "$other" -mmin +60 2>/dev/null)" ] && { say PENDING "$other"; exit 1; }
  rm -f -- "$other" "$other.before" "$other.reloaded"
done
if [ -e "$f" ]; then cp -p -- "$f" "$r.before" || { say WRITE; exit 1; }; fi
printf %s @ROLLBACK64 | base64 -d >"$r" || { say WRITE; exit 1; }
sync
# AccuracySec: a timer may else fire up to a minute late, and whoever waits for the rollback would give up before it.
if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1 &&
   systemd-run --quiet --collect --on-active=@SECONDS --timer-property=AccuracySec=1s \
     --unit=homelab-rollback-@TOKEN /bin/sh "$r" >/dev/null 2>&1
then say ARMED systemd
else
  command -v setsid >/dev/null 2>&1 && s=setsid || s=
  # It says itself that it is there, and this waits until its output is closed: nothing is armed before that.
  there=$(nohup $s sh -c "echo there; exec >/dev/null; sleep @SECONDS; sh $r" 2>/dev/null </dev/null &)
  [ "$there" = there ] || { rm -f -- "$r" "$r.before"; say NOTIMER; exit 1; }
  say ARMED
fi
"""

_WRITE = r"""
f=@F; r=@R
[ -e "$r" ] || { say GONE; exit 1; }
printf %s @CONTENT64 | base64 -d >"$f.new" && chmod 644 "$f.new" && mv -f -- "$f.new" "$f" || { say WRITE; exit 1; }
command -v restorecon >/dev/null 2>&1 && restorecon -F "$f"
sync
why=$(sshd -t 2>&1) || { say BADCONFIG "$(printf %s "$why" | tr '\n' ' ')"; exit 1; }
sshd -T -C @WHO | while read -r line; do say CONF "$line"; done
for group in $(id -Gn @USER 2>/dev/null); do say GROUP "$group"; done
revoked=$(sshd -T -C @WHO | sed -n 's/^revokedkeys //p')
[ -z "$revoked" ] || [ "$revoked" = none ] || [ -r "$revoked" ] || say NOREVOKED "$revoked"
say WRITTEN
"""

_DISARM = r"""
f=@F; r=@R
mv -- "$r" "$r.done" 2>/dev/null || { say GONE; exit 1; }
rm -f -- "$r.done" "$r.before" "$r.reloaded"
@STOP_TIMER
[ -e "$f" ] || { say GONE; exit 1; }
say DISARMED
"""

_STOP_TIMER = "[ -d /run/systemd/system ] && systemctl stop homelab-rollback-@TOKEN.timer >/dev/null 2>&1"

_UNDO = r"""
f=@F
[ -e "$f" ] || { say NOTHING; exit 0; }
grep -q '^# written by homelab' "$f" || { say FOREIGN; exit 1; }
[ -d /run/sshd ] || mkdir -m 755 /run/sshd 2>/dev/null
mv -- "$f" "$f.undone" || { say WRITE; exit 1; }
why=$(sshd -t 2>&1) || { mv -- "$f.undone" "$f"; say BADCONFIG "$(printf %s "$why" | tr '\n' ' ')"; exit 1; }
rm -f -- "$f.undone"
sync
@RELOAD
reload || { say RELOAD; exit 1; }
sleep 1
say UNDONE
"""


class HardeningScripts:
    """The scripts of one run; `token` names its rollback."""

    def __init__(self, token: str, rollback_s: int) -> None:
        self._token = token
        self._rollback_s = rollback_s

    def arm(self) -> str:
        """Puts the rollback in place, and its timer: from now on the node helps itself."""
        return self._filled(_ARM).replace("@ROLLBACK64", _base64(self._filled(_ROLL_BACK)))

    def write(self, user: str, place: str) -> str:
        """Writes the drop-in, checks it, and tells what sshd would do for this account on a connection like ours.

        `place` is how sshd names that connection: `host=…,addr=…,laddr=…,lport=…`.
        """
        script = self._filled(_WRITE).replace("@CONTENT64", _base64(CONTENT))
        return script.replace("@WHO", shlex.quote(f"user={user},{place}")).replace("@USER", shlex.quote(user))

    def reload(self) -> str:
        """Makes sshd read its configuration; sessions stay."""
        return self._filled('@RELOAD\n: >"@R.reloaded"\nreload || { say RELOAD; exit 1; }\nsleep 1\nsay RELOADED')

    def disarm(self) -> str:
        """Ends the rollback; GONE when it was faster."""
        return self._filled(_DISARM)

    def roll_back(self) -> str:
        """Does at once what the timer would do."""
        return self._filled("sh @R; sleep 1; [ -e @R ] && { say WRITE; exit 1; }\n@STOP_TIMER\nsay ROLLED")

    def undo(self) -> str:
        """Takes the drop-in away, if it is ours."""
        return self._filled(_UNDO)

    def _filled(self, script: str) -> str:
        words = {
            "@RELOAD": _RELOAD,
            "@STOP_TIMER": _STOP_TIMER,
            "@SECONDS": str(self._rollback_s),
            "@TOKEN": self._token,
            "@R": f"{_ROLLBACK}.{self._token}",
            "@F": DROP_IN,
        }
        # @ROLLBACK64 begins like @R: it is filled in by the caller, so it is kept out of the way here.
        script = script.replace("@ROLLBACK64", "\0")
        for word, value in words.items():  # the longer words first: @RELOAD begins like @R too
            script = script.replace(word, value)
        return script.replace("\0", "@ROLLBACK64")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
