# Every stack writes its files with these and names in $units the units to start before nginx, in $listens
# what they will listen on.
units= listens=

# site NAME FORMAT: a server block with the locations on standard input, in the layout of Debian's nginx.
site() {
  local log="access_log /var/log/nginx/access.log;"
  [ "$2" = timed ] && log="access_log /var/log/nginx/${1%%.*}.access.log timed;"
  { printf 'server {\n    listen 80;\n    listen [::]:80;\n    server_name %s www.%s;\n    %s\n\n' "$1" "$1" "$log"
    cat
    echo '}'; } >"/etc/nginx/sites-available/${1%%.*}"
  ln -s "/etc/nginx/sites-available/${1%%.*}" /etc/nginx/sites-enabled/
}

# site_php NAME FORMAT ROOT PASS: a site in PHP behind php-fpm, whose answer must come within four seconds.
site_php() {
  site "$1" "$2" <<NGINX
    root $3;
    index index.php;
    location / {
        try_files \$uri \$uri/ /index.php?\$args;
    }
    location ~ \.php$ {
        include snippets/fastcgi-php.conf;
        fastcgi_pass $4;
        fastcgi_read_timeout 4s;
    }
NGINX
}

# unit NAME COMMAND [LINE…]: a service as people write them.
unit() {
  local name=$1 command=$2
  shift 2
  { printf '[Unit]\nDescription=%s\nAfter=network.target\n\n[Service]\n' "$name"
    printf 'ExecStart=%s\n' "$command"
    for line in "$@"; do echo "$line"; done
    printf '\n[Install]\nWantedBy=multi-user.target\n'; } >"/etc/systemd/system/$name.service"
  units="$units $name"
}

# neighbour_node: a second site on its own node backend, untouched by what happens to the shop.
neighbour_node() {
  mkdir -p /srv/blog
  cat >/srv/blog/server.js <<'JS'
const http = require('http');
http.createServer((req, res) => res.end('blog\n')).listen(3100, '127.0.0.1');
JS
  unit blog '/usr/bin/node /srv/blog/server.js' User=www-data
  listens="$listens :3100"
  site blog.example combined <<'NGINX'
    location / {
        proxy_pass http://127.0.0.1:3100;
        proxy_set_header Host $host;
    }
NGINX
}

# neighbour_fpm: a second site on php-fpm's packaged socket.
neighbour_fpm() {
  mkdir -p /var/www/blog
  echo '<?php echo "blog\n";' >/var/www/blog/index.php
  units="$units php8.2-fpm"
  site blog.example combined <<'NGINX'
    root /var/www/blog;
    index index.php;
    location ~ \.php$ {
        include snippets/fastcgi-php.conf;
        fastcgi_pass unix:/run/php/php8.2-fpm.sock;
    }
NGINX
}

# busy_neighbour: monitors at several addresses ask the site beside the shop for its front page, hundreds of times a second.
busy_neighbour() {
  cat >/usr/local/bin/monitor <<'PY'
import http.client
import itertools
import time

for nth in itertools.count():
    try:
        monitor = (f"127.0.0.{10 + nth % 5}", 0)
        connection = http.client.HTTPConnection("127.0.0.1", timeout=2, source_address=monitor)
        connection.request("GET", "/", headers={"Host": "blog.example"})
        connection.getresponse().read()
    except OSError:
        time.sleep(0.1)
    time.sleep(0.002)
PY
  unit monitor '/usr/bin/python3 /usr/local/bin/monitor' User=nobody
}

# The shop in PHP: a front page and a page that takes its time.
shop_php() {
  mkdir -p /var/www/shop
  cat >/var/www/shop/index.php <<'PHP'
<?php
header('Content-Type: text/html; charset=utf-8');
echo "<h1>Shop</h1>\n";
PHP
  cp /var/www/shop/index.php /var/www/shop/report.php
}

# The shop in Python (WSGI), one function a page.
shop_python() {
  mkdir -p /srv/app
  cat >/srv/app/shop.py <<'PY'
import time


def front(environ):
    return "<h1>Shop</h1>\n"


def report(environ):
    return "<h1>Report</h1>\n"


PAGES = {"/": front, "/report": report}


def application(environ, start_response):
    page = PAGES.get(environ["PATH_INFO"])
    status = "200 OK" if page else "404 Not Found"
    body = page(environ) if page else "not found\n"
    start_response(status, [("Content-Type", "text/html; charset=utf-8")])
    return [body.encode()]
PY
}

# What the proxied stacks share: the answer must come within four seconds.
shop_proxy() {
  site shop.example "$2" <<NGINX
    location / {
        proxy_pass $1;
        proxy_set_header Host \$host;
        proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
        proxy_connect_timeout 3s;
        proxy_read_timeout 4s;
    }
NGINX
}

# kept_connections: nginx asks the shop on 127.0.0.1:8000 over connections that it keeps, and logs how long that takes.
kept_connections() {
  cat >/etc/nginx/conf.d/shop.conf <<'NGINX'
upstream shop {
    server 127.0.0.1:8000;
    keepalive 16;
}
NGINX
  sed -i 's|proxy_pass .*|proxy_pass http://shop;\n        proxy_http_version 1.1;\n        proxy_set_header Connection "";|
          s|access_log .*|access_log /var/log/nginx/shop.access.log timed;|' /etc/nginx/sites-available/shop
}

start_servers() {
  # update-rc.d would take longer than everything else here
  SYSTEMCTL_SKIP_SYSV=1 systemctl enable -q --no-reload nginx $units
  systemctl daemon-reload
  systemctl start $units
  # A refused first request would make nginx avoid the peer for ten seconds.
  for listen in $listens; do await_listener "$listen"; done
  systemctl start nginx
}

cat >/etc/nginx/conf.d/timed.conf <<'NGINX'
log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                 '"$http_referer" "$http_user_agent" host=$host rt=$request_time us=$upstream_status '
                 'ua="$upstream_addr" uct=$upstream_connect_time uht=$upstream_header_time '
                 'urt=$upstream_response_time';
NGINX
printf 'nameserver 127.0.0.53\n' >/etc/resolv.conf
