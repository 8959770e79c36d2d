use crate::{
    Case, Class, Opinion,
    case::errno,
    cause::{Group, Told, cause},
    evidence::quote,
    guard,
};
use host::looks::denial::{Denial, Guard};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// An AppArmor profile of nginx does not allow the socket or the network that it needs to reach the backend. Modes
    /// and owners are right, and root in a shell can connect.
    /// # How to tell
    /// `apparmor="DENIED"` with the profile, `comm="nginx"` and the socket's path in the kernel log, in the time of the
    /// failures.
    /// # Fix
    /// A rule in the profile for exactly that path (`/run/php/php8.2-fpm.sock rw,`) in `/etc/apparmor.d/local/`, then
    /// `apparmor_parser -r`. AppArmor stays on. Only a person changes a profile: it is the rule by which programs are
    /// confined, and often generated.
    /// # Not this if
    /// No such line in the kernel log, or its profile is in complain mode (`apparmor="ALLOWED"`).
    pub static APPARMOR_DENIED = {
        id: "apparmor-denied",
        title: "AppArmor does not let nginx connect",
        group: Group::Permission,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("apparmor=\"denied\"", 98), ("apparmor", 80)],
        effect_of: &[],
        settled_by: ("look for the denial", "journalctl -k | grep -i apparmor"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["hosts/apparmor-denied"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(errno::EACCES) if complaint.tcp().is_some() => 10,
        Trouble::Connect(errno::EACCES) => 4,
        Trouble::Receive(errno::EACCES) | Trouble::Send(errno::EACCES) => 60,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some(peer) = guard::forbidden(case) else {
        return Opinion::none();
    };
    let Some(denial) = guard::denial(case, peer, Guard::AppArmor) else {
        return Opinion::none();
    };
    Opinion {
        subject: peer.endpoint.to_string(),
        says: format!(
            "AppArmor's profile {} does not let nginx connect to {}",
            denial.subject, peer.endpoint
        ),
        evidence: vec![guard::shown(&denial)],
    }
}

/// The rule that the profile lacks.
fn rule(denial: &Denial) -> String {
    match &denial.path {
        Some(path) => format!("{path} rw,"),
        None => "network inet stream,".to_owned(),
    }
}

/// `/usr/sbin/nginx` is kept in `usr.sbin.nginx`, a name as it is.
fn file(profile: &str) -> String {
    profile.trim_start_matches('/').replace('/', ".")
}

fn advise(case: &Case) -> String {
    let denial = guard::forbidden(case).and_then(|peer| guard::denial(case, peer, Guard::AppArmor));
    let Some(denial) = denial else {
        return String::new();
    };
    let file = file(&denial.subject);
    format!(
        "echo {} >> {} && apparmor_parser -r {}; AppArmor stays on",
        quote(&rule(&denial)),
        quote(&format!("/etc/apparmor.d/local/{file}")),
        quote(&format!("/etc/apparmor.d/{file}"))
    )
}

#[cfg(test)]
mod tests {
    use super::advise;
    use crate::testing::{Fixture, NOW};

    fn line(seconds_ago: i64, verdict: &str, about: &str) -> String {
        format!(
            "audit: type=1400 audit({}.120:45): apparmor=\"{verdict}\" operation=\"connect\" class=\"file\" \
             profile=\"/usr/sbin/nginx\" {about} pid=101 comm=\"nginx\" requested_mask=\"wr\" denied_mask=\"wr\" fsuid=33 \
             ouid=33",
            NOW.secs() - seconds_ago
        )
    }

    const SOCKET: &str = "name=\"/run/php/php8.2-fpm.sock\"";

    #[test]
    fn fires_on_the_kernels_record() {
        let fixture = Fixture::php_fpm()
            .connect_fails(13)
            .kernel(30, &line(30, "DENIED", SOCKET));
        let advice = advise(&fixture.clone().case());
        assert!(
            advice.starts_with("echo '/run/php/php8.2-fpm.sock rw,' >> /etc/apparmor.d/local/usr.sbin.nginx"),
            "{advice}"
        );
        fixture.check("found apparmor-denied");
        Fixture::node()
            .connect_fails(13)
            .kernel(
                30,
                &line(30, "DENIED", "family=\"inet\" sock_type=\"stream\" protocol=6"),
            )
            .check("found apparmor-denied");
    }

    #[test]
    fn stays_quiet_about_other_paths_times_and_modes() {
        for record in [
            line(30, "DENIED", "name=\"/run/other.sock\""),
            line(9000, "DENIED", SOCKET),
            line(30, "ALLOWED", SOCKET),
        ] {
            Fixture::php_fpm()
                .connect_fails(13)
                .kernel(30, &record)
                .check("unexplained");
        }
    }
}
