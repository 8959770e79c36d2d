//! Requests that are written down as nginx does come back as they were, counted by everything.

use logscan::{
    access::Format,
    scan::{AccessScan, By, Cells, Everyone, Load, Weight, Window},
};
use proptest::prelude::*;
use std::collections::HashMap;

const FORMAT: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \
    \"$http_user_agent\" $host $request_time \"$upstream_addr\" \"$upstream_response_time\"";

/// As logged, and what it is counted as.
type Pair = (&'static str, &'static str);

const CLIENTS: [Pair; 4] = [
    ("192.0.2.7", "192.0.2"),
    ("192.0.2.113", "192.0.2"),
    ("198.51.100.1", "198.51.100"),
    ("2001:db8:1:2::7", "2001:db8:1::"),
];
const PATHS: [Pair; 7] = [
    ("/", "/"),
    ("/item/4711?ref=9", "/item/*"),
    ("/blob/deadbeef01;v=2", "/blob/*"),
    ("/v2/users/0/posts", "/v2/users/*/posts"),
    ("/static/app.3f2a1b.js", "/static/app.3f2a1b.js"),
    ("/a/550e8400-e29b-41d4-a716-446655440000/b#c", "/a/*/b"),
    (
        "/a/quite/long/path/of/words/that/do/not/end/before/sixty-four/bytes/were/read",
        "/a/quite/long/path/of/words/that/do/not/end/before/sixty-four/bytes/were/read",
    ),
];
const REFERRERS: [Pair; 4] = [
    ("-", ""),
    ("https://a.example", "https://a.example"),
    ("https://a.example/", "https://a.example"),
    ("https://b.example/category/7?x=/y/", "https://b.example"),
];
const AGENTS: [Pair; 4] = [
    ("-", ""),
    ("x", "x"),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
        "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    ),
    ("said \\x22hi\\x22 5", "said \\x22hi\\x22 5"),
];
const UPSTREAMS: [Pair; 4] = [
    ("-", ""),
    ("127.0.0.1:9000", "127.0.0.1:9000"),
    ("unix:/run/a.sock", "unix:/run/a.sock"),
    ("127.0.0.1:9000, [::1]:80", "[::1]:80"),
];
const SITES: [&str; 2] = ["shop.example", "b.example"];
const STATUSES: [u16; 6] = [200, 304, 404, 499, 502, 9];

#[derive(Clone, Debug)]
struct Written {
    client: Pair,
    path: Pair,
    referrer: Pair,
    agent: Pair,
    upstream: Pair,
    site: &'static str,
    status: u16,
    bytes: u32,
    millis: u32,
    second: u8,
}

fn written() -> impl Strategy<Value = Written> {
    use prop::sample::select;
    let names = (
        select(&CLIENTS[..]),
        select(&PATHS[..]),
        select(&REFERRERS[..]),
        select(&AGENTS[..]),
        select(&UPSTREAMS[..]),
    );
    (
        names,
        select(&SITES[..]),
        select(&STATUSES[..]),
        any::<u32>(),
        0..100_000u32,
        0..60u8,
    )
        .prop_map(
            |((client, path, referrer, agent, upstream), site, status, bytes, millis, second)| Written {
                client,
                path,
                referrer,
                agent,
                upstream,
                site,
                status,
                bytes,
                millis,
                second,
            },
        )
}

impl Written {
    fn tries(&self) -> u64 {
        match self.upstream.0 {
            "-" => 0,
            all => all.split(", ").count() as u64,
        }
    }

    fn line(&self) -> String {
        let seconds = format!("{}.{:03}", self.millis / 1000, self.millis % 1000);
        let took = match self.tries() {
            0 => "-".to_owned(),
            tries => vec![seconds.as_str(); tries as usize].join(", "),
        };
        let Self {
            status,
            bytes,
            site,
            second,
            ..
        } = self;
        let (client, path, referrer, agent, upstream) = (
            self.client.0,
            self.path.0,
            self.referrer.0,
            self.agent.0,
            self.upstream.0,
        );
        format!(
            "{client} - - [22/Nov/2026:12:17:{second:02} +0000] \"GET {path} HTTP/1.1\" {status:03} {bytes} \"{referrer}\" \"{agent}\" {site} \
             {seconds} \"{upstream}\" \"{took}\"\n"
        )
    }

    fn key(&self, by: By) -> String {
        match by {
            By::Client => self.client.0.to_owned(),
            By::Network => self.client.1.to_owned(),
            By::Agent => self.agent.1.to_owned(),
            By::Route => self.path.1.to_owned(),
            By::Referrer => self.referrer.1.to_owned(),
            By::Method => "GET".to_owned(),
            By::Status => format!("{:03}", self.status),
            By::Site => self.site.to_owned(),
            By::Upstream => self.upstream.1.to_owned(),
            By::System => unreachable!("no line tells it"),
        }
    }

    fn load(&self) -> Load {
        Load {
            requests: 1,
            failures: u64::from(matches!(self.status, 9 | 499 | 502)),
            bytes: u64::from(self.bytes),
            micros: u64::from(self.millis) * 1000 * self.tries(),
        }
    }
}

proptest! {
    #[test]
    fn everything_counts_what_was_written(all in prop::collection::vec(written(), 0..120)) {
        let log: String = all.iter().map(Written::line).collect();
        let new = || AccessScan::new(Format::compile(FORMAT), "", None, Window::ALL);
        let (mut scan, mut failures, mut who) = (new(), Cells::default(), Everyone::default());
        scan.everything(log.as_bytes(), &mut failures, &mut who);
        prop_assert_eq!((scan.seen.lines, scan.seen.unfit), (all.len() as u64, 0));
        for by in By::ALL {
            let mut expected: HashMap<String, Load> = HashMap::new();
            all.iter().for_each(|it| expected.entry(it.key(by)).or_default().add(&it.load()));
            let ranked = who.by(by).ranked(Weight::Requests, usize::MAX);
            let found: HashMap<String, Load> =
                ranked.into_iter().map(|it| (String::from_utf8_lossy(&it.key).into_owned(), it.load)).collect();
            prop_assert_eq!(found, expected, "{:?}", by);
        }
        let mut expected: HashMap<(i64, &str, &str, u16), u64> = HashMap::new();
        for it in all.iter().filter(|it| it.load().failures > 0) {
            *expected.entry((1_795_349_820 + i64::from(it.second), it.site, it.upstream.1, it.status)).or_default() += 1;
        }
        let (mut quick, mut quickly) = (new(), Cells::default());
        quick.failures(log.as_bytes(), &mut quickly);
        for cells in [&failures, &quickly] {
            let mut found: HashMap<(i64, &str, &str, u16), u64> = HashMap::new();
            for (at, it, count) in cells.cells() {
                let (site, upstream) = (str::from_utf8(&it.site)?, str::from_utf8(&it.upstream)?);
                *found.entry((at, site, upstream, it.status)).or_default() += count;
            }
            prop_assert_eq!(&found, &expected);
        }
    }
}
