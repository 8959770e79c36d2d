use super::{Checked, Hit, Level, Needs, rule};
use crate::{
    Measure, Source,
    evidence::quote,
    survey::{Survey, file_of},
};
use host::looks::Unit;

rule! {
    /// # What it sees
    /// A unit that serves a site now, is `disabled`, and that no socket, target or other unit pulls in.
    /// # How it becomes a 502
    /// At the next boot nginx starts and the backend does not: 502 for every request, with nothing in the backend's log.
    /// # The change
    /// `systemctl enable`.
    /// # Quiet where
    /// It is enabled, static, generated, or another unit wants it; a socket unit that is enabled starts it.
    pub static UNIT_NOT_ENABLED = {
        id: "unit-not-enabled",
        title: "a unit that serves is not started at boot",
        level: Level::Warning,
        needs: Needs::Host,
        foresees: &["backend-not-enabled"],
        check: check,
    }
}

fn check(survey: &Survey) -> Checked {
    let units = survey.units().into_iter().map(|(.., unit)| unit);
    let hits = units
        .filter(|unit| is_left_out(survey, unit))
        .map(|unit| hit(survey, unit));
    Checked::from(hits.collect::<Vec<_>>()).blind(survey.units_unseen())
}

fn is_left_out(survey: &Survey, unit: &Unit) -> bool {
    let wanted = ["WantedBy", "RequiredBy"]
        .iter()
        .any(|by| !unit.property(by).is_empty());
    let mut triggers = unit.property("TriggeredBy").split_whitespace();
    // of one that was not looked at we don't know that it is disabled
    let triggered = triggers.any(|socket| {
        survey
            .world
            .unit(socket)
            .is_none_or(|it| it.file_state != "disabled")
    });
    unit.is_up() && unit.file_state == "disabled" && !wanted && !triggered
}

fn hit(survey: &Survey, unit: &Unit) -> Hit {
    let name = &unit.name;
    let sites = survey.sites_of(name).join(", ");
    let enable = Measure::Enable { unit: name.clone() };
    Hit::new(
        name,
        file_of(unit),
        format!("{name} serves {sites} and is not enabled"),
        Source::unit(name),
    )
    .why("after the next boot nobody starts it: 502 for every request")
    .change(format!("systemctl enable {}", quote(name)))
    .remedy(format!("have {name} started at boot"), Some(vec![enable]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    fn told(change: impl FnOnce(&mut Unit)) -> Vec<String> {
        let disabled = Fixture::gunicorn().unit(|unit| unit.file_state = "disabled".into());
        Survey::of(disabled.unit(change)).told(&UNIT_NOT_ENABLED)
    }

    #[test]
    fn fires_where_nobody_starts_it() {
        assert_eq!(told(|_| ()), ["app.service"]);
    }

    #[test]
    fn stays_quiet_where_somebody_does() {
        for state in ["enabled", "static", "generated", "enabled-runtime"] {
            assert!(told(|unit| unit.file_state = state.into()).is_empty(), "{state}");
        }
        for (by, who) in [
            ("WantedBy", "shop.target"),
            ("RequiredBy", "x.service"),
            ("TriggeredBy", "app.socket"),
        ] {
            assert!(
                told(|unit| drop(unit.properties.insert(by.into(), who.into()))).is_empty(),
                "{by}"
            );
        }
        assert!(told(|unit| unit.active_state = "inactive".into()).is_empty());
    }

    #[test]
    fn stays_quiet_and_says_so_where_units_were_not_seen() {
        let blind = Fixture::gunicorn().with(|it| it.world.units = crate::testing::forbidden("units"));
        assert_eq!((UNIT_NOT_ENABLED.check)(&Survey::of(blind)).unseen.len(), 1);
    }
}
