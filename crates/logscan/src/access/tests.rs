//! Formats and lines, one row a kind.
#![expect(clippy::too_many_lines, reason = "tables")]

use super::*;
use jiff::civil::date;
use proptest::prelude::*;

const LAB: &str = r#"$time_iso8601 "$request" status=$status us=$upstream_status ua=$upstream_addr uct=$upstream_connect_time uht=$upstream_header_time urt=$upstream_response_time rt=$request_time bytes=$body_bytes_sent"#;
const JSON: &str = r#"escape=json {"t":"$time_iso8601","r":"$request","status":"$status","ua":"$upstream_addr","us":"$upstream_status","uht":"$upstream_header_time","agent":"$http_user_agent"}"#;

fn read(format: &str, line: &str) -> AccessLine {
    Format::compile(format)
        .parse(line.as_bytes())
        .unwrap_or_else(|| panic!("{format}\n{line}"))
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn combined_lines_are_read() {
    let line = r#"1.2.3.4 - - [22/Nov/2026:13:17:46 +0100] "GET /a\x22b HTTP/1.1" 502 157 "-" "curl/7.88.1""#;
    let expected = AccessLine {
        at: Some(date(2026, 11, 22).at(12, 17, 46, 0)),
        status: Some(502),
        request: Some("GET /a\"b HTTP/1.1".into()),
        client: Some("1.2.3.4".into()),
        ..AccessLine::default()
    };
    assert_eq!(Format::combined().parse(line.as_bytes()), Some(expected.clone()));
    assert_eq!(
        Format::combined().parse(format!("{line}\n").as_bytes()),
        Some(expected)
    );
}

#[test]
fn recorded_lines_are_read() {
    let line = r#"2026-11-22T12:33:46+00:00 "GET /ok.php HTTP/1.1" status=200 us=502, 200 ua=[::1]:7080, 127.0.0.1:7080 uct=-, 0.000 uht=-, 0.002 urt=0.001, 0.002 rt=0.003 bytes=3"#;
    let expected = AccessLine {
        at: Some(date(2026, 11, 22).at(12, 33, 46, 0)),
        status: Some(200),
        request: Some("GET /ok.php HTTP/1.1".into()),
        upstream_addr: owned(&["[::1]:7080", "127.0.0.1:7080"]),
        upstream_status: vec![Some(502), Some(200)],
        upstream_connect: vec![None, Some(0.0)],
        upstream_header: vec![None, Some(0.002)],
        upstream_response: vec![Some(0.001), Some(0.002)],
        request_time: Some(0.003),
        ..AccessLine::default()
    };
    assert_eq!(read(LAB, line), expected);
}

#[test]
fn json_lines_are_read() {
    let line = r#"{"t":"2026-11-22T12:17:46+00:00","r":"GET /\u0001\"\\é HTTP/1.1","status":"502","ua":"unix:/run/a.sock","us":"502","uht":"","agent":"\",\"status\":\"200\"}"}"#;
    let found = read(JSON, line);
    assert_eq!(found.request.as_deref(), Some("GET /\u{1}\"\\é HTTP/1.1"));
    assert_eq!(
        (found.status, found.upstream_addr.clone()),
        (Some(502), owned(&["unix:/run/a.sock"]))
    );
    assert_eq!(found.made_by_nginx(), Some(true));
}

#[test]
fn without_an_upstream_json_is_empty() {
    let line = r#"{"t":"2026-11-22T14:59:26+00:00","r":"GET /r HTTP/1.1","status":"502","ua":"","us":"","uht":"","agent":"curl"}"#;
    let found = read(JSON, line);
    assert_eq!(
        (found.upstream_addr.len(), found.upstream_status.clone()),
        (0, vec![None])
    );
    assert_eq!(found.made_by_nginx(), Some(true));
}

#[test]
fn tries_end_where_the_format_goes_on() {
    let format =
        "$status $upstream_addr $upstream_status $upstream_header_time $host$request_uri $http_user_agent";
    let line = r"502 127.0.0.1:81 : 127.0.0.1:82 502 : 502 - : 0.000 a.lab/err a\x22b \x22} 502";
    let found = read(format, line);
    assert_eq!(found.upstream_header, vec![None, Some(0.0)]);
    assert_eq!(found.host.as_deref(), Some("a.lab"));
    let csv = read(
        "$status, $upstream_status, $upstream_addr",
        "502, 502, 127.0.0.1:80",
    );
    assert_eq!(
        (csv.upstream_status, csv.upstream_addr),
        (vec![Some(502)], owned(&["127.0.0.1:80"]))
    );
}

#[test]
fn tries_end_at_separators_only() {
    for (value, expected) in [
        ("a, b : c", &["a", "b", "c"][..]),
        ("a b,c:d", &["a b,c:d"]),
        (", : ", &["", ": "]),
        (" : , ", &["", "", ""]),
        ("a :b : ", &["a :b", ""]),
        ("", &[""]),
    ] {
        let found: Vec<&[u8]> = super::tries(value.as_bytes()).collect();
        let expected: Vec<&[u8]> = expected.iter().map(|it| it.as_bytes()).collect();
        assert_eq!(found, expected, "{value}");
    }
}

#[test]
fn tries_are_told_apart() {
    let format = "$upstream_addr $upstream_status $upstream_response_time";
    type Row<'a> = (&'a str, &'a [&'a str], &'a [Option<u16>], &'a [Option<f64>]);
    let rows: [Row<'_>; 5] = [
        (
            "10.0.0.1:80, 10.0.0.2:80 502, 200 0.001, 0.002",
            &["10.0.0.1:80", "10.0.0.2:80"],
            &[Some(502), Some(200)],
            &[Some(0.001), Some(0.002)],
        ),
        (
            "unix:/run/a.sock : 127.0.0.1:80 502 : 200 - : 0.1",
            &["unix:/run/a.sock", "127.0.0.1:80"],
            &[Some(502), Some(200)],
            &[None, Some(0.1)],
        ),
        (
            "10.0.0.1:80, pool 502, 502 0.001, 0.000",
            &["10.0.0.1:80", "pool"],
            &[Some(502), Some(502)],
            &[Some(0.001), Some(0.0)],
        ),
        ("- - -", &[], &[None], &[None]),
        ("pool 502 -", &["pool"], &[Some(502)], &[None]),
    ];
    for (line, addresses, statuses, times) in rows {
        let found = read(format, line);
        assert_eq!(found.upstream_addr, owned(addresses), "{line}");
        assert_eq!(
            (&found.upstream_status[..], &found.upstream_response[..]),
            (statuses, times),
            "{line}"
        );
    }
}

