//! `why502 bundle`: this host in one file that may leave it; and reading such a file.

use super::{diagnose, redact, site};
use crate::{
    cli,
    exit::Exit,
    report::{self, json::page},
    screen::safe,
};
use anyhow::{Context, bail, ensure};
use bundle::{Bundle, Manifest, Part};
use host::{Host, live::Live, memory::Memory, recorded, redact::Redactor};
use remedy::Store;
use rustix::fs::FileType;
use std::{
    fs::OpenOptions,
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Packing and encrypting get so long, however short the looking was to be.
const PACKING: Duration = Duration::from_secs(30);
/// A file that takes more, bytes, is not read.
const PACKED: u64 = bundle::UNPACKED;

/// Runs the command.
#[expect(clippy::disallowed_methods, reason = "how long we took is no look at a host")]
pub fn run(options: &cli::Bundle) -> anyhow::Result<Exit> {
    let started = Instant::now();
    match &options.recorded {
        Some(recording) => of(&diagnose::replay(recording)?, None, options, started),
        None => {
            let live = Live::for_the_next(options.max_time);
            of(&live, Some(&options.state), options, started)?;
            if live.is_over() {
                let limit = ::diagnose::words::span(options.max_time);
                writeln!(
                    anstream::stdout(),
                    "Its --max-time of {limit} was over before all was looked at: what is missing counts as not seen."
                )?;
            }
            Ok(Exit::Good)
        }
    }
}

/// The bundle of a host, and of what was done to it where `state` says.
fn of(
    host: &dyn Host,
    state: Option<&cli::State>,
    options: &cli::Bundle,
    started: Instant,
) -> anyhow::Result<Exit> {
    if let Some(file) = &options.file {
        ensure!(
            rustix::fs::lstat(file).is_err(),
            "creating {}: the file exists",
            file.display()
        );
    }
    let recorder = recorded::Recorder::new(host);
    let (diagnosis, frame) = diagnose::look(&recorder, &options.scope, state, started);
    site::exists(&diagnosis.world, options.scope.site.as_deref())?;
    let until = Until::within(options.max_time.max(PACKING));
    let mut redactor = match options.raw {
        true => None,
        false => Some(redact::redactor(&options.redaction)?),
    };
    let shown = plans(&recorder, &diagnosis);
    let screen = report::text::render(&diagnosis.verdict, &frame, true);
    let mut parts = vec![
        (
            Part::Verdict,
            report::json::render(&diagnosis.verdict, &frame)?.into_bytes(),
        ),
        (
            Part::Screen,
            anstream::adapter::strip_str(&screen).to_string().into_bytes(),
        ),
        (Part::Plans, serde_json::to_vec_pretty(&shown)?),
        (Part::History, history(state)?),
    ];
    let mut looks = recorder.memory();
    if let Some(redactor) = &mut redactor {
        looks = redactor.memory(&looks);
        for (_, bytes) in &mut parts {
            until.holds()?;
            *bytes = clean(redactor, bytes)?;
        }
        parts.push((Part::Redaction, serde_json::to_vec_pretty(&redactor.report())?));
    }
    parts.push((Part::Looks, recording(&looks)?));
    let manifest = Manifest {
        schema: bundle::SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: frame.looked.host.clone(),
        at: frame.looked.at.to_string(),
        redacted: redactor.is_some(),
        parts: Vec::new(),
    };
    let file = options.file.clone().unwrap_or_else(|| name(&manifest, options));
    let limit = (options.max_size << 20).min(room(&file, options.max_free)?);
    let packed = match bundle::write(manifest, parts, limit, &|| !until.is_over()) {
        Err(bundle::Error::TooLong) => return Err(until.too_long()),
        packed => packed.with_context(|| too_large(limit))?,
    };
    let packed = match options.to.as_slice() {
        [] => packed,
        recipients => encrypted("age", packed, recipients, &until)?,
    };
    keep(&file, &packed)?;
    say(&file, packed.len(), redactor.map(|it| it.report()).as_ref())?;
    Ok(Exit::Good)
}

/// The looks of a bundle: a host that can be asked again.
pub fn open(file: &Path) -> anyhow::Result<Memory> {
    looks(&read(file)?, file)
}

/// The same of one that was read.
pub fn looks(bundle: &Bundle, file: &Path) -> anyhow::Result<Memory> {
    let looks = bundle.part(Part::Looks);
    let looks = looks.with_context(|| format!("{}: it holds no looks", file.display()))?;
    recorded::read(looks).with_context(|| file.display().to_string())
}

/// A bundle from disk, whole, in memory.
pub fn read(file: &Path) -> anyhow::Result<Bundle> {
    let bytes = bytes(file)?;
    if bytes.starts_with(b"age-encryption.org/") {
        let file = diagnose::quoted(file);
        bail!("{file} is encrypted; first: age --decrypt -i KEYFILE -o bundle.tar.zst {file}");
    }
    bundle::read(bytes.as_slice()).with_context(|| file.display().to_string())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file named on the command line is no look at this host"
)]
pub fn bytes(file: &Path) -> anyhow::Result<Vec<u8>> {
    let reading = || format!("reading {}", file.display());
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).with_context(reading)?;
    opened
        .take(PACKED + 1)
        .read_to_end(&mut bytes)
        .with_context(reading)?;
    ensure!(
        bytes.len() as u64 <= PACKED,
        "{}: larger than {PACKED} bytes",
        file.display()
    );
    Ok(bytes)
}

