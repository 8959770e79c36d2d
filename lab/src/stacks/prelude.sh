# Before every script that runs in a host; the scenario's limit ends what would wait for ever.
await_listener() { until ss -Hlntx | grep -q -- "$1"; do sleep 0.05; done; }
await_failure() { until systemctl is-failed -q "$1"; do sleep 0.05; done; }
# Control groups that limit and count: systemd-nspawn mounts those of the older hierarchy read-only.
own_limits() {
  [ -d /sys/fs/cgroup/memory ] || return 0
  for controller in memory pids cpu cpuacct blkio; do mount -o remount,rw,bind "/sys/fs/cgroup/$controller"; done
  systemctl daemon-reexec
}
# limit UNIT LINE…: settings of a service in a drop-in, as `systemctl edit` leaves them.
limit() {
  mkdir -p "/etc/systemd/system/$1.service.d"
  { echo '[Service]'; printf '%s\n' "${@:2}"; } >"/etc/systemd/system/$1.service.d/override.conf"
  systemctl daemon-reload
}
# own_filesystem DIR SIZE: a small file system of its own for a directory and what is in it.
own_filesystem() {
  mkdir -p /srv/move && cp -a "$1/." /srv/move/
  mount -t tmpfs -o "size=$2,mode=$(stat -c %a "$1"),uid=$(stat -c %u "$1"),gid=$(stat -c %g "$1")" tmpfs "$1"
  cp -a --sparse=never /srv/move/. "$1/" && rm -r /srv/move
}
# fill FILE: takes all the room that is left.
fill() { dd if=/dev/zero of="$1" bs=4k status=none 2>/dev/null || true; }
