//! `cargo xtask bench logs`: `why502 logs` beside what people use now, on the same logs, in one run.

use crate::shell;
use anyhow::{Context, ensure};
use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

/// What one log of requests takes.
const ACCESS: u64 = 1 << 30;
const ERRORS: u64 = 512 << 20;
/// GoAccess reads so much of it: all of it would take minutes.
const SLOW: u64 = 128 << 20;
/// How often each stands in its long one.
const TIMES: u64 = 8;
/// Free space that is needed.
const ROOM: u64 = 16 << 30;

/// As nginx would write it.
const FORMAT: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \
                      \"$http_user_agent\" $host $request_time \"$upstream_addr\" \"$upstream_status\" \
                      \"$upstream_response_time\"";

const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "python-requests/2.32.3",
];

/// Runs commands in turns and prints what each took, and how we compare.
const MEASURE: &str = include_str!("measure.py");

/// The same question to ClickHouse: only lines that can have failed are taken apart.
const CLICKHOUSE: &str = r#"
import chdb, sys
print(chdb.query(r"""
SELECT minute, site, upstream, status, count() FROM (
  SELECT extract(line, '\\[(.{17})') AS minute, extract(line, '" (\\d\\d\\d) ') AS status, extract(line, '" (\\S+) \\d+\\.\\d+ "') AS site,
    extract(line, '\\d "([^"]*)" "[^"]*" "[^"]*"$') AS upstream
  FROM file('%s', 'LineAsString') WHERE position(line, '" 5') > 0 OR position(line, '" 499 ') > 0)
WHERE status >= '500' OR status = '499' GROUP BY ALL""" % sys.argv[1], "CSV"))
"#;

/// What ClickHouse takes to begin and end.
const CLICKHOUSE_ALONE: &str = "import chdb; print(chdb.query('SELECT 1', 'CSV'))";

/// Measures everything `rounds` times.
pub fn run(rounds: usize) -> anyhow::Result<()> {
    let why502 = shell::release_binary()?;
    shell::cargo(&[
        "build",
        "--quiet",
        "--release",
        "--package",
        "logscan",
        "--example",
        "inflate",
    ])?;
    let dir = shell::root().join("target/bench-logs");
    fs::create_dir_all(&dir)?;
    let measured = in_dir(&dir, &why502, rounds);
    fs::remove_dir_all(&dir)?;
    measured
}

fn in_dir(dir: &Path, why502: &Path, rounds: usize) -> anyhow::Result<()> {
    peers()?;
    let free = shell::output("df", &["--output=avail", "-B1", &text(dir)?])?;
    let free = free.lines().last().and_then(|it| it.trim().parse().ok());
    let free: u64 = free.context("df says nothing")?;
    ensure!(
        free > ROOM,
        "{ROOM} bytes of free space are needed beside target/, {free} are there"
    );
    let logs = Logs::write(dir)?;
    let rows = rows_json(&logs.rows(&text(why502)?)?);
    fs::write(dir.join("rows.json"), rows)?;
    fs::write(dir.join("measure.py"), MEASURE)?;
    shell::run(
        "python3",
        &[
            &text(&dir.join("measure.py"))?,
            &text(&dir.join("rows.json"))?,
            &rounds.to_string(),
        ],
    )
}

/// What we are measured against.
fn peers() -> anyhow::Result<()> {
    let packages = [
        ("/usr/bin/rg", "ripgrep"),
        ("/usr/bin/goaccess", "goaccess"),
        ("/usr/bin/gzip", "gzip"),
    ];
    for (_, package) in packages.iter().filter(|(file, _)| !Path::new(file).exists()) {
        shell::run(
            "apt-get",
            &["install", "-y", "-qq", "--no-install-recommends", package],
        )?;
    }
    let venv = venv();
    let python = venv.join("bin/python3");
    if !python.exists() {
        shell::run("python3", &["-m", "venv", &text(&venv)?])?;
    }
    // says nothing and asks nobody where it is there; half an installation is mended
    shell::run(&text(&python)?, &["-m", "pip", "install", "--quiet", "chdb"])
}

fn venv() -> PathBuf {
    shell::root().join("target/tools/bench")
}

fn text(path: &Path) -> anyhow::Result<String> {
    path.to_str()
        .map(str::to_owned)
        .context("the checkout's path is not UTF-8")
}

