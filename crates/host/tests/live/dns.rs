use crate::{is_root, live, processes, timed};
use host::{Looks, answer::DnsReply, query::RecordKind};
use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    thread,
    time::Duration,
};

const RESPONSE: u8 = 0x80;
const CUT: u8 = 0x02;

/// Answers each question with what `answer` makes of it; nothing where that is empty.
fn responder(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    let address = socket.local_addr().expect("has a name");
    thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            let answer = answer(&question[..length]);
            if !answer.is_empty() {
                socket.send_to(&answer, from).expect("sends");
            }
        }
    });
    address
}

/// The question as an answer with this code, these flags and these A records.
fn reply(question: &[u8], flags: u8, rcode: u8, addresses: &[[u8; 4]]) -> Vec<u8> {
    let mut message = question.to_vec();
    message[2] |= RESPONSE | flags;
    message[3] = rcode;
    message[7] = u8::try_from(addresses.len()).expect("few");
    for address in addresses {
        // the name by reference, A, IN, TTL 60, four bytes
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        message.extend(address);
    }
    message
}

fn ask(server: SocketAddr) -> DnsReply {
    live()
        .dns(server, "app.example", RecordKind::A, None)
        .expect("may look")
}

fn answered(rcode: u16, addresses: &[[u8; 4]]) -> DnsReply {
    DnsReply::Answered {
        rcode,
        addresses: addresses.iter().map(|bytes| IpAddr::from(*bytes)).collect(),
        names: Vec::new(),
        ttl: (!addresses.is_empty()).then_some(60),
        signed: Vec::new(),
    }
}

#[test]
fn answers_of_every_kind() {
    let two = &[[127, 0, 0, 5], [10, 0, 0, 1]];
    assert_eq!(
        ask(responder(|question| reply(question, 0, 0, two))),
        answered(0, two)
    );
    for code in [2, 3, 5, 11] {
        assert_eq!(
            ask(responder(move |question| reply(question, 0, code, &[]))),
            answered(code.into(), &[])
        );
    }
}

#[test]
fn silence_ends_in_time() {
    let (reply, took) = timed(|| ask(responder(|_| Vec::new())));
    assert_eq!(reply, DnsReply::NoAnswer);
    assert!(took < Duration::from_millis(1300), "took {took:?}");
}

#[test]
fn a_lost_question_is_asked_again() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = responder(
        move |question| match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Vec::new(),
            _ => reply(question, 0, 0, &[[127, 0, 0, 9]]),
        },
    );
    assert_eq!(ask(server), answered(0, &[[127, 0, 0, 9]]));
}

#[test]
fn garbage_and_forgeries_are_no_answer() {
    assert_eq!(
        ask(responder(|_| b"HTTP/1.1 400 Bad Request\r\n".to_vec())),
        DnsReply::Garbage
    );
    let forged = responder(|question| {
        let mut message = reply(question, 0, 0, &[[6, 6, 6, 6]]);
        message[0] ^= 0xff;
        message
    });
    assert_eq!(ask(forged), DnsReply::Garbage);
    let other_name = responder(|question| {
        let mut message = reply(question, 0, 0, &[[6, 6, 6, 6]]);
        message[13] = b'b';
        message
    });
    assert_eq!(ask(other_name), DnsReply::Garbage);
}

#[test]
fn a_closed_port_is_told_at_once() {
    let address = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|socket| socket.local_addr())
        .expect("binds");
    let (reply, took) = timed(|| ask(address));
    assert_eq!(reply, DnsReply::PortClosed);
    assert!(took < Duration::from_millis(500), "took {took:?}");
}

#[test]
fn a_cut_answer_is_fetched_whole_over_tcp() {
    let udp = responder(|question| reply(question, CUT, 0, &[[127, 0, 0, 1]]));
    let tcp = TcpListener::bind(udp).expect("the same port");
    thread::spawn(move || {
        let (mut stream, _) = tcp.accept().expect("accepts");
        let mut question = vec![0; 512];
        let length = stream.read(&mut question).expect("reads");
        let message = reply(&question[2..length], 0, 0, &[[127, 0, 0, 1], [127, 0, 0, 2]]);
        stream
            .write_all(&u16::try_from(message.len()).expect("short").to_be_bytes())
            .expect("writes");
        // in two pieces, as TCP may
        stream.write_all(&message[..5]).expect("writes");
        stream.write_all(&message[5..]).expect("writes");
    });
    assert_eq!(ask(udp), answered(0, &[[127, 0, 0, 1], [127, 0, 0, 2]]));
    // nobody takes TCP: the cut answer is better than none
    let alone = responder(|question| reply(question, CUT, 0, &[[127, 0, 0, 1]]));
    assert_eq!(ask(alone), answered(0, &[[127, 0, 0, 1]]));
}

#[test]
fn the_resolver_of_another_network_is_not_ours() {
    if !is_root("make a network namespace") {
        return;
    }
    let ours = responder(|question| reply(question, 0, 0, &[]));
    let apart = processes::start("unshare", &["--net", "sleep", "1000"]);
    processes::wait_for("the new namespace", || processes::other_netns(apart.0.id()));
    let seen = live()
        .dns(ours, "app.example", RecordKind::Aaaa, Some(apart.0.id()))
        .expect("may look");
    assert_eq!(seen, DnsReply::NoAnswer);
}

#[test]
fn what_is_no_name_is_not_asked() {
    let look = live().dns(([127, 0, 0, 1], 9).into(), &"x".repeat(70), RecordKind::A, None);
    assert!(look.is_err(), "{look:?}");
}
