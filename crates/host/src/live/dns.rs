//! One question to one DNS server, as nginx's resolver would ask it: UDP, and TCP where the answer is cut.

use super::enter;
use crate::{Look, Timestamp, Unseen, answer::DnsReply, query::RecordKind};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, Question, TYPE, rdata::RData};
use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

/// When the question is sent again, should it have been lost.
const AGAIN: Duration = Duration::from_millis(400);
/// When we stop waiting; leaves room within the look's own deadline.
const PATIENCE: Duration = Duration::from_millis(1000);

/// An OPT record with DO, for answers of up to 1232 bytes (RFC 6891 section 6.1.2, RFC 3225 section 3).
const WITH_SIGNATURES: [u8; 11] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0];

/// Asks the server; in the network namespace of a process if need be.
pub(super) fn ask(server: SocketAddr, name: &str, kind: RecordKind, netns_of: Option<u32>) -> Look<DnsReply> {
    if let Some(pid) = netns_of {
        enter::network(pid)?;
    }
    let asked = Asked::new(name, kind).map_err(|error| Unseen::Unusable {
        what: name.into(),
        why: format!("not a name that DNS can hold: {error}"),
    })?;
    let until = Instant::now() + PATIENCE;
    let reply = match asked.over_udp(server, until) {
        Ok(Heard::Whole(message)) => asked.reply(&message).unwrap_or(DnsReply::Garbage),
        Ok(Heard::Cut(message)) => {
            let whole = asked.over_tcp(server, until).unwrap_or(message);
            asked.reply(&whole).unwrap_or(DnsReply::Garbage)
        }
        Ok(Heard::OnlyGarbage) => DnsReply::Garbage,
        // ICMP port unreachable
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => DnsReply::PortClosed,
        // no route, a firewall's refusal, silence: no answer comes from there
        Err(_) => DnsReply::NoAnswer,
    };
    Ok(reply)
}

enum Heard {
    Whole(Vec<u8>),
    Cut(Vec<u8>),
    OnlyGarbage,
}

struct Asked {
    id: [u8; 2],
    question: Question<'static>,
    message: Vec<u8>,
}

impl Asked {
    fn new(name: &str, kind: RecordKind) -> simple_dns::Result<Self> {
        let id = RandomState::new().build_hasher().finish() as u16;
        let unchecked = matches!(
            kind,
            RecordKind::UncheckedA | RecordKind::UncheckedAaaa | RecordKind::UncheckedNs
        );
        let kind = match kind {
            RecordKind::A | RecordKind::UncheckedA => TYPE::A,
            RecordKind::Aaaa | RecordKind::UncheckedAaaa => TYPE::AAAA,
            RecordKind::Ns | RecordKind::UncheckedNs => TYPE::NS,
            RecordKind::Cname => TYPE::CNAME,
        };
        let name = Name::new(name.trim_end_matches('.'))?.into_owned();
        let question = Question::new(name, QTYPE::TYPE(kind), CLASS::IN.into(), false);
        let mut packet = Packet::new_query(id);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        if unchecked {
            packet.set_flags(PacketFlag::CHECKING_DISABLED);
        }
        packet.questions.push(question.clone());
        let mut message = packet.build_bytes_vec()?;
        if unchecked {
            // one additional record
            message[11] = 1;
            message.extend(WITH_SIGNATURES);
        }
        Ok(Self {
            id: id.to_be_bytes(),
            question,
            message,
        })
    }

    /// Anything that is not an answer to our question is passed over (it may be forged), but remembered.
    fn over_udp(&self, server: SocketAddr, until: Instant) -> io::Result<Heard> {
        let any: IpAddr = if server.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        socket.send(&self.message)?;
        let (mut wait_until, mut garbage, mut buffer) = (Instant::now() + AGAIN, false, vec![0; 4096]);
        loop {
            match hear(&socket, &mut buffer, wait_until) {
                Ok(length) if self.is_answered_by(&buffer[..length]) => {
                    let message = buffer[..length].to_vec();
                    return Ok(if is_cut(&message) {
                        Heard::Cut(message)
                    } else {
                        Heard::Whole(message)
                    });
                }
                Ok(_) => garbage = true,
                Err(error) if wait_until < until && is_timeout(&error) => {
                    socket.send(&self.message)?;
                    wait_until = until;
                }
                Err(error) if garbage && is_timeout(&error) => return Ok(Heard::OnlyGarbage),
                Err(error) => return Err(error),
            }
        }
    }