/// A name, the bytes it reads, its command.
type Row = (&'static str, u64, Vec<String>);

struct Logs {
    access: String,
    short: String,
    long: String,
    packed: String,
    errors: String,
    long_errors: String,
    clickhouse: String,
}

impl Logs {
    fn write(dir: &Path) -> anyhow::Result<Self> {
        let path = |name: &str| text(&dir.join(name));
        let logs = Self {
            access: path("access.log")?,
            short: path("short.log")?,
            long: path("long.log")?,
            packed: path("packed.log.gz")?,
            errors: path("error.log")?,
            long_errors: path("long-error.log")?,
            clickhouse: path("clickhouse.py")?,
        };
        fill(&logs.access, ACCESS, request)?;
        fill(&logs.short, SLOW, request)?;
        fill(&logs.errors, ERRORS, complaint)?;
        repeat(&logs.access, &logs.long)?;
        repeat(&logs.errors, &logs.long_errors)?;
        fs::write(&logs.clickhouse, CLICKHOUSE)?;
        shell::run(
            "sh",
            &["-c", &format!("gzip -4 < {} > {}", logs.access, logs.packed)],
        )?;
        Ok(logs)
    }

    /// What is measured: its name, the bytes it reads, its command.
    fn rows(&self, why502: &str) -> anyhow::Result<Vec<Row>> {
        let [clickhouse, clickhouse_alone] = self.clickhouse()?;
        let ours = |args: &[&str], log: &str| owned(&[&[why502, "logs", "--json"], args, &[log]].concat());
        let format: &[&str] = &["--log-format", FORMAT];
        let all: &[&str] = &["--by", "all", "--log-format", FORMAT];
        let mut rows = vec![
            self.copied(),
            ("failures: why502 logs, 1 GiB", ACCESS, ours(format, &self.access)),
            (
                "failures: rg -c '\" 502 ', 1 GiB",
                ACCESS,
                owned(&["rg", "-c", "\" 502 ", &self.access]),
            ),
            clickhouse,
            clickhouse_alone,
            (
                "failures: why502 logs, 8 GiB",
                TIMES * ACCESS,
                ours(format, &self.long),
            ),
            (
                "everything: why502 logs --by all, 1 GiB",
                ACCESS,
                ours(all, &self.access),
            ),
            (
                "everything: why502 logs --by all, 8 GiB",
                TIMES * ACCESS,
                ours(all, &self.long),
            ),
            ("everything: GoAccess, 128 MiB", SLOW, self.goaccess()),
            ("error log: why502 logs, 512 MiB", ERRORS, ours(&[], &self.errors)),
            (
                "error log: why502 logs, 4 GiB",
                TIMES * ERRORS,
                ours(&[], &self.long_errors),
            ),
            (
                "packed: why502 logs, 1 GiB in .gz",
                ACCESS,
                ours(format, &self.packed),
            ),
        ];
        rows.push(self.inflate()?);
        Ok(rows)
    }

    /// The least that reading a log without mapping it can take.
    fn copied(&self) -> Row {
        let from = format!("if={}", self.access);
        let command = owned(&["dd", &from, "of=/dev/null", "bs=256k"]);
        ("no more than read: dd, 1 GiB", ACCESS, command)
    }

    /// With a log, and without.
    fn clickhouse(&self) -> anyhow::Result<[Row; 2]> {
        let python = text(&venv().join("bin/python3"))?;
        let with = owned(&[&python, &self.clickhouse, &self.access]);
        let without = owned(&[&python, "-c", CLICKHOUSE_ALONE]);
        Ok([
            ("failures: ClickHouse (chdb), 1 GiB", ACCESS, with),
            ("ClickHouse (chdb) without a log", 0, without),
        ])
    }

    /// The least that reading a packed log can take.
    fn inflate(&self) -> anyhow::Result<Row> {
        let inflate = text(&shell::root().join("target/release/examples/inflate"))?;
        let command = owned(&[&inflate, &self.packed]);
        Ok(("packed: flate2 with zlib-rs alone", ACCESS, command))
    }

    fn goaccess(&self) -> Vec<String> {
        let out = format!("{}.json", self.short);
        let format = "--log-format=%h %^[%d:%t %^] \"%r\" %s %b \"%R\" \"%u\" %v %T %^";
        let times = [
            "--date-format=%d/%b/%Y",
            "--time-format=%H:%M:%S",
            "--no-global-config",
            "-o",
            &out,
        ];
        owned(&[&["goaccess", self.short.as_str(), format][..], &times].concat())
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|it| (*it).to_owned()).collect()
}

fn rows_json(rows: &[Row]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let row = |(name, bytes, argv): &Row| {
        let argv: Vec<String> = argv.iter().map(|it| quoted(it)).collect();
        format!(
            "{{\"name\":{},\"bytes\":{bytes},\"argv\":[{}]}}",
            quoted(name),
            argv.join(",")
        )
    };
    format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(","))
}

