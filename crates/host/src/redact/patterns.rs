//! How secrets look in logs, configuration and headers.

use regex::bytes::{Captures, Regex};
use std::{borrow::Cow, sync::LazyLock};

/// What was taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A visitor's address, replaced by another one.
    Address,
    /// The value of a header that lets one in.
    Authorization,
    /// The values of cookies.
    Cookie,
    /// An address of electronic mail.
    Mail,
    /// What the user's own expressions matched.
    Own,
    /// A password, also within a URL or DSN.
    Password,
    /// A private key.
    PrivateKey,
    /// A token or key of some service.
    Token,
}

impl Kind {
    /// As the report names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Authorization => "authorization",
            Self::Cookie => "cookie",
            Self::Mail => "mail",
            Self::Own => "own pattern",
            Self::Password => "password",
            Self::PrivateKey => "private key",
            Self::Token => "token",
        }
    }
}

/// What stands where something was: no character that a config, a URL or a log line gives a meaning to where values stand.
const GONE: &[u8] = b"[redacted]";
/// The same in a request that is made again: no server refuses it for its brackets.
const GONE_ASKED: &[u8] = b"redacted";
/// What a looker has already put in a password's place.
const MARK: &[u8] = crate::consult::MARK.as_bytes();

/// One way a secret looks. The group `secret` is what goes.
#[derive(Clone)]
pub(super) struct Pattern {
    pub(super) kind: Kind,
    regex: Regex,
    /// Headers keep their length: whether they fit into a buffer is what a diagnosis is about.
    same_length: bool,
}

/// Words that say that the value beside them lets one in.
const NAMES: &str = r"passw(?:or)?d|passwort|passphrase|passwd|pwd|secret|token|credential|api_?key|app_?key|auth_?key|private_?key|access_?key|account_?key|encryption_?key|phpsessid|sessionid|session_id|jsessionid|signature";

/// What stands beside no `=` or `:`, or beside a name that says it in its own language's way. `NAMES` stands for [`NAMES`].
const MORE: &[(Kind, &str)] = &[
    // define('DB_PASSWORD', '…');
    (
        Kind::Password,
        r#"(?i-u)\bdefine\([ \t]*["']\w*(?:NAMES|_key|_salt|_pass)["'][ \t]*,[ \t]*["'](?P<secret>[^"'\r\n]{3,})"#,
    ),
    // of an environment; a path is none
    (
        Kind::Password,
        r#"(?-u)\b[A-Z0-9_]*(?:_KEY|_PASS|_SALT|SECRET_[A-Z_]+|TOKEN_[A-Z_]+|PASSWORD_[A-Z_]+)[ \t]*=[ \t]*["']?(?P<secret>[^\s"'&;,<>(){}$/\[][^\s"'&;,<>(){}$]{2,})"#,
    ),
    (
        Kind::Password,
        r#"(?i-u)\b(?:[\w.\-]*(?:db|database|mysql|mariadb|pg|postgres|redis|smtp|mail|user|admin|root|ftp|ldap)[_.\-]?)?pass["'\]]*[ \t]*(?:=>|=|:)[ \t]*["']?(?P<secret>[^\s"'&;,<>(){}$=:/]{3,})"#,
    ),
    (
        Kind::Password,
        r#"(?i-u)\b(?:fastcgi_param|uwsgi_param|env|setenv)[ \t]+\w*(?:db|database|mysql|mariadb|pg|postgres|redis|smtp|mail|user|admin|root|ftp|ldap)_?pass[ \t]+["']?(?P<secret>[^\s"'&;,<>(){}$]{3,})"#,
    ),
    // command lines
    (
        Kind::Password,
        r#"(?i-u)--[\w\-]*(?:NAMES)[ \t]+["']?(?P<secret>[^\s"'\-\[<][^\s"']{2,})"#,
    ),
    (
        Kind::Password,
        r#"(?-u)\b(?:mysql|mariadb)[\w\-]*(?:[ \t][^\r\n|;]{0,400}?)?[ \t]-p(?P<secret>[^\s"'|;]{3,})"#,
    ),
    (
        Kind::Password,
        r#"(?-u)\bcurl(?:[ \t][^\r\n|;]{0,400}?)?[ \t](?:-u|--user)[ =]?["']?[^\s:"'/]{1,64}:(?P<secret>[^\s"'|;]{3,})"#,
    ),
    // Redis, netrc, SQL
    (
        Kind::Password,
        r#"(?im-u)^[ \t]*(?:requirepass|masterauth)[ \t]+["']?(?P<secret>[^\s"']{3,})"#,
    ),
    (
        Kind::Password,
        r"(?i-u)\blogin[ \t]+\S{1,200}[ \t]+password[ \t]+(?P<secret>\S{3,})",
    ),
    (
        Kind::Password,
        r#"(?i-u)\bidentified[ \t]+(?:with[ \t]+\S{1,64}[ \t]+)?(?:by|as)[ \t]+(?:password[ \t]+)?["'](?P<secret>[^"']{3,})"#,
    ),
    // addresses of pages and servers
    (
        Kind::Token,
        r#"(?i-u)[?&](?:auth|pass|pw|sig|code|key)=(?P<secret>[^\s"'&;,<>]{6,})"#,
    ),
    // hashes, as crypt(5) and htpasswd write them
    (
        Kind::Password,
        r"(?-u)(?P<secret>\$(?:(?:1|apr1)\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}|2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{53}|[56]\$(?:rounds=[0-9]+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43,86}|(?:y|gy|7)\$[./A-Za-z0-9]+\$[./A-Za-z0-9]+\$[./A-Za-z0-9]{20,}|argon2(?:id|i|d)\$[^\s:]{20,}))",
    ),
    (
        Kind::Token,
        r"(?-u)\b(?P<secret>SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}|key-[0-9a-f]{32})\b",
    ),
];

