use super::{Checked, Hit, Level, Needs, rule};
use crate::{
    Source, service,
    survey::{Survey, file_of},
};
use host::looks::Unit;

rule! {
    /// # What it sees
    /// A service that serves a site and has `Restart=no`, which is systemd's default; Debian's php-fpm has it too.
    /// # How it becomes a 502
    /// Its main process is ended by a signal, by the out-of-memory killer, or by a bug: systemd leaves it down, and every
    /// request is 502 until a person starts it.
    /// # The change
    /// `Restart=on-failure` in a drop-in. A service that somebody stops stays stopped.
    /// # Quiet where
    /// systemd starts it again, or it is no long-running service (`Type=oneshot`), or it is not of systemd's.
    pub static UNIT_STAYS_DOWN = {
        id: "unit-stays-down",
        title: "a unit that serves is not started again when it dies",
        level: Level::Note,
        needs: Needs::Host,
        foresees: &["backend-died", "oom-kill", "worker-crash"],
        check: check,
    }
}

fn check(survey: &Survey) -> Checked {
    let units = survey.units().into_iter().map(|(.., unit)| unit);
    let hits = units
        .filter(|unit| stays_down(unit))
        .map(|unit| hit(survey, unit));
    Checked::from(hits.collect::<Vec<_>>()).blind(survey.units_unseen())
}

fn stays_down(unit: &Unit) -> bool {
    unit.is_up()
        && unit.name.ends_with(".service")
        && unit.restart == "no"
        && unit.property("Type") != "oneshot"
}

fn hit(survey: &Survey, unit: &Unit) -> Hit {
    let name = &unit.name;
    let sites = survey.sites_of(name).join(", ");
    let set = service::setting(unit, "Restart", vec!["on-failure".into()]);
    Hit::new(
        name,
        file_of(unit),
        format!("{name} serves {sites} and has Restart=no"),
        Source::unit(name),
    )
    .why("when its main process is killed or crashes it stays down: 502 until a person starts it")
    .change(format!(
        "[Service] Restart=on-failure in a drop-in (systemctl edit {name})"
    ))
    .remedy(
        format!("have systemd start {name} again when it dies"),
        Some(vec![set]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    fn told(change: impl FnOnce(&mut Unit)) -> Vec<String> {
        Survey::of(Fixture::php_fpm().unit(change)).told(&UNIT_STAYS_DOWN)
    }

    #[test]
    fn fires_by_systemds_default() {
        assert_eq!(told(|_| ()), ["php8.2-fpm.service"]);
    }

    #[test]
    fn stays_quiet_where_it_comes_back() {
        for restart in ["always", "on-failure", "on-abort", "on-abnormal"] {
            assert!(told(|unit| unit.restart = restart.into()).is_empty(), "{restart}");
        }
        assert!(told(|unit| drop(unit.properties.insert("Type".into(), "oneshot".into()))).is_empty());
        assert!(told(|unit| unit.active_state = "failed".into()).is_empty());
    }
}
