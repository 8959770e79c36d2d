use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    cause::{Group, Told, cause},
    elsewhere::reload_nginx,
    evidence::quote,
    stale::{Stale, newer_file, on_disk, outlived, refused_reload, stale},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The config on disk was corrected, and the running nginx still works by the old one: nobody reloaded it, or the
    /// reload was refused because some file did not pass the test at that moment.
    /// # How to tell
    /// The address in the error line is not what the files say for that location, a file is newer than nginx's workers,
    /// and what the file names takes connections.
    /// # Fix
    /// `nginx -t`, then reload. If the test fails, mend the place it names first.
    /// # Not this if
    /// nginx asks what the files say: then the files are what is wrong (wrong-upstream-port), or the backend is down.
    pub static NGINX_CONFIG_STALE = {
        id: "nginx-config-stale",
        title: "nginx runs an older config than the files hold",
        group: Group::Wiring,
        class: Class::Auto,
        share_of: share_of,
        phrases: &[("Reload failed for nginx", 60)],
        effect_of: &["nginx-old-master"],
        settled_by: ("compare the start of nginx's workers with the time of its files", "ps -o lstart,cmd -C nginx; ls -lt /etc/nginx/*/ | head"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["nginx-config-stale"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::Connect(_) => 2,
        Trouble::NoResolver(_) => 3,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let stale = stale(case);
    let newer = stale.as_ref().and_then(|stale| newer_file(case, stale));
    let Some((stale, newer)) = stale.zip(newer) else {
        return unnamed(case);
    };
    let (still, file_says, file) = (&stale.still, &stale.file_says, &newer.path);
    let rank = if newer.line.is_some() {
        Rank::Decisive
    } else {
        Rank::Strong
    };
    let mut evidence = vec![
        Evidence::supports(
            Rank::Strong,
            format!("nginx still {still}, and {file_says}"),
            Source::file(file, newer.line),
        ),
        Evidence::supports(
            rank,
            format!(
                "{} was changed at {}; nginx read its config at {}",
                file.display(),
                newer.changed,
                stale.loaded
            ),
            Source::command(format!(
                "stat -c '%y %n' {}; ps -o lstart,cmd -C nginx",
                quote(&file.to_string_lossy())
            )),
        ),
    ];
    evidence.extend(disk_is_right(case));
    evidence.extend(reload_failed(case, &stale));
    Opinion {
        says: format!("nginx still {still}; the file on disk was corrected and not loaded"),
        subject: stale.subject,
        evidence,
    }
}

/// No file is newer, and yet none names what nginx asks.
fn unnamed(case: &Case) -> Opinion {
    let Some(((stale, peer), route)) = outlived(case).zip(case.route.as_ref()) else {
        return Opinion::none();
    };
    let mut evidence = vec![Evidence::supports(
        Rank::Decisive,
        format!(
            "nginx still {}, which no file of its configuration names; {}",
            stale.still, stale.file_says
        ),
        Source::command(format!(
            "nginx -T 2>/dev/null | grep -nF {}",
            quote(&peer.to_string())
        )),
    )];
    evidence.extend(disk_is_right(case));
    evidence.extend(reload_failed(case, &stale));
    Opinion {
        says: format!(
            "nginx still {}; {} was corrected and not loaded",
            stale.still, route.written
        ),
        subject: stale.subject,
        evidence,
    }
}

/// A peer that the files name, tried just now.
fn disk_is_right(case: &Case) -> Option<Evidence> {
    let (peer, answers) = on_disk(case)?;
    let source = Source::connect(&peer.endpoint, case.worker_user());
    let at = &peer.endpoint;
    Some(match answers {
        true => Evidence::supports(
            Rank::Strong,
            format!("{at}, which the file names, takes connections"),
            source,
        ),
        false => Evidence::refutes(
            Rank::Strong,
            format!("{at}, which the file names, takes none either"),
            source,
        ),
    })
}

fn reload_failed(case: &Case, stale: &Stale<'_>) -> Option<Evidence> {
    let unit = stale.nginx.unit.as_deref()?;
    let line = refused_reload(case, stale)?;
    Some(Evidence::supports(
        Rank::Strong,
        format!(
            "a reload was refused at {}: {}",
            line.at,
            crate::words::clip(&line.text)
        ),
        Source::journal(unit),
    ))
}

fn advise(case: &Case) -> String {
    let Some(nginx) = case.nginx() else {
        return String::new();
    };
    let unit = nginx.unit.as_deref().unwrap_or("nginx");
    match &nginx.test {
        Ok(test) if !test.passed => format!(
            "mend {} first ({}), then nginx -t && systemctl reload {unit}",
            test.place
                .as_ref()
                .map_or("the config".to_owned(), |place| place.to_string()),
            test.says
        ),
        _ => format!("nginx -t && systemctl reload {unit}"),
    }
}

/// Only files that are known to load are loaded.
fn remedies(case: &Case) -> Vec<Remedy> {
    let passes = case
        .nginx()
        .is_some_and(|nginx| nginx.test.as_ref().is_ok_and(|test| test.passed));
    let reload = reload_nginx(case).filter(|_| passes);
    let remedy = |reload| Remedy::ask("have nginx read its files again", vec![reload]).unattended_if(true);
    reload.map(remedy).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::advise;
    use crate::{
        testing::{Fixture, NOW, endpoint, forbidden, peer},
        topology::Target,
    };
    use std::time::Duration;

    /// The app moved from 8000 to 8001 and the file follows; nginx was not reloaded.
    fn not_reloaded() -> Fixture {
        Fixture::gunicorn()
            .moves_to("127.0.0.1:8001")
            .connect_fails(111)
            .disk_says("127.0.0.1:8001")
            .newer("/etc/nginx/sites-enabled/shop", 90)
    }

    #[test]
    fn fires_where_the_file_was_corrected() {
        not_reloaded().check("found nginx-config-stale");
    }

    #[test]
    fn fires_where_the_reload_was_refused() {
        let fixture = not_reloaded().nginx_journal(
            80,
            "Reload failed for nginx.service - A high performance web server.",
        );
        assert_eq!(
            advise(&fixture.clone().case()),
            "nginx -t && systemctl reload nginx.service"
        );
        fixture
            .with(|it| it.peers.push(peer(endpoint("127.0.0.1:8001"), None)))
            .check("found nginx-config-stale");
    }

    #[test]
    fn stays_quiet_where_nginx_asks_what_the_file_says() {
        Fixture::gunicorn()
            .moves_to("127.0.0.1:8001")
            .connect_fails(111)
            .newer("/etc/nginx/sites-enabled/shop", 90)
            .check("found wrong-upstream-port");
    }

    #[test]
    fn stays_quiet_where_the_failures_are_older_than_the_reload() {
        Fixture::gunicorn()
            .connect_fails(111)
            .disk_says("127.0.0.1:8001")
            .newer("/etc/nginx/nginx.conf", 1)
            .with(|it| {
                it.world.nginx[0].loaded_at = Some(NOW);
                it.symptoms[0].last = NOW.before(Duration::from_secs(5));
            })
            .check("unexplained");
    }

    #[test]
    fn fires_where_the_new_file_came_with_an_old_time() {
        Fixture::gunicorn()
            .moves_to("127.0.0.1:8001")
            .connect_fails(111)
            .disk_says("127.0.0.1:8001")
            .check("found nginx-config-stale");
    }

    #[test]
    fn stays_quiet_where_another_route_asks_that_peer() {
        Fixture::gunicorn()
            .connect_fails(111)
            .disk_says("127.0.0.1:8001")
            .with(|it| {
                let mut other = it.world.routes[0].clone();
                other.target = Target::Endpoint(endpoint("127.0.0.1:8000"));
                it.world.routes.push(other);
            })
            .check("unexplained");
    }

    #[test]
    fn reloads_unattended_only_what_passes_the_test() {
        not_reloaded().offers(&["auto: reload nginx"]);
        not_reloaded()
            .nginx_test_fails("unknown directive", "/etc/nginx/nginx.conf", 3)
            .offers(&[]);
        not_reloaded()
            .with(|it| it.world.nginx[0].test = forbidden("nginx -t"))
            .offers(&[]);
    }
}
