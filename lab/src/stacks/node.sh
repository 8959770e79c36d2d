mkdir -p /srv/app
cat >/srv/app/server.js <<'JS'
const http = require('http');

const pages = {
  '/': (req, res) => res.end('<h1>Shop</h1>\n'),
  '/report': (req, res) => res.end('<h1>Report</h1>\n'),
};

http.createServer((req, res) => {
  const page = pages[req.url];
  if (page) return page(req, res);
  res.statusCode = 404;
  res.end('not found\n');
}).listen(3000, '127.0.0.1');
JS
neighbour_fpm
listens="$listens :3000"
unit app '/usr/bin/node /srv/app/server.js' User=www-data WorkingDirectory=/srv/app
shop_proxy http://127.0.0.1:3000 timed
