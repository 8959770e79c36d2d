use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    cause::{Group, Told, cause},
    words::clip,
    world::{ConfigTest, Nginx},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// nginx itself does not run and does not come up: its config does not load, or an address it listens on is taken.
    /// Visitors are refused at the edge; a load balancer or CDN before it makes a 502 of that.
    /// # How to tell
    /// No master process, `nginx -t` fails and names a file and line, or the journal of the unit ends in `[emerg]`.
    /// # Fix
    /// Mend the place that is named, or undo the last edit there; `nginx -t`, then start.
    /// # Not this if
    /// nginx was only stopped or killed and its test passes (nginx-stopped), or a running nginx refused a reload: the old config goes on
    /// serving (nginx-config-stale).
    pub static NGINX_WILL_NOT_START = {
        id: "nginx-will-not-start",
        title: "nginx does not start",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("nginx.service: Failed with result", 70), ("configuration file /etc/nginx/nginx.conf test failed", 80)],
        effect_of: &["dns-name-missing", "dns-resolver-down", "edge-port-taken"],
        settled_by: ("test nginx's config and see why its unit ended", "nginx -t; journalctl -u nginx -n 20 --no-pager"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["nginx-will-not-start"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::BadConfig { .. } => 90,
        Trouble::HostNotFound { .. } => 60,
        Trouble::ListenFailed { .. } => 30,
        Trouble::WorkerDied { .. } => 40,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some(nginx) = down(case) else {
        return Opinion::none();
    };
    let evidence: Vec<Evidence> = [of_test(nginx), of_journal(case, nginx), of_log(case, nginx)]
        .into_iter()
        .flatten()
        .collect();
    if evidence.is_empty() {
        return Opinion::none();
    }
    let unit = nginx.unit.as_deref().unwrap_or("nginx");
    let why = failed_test(nginx).map_or(String::new(), |test| format!(": {}", clip(&test.says)));
    Opinion {
        subject: unit.to_owned(),
        says: format!("{unit} does not run and can't start{why}"),
        evidence,
    }
}

fn down(case: &Case) -> Option<&Nginx> {
    case.nginx().filter(|nginx| nginx.master.is_none())
}

fn failed_test(nginx: &Nginx) -> Option<&ConfigTest> {
    nginx.test.as_ref().ok().filter(|test| !test.passed)
}

fn of_test(nginx: &Nginx) -> Option<Evidence> {
    let test = failed_test(nginx)?;
    let place = test
        .place
        .as_ref()
        .map_or(String::new(), |place| format!(" ({place})"));
    Some(Evidence::supports(
        Rank::Decisive,
        format!(
            "no nginx runs and its config does not load: {}{place}",
            clip(&test.says)
        ),
        Source::command(test.command.clone()),
    ))
}

/// The last try to start ended in a refusal of nginx's own.
fn of_journal(case: &Case, nginx: &Nginx) -> Option<Evidence> {
    let unit = nginx.unit.as_deref()?;
    let mut since_start = case
        .world
        .journal_of(unit)
        .rev()
        .take_while(|line| !(line.by == "systemd" && line.text.starts_with("Started ")));
    let line = since_start.find(|line| line.text.contains("[emerg]"))?;
    Some(Evidence::supports(
        Rank::Strong,
        format!("its last start ended at {} with: {}", line.at, clip(&line.text)),
        Source::journal(unit),
    ))
}

/// nginx's own error log. It keeps refusals of long ago: not believed where the config loads now.
fn of_log(case: &Case, nginx: &Nginx) -> Option<Evidence> {
    if nginx.test.as_ref().is_ok_and(|test| test.passed) {
        return None;
    }
    let refused = |trouble: &Trouble| {
        matches!(
            trouble,
            Trouble::BadConfig { .. } | Trouble::HostNotFound { .. } | Trouble::ListenFailed { .. }
        )
    };
    let symptom = case.having(refused).max_by_key(|symptom| symptom.last)?;
    Some(Evidence::supports(
        Rank::Strong,
        format!(
            "nginx refused to start at {}: {}",
            symptom.last,
            clip(&symptom.sample)
        ),
        Source::log(&symptom.log, "[emerg]"),
    ))
}

fn advise(case: &Case) -> String {
    let Some(nginx) = down(case) else {
        return String::new();
    };
    let unit = nginx.unit.as_deref().unwrap_or("nginx");
    match failed_test(nginx) {
        Some(test) => format!(
            "mend {}: {}; then nginx -t && systemctl start {unit}",
            test.place
                .as_ref()
                .map_or("nginx's config".to_owned(), |place| place.to_string()),
            clip(&test.says)
        ),
        None => {
            format!("see what it said (journalctl -u {unit} -n 20), then nginx -t && systemctl start {unit}")
        }
    }
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let named =
        down(case).and_then(|nginx| Some((nginx.unit.clone()?, failed_test(nginx)?.place.clone()?.file)));
    let remedy = named.map(|(unit, file)| {
        let title = format!(
            "put back the last {} that nginx accepts, and start nginx",
            file.display()
        );
        let restore = Measure::RestoreBackup {
            file,
            unit: unit.clone(),
        };
        Remedy::ask(title, vec![restore, Measure::Start { unit }])
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::advise;
    use crate::testing::Fixture;
    use logscan::{Phase, Trouble};

    fn typo() -> Trouble {
        Trouble::BadConfig {
            text: "unknown directive \"fastcgi_read_timeot\"".into(),
            place: None,
        }
    }

    #[test]
    fn fires_where_the_config_does_not_load() {
        let fixture = Fixture::php_fpm()
            .nginx_down("failed")
            .nginx_test_fails(
                "unknown directive \"fastcgi_read_timeot\"",
                "/etc/nginx/sites-enabled/shop",
                9,
            )
            .complains(typo(), Phase::Other);
        assert!(
            advise(&fixture.clone().case())
                .starts_with("mend /etc/nginx/sites-enabled/shop:9: unknown directive")
        );
        fixture.check("found nginx-will-not-start");
    }

    #[test]
    fn fires_by_the_journal_alone() {
        Fixture::apache()
            .nginx_down("failed")
            .nginx_journal(
                30,
                "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
            )
            .passed_on(502)
            .with(|it| {
                it.symptoms
                    .iter_mut()
                    .for_each(|symptom| symptom.made_by = crate::case::MadeBy::Unknown)
            })
            .check("found nginx-will-not-start");
    }

    #[test]
    fn stays_quiet_where_nginx_was_stopped() {
        Fixture::php_fpm()
            .nginx_down("inactive")
            .nginx_journal(3000, "nginx: [emerg] an old one")
            .nginx_journal_by_systemd(2000, "Started nginx.service.")
            .complains(typo(), Phase::Other)
            .check("found nginx-stopped");
    }

    #[test]
    fn stays_quiet_where_a_running_nginx_refused_a_reload() {
        Fixture::php_fpm()
            .nginx_test_fails("unexpected end of file", "/etc/nginx/conf.d/x.conf", 2)
            .complains(typo(), Phase::Other)
            .check("unexplained");
    }

    #[test]
    fn puts_the_last_good_version_back_where_a_file_is_named() {
        let down = || {
            Fixture::php_fpm()
                .nginx_down("failed")
                .complains(typo(), Phase::Other)
        };
        down()
            .nginx_test_fails("unknown directive", "/etc/nginx/sites-enabled/shop", 9)
            .offers(&["ask: restore /etc/nginx/sites-enabled/shop; start nginx.service"]);
        down()
            .nginx_journal(30, "nginx: [emerg] bind() to 0.0.0.0:80 failed (98)")
            .offers(&[]);
    }
}
