use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy,
    case::{NameAnswer, NameSource},
    cause::{Group, Told, cause},
    elsewhere::reload_nginx,
    naming::{self, Lookup, Meaning, is_asked_by_nginx, meaning},
    topology::Protocol,
};
use logscan::{Complaint, Trouble};
use std::net::IpAddr;

cause! {
    /// # What happens
    /// The host name that nginx asks for does not exist: the resolver works and says so (NXDOMAIN, code 3). At run time
    /// each request is a 502; at start or reload nginx refuses the config: `host not found in upstream`.
    /// # How to tell
    /// Every server that is asked says that the name does not exist. `ping` and `getent` may still find it: nginx's
    /// `resolver` ignores /etc/hosts and search domains, so short names need their full form.
    /// # Fix
    /// Correct the name in nginx, or add the record.
    /// # Not this if
    /// The resolver does not answer or fails (dns-resolver-down), or another server knows the name (dns-wrong-answer).
    pub static DNS_NAME_MISSING = {
        id: "dns-name-missing",
        title: "the upstream's host name does not exist",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("NXDOMAIN", 70), ("no such host", 60), ("ENOTFOUND", 65), ("Name or service not known", 40)],
        effect_of: &[],
        settled_by: ("ask each name server for the name, without search domains", "dig NAME. @SERVER"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["dns-name-missing"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::Unresolved { code: 3, .. } => 80,
        Trouble::Unresolved { .. } => 3,
        Trouble::HostNotFound { .. } => 65,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some(lookup) = naming::failed(case) else {
        return Opinion::none();
    };
    let mut evidence = vec![complaint(case, lookup)];
    evidence.extend(servers_say(case, lookup));
    evidence.extend(known_elsewhere(case, lookup));
    Opinion {
        subject: lookup.name.to_owned(),
        says: format!("nginx asks for {}, and no such name exists", lookup.name),
        evidence,
    }
}

fn complaint(case: &Case, lookup: Lookup<'_>) -> Evidence {
    let told = matches!(
        lookup.symptom.trouble(),
        Some(Trouble::Unresolved { code: 3, .. })
    );
    let says = match (told, lookup.at_start) {
        (true, _) => format!(
            "nginx's resolver told it that {} does not exist (code 3)",
            lookup.name
        ),
        (false, true) => format!("nginx could not find {} when it read its config", lookup.name),
        (false, false) => format!("nginx could not resolve {}", lookup.name),
    };
    let rank = if told { Rank::Strong } else { Rank::Hint };
    Evidence::supports(rank, says, naming::told_by(case, lookup))
}

/// Servers that answer that there is no such name: decisive where every one that answers says so.
fn servers_say<'a>(case: &'a Case, lookup: Lookup<'a>) -> impl Iterator<Item = Evidence> {
    let found = naming::sights(case, lookup).any(|sight| meaning(sight) == Meaning::Found);
    let rank = if found { Rank::Strong } else { Rank::Decisive };
    naming::sights(case, lookup)
        .filter(move |sight| meaning(sight) == Meaning::Missing && is_asked_by_nginx(lookup, sight))
        .map(move |sight| {
            let says = format!("{} says that {} does not exist", naming::who(sight), sight.name);
            Evidence::supports(rank, says, naming::source(sight))
        })
}

/// Somebody knows the name: nginx's own resolver by now, another server, or only this host's files.
fn known_elsewhere<'a>(case: &'a Case, lookup: Lookup<'a>) -> Option<Evidence> {
    let works = case.works_now() == Some(true);
    let found = naming::sights(case, lookup).filter(|sight| meaning(sight) == Meaning::Found);
    let sight = found.max_by_key(|sight| sight.by != NameSource::System)?;
    let (says, source) = (naming::who(sight), naming::source(sight));
    Some(match sight.by {
        NameSource::System if !lookup.at_start => Evidence::supports(
            Rank::Hint,
            format!("{says} finds it by /etc/hosts or a search domain, which nginx's resolver does not use"),
            source,
        ),
        _ if works => Evidence::refutes(Rank::Hint, format!("{says} knows it now"), source),
        _ => Evidence::refutes(Rank::Decisive, format!("{says} knows {}", sight.name), source),
    })
}