/// Everything we know, in the order in which it is taken out.
pub(super) static KNOWN: LazyLock<Vec<Pattern>> = LazyLock::new(known);

/// What is known first, with whether it keeps its length. `NAMES` stands for [`NAMES`].
const FIRST: &[(Kind, &str, bool)] = &[
    (
        Kind::PrivateKey,
        r"(?s-u)-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<secret>.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
        false,
    ),
    (
        Kind::Authorization,
        r#"(?i-u)\b(?:proxy[_-])?(?:authorization|x-api-key|x-auth-token|x-csrf-token)["']?[ \t]*[:= ][ \t]*["']?(?P<secret>[^\r\n"'$;\[][^\r\n"'$;]{2,})"#,
        true,
    ),
    (
        Kind::Authorization,
        r"(?i-u)\b(?:bearer|basic)[ \t]+(?P<secret>[A-Za-z0-9+/=._~\-]{8,})",
        true,
    ),
    (
        Kind::Cookie,
        r#"(?i-u)\b(?:set-)?cookie2?["']?[ \t]*:[ \t]*["']?(?P<secret>[^\r\n"']+)"#,
        true,
    ),
    (
        Kind::Password,
        r#"(?-u)://[^\s:/@'"<>\\]{0,200}:(?P<secret>[^\s/'"<>\\\x00]{1,400})@"#,
        false,
    ),
    (
        Kind::Token,
        r"(?-u)(?P<secret>\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*)",
        false,
    ),
    (
        Kind::Token,
        r"(?-u)\b(?P<secret>(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_\-]{16,}|xox[abprs]-[A-Za-z0-9\-]{10,}|[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|AIza[A-Za-z0-9_\-]{30,}|npm_[A-Za-z0-9]{30,}|AGE-SECRET-KEY-1[0-9A-Z]{20,})",
        false,
    ),
    (
        Kind::Password,
        r#"(?i-u)\b(?P<name>[\w.\-]*(?:NAMES))["'\]]*[ \t]*(?:=>|=|:)[ \t]*["']?(?P<secret>[^\s"'&;,<>(){}$]{3,})"#,
        false,
    ),
    (
        Kind::Password,
        r#"(?i-u)\b(?:fastcgi_param|uwsgi_param|proxy_set_header|env|set|setenv)[ \t]+[\w\-$]*(?:NAMES)[\w\-]*[ \t]+["']?(?P<secret>[^\s"'&;,<>(){}$]{3,})"#,
        false,
    ),
    (
        Kind::Mail,
        r"(?i-u)(?P<secret>\b[a-z0-9._%+\-]{1,64}@(?:[a-z0-9\-]{1,63}\.)+[a-z]{2,24}\b)",
        false,
    ),
];

fn known() -> Vec<Pattern> {
    let more = MORE.iter().map(|(kind, regex)| (*kind, *regex, false));
    let made = FIRST.iter().copied().chain(more);
    let made = made.filter_map(|(kind, regex, same_length)| {
        // every one of them is compiled by a test
        let regex = Regex::new(&regex.replace("NAMES", NAMES)).ok()?;
        Some(Pattern {
            kind,
            regex,
            same_length,
        })
    });
    made.collect()
}

impl Pattern {
    /// The whole of what it matches goes.
    pub(super) fn own(regex: Regex) -> Self {
        Self {
            kind: Kind::Own,
            regex,
            same_length: false,
        }
    }

