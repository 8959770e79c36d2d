use super::{Checked, Hit, Level, Needs, once, rule};
use crate::{
    Case, Measure, Source,
    case::PeerSight,
    queue,
    service::{self, Knob},
    survey::Survey,
};

rule! {
    /// # What it sees
    /// The accept queue of a backend as it is in force (`ss -l`, Send-Q) below what the backend asks for, because
    /// `net.core.somaxconn` cuts it, or below a hundred connections.
    /// # How it becomes a 502
    /// In a burst, or while all workers are busy for a moment, connections wait in this queue. Once it is full a unix socket
    /// refuses at once (errno 11, 502), and TCP drops the packet that opens the connection (504 after a minute).
    /// # The change
    /// Raise the one that binds, `net.core.somaxconn` or the backend's own backlog, and restart the backend: it listens with
    /// the length it had when it started.
    /// # Quiet where
    /// The queue has the length that was asked for and that is at least a hundred; uWSGI's default is just that.
    pub static BACKLOG_SHORT = {
        id: "backlog-short",
        title: "the accept queue of a backend is short",
        level: Level::Warning,
        needs: Needs::Host,
        foresees: &["listen-backlog-full"],
        check: check,
    }
}

/// Servers ask for 100 (uWSGI), 128, 511 or 2048 by default.
const SHORT: u32 = 100;
/// What php-fpm and Apache ask for by default.
const USUAL: u32 = 511;
/// The kernel's default since Linux 5.4.
const SOMAXCONN: u32 = 4096;
/// The length of the queue, as each server calls it.
const BACKLOG: Knob = Knob {
    fpm: "listen.backlog",
    gunicorn: &["--backlog"],
    uwsgi: "listen",
    restarts: true,
};

fn check(survey: &Survey) -> Checked {
    let unseen = survey
        .world
        .sockets
        .as_ref()
        .err()
        .cloned()
        .filter(|_| !survey.routes.is_empty());
    let found = survey.peers().filter_map(|(case, _, peer)| hit(case, peer));
    Checked::from(once(found)).blind(unseen)
}

fn hit(case: &Case, peer: &PeerSight) -> Option<Hit> {
    let length = queue::listener(case, peer)?.send_q;
    let asked = queue::asked_backlog(peer);
    let max = case.world.somaxconn.as_ref().ok().copied();
    let binds = max.filter(|max| *max <= length && length < SOMAXCONN);
    let cut = binds.filter(|_| asked.map_or(length < SHORT, |asked| asked > length));
    let subject = service::subject(peer);
    let at = &peer.endpoint;
    let (says, change, measures) = match cut {
        Some(max) => {
            let (key, value) = ("net.core.somaxconn".to_owned(), SOMAXCONN.to_string());
            let restart = case.unit_of(peer).map(service::restart);
            (
                format!(
                    "{subject} gets a queue of {length} on {at}{}: net.core.somaxconn is {max}",
                    wanted(asked)
                ),
                format!("net.core.somaxconn = {SOMAXCONN} in /etc/sysctl.d, then restart {subject}"),
                restart.map(|restart| vec![Measure::Sysctl { key, value }, restart]),
            )
        }
        None if length < SHORT => (
            format!("{subject} listens on {at} with a queue of {length} connections"),
            format!(
                "give {subject} a backlog of {USUAL} (listen.backlog, --backlog, listen, the argument of listen())"
            ),
            service::turn(case, peer, &BACKLOG, &max.unwrap_or(USUAL).min(USUAL).to_string()),
        ),
        None => return None,
    };
    let place = peer
        .backend
        .as_ref()
        .and_then(|backend| Some(backend.claim.as_ref()?.written.clone()));
    Some(
        Hit::new(&subject, place, says, Source::listeners(at))
            .why("in a burst it overflows: 502 at once on a unix socket, 504 after a minute over TCP")
            .change(change)
            .remedy(format!("lengthen the accept queue of {subject}"), measures),
    )
}

fn wanted(asked: Option<u32>) -> String {
    asked.map_or_else(String::new, |asked| format!(" and asks for {asked}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    fn told(fixture: Fixture, length: u32, somaxconn: u32) -> Vec<String> {
        let fixture = fixture
            .queue(0, length)
            .with(|it| it.world.somaxconn = Ok(somaxconn));
        Survey::of(fixture).told(&BACKLOG_SHORT)
    }

    #[test]
    fn fires_where_the_kernel_cuts_it_or_it_is_short() {
        let pool = ["php8.2-fpm.service at /etc/php/8.2/fpm/pool.d/www.conf:41"];
        assert_eq!(told(Fixture::php_fpm(), 128, 128), pool);
        assert_eq!(told(Fixture::php_fpm(), 16, 4096), pool);
        assert_eq!(
            told(Fixture::gunicorn(), 5, 4096),
            ["app.service at /etc/systemd/system/app.service:5"]
        );
    }

    #[test]
    fn stays_quiet_where_it_is_long_or_not_there() {
        assert!(told(Fixture::php_fpm(), 511, 4096).is_empty());
        assert!(told(Fixture::gunicorn(), 100, 4096).is_empty());
        assert!(
            Survey::of(Fixture::gunicorn().nobody_listens())
                .told(&BACKLOG_SHORT)
                .is_empty()
        );
    }
}
