//! Exceptions of an application's own code: the line that tells, and the place in the code it points to.

use crate::{
    Evidence, Rank, Source, Symptom, backend_log,
    words::{clip, said},
    world::Said,
};
use logscan::Trouble;

/// An exception and, where known, the file and line it points to.
pub struct Exception {
    /// The line, cut where it is long.
    pub says: String,
    /// The file and line it points to.
    pub place: Option<String>,
    /// The line where it was found.
    pub evidence: Evidence,
}

/// The last exception of the application's own code among these lines, with the place it points to.
pub fn last(lines: &[Said<'_>], when: &dyn Fn(&Said<'_>) -> bool) -> Option<Exception> {
    let is_bug = |line: &Said<'_>| backend_log::is_bug(line.text) && when(line);
    let named = lines
        .iter()
        .rposition(|line| is_bug(line) && !line.text.contains("Traceback"));
    let at = named.or_else(|| lines.iter().rposition(is_bug))?;
    let line = lines.get(at)?;
    let place = place_near(lines, at);
    Some(Exception {
        says: clip(line.text),
        evidence: told(line, place.as_deref()),
        place,
    })
}

/// A line a program said, with the place it or its neighbours point to.
pub fn told(line: &Said<'_>, place: Option<&str>) -> Evidence {
    let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
    Evidence::supports(Rank::Strong, said(line) + &place, line.source.clone())
}

/// On the line itself (PHP), below it (JavaScript, Java), or above it (Python).
fn place_near(lines: &[Said<'_>], at: usize) -> Option<String> {
    let find = |line: &Said<'_>| backend_log::place(line.text);
    let below = lines.iter().skip(at).take(5).find_map(find);
    below.or_else(|| lines.iter().take(at).rev().take(8).find_map(find))
}

/// php-fpm hands its errors to nginx, which logs them beside the request.
pub fn in_nginx_log(failed: &[&Symptom]) -> Option<Exception> {
    failed.iter().rev().find_map(|symptom| match symptom.trouble()? {
        Trouble::BackendStderr(text) if backend_log::is_bug(text) => Some(Exception {
            says: clip(logscan::without_trace(text)),
            place: backend_log::place(text),
            evidence: Evidence::supports(
                Rank::Strong,
                format!(
                    "PHP said at {}: {}",
                    symptom.last,
                    clip(logscan::without_trace(text))
                ),
                Source::log(&symptom.log, "FastCGI sent in stderr"),
            ),
        }),
        _ => None,
    })
}
