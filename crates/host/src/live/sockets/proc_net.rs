//! /proc/net, for kernels and sandboxes that refuse netlink. It knows the accept queue of TCP listeners but not
//! their backlog, and neither of unix listeners: those numbers are 0 here.

use super::MAX_CONNECTIONS;
use crate::{
    Endpoint,
    answer::{Socket, SocketState},
};
use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// `/proc/thread-self`: the namespace of this thread, which may have entered another.
const DIR: &str = "/proc/thread-self/net";

pub(super) fn read() -> io::Result<Vec<Socket>> {
    let mut sockets: Vec<Socket> = lines("unix")?.filter_map(|line| unix(&line)).collect();
    let v6 = lines("tcp6").into_iter().flatten();
    let mut tcp: Vec<Socket> = lines("tcp")?.chain(v6).filter_map(|line| tcp(&line)).collect();
    tcp.sort_by_key(|socket| socket.state != SocketState::Listen);
    sockets.extend(tcp);
    Ok(sockets)
}

fn lines(name: &str) -> io::Result<impl Iterator<Item = String> + use<>> {
    let file = File::open(format!("{DIR}/{name}"))?;
    Ok(BufReader::new(file)
        .lines()
        .map_while(Result::ok)
        .take(MAX_CONNECTIONS))
}

/// `0: 0100007F:1F90 00000000:0000 0A 00000000:00000002 00:00000000 00000000  33  0 12345 …`
fn tcp(line: &str) -> Option<Socket> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let state = super::state(u8::from_str_radix(words.get(3)?, 16).ok()?);
    let (unsent, unread) = words.get(4)?.split_once(':')?;
    let local = address(words.get(1)?)?;
    Some(Socket {
        local: Endpoint::Tcp(local),
        remote: if state == SocketState::Listen {
            None
        } else {
            address(words.get(2)?)
        },
        state,
        recv_q: u32::from_str_radix(unread, 16).ok()?,
        send_q: u32::from_str_radix(unsent, 16).ok()?,
        inode: words.get(9)?.parse().ok()?,
        uid: words.get(7)?.parse().ok()?,
        pids: None,
        file_inode: None,
        v6_only: None,
    })
}

/// Words of four bytes in the machine's order.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let words = ip.as_bytes().chunks(8).map(|word| {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        Some(word.to_ne_bytes())
    });
    let bytes = words.collect::<Option<Vec<_>>>()?.concat();
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(v4) => IpAddr::from(Ipv4Addr::from(v4)),
        Err(_) => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?)),
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// `ffff…: 00000002 00000000 00010000 0001 01 12345 /run/app.sock`: flag 0x10000 is "listens", type 1 is a stream.
fn unix(line: &str) -> Option<Socket> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let listens = u32::from_str_radix(words.get(3)?, 16).ok()? & 0x10000 != 0;
    if !listens || *words.get(4)? != "0001" {
        return None;
    }
    Some(Socket {
        local: Endpoint::Unix(words.get(7..).unwrap_or_default().join(" ").into()),
        remote: None,
        state: SocketState::Listen,
        recv_q: 0,
        send_q: 0,
        inode: words.get(6)?.parse().ok()?,
        uid: 0,
        pids: None,
        file_inode: None,
        v6_only: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_of_every_family() {
        let v4 = "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000002 00:00000000 00000000    33        0 4711 1";
        let seen = tcp(v4).expect("parses");
        assert_eq!(seen.local.to_string(), "127.0.0.1:8080");
        assert_eq!((seen.recv_q, seen.uid, seen.inode), (2, 33, 4711));
        let v6 = "  1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 0 0 0 0 1 1";
        assert_eq!(
            tcp(v6).map(|seen| seen.local.to_string()).as_deref(),
            Some("[::1]:80")
        );
        let path = unix("0000: 00000002 00000000 00010000 0001 01 99 /run/a b.sock").map(|seen| seen.local);
        assert_eq!(path, Some(Endpoint::Unix("/run/a b.sock".into())));
        assert_eq!(unix("0000: 00000003 00000000 00000000 0001 03 99"), None);
        assert_eq!(tcp("  sl  local_address rem_address   st"), None);
    }
}
