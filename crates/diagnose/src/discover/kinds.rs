//! Which kind of server a program is, by its name.

use crate::topology::BackendKind;
use host::looks::Process;

/// Programs by the first part of their file name; what follows it may only be digits, dots and the like (`php-fpm8.2`).
const PROGRAMS: &[(&str, BackendKind)] = &[
    ("php-fpm", BackendKind::PhpFpm),
    ("apache2", BackendKind::Apache),
    ("httpd", BackendKind::Apache),
    ("gunicorn", BackendKind::Gunicorn),
    ("uwsgi", BackendKind::Uwsgi),
    ("uwsgi-core", BackendKind::Uwsgi),
    ("puma", BackendKind::Ruby),
    ("unicorn", BackendKind::Ruby),
    ("unicorn_rails", BackendKind::Ruby),
    ("passenger", BackendKind::Ruby),
    ("PassengerAgent", BackendKind::Ruby),
    ("rails", BackendKind::Ruby),
    ("ruby", BackendKind::Ruby),
    ("node", BackendKind::Node),
    ("nodejs", BackendKind::Node),
    ("npm", BackendKind::Node),
    ("PM2", BackendKind::Node),
    ("java", BackendKind::Java),
    ("nginx", BackendKind::Proxy),
    ("openresty", BackendKind::Proxy),
    ("angie", BackendKind::Proxy),
    ("haproxy", BackendKind::Proxy),
    ("varnishd", BackendKind::Proxy),
    ("cache-main", BackendKind::Proxy),
    ("envoy", BackendKind::Proxy),
    ("caddy", BackendKind::Proxy),
    ("traefik", BackendKind::Proxy),
];

/// The server is named within the first few words: `python3 -m gunicorn`, `/usr/bin/env node`.
const WORDS: usize = 4;

/// The kind of a running process.
pub(crate) fn of_process(process: &Process) -> BackendKind {
    let title = process.argv.iter().flat_map(|arg| arg.split_whitespace());
    let exe = process.exe.as_ref().map(|exe| exe.to_string_lossy());
    of_words(title)
        .or_else(|| of_words(exe.as_deref().into_iter()))
        .or_else(|| of_words(std::iter::once(process.comm.as_str())))
        .unwrap_or(BackendKind::Other)
}

/// The kind of a command line; `None` where no word names a server.
pub(super) fn of_words<'w>(words: impl Iterator<Item = &'w str>) -> Option<BackendKind> {
    words.take(WORDS).find_map(of_program)
}

fn of_program(word: &str) -> Option<BackendKind> {
    let name = word.rsplit('/').next().unwrap_or(word).trim_end_matches(':');
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let known = PROGRAMS
        .iter()
        .find(|(program, _)| plain == *program || name == *program);
    known.map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_title_binary_and_interpreter() {
        use BackendKind::{Apache, Gunicorn, Java, Node, Other, PhpFpm, Proxy, Ruby, Uwsgi};
        let rows: &[(&[&str], BackendKind)] = &[
            (&["php-fpm: pool www"], PhpFpm),
            (
                &["php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)"],
                PhpFpm,
            ),
            (&["/usr/sbin/php-fpm8.2", "--nodaemonize"], PhpFpm),
            (&["/usr/sbin/apache2", "-k", "start"], Apache),
            (&["/usr/bin/python3", "/usr/bin/gunicorn", "app:app"], Gunicorn),
            (&["python3", "-m", "gunicorn", "app:app"], Gunicorn),
            (&["gunicorn: worker [shop]"], Gunicorn),
            (&["/usr/bin/uwsgi-core", "--ini", "x.ini"], Uwsgi),
            (&["puma 5.6.5 (tcp://127.0.0.1:3000) [shop]"], Ruby),
            (&["/usr/bin/env", "node", "server.js"], Node),
            (&["/usr/lib/jvm/java-17/bin/java", "-jar", "app.jar"], Java),
            (&["nginx: master process /usr/sbin/nginx"], Proxy),
            (&["python3", "-m", "http.server", "8080"], Other),
            (&["/srv/node/bin/shop"], Other),
        ];
        for (argv, kind) in rows {
            let argv = argv.iter().map(|arg| (*arg).to_owned()).collect();
            let process = Process {
                argv,
                ..Process::default()
            };
            assert_eq!(of_process(&process), *kind, "{:?}", process.argv);
        }
    }
}
