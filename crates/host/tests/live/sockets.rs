use crate::{is_root, live};
use host::{
    Endpoint, Looks,
    answer::{Socket, SocketState},
};
use rustix::{
    fd::OwnedFd,
    net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
};
use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::{fs::MetadataExt, net::UnixStream},
    path::Path,
};

/// A TCP listener with a small backlog.
pub(crate) fn tcp_listener(backlog: i32) -> (OwnedFd, SocketAddr) {
    let socket = net::socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .expect("socket");
    net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("binds");
    net::listen(&socket, backlog).expect("listens");
    let address = net::getsockname(&socket)
        .expect("has a name")
        .try_into()
        .expect("is TCP");
    (socket, address)
}

/// A unix listener with a small backlog.
pub(crate) fn unix_listener(path: &Path, backlog: i32) -> OwnedFd {
    let socket = net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .expect("socket");
    net::bind(&socket, &SocketAddrUnix::new(path).expect("fits")).expect("binds");
    net::listen(&socket, backlog).expect("listens");
    socket
}

fn listener(local: &Endpoint) -> Socket {
    let sockets = live().sockets(None).expect("may look");
    let mut found = sockets.into_iter().filter(|socket| &socket.local == local);
    found
        .find(|socket| socket.state == SocketState::Listen)
        .expect("is listed")
}

#[test]
fn a_full_tcp_accept_queue_is_seen_exactly() {
    let (_socket, address) = tcp_listener(2);
    let _waiting: Vec<TcpStream> = (0..3)
        .map(|_| TcpStream::connect(address).expect("connects"))
        .collect();
    let seen = listener(&Endpoint::Tcp(address));
    assert_eq!((seen.recv_q, seen.send_q), (3, 2));
    assert!(seen.pids.is_some_and(|pids| pids.contains(&std::process::id())));
    assert_eq!((seen.remote, seen.v6_only), (None, None));
}

#[test]
fn a_full_unix_accept_queue_is_seen_exactly_and_its_file_known() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("fpm.sock");
    let _socket = unix_listener(&path, 4);
    let _waiting: Vec<UnixStream> = (0..5)
        .map(|_| UnixStream::connect(&path).expect("connects"))
        .collect();
    let inode = std::fs::metadata(&path).expect("is there").ino();
    let check = || {
        let seen = listener(&Endpoint::Unix(path.clone()));
        assert_eq!((seen.recv_q, seen.send_q), (5, 4));
        assert_eq!(
            (seen.file_inode, seen.uid),
            (Some(inode & 0xffff_ffff), rustix::process::geteuid().as_raw())
        );
    };
    check();
    // replaced since: the listener still knows its own file
    std::fs::remove_file(&path)
        .and_then(|()| std::fs::write(&path, ""))
        .expect("replaces");
    check();
}

#[test]
fn connections_have_both_ends_and_a_state() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    let address = server.local_addr().expect("has a name");
    let client = TcpStream::connect(address).expect("connects");
    let (accepted, _) = server.accept().expect("accepts");
    let state = || {
        let sockets = live().sockets(None).expect("may look");
        let ours = client.local_addr().expect("has a name");
        let mut found = sockets
            .into_iter()
            .filter(|socket| socket.local == Endpoint::Tcp(ours));
        found
            .find(|socket| socket.remote == Some(address))
            .expect("is listed")
            .state
    };
    assert_eq!(state(), SocketState::Established);
    drop(accepted);
    assert_eq!(state(), SocketState::CloseWait);
}

#[test]
fn an_ipv6_listener_says_whether_it_takes_ipv4() {
    let default = std::fs::read_to_string("/proc/sys/net/ipv6/bindv6only").unwrap_or_default();
    // one that is bound to an IPv6 address proper can't take IPv4 anyway
    for (ip, v6_only) in [
        (Ipv6Addr::LOCALHOST, true),
        (Ipv6Addr::UNSPECIFIED, default.trim() == "1"),
    ] {
        let Ok(server) = TcpListener::bind((ip, 0)) else {
            return eprintln!("NOT RUN: no IPv6 here");
        };
        let seen = listener(&Endpoint::Tcp(server.local_addr().expect("has a name")));
        assert_eq!(seen.v6_only, Some(v6_only), "{ip}");
    }
}

#[test]
fn another_network_namespace_has_other_sockets() {
    if !is_root("make a network namespace") {
        return;
    }
    let (_socket, ours) = tcp_listener(1);
    let inside = crate::processes::start("unshare", &["--net", "sleep", "1000"]);
    crate::processes::wait_for("the new namespace", || {
        crate::processes::other_netns(inside.0.id())
    });
    let sockets = live().sockets(Some(inside.0.id())).expect("may look");
    assert!(
        sockets.iter().all(|socket| socket.local != Endpoint::Tcp(ours)),
        "{sockets:?}"
    );
    // the looker that went there is not used again
    let live = live();
    live.sockets(Some(inside.0.id())).expect("may look");
    assert!(
        live.sockets(None)
            .expect("may look")
            .iter()
            .any(|socket| socket.local == Endpoint::Tcp(ours))
    );
}
