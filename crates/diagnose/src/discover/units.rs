//! Which systemd units are worth a look.

use super::scout::Scout;
use crate::topology::Claim;
use host::{Look, Looks, Tool, Unseen, answer::Output, looks::Unit};
use std::{collections::BTreeSet, path::Path};

/// Units of the base system, by how their names begin: they serve no site.
const BASE: &[&str] = &[
    "systemd-",
    "dbus",
    "getty",
    "serial-getty",
    "console-",
    "container-getty",
    "autovt",
    "user@",
    "user-runtime-dir",
    "ssh",
    "cron",
    "anacron",
    "atd",
    "rsyslog",
    "syslog",
    "network",
    "polkit",
    "udisks",
    "udev",
    "emergency",
    "rescue",
    "initrd",
    "kmod",
    "plymouth",
    "keyboard-setup",
    "console-setup",
    "ifup",
    "wpa_",
    "apt-daily",
    "dpkg-db",
    "e2scrub",
    "fstrim",
    "logrotate",
    "man-db",
    "apparmor",
    "lvm2",
    "dm-event",
    "mdadm",
    "quota",
    "quotaon",
    "rc-local",
    "rc.service",
    "rcS",
    "sudo",
    "x11-common",
    "hwclock",
    "procps",
    "pppd",
    "phpsessionclean",
    "apache-htcacheclean",
    "unattended-upgrades",
    "chrony",
    "ntp",
    "debug-shell",
    "halt-local",
    "fsck",
    "packagekit",
    "accounts-daemon",
    "snapd",
    "multipath",
    "iscsi",
    "open-iscsi",
    "grub",
    "cloud-",
    "blk-availability",
    "firewalld",
    "ufw",
    "nftables",
    "modprobe@",
    "ldconfig",
    "bluetooth",
    "avahi",
    "cups",
    "ModemManager",
    "NetworkManager",
    "auditd",
    "tuned",
    "cgroupfs",
    "cryptdisks",
    "kexec",
    "nss-",
    "nfs-",
    "rpc",
    "gssproxy",
    "sssd",
    "selinux",
    "dracut",
    "import-state",
    "loadmodules",
];
/// Units shown at most.
const MOST: usize = 300;

