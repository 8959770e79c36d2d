use crate::{
    Case, Class, Evidence, Opinion, Rank, Source, Symptom,
    case::PeerSight,
    cause::{Group, Told, cause},
    handshake,
};
use host::looks::certificate::{Dates, dates};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// proxy_ssl_verify is on and the upstream's certificate, or one of its chain, is past its date.
    /// # How to tell
    /// `upstream SSL certificate verify error: (10:certificate has expired)`.
    /// # Fix
    /// Renew it at the upstream, and find why renewal did not run.
    /// # Not this if
    /// The dates are fine (tls-untrusted); the clock of this host is wrong.
    pub static TLS_EXPIRED = {
        id: "tls-expired",
        title: "the upstream's certificate has expired",
        group: Group::Protocol,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("certificate has expired", 95), ("certificate is not yet valid", 80), ("ssl certificate problem: certificate has expired", 95)],
        effect_of: &[],
        settled_by: ("see the dates", "openssl s_client -connect ADDRESS </dev/null | openssl x509 -noout -dates"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["tls-expired"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TlsVerify { code: 9 | 10, .. } => 97,
        Trouble::Tls { reason, .. } if reason.contains("expired") => 90,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((symptom, peer)) = ended(case) else {
        return Opinion::none();
    };
    let at = handshake::at(symptom);
    let mut evidence = vec![Evidence::supports(
        Rank::Decisive,
        format!(
            "nginx refused the certificate of {at} {} times: {}",
            symptom.count,
            symptom.signature()
        ),
        Source::log(&symptom.log, "certificate verify error"),
    )];
    evidence.extend(peer.and_then(|peer| dated(case, peer, &at)));
    Opinion {
        says: format!("the certificate of {at} is past its date"),
        subject: at,
        evidence,
    }
}

/// Codes 9 (not yet valid) and 10 (expired) of OpenSSL's x509_vfy.h.
fn ended(case: &Case) -> Option<(&Symptom, Option<&PeerSight>)> {
    handshake::refused(case, |trouble| {
        matches!(trouble, Trouble::TlsVerify { code: 9 | 10, .. })
    })
}

/// The dates of what the port shows now, its issuers included.
fn dated(case: &Case, peer: &PeerSight, at: &str) -> Option<Evidence> {
    let all: Vec<Dates> = handshake::shown(peer)
        .filter_map(|der| dates(der, case.world.now))
        .collect();
    let source = Source::command(format!(
        "{} | openssl x509 -noout -dates",
        handshake::command(at, handshake::completed(peer).find_map(|(name, _)| name))
    ));
    let wrong = all.iter().find(|dates| **dates != Dates::Hold);
    match (wrong, all.is_empty()) {
        (_, true) => None,
        (Some(Dates::Expired(ended)), _) => Some(Evidence::supports(
            Rank::Strong,
            format!("asked now, it shows a certificate that ended at {ended}"),
            source,
        )),
        (Some(_), _) => Some(Evidence::supports(
            Rank::Strong,
            "asked now, it shows a certificate that is not valid yet: renewed too early, or this host's clock is behind",
            source,
        )),
        (None, _) => Some(Evidence::refutes(
            Rank::Strong,
            "asked now, it shows certificates whose dates all hold",
            source,
        )),
    }
}

fn advise(case: &Case) -> String {
    let Some((symptom, _)) = ended(case) else {
        return String::new();
    };
    format!(
        "renew the certificate of {} and restart or reload its server, then see why renewal did not run (systemctl \
         list-timers); compare this host's clock with the true time (timedatectl)",
        handshake::at(symptom)
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;

    const SAYS: &str = "certificate has expired";

    #[test]
    fn fires_by_nginxs_own_word() {
        Fixture::apache().distrusts(10, SAYS).check("found tls-expired");
        Fixture::gunicorn().distrusts(9, SAYS).check("found tls-expired");
    }

    #[test]
    fn an_unknown_issuer_is_another_matter() {
        Fixture::apache().distrusts(19, SAYS).check("found tls-untrusted");
    }
}
