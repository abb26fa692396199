# Describes a node, for `homelab`: reads files, asks programs, changes nothing, needs no root. POSIX sh (dash, bash, busybox).
# Prints sections: "@@ file PATH" and the file's lines; "@@ cmd NAME", the output, "@@ rc STATUS"; "@@ miss NAME" where the
# program is absent; "@@ hex NAME" and bytes. All parsing happens at the reader. PROBE_ROOT puts another tree under the paths.
LC_ALL=C; export LC_ALL; PATH=$PATH:/usr/sbin:/sbin; export PATH; R=${PROBE_ROOT:-}
# A dead NFS server or a stuck bus shall not hold the probe. Old busybox has another syntax: without it, then.
W=; timeout 1 true >/dev/null 2>&1 </dev/null && W="timeout 4"
s() { printf '@@ %s\n' "$1"; }
# Whole files, at most 64 KB of each.
f() { for p; do [ -f "$R$p" ] && [ -r "$R$p" ] && { s "file $p"; head -c 65536 "$R$p" 2>/dev/null; echo; }; done; }
# Files of one line, a NUL at its end or not, read without starting a program: a Pi has a hundred of them.
v() { for p; do if [ -f "$R$p" ] && [ -r "$R$p" ]; then l=; { read -r l <"$R$p"; } 2>/dev/null; [ -n "$l" ] && { s "file $p"; printf '%s\n' "$l"; }; fi; done; }
# Programs: c NAME PROGRAM ARGUMENT...
c() { n=$1; shift; if command -v "$1" >/dev/null 2>&1; then s "cmd $n"; $W "$@" 2>/dev/null </dev/null; rc=$?; echo; echo "@@ rc $rc"; else rc=127; s "miss $n"; fi; }
# Bytes as hexadecimal digits.
x() { [ -f "$R$2" ] && [ -r "$R$2" ] && command -v od >/dev/null 2>&1 && { s "hex $1"; od -An -v -tx1 "$R$2" 2>/dev/null; }; }

s "probe 4"
# These two cannot hang: no other program is started to watch them.
w=$W; W=
c date date -u +%s
c uname uname -srm
W=$w
if [ -r "$R/etc/os-release" ]; then f /etc/os-release; else f /usr/lib/os-release; fi
v /etc/machine-id /var/lib/dbus/machine-id /proc/uptime /proc/loadavg /proc/version /proc/sys/kernel/random/boot_id /proc/sys/kernel/hostname
f /proc/meminfo /proc/swaps
s "file /proc/cpuinfo"
grep -aE '^(processor|model name|Model|Revision|Serial|Hardware|cpu cores|siblings|physical id|core id|CPU part|CPU implementer|isa)[[:space:]]*:' "$R/proc/cpuinfo" 2>/dev/null </dev/null
v /sys/devices/system/cpu/online /sys/devices/system/cpu/present /sys/devices/cpu_core/cpus /sys/devices/cpu_atom/cpus /sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq

d=/sys/firmware/devicetree/base
v $d/model $d/serial-number $d/hat/product $d/hat/vendor $d/hat/product_ver $d/hat/uuid
x linux,revision $d/system/linux,revision
# The EEPROM of a Pi 4 and 5: four bytes, seconds since 1970.
x bootloader $d/chosen/bootloader/build-timestamp
for k in sys_vendor product_name product_version board_vendor board_name bios_version bios_date chassis_type; do v "/sys/class/dmi/id/$k"; done
v /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max

for d in "$R"/sys/class/power_supply/*; do f "${d#"$R"}/uevent"; done
for d in "$R"/sys/class/thermal/thermal_zone*; do v "${d#"$R"}/type" "${d#"$R"}/temp"; done
for d in "$R"/sys/class/thermal/cooling_device*; do v "${d#"$R"}/type" "${d#"$R"}/cur_state" "${d#"$R"}/max_state"; done
for d in "$R"/sys/class/hwmon/hwmon*; do for a in name temp1_input temp1_label temp1_crit fan1_input pwm1 in0_lcrit_alarm; do v "${d#"$R"}/$a"; done; done
v /sys/devices/platform/soc/soc:firmware/get_throttled /sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled
c throttled vcgencmd get_throttled

for d in "$R"/sys/block/*; do
	b=${d##*/}
	case $b in loop* | ram* | zram* | dm-* | sr* | fd* | nbd* | zd* | md* | rbd* | drbd* | mtdblock* | mmcblk*boot* | mmcblk*rpmb) continue ;; esac
	for a in size removable ro queue/rotational device/model device/vendor device/name device/type device/life_time device/pre_eol_info device/date device/manfid device/oemid device/firmware_rev stat; do v "/sys/block/$b/$a"; done
done
s "file /proc/mounts"
grep -aE '^/dev/|^overlay |^[^ ]+ / ' "$R/proc/mounts" 2>/dev/null </dev/null
c df df -Pk /

for d in "$R"/sys/class/net/*; do i=${d##*/}; [ -e "$d/device" ] && v "/sys/class/net/$i/address" "/sys/class/net/$i/speed" "/sys/class/net/$i/operstate" "/sys/class/net/$i/duplex"; done
c ip ip -j addr
[ "$rc" = 0 ] || c ipo ip -o addr
f /proc/net/route

c virt systemd-detect-virt
# Each look at timedatectl starts a service that ends half a minute later; timesyncd leaves a file that says it as well.
t=$(find "$R/run/systemd/timesync/synchronized" -mmin -180 2>/dev/null </dev/null)
if [ -n "$t" ]; then s "cmd timedate"; echo NTPSynchronized=yes; echo "@@ rc 0"; else c timedate timedatectl show -p NTPSynchronized; fi
c failed systemctl --failed --no-legend --plain
# What update-notifier counted when apt last ran: costs nothing. Asking apt itself costs seconds: see updates.sh.
u=/var/lib/update-notifier/updates-available
[ -r "$R$u" ] && { f $u; c updated stat -c %Y "$R$u"; c installed stat -c %Y "$R/var/lib/dpkg/status"; }
{ [ -e "$R/run/reboot-required" ] || [ -e "$R/var/run/reboot-required" ]; } && s reboot-required
s end
