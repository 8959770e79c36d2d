//! `why502 client clear URL`: what browsers keep of one site, and of no other.

use super::session::Session;
use crate::{cli, exit::Exit};
use diagnose::Measure;
use host::{Looks, browser::Profile, live::Live};
use remedy::{CannotDraft, Wish, grant};
use std::{path::PathBuf, time::Duration};

/// Runs the command.
pub fn run(options: &cli::ClientClear) -> anyhow::Result<Exit> {
    let live = Live::new();
    let session = Session {
        live: &live,
        options: &options.agreement,
    };
    let host = &options.url.host;
    let (profiles, blind) = profiles(&live, options)?;
    let mut wish = wish(options, Vec::new());
    if profiles.is_empty() {
        let says = match blind.is_empty() {
            true => {
                "you have no profile of Firefox or Chromium here; --profile DIR names one.\nNothing was done."
                    .to_owned()
            }
            false => format!("{}.\nNothing was done.", blind.join("; ")),
        };
        return session.nothing(&wish, &says);
    }
    wish.measures = profiles
        .into_iter()
        .map(|profile| Measure::ForgetSite {
            profile,
            host: host.clone(),
            whole: options.also.clone(),
        })
        .collect();
    match grant(&live, &wish) {
        Err(CannotDraft { why, .. }) if why.starts_with("nothing is left to do") => session.well(
            &wish,
            &format!("no browser of yours keeps anything of {host}: there is nothing to clear."),
        ),
        _ => session.grant(&wish),
    }
}

/// Those of whoever runs it, or the one that was named.
fn profiles(live: &Live, options: &cli::ClientClear) -> anyhow::Result<(Vec<Profile>, Vec<String>)> {
    if let Some(dir) = &options.profile {
        let dir = std::path::absolute(dir)?;
        return Ok(match live.browser_profile(&dir) {
            Ok(profile) => (vec![profile], Vec::new()),
            Err(unseen) => (Vec::new(), vec![unseen.to_string()]),
        });
    }
    let Some(home) = home() else {
        return Ok((
            Vec::new(),
            vec!["HOME is not set; --profile DIR names a profile".to_owned()],
        ));
    };
    let (profiles, unseen) = live.browser_profiles(&home);
    Ok((profiles, unseen.iter().map(ToString::to_string).collect()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "where a person's browsers keep their profiles"
)]
fn home() -> Option<PathBuf> {
    std::env::var_os("HOME")
        .map(PathBuf::from)
        .filter(|home| home.is_absolute())
}

fn wish(options: &cli::ClientClear, measures: Vec<Measure>) -> Wish {
    let host = &options.url.host;
    Wish {
        cause: "client-cookie",
        subject: host.clone(),
        why: format!(
            "what a browser keeps of {host} goes with each of its requests there, or is shown in place of an answer"
        ),
        title: format!("have your browsers forget {host}, and no other site"),
        measures,
        holds: Vec::new(),
        patience: Duration::ZERO,
    }
}
