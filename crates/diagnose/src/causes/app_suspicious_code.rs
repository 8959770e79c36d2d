use crate::{
    Case, Class, Evidence, Opinion, Rank, Source, Symptom,
    cause::{Group, Told, cause},
    code::{self, CodeFile},
    evidence::quote,
    words::clip,
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// Code in the web root changed outside any deploy or package: obfuscated loaders, scripts in upload directories.
    /// Pages fail, mail goes out, the pool is busy with strangers' work.
    /// # How to tell
    /// Files newer than the deploy; `eval(base64_decode(` and its like; PHP in directories that only hold uploads. It is
    /// said here only where PHP's own complaint about a failure names such a file, the file lies among uploads, and what
    /// is in it unpacks code and runs it.
    /// # Fix
    /// Take the list to a person; keep copies; restore from a known good state.
    /// # Not this if
    /// The change belongs to a deploy or a package, or a program keeps compiled templates or a cache there.
    pub static APP_SUSPICIOUS_CODE = {
        id: "app-suspicious-code",
        title: "code that hides what it does lies among the uploads",
        group: Group::Application,
        class: Class::Never,
        share_of: share_of,
        phrases: &[("base64_decode", 80), ("eval(", 70), ("gzinflate", 85)],
        effect_of: &[],
        settled_by: ("list what changed lately", "find /var/www -name \"*.php\" -newermt \"-7 days\" | head"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["app-suspicious-code"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text) if text.contains("eval()'d code") => 60,
        _ => 0,
    }
}

/// Files named in the advice.
const LISTED: usize = 8;

fn weigh(case: &Case) -> Opinion {
    let found = case
        .symptoms
        .iter()
        .rev()
        .find_map(|symptom| named(case, symptom));
    let Some((symptom, said, file, loader)) = found else {
        return Opinion::none();
    };
    let path = file.path.display().to_string();
    let dir = code::upload_dir(&file.path).unwrap_or(&file.path);
    let evidence = vec![
        Evidence::supports(
            Rank::Strong,
            format!("PHP said at {}: {}", symptom.last, clip(said)),
            Source::log(&symptom.log, "FastCGI sent in stderr"),
        ),
        Evidence::supports(
            Rank::Strong,
            format!(
                "{path} runs what it decodes first: {loader}…; last changed at {}",
                file.modified
            ),
            Source::command(format!("head -c 400 {}", quote(&path))),
        ),
        Evidence::supports(
            Rank::Strong,
            format!("it is code, and lies among uploads ({})", dir.display()),
            Source::command(format!("ls -l {}", quote(&path))),
        ),
    ];
    Opinion {
        says: format!("{path} lies among uploads and runs code that it hides"),
        subject: path,
        evidence,
    }
}

/// PHP's complaint, a file among uploads that it names, and how that one runs what it hides.
fn named<'a>(
    case: &'a Case,
    symptom: &'a Symptom,
) -> Option<(&'a Symptom, &'a str, &'a CodeFile, &'static str)> {
    let Trouble::BackendStderr(said) = symptom.trouble()? else {
        return None;
    };
    let paths = code::named(said);
    let mut files = case.world.code.iter().filter(|it| paths.contains(&it.path));
    files.find_map(|file| Some((symptom, said.as_str(), file, file.loader?)))
}

/// All that looks like it, for a person to look at.
fn advise(case: &Case) -> String {
    let hides = case.world.code.iter().filter(|it| it.loader.is_some());
    let files: Vec<String> = hides.map(|it| quote(&it.path.to_string_lossy())).collect();
    let listed: Vec<String> = files.iter().take(LISTED).cloned().collect();
    format!(
        "treat the site as broken into: keep a copy first (tar czf /root/suspects.tar.gz {0}), show the list to whoever is \
         responsible, look for what runs them (grep -rl uploads --include='*.php' of the site), restore the site from a \
         known good state, and change its passwords. To set aside: {0}. Nothing is moved or deleted for you",
        listed.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use crate::{
        code::CodeFile,
        testing::{Fixture, NOW},
    };

    const SAID: &str = "PHP message: PHP Fatal error:  Uncaught Error: Call to undefined function create_function() in \
                        /var/www/shop/uploads/2026/t.php(1) : eval()'d code:1";

    fn holds(fixture: Fixture, path: &str, loader: Option<&'static str>) -> Fixture {
        fixture.with(|it| {
            it.world.code = vec![CodeFile {
                path: path.into(),
                modified: NOW,
                loader,
            }];
        })
    }

    #[test]
    fn fires_where_the_failing_code_hides_among_uploads() {
        let path = "/var/www/shop/uploads/2026/t.php";
        let loader = Some("eval(gzinflate(");
        holds(Fixture::php_fpm().php_says(SAID), path, loader).check("found app-suspicious-code");
        holds(Fixture::php_fpm().php_says(SAID).others_succeed(), path, loader)
            .check("found app-suspicious-code <- app-bug");
        let case = holds(Fixture::php_fpm().php_says(SAID), path, loader).case();
        assert!(super::advise(&case).contains(&format!("To set aside: {path}.")));
    }

    #[test]
    fn stays_quiet_about_plain_code_and_about_what_no_failure_names() {
        let path = "/var/www/shop/uploads/2026/t.php";
        holds(Fixture::php_fpm().php_says(SAID), path, None).check_not("app-suspicious-code");
        let other = "PHP message: PHP Fatal error:  Uncaught Error: x in /var/www/shop/index.php:4";
        holds(Fixture::php_fpm().php_says(other), path, Some("eval(gzinflate("))
            .check_not("app-suspicious-code");
        holds(Fixture::php_fpm().refused(), path, Some("eval(gzinflate(")).check_not("app-suspicious-code");
    }
}
