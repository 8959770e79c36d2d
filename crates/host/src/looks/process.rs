use crate::{Timestamp, answer::RawProcess};
use std::path::PathBuf;

/// One process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Parent.
    pub ppid: u32,
    /// Short name, as the kernel keeps it (15 bytes).
    pub comm: String,
    /// Command line, split.
    pub argv: Vec<String>,
    /// State letter.
    pub state: ProcessState,
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// The binary; ` (deleted)` is cut off and noted in `exe_deleted`.
    pub exe: Option<PathBuf>,
    /// The binary was replaced or removed since the start.
    pub exe_deleted: bool,
    /// Working directory.
    pub cwd: Option<PathBuf>,
    /// The systemd unit from the cgroup path (`php8.2-fpm.service`).
    pub unit: Option<String>,
    /// Clock ticks after boot at which it started (1/100 s).
    pub started_ticks: u64,
    /// CPU time used, clock ticks.
    pub cpu_ticks: u64,
    /// Resident memory, bytes.
    pub rss: u64,
    /// Of that its own, neither of a file nor shared, bytes (`RssAnon` of proc_pid_status(5), Linux 4.5 and later).
    pub rss_anon: Option<u64>,
    /// Kernel function it sleeps in.
    pub wchan: String,
    /// Number of the system call it is in.
    pub syscall: Option<u32>,
    /// Soft limit of open files.
    pub max_open_files: Option<u64>,
    /// Files it has open.
    pub open_files: Option<u32>,
    /// Network namespace inode.
    pub netns: Option<u64>,
    /// Mount namespace inode.
    pub mntns: Option<u64>,
    /// It has a PID namespace of its own below that of /proc (`NSpid` of proc_pid_status(5)): a container. Every user
    /// may see that, unlike the namespaces themselves.
    pub contained: bool,
}

/// The state letter of /proc.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProcessState {
    /// R
    Running,
    /// S, I
    #[default]
    Sleeping,
    /// D: in the kernel, cannot be killed
    Uninterruptible,
    /// T, t: stopped by a signal or a debugger
    Stopped,
    /// Z: ended, not yet waited for
    Zombie,
}

impl Process {
    /// From the raw files; `None` if the process ended while we looked.
    pub fn parse(raw: &RawProcess) -> Option<Self> {
        let (name, rest) = raw.stat.split_once('(')?.1.rsplit_once(')')?;
        let stat: Vec<&str> = rest.split_whitespace().collect();
        let status = |key: &str| {
            let line = raw
                .status
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            line.unwrap_or_default().split_whitespace()
        };
        let exe = raw.exe.as_ref().map(|exe| exe.to_string_lossy().into_owned());
        Some(Self {
            pid: raw.pid,
            ppid: stat.get(1)?.parse().ok()?,
            comm: name.to_owned(),
            argv: raw
                .cmdline
                .split('\0')
                .filter(|arg| !arg.is_empty())
                .map(str::to_owned)
                .collect(),
            state: ProcessState::from_letter(stat.first()?),
            uid: status("Uid")
                .nth(1)
                .and_then(|id| id.parse().ok())
                .unwrap_or_default(),
            gid: status("Gid")
                .nth(1)
                .and_then(|id| id.parse().ok())
                .unwrap_or_default(),
            groups: status("Groups").filter_map(|id| id.parse().ok()).collect(),
            exe: exe
                .as_ref()
                .map(|exe| PathBuf::from(exe.trim_end_matches(" (deleted)"))),
            exe_deleted: exe.is_some_and(|exe| exe.ends_with(" (deleted)")),
            cwd: raw.cwd.clone(),
            unit: unit_of_cgroup(&raw.cgroup),
            started_ticks: stat.get(19)?.parse().ok()?,
            cpu_ticks: ticks(&stat, 11) + ticks(&stat, 12),
            rss: ticks(&stat, 21).saturating_mul(4096),
            rss_anon: status("RssAnon")
                .next()
                .and_then(|kib| kib.parse::<u64>().ok())
                .map(|kib| kib.saturating_mul(1024)),
            wchan: raw.wchan.trim().trim_matches('0').to_owned(),
            syscall: raw
                .syscall
                .split_whitespace()
                .next()
                .and_then(|it| it.parse().ok()),
            max_open_files: open_file_limit(&raw.limits),
            open_files: raw.open_files,
            netns: raw.netns,
            mntns: raw.mntns,
            contained: status("NSpid").count() > 1,
        })
    }

    /// When it started, given when the host booted.
    pub fn started(&self, boot: Timestamp) -> Timestamp {
        Timestamp(
            boot.0
                .saturating_add(i64::try_from(self.started_ticks.saturating_mul(10)).unwrap_or(i64::MAX)),
        )
    }

    /// The command line as a person would type it.
    pub fn command(&self) -> String {
        if self.argv.is_empty() {
            format!("[{}]", self.comm)
        } else {
            self.argv.join(" ")
        }
    }
}

impl ProcessState {
    fn from_letter(letter: &str) -> Self {
        match letter {
            "R" => Self::Running,
            "D" => Self::Uninterruptible,
            "T" | "t" => Self::Stopped,
            "Z" | "X" => Self::Zombie,
            _ => Self::Sleeping,
        }
    }
}

fn ticks(stat: &[&str], index: usize) -> u64 {
    stat.get(index).and_then(|it| it.parse().ok()).unwrap_or_default()
}

fn open_file_limit(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The unit in a cgroup path: the last component that is a service or scope, of either hierarchy.
fn unit_of_cgroup(cgroup: &str) -> Option<String> {
    let path = cgroup
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2))
        .max_by_key(|path| usize::from(path.contains(".service") || path.contains(".scope")))?;
    let unit = path
        .split('/')
        .rev()
        .find(|part| part.ends_with(".service") || part.ends_with(".scope"))?;
    Some(unit.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_whole() {
        let raw = RawProcess {
            pid: 7,
            stat: "7 (a (b) c) T 1 7 7 0 -1 4194560 1 0 0 0 5 6 0 0 20 0 1 0 1234 1000 10".into(),
            status: "Uid:\t0\t33\t0\t0\nGid:\t0\t33\t0\t0\nGroups:\t33 44\nRssAnon:\t    2048 kB\n".into(),
            cmdline: "php-fpm: pool www\0".into(),
            cgroup: "1:name=systemd:/system.slice/php8.2-fpm.service\n0::/\n".into(),
            limits: "Limit Soft Hard\nMax open files            1024                 4096   files\n".into(),
            exe: Some("/usr/sbin/php-fpm8.2 (deleted)".into()),
            ..RawProcess::default()
        };
        let process = Process::parse(&raw).expect("parses");
        assert_eq!(
            (process.comm.as_str(), process.ppid, process.state),
            ("a (b) c", 1, ProcessState::Stopped)
        );
        assert_eq!(
            (process.uid, process.cpu_ticks, process.started_ticks),
            (33, 11, 1234)
        );
        assert_eq!(process.unit.as_deref(), Some("php8.2-fpm.service"));
        assert_eq!(process.rss_anon, Some(2 << 20));
        assert_eq!(process.max_open_files, Some(1024));
        assert!(process.exe_deleted);
    }
}
