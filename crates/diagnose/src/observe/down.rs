//! nginx itself does not answer.

use super::{
    LOOKS_AT_ONCE_ASKED, error_logs::Complained, parallel, question::reachable, stance::foreign_master,
    symptoms::Draft,
};
use crate::{Symptom, World, case::MadeBy, world::ConfigTest};
use host::{
    Endpoint, Host, Looks, Stance, Talk,
    answer::{Connect, SocketState},
};
use logscan::{Complaint, Trouble, error_log};

/// A draft for each instance of which a listen address does not answer.
pub(super) fn drafts(host: &dyn Host, world: &World, complaints: &[Complained]) -> Vec<Draft> {
    let instances: Vec<usize> = (0..world.nginx.len()).collect();
    let drafts = parallel::map(&instances, |nginx| of_instance(host, world, *nginx, complaints));
    drafts.into_iter().flatten().collect()
}

fn of_instance(host: &dyn Host, world: &World, nginx: usize, complaints: &[Complained]) -> Option<Draft> {
    let instance = world.nginx.get(nginx)?;
    let dead = instance.master.is_none();
    if !dead && !instance.newer_files.is_empty() {
        // the files may name addresses that the running config does not know yet
        return None;
    }
    let silent = silent(host, world, nginx);
    let (endpoint, outcome) = match silent.first() {
        Some((endpoint, outcome)) => (Some(endpoint.clone()), *outcome),
        // a takeover of its ports by another program still leaves the sites dead
        None if dead => (None, None),
        None => return None,
    };
    let said = complaints
        .iter()
        .rev()
        .find(|it| it.nginx == nginx && keeps_it_down(&it.line.complaint.trouble));
    let mut symptom = symptom(world, dead, endpoint, outcome, said);
    if dead && symptom.complaint.is_none() {
        // a start that is tested first (ExecStartPre= of Debian) says so nowhere but in the journal
        symptom.complaint = instance.test.as_ref().ok().and_then(refusal);
    }
    Some(Draft {
        nginx,
        symptoms: vec![symptom],
        hosts: vec![None],
        ..Draft::default()
    })
}

/// Listen addresses that do not answer, and how connecting failed.
fn silent(host: &dyn Host, world: &World, nginx: usize) -> Vec<(Endpoint, Option<Connect>)> {
    let inside = foreign_master(world, nginx);
    let listens = |endpoint: &Endpoint| {
        let sockets = world.sockets.as_ref().map_or(&[][..], Vec::as_slice);
        let mut open = sockets
            .iter()
            .filter(|socket| socket.state == SocketState::Listen);
        open.any(|socket| crate::case::listens_on(socket, &reachable(endpoint)))
    };
    let mut doors: Vec<Endpoint> = world
        .routes
        .iter()
        .filter(|route| route.nginx == nginx)
        .flat_map(|route| &route.listen)
        .map(|listen| listen.endpoint.clone())
        .filter(|endpoint| !listens(endpoint))
        .collect();
    doors.sort_unstable();
    doors.dedup();
    doors.truncate(LOOKS_AT_ONCE_ASKED);
    let answers = parallel::map(&doors, |door| {
        let stance = Stance {
            identity: None,
            inside,
        };
        host.connect(&reachable(door), &stance, Talk::Nothing)
            .ok()
            .map(|it| it.connect)
    });
    let refused = |answer: &Option<Connect>| answer.is_some_and(|it| it != Connect::Accepted);
    doors
        .into_iter()
        .zip(answers)
        .filter(|(_, answer)| refused(answer))
        .collect()
}

fn keeps_it_down(trouble: &Trouble) -> bool {
    matches!(
        trouble,
        Trouble::BadConfig { .. } | Trouble::ListenFailed { .. } | Trouble::HostNotFound { .. }
    )
}

/// What keeps it from starting, by its own test.
fn refusal(test: &ConfigTest) -> Option<Complaint> {
    let complaint = error_log::parse_pasted(&test.says).complaint;
    (!test.passed && keeps_it_down(&complaint.trouble)).then_some(complaint)
}

fn symptom(
    world: &World,
    dead: bool,
    peer: Option<Endpoint>,
    outcome: Option<Connect>,
    said: Option<&Complained>,
) -> Symptom {
    let door = peer.as_ref().map_or("it".to_owned(), ToString::to_string);
    let how = match outcome {
        Some(Connect::Failed(errno)) => format!("{door}: {}", Trouble::Connect(errno)),
        Some(Connect::TimedOut) => format!("{door} does not answer"),
        Some(Connect::Accepted) | None => format!("{door} is not served by nginx"),
    };
    let how = if dead {
        "no nginx runs here".to_owned()
    } else {
        how
    };
    Symptom {
        id: String::new(),
        complaint: said.map(|it| it.line.complaint.clone()),
        status: None,
        made_by: MadeBy::Unknown,
        peer,
        request: None,
        count: 1,
        first: said.map_or(world.now, |it| it.at),
        last: world.now,
        times: Vec::new(),
        upstream_seconds: Vec::new(),
        sample: said.map_or_else(|| how, |it| it.sample.clone()),
        log: said.map(|it| it.log.clone()).unwrap_or_default(),
    }
}
