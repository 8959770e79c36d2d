//! nginx's processes: masters with their command lines and workers.

use host::looks::Process;
use std::path::{Path, PathBuf};

/// nginx and what is built from its source.
const NAMES: &[&str] = &[
    "nginx",
    "openresty",
    "angie",
    "freenginx",
    "tengine",
    "nginx-debug",
];

/// A running master. In single-process mode (`master_process off`) it is its own worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Master<'p> {
    pub(super) process: &'p Process,
    /// Its children, those on their way out excepted.
    pub(super) workers: Vec<&'p Process>,
    pub(super) command: Command,
}

/// How nginx was started: what chooses its config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) exe: PathBuf,
    /// `-c`
    pub(super) file: Option<PathBuf>,
    /// `-p`
    pub(super) prefix: Option<PathBuf>,
    /// `-g`
    pub(super) directives: Option<String>,
}

/// A program's file name is nginx's, or one of its kin.
pub(super) fn is_nginx(program: &str) -> bool {
    NAMES.contains(&program)
}

/// Every running master, the host's own before those of containers.
pub(super) fn running(processes: &[Process]) -> Vec<Master<'_>> {
    let host_net = processes
        .iter()
        .find(|process| process.pid == 1)
        .and_then(|process| process.netns);
    let mut masters: Vec<Master<'_>> = processes
        .iter()
        .filter_map(|process| master(process, processes))
        .collect();
    masters.sort_by_key(|master| {
        (
            host_net.is_some() && master.process.netns != host_net,
            master.process.pid,
        )
    });
    masters
}

/// The binary of a running master and the arguments that make another nginx read the same config (`-p`, `-c`, `-g`).
pub fn command_of_process(process: &Process) -> Option<(PathBuf, Vec<String>)> {
    let master = master(process, std::slice::from_ref(process))?;
    Some((master.command.exe.clone(), master.command.args()))
}

/// The same from a unit's `ExecStart`; `None` where that is a script.
pub fn command_of_unit(exec_start: &str) -> Option<(PathBuf, Vec<String>)> {
    let command = Command::of_unit(exec_start)?;
    Some((command.exe.clone(), command.args()))
}

fn master<'p>(process: &'p Process, all: &'p [Process]) -> Option<Master<'p>> {
    let title = process.argv.first()?;
    let own = title
        .split_once(": master process")
        .filter(|(name, _)| is_nginx(name))
        .map(|(_, command)| command);
    if let Some(command) = own {
        let children = all
            .iter()
            .filter(|child| child.ppid == process.pid && !is_leaving(child));
        let workers = children.filter(|child| is_worker(child)).collect();
        let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        return Some(Master {
            process,
            workers,
            command: Command::parse(&words, process.exe.as_deref()),
        });
    }
    let name = process.exe.as_deref().and_then(Path::file_name)?.to_str()?;
    let child_of_nginx = || {
        all.iter()
            .any(|parent| parent.pid == process.ppid && parent.exe == process.exe)
    };
    let single = is_nginx(name) && !title.contains(": ") && !child_of_nginx();
    single.then(|| Master {
        process,
        workers: vec![process],
        command: Command::parse(&process.argv, process.exe.as_deref()),
    })
}

fn is_leaving(process: &Process) -> bool {
    process
        .argv
        .first()
        .is_some_and(|title| title.contains("is shutting down"))
}

fn is_worker(process: &Process) -> bool {
    process
        .argv
        .first()
        .is_some_and(|title| title.contains(": worker process"))
}

impl Command {
    /// From a unit's `ExecStart`; `None` where that is a script.
    pub(super) fn of_unit(exec_start: &str) -> Option<Self> {
        let words: Vec<String> = exec_start.split_whitespace().map(str::to_owned).collect();
        let name = Path::new(words.first()?).file_name()?.to_str()?;
        is_nginx(name).then(|| Self::parse(&words, None))
    }

