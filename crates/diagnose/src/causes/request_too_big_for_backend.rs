use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, Symptom,
    case::PeerSight,
    cause::{Group, Told, cause},
    service,
    topology::{BackendKind, Protocol, Route},
    words::clip,
    world::Said,
};
use logscan::{Complaint, Trouble};
use std::time::Duration;

cause! {
    /// # What happens
    /// The backend has a small buffer for the request's header (uWSGI: 4096 bytes) and some visitors bring more:
    /// cookies mostly. It closes or resets; only those visitors see 502.
    /// # How to tell
    /// uWSGI logs `invalid request block size: N (max 4096)`; with the cookie it fails, without it works.
    /// # Fix
    /// Raise the backend's buffer-size; clear the cookie as relief.
    /// # Not this if
    /// N is 21573 or 21327: that is HTTP sent to a uwsgi port (protocol-mismatch).
    pub static REQUEST_TOO_BIG_FOR_BACKEND = {
        id: "request-too-big-for-backend",
        title: "the request's header is too big for the backend",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("invalid request block size", 85), ("request line is too long", 80), ("limit request line", 85), ("request header fields too large", 85), ("request header or cookie too large", 60)],
        effect_of: &[],
        settled_by: ("ask with and without the cookie", "grep -rn buffer-size /etc/uwsgi"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["request-too-big-for-backend"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::RequestTooBig(text) if !["21573", "21327", "16709"].iter().any(|it| text.contains(it)) => 92,
        Trouble::Receive(104) | Trouble::ClosedEarly if is_uwsgi(complaint) => 30,
        Trouble::Receive(104) => 5,
        _ => 0,
    }
}

/// uWSGI is the server whose header buffer is a page by default.
fn is_uwsgi(complaint: &Complaint) -> bool {
    complaint
        .peer
        .as_ref()
        .is_some_and(|peer| peer.scheme.ends_with("uwsgi"))
}

/// Clocks of logs are whole seconds.
const SLACK: Duration = Duration::from_secs(2);
/// A uwsgi packet's size is two bytes.
const LARGEST: u32 = 65535;

/// A line of the backend about a request that did not fit.
struct Refusal<'a> {
    peer: &'a PeerSight,
    line: Said<'a>,
    size: Option<u32>,
    limit: Option<u32>,
}

fn weigh(case: &Case) -> Opinion {
    let Some(refusal) = refusal(case) else {
        return Opinion::none();
    };
    let subject = service::subject(refusal.peer);
    let mut evidence = vec![Evidence::supports(
        Rank::Decisive,
        format!("{subject} said so itself: {}", clip(refusal.line.text)),
        refusal.line.source.clone(),
    )];
    evidence.extend(
        refusal
            .size
            .zip(refusal.limit)
            .filter(|(size, limit)| size > limit)
            .map(|(size, limit)| {
                Evidence::supports(
                    Rank::Strong,
                    format!("a request took {size} bytes, and the buffer has {limit}"),
                    refusal.line.source.clone(),
                )
            }),
    );
    evidence.extend(again(case, &refusal));
    evidence.extend(others_fit(case));
    let limit = refusal
        .limit
        .map_or(String::new(), |limit| format!(" of {limit} bytes"));
    Opinion {
        says: format!(
            "the header of some requests is larger than the buffer{limit} that {subject} has for it"
        ),
        subject,
        evidence,
    }
}

/// It said so of as many requests as nginx failed: no accident of a restart.
fn again(case: &Case, refusal: &Refusal<'_>) -> Option<Evidence> {
    let unit = refusal.peer.backend.as_ref()?.unit.as_deref()?;
    let (since, route) = (case.first().before(SLACK), case.route.as_ref()?);
    let said = case.world.said_by(unit).into_iter();
    let times = said
        .filter(|line| line.at.is_some_and(|at| at >= since) && is_too_big(route, line.text))
        .count();
    (times > 1).then(|| {
        Evidence::supports(
            Rank::Strong,
            format!("{times} such lines since the failures began"),
            refusal.line.source.clone(),
        )
    })
}

/// `invalid request block size: 5351 (max 4096)...skip`, `invalid HTTP request size (max 4096)...skip`
fn refusal(case: &Case) -> Option<Refusal<'_>> {
    // nginx cuts its error lines at 2 KiB: of a long URI the access log alone may tell
    let bare = |it: &Symptom| it.complaint.is_none() && it.status == Some(502);
    if service::cut_off(case).is_empty() && !case.symptoms.iter().any(bare) {
        return None;
    }
    let (since, route) = (case.first().before(SLACK), case.route.as_ref()?);
    case.peers.iter().filter(|peer| peer.in_use).find_map(|peer| {
        let unit = peer.backend.as_ref()?.unit.as_deref()?;
        let said = case.world.said_by(unit).into_iter();
        let line = said
            .rev()
            .find(|line| line.at.is_some_and(|at| at >= since) && is_too_big(route, line.text))?;
        let after = |words: &str| number(line.text.split_once(words)?.1);
        Some(Refusal {
            peer,
            size: after("block size: "),
            limit: after("(max "),
            line,
        })
    })
}