    /// The text without what matches, and how often that was; `None` where nothing did.
    pub(super) fn replace(&self, text: &[u8]) -> Option<(Vec<u8>, u64)> {
        let mut count = 0;
        let clean = self.regex.replace_all(text, |found: &Captures<'_>| {
            let whole = &found[0];
            let Some((before, secret, after)) = self.parts(found) else {
                return whole.to_vec();
            };
            if self.is_none(secret) || is_path(text, found) {
                return whole.to_vec();
            }
            count += 1;
            [before, &self.instead(secret), after].concat()
        });
        match clean {
            Cow::Owned(clean) if count > 0 => Some((clean, count)),
            _ => None,
        }
    }

    /// What stands before the secret, the secret, what stands after it.
    fn parts<'t>(&self, found: &Captures<'t>) -> Option<(&'t [u8], &'t [u8], &'t [u8])> {
        let whole = found.get(0)?;
        let secret = found.name("secret").unwrap_or(whole);
        let (from, to) = (secret.start() - whole.start(), secret.end() - whole.start());
        let bytes = whole.as_bytes();
        Some((bytes.get(..from)?, bytes.get(from..to)?, bytes.get(to..)?))
    }

    /// Already gone, or an answer to whether there was one: `using password: YES`.
    fn is_none(&self, secret: &[u8]) -> bool {
        let said = [
            &b"yes"[..],
            b"no",
            b"none",
            b"null",
            b"true",
            b"false",
            b"off",
            b"on",
        ];
        secret.starts_with(GONE)
            || secret == GONE_ASKED
            || secret.starts_with(MARK)
            || secret.iter().all(|byte| *byte == b'*')
            || self.kind == Kind::Authorization && is_word(secret)
            || self.kind == Kind::Cookie && cookies(secret) == secret
            || self.kind == Kind::Mail && (secret.ends_with(b"@redacted.invalid") || is_unit(secret))
            || self.kind == Kind::Password && said.iter().any(|it| secret.eq_ignore_ascii_case(it))
    }

    fn instead(&self, secret: &[u8]) -> Vec<u8> {
        match self.kind {
            Kind::Cookie => cookies(secret),
            Kind::Mail => b"somebody@redacted.invalid".to_vec(),
            _ if self.same_length => vec![b'*'; secret.len()],
            _ => GONE.to_vec(),
        }
    }
}

/// What is said of a file: `/etc/app/password: permission denied`.
fn is_path(text: &[u8], found: &Captures<'_>) -> bool {
    let (Some(name), Some(whole)) = (found.name("name"), found.get(0)) else {
        return false;
    };
    let before = name.start().checked_sub(1).and_then(|at| text.get(at));
    let after = text.get(name.end()..whole.end()).unwrap_or_default();
    before == Some(&b'/') && after.starts_with(b": ")
}

/// `Basic Settings`, `bearer authentication`.
fn is_word(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| byte.is_ascii_alphabetic() || byte.is_ascii_whitespace())
}

/// Instances of systemd's templates are written like mail: `pool@www.service`.
fn is_unit(name: &[u8]) -> bool {
    const KINDS: &[&[u8]] = &[
        b".service",
        b".socket",
        b".timer",
        b".target",
        b".mount",
        b".slice",
        b".scope",
        b".path",
        b".device",
        b".swap",
    ];
    KINDS.iter().any(|kind| name.ends_with(kind))
}

