//! Debian packages for the machine that runs the tests: their programs are wanted, none of their services is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::root::{must, on_path};

/// What maintainers' scripts ask before they start a service: invoke-rc.d(8).
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// 101: "action forbidden by policy".
const NEVER: &str = "#!/bin/sh\n# no service starts while why502's tests install what they run\nexit 101\n";

/// Installs them. Nothing of theirs is started, now or when the machine boots.
pub fn install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    println!("installing {}", packages.join(" "));
    let policy = Policy::never(Path::new(POLICY))?;
    must(Command::new("apt-get").args(["update", "-qq"]))?;
    let quiet = ["install", "-y", "-qq", "--no-install-recommends"];
    must(Command::new("apt-get").args(quiet).args(packages))?;
    drop(policy);
    disable(packages)
}

/// The services they bring are not started at boot either.
fn disable(packages: &[&str]) -> Result<()> {
    let listed = Command::new("dpkg-query").arg("-L").args(packages).output()?;
    let files = String::from_utf8_lossy(&listed.stdout).into_owned();
    let units = services(&files);
    if units.is_empty() || !on_path("systemctl") {
        return Ok(());
    }
    must(Command::new("systemctl").args(["disable", "--quiet"]).args(units))
}

/// Units among the files of packages; instances of templates start only when they are asked for.
fn services(files: &str) -> Vec<&str> {
    let units = files.lines().filter_map(|file| {
        let (dir, name) = file.rsplit_once('/')?;
        let is_unit = dir.ends_with("/systemd/system") && !name.contains('@');
        (is_unit && (name.ends_with(".service") || name.ends_with(".socket"))).then_some(name)
    });
    units.collect()
}

/// No service may be started as long as it lives; then the machine's own policy is back, whatever happened meanwhile.
struct Policy {
    file: PathBuf,
}

impl Policy {
    fn never(file: &Path) -> Result<Self> {
        let ours = fs::read_to_string(file).is_ok_and(|text| text == NEVER);
        // one that is ours is of a run that was killed, and the machine's own is set aside already
        if !ours && fs::symlink_metadata(file).is_ok() {
            fs::rename(file, aside(file)).with_context(|| format!("{}: cannot move", file.display()))?;
        }
        let policy = Self {
            file: file.to_owned(),
        };
        fs::write(file, NEVER).with_context(|| format!("{}: cannot write", file.display()))?;
        fs::set_permissions(file, fs::Permissions::from_mode(0o755))?;
        Ok(policy)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let own = aside(&self.file);
        let back = match fs::symlink_metadata(&own) {
            Ok(_) => fs::rename(own, &self.file),
            Err(_) => fs::remove_file(&self.file),
        };
        if let Err(error) = back {
            println!("{}: {error}: put it back by hand", self.file.display());
        }
    }
}

fn aside(file: &Path) -> PathBuf {
    file.with_extension("d.before-why502")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a directory holds while no service may start, and afterwards: `name=first line mode`.
    fn held(dir: &Path, fail: bool) -> (Vec<String>, Vec<String>) {
        let file = dir.join("policy-rc.d");
        let mut inside = Vec::new();
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _policy = Policy::never(&file).expect("may write");
            inside = seen(dir);
            if fail {
                std::panic::resume_unwind(Box::new("apt-get failed"));
            }
        }));
        assert_eq!(ended.is_err(), fail);
        (inside, seen(dir))
    }

    fn seen(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).expect("a directory").flatten();
        let mut all: Vec<String> = entries
            .map(|entry| {
                let text = fs::read_to_string(entry.path()).expect("text");
                let mode = entry.metadata().expect("is there").permissions().mode() & 0o777;
                let last = text.lines().last().unwrap_or_default().to_owned();
                format!("{}={last} {mode:o}", entry.file_name().to_string_lossy())
            })
            .collect();
        all.sort();
        all
    }

    #[test]
    fn the_policy_of_the_machine_is_back_however_it_ends() {
        let ours = "policy-rc.d=exit 101 755";
        for fail in [false, true] {
            let dir = tempfile::tempdir().expect("a directory");
            let none: (Vec<String>, Vec<String>) = (vec![ours.into()], Vec::new());
            assert_eq!(held(dir.path(), fail), none);
            let file = dir.path().join("policy-rc.d");
            fs::write(&file, "#!/bin/sh\nexit 0\n").expect("may write");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).expect("is ours");
            let (inside, after) = held(dir.path(), fail);
            assert_eq!(inside, ["policy-rc.d.before-why502=exit 0 700", ours]);
            assert_eq!(after, ["policy-rc.d=exit 0 700"]);
            // a run that was killed: the next one puts it right
            std::mem::forget(Policy::never(&file).expect("may write"));
            assert_eq!(held(dir.path(), fail).1, ["policy-rc.d=exit 0 700"]);
        }
    }

    #[test]
    fn services_of_packages() {
        let files = "/.\n/usr/sbin/nsd\n/lib/systemd/system/nsd.service\n/usr/lib/systemd/system/a.socket\n\
                     /lib/systemd/system/b@.service\n/usr/share/doc/x.service\n/lib/systemd/system/c.timer\n";
        assert_eq!(services(files), ["nsd.service", "a.socket"]);
    }
}
