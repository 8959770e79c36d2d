//! Code that nobody of the house wrote: hidden in what it decodes, and lying where only visitors' files belong. Facts only.

use host::Timestamp;
use std::path::{Path, PathBuf};

/// Directories of a site that hold what visitors or editors sent in, and no code.
const UPLOADS: &[&str] = &["upload", "uploads", "attachments", "avatars"];
/// What programs write there themselves, code included.
const OWN_WRITING: &[&str] = &["cache", "caches", "compiled", "tmp", "twig"];
/// Code that runs what it decodes first, as it reads without blanks and in lower case.
const LOADERS: &[&str] = &[
    "eval(base64_decode(",
    "eval(gzinflate(",
    "eval(gzuncompress(",
    "eval(str_rot13(",
    "eval(strrev(",
    "eval(hex2bin(",
    "eval('?>'.base64_decode(",
    "eval(\"?>\".base64_decode(",
    "eval('?>'.gzinflate(",
    "eval(\"?>\".gzinflate(",
    "assert(base64_decode(",
];
/// Code that runs what a visitor sends. Programs of a house decode their own code now and then, a licence check say; none of
/// them does this.
const DOORS: &[&str] = &[
    "eval($_post[",
    "eval($_request[",
    "eval($_cookie[",
    "eval($_get[",
    "eval($_server['http_",
    "eval($_server[\"http_",
    "assert($_post[",
    "assert($_request[",
    "assert($_cookie[",
    "assert($_get[",
    "eval(base64_decode($_post[",
    "eval(base64_decode($_request[",
    "eval(base64_decode($_cookie[",
    "eval(base64_decode($_get[",
    "eval(base64_decode($_server['http_",
    "eval(stripslashes($_post[",
    "eval(stripslashes($_request[",
];

/// A file of code that a complaint names, or that lies beside one among uploads, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeFile {
    /// Where.
    pub path: PathBuf,
    /// When it was last changed.
    pub modified: Timestamp,
    /// It runs what it decodes first, or what it is sent, by these words.
    pub loader: Option<&'static str>,
}

/// Absolute paths of PHP files in a complaint: hostile.
pub fn named(text: &str) -> Vec<PathBuf> {
    let words = text.split(|c: char| c.is_whitespace() || "()'\"`,;:[]<>".contains(c));
    let files = words.filter(|word| word.starts_with('/') && word.len() < 1024);
    let php = files.filter(|word| word.ends_with(".php") || word.ends_with(".phtml"));
    php.map(PathBuf::from).collect()
}

/// The directory of uploads that a path lies in, where no program writes code of its own.
pub fn upload_dir(path: &Path) -> Option<&Path> {
    let is_one_of = |it: &Path, names: &[&str]| {
        let name = it
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        names.contains(&&*name)
    };
    let mut above = path.ancestors().skip(1);
    if path.ancestors().skip(1).any(|it| is_one_of(it, OWN_WRITING)) {
        return None;
    }
    above.find(|it| is_one_of(it, UPLOADS))
}

/// Those words let in whoever knows them: what is run is what a visitor sends.
pub fn is_door(loader: &str) -> bool {
    DOORS.contains(&loader)
}

/// What failed are not lines of this file but code that it ran: `/var/www/s/x.php(3) : eval()'d code`.
pub fn is_run_by(text: &str, path: &Path) -> bool {
    let name = format!("{}(", path.display());
    text.match_indices(&name).any(|(at, _)| {
        let behind = text.get(at + name.len()..).unwrap_or_default();
        let behind = behind.trim_start_matches(|c: char| c.is_ascii_digit());
        behind.starts_with(") : eval()'d code")
    })
}

/// The words by which this code runs what it decodes first, or what it is sent.
pub fn loader(code: &str) -> Option<&'static str> {
    let bare: String = code
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '@')
        .flat_map(char::to_lowercase)
        .collect();
    let mut all = DOORS.iter().chain(LOADERS);
    all.find(|words| bare.contains(**words)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaders_are_known_by_what_they_run_first() {
        assert_eq!(
            loader("<?php @eval( gzinflate (\n base64_decode('7Vp7')));"),
            Some("eval(gzinflate(")
        );
        assert_eq!(loader("<?php EVAL($_POST['x']);"), Some("eval($_post["));
        // as it was found in a wp-config.php, in front of wp-settings.php
        assert_eq!(
            loader("/** Sets up WordPress vars. */\n@eval($_SERVER['HTTP_07F535F']);\nrequire_once 'x';"),
            Some("eval($_server['http_")
        );
        assert_eq!(
            loader("eval(base64_decode($_COOKIE['a']));"),
            Some("eval(base64_decode($_cookie[")
        );
        for plain in [
            "<?php return eval($template);",
            "<?php eval($_templates[$name]); eval($_SERVER['argv'][1]); assert($_SERVER['x']);",
            "<?php $image = base64_decode($row['logo']); // eval is evil",
            "<?php $x = gzinflate(base64_decode($data)); echo $x;",
            "",
        ] {
            assert_eq!(loader(plain), None, "{plain}");
        }
    }

    #[test]
    fn uploads_hold_no_code_and_caches_do() {
        let dir = |path| upload_dir(Path::new(path)).map(|it| it.display().to_string());
        assert_eq!(
            dir("/var/www/shop/wp-content/uploads/2026/11/thumb.php").as_deref(),
            Some("/var/www/shop/wp-content/uploads")
        );
        for path in [
            "/var/www/shop/wp-content/plugins/upload-form/form.php",
            "/var/www/shop/wp-content/uploads/cache/page.php",
            "/var/www/shop/sites/default/files/php/twig/a.php",
            "/var/www/uploads.php",
        ] {
            assert_eq!(dir(path), None, "{path}");
        }
    }

    #[test]
    fn a_complaint_names_files_and_nothing_else_is_taken_for_one() {
        let text = "PHP message: PHP Fatal error:  Uncaught Error: x in /var/www/s/uploads/t.php(3) : eval()'d code:1\nStack trace:\n#0 /var/www/s/index.php(2): include()";
        assert_eq!(
            named(text),
            [
                Path::new("/var/www/s/uploads/t.php"),
                Path::new("/var/www/s/index.php")
            ]
        );
        assert_eq!(named("in ../x.php and /etc/passwd"), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_complaint_tells_who_ran_the_code_that_failed() {
        let file = Path::new("/var/www/s/wp-config.php");
        for (text, told) in [
            (
                "Uncaught Error: x in /var/www/s/wp-config.php(31) : eval()'d code:1\nStack trace:",
                true,
            ),
            (
                "syntax error in /var/www/s/wp-config.php(31) : eval()'d code on line 1",
                true,
            ),
            (
                "x in /var/www/s/a.php(2) : eval()'d code:1\n#0 /var/www/s/wp-config.php(31): include()",
                false,
            ),
            ("x in /var/www/s/wp-config.php:31", false),
            ("/var/www/s/wp-config.php(", false),
        ] {
            assert_eq!(is_run_by(text, file), told, "{text}");
        }
    }

    #[test]
    fn hostile_text_harms_nobody() {
        for text in [
            "/",
            "//.php",
            "/\u{0}.php",
            "eval(",
            "/ü/upload/.php (/x/../uploads/y.php",
            "/:.php:/",
        ] {
            let paths = named(text);
            assert!(paths.iter().all(|it| it.is_absolute()), "{text}");
            assert!(
                paths
                    .iter()
                    .all(|it| upload_dir(it).is_none_or(|dir| it.starts_with(dir))),
                "{text}"
            );
            assert_eq!(loader(text), None, "{text}");
        }
    }
}
