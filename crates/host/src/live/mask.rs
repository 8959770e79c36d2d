//! Secrets do not leave a looker: in what it hands back, marks stand in their places. A login names its password by such
//! a mark, and the looker that logs in reads it again where it stands.

use super::{files, sessions::without_sessions};
use crate::{
    Answer, Look, Query, Tool, Unseen,
    answer::Bytes,
    consult::{MARK, Secret},
    query::Part,
};
use regex::bytes::{Captures, Regex};
use std::{borrow::Cow, path::Path, sync::LazyLock};

/// A file larger than this is no configuration, bytes; only what marks itself as a login is masked in it.
const LARGEST: usize = 1 << 20;
/// A secret longer than this is none.
const LONGEST: usize = 4 << 10;

/// `scheme://user:password@host`, and `://:password@host`. The last `@` counts: passwords hold them too.
static URL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?-u)://[^\s:/@'"<>\\]{0,200}:([^\s/'"<>\\\x00]{1,400})@"#).ok());

/// A name that says what its value is, up to where the value begins: `DB_PASSWORD=`, `'password' => `, `password: `,
/// `define('DB_PASSWORD', `, `env[DB_PASS] = `, `--password=`, `$dbpass = `.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = "passw(?:or)?d|passwort|passphrase|pass|pwd|secret|token|credential|api_?key|app_?key|auth_?key|private_?key|access_?key|encryption_?key|salt";
    Regex::new(&format!(
        r#"(?i-u)(?P<open>['"]?)(?P<name>[\w.\-]*(?:{words})[\w\-]*)(?P<close>['"]?)\]?[ \t]*(?P<sign>=>|=|:|,)[ \t]*[fbru]?"#
    ))
    .ok()
});

/// Calls that take a password by its place, up to the first argument: `new mysqli(`, `new PDO(`, and its place.
static CONNECT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?-u)(?:(?P<fourth>mysqli_real_connect)|(?P<third>new\s+\\?(?:mysqli|PDO)|mysqli_connect|->real_connect))\s*\(").ok()
});

/// What a stack trace repeats of a call that logs in (PHP before 8.2 prints the arguments).
static CALL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?-u)(?:mysqli_(?:real_)?connect|mysqli->(?:__construct|real_connect)|PDO->__construct|pg_p?connect|Redis->auth)\(([^()\n]{1,400})\)").ok()
});

/// The answer with marks for secrets.
pub(super) fn answer(query: &Query, answer: Answer) -> Answer {
    match (query, answer) {
        (Query::File { path, part }, Answer::File(Some(mut blob))) => {
            let bytes = blob.bytes.0;
            blob.bytes.0 = match part {
                Part::Head(_) if bytes.len() <= LARGEST => masked(path, bytes),
                _ => masked_log(bytes),
            };
            Answer::File(Some(blob))
        }
        (query, Answer::Output(mut output)) => {
            let settings = matches!(query, Query::Run(Tool::UnitsShow { .. }));
            output.stdout = Bytes(if settings {
                masked(Path::new("x.service"), output.stdout.0)
            } else {
                masked_log(output.stdout.0)
            });
            output.stderr = Bytes(masked_log(output.stderr.0));
            Answer::Output(output)
        }
        (_, Answer::Processes(mut processes)) => {
            for process in &mut processes {
                let line = std::mem::take(&mut process.cmdline).into_bytes();
                let clean = masked(Path::new("cmdline"), line);
                process.cmdline = String::from_utf8_lossy(&clean).into_owned();
            }
            Answer::Processes(processes)
        }
        (Query::Visit(_), Answer::Conversation(talk)) => Answer::Conversation(without_sessions(talk)),
        (Query::Later { look, .. }, Answer::Conversation(talk)) if matches!(**look, Query::Visit(_)) => {
            Answer::Conversation(without_sessions(talk))
        }
        (_, Answer::Conversation(mut talk)) => {
            talk.heard = Bytes(masked_log(talk.heard.0));
            Answer::Conversation(talk)
        }
        (_, other) => other,
    }
}

