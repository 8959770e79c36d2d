use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, backend_log,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    service::{self, Down},
    topology::Place,
    words::clip,
};
use host::looks::Unit;
use logscan::{Complaint, Trouble};
use std::path::Path;

cause! {
    /// # What happens
    /// Apache does not start because a ModSecurity, mod_evasive or access rule can't be parsed: a pattern that does not
    /// compile, an action that does not exist, an address that is none. It shows at the next restart, or at a reboot,
    /// perhaps weeks after the edit. nginx in front of it gets errno 111.
    /// # How to tell
    /// `apachectl configtest` names a rule file: `AH00526: Syntax error on line N of …`, on the next line `Error creating
    /// rule: …`, `Error parsing actions: …`, `ip address '…' appears to be invalid`. A stop of Apache fails for the same
    /// reason (`Action 'graceful-stop' failed`), and systemd then kills it.
    /// # Fix
    /// Repair or take out the rule it names, run configtest again, start Apache. A broken access rule is repaired, never
    /// taken out: without it the place it guards is open.
    /// # Not this if
    /// configtest passes, or names another part of the configuration (backend-bad-config).
    pub static APACHE_FIREWALL_SYNTAX = {
        id: "apache-firewall-syntax",
        title: "Apache's firewall rules have a syntax error",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("error creating rule", 90), ("modsecurity: ", 40), ("mod_evasive", 40), ("error parsing actions", 70)],
        effect_of: &[],
        settled_by: ("let Apache test its own configuration", "apachectl configtest"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["apache-firewall-syntax"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(errno::ECONNREFUSED) if complaint.tcp().is_some() => 1,
        _ => 0,
    }
}

/// What the broken line is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// ModSecurity, mod_evasive: a filter of requests.
    Filter,
    /// Who may come in: `Require`, `Allow`, `Deny`, `Order`.
    Access,
}

/// ModSecurity's and mod_evasive's own words (apache2_config.c, re.c of ModSecurity 2), and their directives.
const FILTER: &[&str] = &[
    "Error creating rule:",
    "Error parsing actions:",
    "Error compiling pattern",
    "Error creating rule ",
    "ModSecurity: ",
    "Invalid command 'Sec",
    "Invalid command 'DOS",
    "Invalid value for Sec",
    "SecRule",
    "SecAction",
];
/// mod_authz_core's, mod_authz_host's and mod_access_compat's.
const ACCESS: &[&str] = &[
    "' appears to be invalid",
    "Unknown Authz provider",
    "allow and deny must be followed by 'from'",
    "unknown order",
    "Require directive",
    "Invalid command 'Require",
    "Invalid command 'Allow",
    "Invalid command 'Deny",
    "Invalid command 'Order",
];
/// Names of directories and files that hold nothing but such rules.
const PLACES: &[&str] = &[
    "modsecurity",
    "mod_security",
    "mod-security",
    "modsec",
    "crs",
    "evasive",
];

fn rule(says: &str, file: Option<&Path>) -> Option<Rule> {
    let holds = |table: &[&str]| table.iter().any(|mark| says.contains(mark));
    let parts = file.into_iter().flat_map(Path::components);
    let mut names = parts.map(|part| part.as_os_str().to_string_lossy().to_lowercase());
    let among_rules = names.any(|name| PLACES.iter().any(|place| name.contains(place)));
    if holds(FILTER) || among_rules {
        return Some(Rule::Filter);
    }
    holds(ACCESS).then_some(Rule::Access)
}

/// Apache down for such a line.
struct Refused<'a> {
    peer: &'a PeerSight,
    unit: &'a Unit,
    rule: Rule,
    says: String,
    place: Option<Place>,
    /// Its own test says so; else its last start did.
    tested: bool,
}

fn refused(case: &Case) -> Option<Refused<'_>> {
    let (peer, unit) = service::failing_start(case).or_else(|| service::unserved_by(case, Down::Ended))?;
    let (says, place, tested) = match case.config_test(&unit.name) {
        Some(test) if test.passed => return None,
        Some(test) => (test.says.clone(), test.place.clone(), true),
        None => at_start(case, unit).map(|(says, place)| (says, place, false))?,
    };
    let rule = rule(&says, place.as_ref().map(|place| place.file.as_path()))?;
    Some(Refused {
        peer,
        unit,
        rule,
        says,
        place,
        tested,
    })
}

/// Apache says where on one line and what on the next.
fn at_start(case: &Case, unit: &Unit) -> Option<(String, Option<Place>)> {
    let words = service::last_words(case, unit);
    let at = words
        .iter()
        .rposition(|line| line.text.contains("Syntax error on line"))?;
    let text: Vec<&str> = words.iter().skip(at).take(2).map(|line| line.text).collect();
    let place = backend_log::place(text.first()?).and_then(|place| {
        let (file, line) = place.rsplit_once(':')?;
        Some(Place::line(Path::new(file), line.parse().ok()?))
    });
    Some((text.join(" "), place))
}

