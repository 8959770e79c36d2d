//! Apache: `Listen`, and the `<VirtualHost>`s that name its port.

use super::cannot;
use crate::draft::{CannotDraft, desk::Desk, files::ROOT_READABLE, settings};
use diagnose::topology::{BackendKind, Claim, ListenAddress};
use host::Looks;
use std::path::{Path, PathBuf};

/// Where virtual hosts stand: Debian, RHEL, source builds.
const DIRS: &[&str] = &[
    "/etc/apache2/sites-enabled",
    "/etc/apache2/conf-enabled",
    "/etc/httpd/conf.d",
    "/usr/local/apache2/conf/extra",
];
const MOST_FILES: usize = 500;

/// Moves the `Listen` and every virtual host of that port.
pub(super) fn set(desk: &mut Desk, claim: &Claim, to: &ListenAddress) -> Result<(), CannotDraft> {
    let (ListenAddress::Tcp { port, .. }, ListenAddress::Tcp { port: new, .. }) = (&claim.address, to) else {
        return Err(cannot(claim, to, "Apache listens on TCP only"));
    };
    let (port, new) = (*port, *new);
    let of_apache = desk
        .world()
        .claims
        .iter()
        .filter(|other| other.kind == BackendKind::Apache && other.written != claim.written);
    let shared = of_apache
        .into_iter()
        .find(|other| matches!(other.address, ListenAddress::Tcp { port: other, .. } if other == port));
    if let Some(shared) = shared {
        let why = format!(
            "{} listens on port {port} too, so its virtual hosts can't be told apart",
            shared.written
        );
        return Err(cannot(claim, to, &why));
    }
    let line = claim.written.line as usize;
    let before = desk.steps.clone();
    edit(desk, &claim.written.file, &|number, text| {
        (number == line).then(|| listen(text, to)).flatten()
    })?;
    if desk.steps == before {
        return Err(cannot(claim, to, "the line is no Listen any more"));
    }
    if port == new {
        return Ok(());
    }
    for file in files(desk, &claim.written.file)? {
        edit(desk, &file, &|_, text| virtual_host(text, port, new))?;
    }
    Ok(())
}

fn files(desk: &Desk, main: &Path) -> Result<Vec<PathBuf>, CannotDraft> {
    let mut files = vec![main.to_owned()];
    for dir in DIRS {
        let names = desk.host.dir(Path::new(dir))?.unwrap_or_default();
        files.extend(
            names
                .into_iter()
                .filter(|name| name.ends_with(".conf"))
                .map(|name| Path::new(dir).join(name)),
        );
    }
    files.truncate(MOST_FILES);
    Ok(files)
}

type EditLine<'e> = &'e dyn Fn(usize, &str) -> Option<String>;

fn edit(desk: &mut Desk, file: &Path, line: EditLine) -> Result<(), CannotDraft> {
    let found = desk.find(file)?;
    let text = settings::text(&found)?;
    let lines = (1..).zip(text.split_inclusive('\n'));
    let edited: String = lines
        .map(|(number, text)| line(number, text).unwrap_or_else(|| text.to_owned()))
        .collect();
    desk.write(found, edited.into_bytes(), ROOT_READABLE)
}

/// `Listen 7080`, `Listen 127.0.0.1:7080 http`
fn listen(line: &str, to: &ListenAddress) -> Option<String> {
    let mut words = line.split_whitespace();
    let (name, old) = (words.next()?, words.next()?);
    let new = match to {
        ListenAddress::Tcp { ip: None, port } => port.to_string(),
        // a port alone is every address, the new one among them
        ListenAddress::Tcp { port, .. } if old.parse::<u16>().is_ok() => port.to_string(),
        to => to.to_string(),
    };
    name.eq_ignore_ascii_case("listen")
        .then(|| line.replacen(old, &new, 1))
}

/// `<VirtualHost *:7080 [::1]:7080>`
fn virtual_host(line: &str, port: u16, new: u16) -> Option<String> {
    let head = line.trim_start().get(.."<VirtualHost".len())?;
    if !head.eq_ignore_ascii_case("<VirtualHost") {
        return None;
    }
    let (old, new) = (format!(":{port}"), format!(":{new}"));
    let ends = |after: &str| after.starts_with(|c: char| c.is_whitespace() || c == '>' || c == '"');
    let mut edited = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once(&old) {
        edited.push_str(before);
        edited.push_str(if ends(after) { &new } else { &old });
        rest = after;
    }
    Some(edited + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_apache() {
        let to = |ip: Option<[u8; 4]>| ListenAddress::Tcp {
            ip: ip.map(Into::into),
            port: 80,
        };
        let rows = [
            ("Listen 7080\n", None, "Listen 80\n"),
            ("  Listen 7080 http\n", Some([127, 0, 0, 1]), "  Listen 80 http\n"),
            (
                "Listen 127.0.0.1:7080\n",
                Some([127, 0, 0, 2]),
                "Listen 127.0.0.2:80\n",
            ),
        ];
        for (line, ip, expected) in rows {
            assert_eq!(listen(line, &to(ip)).as_deref(), Some(expected));
        }
        assert_eq!(
            virtual_host("\t<virtualhost *:7080 [::1]:7080 x:70800>\n", 7080, 80).as_deref(),
            Some("\t<virtualhost *:80 [::1]:80 x:70800>\n")
        );
        assert_eq!(virtual_host("# <VirtualHost *:7080>\n", 7080, 80), None);
    }
}
