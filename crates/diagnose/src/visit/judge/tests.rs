use super::{
    super::{
        Page, Place,
        case::{Machine, NameAsked, Unchecked},
    },
    *,
};
use crate::case::NameAnswer;
use host::{
    Timestamp, Unseen,
    answer::{Bytes, Connect, Conversation, End},
    looks::RouteTo,
    visit::Visit,
};

/// A site at 192.0.2.1, as a machine with IPv4 sees it.
fn check() -> Check {
    let way = RouteTo::Via {
        device: "eth0".into(),
        gateway: "10.0.0.1".parse().ok(),
        source: "10.0.0.2".parse().ok(),
        local: false,
    };
    let no = RouteTo::Refused {
        says: "Network is unreachable".into(),
    };
    Check {
        place: Place::parse("http://shop.example/").expect("is one"),
        at: Timestamp::from_secs(1_795_784_400),
        id: "0123456789ab".into(),
        machine: Machine {
            ways_out: [Ok(way), Ok(no)],
            links: Err(Unseen::NotRecorded { what: "links".into() }),
            hosts_file: Vec::new(),
            proxies: Vec::new(),
            proxy: None,
        },
        names: vec![named(By::System, &["192.0.2.1"])],
        nowhere: Vec::new(),
        alias: None,
        dead_end: None,
        asked: Vec::new(),
        browsers: Vec::new(),
        roots: None,
        unseen: Vec::new(),
    }
}

fn named(by: By, addresses: &[&str]) -> NameAsked {
    let addresses = addresses.iter().filter_map(|it| it.parse().ok()).collect();
    NameAsked {
        by,
        answer: Ok(NameAnswer::Addresses(addresses)),
        unchecked: None,
    }
}

fn zone(addresses: &[&str]) -> NameAsked {
    named(By::Zone(([192, 0, 2, 53], 53).into()), addresses)
}

fn asked(why: Why, to: &str, connect: Connect, heard: &str) -> Asked {
    let place = Place::parse("http://shop.example/").expect("is one");
    let visit = Visit {
        to: to.parse().expect("an address"),
        host: place.host.clone(),
        authority: place.authority(),
        tls: false,
        target: "/".into(),
        http2: why == Why::Http2,
        cookies: None,
        proxy: None,
        id: String::new(),
        nth: 0,
    };
    let talk = Conversation {
        connect,
        connect_us: 1,
        heard: Bytes(heard.into()),
        end: End::Closed,
        first_byte_ms: None,
        tls: None,
    };
    let page = Page::read(heard.as_bytes());
    Asked {
        why,
        place,
        visit,
        talk: Ok(talk),
        page,
    }
}

fn answered(why: Why, heard: &str) -> Asked {
    asked(why, "192.0.2.1:80", Connect::Accepted, heard)
}

const OK: &str = "HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\nhi";
const NGINX: &str =
    "HTTP/1.1 502 Bad Gateway\r\nServer: nginx/1.22.1\r\n\r\n<hr><center>nginx/1.22.1</center>";

#[track_caller]
fn is(check: &Check, whose: Option<Whose>, cause: Option<&str>, says: &str) {
    let judgement = judge(check);
    assert_eq!(
        (judgement.whose, judgement.cause),
        (whose, cause),
        "{judgement:#?}"
    );
    assert!(judgement.says.contains(says), "{}", judgement.says);
}

fn with(asked: Vec<Asked>) -> Check {
    Check { asked, ..check() }
}

#[test]
fn who_made_the_page_is_to_blame() {
    let body = |head: &str, body: &str| format!("HTTP/1.1 502 Bad Gateway\r\n{head}\r\n{body}");
    let rows: [(String, Whose, &str); 9] = [
        (NGINX.into(), Whose::Edge, "nginx 1.22.1, the first server"),
        (
            body("Server: nginx/1.25.0\r\n", "<center>nginx/1.18.0</center>"),
            Whose::Inner,
            "nginx 1.18.0, a server behind",
        ),
        (
            body("Server: Apache\r\n", "<center>nginx</center>"),
            Whose::Inner,
            "nginx, a server behind",
        ),
        (
            body(
                "Server: nginx\r\n",
                "The server returned an invalid or incomplete response.",
            ),
            Whose::Inner,
            "HAProxy",
        ),
        (
            body("", "The server returned an invalid or incomplete response."),
            Whose::Edge,
            "HAProxy, the first",
        ),
        (
            body("Server: cloudflare\r\nCF-Ray: 1\r\n", "<div id=cf-error-details>"),
            Whose::Cdn,
            "Cloudflare",
        ),
        (
            body("Server: cloudflare\r\nCF-Ray: 1\r\n", "<center>nginx</center>"),
            Whose::Edge,
            "nginx, behind Cloudflare",
        ),
        (
            body("Server: nginx\r\nX-Powered-By: Express\r\n", "oops"),
            Whose::Application,
            "application",
        ),
        (
            body("Server: nginx\r\n", "<h1>We will be back</h1>"),
            Whose::Site,
            "does not tell",
        ),
    ];
    for (heard, whose, says) in rows {
        is(
            &with(vec![answered(Why::Address, &heard)]),
            Some(whose),
            None,
            says,
        );
    }
    let unclear = judge(&with(vec![answered(Why::Address, &body("", "?"))]));
    assert_eq!(unclear.outcome, Outcome::Unclear);
}

