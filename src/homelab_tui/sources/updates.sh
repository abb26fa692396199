# How many packages wait to be updated, for `homelab`: asks the package manager's own caches. Downloads nothing, changes
# nothing, needs no root. Apart from probe.sh, because it costs a Pi seconds of CPU. POSIX sh (dash, bash, busybox).
LC_ALL=C; export LC_ALL; PATH=$PATH:/usr/sbin:/sbin; export PATH
W=; timeout 1 true >/dev/null 2>&1 </dev/null && W="timeout 50"
N=; command -v nice >/dev/null 2>&1 && N="nice -n 19"
c() { n=$1; shift; printf '@@ cmd %s\n' "$n"; $N $W "$@" 2>/dev/null </dev/null; rc=$?; echo; echo "@@ rc $rc"; }
echo "@@ probe 3"
# The first that answers counts: a node may have another distribution's tool lying about.
# -s simulates: without locks, and so without root.
rc=127; command -v apt-get >/dev/null 2>&1 && c apt apt-get -s -q -o Debug::NoLocking=true upgrade
# -C: root's cache as it is. A user's own would be fetched first.
case $rc in 0) ;; *) command -v dnf >/dev/null 2>&1 && c dnf dnf -C -q --color=never check-update ;; esac
case $rc in 0 | 100) ;; *) command -v apk >/dev/null 2>&1 && c apk apk --no-network version -q -l '<' ;; esac
echo "@@ end"
