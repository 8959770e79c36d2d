#!/bin/sh
# Builds what a visitor's machine has beside the Debian root: visitor.sh BASE OUT WORK
# OUT is the directory to create, the layer over BASE; WORK a scratch directory on the same file system.
set -eu
base=$1 out=$2 work=$3 root=$3/root

# Browsers, and each of the tools that may own a machine's network and its names.
packages="chromium firefox-esr network-manager ifupdown nscd unbound dns-root-data systemd-resolved"
# Each takes /etc/resolv.conf as soon as it is installed, so a scenario installs it: dpkg -i /var/cache/apt/archives/NAME_*.deb
later="resolvconf openresolv"
# Installed stopped and disabled, as all servers of the lab.
servers="NetworkManager NetworkManager-dispatcher NetworkManager-wait-online networking nscd unbound unbound-resolvconf
  systemd-resolved ModemManager wpa_supplicant"

mkdir -p "$out" "$work/work" "$root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$out,workdir=$work/work" "$root"
trap 'umount -l "$root/proc" "$root/dev" "$root"' EXIT
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod +x "$root/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/visitor.sources"
apt-config dump Acquire >"$root/etc/apt/apt.conf.d/visitor"
chroot "$root" env DEBIAN_FRONTEND=noninteractive sh -euc "
  apt-get update -qq
  mkdir /opt/later && cd /opt/later && apt-get download -q $later
  apt-get install -qq -y --no-install-recommends $packages
  apt-get clean"
for unit in $servers; do
  systemctl --root="$root" disable -q "$unit" 2>/dev/null || true
  systemctl --root="$root" unmask -q "$unit" 2>/dev/null || true
done
systemctl --root="$root" mask -q NetworkManager-wait-online.service
rm -f "$root/usr/sbin/policy-rc.d" "$root/etc/apt/apt.conf.d/visitor" "$root/etc/apt/sources.list.d/visitor.sources" \
  "$root/etc/resolv.conf"
: >"$root/etc/resolv.conf"
mv "$root"/opt/later/* "$root/var/cache/apt/archives" && rmdir "$root/opt/later"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/usr/share/doc/* "$root"/usr/share/man/* \
  "$root"/usr/share/locale/* "$root"/usr/share/icons/* "$root"/var/log/apt "$root"/var/log/dpkg.log
