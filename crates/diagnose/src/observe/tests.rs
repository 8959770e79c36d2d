//! Logs in, cases out, on a host written down in a few lines.

use super::*;
use crate::{testing::Fixture, world::AccessLog};
use host::{
    Answer, Endpoint, Query, Stance, Talk, Timestamp,
    answer::{Blob, Bytes, Connect, Conversation, End},
    memory::Memory,
    query::Part,
};
use logscan::Trouble;

/// The fixtures' worlds begin two hours before this, in UTC.
const NOW: Timestamp = crate::testing::NOW; // 2023-11-14 22:13:20

/// A host with one site, `shop.example`, and what its logs hold.
struct Told {
    memory: Memory,
    world: World,
}

impl Told {
    fn new(fixture: Fixture) -> Self {
        Self {
            memory: Memory::default(),
            world: fixture.world,
        }
    }

    fn file(mut self, path: &str, text: &str) -> Self {
        let blob = Blob {
            bytes: Bytes(text.into()),
            size: text.len() as u64,
            modified: NOW,
        };
        let query = Query::File {
            path: path.into(),
            part: Part::Tail(LOG_BYTES),
        };
        self.memory.set(query, Ok(Answer::File(Some(blob))));
        self
    }

    fn error_log(self, text: &str) -> Self {
        self.file("/var/log/nginx/error.log", text)
    }

    fn access_log(mut self, text: &str) -> Self {
        let format = "$remote_addr [$time_local] \"$request\" $status us=$upstream_status ua=$upstream_addr \
                      uht=$upstream_header_time urt=$upstream_response_time \"$http_user_agent\"";
        let log = AccessLog {
            path: "/var/log/nginx/access.log".into(),
            format: Some(format.into()),
            sites: vec![],
        };
        self.world.nginx[0].access_logs = vec![AccessLog {
            sites: vec!["shop.example".into()],
            ..log
        }];
        self.file("/var/log/nginx/access.log", text)
    }

    /// Whoever calls there gets this, whatever is said.
    fn answers(mut self, to: &str, talk: Talk, stance: Stance, connect: Connect, heard: &str) -> Self {
        let to = match to.strip_prefix("unix:") {
            Some(path) => Endpoint::Unix(path.into()),
            None => Endpoint::Tcp(to.parse().expect("an address")),
        };
        let conversation = Conversation {
            connect,
            connect_us: 100,
            heard: Bytes(heard.into()),
            end: End::Closed,
            first_byte_ms: Some(1),
            tls: None,
        };
        self.memory.set(
            Query::Connect { to, stance, talk },
            Ok(Answer::Conversation(conversation)),
        );
        self
    }

    fn worker(&self) -> Stance {
        stance::of_worker(&self.world, 0)
    }

    fn peer(self, to: &str, connect: Connect) -> Self {
        let stance = self.worker();
        self.answers(to, Talk::Nothing, stance, connect, "")
    }

    fn nginx_says(self, target: &str, patience_ms: u64, answer: &str) -> Self {
        self.site_says("shop.example", target, patience_ms, answer)
    }

    fn site_says(self, site: &str, target: &str, patience_ms: u64, answer: &str) -> Self {
        let talk = Talk::Http {
            method: "GET".into(),
            target: target.into(),
            host: site.into(),
            tls: None,
            patience_ms,
        };
        self.answers("127.0.0.1:80", talk, Stance::default(), Connect::Accepted, answer)
    }

    fn observe(self) -> Vec<Case> {
        observe(&self.memory, self.world, &Options::default()).1
    }

    /// Every symptom as `count status made_by trouble`, cases in order.
    fn symptoms(self) -> String {
        let cases = self.observe();
        let of_case = |case: &Case| {
            let shown = case.symptoms.iter().map(|it| {
                let trouble = it.trouble().map_or("-".into(), |trouble| format!("{trouble:?}"));
                let trouble: String = trouble.chars().take(16).collect();
                let status = it.status.map_or("-".into(), |status| status.to_string());
                format!("{} {status} {:?} {trouble}", it.count, it.made_by)
            });
            format!("{}: {}", case.site(), shown.collect::<Vec<_>>().join(", "))
        };
        cases.iter().map(of_case).collect::<Vec<_>>().join("; ")
    }
}

