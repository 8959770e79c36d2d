//! The Debian root every host starts from: built once, cached as an archive, unpacked once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::fs::{FlockOperation, flock};

const RECIPE: &str = include_str!("recipe/build.sh");

/// What the lab runs on the machine, and the Debian package that has it.
const TOOLS: &[(&str, &str)] = &[
    ("mmdebstrap", "mmdebstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("zstd", "zstd"),
    ("nsenter", "util-linux"),
    ("tar", "tar"),
];

/// Installs what the lab runs on the machine. Asks apt only for what is missing, so a prepared machine needs no network.
pub fn install() -> Result<()> {
    let missing: Vec<_> = TOOLS
        .iter()
        .filter(|(tool, _)| !on_path(tool))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("lab: installing {}", missing.join(" "));
    must(Command::new("apt-get").arg("update").arg("-qq"))?;
    must(
        Command::new("apt-get")
            .args(["install", "-qq", "-y", "--no-install-recommends"])
            .args(missing),
    )
}

fn on_path(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
    std::env::split_paths(&path).any(|dir| dir.join(tool).is_file())
}

/// Where the lab keeps its root, hosts and results: `WHY502_LAB_DIR`, else `target/lab` of this checkout.
pub(crate) fn lab_dir() -> PathBuf {
    let default = || {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .with_file_name("target")
            .join("lab")
    };
    std::env::var_os("WHY502_LAB_DIR").map_or_else(default, PathBuf::from)
}

/// Free space that the root, its archive, the hosts' changes and a whole build need, bytes.
const ROOM: u64 = 6 << 30;

/// An error that says what to free, where the disk under the lab has too little room.
pub fn room() -> Result<()> {
    let dir = lab_dir();
    fs::create_dir_all(&dir).with_context(|| format!("{}: cannot create", dir.display()))?;
    let disk = rustix::fs::statvfs(&dir)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let tenths = |bytes: u64| format!("{:.1} GB", bytes as f64 / f64::from(1 << 30));
    ensure!(
        free >= ROOM,
        "{} of {} are free on the disk of {dir}; free some: {dir}/failed (evidence of failed trials), {dir}/root-* (roots \
         of old recipes, made anew when needed), or `cargo clean`",
        tenths(free),
        tenths(ROOM),
        dir = dir.display(),
    );
    Ok(())
}

/// The unpacked root. Built when the recipe changed (about a minute), unpacked when only the archive is there.
pub(crate) fn ready() -> Result<PathBuf> {
    let dir = lab_dir();
    fs::create_dir_all(&dir).with_context(|| format!("{}: cannot create", dir.display()))?;
    let lock = File::create(dir.join("root.lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    let key = format!("root-{:016x}", fnv1a(RECIPE.as_bytes()));
    let (root, archive) = (dir.join(&key), dir.join(format!("{key}.tar.zst")));
    if !root.is_dir() {
        let fresh = dir.join("root.new");
        must(Command::new("rm").arg("-rf").arg(&fresh))?;
        if archive.is_file() {
            unpack(&archive, &fresh)?
        } else {
            build(&fresh, &archive)?
        }
        forget_old(&dir)?;
        fs::rename(&fresh, &root)?;
    }
    Ok(root)
}

/// Removes roots of earlier recipes, unless a host is up that may stand on one.
fn forget_old(dir: &Path) -> Result<()> {
    let busy = fs::read_dir(dir.join("hosts")).is_ok_and(|mut hosts| hosts.next().is_some());
    for entry in fs::read_dir(dir)?.flatten().filter(|_| !busy) {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("root-") && entry.file_type()?.is_dir() {
            must(Command::new("rm").arg("-rf").arg(entry.path()))?;
        }
    }
    Ok(())
}

fn build(root: &Path, archive: &Path) -> Result<()> {
    println!("lab: building the Debian root (once, one to five minutes)");
    let work = root.with_extension("work");
    let (script, log) = (root.with_extension("sh"), root.with_extension("log"));
    fs::write(&script, RECIPE)?;
    let mut mmdebstrap = Command::new("sh");
    mmdebstrap
        .arg(&script)
        .arg(root)
        .arg(&work)
        .stderr(File::create(&log)?);
    must(&mut mmdebstrap).with_context(|| format!("see {}", log.display()))?;
    fs::remove_dir_all(&work)?;
    println!("lab: packing it into {}", archive.display());
    let part = archive.with_extension("part");
    must(
        Command::new("tar")
            .args(["--numeric-owner", "-I", "zstd -3 -T0", "-cf"])
            .arg(&part)
            .arg("-C")
            .arg(root)
            .arg("."),
    )?;
    Ok(fs::rename(part, archive)?)
}

fn unpack(archive: &Path, root: &Path) -> Result<()> {
    println!("lab: unpacking {}", archive.display());
    fs::create_dir_all(root)?;
    must(
        Command::new("tar")
            .args(["--numeric-owner", "-I", "zstd", "-xf"])
            .arg(archive)
            .arg("-C")
            .arg(root),
    )
}

/// Runs a command to its end; its failure is an error that names it.
pub(crate) fn must(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// FNV-1a: the same key on every machine and compiler, which `DefaultHasher` does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
