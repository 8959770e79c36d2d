//! What php-fpm tells of itself before a plan restarts it: its status page, asked as nginx would, and the end of its slow
//! log. Kept with the fix, for a restart that heals also wipes the traces; what can't be had holds up nothing.

use crate::{Plan, PoolTraces, Step, store::disk};
use host::{
    Answer, Host, Query, Stance,
    answer::Connect,
    looks::scoreboard::{fastcgi_text, fpm_page},
    query::Part,
};
use std::path::Path;

/// For one status page: a pool whose workers are all stuck does not answer, unless `pm.status_listen` is set.
const PATIENCE_MS: u64 = 700;
/// The end of a slow log, bytes.
const TAIL: u64 = 64 << 10;

/// Asks every pool of every unit that the plan restarts.
pub(crate) fn keep(host: &dyn Host, plan: &Plan, dir: &Path) {
    let pools = plan.steps.iter().flat_map(|step| match step {
        Step::Restart { pools, .. } => pools.as_slice(),
        _ => &[],
    });
    for (n, it) in pools.enumerate() {
        // a pool's name is a stranger's word and no file name
        save(dir, &format!("pool-{n}-status"), status(host, it));
        save(dir, &format!("pool-{n}-slow-log"), slow_log(host, it));
    }
}

/// A full disk costs us the traces, not the fix.
fn save(dir: &Path, name: &str, bytes: Option<Vec<u8>>) {
    if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
        let _ = disk::write(&dir.join(name), &bytes);
    }
}

fn status(host: &dyn Host, of: &PoolTraces) -> Option<Vec<u8>> {
    let (to, path) = of.status.as_ref()?;
    let query = Query::Connect {
        to: to.clone(),
        stance: Stance::default(),
        // `?full` tells of each worker: since when it serves which request
        talk: fpm_page(path, "full", PATIENCE_MS),
    };
    match host.ask(&query) {
        Ok(Answer::Conversation(said)) if said.connect == Connect::Accepted => {
            Some(fastcgi_text(&said.heard.0))
        }
        _ => None,
    }
}

fn slow_log(host: &dyn Host, of: &PoolTraces) -> Option<Vec<u8>> {
    let path = of.slow_log.clone()?;
    match host.ask(&Query::File {
        path,
        part: Part::Tail(TAIL),
    }) {
        Ok(Answer::File(Some(blob))) => Some(blob.bytes.0),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "reads what was kept")]
mod tests {
    use super::*;
    use crate::testing::{plan, restart};
    use host::{
        Endpoint, Look, Talk, Timestamp, Unseen,
        answer::{Blob, Bytes, Conversation, End},
    };

    /// A pool that serves its status page at one socket, and its slow log.
    struct Pool;

    impl Host for Pool {
        fn ask(&self, query: &Query) -> Look<Answer> {
            match query {
                Query::Connect {
                    to: Endpoint::Unix(_),
                    talk: Talk::FastCgiRequest { params, .. },
                    ..
                } => {
                    assert!(params.contains(&("QUERY_STRING".into(), "full".into())));
                    let stdout =
                        b"\x01\x06\0\x01\0\x05\x03\0pool:\0\0\0\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0";
                    Ok(Answer::Conversation(Conversation {
                        connect: Connect::Accepted,
                        connect_us: 1,
                        heard: Bytes(stdout.to_vec()),
                        first_byte_ms: Some(1),
                        end: End::Closed,
                        tls: None,
                    }))
                }
                Query::File { .. } => Ok(Answer::File(Some(Blob {
                    size: 4,
                    bytes: Bytes(b"slow".to_vec()),
                    modified: Timestamp::default(),
                }))),
                other => Err(Unseen::NotRecorded {
                    what: format!("{other:?}"),
                }),
            }
        }
    }

    fn traces(to: Endpoint) -> PoolTraces {
        PoolTraces {
            pool: "../www".into(),
            status: Some((to, "/status".into())),
            slow_log: Some("/var/log/www.slow".into()),
        }
    }

    #[test]
    fn what_pools_tell_is_kept_and_silence_holds_up_nothing() {
        let Step::Restart {
            unit,
            from,
            forensics,
            ..
        } = restart("active")
        else {
            panic!("a restart");
        };
        let silent = Endpoint::Tcp("127.0.0.1:9000".parse().expect("an address"));
        let pools = vec![traces(Endpoint::Unix("/run/www.sock".into())), traces(silent)];
        let plan = plan(vec![Step::Restart {
            unit,
            from,
            forensics,
            pools,
        }]);
        let dir = tempfile::tempdir().expect("a directory");
        keep(&Pool, &plan, dir.path());
        let kept = |name: &str| std::fs::read_to_string(dir.path().join(name)).ok();
        assert_eq!(kept("pool-0-status").as_deref(), Some("pool:"));
        assert_eq!(kept("pool-0-slow-log").as_deref(), Some("slow"));
        assert_eq!(kept("pool-1-status"), None);
        assert_eq!(kept("pool-1-slow-log").as_deref(), Some("slow"));
        keep(&Pool, &plan, Path::new("/nowhere"));
    }
}
