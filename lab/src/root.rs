//! The Debian root every host starts from, and what a visitor's machine has besides.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::fs::{FlockOperation, flock};

use crate::apt;

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
    apt::install(&missing)
}

pub(crate) fn on_path(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
    std::env::split_paths(&path).any(|dir| dir.join(tool).is_file())
}

/// What a person saw in a trial, or told of a cause.
pub(crate) fn screen(name: &str) -> PathBuf {
    lab_dir().join("screens").join(format!("{name}.txt"))
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

/// A tree that hosts stand on: built once, cached as an archive, unpacked once.
struct Layer {
    name: &'static str,
    recipe: &'static str,
    over: Option<&'static Layer>,
}

/// What every host has.
const ROOT: Layer = Layer {
    name: "root",
    recipe: include_str!("recipe/build.sh"),
    over: None,
};

/// What a visitor's machine has besides: unpacked only where an errand asks for it.
const VISITOR: Layer = Layer {
    name: "visitor",
    recipe: include_str!("recipe/visitor.sh"),
    over: Some(&ROOT),
};

/// The unpacked root. Built when the recipe changed (about a minute), unpacked when only the archive is there.
pub(crate) fn ready() -> Result<PathBuf> {
    ROOT.ready()
}

/// The same for a visitor's machine: what is to be mounted above what, as overlayfs names it.
pub(crate) fn ready_for_visitors() -> Result<PathBuf> {
    let (mut layers, root) = (VISITOR.ready()?.into_os_string(), ROOT.ready()?);
    layers.push(":");
    layers.push(root);
    Ok(layers.into())
}

impl Layer {
    fn ready(&self) -> Result<PathBuf> {
        let base = self.over.map(Layer::ready).transpose()?;
        let dir = lab_dir();
        fs::create_dir_all(&dir).with_context(|| format!("{}: cannot create", dir.display()))?;
        let lock = File::create(dir.join(format!("{}.lock", self.name)))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        let key = format!("{}-{:016x}", self.name, fnv1a(self.recipes().as_bytes()));
        let (tree, archive) = (dir.join(&key), dir.join(format!("{key}.tar.zst")));
        if !tree.is_dir() {
            let fresh = dir.join(format!("{}.new", self.name));
            must(Command::new("rm").arg("-rf").arg(&fresh))?;
            if archive.is_file() {
                unpack(&archive, &fresh)?
            } else {
                self.build(base.as_deref(), &fresh, &archive)?
            }
            forget_old(&dir, self.name)?;
            fs::rename(&fresh, &tree)?;
        }
        Ok(tree)
    }

    /// A layer fits the one that it was built over, and no other.
    fn recipes(&self) -> String {
        let below = self.over.map(Layer::recipes).unwrap_or_default();
        self.recipe.to_owned() + &below
    }

    fn build(&self, base: Option<&Path>, tree: &Path, archive: &Path) -> Result<()> {
        println!(
            "lab: building the Debian {} (once, one to five minutes)",
            self.name
        );
        let work = tree.with_extension("work");
        let (script, log) = (tree.with_extension("sh"), tree.with_extension("log"));
        must(Command::new("rm").arg("-rf").arg(&work))?;
        fs::write(&script, self.recipe)?;
        let said = File::create(&log)?;
        let mut recipe = Command::new("sh");
        recipe.arg(&script).args(base).arg(tree).arg(&work);
        recipe.stdout(said.try_clone()?).stderr(said);
        must(&mut recipe).with_context(|| format!("see {}", log.display()))?;
        fs::remove_dir_all(&work)?;
        println!("lab: packing it into {}", archive.display());
        let part = archive.with_extension("part");
        must(
            Command::new("tar")
                .args(OVERLAY)
                .args(["--numeric-owner", "-I", "zstd -3 -T0", "-cf"])
                .arg(&part)
                .arg("-C")
                .arg(tree)
                .arg("."),
        )?;
        Ok(fs::rename(part, archive)?)
    }
}

/// What a layer hides of the one below stands in attributes of its own.
const OVERLAY: [&str; 2] = ["--xattrs", "--xattrs-include=*"];

/// Removes roots of earlier recipes, unless a host is up that may stand on one.
fn forget_old(dir: &Path, kind: &str) -> Result<()> {
    let busy = fs::read_dir(dir.join("hosts")).is_ok_and(|mut hosts| hosts.next().is_some());
    for entry in fs::read_dir(dir)?.flatten().filter(|_| !busy) {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(&format!("{kind}-")) && entry.file_type()?.is_dir() {
            must(Command::new("rm").arg("-rf").arg(entry.path()))?;
        }
    }
    Ok(())
}

fn unpack(archive: &Path, root: &Path) -> Result<()> {
    println!("lab: unpacking {}", archive.display());
    fs::create_dir_all(root)?;
    must(
        Command::new("tar")
            .args(OVERLAY)
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
