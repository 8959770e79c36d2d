#!/bin/sh
# One lab host from start to end: host.sh NAME BASE DIR TOOL
#
# Owns everything a host leaves on the machine and takes it away when its standard input ends, which also happens
# when the lab is killed. Says `ready LEADER` when the host has booted. The order `reboot` waits for the host to
# go down and boots it again on the same disk.
set -u
name=$1 base=$2 dir=$3 tool=$4
outside=$name-o far=$name-f nspawn=none
groups=$(ls -d /sys/fs/cgroup/*/ | grep -v cpuset)
[ -f /sys/fs/cgroup/cgroup.controllers ] && groups=/sys/fs/cgroup/

take_away() {
  trap '' INT TERM HUP
  # The kernel reaps a leader only after everything in its pid namespace is gone, and nspawn waits for the leader.
  kill -9 $(cat "/proc/$nspawn/task/$nspawn/children") || kill -9 "$nspawn"
  wait
  umount -l "$dir/root"
  ip netns del "$name"
  ip netns del "$outside"
  ip netns del "$far"
  for group in $groups; do
    while read -r pid; do echo "$pid" >"$group/cgroup.procs"; done <"$group/$name/cgroup.procs"
    find "$group/$name" -depth -type d -exec rmdir {} +
  done
  rm -rf "$dir"
} 2>/dev/null
trap take_away EXIT
trap 'exit 1' INT TERM HUP

# The host's eth0 leads to a network of the lab's own where clients and a remote server live. Behind it, as behind a
# router, lies another machine, to which eth1 is a line of its own.
network() {
  ip netns add "$name" && ip netns add "$outside" && ip netns add "$far"
  ip -n "$name" link set lo up
  ip -n "$outside" link set lo up
  ip -n "$name" link add eth0 type veth peer name "$outside" netns "$outside" || return
  ip -n "$name" addr add 192.0.2.10/24 dev eth0
  ip -n "$outside" addr add 192.0.2.1/24 dev "$outside"
  ip -n "$outside" link set "$outside" up
  ip -n "$name" link set eth0 up
  ip -n "$name" route add default via 192.0.2.1
  ip -n "$outside" route add local 203.0.113.0/24 dev lo
  ip -n "$outside" addr add 192.0.2.7/24 dev "$outside"
  behind_the_router
}

behind_the_router() {
  ip -n "$far" link set lo up
  ip -n "$outside" link add far type veth peer name eth0 netns "$far" || return
  ip -n "$outside" addr add 198.51.100.1/26 dev far
  ip -n "$outside" link set far up
  ip -n "$far" addr add 198.51.100.2/26 dev eth0
  ip -n "$far" link set eth0 up
  ip -n "$far" route add default via 198.51.100.1
  ip netns exec "$outside" sysctl -qw net.ipv4.ip_forward=1
  ip -n "$name" link add eth1 type veth peer name eth1 netns "$far" || return
  ip -n "$name" addr add 198.51.100.70/26 dev eth1
  ip -n "$far" addr add 198.51.100.66/26 dev eth1
  ip -n "$far" link set eth1 up
  ip -n "$name" link set eth1 up
}

# Two hosts must not share a control group: each systemd believes it owns the whole tree.
own_groups() {
  for group in $groups; do
    mkdir -p "$group/$name" && echo $$ >"$group/$name/cgroup.procs"
  done 2>/dev/null
}

boot() {
  SYSTEMD_SECCOMP=0 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network systemd-nspawn --quiet --register=no --keep-unit \
    -D "$dir/root" --machine="$name" --hostname=web1 --network-namespace-path="/run/netns/$name" \
    --capability=all --drop-capability=CAP_SYS_TIME,CAP_SYS_MODULE,CAP_SYS_RAWIO --bind=/dev/kmsg \
    --bind-ro="$tool:/usr/local/bin/why502" --boot --console=read-only --resolv-conf=off --link-journal=no \
    </dev/null >"$dir/console" 2>&1 &
  nspawn=$!
  state=
  for _ in $(seq 200); do
    leader=$(cat "/proc/$nspawn/task/$nspawn/children" 2>/dev/null)
    leader=${leader% }
    [ -n "$leader" ] && state=$(nsenter -t "$leader" -a systemctl is-system-running 2>/dev/null)
    case ${state:-} in running|degraded) echo "ready $leader"; return ;; esac
    [ -d "/proc/$nspawn" ] || break
    sleep 0.05
  done
  echo "failed: $(tail -n 3 "$dir/console" | tr '\n' ' ')"
}

mkdir -p "$dir/upper" "$dir/work" "$dir/root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$dir/upper,workdir=$dir/work" "$dir/root" || exit 1
network || exit 1
own_groups
boot
while read -r order; do
  case $order in reboot) wait "$nspawn"; boot ;; esac
done
