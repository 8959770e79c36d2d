//! Which systemd units are worth a look.

use super::scout::Scout;
use crate::topology::Claim;
use host::{Look, Looks, Tool, Unseen, answer::Output, looks::Unit};
use std::collections::{BTreeMap, BTreeSet};

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

/// What systemd knows by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Inventory {
    /// In memory: name to active state.
    loaded: BTreeMap<String, String>,
    /// On disk: name to `enabled`, `disabled`, `static`, `masked`…
    files: BTreeMap<String, String>,
}

impl Inventory {
    /// Both lists; `Err` where there is no systemd to ask. What is loaded is asked first: without a running systemd it
    /// fails at once, while the files would be read by the tool itself, for seconds.
    pub(super) fn look(scout: &Scout) -> Look<Self> {
        let loaded = usable(scout.host.run(Tool::UnitsLoaded))?;
        let files = usable(scout.host.run(Tool::UnitFiles));
        Ok(Self {
            loaded: columns(&loaded, 2),
            files: columns(&scout.seen(files).unwrap_or_default(), 1),
        })
    }

    /// Services and sockets that may serve a site, running or not.
    fn candidates(&self) -> impl Iterator<Item = &String> {
        let on_disk = self
            .files
            .iter()
            .filter(|(_, state)| !matches!(state.as_str(), "static" | "alias" | "indirect" | "generated"));
        let in_memory = self
            .loaded
            .iter()
            .filter(|(_, active)| active.as_str() != "inactive");
        let stopped = self
            .loaded
            .keys()
            .filter(|name| name.contains('@') || !self.files.contains_key(*name));
        let generated = self
            .files
            .iter()
            .filter(|(_, state)| state.as_str() == "generated");
        let names = on_disk
            .chain(in_memory)
            .chain(generated)
            .map(|(name, _)| name)
            .chain(stopped);
        names.filter(|name| !is_base(name) && !name.contains("@."))
    }
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

/// First column to another one.
fn columns(text: &str, index: usize) -> BTreeMap<String, String> {
    let rows = text.lines().filter_map(|line| {
        let mut words = line.trim_start_matches(['●', '*', ' ']).split_whitespace();
        let name = words.next()?;
        Some((name.to_owned(), words.nth(index - 1)?.to_owned()))
    });
    rows.collect()
}

fn is_base(name: &str) -> bool {
    BASE.iter().any(|prefix| name.starts_with(prefix))
}

/// Every unit that may serve a site, and what failed, as systemd shows it.
pub(super) fn look(scout: &Scout, inventory: &Inventory) -> Look<Vec<Unit>> {
    let mut names: BTreeSet<String> = inventory.candidates().cloned().collect();
    let failed = inventory
        .loaded
        .iter()
        .filter(|(_, active)| active.as_str() == "failed");
    names.extend(failed.map(|(name, _)| name.clone()));
    let names: Vec<String> = names.into_iter().take(MOST).collect();
    scout.host.units(&names)
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
    fn candidates_are_neither_base_nor_templates() {
        let tree = Tree::default()
            .says(
                Tool::UnitsLoaded,
                0,
                "app@8001.service loaded inactive dead App\nshop.service loaded failed failed Shop\nsystemd-udevd.service loaded active running x\nold.service not-found inactive dead old\n",
                "",
            )
            .says(Tool::UnitFiles, 0, "app@.service disabled enabled\nshop.service enabled enabled\nidle.service disabled enabled\nstill.service static -\nphp8.2-fpm.service masked enabled\n", "");
        let scout = Scout::new(&tree.host);
        let inventory = Inventory::look(&scout).expect("answers");
        let names: BTreeSet<&str> = inventory.candidates().map(String::as_str).collect();
        assert_eq!(
            names,
            BTreeSet::from([
                "app@8001.service",
                "idle.service",
                "old.service",
                "php8.2-fpm.service",
                "shop.service"
            ])
        );
    }

    #[test]
    fn without_systemd_there_is_no_list() {
        let complaint = "System has not been booted with systemd as init system (PID 1). Can't operate.\n";
        let tree =
            Tree::default()
                .says(Tool::UnitsLoaded, 1, "", complaint)
                .says(Tool::UnitFiles, 1, "", complaint);
        assert!(Inventory::look(&Scout::new(&tree.host)).is_err());
    }
}