/// Where unit files are (systemd.unit(5)). Listing them ourselves takes a millisecond; `systemctl list-unit-files`
/// looks up the preset of each and takes most of a second.
const DIRS: &[&str] = &[
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/transient",
    "/run/systemd/generator",
    "/run/systemd/generator.late",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// Every unit that may serve a site, running or not, and what failed, as systemd shows it.
pub(super) fn look(scout: &Scout) -> Look<Vec<Unit>> {
    let (on_disk, loaded) = std::thread::scope(|scope| {
        let on_disk = scope.spawn(|| {
            let names = on_disk(scout);
            (scout.host.units(&Vec::from_iter(names.iter().cloned())), names)
        });
        let loaded = usable(scout.host.run(Tool::UnitsLoaded));
        (on_disk.join().ok(), loaded)
    });
    // without a running systemd this one fails at once, and says why
    let loaded = loaded_names(&loaded?);
    let (units, names) = on_disk.unwrap_or_else(|| (Ok(Vec::new()), BTreeSet::new()));
    let mut units = units?;
    let more: Vec<String> = loaded.difference(&names).take(MOST).cloned().collect();
    if !more.is_empty() {
        units.extend(scout.seen(scout.host.units(&more)).unwrap_or_default());
    }
    // an alias shows the unit it stands for
    let mut known = BTreeSet::new();
    units.retain(|unit| known.insert(unit.name.clone()));
    Ok(units)
}

/// Services and sockets that have a file; templates have none of their own to show.
fn on_disk(scout: &Scout) -> BTreeSet<String> {
    let names = DIRS.iter().flat_map(|dir| {
        scout
            .seen(scout.host.dir(Path::new(dir)))
            .flatten()
            .unwrap_or_default()
    });
    let names = names.filter(|name| name.ends_with(".service") || name.ends_with(".socket"));
    names
        .filter(|name| !is_base(name) && !name.contains("@."))
        .take(MOST)
        .collect()
}

/// Units that systemd has in memory: instances of templates, and whatever failed.
fn loaded_names(list: &str) -> BTreeSet<String> {
    let rows = list.lines().filter_map(|line| {
        let mut words = line.trim_start_matches(['●', '*', ' ']).split_whitespace();
        let (name, load, active) = (words.next()?, words.next()?, words.next()?);
        let matters = active == "failed" || (load != "not-found" && !is_base(name));
        matters.then(|| name.to_owned())
    });
    rows.collect()
}

/// A failed `systemctl` with a complaint and no list is no answer: a container without systemd.
fn usable(look: Look<Output>) -> Look<String> {
    let output = look?;
    let text = String::from_utf8_lossy(&output.stdout.0).into_owned();
    if text.is_empty() && output.status != Some(0) {
        let why = String::from_utf8_lossy(&output.stderr.0)
            .lines()
            .next()
            .unwrap_or("systemctl failed")
            .to_owned();
        return Err(Unseen::Unusable {
            what: "units".into(),
            why,
        });
    }
    Ok(text)
}

fn is_base(name: &str) -> bool {
    BASE.iter().any(|prefix| name.starts_with(prefix))
}

/// Units that claims name and systemd was not asked about: mostly removed with their package.
pub(super) fn add_claimants(scout: &Scout, units: &mut Look<Vec<Unit>>, claims: &[Claim]) {
    let Ok(known) = units else { return };
    let named: BTreeSet<&String> = claims.iter().filter_map(|claim| claim.unit.as_ref()).collect();
    let missing = named
        .into_iter()
        .filter(|name| !known.iter().any(|unit| unit.name == **name));
    let missing: Vec<String> = missing.take(MOST).cloned().collect();
    if !missing.is_empty() {
        known.extend(scout.seen(scout.host.units(&missing)).unwrap_or_default());
    }
}

/// Only those that matter: nginx, owners of listeners, claimants, and what failed.
pub(super) fn keep(units: Vec<Unit>, matters: &BTreeSet<String>) -> Vec<Unit> {
    let is_nginx = |unit: &Unit| super::masters::is_nginx(unit.name.trim_end_matches(".service"));
    units
        .into_iter()
        .filter(|unit| {
            matters.contains(&unit.name)
                || unit.active_state == "failed"
                || (is_nginx(unit) && unit.is_known())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::testing::Tree;

    #[test]
    fn units_of_the_base_system_and_templates_are_not_asked_about() {
        let names = ["app.service", "shop.service"].map(str::to_owned).to_vec();
        let more = ["app@1.service", "cron.service"].map(str::to_owned).to_vec();
        let loaded = "app@1.service loaded inactive dead x\ncron.service loaded failed failed x\n\
                      ssh.service loaded active running x\ngone.service not-found inactive dead x\napp.service loaded active running x\n";
        let tree = Tree::of(&[
            ("/etc/systemd/system/app.service", ""),
            ("/etc/systemd/system/app@.service", ""),
            ("/etc/systemd/system/app.service.d/x.conf", ""),
            ("/lib/systemd/system/shop.service", ""),
            ("/lib/systemd/system/ssh.service", ""),
        ])
        .says(Tool::UnitsLoaded, 0, loaded, "")
        .says(
            Tool::UnitsShow { units: names },
            0,
            "Id=app.service\n\nId=app.service\n\nId=shop.service\n",
            "",
        )
        .says(
            Tool::UnitsShow { units: more },
            0,
            "Id=app@1.service\n\nId=cron.service\n",
            "",
        );
        let scout = Scout::new(&tree.host);
        let units = look(&scout).expect("answers");
        let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
        assert_eq!(
            names,
            ["app.service", "shop.service", "app@1.service", "cron.service"]
        );
    }

    #[test]
    fn without_systemd_there_is_no_list() {
        let complaint = "System has not been booted with systemd as init system (PID 1). Can't operate.\n";
        let tree = Tree::default().says(Tool::UnitsLoaded, 1, "", complaint);
        assert!(look(&Scout::new(&tree.host)).is_err());
    }
}
