use crate::{
    Case, Class, Evidence, Opinion, Rank,
    cause::{Group, Told, cause},
    needs,
};
use host::consult::{Consultation, Service};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// Redis is at maxmemory without a policy to evict, or can't save to disk and stops writes.
    /// # How to tell
    /// `OOM command not allowed` or `MISCONF` in the application's log.
    /// # Fix
    /// OOM: raise maxmemory or set a policy. MISCONF: the disk first. Only a person can say which of what it holds may be
    /// lost.
    /// # Not this if
    /// The cache does not answer at all (cache-down).
    pub static CACHE_FULL = {
        id: "cache-full",
        title: "the application's cache refuses writes",
        group: Group::Dependency,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("oom command not allowed", 95), ("misconf", 90), ("maxmemory", 70), ("out of memory storing object", 95)],
        effect_of: &["disk-error", "disk-full", "inodes-full"],
        settled_by: ("see memory and persistence of the cache", "redis-cli info memory; redis-cli info persistence"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["cache-full"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text)
            if text.contains("OOM command not allowed") || text.contains("MISCONF") =>
        {
            95
        }
        _ => 0,
    }
}

const KINDS: &[Service] = &[Service::Redis, Service::Memcached];

/// What applications say of it (lower case).
const WORDS: &[&str] = &[
    "oom command not allowed",
    "misconf",
    "out of memory storing object",
];

fn weigh(case: &Case) -> Opinion {
    let complaint = needs::complaint(case, WORDS);
    let Some(sight) = needs::of(case, KINDS).find(|sight| sight.told().is_some()) else {
        return Opinion::none();
    };
    let reason = sight.told().and_then(|told| {
        no_memory(told)
            .or_else(|| no_snapshot(told))
            .or_else(|| no_slab(told))
    });
    // the state alone harms nobody who only reads
    let rank = if complaint.is_some() {
        Rank::Strong
    } else {
        Rank::Hint
    };
    let says = reason.clone().unwrap_or_else(|| "it refused writes".to_owned());
    let mut evidence: Vec<Evidence> = reason
        .into_iter()
        .map(|reason| Evidence::supports(rank, reason, needs::source(sight)))
        .collect();
    if evidence.is_empty() && complaint.is_some() && case.works_now() != Some(true) {
        let free = "it has memory to spare, and nothing of it fails to be written";
        evidence.push(Evidence::refutes(Rank::Decisive, free, needs::source(sight)));
    }
    evidence.extend(complaint);
    if evidence.is_empty() {
        return Opinion::none();
    }
    evidence.push(needs::written(sight));
    Opinion {
        says: format!(
            "{} at {} refuses writes: {says}",
            sight.dependency.service, sight.dependency.at
        ),
        subject: needs::subject(sight),
        evidence,
    }
}

/// Within a twentieth of its limit, and told to evict nothing.
fn no_memory(told: &Consultation) -> Option<String> {
    let most = told.number("INFO", "maxmemory").filter(|most| *most > 0)?;
    let used = told.number("INFO", "used_memory")?;
    let policy = told.value("INFO", "maxmemory_policy")?;
    (policy == "noeviction" && used >= most / 20 * 19).then(|| {
        format!(
            "it uses {} KiB of maxmemory {} KiB and evicts nothing (noeviction)",
            used >> 10,
            most >> 10
        )
    })
}

/// memcached keeps values by their size, each size in memory of its own, so it may be full before all of it is used.
fn no_slab(told: &Consultation) -> Option<String> {
    let most = told.number("stats", "limit_maxbytes").filter(|most| *most > 0)?;
    let used = told.number("stats", "bytes")?;
    (used >= most / 2).then(|| format!("it holds {} KiB and may use {} KiB", used >> 10, most >> 10))
}

fn no_snapshot(told: &Consultation) -> Option<String> {
    let failed = |key| told.value("INFO", key) == Some("err");
    (failed("rdb_last_bgsave_status") || failed("aof_last_write_status"))
        .then(|| "its last snapshot could not be written to disk".to_owned())
}

fn advise(case: &Case) -> String {
    let told = needs::of(case, KINDS).find_map(|sight| sight.told());
    if told.is_some_and(|told| no_slab(told).is_some()) {
        return "give it room (-m in /etc/memcached.conf, as far as free -m allows), or take -M out of it so that it evicts what \
                was not asked for in a long time; then systemctl restart memcached, which empties it"
            .to_owned();
    }
    if told.is_some_and(|told| no_snapshot(told).is_some()) {
        return "see why it can't write: df -h; df -i; ls -ld /var/lib/redis; tail -20 /var/log/redis/redis-server.log. \
                Mend that; the next snapshot that succeeds ends it: redis-cli bgsave"
            .to_owned();
    }
    "see what fills it: redis-cli --bigkeys; redis-cli info memory. Give it room (maxmemory, as far as free -m allows) or a \
     policy that evicts (maxmemory-policy allkeys-lru) if all it holds may be lost"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, answers, silent};
    use logscan::{Phase, Trouble};

    const REDIS: &str = "redis 127.0.0.1:6379";
    const FULL: &[(&str, &str, &str)] = &[
        ("INFO", "used_memory", "1048576"),
        ("INFO", "maxmemory", "1048576"),
        ("INFO", "maxmemory_policy", "noeviction"),
    ];

    fn fatal(says: &str) -> Fixture {
        let text = format!("PHP message: PHP Fatal error:  Uncaught RedisException: {says} in /w/r.php:1");
        Fixture::php_fpm().php_says(&text)
    }

    #[test]
    fn fires_where_it_refuses_writes() {
        fatal("OOM command not allowed when used memory > 'maxmemory'.")
            .needs(REDIS, "active", answers(FULL))
            .check("found cache-full");
        fatal("MISCONF Redis is configured to save RDB snapshots, but it's currently unable")
            .needs(
                REDIS,
                "active",
                answers(&[("INFO", "rdb_last_bgsave_status", "err")]),
            )
            .check("found cache-full");
    }

    #[test]
    fn fires_where_memcached_evicts_nothing_and_is_full() {
        let full = |used| answers(&[("stats", "limit_maxbytes", "2097152"), ("stats", "bytes", used)]);
        let said = || fatal("memcached: SERVER_ERROR out of memory storing object");
        said()
            .needs("memcached 127.0.0.1:11211", "active", full("1900000"))
            .check("found cache-full");
        said()
            .needs("memcached 127.0.0.1:11211", "active", full("1000"))
            .check_not("cache-full");
    }

    #[test]
    fn stays_quiet_where_nobody_complains_or_it_does_not_answer() {
        Fixture::php_fpm()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .needs(REDIS, "active", answers(FULL))
            .check_not("cache-full");
        fatal("OOM command not allowed")
            .needs(REDIS, "active", silent())
            .check_not("cache-full");
    }
}
