//! Name servers of the host, in the tool that owns /etc/resolv.conf.

use super::{
    CannotDraft,
    desk::{Desk, Found, id},
    files::ROOT_READABLE,
    ini_edit, settings, units,
};
use crate::{NameCache, Step};
use host::Looks;
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// What Debian's resolvconf puts before all else.
const RESOLVCONF_HEAD: &str = "/etc/resolvconf/resolv.conf.d/head";
/// What openresolv, the other program of that name, is told by: a shell script of settings, resolvconf.conf(5).
const OPENRESOLV_CONF: &str = "/etc/resolvconf.conf";
/// resolv.conf(5) reads no more.
const MOST: usize = 3;

/// Who writes it.
enum Owner {
    Resolved,
    NetworkManager,
    Resolvconf,
    Openresolv,
    Hand,
}

/// These servers, in this order.
pub(super) fn set(desk: &mut Desk, servers: &[IpAddr]) -> Result<(), CannotDraft> {
    let servers: Vec<String> = servers.iter().take(MOST).map(ToString::to_string).collect();
    if servers.is_empty() {
        return Err(CannotDraft::new(
            "no name server is known that answers",
            "ask who runs the network for one",
        ));
    }
    match owner(desk)? {
        Owner::Resolved => {
            // empty first: files of this kind add to each other; `~.`: rather than those that a link's DHCP brought
            let only = vec![String::new(), servers.join(" ")];
            let keys = [("DNS", only), ("Domains", vec!["~.".to_owned()])];
            conf(desk, "/etc/systemd/resolved.conf.d/why502.conf", "Resolve", &keys)?;
            units::restart(desk, "systemd-resolved.service", &[])
        }
        Owner::NetworkManager => {
            let keys = [("servers", vec![servers.join(",")])];
            conf(
                desk,
                "/etc/NetworkManager/conf.d/why502.conf",
                "global-dns-domain-*",
                &keys,
            )?;
            units::reload(desk, "NetworkManager.service")
        }
        Owner::Resolvconf => {
            // its lines come before those of every interface, and the library asks three servers at most
            name_servers(desk, Path::new(RESOLVCONF_HEAD), &servers)?;
            desk.push(Step::RebuildResolvConf);
            Ok(())
        }
        Owner::Openresolv => {
            // its own list comes before those of every interface
            let found = desk.find(Path::new(OPENRESOLV_CONF))?;
            let text = match &found.content {
                Some(_) => settings::text(&found)?,
                None => "",
            };
            let edited = lines_instead(
                text,
                "name_servers=",
                &format!("name_servers=\"{}\"\n", servers.join(" ")),
            );
            desk.write(found, edited.into_bytes(), ROOT_READABLE)?;
            desk.push(Step::RebuildResolvConf);
            Ok(())
        }
        Owner::Hand => {
            desk.note("a DHCP client may write /etc/resolv.conf again: set the servers there too");
            name_servers(desk, Path::new(RESOLV_CONF), &servers)
        }
    }
}

/// Every cache of names that runs here forgets what it holds; one that is started anew has done so.
pub(super) fn flush(desk: &mut Desk) -> Result<(), CannotDraft> {
    let restarted = |unit: &str| {
        desk.steps
            .iter()
            .any(|step| matches!(step, Step::Restart { unit: it, .. } if it == unit))
    };
    let processes = desk.processes()?;
    let runs = |comm: &str| processes.iter().find(|process| process.comm == comm);
    // the nearest to programs last, which would ask the others for the old answer again; the kernel keeps 15 letters of a name
    let caches = [
        ("unbound", NameCache::Unbound),
        ("systemd-resolve", NameCache::Resolved),
        ("nscd", NameCache::Nscd),
    ];
    let found = caches.into_iter().filter(|(comm, _)| runs(comm).is_some());
    let found =
        found.filter(|(_, cache)| *cache != NameCache::Resolved || !restarted("systemd-resolved.service"));
    let steps = found.map(|(_, cache)| Step::FlushNames { cache });
    // SIGHUP clears its cache: dnsmasq(8). Others of that name serve virtual machines
    let is_ours = |unit: &str| matches!(unit, "dnsmasq.service" | "NetworkManager.service");
    // NetworkManager that is reloaded starts its own anew
    let reloaded = |unit: &str| {
        desk.steps
            .iter()
            .any(|step| matches!(step, Step::Reload { unit: Some(it), .. } if it == unit))
    };
    let dnsmasq = processes.iter().filter(|it| it.comm == "dnsmasq").filter(|it| {
        it.unit
            .as_deref()
            .is_some_and(|unit| is_ours(unit) && !reloaded(unit))
    });
    let told = dnsmasq.map(|dnsmasq| Step::Reload {
        unit: dnsmasq.unit.clone().filter(|unit| unit == "dnsmasq.service"),
        master: id(dnsmasq),
    });
    let steps: Vec<Step> = told.chain(steps).collect();
    steps.into_iter().for_each(|step| desk.push(step));
    Ok(())
}

fn owner(desk: &Desk) -> Result<Owner, CannotDraft> {
    let stat = desk.host.stat(Path::new(RESOLV_CONF))?;
    let link = stat.and_then(|stat| stat.link_to).unwrap_or_default();
    let link = link.to_string_lossy().into_owned();
    let text = desk.host.file(Path::new(RESOLV_CONF))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let by = |sign: &str, line: &str| link.contains(sign) || text.contains(line);
    Ok(match () {
        () if by("systemd/resolve", "managed by man:systemd-resolved") => Owner::Resolved,
        () if by("NetworkManager", "Generated by NetworkManager") => Owner::NetworkManager,
        () if text.starts_with("# Generated by resolvconf\n") => Owner::Openresolv,
        () if by("resolvconf", "generated by resolvconf") => Owner::Resolvconf,
        () => Owner::Hand,
    })
}

fn conf(desk: &mut Desk, file: &str, section: &str, keys: &[(&str, Vec<String>)]) -> Result<(), CannotDraft> {
    let found = desk.find(&PathBuf::from(file))?;
    let mut text = match &found.content {
        Some(_) => settings::text(&found)?.to_owned(),
        None => settings::header().to_owned(),
    };
    for (key, values) in keys {
        text = ini_edit::set_all(&text, section, key, values);
    }
    desk.write(found, text.into_bytes(), ROOT_READABLE)
}

/// The servers in the place of those that stand there; all else stays.
fn name_servers(desk: &mut Desk, file: &Path, servers: &[String]) -> Result<(), CannotDraft> {
    let found: Found = desk.find(file)?;
    let text = match &found.content {
        Some(_) => settings::text(&found)?,
        None => "",
    };
    let new: String = servers
        .iter()
        .map(|server| format!("nameserver {server}\n"))
        .collect();
    let edited = lines_instead(text, "nameserver ", &new);
    desk.write(found, edited.into_bytes(), ROOT_READABLE)
}

/// New lines in the place of the first that begins so, and none of the others; at the end where there is none.
fn lines_instead(text: &str, begins: &str, new: &str) -> String {
    let mut edited = String::new();
    let mut placed = false;
    for line in text.split_inclusive('\n') {
        match (line.trim_start().replace('\t', " ").starts_with(begins), placed) {
            (true, false) => {
                edited.push_str(new);
                placed = true;
            }
            (true, true) => {}
            (false, _) => edited.push_str(line),
        }
    }
    if !placed {
        let broken = !edited.is_empty() && !edited.ends_with('\n');
        edited.push_str(if broken { "\n" } else { "" });
        edited.push_str(new);
    }
    edited
}
