use super::{Checked, Hit, Level, Needs, rule};
use crate::{
    Source,
    evidence::quote,
    survey::{Survey, Update},
    words::count,
};

rule! {
    /// # What it sees
    /// Packages whose files nginx or a serving backend runs, and for which apt's lists on this disk have a newer version in
    /// the archive of security updates. Nothing is fetched.
    /// # How it becomes a 502
    /// By itself it does not; somebody else may make it one. And it will be installed some night: then the package restarts
    /// its service, and what it replaces under others' feet must be restarted too.
    /// # The change
    /// `apt-get install --only-upgrade` of these at a quiet hour, then a look at what still runs the old files.
    /// # Quiet where
    /// Nothing that serves has one. Lists that are old, or not there, can't tell: it then says so.
    pub static SECURITY_UPDATES = {
        id: "security-updates",
        title: "what serves has security updates that are not installed",
        level: Level::Note,
        needs: Needs::Host,
        foresees: &["backend-restart-window"],
        check: check,
    }
}

/// Names shown of one unit.
const SHOWN: usize = 6;

fn check(survey: &Survey) -> Checked {
    let updates = match &survey.updates {
        Ok(updates) => updates,
        Err(unseen) => return Checked::default().blind([unseen.clone()]),
    };
    let mut units: Vec<&String> = updates.pending.iter().flat_map(|update| &update.units).collect();
    units.sort();
    units.dedup();
    let hits = units.into_iter().map(|unit| {
        let of = |update: &&Update| update.units.contains(unit);
        hit(unit, &updates.pending.iter().filter(of).collect::<Vec<_>>())
    });
    Checked::from(hits.collect::<Vec<_>>()).blind(unread(survey))
}

/// Where maps could not be read, an update may belong to what serves all the same.
fn unread(survey: &Survey) -> Option<host::Unseen> {
    let pending = survey
        .updates
        .as_ref()
        .is_ok_and(|updates| !updates.pending.is_empty());
    let mut unread = survey
        .mapped
        .iter()
        .filter_map(|it| it.files.as_ref().err().cloned());
    unread.next().filter(|_| pending)
}

fn hit(unit: &str, updates: &[&Update]) -> Hit {
    let name = |update: &&Update| format!("{} {} -> {}", update.package, update.installed, update.candidate);
    let mut shown: Vec<String> = updates.iter().take(SHOWN).map(name).collect();
    if updates.len() > SHOWN {
        shown.push(format!("and {} more", updates.len() - SHOWN));
    }
    let packages: Vec<String> = updates.iter().map(|update| quote(&update.package)).collect();
    let says = format!(
        "{unit} runs files of {} with security updates: {}",
        count(updates.len(), "package"),
        shown.join(", ")
    );
    Hit::new(
        unit,
        None,
        says,
        Source::command("apt list --upgradable 2>/dev/null | grep security"),
    )
    .why(
        "they will be installed some night, and restart what serves; until then it is open to what they mend",
    )
    .change(format!("apt-get install --only-upgrade {}", packages.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        survey::Updates,
        testing::{Fixture, forbidden},
    };

    fn pending(units: &[&str]) -> Survey {
        let update = Update {
            package: "libssl3".into(),
            installed: "3.0.11-1".into(),
            candidate: "3.0.15-1".into(),
            units: units.iter().map(|unit| (*unit).to_owned()).collect(),
        };
        let updates = Updates {
            pending: vec![update],
            lists: Vec::new(),
        };
        Survey::of(Fixture::gunicorn()).with(|it| it.updates = Ok(updates))
    }

    #[test]
    fn fires_once_a_unit() {
        let told = pending(&["nginx.service", "app.service"]).told(&SECURITY_UPDATES);
        assert_eq!(told, ["app.service", "nginx.service"]);
    }

    #[test]
    fn stays_quiet_where_nothing_that_serves_has_one() {
        assert!(pending(&[]).told(&SECURITY_UPDATES).is_empty());
        let blind = pending(&[]).with(|it| it.updates = forbidden("lists"));
        assert_eq!((SECURITY_UPDATES.check)(&blind).unseen.len(), 1);
    }
}
