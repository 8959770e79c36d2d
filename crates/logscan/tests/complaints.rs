//! nginx's messages -> complaints: one row a kind, real texts of nginx 1.22 to 1.29 and of older ones where they differ.

#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::too_many_lines, reason = "tables")]

use logscan::{Complaint, Peer, Phase, Trouble, complaint::Place, error_log::parse};

const CONNECTING: &str = "while connecting to upstream";
const HANDSHAKING: &str = "while SSL handshaking to upstream";
const SENDING: &str = "while sending request to upstream";
const HEADER: &str = "while reading response header from upstream";
const BODY: &str = "while reading upstream";
const TO_CLIENT: &str = "while sending to client";

/// The message with nginx's usual surroundings.
fn complaint(level: &str, message: &str, upstream: Option<&str>) -> Complaint {
    let upstream = upstream
        .map(|u| format!(", upstream: \"{u}\""))
        .unwrap_or_default();
    let line = format!(
        "2026/11/22 12:17:46 [{level}] 174#174: *7 {message}, client: 127.0.0.1, server: app.lab, \
         request: \"GET /ok.php HTTP/1.1\"{upstream}, host: \"127.0.0.1\""
    );
    parse(line.as_bytes()).unwrap().complaint
}

fn check(rows: &[(&str, Trouble)], while_: &str, phase: Phase) {
    for (message, trouble) in rows {
        let found = complaint(
            "error",
            &format!("{message} {while_}"),
            Some("http://127.0.0.1:7080/ok.php"),
        );
        let peer = Peer::parse("http://127.0.0.1:7080");
        assert_eq!(
            found,
            Complaint {
                trouble: trouble.clone(),
                phase: Some(phase),
                peer
            },
            "{message} {while_}"
        );
    }
}

/// Messages without a `while` and without an upstream.
fn check_alone(level: &str, rows: &[(&str, Trouble)]) {
    for (message, trouble) in rows {
        let line = format!("2026/11/22 12:17:46 [{level}] 174#174: {message}");
        let found = parse(line.as_bytes()).unwrap();
        assert_eq!(found.complaint.trouble, *trouble, "{message}");
        assert_eq!(
            complaint(level, message, None).trouble,
            *trouble,
            "{message}, client: …"
        );
    }
}

fn said(text: &str) -> String {
    text.to_owned()
}

#[test]
fn failures_to_connect() {
    let rows = [
        (
            "connect() failed (111: Connection refused)",
            Trouble::Connect(111),
        ),
        ("connect() failed (113: No route to host)", Trouble::Connect(113)),
        (
            "connect() failed (101: Network is unreachable)",
            Trouble::Connect(101),
        ),
        (
            "connect() failed (104: Connection reset by peer)",
            Trouble::Connect(104),
        ),
        (
            "connect() failed (110: Connection timed out)",
            Trouble::Connect(110),
        ),
        (
            "connect() to 127.0.0.1:7080 failed (99: Cannot assign requested address)",
            Trouble::Connect(99),
        ),
        (
            "connect() to [::1]:80 failed (97: Address family not supported by protocol)",
            Trouble::Connect(97),
        ),
        (
            "connect() to 0.0.0.1:80 failed (22: Invalid argument)",
            Trouble::Connect(22),
        ),
        (
            "connect() to unix:/run/php/php8.2-fpm.sock failed (2: No such file or directory)",
            Trouble::Connect(2),
        ),
        (
            "connect() to unix:/run/a.sock failed (11: Resource temporarily unavailable)",
            Trouble::Connect(11),
        ),
        (
            "connect() to unix:/run/a.sock failed (13: Permission denied)",
            Trouble::Connect(13),
        ),
        (
            "connect() to unix:/run/a.sock failed (91: Protocol wrong type for socket)",
            Trouble::Connect(91),
        ),
        (
            "kevent() reported that connect() failed (61: Connection refused)",
            Trouble::Connect(111),
        ),
        (
            "socket() failed (97: Address family not supported by protocol)",
            Trouble::Connect(97),
        ),
        ("socket() failed (24: Too many open files)", Trouble::TooManyFiles),
        (
            "bind(10.9.9.9) failed (99: Cannot assign requested address)",
            Trouble::BindFailed(99),
        ),
        (
            "upstream timed out (110: Connection timed out)",
            Trouble::TimedOut,
        ),
        ("no live upstreams", Trouble::NoLiveUpstreams),
        ("upstream server temporarily disabled", Trouble::PeerDisabled),
        (
            "1024 worker_connections are not enough",
            Trouble::WorkerConnections(1024),
        ),
    ];
    check(&rows, CONNECTING, Phase::Connecting);
}

