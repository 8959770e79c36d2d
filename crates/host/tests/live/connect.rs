use crate::{
    is_root, live, processes,
    sockets::{tcp_listener, unix_listener},
    timed,
};
use host::{
    Endpoint, Looks, Stance, Talk, Unseen,
    answer::{Connect, Conversation, End},
    looks::scoreboard::fpm_page,
    query::Identity,
};
use rustix::io::Errno;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::{
    fs::Permissions,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

/// Accepts one connection, reads once, and goes on with it.
fn server(then: impl FnOnce(TcpStream, &[u8]) + Send + 'static) -> Endpoint {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    let address = listener.local_addr().expect("has a name");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepts");
        let mut heard = vec![0; 4096];
        let length = stream.read(&mut heard).unwrap_or_default();
        then(stream, &heard[..length]);
    });
    Endpoint::Tcp(address)
}

/// Answers with these bytes and closes.
fn answering(bytes: &'static [u8]) -> Endpoint {
    server(move |mut stream, _| stream.write_all(bytes).expect("writes"))
}

fn call(to: &Endpoint, talk: Talk) -> Conversation {
    live().connect(to, &Stance::default(), talk).expect("may look")
}

fn http(patience_ms: u64) -> Talk {
    Talk::Http {
        method: "GET".into(),
        target: "/".into(),
        host: "shop.example".into(),
        tls: None,
        patience_ms,
    }
}

#[test]
fn accepted_refused_and_absent() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (socket, address) = tcp_listener(8);
    let seen = call(&Endpoint::Tcp(address), Talk::Nothing);
    assert_eq!((seen.connect, seen.end), (Connect::Accepted, End::NotAsked));
    drop(socket);
    let stale = dir.path().join("stale.sock");
    drop(unix_listener(&stale, 1));
    for (to, errno) in [
        (Endpoint::Tcp(address), Errno::CONNREFUSED),
        (Endpoint::Unix(stale), Errno::CONNREFUSED),
        (Endpoint::Unix(dir.path().join("none.sock")), Errno::NOENT),
    ] {
        // a child that another test forked may hold the listener until it runs its program
        let expected = Connect::Failed(errno.raw_os_error());
        processes::wait_for("the refusal", || call(&to, Talk::Nothing).connect == expected);
        let seen = call(&to, Talk::Nothing);
        assert_eq!(seen.connect, expected, "{to}");
        assert!(seen.connect_us < 500_000);
    }
}

#[test]
fn a_full_queue_is_eagain_on_unix_and_silence_on_tcp() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("fpm.sock");
    let _unix = unix_listener(&path, 0);
    let _waiting = UnixStream::connect(&path).expect("connects");
    let seen = call(&Endpoint::Unix(path), Talk::Nothing);
    assert_eq!(seen.connect, Connect::Failed(Errno::AGAIN.raw_os_error()));
    let (_tcp, address) = tcp_listener(0);
    let _waiting = TcpStream::connect(address).expect("connects");
    let (seen, took) = timed(|| call(&Endpoint::Tcp(address), Talk::Nothing));
    assert_eq!(seen.connect, Connect::TimedOut);
    assert!(took < Duration::from_millis(1600), "took {took:?}");
}

#[test]
fn a_socket_of_roots_is_refused_to_nobody() {
    if !is_root("become another user") {
        return;
    }
    let dir = tempfile::tempdir().expect("temp dir");
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("chmod");
    let path = dir.path().join("fpm.sock");
    let _socket = unix_listener(&path, 8);
    let live = live();
    let nobody = Identity {
        uid: 65534,
        gid: 65534,
        groups: vec![65534],
    };
    let with_group = Identity {
        groups: vec![65534, 4711],
        ..nobody.clone()
    };
    std::os::unix::fs::chown(&path, None, Some(4711)).expect("chown");
    let denied = Connect::Failed(Errno::ACCESS.raw_os_error());
    for (mode, identity, expected) in [
        (0o600, None, Connect::Accepted),
        (0o600, Some(&nobody), denied),
        (0o660, Some(&nobody), denied),
        (0o660, Some(&with_group), Connect::Accepted),
        (0o666, Some(&nobody), Connect::Accepted),
    ] {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("chmod");
        let stance = Stance {
            identity: identity.cloned(),
            inside: None,
        };
        let seen = live
            .connect(&Endpoint::Unix(path.clone()), &stance, Talk::Nothing)
            .expect("may look");
        assert_eq!(seen.connect, expected, "{mode:o} as {identity:?}");
    }
}

#[test]
fn inside_another_root_paths_and_ports_are_its_own() {
    if !is_root("start a process in another root and network") {
        return;
    }
    let (live, dir) = (live(), tempfile::tempdir().expect("temp dir"));
    let _unix = unix_listener(&dir.path().join("app.sock"), 8);
    let jailed = processes::jailed(dir.path());
    let call = |to: Endpoint, inside| {
        let stance = Stance {
            identity: None,
            inside,
        };
        live.connect(&to, &stance, Talk::Nothing)
            .expect("may look")
            .connect
    };
    let path = Endpoint::Unix("/app.sock".into());
    assert_eq!(
        call(path.clone(), None),
        Connect::Failed(Errno::NOENT.raw_os_error())
    );
    assert_eq!(call(path, Some(jailed.0.id())), Connect::Accepted);
    let (_tcp, address) = tcp_listener(8);
    let apart = processes::start("unshare", &["--net", "sleep", "1000"]);
    processes::wait_for("the new namespace", || processes::other_netns(apart.0.id()));
    // its loopback is down
    let unreachable = Connect::Failed(Errno::NETUNREACH.raw_os_error());
    assert_eq!(call(Endpoint::Tcp(address), Some(apart.0.id())), unreachable);
    assert_eq!(call(Endpoint::Tcp(address), None), Connect::Accepted);
}

