//! `--site NAME`: a name that nginx does not have is a slip of the pen, not a healthy site.

use crate::{exit::Misuse, screen::safe};
use diagnose::World;

/// Names listed of those there are.
const MOST: usize = 20;

/// nginx has that site, or its sites are not known.
///
/// # Errors
/// It has others.
pub fn exists(world: &World, site: Option<&str>) -> anyhow::Result<()> {
    let Some(site) = site else { return Ok(()) };
    let all: Vec<&str> = world.sites().into_iter().collect();
    if all.is_empty() || all.iter().any(|known| known.eq_ignore_ascii_case(site)) {
        return Ok(());
    }
    let wanted = site.to_ascii_lowercase();
    let mut shown: Vec<&str> = all.clone();
    shown.sort_by_key(|known| !is_like(&known.to_ascii_lowercase(), &wanted));
    shown.truncate(MOST);
    let more = match all.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let says = format!(
        "nginx on this host has no site '{}'; it has {}{more}",
        safe(site),
        safe(&shown.join(", "))
    );
    Err(Misuse(says).into())
}

fn is_like(known: &str, wanted: &str) -> bool {
    known.contains(wanted) || wanted.contains(known)
}