#[test]
fn every_way_to_write_a_format_works() {
    let at = Some(date(2026, 11, 22).at(12, 17, 46, 0));
    let base = AccessLine {
        status: Some(502),
        ..AccessLine::default()
    };
    let request = |text: &str| AccessLine {
        request: Some(text.into()),
        ..base.clone()
    };
    let rows = [
        ("$status", "502", base.clone()),
        ("s${status}e", "s502e", base.clone()),
        ("$status$body_bytes_sent", "502157", base.clone()),
        ("$status $not_a_variable_of_ours", "502 what ever", base.clone()),
        ("$ $status $", "$ 502 $", base.clone()),
        (
            "$time_local $status",
            "22/Nov/2026:12:17:46 +0000 502",
            AccessLine { at, ..base.clone() },
        ),
        (
            "$time_iso8601 $status",
            "2026-11-22T13:17:46+01:00 502",
            AccessLine { at, ..base.clone() },
        ),
        (
            "$msec $status",
            "1795349866.250 502",
            AccessLine {
                at: Some(date(2026, 11, 22).at(12, 17, 46, 250_000_000)),
                ..base.clone()
            },
        ),
        (
            "$request $status",
            "GET /500 HTTP/1.1 502",
            request("GET /500 HTTP/1.1"),
        ),
        (
            "$request_method $request_uri $status",
            "GET /a 502",
            request("GET /a"),
        ),
        (
            "$scheme://$host$request_uri $status",
            "https://a.b/c 502",
            AccessLine {
                host: Some("a.b".into()),
                ..base.clone()
            },
        ),
        (
            "$server_name $host $status",
            "default a.b 502",
            AccessLine {
                host: Some("a.b".into()),
                ..base.clone()
            },
        ),
        (
            "escape=none \"$request\" $status",
            "\"GET /\\x20 HTTP/1.1\" 502",
            request("GET /\\x20 HTTP/1.1"),
        ),
        (
            "$status $request_time",
            "502 0.100",
            AccessLine {
                request_time: Some(0.1),
                ..base
            },
        ),
    ];
    for (format, line, expected) in rows {
        assert_eq!(read(format, line), expected, "{format}");
    }
    let strings = ["escape=json", "{\"s\":", "$status}"];
    assert_eq!(
        Format::from_arguments(&strings)
            .parse(b"{\"s\":502}")
            .and_then(|line| line.status),
        Some(502)
    );
    assert_eq!(
        Format::from_arguments(&["$status", " x"])
            .parse(b"502 x")
            .and_then(|line| line.status),
        Some(502)
    );
}

#[test]
fn other_formats_do_not_fit() {
    let rows = [
        ("$status", "50x"),
        ("$status ", "502"),
        ("a $status", "b 502"),
        ("[$time_local] $status", "[22/Nov/2026] 502"),
        ("$status $request_time", "502 soon"),
        (
            COMBINED,
            "2026-11-22T12:17:46+00:00 \"GET / HTTP/1.1\" status=502",
        ),
        (COMBINED, ""),
    ];
    for (format, line) in rows {
        assert_eq!(
            Format::compile(format).parse(line.as_bytes()),
            None,
            "{format}: {line}"
        );
    }
}

