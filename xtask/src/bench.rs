//! Numbers we promise, measured on a real host of the lab.

mod logs;

use crate::{install, shell};
use anyhow::{Context, ensure};
use clap::ValueEnum;
use std::time::Duration;

/// What can be measured.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum What {
    /// `why502` on a lab host with 20 sites: wall time and peak memory, healthy and broken
    Diagnose,
    /// `why502 logs` beside ripgrep, ClickHouse and GoAccess on the same logs: rates and peak memory
    Logs,
}

/// What to measure, and how often.
#[derive(clap::Args)]
pub struct Args {
    /// What to measure
    #[arg(value_enum, default_value_t = What::Diagnose)]
    what: What,
    /// How many runs
    #[arg(long, default_value_t = 40)]
    runs: usize,
}

/// Wall time that 95 of 100 runs must stay under, milliseconds.
const P95_MS: u64 = 1000;
/// Peak resident memory of the largest process, KiB.
const PEAK_KIB: u64 = 40 * 1024;

/// Twenty sites on the stack's own backend, beside those it has.
const TWENTY_SITES: &str = r#"
for n in $(seq 1 20); do
  cat > /etc/nginx/sites-enabled/site$n <<SITE
server {
    listen 80;
    server_name site$n.example;
    root /var/www/html;
    location / { proxy_pass http://127.0.0.1:$((9300 + n)); }
    location /static/ { try_files \$uri =404; }
}
SITE
done
cat > /root/backends.py <<'PY'
import http.server, threading
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header('Content-Length', '3'); self.end_headers(); self.wfile.write(b'ok\n')
    def log_message(self, *_): pass
servers = [http.server.ThreadingHTTPServer(('127.0.0.1', 9300 + n), Page) for n in range(1, 21)]
for server in servers[1:]: threading.Thread(target=server.serve_forever, daemon=True).start()
servers[0].serve_forever()
PY
systemd-run --unit=backends --quiet python3 /root/backends.py
nginx -t -q && systemctl reload nginx
for try in $(seq 50); do curl -fs -o /dev/null -H 'Host: site20.example' http://127.0.0.1/ && break; sleep 0.1; done
for round in $(seq 200); do for n in $(seq 1 20); do echo "url = http://127.0.0.1/page$round"; echo "header = \"Host: site$n.example\""; echo 'output = /dev/null'; echo next; done; done > /root/urls
curl -s -K /root/urls || true
"#;

/// The shop's own backend is stopped, and visitors see it.
const BREAK: &str = "systemctl stop php8.2-fpm
for try in 1 2 3; do curl -s -o /dev/null -H 'Host: shop.example' http://127.0.0.1/; done";

/// Prints `milliseconds peak-KiB` for each run.
const MEASURE: &str = r#"
import os, subprocess, sys, time
for _ in range(int(sys.argv[1])):
    start = time.monotonic()
    child = subprocess.Popen(['why502', 'diagnose', '--json'], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    print(int((time.monotonic() - start) * 1000), usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"#;

/// Measures, and fails where a promise is broken.
pub fn run(args: &Args) -> anyhow::Result<()> {
    match args.what {
        What::Diagnose => diagnose(args.runs),
        What::Logs => logs::run(args.runs),
    }
}

fn diagnose(runs: usize) -> anyhow::Result<()> {
    install::everything()?;
    let scenario = lab::all()
        .find(|it| it.name == "backend-stopped-fpm")
        .context("the scenario is gone")?;
    let host = lab::Host::boot(&shell::release_binary()?, Duration::from_secs(600))?;
    host.sh(&scenario.setup())?;
    host.sh(TWENTY_SITES)?;
    host.sh(&format!("cat > /root/measure.py <<'PY'\n{MEASURE}\nPY"))?;
    println!("| host with 20 sites | runs | median ms | p95 ms | peak KiB |\n|---|---|---|---|---|");
    let healthy = measure(&host, "all healthy", runs, 0)?;
    host.sh(BREAK)?;
    let broken = measure(&host, "one of them broken", runs, 1)?;
    ensure!(
        healthy && broken,
        "over the promise: p95 under {P95_MS} ms, peak under {PEAK_KIB} KiB"
    );
    Ok(())
}

/// One line of the table; false where a promise is broken.
fn measure(host: &lab::Host, name: &str, runs: usize, exit: i32) -> anyhow::Result<bool> {
    host.sh("why502 > /dev/null || true")?;
    let printed = host.sh(&format!("python3 /root/measure.py {runs}"))?;
    let rows: Vec<Vec<i64>> = printed
        .lines()
        .map(|line| {
            line.split_whitespace()
                .filter_map(|field| field.parse().ok())
                .collect()
        })
        .collect();
    ensure!(
        rows.len() == runs,
        "{} of {runs} runs came back: {printed}",
        rows.len()
    );
    ensure!(
        rows.iter().all(|row| row.get(2) == Some(&i64::from(exit))),
        "wrong exit status on a {name} host: {printed}"
    );
    let mut times: Vec<u64> = column(&rows, 0);
    times.sort_unstable();
    let (median, p95) = (
        percentile(&times, 50).context("no runs")?,
        percentile(&times, 95).context("no runs")?,
    );
    let peak = column(&rows, 1).into_iter().max().unwrap_or(0);
    println!("| {name} | {runs} | {median} | {p95} | {peak} |");
    Ok(p95 < P95_MS && peak < PEAK_KIB)
}

fn column(rows: &[Vec<i64>], index: usize) -> Vec<u64> {
    rows.iter()
        .filter_map(|row| u64::try_from(*row.get(index)?).ok())
        .collect()
}

fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last * percent).div_ceil(100)).copied()
}
