//! What the root of a case is offered to be mended by, each remedy in a line.

use super::Fixture;
use crate::{Class, Finding, Measure, Remedy, Role, causes, judge::judge};

impl Fixture {
    /// Judges with every cause; the root offers exactly these remedies: `ask: start a.service`, `auto relief: …`, with
    /// the measures as [`brief`] shows them.
    #[track_caller]
    pub fn offers(self, expect: &[&str]) {
        let verdict = judge(&[self.case()], causes::ALL);
        let root = verdict.findings.iter().find(|it| it.role == Role::Root);
        let got: Vec<String> = root.iter().flat_map(|it| &it.remedies).map(shown).collect();
        assert_eq!(got, expect, "{:#?}", verdict.findings);
    }
}

/// What holds for every remedy of every cause.
#[track_caller]
pub(super) fn is_sound(finding: &Finding) {
    let untouched = matches!(finding.class, Class::Never | Class::Inform);
    assert!(!untouched || finding.remedies.is_empty(), "{finding:#?}");
    for Remedy {
        title,
        class,
        measures,
        ..
    } in &finding.remedies
    {
        assert!(!measures.is_empty(), "{title} does nothing");
        assert!(
            title.starts_with(|c: char| c.is_ascii_lowercase()) && !title.contains('\n'),
            "{title:?}"
        );
        assert!(
            *class == Class::Ask || (*class == Class::Auto && finding.class == Class::Auto),
            "{title} is laxer than {}",
            finding.cause
        );
    }
}

fn shown(remedy: &Remedy) -> String {
    let class = format!("{:?}", remedy.class).to_lowercase();
    let relief = if remedy.relief { " relief" } else { "" };
    let measures: Vec<String> = remedy.measures.iter().map(brief).collect();
    format!("{class}{relief}: {}", measures.join("; "))
}

/// A measure in a few words.
fn brief(measure: &Measure) -> String {
    match measure {
        Measure::Start { unit } => format!("start {unit}"),
        Measure::Stop { unit } => format!("stop {unit}"),
        Measure::Unmask { unit } => format!("unmask {unit}"),
        Measure::Enable { unit } => format!("enable {unit}"),
        Measure::Linger { user, .. } => format!("let {user} linger"),
        Measure::Restart { unit, forensics } if forensics.is_empty() => format!("restart {unit}"),
        Measure::Restart { unit, forensics } => format!("restart {unit} after {forensics:?}"),
        Measure::Reload { unit } => format!("reload {unit}"),
        Measure::ReloadNginx { .. } => "reload nginx".into(),
        Measure::QuitNginx { master } => format!("quit nginx {master}"),
        Measure::EndProcesses { pids } => format!("end {pids:?}"),
        Measure::NginxReplace { at, old, new } => format!("{at} {old} -> {new}"),
        Measure::NginxSet { beside, name, value } => format!("{beside} {name} {value}"),
        Measure::NginxLimit { .. } | Measure::NginxCache { .. } | Measure::Ban { .. } => of_traffic(measure),
        Measure::IniSet {
            file,
            section,
            key,
            value,
        } => format!("{} [{section}] {key} = {value}", file.display()),
        Measure::ApacheSet { directive, value } => format!("{directive} {value}"),
        Measure::Listen { claim, to } => format!("{} listen {to}", claim.written),
        Measure::UnitSet {
            unit, key, values, ..
        } => format!("{unit} {key}={}", values.join("|")),
        Measure::RestoreBackup { file, .. } => format!("restore {}", file.display()),
        Measure::CommentOut { at } => format!("comment out {at}"),
        Measure::Access { path, mode, uid, gid } => {
            let mode = mode.map_or("-".into(), |mode| format!("{mode:o}"));
            let id = |id: &Option<u32>| id.map_or("-".into(), |id| id.to_string());
            format!("{} {mode} {}:{}", path.display(), id(uid), id(gid))
        }
        Measure::Sysctl { key, value } => format!("{key} = {value}"),
        Measure::SelinuxBoolean { name, on } => format!("selinux {name} {}", if *on { "on" } else { "off" }),
        Measure::SelinuxPort { port, name } => format!("selinux port {port} {name}"),
        Measure::Accept { rule, to } => format!("accept {to} before {}", rule.place),
        Measure::Resolver { servers } => format!("ask {servers:?}"),
        other => format!("{other:?}"),
    }
}

/// What is done about too many requests.
fn of_traffic(measure: &Measure) -> String {
    match measure {
        Measure::NginxLimit {
            file, of, allowed, ..
        } => {
            let of = match of {
                crate::Limited::Route { method, path } => format!("{method} {path}"),
                crate::Limited::Agent(agent) => agent.clone(),
            };
            let allowed = match allowed {
                crate::Allowance::Each { per_minute, burst } => format!("{per_minute}/min burst {burst}"),
                crate::Allowance::Together(most) => format!("{most} together"),
            };
            format!("{} {allowed}: {of}", file.display())
        }
        Measure::NginxCache {
            file, paths, seconds, ..
        } => format!("{} keeps {} for {seconds} s", file.display(), paths.join(" ")),
        Measure::Ban {
            addresses,
            ports,
            minutes,
        } => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            format!("refuse {} on {ports:?} for {minutes} min", addresses.join(" "))
        }
        other => format!("{other:?}"),
    }
}
