shop_python
neighbour_fpm
listens="$listens :8000"
unit app '/usr/bin/gunicorn --workers 2 --bind 127.0.0.5:8000 shop:application' \
  User=www-data WorkingDirectory=/srv/app
# The host's own resolver, and the one nginx asks; both serve the same zone.
printf '127.0.0.5 api.shop.internal\n' >/etc/zone.hosts
cat >/etc/dnsmasq.d/internal.conf <<'CONF'
no-resolv
no-hosts
bind-interfaces
listen-address=127.0.0.53
local=/internal/
addn-hosts=/etc/zone.hosts
CONF
sed 's/127.0.0.53/127.0.0.54/' /etc/dnsmasq.d/internal.conf >/etc/dnscache.conf
unit dnscache '/usr/sbin/dnsmasq --keep-in-foreground --conf-file=/etc/dnscache.conf'
units="$units dnsmasq"
site shop.example timed <<'NGINX'
    resolver 127.0.0.54 valid=1s ipv6=off;
    resolver_timeout 2s;
    location / {
        set $backend api.shop.internal;
        proxy_pass http://$backend:8000;
        proxy_set_header Host $host;
        proxy_connect_timeout 3s;
        proxy_read_timeout 4s;
    }
NGINX