/// The secret itself, read again where it stands.
pub(super) fn reveal(secret: &Secret) -> Look<String> {
    let gone = |why: &str| Unseen::Unusable {
        what: format!("the password in {}", secret.file.display()),
        why: why.to_owned(),
    };
    let blob =
        files::file(&secret.file, Part::Head(LARGEST as u64))?.ok_or_else(|| gone("the file is gone"))?;
    let found = secrets(&secret.file, &blob.bytes.0);
    let found = found.into_iter().nth(secret.nth as usize);
    Ok(found.ok_or_else(|| gone("it stood there a moment ago"))?.value)
}

/// One secret in a text.
struct Found {
    /// Its place.
    start: usize,
    end: usize,
    /// As the program that reads the file understands it.
    value: String,
}

fn masked(path: &Path, bytes: Vec<u8>) -> Vec<u8> {
    let found = secrets(path, &bytes);
    if found.is_empty() {
        return bytes;
    }
    let mut clean = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for (nth, secret) in found.iter().enumerate() {
        clean.extend_from_slice(&bytes[at..secret.start]);
        clean.extend_from_slice(format!("{MARK}{nth}").as_bytes());
        at = secret.end;
    }
    clean.extend_from_slice(&bytes[at..]);
    clean
}

/// In the order of the text, none within another.
fn secrets(path: &Path, text: &[u8]) -> Vec<Found> {
    let grammar = Grammar::of(path);
    let (Some(url), Some(name)) = (URL.as_ref(), NAME.as_ref()) else {
        return Vec::new();
    };
    let of_urls = url.captures_iter(text).filter_map(|found| {
        let secret = found.get(1)?;
        (!is_reference(secret.as_bytes())).then(|| Found {
            start: secret.start(),
            end: secret.end(),
            value: percent_decoded(secret.as_bytes()),
        })
    });
    let of_names = name
        .captures_iter(text)
        .filter_map(|found| value(&grammar, &found, text));
    let of_calls = CONNECT
        .iter()
        .flat_map(|call| call.captures_iter(text))
        .filter_map(|found| argument(&found, text));
    let mut all: Vec<Found> = of_urls.chain(of_names).chain(of_calls).collect();
    all.sort_by_key(|found| (found.start, found.end));
    let mut end = 0;
    all.retain(|found| {
        let apart = found.start >= end;
        if apart {
            end = found.end;
        }
        apart
    });
    all
}

/// How values end in a kind of file.
struct Grammar {
    /// Program text: only what stands in quotes is a value.
    is_code: bool,
    /// A space ends a value: unit files.
    by_space: bool,
    /// Only NUL does: `/proc/PID/environ` and command lines.
    by_nul: bool,
}

impl Grammar {
    fn of(path: &Path) -> Self {
        let extension = path
            .extension()
            .map(|it| it.to_string_lossy())
            .unwrap_or_default();
        let is_code = matches!(
            &*extension,
            "php" | "py" | "rb" | "js" | "mjs" | "cjs" | "ts" | "pl" | "go" | "java"
        );
        let is_proc = path.starts_with("/proc") || path == Path::new("cmdline");
        Self {
            is_code,
            by_space: path.to_string_lossy().contains(".service"),
            by_nul: is_proc,
        }
    }
}

/// The value that a name announces.
fn value(grammar: &Grammar, name: &Captures<'_>, text: &[u8]) -> Option<Found> {
    let group = |key| name.name(key).map_or(&b""[..], |it| it.as_bytes());
    let start = name.get(0)?.end();
    let rest = text.get(start..)?;
    let quote = rest.first().copied().filter(|byte| matches!(byte, b'\'' | b'"'));
    let closed = !group("close").is_empty();
    match group("sign") {
        // `define('NAME', 'value')`; any other comma only lists
        b"," if !(closed && quote.is_some()) => return None,
        // `password:x` is no YAML, `/etc/passwd` is such
        b":" if quote.is_none() && !name.get(0)?.as_bytes().ends_with(b" ") => return None,
        _ => {}
    }
    let (skip, length) = match quote {
        Some(quote) => (1, closing(rest.get(1..)?, quote)?),
        // in a program only within a longer text: `"host=db password=x"`
        None if grammar.is_code => (0, keyword(group("sign"), rest)?),
        // `Environment="DB_PASSWORD=a b"`
        None if !closed && !group("open").is_empty() => (0, closing(rest, group("open")[0])?),
        None => (0, unquoted(grammar, rest)),
    };
    let value = rest.get(skip..skip + length)?;
    let is_secret = !value.is_empty() && length <= LONGEST && !is_reference(value);
    // the optional letter before a quote belongs to an unquoted value
    let lead = if quote.is_none() { lead(name) } else { 0 };
    is_secret.then(|| Found {
        start: start + skip - lead,
        end: start + skip + length,
        value: decoded(
            text.get(start + skip - lead..start + skip + length)
                .unwrap_or_default(),
            quote,
        ),
    })
}

