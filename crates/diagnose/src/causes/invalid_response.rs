use crate::{
    Case, Class, Evidence, Opinion, Rank, Source, Symptom,
    case::{PeerSight, Spoken},
    cause::{Group, Told, cause},
    service, speech,
    words::clip,
};
use host::Talk;
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// nginx refuses the answer: duplicate or contradicting headers, an invalid status or header line, broken chunks. A
    /// newer nginx refuses what an older one passed on.
    /// # How to tell
    /// `duplicate header line`, `Content-Length and Transfer-Encoding`, `invalid header`; look at the raw bytes.
    /// # Fix
    /// The backend's fix; the upgrade of nginx only made it visible.
    /// # Not this if
    /// The header is valid and too big (header-too-big), or the port speaks another protocol (protocol-mismatch).
    pub static INVALID_RESPONSE = {
        id: "invalid-response",
        title: "the backend's answer breaks the protocol",
        group: Group::Protocol,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("duplicate header", 95), ("content-length and transfer-encoding", 97), ("both content-length and transfer-encoding", 97), ("invalid header", 90), ("invalid chunked", 80), ("error parsing application response", 90)],
        effect_of: &[],
        settled_by: ("see the raw answer", "curl -si --raw http://ADDRESS/PATH | head -30"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["invalid-response"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::InvalidResponse(_) => 93,
        Trouble::NotHttp2(text) if text.contains("header") || text.contains("table index") => 80,
        Trouble::NotHttp2(_) => 35,
        Trouble::NotHttp => 25,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((symptom, peer)) = refused(case) else {
        return Opinion::none();
    };
    let evidence: Vec<Evidence> = said(symptom).into_iter().chain(peer.and_then(raw)).collect();
    let subject = peer.map_or("the backend".to_owned(), service::subject);
    Opinion {
        says: format!("nginx refuses the answer of {subject}: {}", symptom.signature()),
        subject,
        evidence,
    }
}

fn refused(case: &Case) -> Option<(&Symptom, Option<&PeerSight>)> {
    let symptom = case
        .having(|trouble| matches!(trouble, Trouble::InvalidResponse(_) | Trouble::NotHttp))
        .max_by_key(|symptom| symptom.last)?;
    let named = |peer: &&PeerSight| symptom.peer.as_ref() == Some(&peer.endpoint);
    Some((symptom, case.peers.iter().find(named)))
}

/// nginx names what it refuses. An answer without a status line may as well be another protocol.
fn said(symptom: &Symptom) -> Option<Evidence> {
    matches!(symptom.trouble(), Some(Trouble::InvalidResponse(_))).then(|| {
        Evidence::supports(
            Rank::Strong,
            format!(
                "nginx refused {} answers, the last at {}: {}",
                symptom.count,
                symptom.last,
                symptom.signature()
            ),
            Source::log(&symptom.log, "upstream sent"),
        )
    })
}

/// What the port says when it is asked directly, where that is in no protocol at all.
fn raw(peer: &PeerSight) -> Option<Evidence> {
    let over_http =
        |spoken: &&Spoken| matches!(spoken.talk, Talk::Http { .. }) && !spoken.answer.heard.0.is_empty();
    let spoken = peer.speaks.iter().find(over_http)?;
    let text = String::from_utf8_lossy(&spoken.answer.heard.0);
    let first = clip(text.lines().next().unwrap_or_default());
    let garbage = !spoken.is_http() && speech::of(peer).is_none();
    garbage.then(|| {
        Evidence::supports(
            Rank::Strong,
            format!("asked directly, its answer begins with {first:?}, which is no status line"),
            Source::command(format!(
                "curl -si --raw --http0.9 http://{}/ | head -5",
                peer.endpoint
            )),
        )
    })
}

fn advise(case: &Case) -> String {
    let Some((symptom, peer)) = refused(case) else {
        return String::new();
    };
    let whom = peer.map_or("the backend".to_owned(), service::subject);
    format!(
        "mend the code of {whom} that writes this header ({}); look at the raw bytes with curl -si --raw. No setting of \
         nginx makes it accept them",
        symptom.request.as_deref().map_or("any page".to_owned(), clip)
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, heard, http_talk};
    use host::Talk;
    use logscan::{Phase, Trouble};

    fn duplicate() -> Trouble {
        Trouble::InvalidResponse("duplicate header line: \"Content-Length: 3\"".into())
    }

    #[test]
    fn fires_by_nginxs_own_word() {
        for fixture in [Fixture::php_fpm(), Fixture::node()] {
            fixture
                .complains(duplicate(), Phase::ReadingHeader)
                .check("found invalid-response");
        }
    }

    #[test]
    fn fires_where_the_answer_has_no_status_line() {
        Fixture::node()
            .complains(Trouble::NotHttp, Phase::ReadingHeader)
            .heard(heard(http_talk(), b"hello\r\n"))
            .check("found invalid-response");
    }

    #[test]
    fn another_protocol_is_another_matter() {
        Fixture::node()
            .complains(Trouble::NotHttp, Phase::ReadingHeader)
            .heard(heard(http_talk(), b""))
            .heard(heard(Talk::H2, &[0, 0, 6, 4, 0, 0, 0, 0, 0]))
            .check("found protocol-mismatch");
    }

    #[test]
    fn too_large_a_header_is_valid() {
        Fixture::node()
            .complains(Trouble::HeaderTooBig, Phase::ReadingHeader)
            .check("found header-too-big");
    }
}