/// Writes a new file that only its owner may read, whole or not at all; an older one stays.
pub fn keep(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let creating = || format!("creating {}", file.display());
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    let mut opened = opened.with_context(creating)?;
    let written = opened.write_all(bytes).and_then(|()| opened.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(file);
    }
    written.with_context(|| format!("writing {}", file.display()))
}

/// When packing must be over.
struct Until {
    end: Instant,
    span: Duration,
}

#[expect(clippy::disallowed_methods, reason = "how long we take is no look at a host")]
impl Until {
    fn within(span: Duration) -> Self {
        let end = Instant::now() + span;
        Self { end, span }
    }

    fn is_over(&self) -> bool {
        Instant::now() > self.end
    }

    fn holds(&self) -> anyhow::Result<()> {
        match self.is_over() {
            true => Err(self.too_long()),
            false => Ok(()),
        }
    }

    fn too_long(&self) -> anyhow::Error {
        let span = ::diagnose::words::span(self.span);
        anyhow::anyhow!(
            "packing and encrypting took more than the {span} they may; nothing was written. Try --since 15m or --site NAME, or a \
             longer --max-time"
        )
    }
}

/// A recording as bytes.
pub fn recording(looks: &Memory) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    recorded::write(looks, &mut bytes)?;
    Ok(bytes)
}

/// A part of a bundle without secrets: JSON by its strings, else the text.
pub fn clean(redactor: &mut Redactor, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    match serde_json::from_slice(bytes) {
        Ok(value) => {
            let value = redactor.value(value);
            Ok(page(&value)?.into_bytes())
        }
        Err(_) => Ok(redactor.text(&String::from_utf8_lossy(bytes)).into_bytes()),
    }
}

fn plans(host: &dyn host::Host, diagnosis: &::diagnose::Diagnosis) -> Vec<report::fix::Shown> {
    let findings = diagnosis.verdict.findings.iter();
    let drafts = findings.flat_map(|finding| diagnose::drafts(host, diagnosis, finding));
    drafts
        .map(|(_, plan)| report::fix::Shown::of(&plan, &[]))
        .collect()
}

/// What was done to this host; nothing where we may not see it, which the verdict says.
pub fn history(state: Option<&cli::State>) -> anyhow::Result<Vec<u8>> {
    let store = state.map(|state| Store::at(&state.dir()));
    let ids = store.as_ref().and_then(|store| store.ids().ok());
    let load = |id| store.as_ref()?.load(id).ok();
    let fixes = ids.iter().flatten().filter_map(load);
    let incidents = store
        .as_ref()
        .and_then(|store| remedy::memory::incidents(store).ok());
    let incidents = incidents.unwrap_or_default();
    let report = report::history::Report {
        schema: "why502/history/1",
        fixes: fixes.map(|fix| report::history::Fix::of(&fix)).collect(),
        incidents: incidents
            .iter()
            .rev()
            .map(report::history::Incident::of)
            .collect(),
    };
    Ok(serde_json::to_vec_pretty(&report)?)
}

fn name(manifest: &Manifest, options: &cli::Bundle) -> PathBuf {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let host: String = manifest.host.chars().filter(|c| plain(*c)).take(64).collect();
    let at: String = manifest.at.chars().filter(|c| plain(*c)).collect();
    let age = if options.to.is_empty() { "" } else { ".age" };
    format!("why502-{host}-{at}.tar.zst{age}").into()
}

