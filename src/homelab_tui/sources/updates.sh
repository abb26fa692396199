# How many packages wait to be updated, for `homelab`: asks the package manager's own caches. Downloads nothing, changes
# nothing, needs no root. Apart from probe.sh, because it costs a Pi seconds of CPU. POSIX sh (dash, bash, busybox).
LC_ALL=C; export LC_ALL; PATH=$PATH:/usr/sbin:/sbin; export PATH
W=; timeout 1 true >/dev/null 2>&1 </dev/null && W="timeout 15"
N=; command -v nice >/dev/null 2>&1 && N="nice -n 19"
c() { n=$1; shift; printf '@@ cmd %s\n' "$n"; $N $W "$@" 2>/dev/null </dev/null; rc=$?; echo; echo "@@ rc $rc"; }
echo "@@ probe 3"
# -s simulates: without locks, and so without root.
if command -v apt-get >/dev/null 2>&1; then c apt apt-get -s -q -o Debug::NoLocking=true upgrade
# -C: root's cache as it is. A user's own would be fetched first.
elif command -v dnf >/dev/null 2>&1; then c dnf dnf -C -q --color=never check-update
elif command -v apk >/dev/null 2>&1; then c apk apk --no-network version -q -l '<'
fi
echo "@@ end"
