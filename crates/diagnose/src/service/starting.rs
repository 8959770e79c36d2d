//! What there is to say of a unit that does not get through its start: how its runs end, and the reason it gives.

use super::{SHORT, ending, last_run, last_words};
use crate::{
    Case, Evidence, Rank, Source, backend_log,
    evidence::quote,
    exception,
    words::{clip, count, span},
    world::Said,
};
use host::looks::Unit;

/// Its state, how its last run ended, and how short that was.
pub fn state(unit: &Unit) -> Evidence {
    let state = format!("{} ({})", unit.active_state, unit.sub_state);
    let lived = match last_run(unit) {
        Some((began, time)) if time <= SHORT => {
            format!("; its last run began at {began} and lasted {}", span(time))
        }
        _ => String::new(),
    };
    let says = format!("{} is {state}, ended with {}{lived}", unit.name, ending(unit));
    Evidence::supports(Rank::Decisive, says, Source::unit(&unit.name))
}

/// How often systemd has started it again by itself.
pub fn restarts(unit: &Unit) -> Option<Evidence> {
    let show = format!(
        "systemctl show -p NRestarts,SubState,Result {}",
        quote(&unit.name)
    );
    let says = || {
        format!(
            "systemd has started it again {}",
            count(unit.restarts as usize, "time")
        )
    };
    (unit.restarts > 0).then(|| Evidence::supports(Rank::Strong, says(), Source::command(show)))
}

/// What it said before it ended, and what its config test says: for a fault of the program, against one where the
/// configuration is refused.
pub fn reasons(case: &Case, unit: &Unit) -> Vec<Evidence> {
    let words = last_words(case, unit);
    let place = words.iter().rev().find_map(|line| backend_log::place(line.text));
    let told = backend_log::telling(&words).map(|line| exception::told(line, place.as_deref()));
    let told = told.into_iter().chain(sound_config(case, unit));
    told.chain(bad_config(case, unit, &words)).collect()
}

/// The line that tells why, for a sentence: `: ModuleNotFoundError: …`.
pub fn because(case: &Case, unit: &Unit) -> String {
    let words = last_words(case, unit);
    let line = backend_log::telling(&words);
    line.map(|line| format!(": {}", clip(line.text)))
        .unwrap_or_default()
}

fn sound_config(case: &Case, unit: &Unit) -> Option<Evidence> {
    let test = case.config_test(&unit.name).filter(|test| test.passed)?;
    Some(Evidence::supports(
        Rank::Hint,
        "its own config test passes",
        Source::command(test.command.clone()),
    ))
}

fn bad_config(case: &Case, unit: &Unit, words: &[Said<'_>]) -> Option<Evidence> {
    let test = case.config_test(&unit.name).filter(|test| !test.passed);
    let tested = test.map(|test| (test.says.as_str(), Source::command(test.command.clone())));
    let line = words.iter().find(|line| backend_log::is_bad_config(line.text));
    let (refusal, source) = tested.or(line.map(|line| (line.text, line.source.clone())))?;
    let says = format!("it refuses its own configuration: {}", clip(refusal));
    Some(Evidence::refutes(Rank::Decisive, says, source))
}