fn weigh(case: &Case) -> Opinion {
    let Some(refused) = refused(case) else {
        return Opinion::none();
    };
    let (unit, says) = (refused.unit, clip(&refused.says));
    let (rank, source) = match case.config_test(&unit.name).filter(|_| refused.tested) {
        Some(test) => (Rank::Decisive, Source::command(test.command.clone())),
        None => (Rank::Strong, Source::journal(&unit.name)),
    };
    let place = refused.place.as_ref();
    let mut evidence = vec![Evidence::supports(
        rank,
        format!("its config test fails: {says}"),
        source,
    )];
    evidence.extend(place.map(|place| {
        let says = format!("{place} holds {}", what(refused.rule));
        Evidence::supports(Rank::Strong, says, Source::file(&place.file, Some(place.line)))
    }));
    evidence.push(Evidence::supports(
        Rank::Hint,
        format!("{} is {} ({})", unit.name, unit.active_state, unit.sub_state),
        Source::unit(&unit.name),
    ));
    let at = place.map(|place| format!(" at {place}")).unwrap_or_default();
    Opinion {
        subject: unit.name.clone(),
        says: format!(
            "{} does not start: {}{at} can't be parsed",
            unit.name,
            what(refused.rule)
        ),
        evidence,
    }
}

fn what(rule: Rule) -> &'static str {
    match rule {
        Rule::Filter => "a rule of its request filter",
        Rule::Access => "an access rule",
    }
}

fn advise(case: &Case) -> String {
    let Some(refused) = refused(case) else {
        return String::new();
    };
    let place = refused
        .place
        .map_or("the rule that configtest names".to_owned(), |it| it.to_string());
    let start = service::start_command(case, refused.peer, refused.unit);
    match refused.rule {
        Rule::Filter => format!("correct {place}, or put a # before that rule; then: {start}"),
        Rule::Access => format!(
            "correct {place}; do not take it out, it guards what would be open without it; then: {start}"
        ),
    }
}

/// The file as it was; or, of a filter, the one rule out of it.
fn remedies(case: &Case) -> Vec<Remedy> {
    let Some((refused, at)) = refused(case).and_then(|it| it.place.clone().map(|at| (it, at))) else {
        return Vec::new();
    };
    let unit = refused.unit.name.clone();
    let start = Measure::Start { unit: unit.clone() };
    let file = at.file.clone();
    let back = Remedy::ask(
        format!(
            "put back the last {} that {unit} accepts, and start it",
            file.display()
        ),
        vec![
            Measure::RestoreBackup {
                file,
                unit: unit.clone(),
            },
            start.clone(),
        ],
    );
    let out = (refused.rule == Rule::Filter).then(|| {
        let title = format!("take the rule at {at} out, and start {unit}");
        Remedy::ask(title, vec![Measure::CommentOut { at }, start])
    });
    std::iter::once(back).chain(out).collect()
}

#[cfg(test)]
mod tests {
    use crate::{testing::Fixture, topology::Place};
    use std::path::Path;

    fn fails(file: &str, says: &str) -> Fixture {
        let line = format!("AH00526: Syntax error on line 7 of {file}: {says}");
        let place = Place::line(Path::new(file), 7);
        Fixture::apache()
            .refused()
            .unit_is("failed", "exit-code")
            .ran(61, 61, "exited", 1)
            .life(&[(61, "Starting"), (61, "Failed to start")])
            .config_test(false, &line)
            .with(|it| {
                let test = it.world.config_tests.values_mut().next().expect("a test");
                test.as_mut().expect("seen").place = Some(place);
            })
    }

    const RULE: &str = "Error creating rule: Error compiling pattern (offset 1): (null)";

    #[test]
    fn fires_on_each_kind_of_rule() {
        for (file, says) in [
            ("/etc/modsecurity/bad.conf", RULE),
            (
                "/etc/apache2/sites-enabled/a.conf",
                "Error parsing actions: Unknown action: dney",
            ),
            (
                "/etc/apache2/conf-enabled/a.conf",
                "ip address '10.0.0.0/33' appears to be invalid",
            ),
            (
                "/etc/apache2/mods-enabled/evasive.conf",
                "Invalid command 'DOSPageCont'",
            ),
        ] {
            fails(file, says).check("found apache-firewall-syntax <- backend-bad-config");
        }
    }

    #[test]
    fn a_filter_rule_may_be_taken_out_and_an_access_rule_not() {
        let back = |file: &str| format!("ask: restore {file}; start apache2.service");
        let (rules, access) = ("/etc/modsecurity/bad.conf", "/etc/apache2/conf-enabled/a.conf");
        fails(rules, RULE).offers(&[
            &back(rules),
            "ask: comment out /etc/modsecurity/bad.conf:7; start apache2.service",
        ]);
        fails(access, "ip address '10.0.0.0/33' appears to be invalid").offers(&[&back(access)]);
    }

    #[test]
    fn stays_quiet_where_another_part_is_broken() {
        fails(
            "/etc/apache2/sites-enabled/ssl.conf",
            "SSLCertificateFile: file '/x' does not exist",
        )
        .check("found backend-bad-config");
    }

    #[test]
    fn stays_quiet_where_the_test_passes() {
        fails("/etc/modsecurity/bad.conf", RULE)
            .config_test(true, "Syntax OK")
            .check_not("apache-firewall-syntax");
    }
}
