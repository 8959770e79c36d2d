use crate::{
    Case, Class, Evidence, Opinion, Rank, Source, Symptom,
    cause::{Group, Told, cause},
    refusal::{self, Fault, LimitZone},
    words::nginx_said,
};
use logscan::{Complaint, Trouble, error_log};

cause! {
    /// # What happens
    /// limit_req or limit_conn of nginx refused the request: 503, or the status set by limit_req_status. One client that is
    /// turned away by a limit of its own is no fault. It is one where the zone counts all visitors as one: its key is
    /// `$server_name`, as in nginx's own examples, or the address of the client, which behind another proxy on the host
    /// (Varnish, a tunnel) is 127.0.0.1 for everyone. And it is one where the limit answers as a dead backend does: 502 or
    /// 504.
    /// # How to tell
    /// `limiting requests, excess: … by zone` in the error log, no upstream in the access log, and what the zone counts by.
    /// # Fix
    /// As configured. Count by what tells people apart (`$binary_remote_addr`, with `set_real_ip_from` and
    /// `real_ip_header` behind a proxy), allow a `burst`, and answer 429.
    /// # Not this if
    /// No such line stands at the time of the failure, or only some addresses are refused, each for what it asked itself.
    pub static LIMITS_REFUSED = {
        id: "limits-refused",
        title: "nginx itself refused the request by a limit",
        group: Group::Load,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("limiting requests", 95), ("limiting connections", 95)],
        effect_of: &[],
        settled_by: ("look for the zone that refused", "grep -rn \"limit_req\\|limit_conn\" /etc/nginx"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["limits-refused"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Limited(_) => 97,
        Trouble::Status(503) => 20,
        _ => 0,
    }
}

/// A refusal that failed visitors.
struct Refused<'a> {
    symptom: &'a Symptom,
    name: &'a str,
    zone: Option<&'a LimitZone>,
    fault: Fault,
}

fn refused(case: &Case) -> Option<Refused<'_>> {
    let nginx = case.nginx();
    case.symptoms.iter().find_map(|symptom| {
        let Trouble::Limited(said) = symptom.trouble()? else {
            return None;
        };
        let line = error_log::parse(symptom.sample.as_bytes())?;
        Some(Refused {
            symptom,
            name: refusal::zone_name(said)?,
            zone: nginx.and_then(|nginx| refusal::zone(nginx, said)),
            fault: refusal::fault(nginx, &line, symptom.status)?,
        })
    })
}

fn weigh(case: &Case) -> Opinion {
    let Some(refused) = refused(case) else {
        return Opinion::none();
    };
    let Refused { symptom, name, .. } = refused;
    let alone = case
        .having(|it| !matches!(it, Trouble::Limited(_)))
        .next()
        .is_none();
    let rank = if alone { Rank::Decisive } else { Rank::Strong };
    let mut evidence = vec![Evidence::supports(
        rank,
        nginx_said(symptom),
        Source::log(&symptom.log, &format!("by zone \"{name}\"")),
    )];
    evidence.extend(refused.zone.map(counts_by));
    let whom = match refused.fault {
        Fault::Shared => "all visitors together",
        Fault::Loopback => "all visitors, who come from one address of this host,",
        Fault::Status => "visitors with the status of a dead backend",
    };
    Opinion {
        subject: format!("zone {name}"),
        says: format!("the limit of zone {name} refuses {whom}; the backend was not asked"),
        evidence,
    }
}

fn counts_by(zone: &LimitZone) -> Evidence {
    Evidence::supports(
        Rank::Strong,
        format!("zone {} counts by {}", zone.name, zone.key),
        Source::file(&zone.written.file, Some(zone.written.line)),
    )
}

fn advise(case: &Case) -> String {
    let Some(refused) = refused(case) else {
        return String::new();
    };
    let at = refused
        .zone
        .map_or_else(|| refused.name.to_owned(), |zone| zone.written.to_string());
    match refused.fault {
        Fault::Shared => format!(
            "if it is meant for each visitor, count by $binary_remote_addr at {at}, and allow a burst; if it is meant to \
             guard the backend from all together, raise it to what the backend can do"
        ),
        Fault::Loopback => "let nginx know the visitors' addresses: set_real_ip_from 127.0.0.1; real_ip_header \
             X-Forwarded-For; beside the zone, if the proxy before it sends that header"
            .to_owned(),
        Fault::Status => {
            "limit_req_status 429; and limit_conn_status 429; so that a refusal does not look like a dead backend".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        refusal::LimitZone,
        testing::{Fixture, NOW},
        topology::Place,
    };
    use logscan::{Phase, Trouble};
    use std::time::Duration;

    fn refuses(fixture: Fixture, key: &str, client: &str, status: u16) -> Fixture {
        let said = "limiting requests, excess: 0.964 by zone \"one\"";
        let fixture = fixture.complains(Trouble::Limited(said.into()), Phase::ReadingHeader);
        fixture.with(|it| {
            let symptom = it.symptoms.last_mut().expect("it complains");
            symptom.status = Some(status);
            symptom.sample = format!(
                "2026/11/22 12:43:03 [error] 5#5: *8 {said}, client: {client}, server: shop.example, request: \"GET / HTTP/1.1\""
            );
            it.world.nginx[0].limit_zones = vec![LimitZone {
                name: "one".into(),
                key: key.into(),
                written: Place::line("/etc/nginx/conf.d/limits.conf".as_ref(), 1),
            }];
        })
    }

    #[test]
    fn fires_where_visitors_are_counted_as_one() {
        refuses(Fixture::php_fpm(), "$server_name", "198.51.100.7", 503).check("found limits-refused");
        refuses(Fixture::node(), "$binary_remote_addr", "127.0.0.1", 503).check("found limits-refused");
    }

    #[test]
    fn fires_where_a_refusal_looks_like_a_dead_backend() {
        refuses(Fixture::gunicorn(), "$binary_remote_addr", "198.51.100.7", 502)
            .check("found limits-refused");
    }

    #[test]
    fn what_works_for_us_is_not_over_for_others() {
        let by_address =
            || refuses(Fixture::gunicorn(), "$binary_remote_addr", "198.51.100.7", 502).works_now();
        by_address().check("found limits-refused");
        by_address().seen(900, 700).check("recovered limits-refused");
        let lifted = |loaded: u64| {
            by_address().seen(60, 1).with(|it| {
                it.world.nginx[0].limit_zones.clear();
                it.world.nginx[0].loaded_at = Some(NOW.before(Duration::from_secs(loaded)));
            })
        };
        lifted(1).check("recovered limits-refused");
        lifted(2).check("found limits-refused");
    }

    #[test]
    fn stays_quiet_where_one_of_many_is_turned_away() {
        refuses(Fixture::node(), "$binary_remote_addr", "198.51.100.7", 503).check("unexplained");
    }

    #[test]
    fn stays_behind_a_backend_that_is_down() {
        let down = Fixture::node()
            .refused()
            .unit_is("inactive", "success")
            .life(&[(61, "Stopping"), (61, "Stopped")]);
        refuses(down, "$server_name", "198.51.100.7", 503).check("found backend-stopped");
    }
}
