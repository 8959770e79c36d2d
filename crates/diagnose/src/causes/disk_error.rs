use crate::{
    Case, Class, Evidence, Opinion, Rank, Source, Symptom,
    cause::{Group, Told, cause},
    limits::FileSystem,
    needs, service, space,
    words::{clip, nginx_said},
};
use host::answer::KernelLine;
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The kernel can't read or write a disk; the file system may have become read-only. Databases and backends hang or
    /// die.
    /// # How to tell
    /// I/O errors, `Remounting filesystem read-only`, SMART or EDAC messages in the kernel log; programs say `Read-only file
    /// system` or `Input/output error`. Recorded, not staged: the lab breaks no disks.
    /// # Fix
    /// Save the data, replace the disk. Nothing here should write to it.
    /// # Not this if
    /// The disk is only full (disk-full) or slow (io-saturated).
    pub static DISK_ERROR = {
        id: "disk-error",
        title: "the disk reports errors",
        group: Group::Load,
        class: Class::Never,
        share_of: share_of,
        phrases: &[("i/o error", 85), ("remounting filesystem read-only", 95), ("read-only file system", 85), ("medium error", 95), ("ext4-fs error", 95), ("buffer i/o", 95)],
        effect_of: &[],
        settled_by: ("read the kernel's log", "journalctl -k | grep -iE \"i/o error|read-only|ata[0-9]|nvme\""),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["hosts/disk-error"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TempFile { errno: 30 | 5, .. } | Trouble::LogWrite { errno: 30 | 5, .. } => 90,
        _ => 0,
    }
}

/// What the kernel says of a disk it can't read or write, and of a file system that it gave up on for it.
const KERNEL: &[&str] = &[
    "I/O error, dev ",
    "Buffer I/O error on dev",
    "EXT4-fs error (device ",
    "Remounting filesystem read-only",
    "critical medium error, dev ",
    "critical target error, dev ",
    "Unrecovered read error",
    "Medium Error",
    "XFS (", // followed by one of those of XFS
    "BTRFS error (device ",
    "Aborting journal on device ",
];
/// XFS names itself in many lines that are no errors.
const XFS: &[&str] = &[
    "metadata I/O error",
    "Filesystem has been shut down",
    "log I/O error",
    "Corruption",
];
/// What programs say where it reaches them (lower case).
const WORDS: &[&str] = &[
    "read-only file system",
    "input/output error",
    "errcode: 30",
    "errcode: 5 ",
    "os errno 5",
    "os errno 30",
];

fn weigh(case: &Case) -> Opinion {
    if !needs::is_felt(case) && case.units().iter().all(|unit| unit.is_up()) && own(case).is_none() {
        return Opinion::none();
    }
    let Some(line) = kernel(case) else {
        return Opinion::none();
    };
    let says = format!("the kernel logged at {}: {}", line.at, clip(&line.text));
    let source = Source::command(
        "journalctl -k --no-pager | grep -iE 'i/o error|read-only|medium error|-fs error' | tail -5",
    );
    let mut evidence = vec![Evidence::supports(Rank::Strong, says, source)];
    evidence.extend(needs::complaint(case, WORDS));
    evidence.extend(own(case));
    let read_only = read_only(case);
    evidence.extend(read_only.map(|on| {
        let says = format!("{} can't be written any more: it is mounted read-only", on.name());
        Evidence::supports(Rank::Strong, says, Source::command("grep ' ro[, ]' /proc/mounts"))
    }));
    let what = read_only.map_or_else(|| "a disk of this host".to_owned(), FileSystem::name);
    Opinion {
        subject: read_only.map_or_else(|| "disk".to_owned(), |on| on.mount.point.display().to_string()),
        says: format!("{what} fails: {}", clip(&line.text)),
        evidence,
    }
}

fn is_error(line: &KernelLine) -> bool {
    let text = line.text.as_str();
    let named =
        |mark: &&str| text.contains(*mark) && (**mark != *"XFS (" || XFS.iter().any(|it| text.contains(it)));
    // a drive without a disk in it, and a loop device whose file went away, are nobody's data
    KERNEL.iter().any(named)
        && !text.contains("dev sr")
        && !text.contains("dev fd0")
        && !text.contains("dev loop")
}

/// The last such line, from before the last failure: a disk that failed stays so.
fn kernel(case: &Case) -> Option<&KernelLine> {
    let lines = case.world.kernel.as_deref().unwrap_or_default();
    lines
        .iter()
        .rfind(|line| is_error(line) && line.at <= case.last().after(service::SLACK))
}

/// nginx's own temp files.
fn own(case: &Case) -> Option<Evidence> {
    let broken = |trouble: &Trouble| matches!(trouble, Trouble::TempFile { errno: 5 | 30, .. });
    let symptom: &Symptom = case.having(broken).max_by_key(|it| it.last)?;
    let says = nginx_said(symptom);
    Some(Evidence::supports(
        Rank::Strong,
        says,
        Source::file(&symptom.log, None),
    ))
}

/// A file system with the data of a server that fails, which the kernel made read-only.
fn read_only(case: &Case) -> Option<&FileSystem> {
    let data = space::failing_servers(case).into_iter().map(|(_, dir)| dir);
    let on = data.filter_map(|dir| case.world.limits.under(&dir));
    on.into_iter()
        .find(|on| on.space.read_only || on.mount.is_read_only())
}

fn advise(_: &Case) -> String {
    "stop what writes to it, save the data while it can be read, then look at the disk: smartctl -a /dev/DISK; journalctl -k | tail \
     -50. A file system that became read-only is checked unmounted (fsck) before it is written again; nothing here does that for you"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, refuses};

    const ERROR: &str =
        "I/O error, dev sdb, sector 1953128 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2";

    fn dead() -> Fixture {
        let gone =
            "PHP message: PHP Fatal error:  Uncaught mysqli_sql_exception: Connection refused in /w/db.php:1";
        Fixture::php_fpm()
            .php_says(gone)
            .needs("mysql 127.0.0.1:3306", "failed", refuses(111))
    }

    #[test]
    fn fires_where_the_kernel_says_so_and_the_database_is_gone() {
        dead().kernel(70, ERROR).check("found disk-error <- db-down");
        dead()
            .kernel(70, "EXT4-fs (sdb1): Remounting filesystem read-only")
            .check("found disk-error <- db-down");
    }

    #[test]
    fn stays_quiet_about_other_lines_and_faults() {
        dead()
            .kernel(70, "XFS (sdb1): Mounting V5 Filesystem")
            .check("found db-down");
        dead()
            .kernel(70, "I/O error, dev sr0, sector 0 op 0x0:(READ)")
            .check("found db-down");
        Fixture::gunicorn()
            .complains(logscan::Trouble::NotHttp, logscan::Phase::ReadingHeader)
            .kernel(70, ERROR)
            .check_not("disk-error");
    }
}
