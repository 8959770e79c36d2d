//! Logins against servers that say what real ones say, each made by its test; and that no secret leaves a looker.

use crate::{live, processes::start};
use host::{
    Endpoint, Looks, Stance,
    answer::Connect,
    consult::{Admission, Consultation, Login, Secret, Service},
    recorded::Recorder,
};
use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

/// Nobody's password but the tests'.
const CANARY: &str = "c4nary-8f2e";

/// Connection.Start of RabbitMQ 3.10.8 as Debian has it, byte for byte: installed and started, it would cost the tests half a
/// minute.
const RABBITMQ: &[u8] =
    b"\x01\x00\x00\x00\x00\x01\xf0\x00\x0a\x00\x0a\x00\x09\x00\x00\x01\xcb\x0ccapabilitiesF\x00\x00\x00\xc7\
    \x12publisher_confirmst\x01\x1aexchange_exchange_bindingst\x01\x0abasic.nackt\x01\x16consumer_cancel_not\
    ifyt\x01\x12connection.blockedt\x01\x13consumer_prioritiest\x01\x1cauthentication_failure_closet\x01\x10\
    per_consumer_qost\x01\x0fdirect_reply_tot\x01\x0ccluster_nameS\x00\x00\x00\x09why502@vm\x09copyrightS\
    \x00\x00\x007Copyright (c) 2007-2022 VMware, Inc. or its affiliates.\x0binformationS\x00\x00\x009License\
    d under the MPL 2.0. Website: https://rabbitmq.com\x08platformS\x00\x00\x00\x11Erlang/OTP 25.2.3\x07prod\
    uctS\x00\x00\x00\x08RabbitMQ\x07versionS\x00\x00\x00\x063.10.8\x00\x00\x00\x0ePLAIN AMQPLAIN\x00\x00\x00\
    \x05en_US\xce";

/// What is said, and whether something must be heard first.
type Script = Vec<(bool, Vec<u8>)>;

/// Says each line in turn, after hearing something where it is told to; hands over all it heard.
fn server(script: Script) -> (Endpoint, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    let address = listener.local_addr().expect("has a name");
    let (to, heard) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepts");
        let mut all = Vec::new();
        for (after, says) in script {
            if after {
                all.extend(heard_now(&mut stream));
            }
            let _ = stream.write_all(&says);
        }
        all.extend(heard_now(&mut stream));
        let _ = to.send(all);
    });
    (Endpoint::Tcp(address), heard)
}

fn heard_now(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let length = stream.read(&mut bytes).unwrap_or_default();
    bytes.truncate(length);
    bytes
}

fn ask(to: &Endpoint, service: Service, secret: Option<Secret>) -> Consultation {
    let login = Login {
        user: "shop".into(),
        database: "shop".into(),
        secret,
    };
    live()
        .consult(to, &Stance::default(), service, Some(&login))
        .expect("may look")
}

/// A file with the canary, as the application has it, and the secret a look at it shows.
fn planted(dir: &Path) -> Secret {
    let file = dir.join("wp-config.php");
    fs::write(&file, format!("<?php\ndefine('DB_PASSWORD', '{CANARY}');\n")).expect("writes");
    Secret { file, nth: 0 }
}

fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("short");
    [&[length, 0, 0, sequence][..], payload].concat()
}

/// As MariaDB 10.11 greets.
fn mariadb_greeting() -> Vec<u8> {
    let mut bytes = b"\x0a5.5.5-10.11.19-MariaDB\0\x07\0\0\0abcdefgh\0".to_vec();
    bytes.extend([0xfe, 0xf7, 45, 2, 0, 0xff, 0x81, 21]);
    bytes.extend([0; 10]);
    bytes.extend(b"ijklmnopqrst\0mysql_native_password\0");
    packet(0, &bytes)
}