/// Writes lines until there are enough bytes; always the same ones.
fn fill(path: &str, bytes: u64, line: fn(&mut Seed, u64, &mut String)) -> anyhow::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let (mut seed, mut out, mut written, mut number) = (Seed(502), String::new(), 0, 0);
    while written < bytes {
        out.clear();
        line(&mut seed, number, &mut out);
        file.write_all(out.as_bytes())?;
        written += out.len() as u64;
        number += 1;
    }
    Ok(file.flush()?)
}

/// One log several times over, as a single file.
fn repeat(log: &str, long: &str) -> anyhow::Result<()> {
    let mut to = File::create(long)?;
    for _ in 0..TIMES {
        std::io::copy(&mut File::open(log)?, &mut to)?;
    }
    Ok(())
}

/// xorshift64*: the same log on every machine.
struct Seed(u64);

impl Seed {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % most
    }

    /// Some come often, most seldom.
    fn skewed(&mut self, most: u64) -> u64 {
        let most = self.below(most) + 1;
        self.below(most)
    }
}

/// Sixty requests a second; within each six hours one backend is down for ten minutes.
fn request(seed: &mut Seed, number: u64, out: &mut String) {
    let second = number / 60;
    let (client, site, peer) = (seed.skewed(40_000), seed.skewed(12), seed.below(3));
    let down = second % 21_600 < 600 && peer == 0;
    let status = if down {
        502
    } else {
        [200, 200, 200, 200, 304, 301, 404, 200][seed.below(8) as usize]
    };
    let status = if seed.below(2000) == 0 { 499 } else { status };
    let (path, agent, millis) = (
        seed.skewed(3000),
        AGENTS[seed.skewed(6) as usize],
        seed.skewed(900),
    );
    let (again, status_again) = if down {
        (", 127.0.0.1:9009", ", 502")
    } else {
        ("", "")
    };
    let _ = writeln!(
        out,
        "10.{}.{}.{} - - [{:02}/Nov/2026:{:02}:{:02}:{:02} +0000] \"GET /shop/{}/item/{path}?ref={millis} HTTP/1.1\" {status} {} \
         \"https://site{site}.example/category/{}\" \"{agent}\" site{site}.example 0.{millis:03} \"127.0.0.1:900{peer}{again}\" \
         \"{status}{status_again}\" \"0.{millis:03}\"",
        client >> 12,
        client >> 6 & 63,
        client & 63,
        1 + second / 86_400 % 28,
        second / 3600 % 24,
        second / 60 % 60,
        second % 60,
        ["shoes", "hats", "coats", "v2"][(path % 4) as usize],
        157 + path * 13,
        path % 40,
    );
}

/// Three of four are refused connections and timeouts, the others files that are not there.
fn complaint(seed: &mut Seed, number: u64, out: &mut String) {
    let second = number / 40;
    let (client, site, path) = (seed.skewed(4000), seed.skewed(12), seed.skewed(3000));
    let says = match seed.below(4) {
        0 => {
            format!("open() \"/var/www/site{site}/static/{path}.png\" failed (2: No such file or directory)")
        }
        1 => "upstream timed out (110: Connection timed out) while reading response header from upstream"
            .to_owned(),
        _ => "connect() failed (111: Connection refused) while connecting to upstream".to_owned(),
    };
    let upstream = if says.starts_with("open") {
        String::new()
    } else {
        format!(
            "upstream: \"http://127.0.0.1:900{}/shop/item/{path}\", ",
            path % 3
        )
    };
    let _ = writeln!(
        out,
        "2026/11/{:02} {:02}:{:02}:{:02} [error] 4711#4711: *{number} {says}, client: 10.0.{}.{}, server: site{site}.example, request: \
         \"GET /shop/item/{path} HTTP/1.1\", {upstream}host: \"site{site}.example\", referrer: \"https://site{site}.example/\"",
        1 + second / 86_400 % 28,
        second / 3600 % 24,
        second / 60 % 60,
        second % 60,
        client >> 6,
        client & 63,
    );
}
