//! What it takes to have a unit run, or run otherwise: as commands for people and as measures.

use crate::{Case, Measure, case::PeerSight, evidence::quote, topology::BackendKind};
use host::looks::Unit;

/// The command that tests the backend's config and starts its unit.
pub fn start_command(case: &Case, peer: &PeerSight, unit: &Unit) -> String {
    let start = format!("systemctl start {}", quote(&unit.name));
    match config_test_command(case, peer, unit) {
        Some(test) => format!("{test} && {start}"),
        None => start,
    }
}

/// The command that tests the backend's own config, where its kind has one.
pub fn config_test_command(case: &Case, peer: &PeerSight, unit: &Unit) -> Option<String> {
    if let Some(test) = case.config_test(&unit.name) {
        return Some(test.command.clone());
    }
    let binary = unit
        .exec_start
        .split(' ')
        .next()
        .filter(|it| it.contains("php-fpm"));
    match peer.backend.as_ref()?.kind? {
        BackendKind::PhpFpm => Some(format!("{} -t", quote(binary.unwrap_or("php-fpm")))),
        BackendKind::Apache => Some("apachectl configtest".to_owned()),
        _ => None,
    }
}

/// Starts a unit, unmasked first where it is masked; `None` where its own config test is known to fail.
pub fn start(case: &Case, unit: &Unit) -> Option<Vec<Measure>> {
    let refuses = case.config_test(&unit.name).is_some_and(|test| !test.passed);
    let name = unit.name.clone();
    let masked = (unit.load_state == "masked").then(|| Measure::Unmask { unit: name.clone() });
    let measures = masked.into_iter().chain([Measure::Start { unit: name }]);
    (!refuses).then(|| measures.collect())
}

/// The unit with another value for an option of its command line (`--timeout 2`, `--timeout=2`), by a drop-in.
///
/// systemd shows a command line without its quotes and with its `%` resolved; only one that can be written back as it
/// is shown is touched.
pub fn set_option(unit: &Unit, names: &[&str], value: &str) -> Option<Vec<Measure>> {
    let words: Vec<&str> = unit.exec_start.split(' ').collect();
    let at = words.iter().position(|word| names.contains(&option_of(word)))?;
    let joined = words.get(at)?.contains('=');
    let mut changed = words.clone();
    let with = format!("{}={value}", option_of(words.get(at)?));
    *changed.get_mut(if joined { at } else { at + 1 })? = if joined { &with } else { value };
    (is_as_written(unit) && changed != words).then(|| {
        let values = vec![String::new(), changed.join(" ")];
        vec![setting(unit, "ExecStart", values)]
    })
}

/// `--timeout` of `--timeout=2`
fn option_of(word: &str) -> &str {
    word.split('=').next().unwrap_or(word)
}

/// One command, no prefix, no words that would have to be quoted.
fn is_as_written(unit: &Unit) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " _-./:,=@+".contains(c);
    let shown = unit.property("ExecStart");
    let program = unit.exec_start.split(' ').next().unwrap_or_default();
    unit.exec_start.chars().all(plain)
        && !unit.exec_start.contains("  ")
        && shown.matches("path=").count() == 1
        && shown.contains(&format!("path={program} ;"))
        && shown.contains("ignore_errors=no")
}

/// `[Service] KEY=VALUE` of a unit.
pub fn setting(unit: &Unit, key: &str, values: Vec<String>) -> Measure {
    Measure::UnitSet {
        unit: unit.name.clone(),
        section: "Service".into(),
        key: key.into(),
        values,
    }
}

/// Stops and starts a unit that is not stuck.
pub fn restart(unit: &Unit) -> Measure {
    Measure::Restart {
        unit: unit.name.clone(),
        forensics: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(exec: &str, shown: &str) -> Unit {
        let mut unit = crate::testing::running_unit("app.service");
        unit.exec_start = exec.into();
        unit.properties.insert("ExecStart".into(), shown.into());
        unit
    }

    #[track_caller]
    fn check(exec: &str, expect: Option<&str>) {
        let shown = format!("{{ path=/opt/gunicorn ; argv[]={exec} ; ignore_errors=no ; start_time=[n/a] }}");
        let got = set_option(&unit(exec, &shown), &["--timeout", "-t"], "58");
        let expect = expect.map(|exec| {
            vec![setting(
                &unit("", ""),
                "ExecStart",
                vec![String::new(), exec.into()],
            )]
        });
        assert_eq!(got, expect, "{exec}");
    }

    #[test]
    fn an_option_is_set_where_the_command_line_can_be_written_back() {
        check(
            "/opt/gunicorn --timeout 2 a:b",
            Some("/opt/gunicorn --timeout 58 a:b"),
        );
        check(
            "/opt/gunicorn --timeout=2 a:b",
            Some("/opt/gunicorn --timeout=58 a:b"),
        );
        check("/opt/gunicorn -t 2 a:b", Some("/opt/gunicorn -t 58 a:b"));
        check("/opt/gunicorn --timeout 58 a:b", None);
        check("/opt/gunicorn a:b", None);
        check("/opt/gunicorn --timeout", None);
        check("/opt/gunicorn --timeout 2 --name my shop's", None);
        check("/opt/gunicorn --timeout 2 --log %h", None);
        check("/bin/sh -t 2 x", None);
    }

    #[test]
    fn two_commands_and_forgiven_errors_are_left_alone() {
        let exec = "/opt/gunicorn -t 2 a:b";
        for shown in [
            "{ path=/opt/gunicorn ; argv[]=/opt/gunicorn -t 2 a:b ; ignore_errors=yes ; x }",
            "{ path=/bin/a ; argv[]=/bin/a ; ignore_errors=no } { path=/opt/gunicorn ; ignore_errors=no }",
        ] {
            assert_eq!(set_option(&unit(exec, shown), &["-t"], "58"), None);
        }
    }
}
