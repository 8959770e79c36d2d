mkdir -p /srv/app
cat >/srv/app/server.js <<'JS'
const fs = require('fs');
const https = require('https');
const tls = require('tls');
const files = { key: fs.readFileSync('/srv/tls/key.pem'), cert: fs.readFileSync('/srv/tls/cert.pem') };
const strict = fs.existsSync('/srv/tls/strict');
const named = (name, done) => done(null, tls.createSecureContext(name === 'shop.internal' ? files : {}));
const options = strict ? { SNICallback: named } : files;
if (fs.existsSync('/srv/tls/old')) options.maxVersion = 'TLSv1.2';
https.createServer(options, (req, res) => res.end('<h1>Shop</h1>\n')).listen(3443, '127.0.0.1');
JS
neighbour_fpm
listens="$listens :3443"
unit app '/usr/bin/node /srv/app/server.js' User=www-data WorkingDirectory=/srv/app
tls_proxy 127.0.0.1:3443
