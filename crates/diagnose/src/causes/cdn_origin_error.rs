use crate::{
    Case, Class, Evidence, Opinion, Rank, Source, Symptom,
    case::{MadeBy, PeerSight, Spoken},
    cause::{Group, Told, cause},
    visit::hop::origin_trouble,
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// A CDN answers with its own 502 or 52x page, because it can't reach its origin (521 refused, 522 timed out, 523 no
    /// route, 525 and 526 TLS). In front of this nginx: the request never came here, or not in time. Behind it, where nginx
    /// proxies to a name that a CDN serves: nginx passes the page on.
    /// # How to tell
    /// In front: the request is missing in the local access log. Behind: `$upstream_status` is 52x, which no nginx makes;
    /// headers such as CF-Ray, Via or Server name the CDN.
    /// # Fix
    /// Port, certificate and firewall of the origin, as the CDN sees it; that its addresses are not banned there.
    /// # Not this if
    /// The local log has the request with 502 that nginx made itself.
    pub static CDN_ORIGIN_ERROR = {
        id: "cdn-origin-error",
        title: "a CDN could not reach its origin",
        group: Group::Outside,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("cloudflare", 80), ("cf-ray", 85), ("error 521", 90), ("error 522", 90), ("error 520", 85), ("error 525", 90), ("error 526", 90), ("cloudfront", 80), ("fastly", 75)],
        effect_of: &[],
        settled_by: ("look for the request in the local log", "grep \" 502 \" /var/log/nginx/access.log | tail"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["cdn-origin-error"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Status(520..=527) => 95,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((symptom, status, says)) = passed_on(case) else {
        return Opinion::none();
    };
    let mut evidence = vec![Evidence::supports(
        Rank::Strong,
        format!(
            "{} answers {status} came from the upstream: only a CDN makes that status",
            symptom.count
        ),
        Source::log(&symptom.log, &format!(" {status} ")),
    )];
    let peer = peer(case, symptom);
    evidence.extend(peer.and_then(names_itself));
    let at = peer.map_or("the upstream".to_owned(), who);
    Opinion {
        says: format!("{at} is a CDN that answered {status}: {says}"),
        subject: at,
        evidence,
    }
}

fn passed_on(case: &Case) -> Option<(&Symptom, u16, &'static str)> {
    let of_cdn = |symptom: &'_ Symptom| {
        let status = symptom.status.filter(|_| symptom.made_by == MadeBy::Upstream)?;
        Some((status, origin_trouble(status)?))
    };
    let all = case.symptoms.iter().filter_map(|symptom| {
        let (status, says) = of_cdn(symptom)?;
        Some((symptom, status, says))
    });
    all.max_by_key(|(symptom, ..)| symptom.count)
}

fn peer<'a>(case: &'a Case, symptom: &Symptom) -> Option<&'a PeerSight> {
    let asked = |peer: &&PeerSight| Some(&peer.endpoint) == symptom.peer.as_ref();
    case.peers
        .iter()
        .find(asked)
        .or_else(|| case.peers.iter().find(|peer| peer.in_use))
}

fn who(peer: &PeerSight) -> String {
    match &peer.name {
        Some(name) => format!("{name} ({})", peer.endpoint),
        None => peer.endpoint.to_string(),
    }
}

/// Asked directly, it answers with the headers of a CDN.
fn names_itself(peer: &PeerSight) -> Option<Evidence> {
    const SIGNS: [&str; 6] = [
        "cf-ray:",
        "server: cloudflare",
        "x-amz-cf-id:",
        "server: akamaighost",
        "x-served-by: cache-",
        "x-fastly-",
    ];
    let heard = |spoken: &Spoken| {
        let head = String::from_utf8_lossy(&spoken.answer.heard.0).to_lowercase();
        SIGNS.into_iter().find(|sign| head.contains(sign))
    };
    let sign = peer.speaks.iter().find_map(heard)?;
    Some(Evidence::supports(
        Rank::Decisive,
        format!(
            "asked directly, {} names itself in a header: {}",
            peer.endpoint,
            sign.trim_end_matches(':')
        ),
        Source::command(format!("curl -sI http://{}/", peer.endpoint)),
    ))
}

fn advise(case: &Case) -> String {
    passed_on(case).map_or_else(String::new, |(_, status, says)| {
        format!("tell whoever runs that upstream: their CDN answers {status}, {says}; nothing on this host mends it")
    })
}

#[cfg(test)]
mod tests {
    use crate::{case::Spoken, testing::Fixture};
    use host::{Talk, answer::Bytes};

    fn answered(status: u16) -> Fixture {
        Fixture::nothing("198.51.100.2:8080")
            .peer(|peer| peer.connect = Ok(crate::testing::conversation(host::answer::Connect::Accepted)))
            .passed_on(status)
    }

    #[test]
    fn fires_on_statuses_that_only_a_cdn_makes() {
        for status in [520, 522, 526] {
            answered(status).check("found cdn-origin-error");
        }
    }

    #[test]
    fn a_502_may_be_any_proxys() {
        answered(502).check("found inner-hop");
    }

    #[test]
    fn what_nginx_made_itself_is_no_cdns() {
        answered(522)
            .with(|it| it.symptoms[0].made_by = crate::case::MadeBy::Nginx)
            .check("unexplained");
    }

    #[test]
    fn its_headers_give_it_away() {
        let mut answer = crate::testing::conversation(host::answer::Connect::Accepted);
        answer.heard = Bytes(b"HTTP/1.1 522 \r\nServer: cloudflare\r\n\r\n".to_vec());
        let spoken = Spoken {
            talk: Talk::Listen,
            answer,
        };
        answered(522).heard(spoken).check("found cdn-origin-error");
    }
}
