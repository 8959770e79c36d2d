#!/bin/sh
# Builds the Debian root that every lab host starts from: build.sh OUT WORK
# OUT is the directory to create, WORK a scratch directory on the same file system.
set -eu
out=$1 work=$2

# One line per role, so that a missing server is easy to find.
packages="systemd systemd-sysv libpam-systemd dbus dbus-user-session udev kmod procps iproute2 iputils-ping nftables iptables
  ca-certificates openssl curl logrotate cron less bind9-dnsutils
  nginx
  php8.2-fpm php8.2-mysql php8.2-pgsql php8.2-curl php-redis
  apache2 libapache2-mod-php8.2 libapache2-mod-security2
  uwsgi uwsgi-plugin-python3 gunicorn python3 python3-psycopg2 nodejs
  mariadb-server postgresql redis-server memcached dnsmasq
  firewalld ucf debconf fail2ban conntrack"
# They exclude each other, so a scenario installs the one that its host has: dpkg -i /var/cache/apt/archives/NAME_*.deb
later="ufw iptables-persistent netfilter-persistent"

# Servers are installed stopped and disabled: a stack enables what it uses.
servers="nginx php8.2-fpm apache2 uwsgi mariadb postgresql redis-server memcached dnsmasq nftables firewalld fail2ban cron
  apache-htcacheclean e2scrub_all.timer apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer
  phpsessionclean.timer fstrim.timer e2scrub_reap"

mkdir -p "$work/tmp"
TMPDIR=$work/tmp mmdebstrap --mode=root --variant=minbase \
  --aptopt='APT::Install-Recommends "false"' \
  --include="$(echo $packages | tr ' ' ,)" \
  --essential-hook='printf "#!/bin/sh\nexit 101\n" >"$1/usr/sbin/policy-rc.d"; chmod +x "$1/usr/sbin/policy-rc.d"' \
  --customize-hook='rm "$1/usr/sbin/policy-rc.d"' \
  --customize-hook="mkdir \"\$1/opt/later\" && chroot \"\$1\" sh -c 'cd /opt/later && apt-get download -q $later'" \
  bookworm "$out" /etc/apt/sources.list.d/debian.sources

for unit in $servers; do systemctl --root="$out" disable -q "$unit" 2>/dev/null || true; done
# No stray units of the base may need the network or a seat.
systemctl --root="$out" mask -q systemd-networkd-wait-online.service getty@.service console-getty.service \
  systemd-timesyncd.service systemd-resolved.service 2>/dev/null || true
rm -f "$out/etc/nginx/sites-enabled/default" "$out/etc/apache2/sites-enabled/000-default.conf"
echo 5f3a9c2e7d1b4860a1c3e5f708192a3b >"$out/etc/machine-id"
echo web1 >"$out/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 web1\n::1 localhost ip6-localhost\n' >"$out/etc/hosts"
: >"$out/etc/resolv.conf"
rm -rf "$out"/var/lib/apt/lists/* "$out"/var/cache/apt/*.bin "$out"/usr/share/doc/* "$out"/usr/share/man/* \
  "$out"/usr/share/locale/* "$out"/var/log/nginx/* "$out"/var/log/apache2/*
mv "$out"/opt/later/* "$out/var/cache/apt/archives" && rmdir "$out/opt/later"
