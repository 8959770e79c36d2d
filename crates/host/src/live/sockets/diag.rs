//! sock_diag(7): the only interface that tells the exact accept queue and backlog of TCP and of unix listeners.

use super::MAX_CONNECTIONS;
use crate::{
    Endpoint,
    answer::{Socket, SocketState},
};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload, Nla};
use netlink_packet_sock_diag::{
    AF_INET, AF_INET6, IPPROTO_TCP, SockDiagMessage,
    inet::{self, InetRequest, InetResponse, SocketId},
    unix::{self, UnixRequest, UnixResponse, nlas::UnixDiagName},
};
use netlink_sys::{Socket as Netlink, SocketAddr as NetlinkAddr, protocols::NETLINK_SOCK_DIAG};
use std::{
    ffi::OsString,
    io,
    net::SocketAddr,
    os::unix::ffi::{OsStrExt, OsStringExt},
};

/// `UDIAG_SHOW_UID` and `UNIX_DIAG_UID` (Linux 5.3), which the crate does not name.
const SHOW_UID: u32 = 0x40;
const NLA_UID: u16 = 7;
/// `SOCK_STREAM`.
const STREAM: u8 = 1;

/// Unix and TCP listeners, then live connections, then TIME_WAIT, each kind up to the bound.
pub(super) fn dump() -> io::Result<Vec<Socket>> {
    use inet::StateFlags as S;
    let mut sockets = Vec::new();
    ask(unix_listeners(), usize::MAX, &mut sockets)?;
    let kinds = [S::LISTEN, S::all() - S::LISTEN - S::TIME_WAIT, S::TIME_WAIT];
    for (states, limit) in kinds
        .into_iter()
        .zip([usize::MAX, MAX_CONNECTIONS, MAX_CONNECTIONS])
    {
        ask(tcp(AF_INET, &states), limit, &mut sockets)?;
        // a kernel without IPv6 says ENOENT
        let _ = ask(tcp(AF_INET6, &states), limit, &mut sockets);
    }
    bound(&mut sockets);
    Ok(sockets)
}

/// Listeners come first and always stay.
fn bound(sockets: &mut Vec<Socket>) {
    let listeners = sockets
        .iter()
        .filter(|socket| socket.state == SocketState::Listen)
        .count();
    sockets.truncate(listeners + MAX_CONNECTIONS);
}

fn unix_listeners() -> SockDiagMessage {
    use unix::ShowFlags as Show;
    SockDiagMessage::UnixRequest(UnixRequest {
        state_flags: unix::StateFlags::LISTEN,
        inode: 0,
        show_flags: Show::NAME | Show::VFS | Show::RQLEN | Show::from_bits_retain(SHOW_UID),
        cookie: [0xff; 8],
    })
}

fn tcp(family: u8, states: &inet::StateFlags) -> SockDiagMessage {
    SockDiagMessage::InetRequest(InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: inet::ExtensionFlags::empty(),
        states: inet::StateFlags::from_bits_truncate(states.bits()),
        socket_id: if family == AF_INET {
            SocketId::new_v4()
        } else {
            SocketId::new_v6()
        },
    })
}

/// One dump; stops early at the limit (the rest is thrown away with the netlink socket).
fn ask(request: SockDiagMessage, limit: usize, sockets: &mut Vec<Socket>) -> io::Result<()> {
    let mut netlink = Netlink::new(NETLINK_SOCK_DIAG)?;
    netlink.bind_auto()?;
    netlink.connect(&NetlinkAddr::new(0, 0))?;
    netlink.send(&encoded(request), 0)?;
    let stop_at = sockets.len().saturating_add(limit);
    let mut buffer = vec![0; 64 << 10];
    while sockets.len() < stop_at {
        let length = netlink.recv(&mut &mut buffer[..], 0)?;
        if take_datagram(buffer.get(..length).unwrap_or(&buffer), sockets)? {
            break;
        }
    }
    Ok(())
}

fn encoded(request: SockDiagMessage) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(request));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// The messages of one datagram; `true` after the last of the dump. One that can't be parsed is passed over.
fn take_datagram(mut datagram: &[u8], sockets: &mut Vec<Socket>) -> io::Result<bool> {
    while let Some(length) = message_length(datagram) {
        match NetlinkMessage::<SockDiagMessage>::deserialize(&datagram[..length])
            .map(|message| message.payload)
        {
            Ok(NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(found))) => {
                sockets.push(from_inet(&found))
            }
            Ok(NetlinkPayload::InnerMessage(SockDiagMessage::UnixResponse(found))) => {
                sockets.extend(from_unix(&found));
            }
            Ok(NetlinkPayload::Done(_)) => return Ok(true),
            Ok(NetlinkPayload::Error(error)) => return Err(error.to_io()),
            _ => {}
        }
        // messages begin at multiples of four
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// `nlmsg_len`, if the message is whole.
fn message_length(datagram: &[u8]) -> Option<usize> {
    let length = u32::from_ne_bytes(*datagram.first_chunk()?) as usize;
    (length >= 16 && length <= datagram.len()).then_some(length)
}

fn from_inet(found: &InetResponse) -> Socket {
    let (head, id) = (&found.header, &found.header.socket_id);
    let state = super::state(head.state);
    let remote = SocketAddr::new(id.destination_address, id.destination_port);
    Socket {
        local: Endpoint::from((id.source_address, id.source_port)),
        remote: (state != SocketState::Listen).then_some(remote),
        state,
        recv_q: head.recv_queue,
        send_q: head.send_queue,
        inode: head.inode.into(),
        uid: head.uid,
        pids: None,
        file_inode: None,
        v6_only: found.nlas.iter().find_map(|nla| match nla {
            inet::nlas::Nla::SkV6Only(only) => Some(*only),
            _ => None,
        }),
    }
}

fn from_unix(found: &UnixResponse) -> Option<Socket> {
    use unix::nlas::Nla as U;
    if found.header.kind != STREAM {
        return None;
    }
    let queue = found.nlas.iter().find_map(|nla| match nla {
        U::ReceiveQueueLength(waiting, backlog) => Some((*waiting, *backlog)),
        _ => None,
    });
    let (recv_q, send_q) = queue.unwrap_or_default();
    Some(Socket {
        local: Endpoint::Unix(path(found.name()).into()),
        remote: None,
        state: SocketState::Listen,
        recv_q,
        send_q,
        inode: found.header.inode.into(),
        uid: number(
            found,
            |nla| matches!(nla, U::Other(other) if other.kind() == NLA_UID),
        )
        .unwrap_or_default(),
        pids: None,
        file_inode: number(found, |nla| matches!(nla, U::Vfs(_))).map(u64::from),
        v6_only: None,
    })
}

/// Abstract names as `@name`, unnamed as empty.
fn path(name: Option<&UnixDiagName>) -> OsString {
    match name {
        None => OsString::new(),
        Some(UnixDiagName::Pathname(path)) => path.clone(),
        Some(UnixDiagName::Abstract(name)) => {
            let mut at = OsString::from("@");
            at.push(OsString::from_vec(name.clone()).as_os_str());
            OsString::from_vec(at.as_bytes().to_vec())
        }
    }
}

/// The first word of an attribute: the inode of `unix_diag_vfs`, whose fields the crate hides, or the user id.
fn number(found: &UnixResponse, is_it: impl Fn(&unix::nlas::Nla) -> bool) -> Option<u32> {
    let nla = found.nlas.iter().find(|nla| is_it(nla))?;
    let mut value = vec![0; nla.value_len()];
    nla.emit_value(&mut value);
    Some(u32::from_ne_bytes(*value.first_chunk()?))
}
