//! Visitors of the site: plain HTTP from the lab's side of the host's network.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::Traffic;
use anyhow::Result;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::AsFd;

/// The host's own address, where its nginx listens.
const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
/// Longer than any proxy timeout a stack sets.
const PATIENCE: Duration = Duration::from_secs(8);

/// Makes requests from inside the clients' network namespace.
#[derive(Clone)]
pub(crate) struct Client {
    netns: Arc<File>,
}

impl Client {
    pub(crate) fn new(netns: File) -> Self {
        Self {
            netns: Arc::new(netns),
        }
    }

    /// Moves this thread, and what it opens from now on, into the clients' network. For threads made for the purpose.
    pub(crate) fn enter(&self) -> Result<()> {
        Ok(move_into_link_name_space(
            self.netns.as_fd(),
            Some(LinkNameSpaceType::Network),
        )?)
    }

    /// One request for a page by a thread of its own: the status, or 0 when no HTTP answer came.
    pub(crate) fn ask(&self, page: &Traffic) -> u16 {
        let request = || match page.body {
            Some(bytes) => post(7, page.site, page.path, bytes),
            None if page.upgrade => upgrade(7, page.site, page.path),
            None => get(7, page.site, page.path),
        };
        std::thread::scope(|scope| {
            scope
                .spawn(|| self.enter().and_then(|()| request()).unwrap_or(0))
                .join()
                .unwrap_or(0)
        })
    }
}

/// One GET from visitor number `visitor`, on a thread that entered the clients' network.
pub(crate) fn get(visitor: u8, site: &str, path: &str) -> Result<u16> {
    let mut stream = dial(visitor)?;
    head(&mut stream, &format!("GET {path}"), site, LEAVING)?;
    status(stream)
}

/// One request as somebody who calls himself so, from a page where one is named; a POST has an empty body.
pub(crate) fn ask_as(
    visitor: u8,
    site: &str,
    (method, path): (&str, &str),
    agent: &str,
    referrer: &str,
) -> Result<u16> {
    let mut stream = dial(visitor)?;
    let from = if referrer.is_empty() {
        String::new()
    } else {
        format!("Referer: {referrer}\r\n")
    };
    let length = if method == "POST" {
        "Content-Length: 0\r\n"
    } else {
        ""
    };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {site}\r\nUser-Agent: {agent}\r\n{from}{length}{LEAVING}\r\n"
    )?;
    status(stream)
}

/// The opening handshake of a WebSocket.
fn upgrade(visitor: u8, site: &str, path: &str) -> Result<u16> {
    let mut stream = dial(visitor)?;
    let wish = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    head(&mut stream, &format!("GET {path}"), site, wish)?;
    match first_line(&mut stream)? {
        101 => Ok(200),
        other => Ok(other),
    }
}

/// One request is all a visitor has.
const LEAVING: &str = "Connection: close\r\n";

/// One POST of so many bytes. A server may answer before it has read them all.
fn post(visitor: u8, site: &str, path: &str, bytes: u32) -> Result<u16> {
    let mut stream = dial(visitor)?;
    head(
        &mut stream,
        &format!("POST {path}"),
        site,
        &format!("Content-Length: {bytes}\r\n{LEAVING}"),
    )?;
    let _ = stream.write_all(&vec![b'x'; usize::try_from(bytes)?]);
    status(stream)
}

fn head(stream: &mut TcpStream, line: &str, site: &str, more: &str) -> Result<()> {
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: {site}\r\nUser-Agent: {agent}\r\n{more}\r\n"
    )?;
    Ok(())
}

fn status(mut stream: TcpStream) -> Result<u16> {
    let status = first_line(&mut stream)?;
    // A reset after the head does not change what the visitor was told.
    let _ = stream.read_to_end(&mut Vec::new());
    Ok(status)
}

fn first_line(stream: &mut TcpStream) -> Result<u16> {
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    Ok(std::str::from_utf8(&head[9..])?.parse()?)
}

fn dial(visitor: u8) -> Result<TcpStream> {
    let socket = socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    for direction in [Timeout::Send, Timeout::Recv] {
        set_socket_timeout(&socket, direction, Some(PATIENCE))?;
    }
    bind(
        &socket,
        &SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, visitor), 0),
    )?;
    connect(&socket, &SocketAddrV4::new(HOST, 80))?;
    Ok(TcpStream::from(socket))
}
