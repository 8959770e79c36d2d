shop_python
neighbour_fpm
listens="$listens :3031"
cat >/srv/app/uwsgi.ini <<'INI'
[uwsgi]
plugin = python3
chdir = /srv/app
module = shop:application
master = true
processes = 2
socket = 127.0.0.1:3031
INI
unit app '/usr/bin/uwsgi --ini /srv/app/uwsgi.ini' User=www-data KillSignal=SIGQUIT Type=notify
site shop.example timed <<'NGINX'
    location / {
        include uwsgi_params;
        uwsgi_pass 127.0.0.1:3031;
        uwsgi_read_timeout 4s;
    }
NGINX