fn number(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}

/// uWSGI's words for each of its protocols. Of another protocol at a uwsgi port it says the same, with letters taken for
/// a size: of HTTP, and of HTTP/2 where somebody asked what the port speaks (`PRI`: 18770).
fn is_too_big(route: &Route, line: &str) -> bool {
    let size = || line.split_once("block size: ").and_then(|(_, size)| number(size));
    let is_text = |size: u32| size.to_le_bytes()[..2].iter().all(u8::is_ascii_uppercase);
    match route.protocol {
        Protocol::Uwsgi => line.contains("invalid request block size") && !size().is_some_and(is_text),
        _ => line.contains("invalid HTTP request size"),
    }
}

fn others_fit(case: &Case) -> Option<Evidence> {
    (case.neighbours.succeeded > 0).then(|| {
        Evidence::supports(
            Rank::Hint,
            "other requests of the same route go well meanwhile",
            Source::command(
                "awk '{print $7, $9}' /var/log/nginx/access.log | sort | uniq -c | sort -rn | head",
            ),
        )
    })
}

fn advise(case: &Case) -> String {
    let Some(refusal) = refusal(case) else {
        return String::new();
    };
    format!(
        "set buffer-size = {} for {} and restart it; who is affected can clear the site's cookies meanwhile, and the \
         application should set fewer",
        enough(&refusal),
        service::subject(refusal.peer)
    )
}

/// Room for twice what came.
fn enough(refusal: &Refusal<'_>) -> u32 {
    let need = refusal.size.or(refusal.limit).unwrap_or(4096).saturating_mul(2);
    need.max(16384).next_power_of_two().min(LARGEST)
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let Some(refusal) = refusal(case) else {
        return Vec::new();
    };
    let backend = refusal.peer.backend.as_ref();
    let claim = backend.and_then(|backend| backend.claim.as_ref());
    let of_ini = claim.filter(|it| {
        it.kind == BackendKind::Uwsgi && it.written.file.extension().is_some_and(|it| it == "ini")
    });
    let remedy = of_ini.and_then(|claim| {
        let unit = claim.unit.clone()?;
        let size = enough(&refusal);
        let set = Measure::IniSet {
            file: claim.written.file.clone(),
            section: "uwsgi".to_owned(),
            key: "buffer-size".to_owned(),
            value: size.to_string(),
        };
        let restart = Measure::Restart {
            unit: unit.clone(),
            forensics: Vec::new(),
        };
        Some(Remedy::ask(
            format!("give {unit} a request buffer of {size} bytes"),
            vec![set, restart],
        ))
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::advise;
    use crate::{testing::Fixture, topology::Protocol};
    use logscan::{Phase, Trouble};

    #[test]
    fn fires_by_the_backends_own_word() {
        let fixture = Fixture::gunicorn()
            .speaks(Protocol::Uwsgi)
            .complains(Trouble::Receive(104), Phase::ReadingHeader)
            .says(5, "invalid request block size: 5351 (max 4096)...skip");
        assert!(advise(&fixture.clone().case()).starts_with("set buffer-size = 16384 "));
        fixture.check("found request-too-big-for-backend");
        Fixture::node()
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .logs(5, "invalid HTTP request size (max 4096)...skip")
            .check("found request-too-big-for-backend");
    }

    #[test]
    fn http_at_a_uwsgi_port_is_another_matter() {
        Fixture::gunicorn()
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .says(5, "invalid request block size: 21573 (max 4096)...skip")
            .check("found protocol-mismatch");
    }

    #[test]
    fn our_own_greetings_are_no_large_requests() {
        for size in [16709, 18770, 20306] {
            Fixture::gunicorn()
                .speaks(Protocol::Uwsgi)
                .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
                .says(
                    5,
                    &format!("invalid request block size: {size} (max 4096)...skip"),
                )
                .check("unexplained");
        }
    }

    #[test]
    fn an_old_line_is_not_believed() {
        Fixture::gunicorn()
            .speaks(Protocol::Uwsgi)
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .says(5000, "invalid request block size: 5351 (max 4096)...skip")
            .check("unexplained");
    }
}
