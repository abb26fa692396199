"""What systemd does to sshd and to a transient timer, for machines that it has not booted (a container, CI).

Two programs that sudo finds first: `systemctl` knows one service, `ssh.service`, whose main process is the real sshd
and whose reload is Debian's (`sshd -t`, then SIGHUP); `systemd-run` starts a timer that is nobody's child, outlives the
session and is a unit that `systemctl stop` ends. They refuse every option that the real ones would not know, and every
call is written down. Which options the real programs know, `test_hardening_by_systemd` asks the real ones, and
`test_booted_debian` does the same to a node that systemd has booted.
"""

_LOG = "/etc/ssh/systemd.log"
_UNITS = "/run/systemd/units"

SYSTEMCTL = f"""echo "systemctl $*" >>{_LOG}
verb= units=
for word; do case $word in
  -q|--quiet) ;;
  -*) echo "systemctl: unrecognized option '$word'" >&2; exit 1 ;;
  *) if [ -z "$verb" ]; then verb=$word; else units="$units $word"; fi ;;
esac; done
main_pid() {{ cat "$(sshd -T 2>/dev/null | sed -n 's/^pidfile //p')"; }}
for unit in $units; do case $verb:$unit in
  is-active:ssh.service) kill -0 "$(main_pid)" || exit 3 ;;
  is-active:*) exit 3 ;;
  is-failed:*) exit 1 ;;
  reload:ssh.service)
    [ ! -e /etc/ssh/no-reload ] || {{ echo "Job for ssh.service failed." >&2; exit 1; }}
    sshd -t || {{ echo "Job for ssh.service failed." >&2; exit 1; }}
    kill -HUP "$(main_pid)" ;;
  try-restart:ssh.service) echo "Job for ssh.service failed." >&2; exit 1 ;;
  stop:*.timer)
    [ -e {_UNITS}/"$unit" ] || {{ echo "Failed to stop $unit: Unit $unit not loaded." >&2; exit 5; }}
    kill -- -"$(cat {_UNITS}/"$unit")"; rm -f {_UNITS}/"$unit" ;;
  *) echo "Unknown command verb $verb, or no unit $unit." >&2; exit 5 ;;
esac; done
"""

SYSTEMD_RUN = f"""echo "systemd-run $*" >>{_LOG}
[ "$(id -u)" = 0 ] || {{ echo "Failed to start transient timer unit: Access denied" >&2; exit 1; }}
delay= unit=
while :; do case $1 in
  --quiet|--collect|--timer-property=AccuracySec=1s) ;;
  --on-active=*) delay=${{1#*=}} ;;
  --unit=*) unit=${{1#*=}} ;;
  --*) echo "systemd-run: unrecognized option '$1'" >&2; exit 1 ;;
  *) break ;;
esac; shift; done
[ ! -e {_UNITS}/"$unit".timer ] || {{ echo "Unit $unit.timer already exists." >&2; exit 1; }}
setsid sh -c 'sleep "$0"; rm -f "$1"; shift; exec "$@"' "$delay" {_UNITS}/"$unit".timer "$@" \\
  >/dev/null 2>&1 </dev/null &
echo $! >{_UNITS}/"$unit".timer
"""

PROGRAMS = {"systemctl": SYSTEMCTL, "systemd-run": SYSTEMD_RUN}