/// `14/Nov/2023:22:MM:SS +0000`, `2023/11/14 22:MM:SS`
fn error(time: &str, message: &str, request: &str, upstream: &str) -> String {
    format!(
        "2023/11/14 22:{time} [error] 101#101: *7 {message}, client: 10.0.0.9, server: shop.example, \
         request: \"{request}\", upstream: \"{upstream}\", host: \"shop.example\"\n"
    )
}

fn access(time: &str, request: &str, status: &str) -> String {
    format!(
        "10.0.0.9 [14/Nov/2023:22:{time} +0000] \"{request}\" {status} us=- ua=- uht=- urt=- \"Mozilla\"\n"
    )
}

fn tried(time: &str, request: &str, status: &str, us: &str, ua: &str, uht: &str) -> String {
    format!(
        "10.0.0.9 [14/Nov/2023:22:{time} +0000] \"{request}\" {status} us={us} ua={ua} uht={uht} urt=0.001 \"Mozilla\"\n"
    )
}

const REFUSED: &str = "connect() failed (111: Connection refused) while connecting to upstream";
const GET: &str = "GET /a HTTP/1.1";
const UP: &str = "http://127.0.0.1:8000/a";
const PEER: &str = "127.0.0.1:8000";

#[track_caller]
fn check(errors: &[String], accesses: &[String], expect: &str) {
    let told = Told::new(Fixture::gunicorn())
        .error_log(&errors.concat())
        .access_log(&accesses.concat());
    assert_eq!(told.symptoms(), expect);
}

#[test]
fn a_failed_request_is_one_symptom_with_its_status() {
    check(
        &[error("10:00", REFUSED, GET, UP), error("10:01", REFUSED, GET, UP)],
        &[
            tried("10:00", GET, "502", "502", PEER, "-"),
            tried("10:01", GET, "502", "502", PEER, "-"),
        ],
        "shop.example: 2 502 Nginx Connect(111)",
    );
}

#[test]
fn without_an_access_line_an_error_counts_and_a_warning_does_not() {
    check(
        &[error("10:00", REFUSED, GET, UP)],
        &[],
        "shop.example: 1 - Nginx Connect(111)",
    );
    let stderr = "FastCGI sent in stderr: \"PHP message: PHP Warning:  x in /a.php on line 1\" while reading \
                  response header from upstream";
    check(&[error("10:00", stderr, GET, UP)], &[], "");
    check(
        &[error("10:00", REFUSED, GET, UP).replace("[error]", "[warn]")],
        &[],
        "",
    );
}

#[test]
fn retried_elsewhere_is_no_symptom() {
    check(
        &[error("10:00", REFUSED, GET, "http://[::1]:8000/a")],
        &[tried(
            "10:00",
            GET,
            "200",
            "502, 200",
            "[::1]:8000, 127.0.0.1:8000",
            "-, 0.001",
        )],
        "",
    );
}

#[test]
fn an_echo_is_counted_where_it_belongs() {
    let echo = "no live upstreams while connecting to upstream";
    check(
        &[
            error("10:00", REFUSED, GET, UP),
            error("10:01", echo, GET, "http://app/a"),
        ],
        &[access("10:00", GET, "502"), access("10:01", GET, "502")],
        "shop.example: 2 502 Nginx Connect(111)",
    );
    check(
        &[
            error("10:00", REFUSED, GET, UP),
            error("10:00", echo, "GET /b HTTP/1.1", "http://app/b"),
        ],
        &[
            access("10:00", GET, "502"),
            access("10:00", "GET /b HTTP/1.1", "502"),
        ],
        "shop.example: 2 502 Nginx Connect(111)",
    );
    check(
        &[error("10:01", echo, GET, "http://app/a")],
        &[],
        "shop.example: 1 - Nginx NoLiveUpstreams",
    );
}

