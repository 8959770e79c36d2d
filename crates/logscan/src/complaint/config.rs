//! `[emerg]`: what keeps nginx from starting or reloading. Texts of `ngx_conf_file.c` and of the directives.

use super::{Parts, Place, Trouble};
use crate::Level;

pub(super) fn trouble(parts: &Parts<'_>) -> Option<Trouble> {
    let (text, place) = split_place(parts.body);
    if let Some(name) = unknown_host(text) {
        return Some(Trouble::HostNotFound { name, place });
    }
    if text == "still could not bind()" {
        // tried five times while the address was in use (98), and only then: ngx_open_listening_sockets
        return Some(Trouble::ListenFailed {
            errno: 98,
            address: String::new(),
        });
    }
    let fatal = parts.said.level == Level::Emerg && !text.is_empty();
    fatal.then(|| Trouble::BadConfig {
        text: text.to_owned(),
        place,
    })
}

/// A message ends with a place in a config, as nginx says at start only.
pub(crate) fn names_a_place(message: &str) -> bool {
    split_place(message).1.is_some()
}

/// `host not found in upstream "NAME"`, `… in resolver "NAME"`, `… in "NAME" of the "listen" directive`.
fn unknown_host(text: &str) -> Option<String> {
    let rest = text.strip_prefix("host not found in ")?;
    let (_, name) = rest.split_once('"')?;
    Some(name.split('"').next().unwrap_or_default().to_owned())
}

/// The text, and the place at its end: `… in FILE:LINE`. A file without a line comes from people, not from nginx.
fn split_place(body: &str) -> (&str, Option<Place>) {
    let Some((text, at)) = body.rsplit_once(" in /") else {
        return (body, None);
    };
    let place = at.rsplit_once(':').and_then(|(file, line)| {
        Some(Place {
            file: format!("/{file}").into(),
            line: line.trim().parse().ok()?,
        })
    });
    if place.is_some() {
        (text, place)
    } else {
        (body, None)
    }
}
