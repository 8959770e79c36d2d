use crate::{
    Case, Class, Evidence, Opinion, Rank, Source, Symptom,
    case::PeerSight,
    cause::{Group, Told, cause},
    handshake,
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// proxy_ssl_verify is on and the chain does not end in proxy_ssl_trusted_certificate. nginx does not use the
    /// system's store.
    /// # How to tell
    /// `upstream SSL certificate verify error: (18|19|20|21: …)`.
    /// # Fix
    /// The right CA in proxy_ssl_trusted_certificate. Verification stays on. Only a person can say whom to trust.
    /// # Not this if
    /// The error is 10 (tls-expired).
    pub static TLS_UNTRUSTED = {
        id: "tls-untrusted",
        title: "nginx does not trust the upstream's certificate",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("certificate verify failed", 60), ("self-signed certificate", 80), ("self signed certificate", 80), ("unable to get local issuer", 90), ("unable to verify the first certificate", 90)],
        effect_of: &[],
        settled_by: ("see the chain", "openssl s_client -connect ADDRESS -servername NAME -showcerts </dev/null"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["tls-untrusted"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TlsVerify { code: 10, .. } => 3,
        Trouble::TlsVerify { .. } => 92,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((symptom, peer)) = untrusted(case) else {
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
    evidence.extend(trusted(case));
    evidence.extend(peer.and_then(|peer| shown(peer, &at)));
    Opinion {
        says: format!("nginx does not trust the issuer of the certificate of {at}"),
        subject: at,
        evidence,
    }
}

/// Dates are another matter: codes 9 and 10 (x509_vfy.h of OpenSSL).
fn untrusted(case: &Case) -> Option<(&Symptom, Option<&PeerSight>)> {
    handshake::refused(
        case,
        |trouble| matches!(trouble, Trouble::TlsVerify { code, .. } if !matches!(code, 9 | 10)),
    )
}

/// Whom nginx was told to trust.
fn trusted(case: &Case) -> Option<Evidence> {
    let route = case.route.as_ref()?;
    let file = route.settings.tls.trusted.as_ref()?;
    Some(Evidence::supports(
        Rank::Hint,
        format!(
            "it trusts the authorities in {} and no others, the system's list included",
            file.display()
        ),
        Source::command(format!(
            "openssl crl2pkcs7 -nocrl -certfile {} | openssl pkcs7 -print_certs -noout",
            crate::evidence::quote(&file.to_string_lossy())
        )),
    ))
}

fn shown(peer: &PeerSight, at: &str) -> Option<Evidence> {
    let chain = handshake::shown(peer).count();
    let names = handshake::names(peer).join(", ");
    (chain > 0).then(|| {
        Evidence::supports(
            Rank::Hint,
            format!("it shows a chain of {chain} now, for {names}"),
            Source::command(handshake::command(at, None)),
        )
    })
}

fn advise(case: &Case) -> String {
    let Some((symptom, _)) = untrusted(case) else {
        return String::new();
    };
    let at = handshake::at(symptom);
    let tls = case.route.as_ref().map(|route| &route.settings.tls);
    let file = tls.and_then(|tls| tls.trusted.as_ref());
    let file = file.map_or("proxy_ssl_trusted_certificate".to_owned(), |file| {
        file.display().to_string()
    });
    format!(
        "see who issued it (openssl s_client -connect {at} -showcerts </dev/null); if that is right, put the issuer's \
         certificate into {file}, or let the server send its intermediate certificate too; nginx -t && systemctl reload \
         nginx. Verification stays on"
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;

    const SAYS: &str = "unable to get local issuer certificate";

    #[test]
    fn fires_by_nginxs_own_word() {
        Fixture::gunicorn()
            .distrusts(20, SAYS)
            .check("found tls-untrusted");
        Fixture::node().distrusts(18, SAYS).check("found tls-untrusted");
    }

    #[test]
    fn an_expired_one_is_another_matter() {
        Fixture::node().distrusts(10, SAYS).check("found tls-expired");
    }
}
