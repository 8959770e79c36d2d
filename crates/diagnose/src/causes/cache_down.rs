use crate::{
    Class,
    cause::{Group, Told, cause},
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
        effect_of: &[],
        settled_by: ("ask the cache", "redis-cli ping; systemctl status redis-server memcached"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text) if text.contains("RedisException: Connection refused") => 95,
        Trouble::Connect(111) => 2,
        _ => 0,
    }
}
