mkdir -p /srv/app
cat >/srv/app/daemon.py <<'PY'
import http.server, os, ssl, threading
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        body = b'<h1>Shop</h1>\n'
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command == 'GET':
            self.wfile.write(body)
    do_HEAD = do_GET
    def log_message(self, *args):
        pass
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('/srv/tls/cert.pem', '/srv/tls/key.pem')
if os.path.exists('/srv/tls/old'):
    context.maximum_version = ssl.TLSVersion.TLSv1_2
if os.path.exists('/srv/tls/strict'):
    context.sni_callback = lambda sock, name, ctx: None if name == 'shop.internal' else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
class Server(http.server.ThreadingHTTPServer):
    def finish_request(self, request, client_address):
        with context.wrap_socket(request, server_side=True) as request:
            super().finish_request(request, client_address)
    def handle_error(self, request, client_address):
        pass
Server(('127.0.0.1', 8443), Handler).serve_forever()
PY
neighbour_fpm
listens="$listens :8443"
unit app '/usr/bin/python3 /srv/app/daemon.py' User=www-data WorkingDirectory=/srv/app
tls_proxy 127.0.0.1:8443
