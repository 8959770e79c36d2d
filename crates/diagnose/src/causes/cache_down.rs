use crate::{
    Case, Class, Opinion, Remedy,
    cause::{Group, Told, cause},
    needs::{self, CACHES},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The Redis or memcached the application is configured with is down. The application exits, waits or answers with
    /// an error.
    /// # How to tell
    /// Its log names the cache: `RedisException: Connection refused`, `ECONNREFUSED …:6379`; nothing answers there.
    /// # Fix
    /// Start the cache; find why it stopped.
    /// # Not this if
    /// The cache answers, and refuses writes (cache-full).
    pub static CACHE_DOWN = {
        id: "cache-down",
        title: "the application's cache does not answer",
        group: Group::Dependency,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("redisexception: connection refused", 95), (":6379", 75), ("redis connection", 60), ("memcached", 50), (":11211", 75), ("connection to redis", 80)],
        effect_of: &["disk-error", "disk-full", "oom-kill"],
        settled_by: ("ask the cache", "redis-cli ping; systemctl status redis-server memcached"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["cache-down"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text) if text.contains("RedisException: Connection refused") => 95,
        Trouble::Connect(111) => 2,
        _ => 0,
    }
}

/// What applications say when nothing answers (lower case).
const WORDS: &[&str] = &[
    "redisexception: connection refused",
    "redisexception: connection timed out",
    "redisexception: read error",
    "redis server went away",
    "econnrefused 127.0.0.1:6379",
    "connecting to 127.0.0.1:6379",
    "error 111 connecting to",
    "server_connection_failure",
    "redisclient::cannotconnecterror",
];

fn weigh(case: &Case) -> Opinion {
    needs::down(case, CACHES, WORDS)
}

fn advise(case: &Case) -> String {
    needs::advise_down(case, CACHES)
}

fn remedies(case: &Case) -> Vec<Remedy> {
    needs::start_it(case, CACHES)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, answers, refuses, silent};
    use logscan::{Phase, Trouble};

    const REDIS: &str = "redis 127.0.0.1:6379";

    fn fatal(fixture: Fixture) -> Fixture {
        let text = "PHP message: PHP Fatal error:  Uncaught RedisException: Connection refused in /w/r.php:1";
        fixture.php_says(text)
    }

    #[test]
    fn fires_where_the_application_names_the_address_that_is_silent() {
        let said = |at: &str| {
            let text = format!(
                "PHP message: PHP Fatal error:  Uncaught RuntimeException: no connection to {at} in /w/c.php:5"
            );
            Fixture::php_fpm()
                .php_says(&text)
                .needs("memcached 127.0.0.1:11211", "inactive", refuses(111))
        };
        said("127.0.0.1:11211").check("found cache-down");
        said("127.0.0.1:11311").check_not("cache-down");
    }

    #[test]
    fn fires_where_it_does_not_answer_and_is_used() {
        fatal(Fixture::php_fpm())
            .needs(REDIS, "inactive", refuses(111))
            .check("found cache-down");
        Fixture::node()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .needs(REDIS, "active", silent())
            .holding(1)
            .check("found cache-down");
    }

    #[test]
    fn stays_quiet_where_it_answers_or_nothing_shows_its_use() {
        fatal(Fixture::php_fpm())
            .needs(REDIS, "active", answers(&[]))
            .check_not("cache-down");
        Fixture::php_fpm()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .needs(REDIS, "inactive", refuses(111))
            .check_not("cache-down");
    }
}
