//! What lines of a backend mean: why it does not start, why a request ended, and where its code is. One table a meaning.

use crate::world::Said;

/// The daemon refuses its own configuration.
const BAD_CONFIG: &[&str] = &[
    // php-fpm: `ERROR: [/etc/php/8.2/fpm/pool.d/www.conf:491] unknown entry 'x'`
    "ERROR: [/",
    "cannot get uid for user",
    "cannot get gid for group",
    "already used in another pool",
    "failed to post process the configuration",
    "failed to load configuration file",
    // Apache
    "AH00526:",
    "AH00543:",
    "AH00020:",
    "Syntax error on line",
    "Invalid command '",
    // uWSGI
    "unable to load configuration",
    "[strict-mode]",
    "unrecognized option '",
    // gunicorn, Node.js, Java
    "unrecognized arguments:",
    "Failed to read config file",
    ": bad option: ",
    "Could not create the Java Virtual Machine",
    // inner proxies: nginx, HAProxy
    "[emerg]",
    "[ALERT]",
    // systemd's own exit codes for a unit file that names a user, group or directory that is not there
    "status=200/CHDIR",
    "status=216/GROUP",
    "status=217/USER",
];

/// The address to listen on is taken.
const ADDRESS_TAKEN: &[&str] = &[
    "Address already in use",
    "EADDRINUSE",
    "address already in use",
    "An another FPM instance seems to already listen on",
    "Connection in use: ",
];

/// The address to listen on can't be had for another reason: its directory is missing, or not ours to write.
const BIND_FAILED: &[&str] = &[
    "unable to bind listening socket",
    "make_sock: could not bind",
    "bind(): ",
];

/// Programs end or refuse a request with such a line.
const EXCEPTION: &[&str] = &[
    "PHP Fatal error:",
    "PHP Parse error:",
    "Traceback (most recent call last)",
    "Uncaught ",
    "UnhandledPromiseRejection",
    "panic: ",
    "panicked at ",
    "Exception in thread",
];

/// An error that came to the application from outside: not its own bug.
const FROM_OUTSIDE: &[&str] = &[
    "Connection refused",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "timed out",
    "Access denied for user",
    "password authentication failed",
    "Too many connections",
    "too many clients",
    "No space left on device",
    "ENOSPC",
    "Allowed memory size",
    "out of memory",
    "OutOfMemory",
    "MemoryError",
    "Too many open files",
    "EMFILE",
    "Cannot allocate memory",
    "Resource temporarily unavailable",
    "Maximum execution time",
    "OperationalError",
    "SQLSTATE[HY000] [",
];

/// Somebody asked the daemon itself, not systemd, to stop or to reload.
const TOLD_TO_RESTART: &[&str] = &[
    "Handling signal: hup",
    "Handling signal: term",
    "reloading: execvp",
    "Doing graceful restart",
    "SIGHUP received",
    "caught SIGTERM, shutting down",
    "gracefully killing worker",
    "...gracefully reloading",
];

/// The backend ended a worker because a request took too long for it.
const TOO_LONG: &[&str] = &[
    // php-fpm request_terminate_timeout
    "sec), terminating",
    // gunicorn
    "WORKER TIMEOUT",
    // uWSGI
    "HARAKIRI",
    // Unicorn: `worker=0 PID:4 timeout (61s > 60s), killing`; Puma
    "), killing",
    "Terminating timed out worker",
];

/// A worker ended because it had served its number of requests.
const RECYCLED: &[&str] = &[
    // gunicorn --max-requests
    "Autorestarting worker after current request",
    // php-fpm pm.max_requests; an idle child that is one too many ends without a word at this level
    "exited with code 0 after",
    // uWSGI max-requests
    "max requests reached",
    // unicorn-worker-killer
    "exceeds max number of requests",
    // uvicorn --limit-max-requests
    "Maximum request limit of ",
];

/// Every worker is busy.
const ALL_BUSY: &[&str] = &[
    "server reached pm.max_children",
    "server reached MaxRequestWorkers",
    "server reached MaxClients",
    "all threads (",
    "All threads (",
];

fn holds(text: &str, table: &[&str]) -> bool {
    table.iter().any(|mark| text.contains(mark))
}

/// The daemon refuses its own configuration.
pub fn is_bad_config(text: &str) -> bool {
    holds(text, BAD_CONFIG) && !is_bind_failure(text)
}