#[test]
fn the_maker_of_a_failure_shows_in_the_header_time() {
    let of = |status, statuses: &[Option<u16>], headers: &[Option<f64>]| AccessLine {
        status: Some(status),
        upstream_status: statuses.to_vec(),
        upstream_header: headers.to_vec(),
        ..AccessLine::default()
    };
    let rows = [
        (of(502, &[Some(502)], &[None]), Some(true)),
        (of(502, &[Some(502)], &[Some(0.1)]), Some(false)),
        (of(502, &[None], &[None]), Some(true)),
        (of(502, &[], &[None]), Some(true)),
        (of(502, &[Some(502)], &[]), None),
        (of(502, &[], &[]), None),
        (of(504, &[Some(504), Some(504)], &[Some(0.1), None]), Some(true)),
        (of(502, &[Some(504), Some(502)], &[None, Some(0.1)]), Some(false)),
        // the error page came from another upstream
        (of(502, &[Some(502), Some(200)], &[None, Some(0.1)]), Some(true)),
        (of(200, &[Some(502), Some(200)], &[None, Some(0.1)]), None),
        (of(499, &[Some(499)], &[None]), None),
    ];
    for (line, expected) in rows {
        assert_eq!(line.made_by_nginx(), expected, "{line:?}");
    }
}

#[test]
fn the_prefilter_never_says_a_false_no() {
    let rows = [
        ("\" 502 157", true),
        ("\"status\":\"504\",", true),
        ("status=499 ", true),
        ("500", true),
        ("x599", true),
        ("200 1502 5021 49", false),
        ("\" 200 157 \"-\"", false),
        ("404 498", false),
        ("", false),
        ("5", false),
        ("50", false),
    ];
    for (line, expected) in rows {
        assert_eq!(may_be_failure(line.as_bytes()), expected, "{line}");
    }
}

#[test]
fn the_prefilter_of_a_format_never_says_a_false_no() {
    let rows = [
        (COMBINED, "\" 200 157 \"-\" AppleWebKit/537.36", false),
        (COMBINED, "\" 502 157 \"-\"", true),
        (COMBINED, "\" 499 0 \"-\"", true),
        (COMBINED, "\" 009 5 \"-\"", true),
        (COMBINED, "\" 404 0 \"-\"", false),
        ("$status", "502", true),
        ("$status$body_bytes_sent", "502157", true),
        ("$request_time$status", "0.001502", true),
        ("1$status", "1502", true),
        ("$request", "GET / HTTP/1.1", true),
    ];
    for (format, line, expected) in rows {
        assert_eq!(
            Format::compile(format).may_be_failure(line.as_bytes()),
            expected,
            "{format}: {line}"
        );
    }
}

#[test]
fn a_megabyte_is_refused_in_no_time() {
    for filling in ["x", " ", "\"", "\\", "\" 502 1 \"", "5"] {
        let line = filling.repeat((1 << 20) / filling.len());
        assert_eq!(Format::combined().parse(line.as_bytes()), None);
        may_be_failure(line.as_bytes());
        Format::combined().parse(&line.as_bytes()[..1 << 18]);
    }
}

proptest! {
    #[test]
    fn no_format_and_no_line_panics(format: String, line: Vec<u8>) {
        Format::compile(&format).parse(&line);
        may_be_failure(&line);
    }

    #[test]
    fn pieces_never_panic(
        format in prop::collection::vec(prop::sample::select(FORMAT_PIECES), 0..8),
        line in prop::collection::vec(prop::sample::select(LINE_PIECES), 0..16),
    ) {
        Format::compile(&format.concat()).parse(line.concat().as_bytes());
    }

    #[test]
    fn a_failure_that_is_read_passes_the_prefilter(status in 499u16..600, uri in "/[a-z0-9 ]{0,20}", bytes in 0u32..100_000) {
        let line = format!("1.2.3.4 - - [22/Nov/2026:12:17:46 +0000] \"GET {uri} HTTP/1.1\" {status} {bytes} \"-\" \"-\"");
        prop_assert_eq!(Format::combined().parse(line.as_bytes()).and_then(|line| line.status), Some(status));
        prop_assert!(may_be_failure(line.as_bytes()));
        prop_assert!(Format::combined().may_be_failure(line.as_bytes()));
    }
}

const FORMAT_PIECES: &[&str] = &[
    "escape=json ",
    "$status",
    "$request",
    "${host}",
    "$upstream_addr",
    "$upstream_status",
    "$time_local",
    "$msec",
    "$x",
    " ",
    "\"",
    "\":\"",
    ",",
    "$",
    "${",
];
const LINE_PIECES: &[&str] = &[
    "502",
    " ",
    ", ",
    " : ",
    "\"",
    "\\",
    "\\x2",
    "\\u00",
    "-",
    ".",
    "22/Nov/2026:12:17:46 +0000",
    "é",
    "/",
    "\n",
    "127.0.0.1:80",
];