#[test]
fn an_answer_of_the_upstreams_own_making_has_no_complaint() {
    check(
        &[],
        &[tried("10:00", GET, "502", "502", PEER, "0.002")],
        "shop.example: 1 502 Upstream -",
    );
    check(
        &[],
        &[tried("10:00", GET, "502", "502", PEER, "-")],
        "shop.example: 1 502 Nginx -",
    );
    check(
        &[],
        &[access("10:00", GET, "404"), access("10:00", GET, "499")],
        "",
    );
}

#[test]
fn pages_with_a_bug_are_not_a_failing_route() {
    let fatal = "FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Uncaught X: refused in /a.php:1\nStack \
                 trace:\n#0 {main}\n  thrown in /a.php on line 1\" while reading response header from upstream";
    let failed = tried("10:00", GET, "500", "500", PEER, "0.001");
    let well = tried("10:05", "GET /b HTTP/1.1", "200", "200", PEER, "0.001");
    check(&[], std::slice::from_ref(&failed), "");
    check(
        &[error("10:00", fatal, GET, UP)],
        std::slice::from_ref(&failed),
        "shop.example: 1 500 Upstream BackendStderr(\"P",
    );
    check(
        &[error("10:00", fatal, GET, UP)],
        &[failed, well.clone(), well],
        "",
    );
}

/// A log of two sites that names neither: six 500s that nginx says nothing of, which so many clients met
/// beside a thousand good answers that so many got, and what each site answers now.
#[track_caller]
fn check_shared(path: &str, [met, got]: [u8; 2], well: &str, now: [(&str, u16); 2], expect: &str) {
    let (request, good) = (format!("GET {path} HTTP/1.1"), format!("GET {well} HTTP/1.1"));
    let line = |client: u8, request: &str, status: u16| {
        format!(
            "10.0.0.{client} - - [14/Nov/2023:22:10:00 +0000] \"{request}\" {status} 9 \"-\" \"Mozilla\"\n"
        )
    };
    let failures = (0..6).map(|nth| line(nth % met, &request, 500));
    let others = (0..250).cycle().take(1000).map(|nth| line(nth % got, &good, 200));
    let mut told = Told::new(Fixture::gunicorn())
        .error_log("")
        .access_log(&failures.chain(others).collect::<String>());
    let mut other = told.world.routes[0].clone();
    (other.site, other.names) = ("other.example".into(), vec!["other.example".into()]);
    told.world.routes.push(other);
    let log = &mut told.world.nginx[0].access_logs[0];
    log.sites.push("other.example".into());
    log.format = None;
    for (site, status) in now {
        told = told.site_says(site, path, 1000, &format!("HTTP/1.1 {status} x\r\n\r\n"));
    }
    assert_eq!(told.symptoms(), expect);
}

#[test]
fn a_silent_site_is_not_outnumbered_by_those_it_shares_a_log_with() {
    let (shop, other) = ("shop.example", "other.example");
    let check = |now, expect| check_shared("/", [1, 1], "/", now, expect);
    check([(shop, 500), (other, 200)], "shop.example: 6 500 Upstream -");
    check([(shop, 200), (other, 500)], "other.example: 6 500 Upstream -");
    check(
        [(shop, 500), (other, 500)],
        "shop.example: 6 500 Upstream -; other.example: 6 500 Upstream -",
    );
    check([(shop, 200), (other, 200)], "");
}

#[test]
fn a_page_that_one_scanner_found_is_no_failure_of_a_busy_host() {
    let now = [("shop.example", 500), ("other.example", 404)];
    check_shared("/old", [1, 5], "/", now, "");
    check_shared("/cart", [3, 5], "/", now, "shop.example: 6 500 Upstream -");
    // behind a load balancer
    check_shared("/cart", [1, 1], "/", now, "shop.example: 6 500 Upstream -");
}

