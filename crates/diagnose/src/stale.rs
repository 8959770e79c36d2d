//! What the running nginx does that its files do not say any more.

use crate::{
    Case,
    case::PeerSight,
    topology::{Protocol, Target},
    world::Nginx,
};
use host::{Endpoint, Timestamp, looks::JournalLine};
use logscan::Trouble;
use std::path::{Path, PathBuf};

/// How the running nginx differs from its files.
pub struct Stale<'a> {
    /// The instance.
    pub nginx: &'a Nginx,
    /// When it read its config.
    pub loaded: Timestamp,
    /// What it still does, the first half of a sentence.
    pub still: String,
    /// What the file says, the second half.
    pub file_says: String,
    /// The peer it asks, or the place in the file.
    pub subject: String,
}

/// What nginx did after it read its config and its files do not say.
pub fn stale(case: &Case) -> Option<Stale<'_>> {
    let (nginx, route) = (case.nginx()?, case.route.as_ref()?);
    let loaded = nginx.loaded_at.filter(|_| nginx.master.is_some())?;
    let since = || {
        case.symptoms
            .iter()
            .filter(move |symptom| symptom.last.secs() >= loaded.secs())
    };
    let told = |still: String, file_says: String, subject: String| Stale {
        nginx,
        loaded,
        still,
        file_says,
        subject,
    };
    let peer = since().find_map(|symptom| {
        symptom
            .peer
            .as_ref()
            .filter(|peer| !is_written(&route.target, peer))
    });
    let scheme = since().find_map(|symptom| {
        let peer = symptom.complaint.as_ref()?.peer.as_ref()?;
        scheme_differs(&peer.scheme, route.protocol).then_some(peer.scheme.as_str())
    });
    let no_resolver = since().any(|symptom| matches!(symptom.trouble(), Some(Trouble::NoResolver(_))));
    let says = format!("{} says `{}`", route.written, route.pass);
    match (peer, scheme) {
        (Some(peer), _) => Some(told(format!("asks {peer}"), says, peer.to_string())),
        (None, Some(scheme)) => Some(told(format!("speaks {scheme}"), says, route.written.to_string())),
        (None, None) if no_resolver && !route.settings.resolvers.is_empty() => Some(told(
            "has no resolver".into(),
            "a resolver is configured in the files".into(),
            route.written.to_string(),
        )),
        _ => None,
    }
}

/// nginx asks, just now, a peer that no file of its configuration names any more. Times prove nothing here: `cp -p`, `mv`
/// and `rsync -t` bring old times along, and a removed file has none.
pub fn outlived(case: &Case) -> Option<(Stale<'_>, &Endpoint)> {
    let stale = stale(case).filter(|_| case.works_now() == Some(false))?;
    let written = |peer: &Endpoint| {
        case.world
            .routes
            .iter()
            .any(|route| is_written(&route.target, peer))
    };
    let asked = case
        .symptoms
        .iter()
        .filter(|symptom| symptom.last.secs() >= stale.loaded.secs());
    let peer = asked
        .filter_map(|symptom| symptom.peer.as_ref())
        .find(|peer| !written(peer))?;
    Some((stale, peer))
}

/// The files may mean this peer. Names are compared by port only: what they resolve to has causes of its own.
pub(crate) fn is_written(target: &Target, peer: &Endpoint) -> bool {
    match target {
        Target::Endpoint(endpoint) => endpoint == peer,
        Target::Name { port, .. } => peer.tcp().is_some_and(|at| at.port() == *port),
        Target::Group { servers, .. } => servers.iter().any(|server| is_written(&server.address, peer)),
        Target::Variable { .. } => true,
    }
}

fn scheme_differs(said: &str, protocol: Protocol) -> bool {
    let written = match protocol {
        Protocol::Http => "http",
        Protocol::Https => "https",
        Protocol::FastCgi => "fastcgi",
        Protocol::Uwsgi => return !matches!(said, "" | "uwsgi" | "suwsgi"),
        Protocol::Scgi => "scgi",
        Protocol::Grpc => "grpc",
        Protocol::Grpcs => "grpcs",
        Protocol::Memcached => "memcached",
        Protocol::Stream => return false,
    };
    !said.is_empty() && said != written
}

/// A file that is newer than the running config.
pub struct NewerFile {
    /// Its path.
    pub path: PathBuf,
    /// When it was changed.
    pub changed: Timestamp,
    /// The line of the failing route, where it stands in this file.
    pub line: Option<u32>,
}

/// The file that is newer than the running config: the route's own where that is one of them, else the newest.
pub fn newer_file(case: &Case, stale: &Stale<'_>) -> Option<NewerFile> {
    let written = case.route.as_ref().map(|route| &route.written);
    let of_route = |file: &Path| written.filter(|place| place.file == file).map(|place| place.line);
    let files = &stale.nginx.newer_files;
    let own = files.iter().find(|(file, _)| of_route(file).is_some());
    let (path, changed) = own.or_else(|| files.iter().max_by_key(|(_, at)| *at))?;
    Some(NewerFile {
        path: path.clone(),
        changed: *changed,
        line: of_route(path),
    })
}

/// A peer that the files name and that was tried just now: whether it takes connections.
pub fn on_disk(case: &Case) -> Option<(&PeerSight, bool)> {
    let target = &case.route.as_ref()?.target;
    let mut named = case
        .peers
        .iter()
        .filter(|peer| is_written(target, &peer.endpoint));
    named.find_map(|peer| Some((peer, peer.reachable()?)))
}

/// A reload that nginx refused since it read its config.
pub fn refused_reload<'a>(case: &'a Case, stale: &Stale<'a>) -> Option<&'a JournalLine> {
    let refused = |text: &str| text.contains("[emerg]") || text.starts_with("Reload failed");
    let unit = stale.nginx.unit.as_deref()?;
    let mut lines = case.world.journal_of(unit);
    lines.rfind(|line| line.at >= stale.loaded && refused(&line.text))
}
