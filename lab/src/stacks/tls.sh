# A certificate authority of the host's own and a certificate for shop.internal by it.
# Both servers behind TLS read at start: /srv/tls/strict, they want a name; /srv/tls/old, nothing newer than TLS 1.2.
mkdir -p /srv/tls
cat >/srv/tls/issue <<'SH'
#!/bin/sh
# issue CA FROM TO: a certificate for shop.internal by that authority, which is made if need be; times as 20260101000000Z
cd /srv/tls
new="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
[ -f "$1.pem" ] || openssl req -x509 $new -days 3650 -subj "/CN=$1 authority" -keyout "$1.key" -out "$1.pem"
openssl req $new -subj /CN=shop.internal -keyout key.pem -out request.pem
: >index.txt
cat >ca.cnf <<'CNF'
[ca]
default_ca = it
[it]
database = /srv/tls/index.txt
new_certs_dir = /srv/tls
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:shop.internal
CNF
openssl ca -batch -notext -config ca.cnf -cert "$1.pem" -keyfile "$1.key" -in request.pem -out cert.pem -startdate "$2" -enddate "$3"
chmod 644 key.pem
SH
chmod +x /srv/tls/issue
/srv/tls/issue ours 20200101000000Z 20490101000000Z 2>/dev/null

# tls_proxy ADDRESS: nginx asks it over TLS, by its name, and verifies it.
tls_proxy() {
  site shop.example timed <<NGINX
    location / {
        proxy_pass https://$1;
        proxy_ssl_server_name on;
        proxy_ssl_name shop.internal;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /srv/tls/ours.pem;
        proxy_set_header Host \$host;
        proxy_connect_timeout 3s;
        proxy_read_timeout 4s;
    }
NGINX
}
