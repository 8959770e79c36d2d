//! What speaks for a cause and what speaks against it.

use host::Endpoint;
use serde::Serialize;
use std::path::Path;

/// One observation, in one sentence, with where to see it with one's own eyes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The sentence. May quote logs: escape before printing.
    pub says: String,
    /// Where it was seen.
    #[serde(flatten)]
    pub source: Source,
    /// For or against.
    pub side: Side,
    /// How much it weighs.
    pub rank: Rank,
    /// It says that what lies behind could not be seen.
    #[serde(skip)]
    pub is_gap: bool,
}

/// Which way it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// For the cause.
    For,
    /// Against it.
    Against,
}

/// Three ranks and no numbers: a person can check a rank, nobody can check a 0.73.
///
/// `Hint`: fits, as it fits other causes too; never enough by itself. `Strong`: rarely seen without this cause.
/// `Decisive`: cannot be so without it (for), or cannot be so with it (against).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rank {
    /// Fits.
    Hint,
    /// Rarely otherwise.
    Strong,
    /// Not otherwise.
    Decisive,
}

/// Where it was seen, and the command that shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Source {
    /// `/etc/nginx/sites-enabled/shop:12`, `journal of php8.2-fpm.service`, `ss -ltnp`.
    #[serde(rename = "source")]
    pub place: String,
    /// The command that shows it.
    pub command: String,
}

impl Source {
    /// A line of a file, or the whole file.
    pub fn file(path: &Path, line: Option<u32>) -> Self {
        let quoted = quote(&path.to_string_lossy());
        match line {
            Some(line) => Self {
                place: format!("{}:{line}", path.display()),
                command: format!("sed -n {line}p {quoted}"),
            },
            None => Self {
                place: path.display().to_string(),
                command: format!("cat {quoted}"),
            },
        }
    }

    /// Mode and owner of a path and of every directory above it.
    pub fn path(path: &Path) -> Self {
        let quoted = quote(&path.to_string_lossy());
        Self {
            place: path.display().to_string(),
            command: format!("namei -l {quoted}"),
        }
    }

    /// Lines of a log that hold this text.
    pub fn log(path: &Path, text: &str) -> Self {
        let (text, quoted) = (quote(text), quote(&path.to_string_lossy()));
        let zipped = path.extension().is_some_and(|it| it == "gz");
        let grep = if zipped { "zgrep" } else { "grep" };
        Self {
            place: path.display().to_string(),
            command: format!("{grep} -F {text} {quoted} | tail -3"),
        }
    }

    /// The journal of a unit.
    pub fn journal(unit: &str) -> Self {
        Self {
            place: format!("journal of {unit}"),
            command: format!("journalctl -u {} -n 20 --no-pager", quote(unit)),
        }
    }

    /// The state of a unit.
    pub fn unit(unit: &str) -> Self {
        Self {
            place: format!("systemctl status {unit}"),
            command: format!("systemctl status {} --no-pager", quote(unit)),
        }
    }

    /// What a read-only command prints.
    pub fn command(command: impl Into<String>) -> Self {
        let command = command.into();
        Self {
            place: command.clone(),
            command,
        }
    }

    /// Who listens on an address.
    pub fn listeners(endpoint: &Endpoint) -> Self {
        Self::command(match endpoint {
            Endpoint::Tcp(addr) => format!("ss -ltnp 'sport = :{}'", addr.port()),
            Endpoint::Unix(path) => format!("ss -xlp src {}", quote(&path.to_string_lossy())),
        })
    }

    /// A connection we made ourselves, as nginx's worker user.
    pub fn connect(endpoint: &Endpoint, user: &str) -> Self {
        let user = quote(user);
        let command = match endpoint {
            Endpoint::Tcp(addr) => format!("sudo -u {user} curl -sv telnet://{addr} </dev/null"),
            Endpoint::Unix(path) => {
                let path = quote(&path.to_string_lossy());
                format!("sudo -u {user} curl -sv --unix-socket {path} http://x/ -o /dev/null")
            }
        };
        Self {
            place: format!("connecting to {endpoint} as {user}"),
            command,
        }
    }
}

impl Evidence {
    /// Speaks for.
    pub fn supports(rank: Rank, says: impl Into<String>, source: Source) -> Self {
        Self {
            says: says.into(),
            source,
            side: Side::For,
            rank,
            is_gap: false,
        }
    }

    /// What lies behind this cause could not be seen: the chain of causes stops here, and says so.
    pub fn gap(says: impl Into<String>, source: Source) -> Self {
        Self {
            is_gap: true,
            ..Self::supports(Rank::Hint, says, source)
        }
    }

    /// Speaks against.
    pub fn refutes(rank: Rank, says: impl Into<String>, source: Source) -> Self {
        Self {
            says: says.into(),
            source,
            side: Side::Against,
            rank,
            is_gap: false,
        }
    }
}

/// For a shell: as it is where that is safe, in single quotes where not.
pub fn quote(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "/._-:@+=,%".contains(c);
    if !text.is_empty() && text.chars().all(safe) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