/// An error where so many bytes would be much of what is free there. A pipe takes no room.
pub fn fits(file: &Path, bytes: usize) -> anyhow::Result<()> {
    let is_file = |it: rustix::fs::Stat| FileType::from_raw_mode(it.st_mode) == FileType::RegularFile;
    if rustix::fs::stat(file).is_ok_and(|it| !is_file(it)) {
        return Ok(());
    }
    let room = room(file, cli::MAX_FREE)?;
    ensure!(
        bytes as u64 <= room,
        "{} would take {} KiB, more than the {} KiB it may: {} per cent of what is free there; nothing was written. Name a \
         place on another disk",
        file.display(),
        bytes.div_ceil(1024),
        room >> 10,
        cli::MAX_FREE
    );
    Ok(())
}

/// How much it may take: never much of what is free on that disk, which may be full already.
fn room(file: &Path, percent: u64) -> anyhow::Result<u64> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.unwrap_or(Path::new("."));
    // a link such as /dev/stderr leads to another disk
    let disk = rustix::fs::statvfs(file)
        .or_else(|_| rustix::fs::statvfs(dir))
        .with_context(|| format!("looking at the disk of {}", file.display()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    Ok(free / 100 * percent)
}

fn too_large(limit: u64) -> String {
    let kib = limit >> 10;
    format!(
        "the bundle would take more than the {kib} KiB it may; try --since 15m or --site NAME, another disk, or --max-size and --max-free"
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "encrypts what we made, on the user's word; no look at a host"
)]
fn encrypted(
    program: &str,
    packed: Vec<u8>,
    recipients: &[String],
    until: &Until,
) -> anyhow::Result<Vec<u8>> {
    let recipients = recipients.iter().flat_map(|it| ["--recipient", it.as_str()]);
    let mut age = Command::new(program)
        .args(recipients)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting the program age, which encrypts bundles (apt-get install age)")?;
    let (input, output, errors) = (age.stdin.take(), age.stdout.take(), age.stderr.take());
    std::thread::spawn(move || input.map(|mut to| to.write_all(&packed)));
    let output = std::thread::spawn(move || drain(output));
    let errors = std::thread::spawn(move || drain(errors));
    let status = loop {
        match age.try_wait().context("running age")? {
            Some(status) => break status,
            None if until.is_over() => {
                let _ = age.kill();
                let _ = age.wait();
                return Err(until.too_long());
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let said = errors.join().unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    ensure!(status.success(), "age refused: {}", said.trim());
    Ok(output.join().unwrap_or_default())
}

fn drain(from: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = from.map(|mut from| from.read_to_end(&mut bytes));
    bytes
}

fn say(file: &Path, size: usize, redacted: Option<&host::redact::Report>) -> anyhow::Result<()> {
    let mut out = anstream::stdout();
    let path = diagnose::quoted(file);
    writeln!(
        out,
        "{} ({} KiB)",
        safe(&file.display().to_string()),
        size.div_ceil(1024)
    )?;
    match redacted {
        None => writeln!(
            out,
            "Nothing was taken out: passwords, cookies and visitors may be in it. Keep it to yourself."
        )?,
        Some(report) => {
            let kinds: Vec<String> = report
                .replaced
                .iter()
                .map(|(kind, count)| format!("{kind} {count}×"))
                .collect();
            let what = if kinds.is_empty() {
                "nothing was there".to_owned()
            } else {
                kinds.join(", ")
            };
            writeln!(
                out,
                "Taken out: {what}; {} visitors' addresses have others in their place.",
                report.addresses
            )?;
            for left in &report.left_out {
                writeln!(out, "Left out: {}", safe(left))?;
            }
        }
    }
    writeln!(out, "Anywhere: why502 diagnose --bundle {path}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encryption_that_does_not_end_is_ended() {
        let until = Until::within(Duration::from_millis(300));
        // a shell does what it is fed
        let error = encrypted("sh", b"exec sleep 60\n".to_vec(), &[], &until).expect_err("takes long");
        assert!(error.to_string().contains("nothing was written"), "{error}");
        assert!(until.end.elapsed() < Duration::from_secs(20));
        assert!(until.holds().is_err());
    }
}
