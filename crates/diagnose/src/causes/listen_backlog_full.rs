use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    queue,
    service::{self, Knob},
    world::FirewallAction,
};
use host::{Endpoint, answer::Socket};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// The accept queue of the backend's socket is full, and the kernel takes no more connections for it. On a unix
    /// socket connect() fails at once with errno 11 (502); on TCP the kernel drops the packet that opens the
    /// connection, and nginx times out while connecting (504).
    /// # How to tell
    /// `ss -l` shows Recv-Q above Send-Q for that socket: Send-Q is the limit in force, the smaller of what the backend
    /// asked for and `net.core.somaxconn`. A limit of a few connections overflows in any burst although the workers
    /// would serve it in time.
    /// # Fix
    /// Raise the one that binds: the backend's own backlog where it is below somaxconn, `net.core.somaxconn` where the
    /// backend asks for more. The backend must be restarted to listen with it.
    /// # Not this if
    /// The queue is long and full because nobody takes from it: all workers are busy for longer (pool-exhausted) or do
    /// nothing (backend-hung); a longer queue only makes requests wait longer.
    pub static LISTEN_BACKLOG_FULL = {
        id: "listen-backlog-full",
        title: "the backend's accept queue is full",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("listen queue of socket", 90), ("Possible SYN flooding on port", 60)],
        effect_of: &["backend-hung", "backend-orphan-workers", "cpu-saturated", "fd-limit", "io-saturated", "memory-pressure", "pool-exhausted", "process-limit", "scheduled-job-load", "traffic-bruteforce", "traffic-crawler", "traffic-flood", "traffic-spam", "traffic-surge"],
        settled_by: ("compare waiting connections (Recv-Q) with the limit (Send-Q)", "ss -ltnx; sysctl net.core.somaxconn; nstat -az TcpExtListenOverflows"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["listen-backlog-full"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match (&complaint.trouble, complaint.phase) {
        (Trouble::Connect(errno::EAGAIN), _) => 50,
        (Trouble::TimedOut, Some(Phase::Connecting)) => 10,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    full(case).map(|(_, _, opinion)| opinion).unwrap_or_default()
}

fn full(case: &Case) -> Option<(&PeerSight, &Socket, Opinion)> {
    if !queue::waited(case).into_iter().any(queue::is_refused) {
        return None;
    }
    let listening = case
        .peers
        .iter()
        .filter_map(|peer| Some((peer, queue::listener(case, peer)?)));
    listening.into_iter().find_map(|(peer, socket)| {
        let mut evidence = refused(case, peer);
        evidence.extend(full_now(peer, socket));
        evidence.extend(kernel(case, peer));
        if evidence.is_empty() {
            return None;
        }
        evidence.extend(short(case, peer, socket));
        evidence.extend(dropped(peer));
        let subject = service::subject(peer);
        let says = format!(
            "the accept queue of {subject} on {} holds {} connections and is full",
            peer.endpoint, socket.send_q
        );
        Some((
            peer,
            socket,
            Opinion {
                subject,
                evidence,
                says,
            },
        ))
    })
}

/// On a unix socket errno 11 has no other reason.
fn refused(case: &Case, peer: &PeerSight) -> Vec<Evidence> {
    let symptom = case
        .having(|trouble| matches!(trouble, Trouble::Connect(errno::EAGAIN)))
        .last();
    let says =
        "connecting fails with errno 11, which a unix socket gives only while its accept queue is full";
    let log = symptom.map(|it| Source::log(&it.log, "(11: "));
    let source = log.or_else(|| {
        (peer.errno() == Some(errno::EAGAIN)).then(|| Source::connect(&peer.endpoint, case.worker_user()))
    });
    let unix = matches!(peer.endpoint, Endpoint::Unix(_));
    source
        .filter(|_| unix)
        .map(|source| Evidence::supports(Rank::Decisive, says, source))
        .into_iter()
        .collect()
}

/// The kernel refuses when more wait than the limit says.
fn full_now(peer: &PeerSight, socket: &Socket) -> Option<Evidence> {
    (socket.recv_q > socket.send_q).then(|| {
        Evidence::supports(
            Rank::Decisive,
            format!(
                "{} connections wait on {}, {} may",
                socket.recv_q, peer.endpoint, socket.send_q
            ),
            Source::listeners(&peer.endpoint),
        )
    })
}

/// The kernel says once per port that its queue ran over.
fn kernel(case: &Case, peer: &PeerSight) -> Option<Evidence> {
    let Endpoint::Tcp(addr) = &peer.endpoint else {
        return None;
    };
    let waited = queue::waited(case);
    let kernel = case.world.kernel.as_deref().unwrap_or_default();
    let ends = [format!(" port {}.", addr.port()), format!(":{}.", addr.port())];
    let line = kernel.iter().rfind(|line| {
        let ours = ends.iter().any(|end| line.text.contains(end.as_str()));
        ours && line.text.contains("SYN flooding") && service::among(&waited, line.at)
    })?;
    Some(Evidence::supports(
        Rank::Strong,
        format!(
            "the kernel logged at {}: {}",
            line.at,
            crate::words::clip(&line.text)
        ),
        Source::command("dmesg -T | grep 'SYN flooding'"),
    ))
}

fn short(case: &Case, peer: &PeerSight, socket: &Socket) -> Option<Evidence> {
    queue::short_queue(case, peer)?;
    let (source, by) = match case.world.somaxconn.as_ref() {
        Ok(max) if *max <= socket.send_q => {
            (Source::command("sysctl net.core.somaxconn"), "net.core.somaxconn")
        }
        _ => (Source::listeners(&peer.endpoint), "the backend's own backlog"),
    };
    let says = format!(
        "a queue of {} overflows in any burst; its limit is {by}",
        socket.send_q
    );
    Some(Evidence::supports(Rank::Strong, says, source))
}

/// Packets to it are dropped by a rule: then no queue is needed to explain the silence.
fn dropped(peer: &PeerSight) -> Option<Evidence> {
    let rules = peer.firewall.as_deref().unwrap_or_default();
    let rule = rules.iter().find(|rule| rule.action == FirewallAction::Drop)?;
    Some(Evidence::refutes(
        Rank::Strong,
        format!("a packet filter drops connections to it: {}", rule.text),
        Source::command(rule.command.clone()),
    ))
}

fn advise(case: &Case) -> String {
    let Some((peer, socket, _)) = full(case) else {
        return String::new();
    };
    let limit = socket.send_q;
    if case.world.somaxconn.as_ref().is_ok_and(|max| *max <= limit) {
        return format!(
            "net.core.somaxconn = {limit} binds: write net.core.somaxconn = 4096 to /etc/sysctl.d/60-somaxconn.conf, \
             sysctl --system, then restart the backend, which listens with the new limit"
        );
    }
    let pool = peer.backend.as_ref().and_then(|backend| backend.pool.as_ref());
    let setting = match pool {
        Some(pool) => format!("listen.backlog = 511 in {}", pool.written.file.display()),
        None => {
            "its backlog (gunicorn --backlog, uWSGI listen, Apache ListenBacklog, the argument of listen())"
                .to_owned()
        }
    };
    format!(
        "the backend's own backlog of {limit} binds, not somaxconn: set {setting}, test its config, restart it"
    )
}

/// The length of the queue, as each server calls it.
const BACKLOG: Knob = Knob {
    fpm: "listen.backlog",
    gunicorn: &["--backlog"],
    uwsgi: "listen",
    restarts: true,
};
/// What php-fpm and Apache ask for by default.
const USUAL: u32 = 511;
/// The kernel's default since Linux 5.4.
const SOMAXCONN: u32 = 4096;

/// Raises the one that binds; both where both do.
fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = full(case).and_then(|(peer, socket, _)| {
        let (limit, max) = (socket.send_q, *case.world.somaxconn.as_ref().ok()?);
        let by_kernel = max <= limit && limit < SOMAXCONN;
        let by_itself = queue::asked_backlog(peer).map_or(max > limit, |own| own <= limit) && limit < USUAL;
        let wanted = if by_kernel { USUAL } else { USUAL.min(max) };
        let (key, value) = ("net.core.somaxconn".into(), SOMAXCONN.to_string());
        let kernel = by_kernel.then_some(Measure::Sysctl { key, value });
        let backend = match by_itself {
            true => service::turn(case, peer, &BACKLOG, &wanted.to_string())?,
            false => vec![service::restart(case.unit_of(peer).filter(|_| by_kernel)?)],
        };
        let subject = service::subject(peer);
        let title = format!("let more connections wait for {subject} than {limit}");
        Some(Remedy::ask(title, kernel.into_iter().chain(backend).collect()))
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use logscan::{Phase, Trouble};

    fn connecting(fixture: Fixture) -> Fixture {
        fixture.complains(Trouble::TimedOut, Phase::Connecting)
    }

    #[test]
    fn fires_on_a_queue_of_four() {
        Fixture::php_fpm()
            .connect_fails(11)
            .queue(5, 4)
            .check("found listen-backlog-full");
        connecting(Fixture::gunicorn())
            .queue(5, 4)
            .second_look((0, 2), 2)
            .check("found listen-backlog-full");
    }

    #[test]
    fn fires_where_the_kernel_cut_the_backlog() {
        Fixture::php_fpm()
            .connect_fails(11)
            .queue(129, 128)
            .second_look((0, 5), 9)
            .with(|it| it.world.somaxconn = Ok(128))
            .check("found listen-backlog-full");
    }

    #[test]
    fn fires_on_the_kernels_word() {
        connecting(Fixture::apache())
            .queue(0, 1)
            .kernel(
                3,
                "TCP: request_sock_TCP: Possible SYN flooding on port 127.0.0.1:7080. Sending cookies.",
            )
            .check("found listen-backlog-full");
    }

    #[test]
    fn stays_quiet_where_the_queue_has_room() {
        connecting(Fixture::gunicorn()).queue(0, 511).check("unexplained");
    }

    #[test]
    fn stays_quiet_about_another_port() {
        connecting(Fixture::apache())
            .kernel(
                3,
                "TCP: request_sock_TCP: Possible SYN flooding on port 127.0.0.1:708. Sending cookies.",
            )
            .check("unexplained");
    }

    #[test]
    fn raises_the_one_that_binds() {
        let full = |limit, somaxconn, own| {
            let fixture = Fixture::php_fpm()
                .connect_fails(11)
                .queue(limit + 1, limit)
                .second_look((1, 5), 9);
            fixture.with(|it| {
                it.world.somaxconn = Ok(somaxconn);
                let pool = it.peers[0]
                    .backend
                    .as_mut()
                    .and_then(|backend| backend.pool.as_mut());
                pool.expect("php-fpm has a pool").backlog = Some(own);
            })
        };
        let own = "/etc/php/8.2/fpm/pool.d/www.conf [www] listen.backlog = 511; restart php8.2-fpm.service";
        full(4, 4096, 4).offers(&[&format!("ask: {own}")]);
        full(128, 128, 511).offers(&["ask: net.core.somaxconn = 4096; restart php8.2-fpm.service"]);
        full(64, 64, 64).offers(&[&format!("ask: net.core.somaxconn = 4096; {own}")]);
        full(511, 4096, 511).offers(&[]);
    }

    #[test]
    fn offers_nothing_where_the_place_is_not_known() {
        connecting(Fixture::gunicorn())
            .queue(5, 4)
            .second_look((0, 2), 2)
            .offers(&[]);
        connecting(Fixture::gunicorn().runs("/opt/gunicorn --backlog 4 a:b"))
            .queue(5, 4)
            .second_look((0, 2), 2)
            .offers(&["ask: app.service ExecStart=|/opt/gunicorn --backlog 511 a:b; restart app.service"]);
    }
}