/// Names and attributes of cookies stay, and how long each value is.
fn cookies(header: &[u8]) -> Vec<u8> {
    const ATTRIBUTES: &[&[u8]] = &[b"path", b"domain", b"expires", b"max-age", b"samesite"];
    let one = |cookie: &[u8]| match cookie.iter().position(|byte| *byte == b'=') {
        Some(at) if ATTRIBUTES.contains(&cookie[..at].trim_ascii().to_ascii_lowercase().as_slice()) => {
            cookie.to_vec()
        }
        Some(at) => [&cookie[..=at], &vec![b'*'; cookie.len() - at - 1]].concat(),
        None => cookie.to_vec(),
    };
    let all: Vec<Vec<u8>> = header.split(|byte| *byte == b';').map(one).collect();
    all.join(&b';')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Redactor;

    const ROWS: &[(&str, &str)] = &[
        ("DB_PASSWORD=canary-1", "DB_PASSWORD=[redacted]"),
        ("\"api_key\": \"canary-1\"", "\"api_key\": \"[redacted]\""),
        ("'password' => 'canary-1',", "'password' => '[redacted]',"),
        ("'password' => 'SECRET-0',", "'password' => 'SECRET-0',"),
        ("(using password: YES)", "(using password: YES)"),
        (
            "GET /a?x=1&token=canary-1&y=2 HTTP/1.1",
            "GET /a?x=1&token=[redacted]&y=2 HTTP/1.1",
        ),
        (
            "redis://:canary-1@cache:6379/0",
            "redis://:[redacted]@cache:6379/0",
        ),
        (
            "Authorization: Bearer canary-1x",
            "Authorization: ****************",
        ),
        (
            "proxy_set_header Authorization \"Basic Y2FuYXJ5\";",
            "proxy_set_header Authorization \"**************\";",
        ),
        (
            "proxy_set_header Authorization $http_authorization;",
            "proxy_set_header Authorization $http_authorization;",
        ),
        (
            "fastcgi_param APP_SECRET canary-1;",
            "fastcgi_param APP_SECRET [redacted];",
        ),
        (
            "fastcgi_param APP_SECRET $secret;",
            "fastcgi_param APP_SECRET $secret;",
        ),
        (
            "Set-Cookie: sid=canary-1; Path=/; HttpOnly",
            "Set-Cookie: sid=********; Path=/; HttpOnly",
        ),
        ("Cookie: a=1; b=canary", "Cookie: a=*; b=******"),
        (
            "mail to jo.doe+x@mail.example.org now",
            "mail to somebody@redacted.invalid now",
        ),
        ("php8.2-fpm@www.service failed", "php8.2-fpm@www.service failed"),
        ("AKIAIOSFODNN7EXAMPLE", "[redacted]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[redacted]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIcanary\n-----END RSA PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----\n",
        ),
        (
            "ssl_certificate_key /etc/ssl/shop.key;",
            "ssl_certificate_key /etc/ssl/shop.key;",
        ),
        (
            "Failed to start app.service: token expected",
            "Failed to start app.service: token expected",
        ),
        (
            "reading /etc/app/password: permission denied",
            "reading /etc/app/password: permission denied",
        ),
        ("/a/password=canary-1", "/a/password=[redacted]"),
        ("PHPSESSID=canary12", "PHPSESSID=[redacted]"),
        (
            "define('DB_PASSWORD', 'canary 1');",
            "define('DB_PASSWORD', '[redacted]');",
        ),
        ("define('WP_DEBUG', 'canary');", "define('WP_DEBUG', 'canary');"),
        ("SECRET_KEY_BASE='canary1'", "SECRET_KEY_BASE='[redacted]'"),
        ("STRIPE_KEY=canary1", "STRIPE_KEY=[redacted]"),
        ("TLS_KEY=/etc/ssl/shop.key", "TLS_KEY=/etc/ssl/shop.key"),
        ("PASSWORD_FILE=/run/secret", "PASSWORD_FILE=/run/secret"),
        ("AccountKey=canary1==", "AccountKey=[redacted]"),
        ("DB_PASS: canary1", "DB_PASS: [redacted]"),
        (
            "fastcgi_param DB_PASS canary1;",
            "fastcgi_param DB_PASS [redacted];",
        ),
        ("pass=canary1", "pass=[redacted]"),
        ("did not pass the test", "did not pass the test"),
        (
            "mysql of php-pool, curl to a-user:1",
            "mysql of php-pool, curl to a-user:1",
        ),
        (
            "proxy_pass http://127.0.0.1:8000;",
            "proxy_pass http://127.0.0.1:8000;",
        ),
        (
            "fastcgi_pass: unix:/run/php.sock",
            "fastcgi_pass: unix:/run/php.sock",
        ),
        ("set $db_pass_to 127.0.0.1:1;", "set $db_pass_to 127.0.0.1:1;"),
        ("tool --api-token canary1", "tool --api-token [redacted]"),
        ("--password-file /run/x", "--password-file /run/x"),
        (
            "mysqldump -u root -pcanary1 shop",
            "mysqldump -u root -p[redacted] shop",
        ),
        ("mysql -u root -p shop", "mysql -u root -p shop"),
        (
            "curl -s -u admin:canary1 http://x/",
            "curl -s -u admin:[redacted] http://x/",
        ),
        ("journalctl -u shop.service", "journalctl -u shop.service"),
        ("requirepass canary1", "requirepass [redacted]"),
        (
            "machine x login y password canary1",
            "machine x login y password [redacted]",
        ),
        (
            "password authentication failed for user \"app\"",
            "password authentication failed for user \"app\"",
        ),
        ("IDENTIFIED BY 'canary1'", "IDENTIFIED BY '[redacted]'"),
        (
            "tcp://localhost:6379?auth=canary1",
            "tcp://localhost:6379?auth=[redacted]",
        ),
        ("GET /error?code=502 HTTP/1.1", "GET /error?code=502 HTTP/1.1"),
        ("bob:$apr1$canary44$abcdefghijklmnopqrstu.", "bob:[redacted]"),
        (
            "rewrite ^/(.*)$ /$1$is_args$args;",
            "rewrite ^/(.*)$ /$1$is_args$args;",
        ),
        ("key-0123456789abcdef0123456789abcdef", "[redacted]"),
    ];

    #[test]
    fn secrets_go_and_the_rest_stays() {
        assert_eq!(
            known().len(),
            FIRST.len() + MORE.len(),
            "every expression compiles"
        );
        for (text, clean) in ROWS {
            assert_eq!(Redactor::new(Vec::new()).text(text), *clean, "{text}");
        }
    }
}
