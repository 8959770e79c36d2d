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
    /// Code in the web root changed outside any deploy or package: obfuscated loaders, scripts in upload directories, a
    /// line in `wp-config.php` that runs what a visitor sends. Pages fail, mail goes out, the pool is busy with strangers'
    /// work.
    /// # How to tell
    /// Files newer than the deploy; `eval(base64_decode(` and its like; PHP in directories that only hold uploads. It is
    /// said here only where PHP's own complaint about a failure names such a file, and either it lies among uploads and
    /// unpacks code and runs it, or, wherever it lies, what failed is code that it ran (`eval()'d code`) and it runs what
    /// visitors send (`eval($_SERVER['HTTP_…`). Code that a commercial plugin unpacks is neither.
    /// # Fix
    /// Take the list to a person; keep copies; restore from a known good state.
    /// # Not this if
    /// The change belongs to a deploy or a package, or a program keeps compiled templates or a cache there.
    pub static APP_SUSPICIOUS_CODE = {
        id: "app-suspicious-code",
        title: "code that nobody of the house wrote runs in the site",
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
    let runs = if code::is_door(loader) {
        "what visitors send it"
    } else {
        "what it decodes first"
    };
    let (where_it_is, says) = match code::upload_dir(&file.path) {
        Some(dir) => (
            format!("it is code, and lies among uploads ({})", dir.display()),
            format!("{path} lies among uploads and runs code that it hides"),
        ),
        None => (
            format!("what failed are no lines of {path}, but code that it ran"),
            format!("{path} runs what visitors send it"),
        ),
    };
    let evidence = vec![
        Evidence::supports(
            Rank::Strong,
            format!("PHP said at {}: {}", symptom.last, clip(said)),
            Source::log(&symptom.log, "FastCGI sent in stderr"),
        ),
        Evidence::supports(
            Rank::Strong,
            format!("{path} runs {runs}: {loader}…; last changed at {}", file.modified),
            Source::command(format!("head -c 400 {}", quote(&path))),
        ),
        Evidence::supports(
            Rank::Strong,
            where_it_is,
            Source::command(format!("ls -l {}", quote(&path))),
        ),
    ];
    Opinion {
        says,
        subject: path,
        evidence,
    }
}

/// PHP's complaint, a file that it names among uploads or as the one that ran what failed, and how that runs it.
fn named<'a>(
    case: &'a Case,
    symptom: &'a Symptom,
) -> Option<(&'a Symptom, &'a str, &'a CodeFile, &'static str)> {
    let Trouble::BackendStderr(said) = symptom.trouble()? else {
        return None;
    };
    let paths = code::named(said);
    let mut files = case.world.code.iter().filter(|it| paths.contains(&it.path));
    files.find_map(|file| {
        let loader = file.loader?;
        let is_open = code::is_door(loader) && code::is_run_by(said, &file.path);
        let hides = code::upload_dir(&file.path).is_some();
        (hides || is_open).then_some((symptom, said.as_str(), file, loader))
    })
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
    fn fires_where_a_file_of_the_site_ran_what_a_visitor_sent() {
        let config = "/var/www/shop/wp-config.php";
        let ran = "PHP message: PHP Parse error:  syntax error, unexpected end of file in /var/www/shop/wp-config.php(31) : \
                   eval()'d code on line 1";
        let door = Some("eval($_server['http_");
        let says = |said: &str, loader| holds(Fixture::php_fpm().php_says(said), config, loader);
        says(ran, door).check("found app-suspicious-code");
        // a plugin that unpacks its own code, and a door through which nothing came that failed
        says(ran, Some("eval(base64_decode(")).check_not("app-suspicious-code");
        let named = "PHP message: PHP Fatal error:  Uncaught Error: x in /var/www/shop/a.php:4\n#0 /var/www/shop/wp-config.php(31): include()";
        says(named, door).check_not("app-suspicious-code");
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
