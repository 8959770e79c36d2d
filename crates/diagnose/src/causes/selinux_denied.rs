use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    guard::{self, CONNECT, Guards, HTTP_PORT, RELAY},
};
use host::{
    Endpoint,
    looks::denial::{Denial, Guard},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// SELinux denies nginx (`httpd_t`) the connection: to a TCP port whose type it may not connect to, or to a socket
    /// with a label that is not for it. Both sides run, and root can connect.
    /// # How to tell
    /// Errno 13 on a TCP peer is never a file permission. The audit log has `avc:  denied  { name_connect }` with
    /// `comm="nginx"` and the port; `getsebool httpd_can_network_connect` is off, and `semanage port -l` has the port
    /// under a type like `soundd_port_t` (8000) or under none.
    /// # Fix
    /// `setsebool -P httpd_can_network_connect 1`; where `httpd_can_network_relay` is on, the narrower `semanage port`
    /// with `http_port_t`. A socket: the right label (`semanage fcontext`, `restorecon`). SELinux stays on.
    /// # Not this if
    /// SELinux is off or permissive, the modes deny (socket-permission), or a route or packet filter does.
    pub static SELINUX_DENIED = {
        id: "selinux-denied",
        title: "SELinux does not let nginx connect",
        group: Group::Permission,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("avc: denied", 95), ("avc:  denied", 95), ("audit2allow", 90), ("selinux", 85), ("httpd_can_network_connect", 98), ("soundd_port_t", 95)],
        effect_of: &[],
        settled_by: ("look for the denial", "ausearch -m avc -ts recent -c nginx; getenforce"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["hosts/selinux-denied"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(errno::EACCES) if complaint.tcp().is_some() => 85,
        Trouble::Connect(errno::EACCES) => 9,
        Trouble::Receive(errno::EACCES) | Trouble::Send(errno::EACCES) => 30,
        Trouble::ListenFailed {
            errno: errno::EACCES, ..
        } => 40,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let suspects = guard::forbidden(case).zip(case.world.guards.as_ref());
    let Some((peer, guards)) = suspects else {
        return Opinion::none();
    };
    if !matches!(guards.enforcing, Ok(Some(_))) {
        return Opinion::none();
    }
    let denial = guard::denial(case, peer, Guard::Selinux).filter(|it| !it.permissive);
    let mut evidence: Vec<Evidence> = denial.iter().map(guard::shown).collect();
    evidence.extend(only_permissive(guards));
    evidence.extend(closed(guards, peer, denial.is_some()));
    Opinion {
        subject: peer.endpoint.to_string(),
        says: format!(
            "SELinux does not let nginx connect to {}{}",
            peer.endpoint,
            kind(denial.as_ref())
        ),
        evidence,
    }
}

/// ` (soundd_port_t)`
fn kind(denial: Option<&Denial>) -> String {
    let object = denial.and_then(|it| it.object.as_deref());
    object.map_or(String::new(), |object| format!(" ({object})"))
}

fn only_permissive(guards: &Guards) -> Option<Evidence> {
    matches!(guards.enforcing, Ok(Some(false))).then(|| {
        Evidence::refutes(
            Rank::Decisive,
            "SELinux is permissive: it writes down and lets through",
            Source::command("getenforce"),
        )
    })
}

/// What the policy says of this port. By itself it tells only where the audit log, which would, can't be read.
fn closed(guards: &Guards, peer: &PeerSight, recorded: bool) -> Option<Evidence> {
    let port = peer.endpoint.tcp()?.port();
    if guards.boolean(CONNECT)? {
        return None;
    }
    let object = guards.type_of(port).map_or("no type", |it| it.name.as_str());
    let rank = if recorded || guards.denials.is_err() {
        Rank::Strong
    } else {
        Rank::Hint
    };
    Some(Evidence::supports(
        rank,
        format!("{CONNECT} is off, and port {port} is of {object}"),
        Source::command(format!("getsebool {CONNECT}; semanage port -l | grep -w {port}")),
    ))
}

/// A type of its own with which the way to the port is open, where the policy lets nginx connect to that type.
fn by_port(case: &Case) -> Option<u16> {
    let (peer, guards) = guard::forbidden(case).zip(case.world.guards.as_ref())?;
    let port = peer.endpoint.tcp()?.port();
    let known = guards.ports.is_ok() && guards.type_of(port).is_none_or(|it| it.name != HTTP_PORT);
    (guards.boolean(RELAY) == Some(true) && known).then_some(port)
}

fn advise(case: &Case) -> String {
    let Some(peer) = guard::forbidden(case) else {
        return String::new();
    };
    match &peer.endpoint {
        Endpoint::Tcp(at) => {
            let narrow = match by_port(case) {
                Some(port) => format!(
                    "semanage port -a -t {HTTP_PORT} -p tcp {port} (-m where the port has a type already), or for every port: "
                ),
                None => String::new(),
            };
            format!(
                "{narrow}setsebool -P {CONNECT} 1, which lets nginx connect to {at} and to any other TCP port; SELinux \
                 stays on"
            )
        }
        Endpoint::Unix(path) => format!(
            "give the socket a label that nginx may use: semanage fcontext -a -t httpd_var_run_t '{0}' && restorecon -v {0}, \
             and have its server run in a domain that httpd_t may connect to (audit2why -a shows the rule); SELinux stays on",
            path.display()
        ),
    }
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let Some((peer, guards)) = guard::forbidden(case).zip(case.world.guards.as_ref()) else {
        return Vec::new();
    };
    let port = by_port(case).map(|port| {
        let measure = Measure::SelinuxPort {
            port,
            name: HTTP_PORT.to_owned(),
        };
        Remedy::ask(
            format!("make TCP port {port} one of web servers for SELinux"),
            vec![measure],
        )
    });
    let off = peer.endpoint.tcp().is_some() && guards.boolean(CONNECT) == Some(false);
    let boolean = off.then(|| {
        let measure = Measure::SelinuxBoolean {
            name: CONNECT.to_owned(),
            on: true,
        };
        Remedy::ask("let nginx connect to any TCP port", vec![measure])
    });
    port.into_iter().chain(boolean).collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        guard::Guards,
        testing::{Fixture, NOW, forbidden},
    };
    use host::looks::denial;

    fn avc(seconds_ago: i64, port: u16, permissive: u8) -> String {
        format!(
            "type=AVC msg=audit({}.120:77): avc:  denied  {{ name_connect }} for  pid=101 comm=\"nginx\" dest={port} \
             scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:object_r:soundd_port_t:s0 tclass=tcp_socket \
             permissive={permissive}",
            NOW.secs() - seconds_ago
        )
    }

    fn guards(enforcing: Option<bool>, relay: &str) -> Guards {
        let booleans = format!("httpd_can_network_connect --> off\nhttpd_can_network_relay --> {relay}\n");
        Guards {
            enforcing: Ok(enforcing),
            denials: Ok(Vec::new()),
            booleans: Ok(denial::booleans(&booleans)),
            ports: Ok(denial::ports(
                "http_port_t tcp 80, 81\nsoundd_port_t tcp 8000, 9433\n",
            )),
        }
    }

    fn denied(fixture: Fixture, guards: Guards) -> Fixture {
        fixture
            .connect_fails(13)
            .with(|it| it.world.guards = Some(guards))
    }

    #[test]
    fn fires_on_a_record_of_the_audit_log_or_the_kernel() {
        let mut seen = guards(Some(true), "off");
        seen.denials = Ok(denial::Denial::parse(&avc(30, 8000, 0)).into_iter().collect());
        denied(Fixture::gunicorn(), seen).check("found selinux-denied");
        denied(Fixture::node(), guards(Some(true), "off"))
            .kernel(30, &avc(30, 3000, 0))
            .check("found selinux-denied");
    }

    #[test]
    fn fires_by_the_policy_where_the_audit_log_is_closed() {
        let mut seen = guards(Some(true), "off");
        seen.denials = forbidden("the audit log");
        denied(Fixture::gunicorn(), seen).check("found selinux-denied");
    }

    #[test]
    fn stays_quiet_without_a_record_of_this_port() {
        for record in [avc(30, 9000, 0), avc(9000, 8000, 0), String::new()] {
            denied(Fixture::gunicorn(), guards(Some(true), "off"))
                .kernel(30, &record)
                .check("unexplained");
        }
    }

    #[test]
    fn stays_quiet_where_it_is_permissive_or_absent() {
        for enforcing in [None, Some(false)] {
            denied(Fixture::gunicorn(), guards(enforcing, "off"))
                .kernel(30, &avc(30, 8000, 1))
                .check("unexplained");
        }
    }

    #[test]
    fn opens_as_little_as_may_be() {
        let case =
            |relay| denied(Fixture::gunicorn(), guards(Some(true), relay)).kernel(30, &avc(30, 8000, 0));
        case("off").offers(&["ask: selinux httpd_can_network_connect on"]);
        case("on").offers(&[
            "ask: selinux port 8000 http_port_t",
            "ask: selinux httpd_can_network_connect on",
        ]);
    }
}