#[test]
fn what_was_heard_and_how_it_ended() {
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    for (says, talk, end) in [
        (&ok[..], http(1000), End::Enough),
        (b"HTTP/1.0 200 OK\r\n\r\nhi", http(1000), End::Closed),
        (b"5.5.5-10.11.6-MariaDB", Talk::FastCgi, End::Closed),
        (b"+PONG\r\n", Talk::Redis, End::Enough),
        (b"S", Talk::Postgres, End::Enough),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Talk::H2, End::Enough),
        (b"", Talk::Uwsgi, End::Closed),
    ] {
        let seen = call(&answering(says), talk.clone());
        assert_eq!((seen.heard.0.as_slice(), seen.end), (says, end), "{talk:?}");
        assert_eq!(seen.first_byte_ms.is_some(), !says.is_empty());
    }
}

#[test]
fn a_server_that_speaks_first_is_heard() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    let to = Endpoint::Tcp(listener.local_addr().expect("has a name"));
    thread::spawn(move || listener.accept().expect("accepts").0.write_all(b"SSH-2.0-x\r\n"));
    assert_eq!(call(&to, Talk::Listen).heard.0, b"SSH-2.0-x\r\n");
}

#[test]
fn a_reset_is_not_a_close() {
    let to = server(|stream, _| {
        let none = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
        none.expect("sets linger");
    });
    assert_eq!(call(&to, http(1000)).end, End::Reset);
}

#[test]
fn silence_and_drip_end_in_time() {
    let (_socket, address) = tcp_listener(8);
    for talk in [http(300), fpm_page("/status", "", 300)] {
        let (seen, took) = timed(|| call(&Endpoint::Tcp(address), talk));
        assert_eq!((seen.end, seen.first_byte_ms), (End::TimedOut, None));
        assert!(
            took > Duration::from_millis(290) && took < Duration::from_millis(1000),
            "took {took:?}"
        );
    }
    let drip = server(|mut stream, _| {
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let (seen, took) = timed(|| call(&drip, http(300)));
    assert_eq!(seen.end, End::TimedOut);
    assert!(took < Duration::from_millis(1800), "took {took:?}");
}

#[test]
fn a_flood_is_cut() {
    let flood = server(|mut stream, _| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    let seen = call(&flood, http(1000));
    assert_eq!((seen.heard.0.len(), seen.end), (64 << 10, End::Enough));
}

#[test]
fn what_could_change_something_is_not_said() {
    let talk = Talk::Http {
        method: "DELETE".into(),
        target: "/".into(),
        host: "a".into(),
        tls: None,
        patience_ms: 1,
    };
    let look = live().connect(&Endpoint::Unix("/none".into()), &Stance::default(), talk);
    assert!(matches!(look, Err(Unseen::Unusable { .. })), "{look:?}");
}

#[test]
fn fastcgi_is_asked_in_its_own_records() {
    let to = server(|mut stream, heard| {
        assert_eq!(heard[..2], [1, 9]);
        stream.write_all(&[1, 10, 0, 0, 0, 0, 0, 0]).expect("writes");
    });
    let seen = call(&to, Talk::FastCgi);
    assert_eq!(
        (seen.heard.0, seen.end),
        (vec![1, 10, 0, 0, 0, 0, 0, 0], End::Enough)
    );
}

/// A TLS server whose certificate nobody should trust; answers every request with `hi`.
fn tls_server() -> Endpoint {
    let file = |name: &str| {
        std::fs::read(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/live/tls")
                .join(name),
        )
        .expect("reads")
    };
    let key = PrivateKeyDer::try_from(file("expired.key.der")).expect("is a key");
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(file("expired.cert.der"))], key)
            .expect("fits");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    let to = Endpoint::Tcp(listener.local_addr().expect("has a name"));
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("accepts");
        let tls = rustls::ServerConnection::new(Arc::new(config)).expect("starts");
        let mut stream = rustls::StreamOwned::new(tls, stream);
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    });
    to
}

#[test]
fn tls_is_seen_whatever_the_certificate() {
    for sni in [Some("shop.example"), Some("127.0.0.1"), None] {
        let seen = call(
            &tls_server(),
            Talk::Tls {
                sni: sni.map(str::to_owned),
            },
        );
        let tls = seen.tls.expect("was tried");
        assert!(tls.completed, "{tls:?}");
        assert_eq!((tls.version.as_deref(), tls.error), (Some("TLSv1_3"), None));
    }
}

#[test]
fn http_within_tls() {
    let mut talk = http(1000);
    if let Talk::Http { tls, .. } = &mut talk {
        *tls = Some("shop.example".into());
    }
    let seen = call(&tls_server(), talk);
    assert!(seen.tls.expect("was tried").completed);
    assert!(seen.heard.0.ends_with(b"hi"), "{:?}", seen.heard);
    assert_eq!(seen.end, End::Enough);
}

#[test]
fn what_is_not_tls_is_told_with_its_words() {
    for (says, sign) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "not TLS"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "alert HandshakeFailure"),
        (b"", "closed"),
    ] {
        let seen = call(&answering(says), Talk::Tls { sni: None });
        let tls = seen.tls.expect("was tried");
        assert!(!tls.completed);
        assert!(
            tls.error.as_deref().is_some_and(|error| error.contains(sign)),
            "{tls:?}"
        );
        assert_eq!(seen.heard.0, says);
    }
}
