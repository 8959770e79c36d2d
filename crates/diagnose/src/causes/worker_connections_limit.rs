use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, Symptom,
    cause::{Group, Told, cause},
    own_limits,
    words::nginx_said,
    world::Nginx,
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// A worker of nginx holds worker_connections connections, clients and upstreams together. New clients are dropped
    /// without an answer; requests that need an upstream get 500.
    /// # How to tell
    /// `N worker_connections are not enough`; a proxy loop and stuck upstreams must be ruled out, since both eat
    /// connections. One N for each worker, not for all: a single busy worker fills while others idle.
    /// # Fix
    /// Raise worker_connections (and worker_rlimit_nofile with it), reload. If they pile up because the upstream hangs,
    /// mend that.
    /// # Not this if
    /// The message is `Too many open files` (fd-limit), or the peer is nginx itself (proxy-loop).
    pub static WORKER_CONNECTIONS_LIMIT = {
        id: "worker-connections-limit",
        title: "nginx has no connection left",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("worker_connections are not enough", 95), ("worker_connections exceed open file resource limit", 60)],
        effect_of: &["proxy-loop", "traffic-bruteforce", "traffic-crawler", "traffic-flood", "traffic-spam", "traffic-surge"],
        settled_by: ("count connections of a worker against the limit", "grep -rn worker_connections /etc/nginx; ss -s"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["worker-connections-limit"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::WorkerConnections(_) => 95,
        _ => 0,
    }
}

/// What a site under load is given at least.
const USUAL: u64 = 4096;
/// A connection to a client and one to its upstream, and files of its own.
const FILES_EACH: u64 = 2;

/// The limit that was met, and the last complaint.
fn met(case: &Case) -> Option<(u64, &Symptom)> {
    let complaint = case
        .having(|trouble| matches!(trouble, Trouble::WorkerConnections(_)))
        .max_by_key(|symptom| symptom.last)?;
    match complaint.trouble()? {
        Trouble::WorkerConnections(limit) => Some((*limit, complaint)),
        _ => None,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((limit, symptom)) = met(case) else {
        return Opinion::none();
    };
    let says = nginx_said(symptom);
    let mut evidence = vec![Evidence::supports(
        Rank::Decisive,
        says,
        Source::log(&symptom.log, "worker_connections are not enough"),
    )];
    let workers = own_limits::workers(case);
    if let Some((open, _)) = own_limits::open_files(&workers) {
        let says = format!("the busiest of its workers has {open} files open now, connections among them");
        evidence.push(Evidence::supports(
            Rank::Hint,
            says,
            own_limits::files_source(&workers),
        ));
    }
    evidence.extend(written(case.nginx()));
    evidence.extend(own_limits::is_loop(case));
    Opinion {
        subject: "nginx".to_owned(),
        says: format!("a worker of nginx may hold {limit} connections, and holds them all"),
        evidence,
    }
}

fn written(nginx: Option<&Nginx>) -> Option<Evidence> {
    let (value, place) = nginx?.worker_connections.as_ref()?;
    let says = format!("worker_connections {value} is set at {place}");
    Some(Evidence::supports(
        Rank::Hint,
        says,
        Source::file(&place.file, Some(place.line)),
    ))
}

fn advise(case: &Case) -> String {
    let Some((limit, _)) = met(case) else {
        return String::new();
    };
    format!(
        "see who holds them: ss -tn state established | awk '{{ print $4 }}' | sort | uniq -c | sort -rn | head. If requests pile \
         up behind a slow upstream, mend that first; else worker_connections {} in events {{}} and worker_rlimit_nofile {} \
         beside it, nginx -t, reload",
        wider(limit),
        wider(limit) * FILES_EACH
    )
}

fn wider(limit: u64) -> u64 {
    limit.saturating_mul(4).clamp(USUAL, USUAL * 16)
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let found = met(case).and_then(|(limit, _)| {
        let index = case.route.as_ref().map_or(0, |route| route.nginx);
        let nginx = case.nginx()?;
        let (_, place) = nginx.worker_connections.clone()?;
        let new = wider(limit);
        let set = |beside, name: &str, value: u64| Measure::NginxSet {
            beside,
            name: name.to_owned(),
            value: value.to_string(),
        };
        let files = own_limits::open_files(&own_limits::workers(case)).map_or(0, |(_, most)| most);
        let more_files = (files < new * FILES_EACH)
            .then(|| nginx.main.clone())
            .flatten()
            .map(|main| set(main, "worker_rlimit_nofile", new * FILES_EACH));
        let measures = more_files.into_iter().chain([
            set(place, "worker_connections", new),
            Measure::ReloadNginx { nginx: index },
        ]);
        let title = format!("let each worker of nginx hold {new} connections instead of {limit}");
        (new > limit).then(|| Remedy::ask(title, measures.collect()))
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use logscan::{Phase, Trouble};

    fn full(fixture: Fixture) -> Fixture {
        fixture.complains(Trouble::WorkerConnections(768), Phase::Connecting)
    }

    #[test]
    fn fires_by_nginxs_own_word() {
        full(Fixture::gunicorn()).check("found worker-connections-limit");
        full(Fixture::php_fpm())
            .with(|it| it.route = None)
            .check("found worker-connections-limit");
        full(Fixture::php_fpm())
            .works_now()
            .check("recovered worker-connections-limit");
    }

    #[test]
    fn a_loop_is_another_matter() {
        let round = Fixture::gunicorn().with(|it| {
            it.world.routes[0].listen[0].endpoint = crate::testing::endpoint("0.0.0.0:8000");
            it.world.sockets = Ok(vec![crate::testing::listener(
                &crate::testing::endpoint("0.0.0.0:8000"),
                &[100, 101],
            )]);
            it.route = None;
        });
        full(round).check_not("worker-connections-limit");
    }

    #[test]
    fn stays_quiet_about_files() {
        Fixture::gunicorn()
            .complains(Trouble::TooManyFiles, Phase::Connecting)
            .check_not("worker-connections-limit");
    }
}