/// It could not listen because somebody else does.
pub fn is_address_taken(text: &str) -> bool {
    holds(text, ADDRESS_TAKEN)
}

/// It could not listen, whatever the reason.
pub fn is_bind_failure(text: &str) -> bool {
    is_address_taken(text) || holds(text, BIND_FAILED)
}

/// A request or the program ended in an error of the application's own code.
pub fn is_exception(text: &str) -> bool {
    holds(text, EXCEPTION) || named_error(text).is_some()
}

/// An error of the application's own code, not one that its database, disk or memory gave it.
pub fn is_bug(text: &str) -> bool {
    is_exception(text) && !holds(text, FROM_OUTSIDE)
}

/// It was told to stop or to reload, by a signal.
pub fn is_told_to_restart(text: &str) -> bool {
    holds(text, TOLD_TO_RESTART)
}

/// The backend's own time limit ended a request.
pub fn is_own_timeout(text: &str) -> bool {
    holds(text, TOO_LONG)
}

/// A worker ended for the requests it had served.
pub fn is_recycled(text: &str) -> bool {
    holds(text, RECYCLED)
}

/// No worker was left.
pub fn is_all_busy(text: &str) -> bool {
    holds(text, ALL_BUSY)
}

/// `ModuleNotFoundError: …`, `Error: boom`, `java.lang.IllegalStateException: …` at the start of a line.
fn named_error(text: &str) -> Option<&str> {
    let (name, _) = text.trim_start().split_once(':')?;
    let is_name = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._".contains(c));
    let capital = name
        .rsplit('.')
        .next()
        .is_some_and(|last| last.starts_with(|c: char| c.is_ascii_uppercase()));
    (is_name && capital && (name.ends_with("Error") || name.ends_with("Exception"))).then_some(name)
}

/// Of a program's last lines the one that tells why: the last named error, else the last that complains, else the last.
pub fn telling<'a, 's>(lines: &'s [Said<'a>]) -> Option<&'s Said<'a>> {
    let complains = |text: &str| {
        let lower = text.to_lowercase();
        [
            "error",
            "fatal",
            "cannot",
            "can't",
            "not found",
            "no such",
            "denied",
            "failed",
            "panic",
        ]
        .iter()
        .any(|word| lower.contains(word))
    };
    let last = |test: &dyn Fn(&str) -> bool| lines.iter().rfind(|line| test(line.text));
    last(&|text| named_error(text).is_some())
        .or_else(|| last(&|text| is_bind_failure(text)))
        .or_else(|| last(&complains))
        .or(lines.last())
}

/// The signal in `exited on signal 11 (SIGSEGV)`, `exit signal Segmentation fault (11)`, `died, killed by signal 11`,
/// `was terminated due to signal 11`, `code=dumped, status=11/SEGV`, `was sent SIGSEGV!`.
pub fn signal(text: &str) -> Option<i32> {
    if let Some((_, rest)) = text.split_once("exit signal ") {
        return number(rest.split_once('(')?.1);
    }
    for mark in ["on signal ", "by signal ", "due to signal "] {
        if let Some((_, rest)) = text.split_once(mark) {
            return number(rest);
        }
    }
    if let Some((_, rest)) = text
        .split_once("code=killed, status=")
        .or_else(|| text.split_once("code=dumped, status="))
    {
        return number(rest);
    }
    let (_, name) = text.split_once("was sent SIG")?;
    [
        ("ILL", 4),
        ("ABRT", 6),
        ("BUS", 7),
        ("FPE", 8),
        ("KILL", 9),
        ("SEGV", 11),
        ("TERM", 15),
    ]
    .into_iter()
    .find(|(short, _)| name.starts_with(short))
    .map(|(_, number)| number)
}

fn number(text: &str) -> Option<i32> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..digits)?.parse().ok()
}

/// The file and line a message points to: `/opt/n.js:1`, `/srv/app.py:12`; only absolute paths are taken for files.
pub fn place(text: &str) -> Option<String> {
    python_place(text)
        .or_else(|| php_place(text))
        .or_else(|| colon_place(text))
}

/// `File "/opt/app.py", line 1, in <module>`
fn python_place(text: &str) -> Option<String> {
    let (file, rest) = text.split_once("File \"/")?.1.split_once("\", line ")?;
    Some(format!("/{file}:{}", number(rest)?))
}

