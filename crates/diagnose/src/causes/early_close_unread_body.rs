use crate::{
    Case, Class, Evidence, Opinion, Rank, Source, Symptom,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    hop, service,
    topology::Protocol,
    words::count,
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The backend closes while the body of a request is still on its way: it refuses by size, login or route before it
    /// has read on. The kernel resets a connection that is closed with bytes unread, and nginx may lose the answer that
    /// was sent before: some visitors see the backend's 413 or 401, others 502. POSTs and uploads only.
    /// # How to tell
    /// Broken pipe or 104 while nginx *sends*, or 104 while it waits for the answer, on requests with a body, large ones
    /// first; requests without one go well, no process of the backend ended, and nginx had opened the connection for
    /// that very request.
    /// # Fix
    /// The backend must read or drain the body before it closes (Node.js: `req.resume()`; WSGI: read `wsgi.input`), or
    /// wait a while with the close. A limit belongs into nginx as well: `client_max_body_size` refuses before the
    /// backend is asked.
    /// # Not this if
    /// GETs fail as well, a worker crashed or was killed at that second, or nginx keeps connections to the backend and
    /// it closes idle ones (keepalive-race).
    pub static EARLY_CLOSE_UNREAD_BODY = {
        id: "early-close-unread-body",
        title: "the backend closes before it has read the request",
        group: Group::Protocol,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("broken pipe", 45), ("client_max_body", 30), ("request entity too large", 40)],
        effect_of: &[],
        settled_by: ("send the same request with a small and with a large body, past nginx", "head -c 8000000 /dev/zero | curl -sv --data-binary @- -o /dev/null http://ADDRESS/PATH"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["early-close-unread-body"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Send(errno::EPIPE | errno::ECONNRESET) => 45,
        Trouble::Receive(errno::ECONNRESET) => 4,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let reset: Vec<&Symptom> = case.having(is_reset).collect();
    let http = case
        .route
        .as_ref()
        .is_some_and(|it| it.protocol == Protocol::Http);
    let peer = case
        .peers
        .iter()
        .find(|peer| peer.in_use && peer.reachable() == Some(true));
    match peer.filter(|_| http && hop::all_are(&reset, hop::has_body)) {
        Some(peer) => opinion(case, peer, &reset),
        None => Opinion::none(),
    }
}

fn is_reset(trouble: &Trouble) -> bool {
    matches!(
        trouble,
        Trouble::Receive(errno::ECONNRESET) | Trouble::Send(errno::EPIPE | errno::ECONNRESET)
    )
}

fn opinion(case: &Case, peer: &PeerSight, reset: &[&Symptom]) -> Opinion {
    let subject = service::subject(peer);
    let mut evidence = vec![while_sending(case, reset)];
    evidence.extend(others_go_well(case));
    evidence.extend(nobody_ended(case, peer));
    evidence.extend(bare_requests_fail(case));
    Opinion {
        says: format!("{subject} closes connections before it has read the body of the request"),
        subject,
        evidence,
    }
}

/// On a connection that was opened for this request nobody else can have closed it.
fn while_sending(case: &Case, reset: &[&Symptom]) -> Evidence {
    let total = |test: fn(&Trouble) -> bool| -> u64 {
        let of = reset.iter().filter(|it| it.trouble().is_some_and(test));
        of.map(|it| it.count).sum()
    };
    let sending = total(|it| matches!(it, Trouble::Send(_)));
    let fresh = case
        .route
        .as_ref()
        .is_some_and(|route| hop::kept(route).is_none());
    let alive = case
        .peers
        .iter()
        .any(|peer| hop::lived_through(case, peer) == Some(true));
    let rank = if fresh && alive { Rank::Strong } else { Rank::Hint };
    let says = if sending > 0 {
        format!(
            "nginx was still sending when the connection was closed: {} with a body",
            count(usize::try_from(sending).unwrap_or(usize::MAX), "request")
        )
    } else {
        format!(
            "{} with a body were reset, not closed: bytes of them were unread",
            count(usize::try_from(total(|_| true)).unwrap_or(usize::MAX), "request")
        )
    };
    let log = reset.last().map(|it| it.log.clone()).unwrap_or_default();
    Evidence::supports(rank, says, Source::log(&log, "Connection reset by peer"))
}

fn others_go_well(case: &Case) -> Option<Evidence> {
    let succeeded = case.neighbours.succeeded;
    (succeeded > 0).then(|| {
        Evidence::supports(
            Rank::Hint,
            format!("{succeeded} other requests of the route went well meanwhile"),
            Source::command(
                "awk '{print $6, $9}' /var/log/nginx/access.log | sort | uniq -c | sort -rn | head",
            ),
        )
    })
}

fn nobody_ended(case: &Case, peer: &PeerSight) -> Option<Evidence> {
    let lived = hop::lived_through(case, peer)?;
    let subject = service::subject(peer);
    let source = Source::command("ps -eo pid,lstart,cmd --sort=start_time | tail");
    Some(match lived {
        true => Evidence::supports(
            Rank::Hint,
            format!("every process of {subject} is older than the first failure"),
            source,
        ),
        false => Evidence::refutes(
            Rank::Strong,
            format!("processes of {subject} were started since the first failure"),
            source,
        ),
    })
}

/// It closes early whatever it is asked.
fn bare_requests_fail(case: &Case) -> Option<Evidence> {
    let other = service::cut_off(case)
        .into_iter()
        .find(|it| it.request.as_deref().is_some_and(|it| !hop::has_body(it)))?;
    Some(Evidence::refutes(
        Rank::Decisive,
        "requests without a body are cut off as well",
        Source::file(&other.log, None),
    ))
}

fn advise(case: &Case) -> String {
    let page = case.neighbours.failing_paths.first();
    format!(
        "see what the backend answers before it has read {}: curl -sv --data-binary @FILE http://ADDRESS/PATH. Its code \
         must read or drain the body before it closes (req.resume() in Node.js, wsgi.input in Python); where it is a limit \
         of size, set client_max_body_size in nginx to the same",
        page.map_or("the request".to_owned(), |path| crate::words::clip(path))
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use logscan::{Phase, Trouble};

    fn posts(fixture: Fixture, trouble: Trouble) -> Fixture {
        fixture
            .complains(trouble, Phase::Sending)
            .requests("POST /upload HTTP/1.1")
    }

    #[test]
    fn fires_where_only_requests_with_a_body_are_reset() {
        posts(Fixture::node(), Trouble::Send(32)).check("found early-close-unread-body");
        posts(Fixture::gunicorn(), Trouble::Receive(104))
            .others_succeed()
            .check("found early-close-unread-body");
    }

    #[test]
    fn stays_quiet_where_gets_are_reset() {
        posts(Fixture::node(), Trouble::Send(104))
            .complains(Trouble::Receive(104), Phase::ReadingHeader)
            .check_not("early-close-unread-body");
        posts(Fixture::node(), Trouble::Send(104))
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .check_not("early-close-unread-body");
    }

    #[test]
    fn stays_quiet_where_a_process_ended() {
        posts(Fixture::gunicorn(), Trouble::Receive(104))
            .with(|it| {
                if let Ok(processes) = &mut it.world.processes {
                    processes[2].started_ticks = 8_639_000;
                }
            })
            .check("unexplained");
    }

    #[test]
    fn stays_quiet_where_it_closed_after_all_was_read() {
        posts(Fixture::node(), Trouble::ClosedEarly).check("unexplained");
    }

    #[test]
    fn fastcgi_is_another_matter() {
        posts(Fixture::php_fpm(), Trouble::Receive(104)).check("unexplained");
    }
}
