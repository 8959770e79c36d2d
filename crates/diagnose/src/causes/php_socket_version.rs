use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    elsewhere::{Server, just_before, point_nginx_at, rewritten, unserved, written},
    evidence::quote,
    php::{self, Asked},
    topology::Protocol,
    world::{Change, ChangeKind},
};
use logscan::{Complaint, Trouble, complaint::PeerAddress};
use std::path::Path;

cause! {
    /// # What happens
    /// nginx asks the socket of one PHP version, and another version is what runs: a distribution upgrade replaced
    /// php8.1-fpm.sock by php8.2-fpm.sock, or a guide's example names a version this host never had. errno 2.
    /// # How to tell
    /// The path names a version whose service is not installed, or listens elsewhere; another version's socket has a
    /// listener. The package log tells when.
    /// # Fix
    /// Point fastcgi_pass at the live socket, after checking that the site runs with that PHP version.
    /// # Not this if
    /// The service of the asked version is installed and merely stopped or failed: start or mend that one.
    pub static PHP_SOCKET_VERSION = {
        id: "php-socket-version",
        title: "nginx asks another PHP version's socket",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[],
        effect_of: &[],
        settled_by: ("see which PHP sockets there are and who listens on them", "ss -xlp"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["php-socket-version"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match (
        &complaint.trouble,
        complaint.peer.as_ref().map(|peer| &peer.address),
    ) {
        (Trouble::Connect(errno::ENOENT), Some(PeerAddress::Unix(path))) => {
            let path = path.to_string_lossy();
            match php::version(&path) {
                Some(_) => 45,
                None if path.contains("fpm") => 20,
                None => 2,
            }
        }
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, asked, live)) = found(case) else {
        return Opinion::none();
    };
    let Some(server) = live.first() else {
        return Opinion::none();
    };
    let mut evidence = vec![Evidence::supports(
        Rank::Strong,
        format!(
            "{} does not exist; {} listens on {}",
            peer.endpoint,
            server.describe(),
            server.at
        ),
        Source::listeners(server.at),
    )];
    evidence.extend(asked.version().and_then(|version| fate_of(case, version)));
    evidence.extend(upgrade(case));
    if live.len() > 1 {
        let all: Vec<String> = live.iter().map(|server| server.at.to_string()).collect();
        evidence.push(Evidence::refutes(
            Rank::Hint,
            format!("more than one socket could be meant: {}", all.join(", ")),
            Source::command("ss -xlp"),
        ));
    }
    Opinion {
        subject: peer.endpoint.to_string(),
        says: format!("nginx asks {}, PHP-FPM listens on {}", peer.endpoint, server.at),
        evidence,
    }
}

/// The missing socket, and the live sockets of other versions: most alike first, then the newest.
fn found(case: &Case) -> Option<(&PeerSight, Asked, Vec<Server<'_>>)> {
    let peer = unserved(case)?;
    let path = peer.endpoint.unix()?;
    let asked = Asked::of(peer, path)?;
    if case.route.as_ref()?.protocol != Protocol::FastCgi {
        return None;
    }
    let live = php::sockets(case, path, &asked);
    Some((peer, asked, live))
}

/// Why the asked version's socket can't be there: its service is not installed, or runs and listens elsewhere.
fn fate_of(case: &Case, version: &str) -> Option<Evidence> {
    let known = case.world.units.as_ref().ok()?;
    let named = |name: &str| php::version(name).as_deref() == Some(version) && name.contains("fpm");
    match known.iter().find(|unit| named(&unit.name)) {
        Some(unit) if unit.is_up() => Some(Evidence::supports(
            Rank::Decisive,
            format!("{} runs, and listens elsewhere", unit.name),
            Source::unit(&unit.name),
        )),
        Some(unit) if unit.is_known() => Some(Evidence::refutes(
            Rank::Strong,
            format!("{} is installed and {}", unit.name, unit.active_state),
            Source::unit(&unit.name),
        )),
        Some(unit) => Some(Evidence::supports(
            Rank::Decisive,
            format!("{} is not installed", unit.name),
            Source::unit(&unit.name),
        )),
        None => None,
    }
}

fn upgrade(case: &Case) -> Option<Evidence> {
    let php = |change: &Change| change.about.starts_with("php");
    just_before(case, ChangeKind::PackageUpgrade, php).map(|change| {
        Evidence::supports(
            Rank::Strong,
            format!("{}: {}", change.at, change.says),
            Source::command("zgrep -h php /var/log/dpkg.log | tail"),
        )
    })
}

fn advise(case: &Case) -> String {
    let (Some((peer, asked, live)), Some(route)) = (found(case), &case.route) else {
        return String::new();
    };
    let Some(server) = live.first() else {
        return String::new();
    };
    let unit = asked.version().map_or(String::new(), |version| {
        format!(", or install php{version}-fpm again if the site needs that version")
    });
    let path = quote(&server.at.unix().unwrap_or(Path::new("")).to_string_lossy());
    format!(
        "at {} write {} (check first that it is there: ls -l {path}), then nginx -t && systemctl reload nginx{unit}",
        written(route, peer),
        rewritten(route, peer, server.at),
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = found(case).and_then(|(peer, _, live)| point_nginx_at(case, peer, live.first()?.at));
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::advise;
    use crate::{testing::Fixture, topology::BackendKind};

    /// PHP 8.2 runs, nginx asks 8.1.
    fn upgraded() -> Fixture {
        Fixture::php_fpm()
            .asks_unix("/run/php/php8.1-fpm.sock")
            .orphan()
            .connect_fails(2)
    }

    #[test]
    fn fires_after_an_upgrade() {
        assert!(advise(&upgraded().case()).contains("`fastcgi_pass unix:/run/php/php8.2-fpm.sock`"));
        upgraded().check("found php-socket-version");
    }

    #[test]
    fn fires_where_the_same_service_now_makes_another_versions_socket() {
        Fixture::php_fpm()
            .moves_to("unix:/run/php/php8.3-fpm.sock")
            .connect_fails(2)
            .check("found php-socket-version");
    }

    #[test]
    fn fires_where_the_old_versions_pool_was_left_behind() {
        upgraded()
            .unit_in_state("php8.1-fpm.service", "not-found", "inactive")
            .claims(
                "php8.1-fpm.service",
                BackendKind::PhpFpm,
                "unix:/run/php/php8.1-fpm.sock",
            )
            .check("found php-socket-version");
    }

    #[test]
    fn the_asked_versions_own_service_is_merely_stopped() {
        upgraded()
            .unit_in_state("php8.1-fpm.service", "loaded", "inactive")
            .claims(
                "php8.1-fpm.service",
                BackendKind::PhpFpm,
                "unix:/run/php/php8.1-fpm.sock",
            )
            .owned_by("php8.1-fpm.service")
            .check("found backend-stopped");
    }

    #[test]
    fn another_path_of_the_same_version_is_not_a_version() {
        Fixture::php_fpm()
            .moves_to("unix:/run/php/php8.2-shop.sock")
            .connect_fails(2)
            .check("found wrong-upstream-port");
    }

    #[test]
    fn stays_quiet_where_no_php_runs() {
        Fixture::php_fpm()
            .asks_unix("/run/php/php8.1-fpm.sock")
            .orphan()
            .connect_fails(2)
            .nobody_listens()
            .check("unexplained");
    }

    #[test]
    fn points_nginx_at_the_live_socket() {
        upgraded().offers(&[
            "ask: /etc/nginx/sites-enabled/shop:12 unix:/run/php/php8.1-fpm.sock -> unix:/run/php/php8.2-fpm.sock; reload nginx",
        ]);
    }

    #[test]
    fn offers_nothing_where_nginx_would_not_load() {
        upgraded()
            .nginx_test_fails("unknown directive", "/etc/nginx/nginx.conf", 3)
            .offers(&[]);
    }
}
