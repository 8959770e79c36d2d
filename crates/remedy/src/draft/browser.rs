//! What a browser keeps of one site, to be taken out: exactly that, or nothing and a word about it.

use super::{CannotDraft, desk::Desk};
use crate::{Belongings, Shelf, Step};
use diagnose::Whole;
use host::{
    Looks,
    browser::{Family, Kept, Profile, Store},
};
use std::{collections::BTreeSet, path::PathBuf};

/// Everything of that site in that profile, and what was asked for of all sites.
pub(super) fn forget(
    desk: &mut Desk,
    profile: &Profile,
    host: &str,
    whole: &[Whole],
) -> Result<(), CannotDraft> {
    closed(desk, profile)?;
    if let Some((jar, cookies)) = desk.host.cookies(profile, host)?
        && !cookies.is_empty()
    {
        let hosts: BTreeSet<String> = cookies.iter().map(|cookie| cookie.host.clone()).collect();
        let (file, count) = (jar.file, cookies.len());
        let hosts = hosts.into_iter().collect();
        push(desk, profile, Belongings::Cookies { file, hosts, count });
    }
    let kept = desk.host.kept(profile, host)?;
    let answers: Vec<PathBuf> = kept.answers.iter().map(|answer| answer.file.clone()).collect();
    files(desk, profile, "cached answers", answers);
    files(desk, profile, "databases", kept.storage.clone());
    for unread in &kept.unread {
        desk.note(format!(
            "what can't be read stays as it is (--also takes it for all sites): {unread}"
        ));
    }
    if !kept.complete {
        let (browser, host) = (&profile.browser, host);
        desk.note(format!(
            "{browser}'s cache is too large to be looked through whole: answers of {host} may stay in it; --also cache takes \
             all of it"
        ));
    }
    match profile.family {
        Family::Firefox if !kept.service_workers.is_empty() => {
            let file = profile.dir.join("serviceworker.txt");
            let (host, count) = (host.to_owned(), kept.service_workers.len());
            push(desk, profile, Belongings::Workers { file, host, count });
        }
        Family::Firefox => {}
        Family::Chromium => of_all_sites(desk, profile, (host, &kept), whole)?,
    }
    if whole.contains(&Whole::Cache) {
        files(
            desk,
            profile,
            "cached answers of all sites",
            vec![profile.cache.clone()],
        );
    }
    Ok(())
}

/// A browser that runs has its files open, and writes what it remembers over ours.
fn closed(desk: &Desk, profile: &Profile) -> Result<(), CannotDraft> {
    let stat = desk.host.stat(&profile.lock)?;
    let link = stat.and_then(|stat| stat.link_to).unwrap_or_default();
    let link = link.to_string_lossy().into_owned();
    let pid = link
        .rsplit(['+', '-'])
        .next()
        .and_then(|pid| pid.parse::<u32>().ok());
    let runs = desk.processes()?.iter().find(|process| Some(process.pid) == pid);
    match runs {
        None => Ok(()),
        Some(process) => Err(CannotDraft::new(
            format!(
                "{} runs (process {}, {})",
                profile.browser, process.pid, process.comm
            ),
            "close it, then run this again",
        )),
    }
}

/// Chromium has local storage and service workers of all sites in one database each: this site's entries are taken out, or
/// all of it where somebody asked for that by name.
fn of_all_sites(
    desk: &mut Desk,
    profile: &Profile,
    (host, kept): (&str, &Kept),
    whole: &[Whole],
) -> Result<(), CannotDraft> {
    let (stored, workers) = (kept.local_storage, kept.service_workers.len());
    let shared = [
        (Whole::LocalStorage, Store::LocalStorage, "Local Storage", stored),
        (
            Whole::ServiceWorkers,
            Store::ServiceWorkers,
            "Service Worker",
            workers,
        ),
    ];
    for (which, store, name, count) in shared {
        let dir = profile.dir.join(name);
        if whole.contains(&which) {
            if desk.host.dir(&dir)?.is_some() {
                files(
                    desk,
                    profile,
                    &format!("{} of all sites", store.name()),
                    vec![dir],
                );
            }
        } else if count > 0 {
            let host = host.to_owned();
            push(desk, profile, Belongings::Entries { store, host, count });
        }
    }
    Ok(())
}

fn files(desk: &mut Desk, profile: &Profile, what: &str, paths: Vec<PathBuf>) {
    if !paths.is_empty() {
        let what = what.to_owned();
        push(desk, profile, Belongings::Files { what, paths });
    }
}

fn push(desk: &mut Desk, profile: &Profile, holds: Belongings) {
    let before = desk
        .steps
        .iter()
        .filter(|step| matches!(step, Step::TakeOut { .. }));
    let kept = u32::try_from(before.count()).unwrap_or(u32::MAX);
    let profile = profile.clone();
    desk.push(Step::TakeOut {
        shelf: Box::new(Shelf { profile, holds, kept }),
    });
}