fn table(columns: &[&str], rows: &[&[&str]]) -> Vec<u8> {
    let counted = |text: &str| [&[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat();
    let end = |sequence| packet(sequence, &[0xfe, 0, 0, 2, 0]);
    let mut sent = packet(1, &[u8::try_from(columns.len()).expect("few")]);
    for column in columns {
        let names = ["def", "", "", "", column, column].map(counted).concat();
        sent.extend(packet(2, &names));
    }
    sent.extend(end(3));
    for row in rows {
        let cells: Vec<u8> = row.iter().flat_map(|cell| counted(cell)).collect();
        sent.extend(packet(4, &cells));
    }
    sent.extend(end(5));
    sent
}

#[test]
fn mariadb_lets_us_in_and_answers() {
    let dir = tempfile::tempdir().expect("temp dir");
    let denied = packet(1, b"\xff\xcb\x04#42000Access denied; you need PROCESS");
    let (to, heard) = server(vec![
        (false, mariadb_greeting()),
        (true, packet(2, &[0, 0, 0, 2, 0, 0, 0])),
        (
            true,
            table(&["Variable_name", "Value"], &[&["Threads_connected", "7"]]),
        ),
        (
            true,
            table(&["Variable_name", "Value"], &[&["max_connections", "151"]]),
        ),
        (
            true,
            table(&["Id", "User", "State"], &[&["9", "shop", "Sleep 'x'"]]),
        ),
        (true, denied),
    ]);
    let seen = ask(&to, Service::Mysql, Some(planted(dir.path())));
    assert_eq!(
        (seen.connect, &seen.admission),
        (Connect::Accepted, &Admission::Admitted)
    );
    assert_eq!(seen.server.as_deref(), Some("10.11.19-MariaDB"));
    assert_eq!(seen.number("status", "threads_connected"), Some(7));
    assert_eq!(seen.number("variables", "max_connections"), Some(151));
    let row = seen.table("processes").and_then(|table| table.rows().next());
    assert_eq!(
        row.map(|row| (row.get("user"), row.get("state"))),
        Some(("shop", "Sleep '?'"))
    );
    assert!(seen.table("transactions").is_none());
    let said = heard.recv().expect("was heard");
    assert!(
        !said
            .windows(CANARY.len())
            .any(|window| window == CANARY.as_bytes())
    );
}

#[test]
fn what_servers_say_instead_of_yes() {
    let postgres_full = || {
        let body = b"SFATAL\0C53300\0Msorry, too many clients already\0\0";
        let length = u32::try_from(body.len() + 4).expect("short").to_be_bytes();
        [&b"E"[..], &length, body].concat()
    };
    let rows: Vec<(Service, Script, &str)> = vec![
        (
            Service::Mysql,
            vec![(false, packet(0, b"\xff\x10\x04Too many connections"))],
            "1040",
        ),
        (
            Service::Mysql,
            vec![
                (false, mariadb_greeting()),
                (
                    true,
                    packet(2, b"\xff\x15\x04#28000Access denied for user 'shop'"),
                ),
            ],
            "1045",
        ),
        (
            Service::Postgres,
            vec![(true, b"N".to_vec()), (true, postgres_full())],
            "53300",
        ),
        (
            Service::Redis,
            vec![(true, b"-NOAUTH Authentication required.\r\n".to_vec())],
            "NOAUTH",
        ),
    ];
    for (service, script, code) in rows {
        let seen = ask(&server(script).0, service, None);
        let Admission::Refused(refusal) = seen.admission else {
            panic!("{service}: {:?}", seen.admission)
        };
        assert_eq!(refusal.code, code);
    }
}

#[test]
fn greetings_of_the_small_ones() {
    let rows: Vec<(Service, Script, Option<&str>)> = vec![
        (
            Service::Redis,
            vec![
                (true, b"+PONG\r\n".to_vec()),
                (
                    true,
                    b"$36\r\nredis_version:7.0.15\r\nused_memory:5\r\n\r\n".to_vec(),
                ),
            ],
            Some("7.0.15"),
        ),
        (
            Service::Redis,
            vec![
                (true, b"-MISCONF Redis is configured to save\r\n".to_vec()),
                (true, b"$21\r\nredis_version:7.0.15\r\n\r\n".to_vec()),
            ],
            Some("7.0.15"),
        ),
        (
            Service::Memcached,
            vec![(true, b"STAT pid 1\r\nSTAT version 1.6.18\r\nEND\r\n".to_vec())],
            Some("1.6.18"),
        ),
        (Service::Amqp, vec![(true, RABBITMQ.to_vec())], Some("3.10.8")),
        // a frame that is cut off is still the frame of a broker
        (Service::Amqp, vec![(true, RABBITMQ[..40].to_vec())], None),
        (
            Service::Amqp,
            vec![(true, b"AMQP\0\x01\0\0".to_vec())],
            Some("another version of AMQP"),
        ),
        (
            Service::Nats,
            vec![(false, b"INFO {\"version\":\"2.10\"}\r\n".to_vec())],
            Some("2.10"),
        ),
        (
            Service::Elasticsearch,
            vec![(true, b"HTTP/1.0 200 OK\r\n\r\n{\"status\":\"red\"}".to_vec())],
            None,
        ),
    ];
    for (service, script, version) in rows {
        let seen = ask(&server(script).0, service, None);
        assert_eq!(seen.admission, Admission::Admitted, "{service}");
        assert_eq!(seen.server.as_deref(), version, "{service}");
    }
}

#[test]
fn a_real_nats_server_greets() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    let at = free.local_addr().expect("has a name");
    drop(free);
    let port = at.port().to_string();
    let args = ["-a", "127.0.0.1", "-p", &port, "--log", "/dev/null"];
    let _server = start("/usr/sbin/nats-server", &args);
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(at).is_err() {
        assert!(Instant::now() < until, "it does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    let to = Endpoint::Tcp(at);
    let seen = ask(&to, Service::Nats, None);
    assert_eq!(seen.admission, Admission::Admitted);
    let version = seen.server.unwrap_or_default();
    assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{version:?}");
    // it greets as itself and as nobody else
    let seen = ask(&to, Service::Amqp, None);
    assert!(
        matches!(seen.admission, Admission::Unclear(_)),
        "{:?}",
        seen.admission
    );
}

#[test]
fn who_says_nothing_and_who_is_someone_else() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    let to = Endpoint::Tcp(listener.local_addr().expect("has a name"));
    for service in [Service::Mysql, Service::Postgres] {
        let seen = ask(&to, service, None);
        assert_eq!(
            (seen.connect, seen.admission),
            (Connect::Accepted, Admission::Silent)
        );
    }
    for service in [Service::Mysql, Service::Redis, Service::Nats, Service::Amqp] {
        let (to, _) = server(vec![(service != Service::Mysql, b"SSH-2.0-OpenSSH\r\n".to_vec())]);
        let seen = ask(&to, service, None);
        assert!(
            !matches!(seen.admission, Admission::Admitted | Admission::Refused(_)),
            "{service}: {:?}",
            seen.admission
        );
    }
}

#[test]
fn no_secret_leaves_a_looker_but_to_its_server() {
    let dir = tempfile::tempdir().expect("temp dir");
    let secret = planted(dir.path());
    let (to, heard) = server(vec![(true, b"+OK\r\n".to_vec()), (true, b"+PONG\r\n".to_vec())]);
    let live = live();
    let recorder = Recorder::new(&live);
    let text = recorder.file(&secret.file).expect("may look").expect("is there");
    let login = Login {
        secret: Some(secret),
        ..Login::default()
    };
    recorder
        .consult(&to, &Stance::default(), Service::Redis, Some(&login))
        .expect("may look");
    let said = String::from_utf8_lossy(&heard.recv().expect("was heard")).into_owned();
    assert!(said.contains(CANARY), "{said}");
    let mut recording = Vec::new();
    recorder.write(&mut recording).expect("to memory");
    for (what, bytes) in [("file", text), ("recording", recording)] {
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        assert!(
            shown.contains("SECRET-0") && !shown.contains(CANARY),
            "{what}: {shown}"
        );
    }
    assert!(!format!("{login:?}").contains(CANARY));
}