    /// From the words a master shows, its binary first. nginx joins its arguments by spaces, so where `-g` ends must
    /// be guessed: at the next word that is an option by itself.
    fn parse(words: &[String], running: Option<&Path>) -> Self {
        let shown = words.first().map(PathBuf::from).filter(|exe| exe.is_absolute());
        let exe = running
            .map(PathBuf::from)
            .or(shown)
            .unwrap_or_else(|| "/usr/sbin/nginx".into());
        let mut command = Self {
            exe,
            ..Self::default()
        };
        let mut rest = words.get(1..).unwrap_or_default();
        while let Some((word, after)) = rest.split_first() {
            let Some((option, glued)) = word.split_at_checked(2) else {
                rest = after;
                continue;
            };
            let many = if option == "-g" {
                after.iter().take_while(|word| !is_option(word)).count()
            } else {
                1
            };
            let many = if glued.is_empty() || option == "-g" {
                many
            } else {
                0
            };
            let (value, left) = after.split_at_checked(many).unwrap_or((after, &[]));
            let value = std::iter::once(glued)
                .chain(value.iter().map(String::as_str))
                .collect::<Vec<_>>()
                .join(" ");
            rest = if command.take(option, value.trim()) {
                left
            } else {
                after
            };
        }
        command
    }

    fn take(&mut self, option: &str, value: &str) -> bool {
        match option {
            "-c" => self.file = Some(value.into()),
            "-p" => self.prefix = Some(value.into()),
            "-g" => self.directives = Some(value.to_owned()),
            _ => return false,
        }
        true
    }

    /// The arguments that make another nginx read the same config.
    pub(super) fn args(&self) -> Vec<String> {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let options = [
            ("-p", self.prefix.as_ref().map(text)),
            ("-c", self.file.as_ref().map(text)),
            ("-g", self.directives.clone()),
        ];
        let given = options
            .into_iter()
            .filter_map(|(option, value)| Some([option.to_owned(), value?]));
        given.flatten().collect()
    }
}

fn is_option(word: &str) -> bool {
    matches!(word, "-c" | "-p" | "-e" | "-q" | "-t" | "-T" | "-s")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, ppid: u32, title: &str, exe: &str) -> Process {
        Process {
            pid,
            ppid,
            argv: vec![title.into()],
            exe: Some(exe.into()),
            ..Process::default()
        }
    }

    #[test]
    fn titles() {
        let rows: &[(&str, &[&str])] = &[
            ("nginx: master process /usr/sbin/nginx", &[]),
            (
                "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;",
                &["-g", "daemon on; master_process on;"],
            ),
            (
                "nginx: master process nginx -c /srv/n.conf -g daemon off; -p /srv",
                &["-p", "/srv", "-c", "/srv/n.conf", "-g", "daemon off;"],
            ),
            (
                "nginx: master process nginx -c/srv/n.conf -q",
                &["-c", "/srv/n.conf"],
            ),
            ("openresty: master process nginx -p", &["-p", ""]),
        ];
        for (title, args) in rows {
            let all = [
                process(7, 1, title, "/usr/sbin/nginx"),
                process(8, 7, "nginx: worker process", "/usr/sbin/nginx"),
                process(9, 7, "nginx: worker process is shutting down", "/usr/sbin/nginx"),
            ];
            let masters = running(&all);
            assert_eq!(masters.len(), 1, "{title}");
            assert_eq!(masters[0].command.args(), *args, "{title}");
            assert_eq!(
                masters[0].workers.iter().map(|it| it.pid).collect::<Vec<_>>(),
                [8]
            );
        }
    }

    #[test]
    fn what_is_no_master() {
        let all = [
            process(
                1,
                0,
                "php-fpm: master process (/etc/php-fpm.conf)",
                "/usr/sbin/php-fpm",
            ),
            process(2, 1, "vim nginx: master process", "/usr/bin/vim"),
        ];
        assert_eq!(running(&all), []);
    }

    #[test]
    fn a_single_process_is_its_own_worker() {
        let all = [process(5, 1, "/usr/sbin/nginx", "/usr/sbin/nginx")];
        assert_eq!(running(&all)[0].workers[0].pid, 5);
    }
}
