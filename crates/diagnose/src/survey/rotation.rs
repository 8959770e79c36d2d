//! What logrotate(8) runs when it has moved a log away.

use super::{files_in, text};
use crate::topology::Place;
use host::{Host, Look};
use std::path::{Path, PathBuf};

/// A command of a rotation's script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Where it is written.
    pub place: Place,
    /// As written.
    pub command: String,
}

/// Every command of every script in logrotate's files.
pub(super) fn look(host: &dyn Host) -> Look<Vec<Rotation>> {
    let mut files = vec![PathBuf::from("/etc/logrotate.conf")];
    files.extend(files_in(host, "/etc/logrotate.d")?);
    let mut found = Vec::new();
    for file in files {
        let text = text(host, &file)?.unwrap_or_default();
        found.extend(commands(&file, &text));
    }
    Ok(found)
}

/// Lines between `postrotate` (or one of its siblings) and `endscript`.
fn commands(file: &Path, text: &str) -> Vec<Rotation> {
    let mut inside = false;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line_text = line.trim();
        match line_text {
            "postrotate" | "prerotate" | "firstaction" | "lastaction" | "preremove" => inside = true,
            "endscript" => inside = false,
            "" => {}
            _ if inside && !line_text.starts_with('#') => found.push(Rotation {
                place: Place {
                    file: file.to_owned(),
                    line: number,
                    column: u32::try_from(line.len() - line.trim_start().len()).unwrap_or(0) + 1,
                },
                command: line_text.to_owned(),
            }),
            _ => {}
        }
    }
    found
}

impl Rotation {
    /// The unit that this command restarts; `None` where it restarts none: a reload, a signal, a word in a message.
    pub fn restarts(&self) -> Option<String> {
        let words: Vec<&str> = self
            .command
            .split([' ', '\t', ';', '&', '|', '(', ')'])
            .filter(|it| !it.is_empty())
            .collect();
        let at = |name: &str| {
            words
                .iter()
                .position(|word| word.rsplit('/').next() == Some(name))
        };
        let names: Option<(&str, &str)> = if let Some(at) = at("systemctl") {
            let mut rest = words.iter().skip(at + 1).filter(|word| !word.starts_with('-'));
            Some((*rest.next()?, *rest.next()?)).map(|(verb, unit)| (unit, verb))
        } else if let Some(at) = at("service").or_else(|| at("invoke-rc.d")) {
            let mut rest = words.iter().skip(at + 1).filter(|word| !word.starts_with('-'));
            Some((*rest.next()?, *rest.next()?))
        } else {
            let script = words.iter().position(|word| word.starts_with("/etc/init.d/"))?;
            let unit = words.get(script)?.rsplit('/').next()?;
            Some((unit, *words.get(script + 1)?))
        };
        let (unit, verb) = names?;
        let restart = matches!(
            verb,
            "restart" | "try-restart" | "condrestart" | "force-restart" | "stop"
        );
        restart.then(|| {
            if unit.contains('.') && unit.ends_with(".service") {
                unit.to_owned()
            } else {
                format!("{unit}.service")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_scripts_with_their_places() {
        let text = "/var/log/x/*.log {\n\tweekly\n\tpostrotate\n\t\t# restart it\n\t\tsystemctl restart x\n\tendscript\n}\n";
        let found = commands(Path::new("/etc/logrotate.d/x"), text);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].place.line, found[0].place.column), (5, 3));
        assert_eq!(found[0].restarts().as_deref(), Some("x.service"));
    }

    #[test]
    fn who_is_restarted() {
        let rows = [
            ("systemctl restart php8.2-fpm", Some("php8.2-fpm.service")),
            (
                "/bin/systemctl -q try-restart app.service > /dev/null",
                Some("app.service"),
            ),
            (
                "service nginx restart >/dev/null 2>&1 || true",
                Some("nginx.service"),
            ),
            ("invoke-rc.d --quiet apache2 restart", Some("apache2.service")),
            ("[ -f /x ] && /etc/init.d/app restart", Some("app.service")),
            ("systemctl reload nginx", None),
            ("systemctl reload-or-restart app", None),
            ("invoke-rc.d nginx rotate >/dev/null 2>&1", None),
            ("/usr/lib/php/php8.2-fpm-reopenlogs; fi", None),
            ("kill -USR1 `cat /run/nginx.pid`", None),
            ("echo systemctl", None),
            ("systemctl", None),
        ];
        for (command, expected) in rows {
            let rotation = Rotation {
                place: Place::default(),
                command: command.into(),
            };
            assert_eq!(rotation.restarts().as_deref(), expected, "{command}");
        }
    }
}
