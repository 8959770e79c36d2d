use crate::{
    Case, Class, Measure, Opinion, Remedy,
    case::PeerSight,
    cause::{Group, Told, cause},
    limits, needs, service,
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The language's own limit ended the request: PHP's memory_limit, Java's heap, Node's old space. The kernel has
    /// nothing to say about it. PHP answers 500; Java and Node processes may end and leave a 502.
    /// # How to tell
    /// `Allowed memory size of N bytes exhausted`, `java.lang.OutOfMemoryError`, `JavaScript heap out of memory` in the
    /// application's log.
    /// # Fix
    /// Look at the request that needs so much; raise the limit only within the memory there is.
    /// # Not this if
    /// The kernel log shows an OOM kill (oom-kill).
    pub static APP_MEMORY_LIMIT = {
        id: "app-memory-limit",
        title: "the application reached its language's memory limit",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("allowed memory size", 95), ("outofmemoryerror", 90), ("heap out of memory", 95)],
        effect_of: &[],
        settled_by: ("look for the language's own message", "grep -rE \"Allowed memory size|OutOfMemoryError|heap out of memory\" /var/log"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["app-memory-limit"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text) if text.contains("Allowed memory size") => 95,
        Trouble::ClosedEarly | Trouble::Receive(104) => 2,
        _ => 0,
    }
}

/// What languages say of it (lower case).
const WORDS: &[&str] = &[
    "allowed memory size of",
    "java.lang.outofmemoryerror",
    "heap out of memory",
    "memoryerror",
];
/// A request that needs more than this needs a person.
const MOST: u64 = 1 << 30;

fn weigh(case: &Case) -> Opinion {
    if service::answered_badly(case).is_empty() && service::failing_start(case).is_none() {
        return Opinion::none();
    }
    let Some(evidence) = needs::complaint(case, WORDS) else {
        return Opinion::none();
    };
    let limit = php_limit(&evidence.says).map(|(limit, _)| limit);
    let limit = limit.map_or(String::new(), |limit| format!(" of {}", limits::size(limit)));
    let subject = case
        .peers
        .first()
        .map_or_else(|| case.site().to_owned(), service::subject);
    Opinion {
        says: format!(
            "a request of {} needs more memory than its language's limit{limit} allows",
            case.site()
        ),
        subject,
        evidence: vec![evidence],
    }
}

/// `Allowed memory size of 16777216 bytes exhausted (tried to allocate 41943072 bytes)`
fn php_limit(text: &str) -> Option<(u64, u64)> {
    let number = |mark: &str| -> Option<u64> {
        let (_, rest) = text.split_once(mark)?;
        rest.split(' ').next()?.parse().ok()
    };
    Some((number("Allowed memory size of ")?, number("tried to allocate ")?))
}

/// The pool, the limit and what was asked on top of it.
fn of_php(case: &Case) -> Option<(&PeerSight, u64, u64)> {
    let evidence = needs::complaint(case, WORDS)?;
    let (limit, asked) = php_limit(&evidence.says)?;
    let peer = case
        .peers
        .iter()
        .find(|peer| peer.backend.as_ref().is_some_and(|it| it.pool.is_some()))?;
    Some((peer, limit, asked))
}

fn advise(case: &Case) -> String {
    let raise = match of_php(case) {
        Some(_) => {
            "php_admin_value[memory_limit] in its pool, as far as children times that fit in memory (free -m)"
        }
        None => "the limit (Java -Xmx, Node --max-old-space-size), as far as memory allows (free -m)",
    };
    format!(
        "see which request it is and why it needs so much: a list without an end, an image, an export. If that is its proper work, raise {raise}"
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = of_php(case).and_then(|(peer, limit, asked)| {
        let (pool, unit) = (peer.backend.as_ref()?.pool.as_ref()?, case.unit_of(peer)?);
        let new = limit.saturating_add(asked).saturating_mul(2).next_power_of_two();
        let all = new.saturating_mul(u64::from(pool.max_children.unwrap_or(1)));
        let fits = new <= MOST && all < *case.world.memory_available.as_ref().ok()?;
        let megabytes = format!("{}M", new >> 20);
        let title = format!(
            "let requests of pool {} use {megabytes} of memory instead of {}",
            pool.name,
            limits::size(limit)
        );
        let set = Measure::IniSet {
            file: pool.written.file.clone(),
            section: pool.name.clone(),
            key: "php_admin_value[memory_limit]".to_owned(),
            value: megabytes,
        };
        let reload = Measure::Reload {
            unit: unit.name.clone(),
        };
        fits.then(|| Remedy::ask(title, vec![set, reload]).relief())
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use logscan::{Phase, Trouble};

    const PHP: &str = "PHP message: PHP Fatal error:  Allowed memory size of 16777216 bytes exhausted (tried to allocate 41943072 bytes) in /w/r.php on line 2";

    #[test]
    fn fires_on_the_words_of_each_language() {
        Fixture::php_fpm()
            .php_says(PHP)
            .with(|it| it.world.memory_available = Ok(8 << 30))
            .check("found app-memory-limit");
        Fixture::node()
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .says(
                30,
                "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            )
            .check("found app-memory-limit");
    }

    #[test]
    fn stays_quiet_at_another_time_and_where_nobody_could_connect() {
        Fixture::node()
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .says(4000, "java.lang.OutOfMemoryError: Java heap space")
            .check("unexplained");
        Fixture::gunicorn()
            .refused()
            .unit_is("inactive", "success")
            .check_not("app-memory-limit");
    }
}