/// The password among the arguments of a call, where it is a literal.
fn argument(call: &Captures<'_>, text: &[u8]) -> Option<Found> {
    let before = if call.name("fourth").is_some() { 3 } else { 2 };
    let mut at = call.get(0)?.end();
    for _ in 0..before {
        at += skip_argument(text.get(at..)?)?;
    }
    at += text
        .get(at..)?
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())?;
    let quote = text
        .get(at)
        .copied()
        .filter(|byte| matches!(byte, b'\'' | b'"'))?;
    let length = closing(text.get(at + 1..)?, quote)?;
    let (start, end) = (at + 1, at + 1 + length);
    let value = text.get(start..end).filter(|value| !value.is_empty())?;
    Some(Found {
        start,
        end,
        value: decoded(value, Some(quote)),
    })
}

/// Bytes up to and with the comma after an argument without brackets.
fn skip_argument(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(byte) = text.get(at).filter(|_| at < LONGEST) {
        match byte {
            b',' => return Some(at + 1),
            b'\'' | b'"' => at += 1 + closing(text.get(at + 1..)?, *byte)? + 1,
            b'(' | b')' | b';' => return None,
            _ => at += 1,
        }
    }
    None
}

/// `NAME` may have taken the first letter of a value for the prefix of a string.
fn lead(name: &Captures<'_>) -> usize {
    let taken = name.get(0).and_then(|it| it.as_bytes().last().copied());
    usize::from(taken.is_some_and(|byte| byte.is_ascii_alphabetic()))
}

/// Bytes before the closing quote.
fn closing(text: &[u8], quote: u8) -> Option<usize> {
    let mut escaped = false;
    text.iter().take(LONGEST).position(|byte| {
        let ends = !escaped && *byte == quote;
        escaped = !escaped && *byte == b'\\';
        ends
    })
}

/// `password=x` of a connection string: what ends it is a quote, a space or a semicolon.
fn keyword(sign: &[u8], text: &[u8]) -> Option<usize> {
    let ends = |byte: &u8| {
        matches!(
            byte,
            b'\'' | b'"' | b' ' | b';' | b',' | b')' | b'(' | b'[' | b'\n'
        )
    };
    let end = text.iter().position(ends)?;
    (sign == b"=" && matches!(text[end], b'\'' | b'"' | b' ' | b';')).then_some(end)
}

fn unquoted(grammar: &Grammar, text: &[u8]) -> usize {
    let line = text
        .iter()
        .position(|byte| match byte {
            0 => true,
            b'\n' | b'\r' => !grammar.by_nul,
            b' ' | b'\t' => grammar.by_space,
            _ => false,
        })
        .unwrap_or(text.len());
    let line = &text[..line];
    let comment = line.windows(2).position(|pair| matches!(pair, b" #" | b" ;"));
    let end = if grammar.by_nul { None } else { comment };
    line[..end.unwrap_or(line.len())].trim_ascii_end().len()
}

/// It names where the value is, and is none itself.
fn is_reference(value: &[u8]) -> bool {
    let starts = [
        &b"$"[..],
        b"%env(",
        b"%kernel",
        b"<%",
        b"{{",
        b"ENV[",
        b"!",
        b"&",
        b"*",
        b"#{",
    ];
    let is_word = matches!(
        value,
        b"null" | b"nil" | b"None" | b"true" | b"false" | b"~" | b"{" | b"["
    );
    let is_path = value.first() == Some(&b'/') && value.contains(&b'.');
    is_word
        || is_path
        || starts
            .iter()
            .any(|start| value.starts_with(start) && !is_hash(value))
        || is_interpolated(value)
}

/// `$2y$…` and `$6$…` are hashes, and secret.
fn is_hash(value: &[u8]) -> bool {
    value.first() == Some(&b'$') && value.iter().skip(1).any(|byte| *byte == b'$')
}

