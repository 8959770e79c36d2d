//! An outage told for a ticket, in Markdown.

use super::{
    account::{Account, Kind, Now, chronicle, signature},
    logs::{bytes, called, grouped, key, site},
    markdown::{self, code, plain},
};
use crate::screen::age;
use logscan::scan::{Burst, By, Weight};
use std::{fmt::Write, time::Duration};

/// What is told of whose load it was.
const LISTS: [By; 2] = [By::Route, By::Client];

/// The page.
pub fn render(account: &Account<'_>) -> String {
    let mut page = format!("# {}\n\n", plain(&account.answer()));
    head(account, &mut page);
    happened(account, &mut page);
    for (index, burst) in account.worst() {
        of_burst(account, index, burst, &mut page);
    }
    load(account, &mut page);
    past(account, &mut page);
    if let Some(now) = &account.now {
        let verdict = markdown::render(now.verdict, now.frame);
        page.push_str("## What the host shows now\n");
        // its headline is ours; its headings stand one deeper here
        for line in verdict.lines().skip(1) {
            let deeper = if line.starts_with('#') { "#" } else { "" };
            let _ = writeln!(page, "{deeper}{line}");
        }
        foresight(now, &mut page);
    }
    sources(account, &mut page);
    page
}

fn head(account: &Account<'_>, page: &mut String) {
    let story = &account.story;
    let host = match account.host.as_str() {
        "" => String::new(),
        host => format!("Host `{}`. ", code(host)),
    };
    let made = story.moment(account.at, "%-d %B %Y %H:%M %Z");
    let _ = writeln!(
        page,
        "{host}Made {made} with why502 {}.\n",
        env!("CARGO_PKG_VERSION")
    );
    let _ = writeln!(page, "The logs: {}\n", plain(&account.lost()));
}

fn happened(account: &Account<'_>, page: &mut String) {
    let events = chronicle(account);
    if events.is_empty() {
        return;
    }
    let zone = account.story.moment(account.at, "%Z");
    let _ = writeln!(page, "## What happened\n\n| {zone} | | |\n|---|---|---|");
    for event in events {
        let kind = match event.kind {
            Kind::Change => "changed",
            Kind::Begins => "**fails**",
            Kind::Fix => "why502",
            Kind::Ends => "ends",
        };
        let at = account.story.moment(event.at, "%-d %b %H:%M:%S");
        let _ = writeln!(page, "| {at} | {kind} | {} |", plain(&event.says));
    }
    page.push('\n');
}

fn of_burst(account: &Account<'_>, index: usize, burst: &Burst, page: &mut String) {
    let story = &account.story;
    let lasted = Duration::from_secs(u64::try_from(burst.end - burst.start).unwrap_or(0) + 1);
    let _ = writeln!(
        page,
        "## Burst {}: {}, {} to {} ({}), {}\n",
        index + 1,
        plain(&site(burst)),
        story.moment(burst.start, "%-d %b %H:%M:%S"),
        story.moment(burst.end, "%H:%M:%S"),
        age(lasted),
        account.of_burst(burst),
    );
    if let Some(why) = account.why(index, burst) {
        let word = if why.written_down {
            "Written down while it failed"
        } else {
            "Cause"
        };
        let _ = writeln!(page, "{word}: {} (`{}`)\n", plain(why.says), code(why.id));
    }
    let said = burst.said.iter().filter(|share| !burst.how.contains(share));
    let said = said.map(|share| ("nginx said: ", share));
    for (who, share) in burst.how.iter().map(|share| ("", share)).chain(said) {
        let _ = writeln!(
            page,
            "- {} times: {who}{}",
            grouped(share.count),
            plain(&signature(&share.series))
        );
    }
    page.push('\n');
}

fn load(account: &Account<'_>, page: &mut String) {
    let everyone = &account.story.scanned.everyone;
    for by in LISTS.into_iter().filter(|_| everyone.total.requests > 0) {
        let _ = writeln!(
            page,
            "## Load by {}\n\n| {} | seconds | requests | failed | sent |\n|---|--:|--:|--:|--:|",
            called(by),
            called(by)
        );
        for row in everyone.by(by).ranked(Weight::Time, account.story.top) {
            let load = row.load;
            let _ = writeln!(
                page,
                "| {} | {:.1} | {} | {} | {} |",
                plain(&key(by, &row.key)),
                load.micros as f64 / 1e6,
                grouped(load.requests),
                grouped(load.failures),
                bytes(load.bytes)
            );
        }
        page.push('\n');
    }
}

fn past(account: &Account<'_>, page: &mut String) {
    if account.fixes.is_empty() {
        return;
    }
    page.push_str("## Fixes\n\n");
    for fix in account.fixes.iter().take(account.story.top) {
        let at = fix.events.first().map_or_else(String::new, |it| {
            account.story.moment(it.at_ms.secs(), "%-d %b %H:%M:%S")
        });
        let (title, outcome) = (plain(&fix.title), plain(&fix.outcome));
        let _ = writeln!(page, "- {at} `{}`: {title}: {outcome}", code(&fix.id));
    }
    page.push('\n');
}

/// What an audit of the host says.
fn foresight(now: &Now<'_>, page: &mut String) {
    let Some(audit) = &now.audit else { return };
    page.push_str("\n## What will make a 502 tomorrow\n\n");
    if audit.findings.is_empty() {
        page.push_str("Nothing that the rules know.\n\n");
    }
    for it in &audit.findings {
        let place = it
            .place()
            .map_or_else(String::new, |place| format!(" (`{}`)", code(place)));
        let _ = writeln!(
            page,
            "- {}: {}{place}. {}",
            it.level,
            plain(&it.says),
            plain(&it.change)
        );
    }
    let mut blind: Vec<&str> = audit.blind.iter().map(|it| it.rule.as_str()).collect();
    blind.dedup();
    if !blind.is_empty() {
        let _ = writeln!(page, "- rules that could not look: {}", blind.join(", "));
    }
    page.push('\n');
}

fn sources(account: &Account<'_>, page: &mut String) {
    let story = &account.story;
    page.push_str("## What was read\n\n");
    if story.scanned.partial {
        page.push_str("**Partial**: reading was interrupted.\n\n");
    }
    for (log, seen) in story.logs.iter().zip(&story.scanned.seen) {
        let unfit = match seen.unfit {
            0 => String::new(),
            some => format!(", {} not understood", grouped(some)),
        };
        let _ = writeln!(
            page,
            "- `{}`: {} lines{unfit}",
            code(&log.name),
            grouped(seen.lines)
        );
    }
    for it in story.trouble {
        let _ = writeln!(page, "- not read: {}", plain(it));
    }
}