/// `in /var/www/x.php on line 7`, `Syntax error on line 1 of /etc/x.conf:`
fn php_place(text: &str) -> Option<String> {
    if let Some((before, rest)) = text.split_once(" on line ") {
        let line = number(rest)?;
        let file = match rest.split_once(" of /") {
            Some((_, file)) => format!("/{}", file.split([':', ' ']).next()?),
            None => before
                .rsplit(' ')
                .next()
                .filter(|file| file.starts_with('/'))?
                .to_owned(),
        };
        return Some(format!("{file}:{line}"));
    }
    None
}

/// `(/opt/n.js:1:81)`, `in /var/www/x.php:1`, `[/etc/php/8.2/fpm/pool.d/www.conf:491]`
fn colon_place(text: &str) -> Option<String> {
    text.split([' ', '(', ')', '[', ']', '"', '\'']).find_map(|word| {
        let (file, rest) = word.split_once(':')?;
        let line = number(rest).filter(|line| *line > 0)?;
        (file.starts_with('/') && file.len() > 1).then(|| format!("{file}:{line}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_of_every_server() {
        for (line, expect) in [
            (
                "WARNING: [pool www] child 881 exited on signal 11 (SIGSEGV) after 0.08 seconds from start",
                Some(11),
            ),
            (
                "[core:notice] [pid 1745] AH00052: child pid 1777 exit signal Segmentation fault (11)",
                Some(11),
            ),
            (
                "DAMN ! worker 1 (pid: 12) died, killed by signal 9 :( trying respawn ...",
                Some(9),
            ),
            (
                "[WARNING] Worker with pid 4691 was terminated due to signal 15",
                Some(15),
            ),
            (
                "app.service: Main process exited, code=dumped, status=6/ABRT",
                Some(6),
            ),
            (
                "[ERROR] Worker (pid:7) was sent SIGKILL! Perhaps out of memory?",
                Some(9),
            ),
            (
                "NOTICE: [pool www] child 12 exited with code 0 after 3 seconds from start",
                None,
            ),
        ] {
            assert_eq!(signal(line), expect, "{line}");
        }
    }

    #[test]
    fn places_of_every_language() {
        for (line, expect) in [
            (
                "  File \"/opt/app.py\", line 12, in <module>",
                Some("/opt/app.py:12"),
            ),
            ("    at Timeout._onTimeout (/opt/n.js:1:81)", Some("/opt/n.js:1")),
            (
                "PHP Fatal error:  Uncaught Error: no in /var/www/html/fatal.php:3",
                Some("/var/www/html/fatal.php:3"),
            ),
            (
                "PHP Parse error:  syntax error, unexpected in /var/www/p.php on line 7",
                Some("/var/www/p.php:7"),
            ),
            (
                "AH00526: Syntax error on line 4 of /etc/apache2/ssl.conf:",
                Some("/etc/apache2/ssl.conf:4"),
            ),
            (
                "ERROR: [/etc/php/8.2/fpm/pool.d/www.conf:491] unknown entry",
                Some("/etc/php/8.2/fpm/pool.d/www.conf:491"),
            ),
            ("    at listOnTimeout (node:internal/timers:569:17)", None),
            ("GET http://127.0.0.1:80/ at 12:00:01", None),
        ] {
            assert_eq!(place(line).as_deref(), expect, "{line}");
        }
    }

    #[test]
    fn meanings() {
        type Test = fn(&str) -> bool;
        let rows: [(&str, Test, bool); 9] = [
            (
                "ERROR: [/etc/php/8.2/fpm/pool.d/www.conf:491] unknown entry 'x'",
                is_bad_config,
                true,
            ),
            (
                "ERROR: unable to bind listening socket for address '127.0.0.1:9000': Address already in use (98)",
                is_bad_config,
                false,
            ),
            (
                "ERROR: unable to bind listening socket for address '/run/x/a.sock': No such file or directory (2)",
                is_bind_failure,
                true,
            ),
            (
                "[ERROR] Connection in use: ('127.0.0.1', 8000)",
                is_address_taken,
                true,
            ),
            ("ModuleNotFoundError: No module named 'x'", is_exception, true),
            ("Error: boom", is_exception, true),
            ("notice: an Error: in the middle", is_exception, false),
            ("[CRITICAL] WORKER TIMEOUT (pid:4803)", is_own_timeout, true),
            (
                "AH00161: server reached MaxRequestWorkers setting, consider raising",
                is_all_busy,
                true,
            ),
        ];
        for (line, test, expect) in rows {
            assert_eq!(test(line), expect, "{line}");
        }
    }
}
