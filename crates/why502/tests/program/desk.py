"""A support desk: a mail server (aiosmtpd) and a webhook, each writing what it gets to a file.

desk.py smtp PORT FILE [tls] [auth] [slow]    desk.py http PORT FILE [tls]
"""
import http.server, ssl, sys, time
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

kind, port, file, how = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
tls = None
if "tls" in how:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain("/run/desk.pem", "/run/desk.key")


class Keep:
    async def handle_DATA(self, server, session, envelope):
        with open(file, "ab") as kept:
            kept.write(f"RCPT {envelope.rcpt_tos}\nFROM {envelope.mail_from}\n".encode())
            kept.write(f"TLS {session.ssl is not None}\n".encode() + envelope.content)
        return "250 kept"


def login(server, session, envelope, mechanism, data):
    right = data.login == b"shop" and data.password == b"canaryMailbox"
    return AuthResult(success=right, handled=False)


class Desk(Controller):
    def factory(self):
        return SMTP(self.handler, tls_context=tls, require_starttls=tls is not None,
                    authenticator=login, auth_required="auth" in how, auth_require_tls=tls is not None)


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with open(file, "ab") as kept:
            kept.write(f"{self.path} {self.headers.get('authorization')}\n".encode() + body)
        self.send_response(404 if "missing" in self.path else 302 if "away" in self.path else 204)
        self.send_header("location", "http://127.0.0.1:1/")
        self.end_headers()

    def log_message(self, *_):
        pass


if kind == "smtp":
    Desk(Keep(), hostname="127.0.0.1", port=port).start()
    time.sleep(3600)
else:
    server = http.server.HTTPServer(("127.0.0.1", port), Hook)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
