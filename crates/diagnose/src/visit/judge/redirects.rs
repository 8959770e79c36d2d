//! Where the page leads.

use super::{
    super::{
        Check,
        case::{Asked, Why},
    },
    Theory, Whose, curl,
    site::TELL,
};
use crate::Rank;

/// The page leads to where nobody answers.
pub(super) fn dead_end(check: &Check) -> Option<Theory> {
    if let Some(place) = &check.dead_end {
        return Some(
            Theory::new(
                Whose::Edge,
                format!("{} leads to {place}, a name without an address.", check.place),
            )
            .seen(
                Rank::Decisive,
                format!("{} has no address here", place.host),
                format!("dig {}", place.host),
            )
            .visitor(TELL),
        );
    }
    let it = check
        .asked
        .iter()
        .find(|it| it.why == Why::Redirect && it.fails() && !it.connected())?;
    let (place, outcome) = (&it.place, it.outcome());
    Some(
        Theory::new(
            Whose::Edge,
            format!(
                "{} leads to {place}, where nobody answers: {outcome}.",
                check.place
            ),
        )
        .seen(Rank::Strong, format!("{}: {outcome}", it.visit.to), curl(it, ""))
        .visitor(TELL),
    )
}

/// Redirects that lead back to where they came from.
pub(super) fn circle(check: &Check) -> Option<Theory> {
    let last = check
        .asked
        .iter()
        .rfind(|it| matches!(it.why, Why::Redirect | Why::Address) && it.page.is_some())?;
    let next = last.place.join(last.page.as_ref()?.redirect()?)?;
    let back = check.asked.iter().any(|it| it.place == next)
        && check.asked.iter().filter(|it| it.why == Why::Redirect).count() < 6;
    let many = check.asked.iter().filter(|it| it.why == Why::Redirect).count() >= 5;
    if !back && !many {
        return None;
    }
    let path: Vec<String> = check
        .asked
        .iter()
        .filter(|it| it.why == Why::Redirect)
        .map(|it| it.place.to_string())
        .collect();
    // a browser would come back with that cookie, and may get on
    let sets_cookie = |it: &Asked| {
        it.page
            .as_ref()
            .is_some_and(|page| page.header("set-cookie").is_some())
    };
    if check.asked.iter().any(sets_cookie) {
        return None;
    }
    Some(
        Theory::new(Whose::Edge, format!("{} leads in a circle: browsers say \"too many redirects\".", check.place))
            .seen(Rank::Decisive, format!("{} -> {} -> {next} again", check.place, path.join(" -> ")), format!("curl -sSIL --max-redirs 6 {}", crate::evidence::quote(&check.place.to_string())))
            .visitor("Try a private window: a cookie may choose that way. If it is the same there, tell the site's operator."),
    )
}