    fn over_tcp(&self, server: SocketAddr, until: Instant) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&server, left(until)?)?;
        let length = u16::try_from(self.message.len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), self.message.as_slice()].concat())?;
        let mut head = [0; 2];
        read_exact(&mut stream, &mut head, until)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(head))];
        read_exact(&mut stream, &mut message, until)?;
        if self.is_answered_by(&message) {
            Ok(message)
        } else {
            Err(ErrorKind::InvalidData.into())
        }
    }

    /// Same id, a response, and our question in it (a server that can't even read it may leave it out).
    fn is_answered_by(&self, message: &[u8]) -> bool {
        let is_response = message.get(2).is_some_and(|flags| flags & 0x80 != 0);
        let same_question = match Packet::parse(message) {
            Ok(packet) => {
                packet.questions.is_empty() || packet.questions.iter().any(|asked| self.is_question(asked))
            }
            Err(_) => is_cut(message),
        };
        message.starts_with(&self.id) && is_response && same_question
    }

    /// Letters in names may change case on the way.
    fn is_question(&self, other: &Question<'_>) -> bool {
        let (ours, theirs) = (self.question.qname.to_string(), other.qname.to_string());
        ours.eq_ignore_ascii_case(&theirs) && self.question.qtype == other.qtype
    }

    /// A name that was asked for: of a name server, or that this one stands for.
    fn name_in(&self, data: &RData<'_>) -> Option<String> {
        match data {
            RData::NS(ns) => Some(ns.0.to_string()),
            RData::CNAME(name) if self.question.qtype == QTYPE::TYPE(TYPE::CNAME) => Some(name.0.to_string()),
            _ => None,
        }
    }

    fn reply(&self, message: &[u8]) -> Option<DnsReply> {
        let rcode = u16::from(message.get(3)? & 0x0f);
        let packet = Packet::parse(message).ok()?;
        let addresses = packet.answers.iter().filter_map(|record| address(&record.rdata));
        Some(DnsReply::Answered {
            rcode,
            addresses: addresses.collect(),
            names: packet
                .answers
                .iter()
                .filter_map(|record| self.name_in(&record.rdata))
                .collect(),
            ttl: packet.answers.iter().map(|record| record.ttl).min(),
            signed: packet
                .answers
                .iter()
                .filter_map(|record| signed(&record.rdata))
                .collect(),
        })
    }
}

fn signed(data: &RData<'_>) -> Option<(Timestamp, Timestamp)> {
    let RData::RRSIG(it) = data else {
        return None;
    };
    let at = |seconds: u32| Timestamp::from_secs(seconds.into());
    Some((at(it.signature_inception), at(it.signature_expiration)))
}

fn address(data: &RData<'_>) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(Ipv4Addr::from(a.address).into()),
        RData::AAAA(aaaa) => Some(Ipv6Addr::from(aaaa.address).into()),
        _ => None,
    }
}

/// The TC bit.
fn is_cut(message: &[u8]) -> bool {
    message.get(2).is_some_and(|flags| flags & 0x02 != 0)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// What is left of the time; an error when nothing is.
fn left(until: Instant) -> io::Result<Duration> {
    match until.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

fn hear(socket: &UdpSocket, buffer: &mut [u8], until: Instant) -> io::Result<usize> {
    socket.set_read_timeout(Some(left(until)?))?;
    socket.recv(buffer)
}

/// A server that sends a byte a second must not get a new limit with each.
fn read_exact(stream: &mut TcpStream, mut into: &mut [u8], until: Instant) -> io::Result<()> {
    while !into.is_empty() {
        stream.set_read_timeout(Some(left(until)?))?;
        match stream.read(into)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => into = &mut into[read..],
        }
    }
    Ok(())
}
