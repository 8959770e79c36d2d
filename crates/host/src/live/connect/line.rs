//! A connected socket with a time limit on everything.

use crate::{
    Endpoint,
    answer::{Connect, End},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, OwnedFd},
    io::{self, Errno},
    net::{self, AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sockopt},
};
use std::time::Instant;

/// Something to say things to and to hear from.
pub(in crate::live) trait Ear {
    /// Says all of it.
    fn say(&mut self, bytes: &[u8], until: Instant) -> io::Result<()>;
    /// Waits for something more, and appends it.
    fn hear(&mut self, into: &mut Vec<u8>, until: Instant) -> Turn;
}

/// What came of listening.
pub(in crate::live) enum Turn {
    /// Something was heard.
    Heard,
    /// Nothing more will come, or not in time.
    Over(End),
}

/// A connected stream socket.
pub(in crate::live) struct Line {
    socket: OwnedFd,
}

impl Line {
    /// Connects without blocking, as nginx does: so a full unix accept queue is EAGAIN here as well.
    pub(in crate::live) fn open(to: &Endpoint, until: Instant) -> (Connect, Option<Self>) {
        match connect(to, until) {
            Ok(socket) => (Connect::Accepted, Some(Self { socket })),
            Err(Errno::TIME) => (Connect::TimedOut, None),
            Err(error) => (Connect::Failed(error.raw_os_error()), None),
        }
    }
}

impl Ear for Line {
    fn say(&mut self, mut bytes: &[u8], until: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            match net::send(&self.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                Err(Errno::AGAIN) => wait(&self.socket, PollFlags::OUT, until)?,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn hear(&mut self, into: &mut Vec<u8>, until: Instant) -> Turn {
        let mut buffer = [0; 16 << 10];
        loop {
            match net::recv(&self.socket, &mut buffer[..], RecvFlags::empty()).map(|(read, _)| read) {
                Ok(0) => return Turn::Over(End::Closed),
                Ok(read) => {
                    into.extend_from_slice(&buffer[..read]);
                    return Turn::Heard;
                }
                Err(Errno::AGAIN) => {
                    if wait(&self.socket, PollFlags::IN, until).is_err() {
                        return Turn::Over(End::TimedOut);
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::TIMEDOUT) => return Turn::Over(End::TimedOut),
                Err(_) => return Turn::Over(End::Reset),
            }
        }
    }
}

/// `Errno::TIME` (which connect(2) never gives) when time is up.
fn connect(to: &Endpoint, until: Instant) -> io::Result<OwnedFd> {
    let family = match to {
        Endpoint::Tcp(address) if address.is_ipv4() => AddressFamily::INET,
        Endpoint::Tcp(_) => AddressFamily::INET6,
        Endpoint::Unix(_) => AddressFamily::UNIX,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = net::socket_with(family, SocketType::STREAM, flags, None)?;
    let begun = match to {
        Endpoint::Tcp(address) => net::connect(&socket, address),
        Endpoint::Unix(path) => net::connect(&socket, &SocketAddrUnix::new(path.as_path())?),
    };
    match begun {
        Err(Errno::INPROGRESS | Errno::INTR) => {
            wait(&socket, PollFlags::OUT, until)?;
            sockopt::socket_error(&socket)??;
        }
        other => other?,
    }
    Ok(socket)
}

fn wait(socket: &impl AsFd, what: PollFlags, until: Instant) -> io::Result<()> {
    let left = until.saturating_duration_since(Instant::now());
    let left = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
    match poll(&mut [PollFd::new(socket, what)], Some(&left)) {
        Ok(0) => Err(Errno::TIME),
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error),
    }
}
