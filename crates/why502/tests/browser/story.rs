//! Logs of an outage, and its page.

use std::{fmt::Write, path::PathBuf, process::Command};
use tempfile::TempDir;

/// How the logs are written.
pub const FORMAT: &str = "$remote_addr [$time_iso8601] $host \"$request\" $status $body_bytes_sent \"$http_user_agent\" \
    \"$upstream_addr\" $upstream_connect_time $upstream_header_time $upstream_response_time";

/// An hour of two upstreams, a request to each a second; the first fails from 12:20:00 to 12:24:59.
pub fn hour() -> String {
    let mut log = String::new();
    for at in 0..3600 {
        let (minute, second) = (at / 60, at % 60);
        for (site, upstream) in [
            ("shop.example", "127.0.0.1:9000"),
            ("blog.example", "10.0.0.2:8080"),
        ] {
            let (status, times) = match (1200..1500).contains(&at) && site == "shop.example" {
                true => (502, "- - 0.000"),
                false => (200, "0.001 0.031 0.035"),
            };
            let _ = writeln!(
                log,
                "192.0.2.{} [2026-11-22T12:{minute:02}:{second:02}+00:00] {site} \"GET /item/{at} HTTP/1.1\" {status} 512 \
                 \"curl/8\" \"{upstream}\" {times}",
                at % 7
            );
        }
    }
    log
}

/// A page, and the folder it is in.
pub struct Page {
    pub dir: TempDir,
    pub file: PathBuf,
}

/// What `why502 report` makes of a log.
pub fn page_of(log: &[u8], format: &str) -> Page {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("access.log"), log).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_why502"))
        .args([
            "report",
            "--html",
            "out.html",
            "--top",
            "50",
            "--log-format",
            format,
            "access.log",
        ])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{said}");
    Page {
        file: dir.path().join("out.html"),
        dir,
    }
}