#[test]
fn failures_of_an_open_connection() {
    let rows = [
        (
            "recv() failed (104: Connection reset by peer)",
            Trouble::Receive(104),
        ),
        (
            "readv() failed (104: Connection reset by peer)",
            Trouble::Receive(104),
        ),
        ("readv() failed (13: Permission denied)", Trouble::Receive(13)),
        (
            "SSL_read() failed (104: Connection reset by peer)",
            Trouble::Receive(104),
        ),
        (
            "upstream timed out (110: Connection timed out)",
            Trouble::TimedOut,
        ),
        ("upstream prematurely closed connection", Trouble::ClosedEarly),
        ("upstream prematurely closed FastCGI stdout", Trouble::ClosedEarly),
        (
            "upstream prematurely closed FastCGI request",
            Trouble::ClosedEarly,
        ),
        ("upstream prematurely closed stream", Trouble::ClosedEarly),
    ];
    check(&rows, HEADER, Phase::ReadingHeader);
    check(&rows, BODY, Phase::ReadingBody);
    check(&rows, TO_CLIENT, Phase::SendingToClient);
    let rows = [
        ("writev() failed (32: Broken pipe)", Trouble::Send(32)),
        (
            "send() failed (104: Connection reset by peer)",
            Trouble::Send(104),
        ),
        ("sendfile() failed (32: Broken pipe)", Trouble::Send(32)),
        ("SSL_write() failed (32: Broken pipe)", Trouble::Send(32)),
        (
            "upstream timed out (110: Connection timed out)",
            Trouble::TimedOut,
        ),
        ("upstream prematurely closed connection", Trouble::ClosedEarly),
    ];
    check(&rows, SENDING, Phase::Sending);
}