#[test]
fn one_silent_500_is_a_failure_where_the_front_page_fails_still() {
    for (now, expect) in [(500, "shop.example: 1 500 Upstream -"), (200, "")] {
        let told = Told::new(Fixture::gunicorn())
            .error_log("")
            .access_log(&tried("10:00", "GET / HTTP/1.1", "500", "500", PEER, "0.001"))
            .nginx_says("/", 1000, &format!("HTTP/1.1 {now} x\r\n\r\n"));
        assert_eq!(told.symptoms(), expect);
    }
}

#[test]
fn our_own_requests_and_old_lines_never_count() {
    let own = tried("10:00", GET, "502", "502", PEER, "0.1").replace("Mozilla", "why502");
    check(&[], &[own], "");
    check(
        &[error("10:00", REFUSED, GET, UP).replace("11/14 22", "11/14 19")],
        &[],
        "",
    );
}

#[test]
fn a_complaint_of_our_own_request_is_not_a_visitors() {
    let own = tried("10:00", GET, "502", "502", PEER, "-").replace("Mozilla", "why502");
    check(&[error("10:00", REFUSED, GET, UP)], &[own], "");
}

#[test]
fn a_log_that_sites_share_still_tells_what_a_client_got() {
    let mut told = Told::new(Fixture::gunicorn())
        .error_log(&error("10:00", REFUSED, GET, UP))
        .access_log(&(access("10:00", GET, "502") + &access("10:05", GET, "200")));
    told.world.nginx[0].access_logs[0]
        .sites
        .push("other.example".into());
    let cases = told.observe();
    assert_eq!(cases[0].symptoms[0].status, Some(502));
    // whose success it was is not known
    assert_eq!(cases[0].neighbours.succeeded, 0);
}

#[test]
fn a_fault_that_flaps_within_a_second_comes_and_goes() {
    for (statuses, expect) in [
        ("502 502 200 200", false),
        ("502 200 502 200", false),
        ("502 200 502 200 502 200 502", true),
    ] {
        let served = statuses.split(' ').map(|status| access("10:00", GET, status));
        let told = Told::new(Fixture::gunicorn())
            .error_log(&error("10:00", REFUSED, GET, UP))
            .access_log(&served.collect::<String>());
        assert_eq!(told.observe()[0].neighbours.interleaved, expect, "{statuses}");
    }
}

#[test]
fn a_unit_started_after_the_last_failure_may_have_mended_it() {
    for (ago, expect) in [(1, true), (300, false)] {
        // 22:10:00 is 200 seconds before now
        let fixture = Fixture::gunicorn().unit(|unit| {
            unit.active_since = Some(NOW.before(std::time::Duration::from_secs(ago)));
        });
        let mut told = Told::new(fixture).error_log(&error("10:00", REFUSED, GET, UP));
        told.world.nginx[0].loaded_at = None;
        assert_eq!(told.observe()[0].mended.is_some(), expect, "{ago}");
    }
}

#[test]
fn alike_requests_of_one_client_keep_their_own_answers() {
    let on = |number: u32, line: String| line.replace("*7", &format!("*{number}"));
    let second = "http://127.0.0.1:8001/a";
    let echo = "no live upstreams while connecting to upstream";
    check(
        &[
            // both peers of one request, then a request that a second peer answered well, then an echo
            on(1, error("10:00", REFUSED, GET, UP)),
            on(1, error("10:00", REFUSED, GET, second)),
            on(2, error("10:01", REFUSED, GET, second)),
            on(3, error("10:01", echo, GET, "http://app/a")),
        ],
        &[
            access("10:00", GET, "502"),
            access("10:01", GET, "200"),
            access("10:01", GET, "502"),
        ],
        "shop.example: 1 502 Nginx Connect(111), 2 502 Nginx Connect(111)",
    );
}

