use crate::{
    Case, Class, Evidence, Opinion, Rank,
    cause::{Group, Told, cause},
    evidence::quote,
    limits::{self, FileSystem},
    space,
    words::count,
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The file system has free bytes and no free inode: millions of small files, mostly sessions, caches or mail.
    /// # How to tell
    /// `No space left on device` while df shows space; df -i shows 100 %. File systems that make inodes as needed (btrfs,
    /// and XFS within limits) do not run out of them.
    /// # Fix
    /// Find the directory with the most entries; let its owner's own clean-up run. Only a person can say which files are
    /// wanted.
    /// # Not this if
    /// Bytes are gone too (disk-full).
    pub static INODES_FULL = {
        id: "inodes-full",
        title: "a file system has no inode left",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("no space left on device", 20), ("inode", 60)],
        effect_of: &[],
        settled_by: ("count inodes", "df -i"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["inodes-full"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TempFile { errno: 28, .. } | Trouble::LogWrite { errno: 28, .. } => 15,
        Trouble::BackendStderr(text) if text.contains("No space left") => 20,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let refusals = space::refusals(case);
    let out = space::lacking(case, &refusals, |on| on.space.is_out_of_inodes());
    let Some((first, _)) = out.first() else {
        return with_inodes_left(case);
    };
    let mut evidence: Vec<Evidence> = refusals.iter().map(|it| it.evidence.clone()).collect();
    evidence.extend(out.iter().map(|(on, named)| {
        let rank = if *named && !refusals.is_empty() {
            Rank::Decisive
        } else {
            Rank::Strong
        };
        let says = format!(
            "{} has no inode left: all {} are in use, while {} are free",
            on.name(),
            count(on.space.inodes as usize, "inode"),
            limits::size(on.space.bytes_available)
        );
        Evidence::supports(rank, says, on.source("-i"))
    }));
    Opinion {
        subject: first.mount.point.display().to_string(),
        says: format!("the file system {} has no inode left", first.name()),
        evidence,
    }
}

/// The file system that was written to is full by its bytes.
fn with_inodes_left(case: &Case) -> Opinion {
    let refusals = space::refusals(case);
    let full = space::lacking(case, &refusals, FileSystem::is_full);
    let Some((on, _)) = full.first() else {
        return Opinion::none();
    };
    let says = format!("{} inodes of {} are free", on.space.inodes_free, on.name());
    Opinion {
        evidence: vec![Evidence::refutes(Rank::Decisive, says, on.source("-i"))],
        ..Opinion::default()
    }
}

fn advise(case: &Case) -> String {
    let refusals = space::refusals(case);
    let out = space::lacking(case, &refusals, |on| on.space.is_out_of_inodes());
    let Some((on, _)) = out.first() else {
        return String::new();
    };
    let point = quote(&on.mount.point.to_string_lossy());
    format!(
        "find the directory with the most entries: du -x --inodes {point} | sort -n | tail -5. Let its owner's own clean-up run \
         (PHP's sessions: /usr/lib/php/sessionclean; mail: postqueue -p; an application's cache: its own command), and see why \
         that did not run"
    )
}

#[cfg(test)]
mod tests {
    use crate::{limits::FileSystem, testing::Fixture};
    use host::{answer::Space, looks::Mount};

    fn session(inodes_free: u64, bytes_available: u64) -> Fixture {
        let text = "PHP message: PHP Fatal error:  Uncaught Exception: open(/srv/spool/sess_36, O_RDWR) failed: No space left on device (28) in /w/s.php:1";
        Fixture::php_fpm().php_says(text).with(|it| {
            it.world.limits.filesystems = vec![FileSystem {
                mount: Mount {
                    point: "/srv/spool".into(),
                    root: "/".into(),
                    kind: "ext4".into(),
                    source: "/dev/sdb".into(),
                    options: Vec::new(),
                },
                space: Space {
                    bytes: 1 << 30,
                    bytes_free: bytes_available,
                    bytes_available,
                    inodes: 65536,
                    inodes_free,
                    read_only: false,
                },
            }];
        })
    }

    #[test]
    fn fires_where_bytes_are_left() {
        session(0, 500 << 20).check("found inodes-full");
    }

    #[test]
    fn stays_quiet_where_inodes_are_left_or_nobody_complains() {
        session(100, 0).check("found disk-full");
        let mut quiet = session(0, 500 << 20).refused().unit_is("inactive", "success");
        quiet.symptoms.remove(0);
        quiet.check_not("inodes-full");
    }
}