fn advise(case: &Case) -> String {
    let Some(lookup) = naming::failed(case) else {
        return String::new();
    };
    let place = match lookup.symptom.trouble() {
        Some(Trouble::HostNotFound {
            place: Some(place), ..
        }) => format!("{}:{}", place.file.display(), place.line),
        _ => case
            .route
            .as_ref()
            .map_or("nginx's config".into(), |route| route.written.to_string()),
    };
    let local = naming::sights(case, lookup)
        .any(|sight| sight.by == NameSource::System && meaning(sight) == Meaning::Found && !lookup.at_start);
    match local {
        true => format!(
            "at {place} write the full name (with its domain) or the address in place of {}: nginx's resolver does not \
             read /etc/hosts; then nginx -t && systemctl reload nginx",
            lookup.name
        ),
        false => format!(
            "correct the name {} at {place}, or add its record in DNS; then nginx -t && systemctl reload-or-restart nginx",
            lookup.name
        ),
    }
}

/// A name that only this host's files have is replaced by its address, which nginx can use. Which other name was meant,
/// nobody here knows.
fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = naming::failed(case)
        .filter(|lookup| !lookup.at_start)
        .and_then(|lookup| {
            let route = case
                .route
                .as_ref()
                .filter(|route| route.pass.contains(lookup.name))?;
            let address = local_address(case, lookup).filter(|_| route.protocol == Protocol::Http)?;
            let new = if address.is_ipv6() {
                format!("[{address}]")
            } else {
                address.to_string()
            };
            let title = format!(
                "let nginx ask {new}, the address of {} in this host's files",
                lookup.name
            );
            let (at, old) = (route.written.clone(), lookup.name.to_owned());
            Some(Remedy::ask(
                title,
                vec![Measure::NginxReplace { at, old, new }, reload_nginx(case)?],
            ))
        });
    remedy.into_iter().collect()
}

/// What the system's own lookup finds, where no name server does.
fn local_address(case: &Case, lookup: Lookup<'_>) -> Option<IpAddr> {
    let mut found = naming::sights(case, lookup).filter(|sight| sight.by == NameSource::System);
    found.find_map(|sight| match &sight.answer {
        Ok(NameAnswer::Addresses(addresses)) => addresses.first().copied(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use crate::{
        case::{NameAnswer::*, NameSource::*},
        testing::Fixture,
    };
    use std::net::SocketAddr;

    fn at(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn renamed() -> Fixture {
        Fixture::apache().unresolved("api.shop.internal", 3)
    }

    #[test]
    fn fires_where_every_server_says_so() {
        renamed()
            .name_says(NginxResolver(at(5353)), Missing)
            .name_says(SystemResolver(at(53)), Missing)
            .name_says(System, Missing)
            .check("found dns-name-missing");
    }

    #[test]
    fn fires_for_a_name_that_only_the_hosts_file_has() {
        renamed()
            .name_says(NginxResolver(at(53)), Missing)
            .name_says(System, Addresses(vec![[10, 0, 0, 9].into()]))
            .check("found dns-name-missing");
    }

    #[test]
    fn keeps_nginx_from_starting() {
        Fixture::apache()
            .host_not_found("api.shop.internal")
            .name_says(SystemResolver(at(53)), Missing)
            .name_says(System, Missing)
            .check("found dns-name-missing <- nginx-will-not-start");
    }

    #[test]
    fn another_server_that_knows_it_is_another_cause() {
        renamed()
            .name_says(NginxResolver(at(5353)), Missing)
            .name_says(SystemResolver(at(53)), Addresses(vec![[10, 0, 0, 9].into()]))
            .check("unexplained");
    }

    #[test]
    fn a_resolver_that_is_down_says_nothing_of_names() {
        Fixture::apache()
            .unresolved("api.shop.internal", 110)
            .name_says(NginxResolver(at(5353)), PortClosed)
            .name_says(System, Missing)
            .check("found dns-resolver-down");
    }

    #[test]
    fn writes_the_address_that_only_this_host_knows() {
        let known = || {
            renamed()
                .name_says(NginxResolver(at(53)), Missing)
                .name_says(System, Addresses(vec![[10, 0, 0, 9].into()]))
        };
        let pass = "proxy_pass http://api.shop.internal$request_uri";
        known()
            .with(|it| it.route.as_mut().expect("a route").pass = pass.into())
            .offers(&["ask: /etc/nginx/sites-enabled/shop:12 api.shop.internal -> 10.0.0.9; reload nginx"]);
        known().offers(&[]);
        renamed()
            .name_says(NginxResolver(at(53)), Missing)
            .with(|it| it.route.as_mut().expect("a route").pass = pass.into())
            .offers(&[]);
    }
}
