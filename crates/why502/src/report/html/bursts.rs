//! Each burst: when, what was lost, how, and why where the host still shows it.

use super::{parts::head, timeline::plot};
use crate::{
    report::{
        account::{Account, chronicle, signature},
        logs::{grouped, site},
    },
    screen::age,
};
use logscan::scan::{Burst, Share};
use maud::{Markup, html};
use std::time::Duration;

/// Ways to fail told of a burst.
const WAYS: usize = 6;
/// Bursts whose plot is open.
const OPEN: usize = 3;

/// The section; nothing where nothing stands out.
pub fn section(account: &Account<'_>) -> Option<Markup> {
    let worst = account.worst();
    let left_out = account.story.bursts.len() - worst.len();
    (!worst.is_empty()).then(|| {
        html! {
            @for (nth, (index, burst)) in worst.iter().enumerate() { (article(account, *index, burst, nth < OPEN)) }
            @if left_out > 0 { p.quiet { "And " (grouped(left_out as u64)) " lesser; --top tells more of them." } }
        }
    })
}

fn article(account: &Account<'_>, index: usize, burst: &Burst, open: bool) -> Markup {
    let story = &account.story;
    let lasted = u64::try_from(burst.end - burst.start).unwrap_or(0) + 1;
    html! {
        article id={ "burst-" (index + 1) } tabindex="-1" {
            h3 { span.nr { (index + 1) } (site(burst)) }
            p.facts {
                (story.moment(burst.start, "%-d %b %H:%M:%S")) " to " (story.moment(burst.end, "%H:%M:%S"))
                ", " (age(Duration::from_secs(lasted))) ", "
                strong { (account.of_burst(burst)) }
            }
            (why(account, index, burst))
            (ways(burst))
            details open[open] {
                summary { "Seen closely" }
                (close(account, index, burst))
            }
        }
    }
}

fn why(account: &Account<'_>, index: usize, burst: &Burst) -> Markup {
    let why = account.why(index, burst);
    let others = account
        .remembered(burst)
        .into_iter()
        .map(|it| (it.says.as_str(), it.cause.as_str()));
    let hindsight = account.cause(index).map(|it| (it.says.as_str(), it.id.as_str()));
    let told = |it: &(&str, &str)| why.is_some_and(|why| why.id == it.1);
    let trigger = account.cause(index).and_then(|it| it.trigger.as_ref());
    html! {
        @if let Some(why) = &why {
            p.cause { strong { @if why.written_down { "Written down while it failed: " } @else { "Cause: " } } (why.says) " " code { (why.id) } }
        }
        @for (says, id) in others.filter(|it| !told(it)) { p { strong { "Also written down then: " } (says) " " code { (id) } } }
        @if let Some((says, id)) = hindsight.filter(|it| !told(it)) { p { strong { "In hindsight the host shows: " } (says) " " code { (id) } } }
        @if let Some(trigger) = trigger { p { strong { "Just before: " } (trigger.says) ", " (account.story.moment(trigger.at.secs(), "%-d %b %H:%M:%S")) } }
        @if why.is_none() { p.quiet { @if account.now.is_some() { "The host does not show why." } @else { "Logs alone do not tell why." } } }
    }
}

fn ways(burst: &Burst) -> Markup {
    let said = burst.said.iter().filter(|share| !burst.how.contains(share));
    html! {
        table {
            (head(&["how it failed", "times"], 1))
            tbody {
                @for it in burst.how.iter().take(WAYS) { (way("", it)) }
                @for it in said { (way("nginx said: ", it)) }
            }
        }
    }
}

fn way(who: &str, share: &Share) -> Markup {
    html! { tr { td { (who) (signature(&share.series)) } td.n { (grouped(share.count)) } } }
}

/// The burst with a third of its length before and behind it.
fn close(account: &Account<'_>, index: usize, burst: &Burst) -> Markup {
    let around = (burst.end - burst.start) / 3 + 10;
    let (from, until) = (burst.start - around, burst.end + around);
    let (first, last) = account.span().unwrap_or((from, until));
    let timeline = account.timeline_of(from.max(first), until.min(last), 1);
    let events = chronicle(account);
    html! { figure { (plot(account, &timeline, &events, &format!("burst-{}", index + 1))) } }
}