#[test]
fn refused_answers() {
    let invalid = |text: &str| Trouble::InvalidResponse(said(text));
    let fastcgi = |text: &str| Trouble::NotFastCgi(said(text));
    let http2 = |text: &str| Trouble::NotHttp2(said(text));
    let row = |kind: &dyn Fn(&str) -> Trouble, text: &'static str| (text, kind(text));
    let rows = [
        ("upstream sent too big header", Trouble::HeaderTooBig),
        ("upstream sent no valid HTTP/1.0 header", Trouble::NotHttp),
        row(&invalid, "upstream sent invalid header"),
        row(&invalid, r#"upstream sent invalid header: "bad\x20...""#),
        row(&invalid, r#"upstream sent invalid status "999999""#),
        row(
            &invalid,
            r#"upstream sent duplicate header line: "Transfer-Encoding: chunked", previous value: "Transfer-Encoding: chunked""#,
        ),
        row(
            &invalid,
            r#"upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time"#,
        ),
        row(
            &invalid,
            r#"upstream sent unknown "Transfer-Encoding": "gzip frame FastCGI""#,
        ),
        row(&invalid, r#"upstream sent invalid "Content-Length" header: "1x""#),
        row(&invalid, "upstream sent invalid chunked response"),
        row(
            &invalid,
            "upstream sent response body larger than indicated content length",
        ),
        row(&fastcgi, "upstream sent unsupported FastCGI protocol version: 72"),
        row(&fastcgi, "upstream sent invalid FastCGI record type: 84"),
        row(&fastcgi, "upstream sent unexpected FastCGI record: 3"),
        row(
            &fastcgi,
            "upstream sent unexpected FastCGI request id high byte: 1",
        ),
        row(&http2, "upstream sent too large http2 frame: 4740180"),
        row(&http2, "upstream sent invalid http2 table index: 67"),
        row(&http2, "upstream sent frame for unknown stream 3"),
        row(&http2, "upstream sent goaway with error 2"),
        row(&http2, "upstream sent no :status header"),
        row(&http2, r#"upstream sent invalid :status "2x0""#),
        row(&http2, "upstream sent too large window update"),
        row(
            &http2,
            "upstream violated stream flow control, received 9 data frame with window 1",
        ),
        row(&http2, "upstream rejected request with error 2"),
        (
            "FastCGI sent in stderr: \"Primary script unknown\"",
            Trouble::BackendStderr(said("Primary script unknown")),
        ),
        (
            "FastCGI sent in stderr: \"a \"b\" while c\"",
            Trouble::BackendStderr(said("a \"b\" while c")),
        ),
    ];
    check(&rows, HEADER, Phase::ReadingHeader);
}

#[test]
fn tls_to_upstreams() {
    let tls = |reason: &str, alert| Trouble::Tls {
        reason: said(reason),
        alert,
    };
    let verify = |code, text: &str| Trouble::TlsVerify {
        code,
        text: said(text),
    };
    let rows = [
        (
            "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number)",
            tls("wrong version number", None),
        ),
        (
            "SSL_do_handshake() failed (SSL: error:1408F10B:SSL routines:ssl3_get_record:wrong version number)",
            tls("wrong version number", None),
        ),
        (
            "SSL_do_handshake() failed (SSL: error:140770FC:SSL routines:SSL23_GET_SERVER_HELLO:unknown protocol)",
            tls("unknown protocol", None),
        ),
        (
            "SSL_do_handshake() failed (SSL: error:0A000410:SSL routines::sslv3 alert handshake failure:SSL alert number 40)",
            tls("sslv3 alert handshake failure", Some(40)),
        ),
        (
            "SSL_do_handshake() failed (SSL: error:0A000458:SSL routines::tlsv1 unrecognized name:SSL alert number 112)",
            tls("tlsv1 unrecognized name", Some(112)),
        ),
        (
            "SSL_do_handshake() failed (SSL: error:0A000126:SSL routines::unexpected eof while reading)",
            tls("unexpected eof while reading", None),
        ),
        (
            "SSL_do_handshake() failed (SSL: error:0A000102:SSL routines::unsupported protocol error:0A000139:SSL routines::record layer failure)",
            tls("unsupported protocol", None),
        ),
        (
            "peer closed connection in SSL handshake (104: Connection reset by peer)",
            Trouble::TlsClosed,
        ),
        ("peer closed connection in SSL handshake", Trouble::TlsClosed),
        (
            "upstream SSL certificate verify error: (10:certificate has expired)",
            verify(10, "certificate has expired"),
        ),
        (
            "upstream SSL certificate verify error: (18:self-signed certificate)",
            verify(18, "self-signed certificate"),
        ),
        (
            "upstream SSL certificate does not match \"backend.lab\"",
            Trouble::TlsName(said("backend.lab")),
        ),
        (
            "upstream timed out (110: Connection timed out)",
            Trouble::TimedOut,
        ),
    ];
    check(&rows, HANDSHAKING, Phase::Handshaking);
    let rows = [
        (
            "SSL_read() failed (SSL: error:0A00045C:SSL routines::tlsv13 alert certificate required:SSL alert number 116)",
            tls("tlsv13 alert certificate required", Some(116)),
        ),
        (
            "SSL_read() failed (SSL: error:0A000086:SSL routines::certificate verify failed)",
            tls("certificate verify failed", None),
        ),
    ];
    check(&rows, HEADER, Phase::ReadingHeader);
}

#[test]
fn names_at_run_time() {
    let unresolved = |code| Trouble::Unresolved {
        name: said("backend.lab"),
        code,
    };
    let rows = [
        (
            "backend.lab could not be resolved (1: Format error)",
            unresolved(1),
        ),
        (
            "backend.lab could not be resolved (2: Server failure)",
            unresolved(2),
        ),
        (
            "backend.lab could not be resolved (3: Host not found)",
            unresolved(3),
        ),
        (
            "backend.lab could not be resolved (5: Operation refused)",
            unresolved(5),
        ),
        (
            "backend.lab could not be resolved (110: Operation timed out)",
            unresolved(110),
        ),
        (
            "no resolver defined to resolve backend.lab",
            Trouble::NoResolver(said("backend.lab")),
        ),
        (
            "unexpected DNS response for backend.lab",
            Trouble::ResolverOdd(said("unexpected DNS response for backend.lab")),
        ),
        (
            "unexpected response for backend.lab",
            Trouble::ResolverOdd(said("unexpected response for backend.lab")),
        ),
    ];
    check_alone("error", &rows);
    let unreachable = |errno| Trouble::ResolverUnreachable {
        errno,
        resolver: Some(said("127.0.0.1:53")),
    };
    for (message, trouble) in [
        (
            "send() failed (111: Connection refused) while resolving",
            unreachable(111),
        ),
        (
            "recv() failed (111: Connection refused) while resolving",
            unreachable(111),
        ),
        (
            "connect() failed (101: Network is unreachable) while resolving",
            unreachable(101),
        ),
        (
            "wrong ident 1 in DNS response for a.b, expect 2 while resolving",
            Trouble::ResolverOdd(said("wrong ident 1 in DNS response for a.b, expect 2")),
        ),
    ] {
        let line = format!("2026/11/22 12:33:30 [error] 3134#3134: {message}, resolver: 127.0.0.1:53");
        let found = parse(line.as_bytes()).unwrap().complaint;
        assert_eq!(
            found,
            Complaint {
                trouble,
                phase: Some(Phase::Resolving),
                peer: None
            },
            "{message}"
        );
    }
}

#[test]
fn temp_files() {
    check_alone(
        "crit",
        &[
            (
                "open() \"/var/lib/nginx/tmp/fastcgi/7/00/0000000007\" failed (13: Permission denied)",
                Trouble::TempFile {
                    errno: 13,
                    path: "/var/lib/nginx/tmp/fastcgi/7/00/0000000007".into(),
                },
            ),
            (
                "mkdir() \"/var/lib/nginx/proxy/4\" failed (13: Permission denied)",
                Trouble::TempFile {
                    errno: 13,
                    path: "/var/lib/nginx/proxy/4".into(),
                },
            ),
            (
                "pwritev() \"/var/lib/nginx/proxy/4/00/0000000004\" failed (28: No space left on device)",
                Trouble::TempFile {
                    errno: 28,
                    path: "/var/lib/nginx/proxy/4/00/0000000004".into(),
                },
            ),
            (
                "rename() \"/var/cache/nginx/c/29/b7f54b2df7773722d382f4809d65029c.0000000001\" to \"/x\" failed (13: Permission denied)",
                Trouble::TempFile {
                    errno: 13,
                    path: "/var/cache/nginx/c/29/b7f54b2df7773722d382f4809d65029c.0000000001".into(),
                },
            ),
        ],
    );
}

#[test]
fn limits_and_workers() {
    check_alone(
        "alert",
        &[
            (
                "1024 worker_connections are not enough",
                Trouble::WorkerConnections(1024),
            ),
            (
                "accept4() failed (24: Too many open files)",
                Trouble::TooManyFiles,
            ),
            (
                "socketpair() failed (24: Too many open files)",
                Trouble::TooManyFiles,
            ),
            (
                "worker process 3134 exited on signal 9",
                Trouble::WorkerDied { signal: 9 },
            ),
            (
                "worker process 3134 exited on signal 11 (core dumped)",
                Trouble::WorkerDied { signal: 11 },
            ),
            (
                "write() to \"/var/log/nginx/access.log\" failed (28: No space left on device)",
                Trouble::LogWrite {
                    errno: 28,
                    path: "/var/log/nginx/access.log".into(),
                },
            ),
        ],
    );
    let limited = |text: &str| Trouble::Limited(said(text));
    check_alone(
        "error",
        &[
            (
                "limiting requests, excess: 20.500 by zone \"z\"",
                limited("limiting requests, excess: 20.500 by zone \"z\""),
            ),
            (
                "limiting connections by zone \"z\"",
                limited("limiting connections by zone \"z\""),
            ),
            (
                "limiting requests, dry run, excess: 20.500 by zone \"z\"",
                Trouble::Unrelated,
            ),
            (
                "client intended to send too large body: 2097152 bytes",
                Trouble::BodyTooLarge,
            ),
            (
                "uwsgi request is too big: 70000",
                Trouble::RequestTooBig(said("uwsgi request is too big: 70000")),
            ),
            (
                "pwrite() \"/mnt/t/c/0000000001\" failed (28: No space left on device)",
                Trouble::TempFile {
                    errno: 28,
                    path: "/mnt/t/c/0000000001".into(),
                },
            ),
        ],
    );
}

#[test]
fn refused_starts() {
    let place = |file: &str, line| {
        Some(Place {
            file: file.into(),
            line,
        })
    };
    let config = |text: &str, place| Trouble::BadConfig {
        text: said(text),
        place,
    };
    let listen = |errno, address: &str| Trouble::ListenFailed {
        errno,
        address: said(address),
    };
    check_alone(
        "emerg",
        &[
            (
                "host not found in upstream \"app\" in /data/nginx/proxy_host/18.conf:41",
                Trouble::HostNotFound {
                    name: said("app"),
                    place: place("/data/nginx/proxy_host/18.conf", 41),
                },
            ),
            (
                "host not found in resolver \"ns.lab\" in /etc/nginx/nginx.conf:9",
                Trouble::HostNotFound {
                    name: said("ns.lab"),
                    place: place("/etc/nginx/nginx.conf", 9),
                },
            ),
            (
                "unknown directive \"foo\" in /etc/nginx/nginx.conf:3",
                config("unknown directive \"foo\"", place("/etc/nginx/nginx.conf", 3)),
            ),
            (
                "unexpected end of file, expecting \"}\" in /etc/nginx/nginx.conf:80",
                config(
                    "unexpected end of file, expecting \"}\"",
                    place("/etc/nginx/nginx.conf", 80),
                ),
            ),
            (
                "open() \"/etc/nginx/x\" failed (2: No such file or directory) in /etc/nginx/nginx.conf:60",
                config(
                    "open() \"/etc/nginx/x\" failed (2: No such file or directory)",
                    place("/etc/nginx/nginx.conf", 60),
                ),
            ),
            (
                "cannot load certificate \"/x.pem\": BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory)",
                config(
                    "cannot load certificate \"/x.pem\": BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory)",
                    None,
                ),
            ),
            (
                "bind() to 0.0.0.0:80 failed (98: Address already in use)",
                listen(98, "0.0.0.0:80"),
            ),
            (
                "bind() to [::]:80 failed (98: Address already in use)",
                listen(98, "[::]:80"),
            ),
            (
                "bind() to 10.9.9.9:80 failed (99: Cannot assign requested address)",
                listen(99, "10.9.9.9:80"),
            ),
            (
                "bind() to 0.0.0.0:80 failed (13: Permission denied)",
                listen(13, "0.0.0.0:80"),
            ),
            (
                "bind() to unix:/run/n.sock failed (98: Address already in use)",
                listen(98, "unix:/run/n.sock"),
            ),
            (
                "socket() [::]:80 failed (97: Address family not supported by protocol)",
                listen(97, "[::]:80"),
            ),
            (
                "listen() to 0.0.0.0:80, backlog 511 failed (98: Address already in use)",
                listen(98, "0.0.0.0:80"),
            ),
            ("still could not bind()", listen(98, "")),
            (
                "mkdir() \"/var/cache/nginx/client_temp\" failed (13: Permission denied)",
                Trouble::TempFile {
                    errno: 13,
                    path: "/var/cache/nginx/client_temp".into(),
                },
            ),
            (
                "open() \"/var/log/nginx/error.log\" failed (13: Permission denied)",
                Trouble::LogWrite {
                    errno: 13,
                    path: "/var/log/nginx/error.log".into(),
                },
            ),
        ],
    );
}

#[test]
fn noise_is_unrelated() {
    let alone = [
        ("info", "client 127.0.0.1 closed keepalive connection"),
        ("notice", "signal 17 (SIGCHLD) received from 12"),
        ("notice", "worker process 12 exited with code 0"),
        (
            "error",
            "open() \"/var/www/html/x\" failed (2: No such file or directory)",
        ),
        (
            "error",
            "open() \"/var/www/html/secret\" failed (13: Permission denied)",
        ),
        ("error", "directory index of \"/var/www/html/\" is forbidden"),
        ("error", "access forbidden by rule"),
        (
            "warn",
            "a client request body is buffered to a temporary file /var/lib/nginx/body/0000000001",
        ),
        (
            "warn",
            "an upstream response is buffered to a temporary file /var/lib/nginx/proxy/1/00/0000000001 while reading upstream",
        ),
        ("warn", "delaying request, excess: 0.5, by zone \"z\""),
        (
            "crit",
            "SSL_do_handshake() failed (SSL: error:0A000102:SSL routines::unsupported protocol) while SSL handshaking",
        ),
        (
            "info",
            "peer closed connection in SSL handshake (104: Connection reset by peer) while SSL handshaking",
        ),
        (
            "info",
            "recv() failed (104: Connection reset by peer) while reading client request line",
        ),
        (
            "info",
            "recv() failed (104: Connection reset by peer) while waiting for request",
        ),
        (
            "info",
            "writev() failed (104: Connection reset by peer) while sending to client",
        ),
        (
            "info",
            "epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too while reading response header from upstream",
        ),
        (
            "warn",
            "upstream sent more data than specified in \"Content-Length\" header while reading upstream",
        ),
        (
            "warn",
            "upstream sent duplicate header line: \"Date: a\", previous value: \"Date: b\", ignored while reading response header from upstream",
        ),
        (
            "warn",
            "1024 worker_connections exceed open file resource limit: 64",
        ),
        (
            "warn",
            "the \"listen ... http2\" directive is deprecated, use the \"http2\" directive instead in /etc/nginx/a:3",
        ),
        ("error", "js exception: TypeError in /etc/nginx/a.js:3"),
        (
            "error",
            "connect() failed (111: Connection refused) while requesting certificate status, responder: r3.o.lencr.org",
        ),
        (
            "error",
            "r3.o.lencr.org could not be resolved (3: Host not found) while requesting certificate status, responder: r3.o.lencr.org",
        ),
        (
            "alert",
            "send() failed (111: Connection refused) while logging to syslog, server: unix:/dev/log",
        ),
        // what a client asked for never poses as nginx's own words
        (
            "error",
            "open() \"/var/www/x could not be resolved (3: Host not found)\" failed (2: No such file or directory)",
        ),
        (
            "error",
            "open() \"/var/www/9 worker_connections are not enough\" failed (2: No such file or directory)",
        ),
        (
            "error",
            "open() \"/var/www/worker process 1 exited on signal 9\" failed (2: No such file or directory)",
        ),
        (
            "error",
            "open() \"/var/www/proxy/1/00/0000000001\" failed (13: Permission denied)",
        ),
        (
            "error",
            "open() \"/var/www/x.log\" failed (13: Permission denied)",
        ),
        (
            "error",
            "\"/var/www/connect() failed (111: Connection refused)/index.html\" is forbidden (13: Permission denied)",
        ),
    ];
    for (level, message) in alone {
        assert_eq!(
            complaint(level, message, None).trouble,
            Trouble::Unrelated,
            "{message}"
        );
    }
    let down = "writev() failed (32: Broken pipe) while sending to client";
    assert_eq!(
        complaint("info", down, Some("http://127.0.0.1:80/")).trouble,
        Trouble::Unrelated
    );
}
