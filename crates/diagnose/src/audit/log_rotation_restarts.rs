use super::{Checked, Hit, Level, Needs, once, rule};
use crate::{
    Source,
    survey::{Rotation, Survey},
};

rule! {
    /// # What it sees
    /// A script of logrotate (`postrotate` and its siblings) that restarts or stops nginx or a unit which serves a site.
    /// # How it becomes a 502
    /// Each rotation, most often at midnight, the backend is gone for as long as its restart takes, and requests under way
    /// are cut off: 502 for a moment, every night, always at the same minute.
    /// # The change
    /// Have it reopen its logs instead: a reload, `USR1` for nginx and php-fpm, or `copytruncate` where it can do neither.
    /// # Quiet where
    /// The script reloads, sends a signal, or restarts something that no site needs.
    pub static LOG_ROTATION_RESTARTS = {
        id: "log-rotation-restarts",
        title: "log rotation restarts what serves",
        level: Level::Warning,
        needs: Needs::Host,
        foresees: &["backend-restart-window"],
        check: check,
    }
}

fn check(survey: &Survey) -> Checked {
    match &survey.rotations {
        Ok(rotations) => once(rotations.iter().filter_map(|rotation| hit(survey, rotation))).into(),
        Err(unseen) => Checked::default().blind([unseen.clone()]),
    }
}

fn hit(survey: &Survey, rotation: &Rotation) -> Option<Hit> {
    let unit = rotation.restarts()?;
    let nginx = survey
        .world
        .nginx
        .iter()
        .any(|nginx| nginx.unit.as_deref() == Some(unit.as_str()));
    let sites = survey.sites_of(&unit);
    let serves = match (nginx, sites.is_empty()) {
        (true, _) => "which is nginx itself".to_owned(),
        (false, false) => format!("which serves {}", sites.join(", ")),
        (false, true) => return None,
    };
    let place = rotation.place.clone();
    let says = format!("log rotation runs `{}` on {unit}, {serves}", rotation.command);
    let source = Source::file(&place.file, Some(place.line));
    Some(
        Hit::new(&unit, Some(place), says, source)
            .why("at each rotation it is gone for a moment and requests under way are cut off: 502 every night")
            .change(instead(&unit, nginx)),
    )
}

fn instead(unit: &str, nginx: bool) -> String {
    match nginx {
        true => "have it reopen its logs: invoke-rc.d nginx rotate, or kill -USR1 of its master".to_owned(),
        false if unit.contains("fpm") => {
            format!("have it reopen its logs: systemctl kill -s USR1 --kill-who=main {unit}")
        }
        false => format!("systemctl reload {unit} where it can, else `copytruncate` and no script"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        testing::{Fixture, forbidden},
        topology::Place,
    };

    fn rotates(command: &str) -> Survey {
        let place = Place {
            file: "/etc/logrotate.d/app".into(),
            line: 8,
            column: 3,
        };
        let rotation = Rotation {
            place,
            command: command.into(),
        };
        Survey::of(Fixture::gunicorn()).with(|it| it.rotations = Ok(vec![rotation]))
    }

    #[test]
    fn fires_where_what_serves_is_restarted() {
        for command in ["systemctl restart app", "service nginx restart"] {
            let told = rotates(command).told(&LOG_ROTATION_RESTARTS);
            assert_eq!(told.len(), 1, "{command}");
            assert!(told[0].ends_with(" at /etc/logrotate.d/app:8:3"));
        }
    }

    #[test]
    fn stays_quiet_where_it_reopens_or_nobody_needs_it() {
        for command in [
            "systemctl reload app",
            "systemctl restart rsyslog",
            "kill -USR1 1",
        ] {
            assert!(
                rotates(command).told(&LOG_ROTATION_RESTARTS).is_empty(),
                "{command}"
            );
        }
        let blind = rotates("").with(|it| it.rotations = forbidden("/etc/logrotate.d"));
        assert_eq!((LOG_ROTATION_RESTARTS.check)(&blind).unseen.len(), 1);
    }
}