fn is_interpolated(value: &[u8]) -> bool {
    [&b"#{"[..], b"${", b"{{"]
        .iter()
        .any(|mark| value.windows(mark.len()).any(|window| window == *mark))
}

/// Escapes resolved, as the file's own program would.
fn decoded(value: &[u8], quote: Option<u8>) -> String {
    let text = String::from_utf8_lossy(value);
    if quote.is_none() || !text.contains('\\') {
        return text.into_owned();
    }
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let escapes = |next: &char| match quote {
            Some(b'"') => matches!(next, '"' | '\\' | '$'),
            _ => matches!(next, '\'' | '\\'),
        };
        let next = if c == '\\' { chars.next_if(escapes) } else { None };
        clean.push(next.unwrap_or(c));
    }
    clean
}

fn percent_decoded(value: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, more)) = rest.split_first() {
        let pair = more.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &more[2..];
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Logs and the output of programs: addresses with passwords, and calls with them.
fn masked_log(bytes: Vec<u8>) -> Vec<u8> {
    let mut bytes = bytes;
    for pattern in [&URL, &CALL] {
        let Some(pattern) = pattern.as_ref() else { continue };
        let clean = pattern.replace_all(&bytes, |found: &Captures<'_>| {
            let (whole, secret) = (&found[0], &found[1]);
            let at = whole.windows(secret.len()).rposition(|window| window == secret);
            let at = at.unwrap_or_default();
            [&whole[..at], MARK.as_bytes(), &whole[at + secret.len()..]].concat()
        });
        if let Cow::Owned(clean) = clean {
            bytes = clean;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// File, text, the text with marks, the secrets.
    type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

    const FILES: &[Row] = &[
        (
            "wp-config.php",
            "define('DB_PASSWORD', 'ca\\'n\\\\a');",
            "define('DB_PASSWORD', 'SECRET-0');",
            &["ca'n\\a"],
        ),
        (
            "wp-config.php",
            "define( \"DB_USER\", \"shop\" ); define('DB_PASSWORD', getenv('X'));",
            "define( \"DB_USER\", \"shop\" ); define('DB_PASSWORD', getenv('X'));",
            &[],
        ),
        (
            "env.php",
            "'password' => 'a b', 'username' => 'u'",
            "'password' => 'SECRET-0', 'username' => 'u'",
            &["a b"],
        ),
        (
            "configuration.php",
            "public $password = 'x;y';",
            "public $password = 'SECRET-0';",
            &["x;y"],
        ),
        (
            ".env",
            "DB_PASSWORD=fub ar # why\nDB_USER=u\n",
            "DB_PASSWORD=SECRET-0 # why\nDB_USER=u\n",
            &["fub ar"],
        ),
        (
            ".env",
            "DB_PASSWORD=\"q#\\\"\"\nDB_PASSWORD=\n",
            "DB_PASSWORD=\"SECRET-0\"\nDB_PASSWORD=\n",
            &["q#\""],
        ),
        (
            ".env",
            "DATABASE_URL=postgres://u:p%40s@h:5432/d\n",
            "DATABASE_URL=postgres://u:SECRET-0@h:5432/d\n",
            &["p@s"],
        ),
        (
            ".env",
            "R=redis://:x@y@h/0\nMAIL_PASSWORD=${X}\n",
            "R=redis://:SECRET-0@h/0\nMAIL_PASSWORD=${X}\n",
            &["x@y"],
        ),
        (
            "a.service",
            "Environment=A=1 DB_PASSWORD=x B=2\nEnvironment=\"DB_PASS=y z\" C=3\n",
            "Environment=A=1 DB_PASSWORD=SECRET-0 B=2\nEnvironment=\"DB_PASS=SECRET-1\" C=3\n",
            &["x", "y z"],
        ),
        (
            "www.conf",
            "env[DB_PASSWORD] = \"x\"\nenv[DB_PASS] = y\n",
            "env[DB_PASSWORD] = \"SECRET-0\"\nenv[DB_PASS] = SECRET-1\n",
            &["x", "y"],
        ),
        (
            "settings.py",
            "'PASSWORD': 'x', 'HOST': ''\nPASSWORD = os.environ['P']\n",
            "'PASSWORD': 'SECRET-0', 'HOST': ''\nPASSWORD = os.environ['P']\n",
            &["x"],
        ),
        (
            "database.yml",
            "  password: x y\n  pool: 5\n  password: <%= ENV['P'] %>\n",
            "  password: SECRET-0\n  pool: 5\n  password: <%= ENV['P'] %>\n",
            &["x y"],
        ),
        (
            "config.json",
            "{\"password\":\"x\",\"port\":1}",
            "{\"password\":\"SECRET-0\",\"port\":1}",
            &["x"],
        ),
        (
            "/proc/7/environ",
            "A=1\0DB_PASSWORD=a\nb\0C=2",
            "A=1\0DB_PASSWORD=SECRET-0\0C=2",
            &["a\nb"],
        ),
        (
            "db.php",
            "new PDO('mysql:host=h', $u, 'x y'); new mysqli(\"h\", 'u', 'z', 'd'); new PDO($a, $b, $c);",
            "new PDO('mysql:host=h', $u, 'SECRET-0'); new mysqli(\"h\", 'u', 'SECRET-1', 'd'); new PDO($a, $b, $c);",
            &["x y", "z"],
        ),
        (
            "app.py",
            "connect('host=db password=x') + connect(password=pw, host=h)",
            "connect('host=db password=SECRET-0') + connect(password=pw, host=h)",
            &["x"],
        ),
        (
            "passwd",
            "secret:x:1001:1001::/home/secret:/bin/sh\n",
            "secret:x:1001:1001::/home/secret:/bin/sh\n",
            &[],
        ),
        (
            "site.conf",
            "proxy_pass http://127.0.0.1:3000;\nProxyPass /a http://b/\n",
            "proxy_pass http://127.0.0.1:3000;\nProxyPass /a http://b/\n",
            &[],
        ),
        (
            "site.conf",
            "fastcgi_pass unix:/run/php/fpm.sock;\n",
            "fastcgi_pass unix:/run/php/fpm.sock;\n",
            &[],
        ),
    ];

    #[test]
    fn what_is_secret_in_each_kind_of_file() {
        for (path, text, clean, values) in FILES {
            let got = masked(Path::new(path), text.as_bytes().to_vec());
            assert_eq!(String::from_utf8_lossy(&got), *clean, "{path}");
            let found: Vec<String> = secrets(Path::new(path), text.as_bytes())
                .into_iter()
                .map(|found| found.value)
                .collect();
            assert_eq!(found, *values, "{path}: {text}");
        }
    }

    #[test]
    fn logs_keep_all_but_logins() {
        for (text, clean) in [
            (
                "GET /?token=x HTTP/1.1 \"https://a.example/b:c@d\"",
                "GET /?token=x HTTP/1.1 \"https://a.example/b:c@d\"",
            ),
            (
                "OperationalError: amqp://app:hunter2@mq:5672//",
                "OperationalError: amqp://app:SECRET-@mq:5672//",
            ),
            (
                "#0 /w/db.php(3): mysqli_connect('localhost', 'shop', 'hunter2')",
                "#0 /w/db.php(3): mysqli_connect(SECRET-)",
            ),
        ] {
            let got = masked_log(text.as_bytes().to_vec());
            assert_eq!(String::from_utf8_lossy(&got), clean);
        }
    }

    proptest! {
        #[test]
        fn a_password_in_quotes_never_stays(password in "[A-Za-z0-9!@#%^&*()_+=,.;:<>?~ -]{8,24}") {
            prop_assume!(!is_reference(password.as_bytes()));
            for (path, text) in [
                ("wp-config.php", format!("define('DB_PASSWORD', '{password}');")),
                (".env", format!("DB_PASSWORD=\"{password}\"")),
            ] {
                let got = masked(Path::new(path), text.into_bytes());
                prop_assert!(!String::from_utf8_lossy(&got).contains(&password));
            }
        }

        #[test]
        fn no_text_panics(text in "[a-z'\"=:,>$@/ \\\\\n\0-]{0,60}(password|token)[a-z'\"=:,>$@/ \\\\\n\0-]{0,60}") {
            for path in ["a.php", ".env", "a.service", "/proc/1/environ"] {
                let _ = masked(Path::new(path), text.clone().into_bytes());
            }
        }
    }
}
