use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy,
    cause::{Group, Told, cause},
    evidence::quote,
    freeing,
    limits::{self, FileSystem},
    space::{self, Refusal},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// A file system in the chain is full: the backend, its database or its cache dies or can't write; nginx can't
    /// buffer. /run and /tmp are file systems of their own and fill alone.
    /// # How to tell
    /// `(28: No space left on device)`, MariaDB's `The table … is full`, Redis's MISCONF; df of every mount in the chain.
    /// A snapshot or a temporary file that did not fit is removed again, so room may be there once one looks. Deleted
    /// files that are still open take room too, and du does not see them.
    /// # Fix
    /// Have the package manager empty its cache and the journal drop its oldest files, then start what died: relief, for
    /// what filled it is still to be found. What else may go only a person can say; never the data.
    /// # Not this if
    /// Blocks are free and inodes are not (inodes-full); or what lacks are file watchers or semaphores, which have the
    /// same errno.
    pub static DISK_FULL = {
        id: "disk-full",
        title: "a file system is full",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("no space left on device", 90), ("enospc", 90), ("disk full", 90), ("the table is full", 70), ("errcode: 28", 95), ("disk quota exceeded", 70), ("write error saving db on disk", 80)],
        effect_of: &[],
        settled_by: ("look at every mount", "df -h; df -i"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["disk-full"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TempFile { errno: 28, .. } | Trouble::LogWrite { errno: 28, .. } => 90,
        Trouble::Connect(28) => 90,
        Trouble::BackendStderr(text) if text.contains("No space left") => 90,
        Trouble::Connect(111) => 4,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let refusals = space::refusals(case);
    let full = space::lacking(case, &refusals, FileSystem::is_full);
    if full.is_empty() {
        return no_longer(case, &refusals);
    }
    let mut evidence: Vec<Evidence> = refusals.iter().map(|it| it.evidence.clone()).collect();
    evidence.dedup_by(|a, b| a.says == b.says);
    evidence.extend(
        full.iter()
            .map(|(on, named)| is_full(on, *named && !refusals.is_empty())),
    );
    let Some((first, _)) = full.first() else {
        return Opinion::none();
    };
    evidence.extend(freeing::held(case, first));
    Opinion {
        subject: first.mount.point.display().to_string(),
        says: format!("the file system {} is full", first.name()),
        evidence,
    }
}

fn is_full(on: &FileSystem, named: bool) -> Evidence {
    let rank = if named { Rank::Decisive } else { Rank::Strong };
    let says = format!(
        "{} has {} of {} left",
        on.name(),
        limits::size(on.space.bytes_available),
        limits::size(on.space.bytes)
    );
    Evidence::supports(rank, says, on.source("-h"))
}

/// Somebody complained, and there is room now, or it is the inodes that are gone.
fn no_longer(case: &Case, refusals: &[Refusal]) -> Opinion {
    let inodes = space::lacking(case, refusals, |on| on.space.is_out_of_inodes());
    if let Some((on, _)) = inodes.first() {
        let says = format!(
            "{} has {} left, and no inode",
            on.name(),
            limits::size(on.space.bytes_available)
        );
        return Opinion {
            evidence: vec![Evidence::refutes(Rank::Decisive, says, on.source("-i"))],
            ..Opinion::default()
        };
    }
    let Some(refusal) = refusals.first() else {
        return Opinion::none();
    };
    let on = refusal
        .path
        .as_deref()
        .and_then(|path| case.world.limits.under(path));
    let place = on.map_or("a file system".to_owned(), FileSystem::name);
    let room = on.map(|on| {
        let says = format!(
            "{} has {} left now: what did not fit was removed again, or room was made",
            on.name(),
            limits::size(on.space.bytes_available)
        );
        Evidence::supports(Rank::Hint, says, on.source("-h"))
    });
    Opinion {
        subject: on.map_or_else(|| "disk".to_owned(), |on| on.mount.point.display().to_string()),
        says: format!("{place} had no room for what was to be written"),
        evidence: refusals.iter().map(|it| it.before_room(on)).chain(room).collect(),
    }
}

fn advise(case: &Case) -> String {
    let refusals = space::refusals(case);
    let full = space::lacking(case, &refusals, FileSystem::is_full);
    let Some((on, _)) = full.first() else {
        return "see what it wanted to write and how much room that takes: df -h; df -i. Make that room before it tries again".to_owned();
    };
    let point = quote(&on.mount.point.to_string_lossy());
    let starts: Vec<String> = space::to_start(case)
        .iter()
        .map(|unit| quote(&unit.name))
        .collect();
    let then = if starts.is_empty() {
        String::new()
    } else {
        format!(". Then: systemctl start {}", starts.join(" "))
    };
    format!(
        "see what fills it: du -xh --max-depth=2 {point} | sort -h | tail; {}. Never remove a database's own files{then}",
        freeing::advice(case, on)
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let full = space::lacking(case, &space::refusals(case), FileSystem::is_full);
    let on = full.first().map(|(on, _)| *on);
    on.and_then(|on| freeing::make_room(case, on))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        limits::{FileSystem, Reclaimable, Spare},
        testing::{Fixture, answers, refuses},
    };
    use host::{answer::Space, looks::Mount};
    use logscan::{Phase, Trouble};

    fn filesystem(point: &str, bytes_available: u64, inodes_free: u64) -> FileSystem {
        FileSystem {
            mount: Mount {
                point: point.into(),
                root: "/".into(),
                kind: "ext4".into(),
                source: "/dev/sdb".into(),
                options: vec!["rw".into()],
            },
            space: Space {
                bytes: 250 << 20,
                bytes_free: bytes_available,
                bytes_available,
                inodes: 1000,
                inodes_free,
                read_only: false,
            },
        }
    }

    fn on(fixture: Fixture, point: &str, free: u64, inodes: u64) -> Fixture {
        fixture.with(|it| {
            it.world.limits.filesystems =
                vec![filesystem("/", 90 << 20, 500), filesystem(point, free, inodes)];
        })
    }

    fn upload() -> Fixture {
        let path = "/var/lib/nginx/body/0000000001".into();
        Fixture::gunicorn().complains(Trouble::TempFile { errno: 28, path }, Phase::Other)
    }

    const TABLE: &str = "PHP message: PHP Fatal error:  Uncaught mysqli_sql_exception: The table 'orders' is full in /w/o.php:1";
    const GONE: &str = "PHP message: PHP Fatal error:  Uncaught mysqli_sql_exception: No such file or directory in /w/db.php:1";
    const MISCONF: &str = "PHP message: PHP Fatal error:  Uncaught RedisException: MISCONF Redis is configured to save RDB snapshots in /w/r.php:1";
    const MYSQL: &str = "mysql unix:/run/mysqld/mysqld.sock";

    #[test]
    fn fires_where_nginx_or_a_database_finds_no_room() {
        on(upload(), "/var/lib/nginx", 0, 500).check("found disk-full");
        on(
            Fixture::php_fpm()
                .php_says(TABLE)
                .needs(MYSQL, "active", answers(&[])),
            "/var/lib/mysql",
            4096,
            500,
        )
        .check("found disk-full");
    }

    #[test]
    fn what_died_or_refuses_for_it_is_its_effect() {
        on(
            Fixture::php_fpm()
                .php_says(GONE)
                .needs(MYSQL, "failed", refuses(2)),
            "/var/lib/mysql",
            0,
            500,
        )
        .check("found disk-full <- db-down");
        let failed = answers(&[("INFO", "rdb_last_bgsave_status", "err")]);
        on(
            Fixture::php_fpm()
                .php_says(MISCONF)
                .needs("redis 127.0.0.1:6379", "active", failed),
            "/var/lib/redis",
            0,
            500,
        )
        .check("found disk-full <- cache-full");
    }

    #[test]
    fn names_who_holds_what_is_deleted_and_what_may_go_on_that_file_system() {
        let file = |path: &str, bytes| host::answer::DeletedFile {
            path: path.into(),
            bytes,
            pid: 4102,
        };
        let fixture = on(upload(), "/var", 0, 500).with(|it| {
            it.world.limits.deleted = vec![file("/home/core", 9 << 30), file("/var/log/import.log", 2 << 30)];
        });
        let fixture = with_spare(fixture, &[("/home/x.gz", 30, None), APT]);
        let case = fixture.case();
        let told = super::weigh(&case).evidence;
        let told: Vec<&str> = told.iter().map(|it| it.says.as_str()).collect();
        assert!(
            told.contains(&"process 4102 holds 2 GiB of the deleted /var/log/import.log open"),
            "{told:?}"
        );
        assert!(!told.iter().any(|it| it.contains("/home")), "{told:?}");
        let advice = super::advise(&case);
        assert!(
            advice.contains("safe to free: apt-get clean (30 MiB)"),
            "{advice}"
        );
        assert!(
            advice.contains("2 GiB of it come back once process 4102 closes"),
            "{advice}"
        );
        assert!(!advice.contains("/home"), "{advice}");
    }

    type Room<'a> = (&'a str, u64, Option<Reclaimable>);
    const APT: Room<'_> = ("/var/cache/apt/archives", 30, Some(Reclaimable::AptCache));

    fn with_spare(fixture: Fixture, spare: &[Room<'_>]) -> Fixture {
        let spare = spare.iter().map(|(path, mib, of)| Spare {
            path: (*path).into(),
            size: mib << 20,
            of: *of,
        });
        fixture.with(|it| it.world.limits.spare = spare.collect())
    }

    #[test]
    fn makes_room_of_what_can_be_had_again_and_of_nothing_else() {
        let var = || on(upload(), "/var", 0, 500);
        let rotated = ("/var/log/nginx/access.log.1", 900, None);
        let archives = |mib| (APT.0, mib, APT.2);
        let logs = ("/var/log/journal", 700, Some(Reclaimable::Journal));
        let cache = "ask relief: Reclaim { of: AptCache }";
        with_spare(var(), &[rotated, logs, archives(300)]).offers(&[cache]);
        let both = format!("{cache}; Reclaim {{ of: Journal }}");
        with_spare(var(), &[rotated, logs, archives(30)]).offers(&[&both]);
        with_spare(var(), &[rotated, archives(1)]).offers(&[]); // too little, or a person's
        with_spare(on(upload(), "/var/lib/nginx", 0, 500), &[logs, archives(300)]).offers(&[]);
    }

    #[test]
    fn what_died_is_started_behind_it() {
        let fixture = Fixture::php_fpm()
            .php_says(GONE)
            .needs(MYSQL, "failed", refuses(2));
        with_spare(on(fixture, "/var", 0, 500), &[APT])
            .offers(&["ask relief: Reclaim { of: AptCache }; start mysql.service"]);
    }

    #[test]
    fn stays_quiet_where_nobody_complains_or_inodes_are_gone() {
        on(
            Fixture::gunicorn().refused().unit_is("inactive", "success"),
            "/srv/backup",
            0,
            500,
        )
        .check_not("disk-full");
        on(upload(), "/var/lib/nginx", 40 << 20, 0).check_not("disk-full");
        let watchers = "PHP message: PHP Fatal error:  Uncaught Exception: ENOSPC: System limit for number of file watchers reached";
        on(Fixture::php_fpm().php_says(watchers), "/srv/backup", 0, 500).check_not("disk-full");
    }
}