#[test]
fn what_works_is_said_to_work_and_what_fails_now_and_then_is_counted() {
    is(
        &with(vec![answered(Why::Address, OK)]),
        None,
        None,
        "works from here: 200 OK",
    );
    let mixed = with(vec![
        answered(Why::Address, OK),
        answered(Why::Again, NGINX),
        answered(Why::Again, OK),
    ]);
    is(&mixed, Some(Whose::Edge), None, "1 of 3 requests");
    let h2 = with(vec![
        answered(Why::Address, OK),
        answered(Why::Http2, NGINX),
        answered(Why::Again, OK),
    ]);
    // over HTTP/2 only where it is agreed on: without TLS it never is
    is(&h2, None, None, "works");
}

#[test]
fn an_old_address_is_the_resolvers_only_if_the_new_one_works() {
    let old = asked(Why::Address, "192.0.2.1:80", Connect::TimedOut, "");
    let new = |heard: &str| asked(Why::Address, "192.0.2.2:80", Connect::Accepted, heard);
    let mut check = with(vec![old, new(OK)]);
    check.names.push(zone(&["192.0.2.2"]));
    is(
        &check,
        Some(Whose::Resolver),
        Some("client-dns"),
        "at 192.0.2.2 it works",
    );
    check.asked[1] = new(NGINX);
    is(&check, Some(Whose::Route), None, "nobody answers");
    // answers that differ are no fault while the page comes
    check.asked[0] = answered(Why::Address, OK);
    is(&check, None, None, "works");
}

#[test]
fn no_way_out_is_this_networks() {
    let none = asked(Why::Address, "192.0.2.1:80", Connect::Failed(101), "");
    let mut check = with(vec![none]);
    is(
        &check,
        Some(Whose::Network),
        Some("client-network"),
        "no way to them from here",
    );
    let no = RouteTo::Refused {
        says: "Network is unreachable".into(),
    };
    check.machine.ways_out = [Ok(no.clone()), Ok(no)];
    is(
        &check,
        Some(Whose::Network),
        Some("client-network"),
        "no default route",
    );
    check.asked = vec![answered(Why::Address, OK)];
    is(&check, None, None, "works");
}

#[test]
fn a_name_that_nobody_knows_is_the_zones() {
    let mut check = check();
    check.names = vec![
        named(By::System, &[]),
        NameAsked {
            by: By::Configured(([10, 0, 0, 1], 53).into()),
            answer: Ok(NameAnswer::Missing),
            unchecked: None,
        },
    ];
    is(&check, Some(Whose::Zone), None, "there is no shop.example");
    check.names[1].answer = Ok(NameAnswer::Failed(2));
    check.names[1].unchecked = Some(Unchecked {
        addresses: vec![[192, 0, 2, 1].into()],
        ..Unchecked::default()
    });
    is(&check, Some(Whose::Zone), None, "DNSSEC");
    // nobody who does not check signatures knows better
    check.names.push(zone(&["192.0.2.1"]));
    is(&check, Some(Whose::Zone), None, "DNSSEC");
    check.names[1].unchecked = None;
    is(&check, Some(Whose::Resolver), Some("client-dns"), "which exists");
    check.names.truncate(1);
    check.names.push(NameAsked {
        by: By::Configured(([10, 0, 0, 1], 53).into()),
        answer: Ok(NameAnswer::Silent),
        unchecked: None,
    });
    is(
        &check,
        Some(Whose::Resolver),
        Some("client-dns"),
        "no resolver of this machine answers",
    );
}

#[test]
fn a_resolver_that_refuses_all_that_is_signed_is_to_blame_itself() {
    let refuses = |at: [u8; 4], signed_until: i64, refuses_root| {
        let mut check = check();
        let until = Timestamp(check.at.0 + signed_until);
        let unchecked = Unchecked {
            addresses: vec![[192, 0, 2, 1].into()],
            signed: vec![(Timestamp(0), until)],
            refuses_root,
        };
        check.names = vec![
            named(By::System, &[]),
            NameAsked {
                by: By::Configured((at, 53).into()),
                answer: Ok(NameAnswer::Failed(2)),
                unchecked: Some(unchecked),
            },
        ];
        judge(&check)
    };
    let (here, there) = ([127, 0, 0, 1], [10, 0, 0, 1]);
    for (at, until, root, whose, outcome) in [
        (there, 1, Some(true), Whose::Resolver, Outcome::Found),
        (here, 1, Some(true), Whose::Machine, Outcome::Found),
        (there, 1, Some(false), Whose::Zone, Outcome::Found),
        (there, 1, None, Whose::Zone, Outcome::Found),
        (there, -1, None, Whose::Zone, Outcome::Found),
        // one clock says so, and nobody else was asked
        (here, -1, None, Whose::Zone, Outcome::Unclear),
        (here, -1, Some(false), Whose::Zone, Outcome::Found),
    ] {
        let judgement = refuses(at, until, root);
        assert_eq!(
            (judgement.whose, judgement.outcome),
            (Some(whose), outcome),
            "{at:?} {until} {root:?}: {judgement:#?}"
        );
        let told = judgement.evidence.iter().any(|it| {
            it.says.contains(if until > 0 {
                "they hold now"
            } else {
                "they have ended"
            })
        });
        assert!(told, "{judgement:#?}");
    }
}

#[test]
fn a_closed_port_and_a_login_page_are_told() {
    let closed = asked(Why::Address, "192.0.2.1:80", Connect::Failed(111), "");
    is(&with(vec![closed]), Some(Whose::Edge), None, "no web server runs");
    let portal = answered(Why::Address, "HTTP/1.1 511 x\r\n\r\nlog in");
    is(
        &with(vec![portal]),
        Some(Whose::Network),
        Some("client-network"),
        "login",
    );
}