#[test]
fn forged_fields_do_not_move_a_failure() {
    let forged = "GET /a?x=\", upstream: \"http://127.0.0.1:1/ HTTP/1.1";
    let case = Told::new(Fixture::gunicorn())
        .error_log(&error("10:00", REFUSED, forged, UP))
        .observe();
    assert_eq!(
        case[0].symptoms[0].peer,
        Some(Endpoint::Tcp(PEER.parse().unwrap()))
    );
}

#[test]
fn neighbours_and_the_request_asked_again() {
    let other = "GET /b HTTP/1.1";
    let cases = Told::new(Fixture::gunicorn())
        .error_log(&(error("10:00", REFUSED, GET, UP) + &error("10:20", REFUSED, GET, UP)))
        .access_log(
            &[
                access("10:00", GET, "502"),
                access("10:10", GET, "200"),
                access("10:20", GET, "502"),
                access("10:21", other, "200"),
            ]
            .concat(),
        )
        .peer(PEER, Connect::Failed(111))
        .nginx_says("/a", 2000, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
        .observe();
    let case = &cases[0];
    assert_eq!(
        (case.neighbours.succeeded, case.neighbours.interleaved),
        (2, true)
    );
    assert_eq!(case.neighbours.failing_paths, ["/a"]);
    assert_eq!(case.asked.as_ref().unwrap().status, Some(502));
    assert_eq!(case.peers[0].errno(), Some(111));
    assert_eq!(case.works_now(), Some(false));
}

#[test]
fn a_post_is_never_repeated() {
    let cases = Told::new(Fixture::gunicorn())
        .error_log(&error("10:00", REFUSED, "POST /a HTTP/1.1", UP))
        .observe();
    assert!(cases[0].asked.is_err() && cases[0].unseen.len() == 1);
}

#[test]
fn a_dead_backend_without_visitors_is_asked_for() {
    let told = Told::new(Fixture::gunicorn())
        .peer(PEER, Connect::Failed(111))
        .nginx_says("/", 1000, "HTTP/1.1 502 Bad Gateway\r\n\r\n");
    assert_eq!(told.symptoms(), "shop.example: 1 502 Unknown -");
    let alive = Told::new(Fixture::gunicorn()).peer(PEER, Connect::Accepted);
    assert_eq!(alive.symptoms(), "");
}

#[test]
fn nginx_that_is_down_is_a_case_of_its_own() {
    let mut told = Told::new(Fixture::gunicorn())
        .error_log("2023/11/14 22:10:00 [emerg] 9#9: unknown directive \"prox\" in /etc/nginx/nginx.conf:7\n")
        .access_log(&access("09:40", GET, "200"))
        .answers(
            "127.0.0.1:80",
            Talk::Nothing,
            Stance::default(),
            Connect::Failed(111),
            "",
        );
    told.world.nginx[0].master = None;
    let cases = told.observe();
    assert_eq!(cases.len(), 1);
    assert!(cases[0].route.is_none());
    assert!(matches!(
        cases[0].symptoms[0].trouble(),
        Some(Trouble::BadConfig { .. })
    ));
    assert_eq!(cases[0].symptoms[0].status, None);
    let worked = NOW.before(std::time::Duration::from_secs(220));
    assert_eq!(cases[0].neighbours.last_success, Some(worked));
}

#[test]
fn a_name_that_keeps_nginx_from_starting_is_asked_for() {
    let mut told = Told::new(Fixture::gunicorn()).error_log("").answers(
        "127.0.0.1:80",
        Talk::Nothing,
        Stance::default(),
        Connect::Failed(111),
        "",
    );
    told.world.nginx[0].master = None;
    told.world.nginx[0].test = Ok(crate::world::ConfigTest {
        passed: false,
        says: "[emerg] host not found in upstream \"api.internal\" in /etc/nginx/sites-enabled/shop:10"
            .into(),
        place: None,
        command: "nginx -t".into(),
    });
    let cases = told.observe();
    assert!(matches!(
        cases[0].symptoms[0].trouble(),
        Some(Trouble::HostNotFound { .. })
    ));
    assert_eq!(cases[0].names[0].name, "api.internal");
}
