//! What root may run. A process's name and arguments are its user's choice: a visitor of the host who calls his own
//! program `nginx` must not get it run by us as root.

use super::refusal::is_root;
use rustix::fs::{FileType, stat};
use std::path::{Path, PathBuf};

/// Directives that `-g` may hold: all that packages and units use, none that loads code.
const HARMLESS: &[&str] = &[
    "daemon",
    "master_process",
    "pid",
    "user",
    "worker_processes",
    "error_log",
];

/// Why not to use this file or directory as root: someone else could have written it. `Ok` for everybody else.
///
/// # Errors
/// A sentence that names the file and who could write it.
pub fn check(path: &Path) -> Result<(), String> {
    if !is_root() {
        return Ok(());
    }
    let whole = path
        .canonicalize()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    whole.ancestors().try_for_each(only_root_writes)
}

fn only_root_writes(path: &Path) -> Result<(), String> {
    let stat = stat(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    // in a sticky directory nobody can replace what root owns
    let sticky = is_dir && stat.st_mode & 0o1000 != 0;
    let others_write = stat.st_mode & 0o002 != 0 || (stat.st_mode & 0o020 != 0 && stat.st_gid != 0);
    if stat.st_uid != 0 {
        return Err(format!(
            "not used as root: {} belongs to user {}",
            path.display(),
            stat.st_uid
        ));
    }
    if others_write && !sticky {
        return Err(format!(
            "not used as root: others than root may write {}",
            path.display()
        ));
    }
    Ok(())
}

/// The same for the arguments that choose nginx's config, which may load modules.
///
/// # Errors
/// A sentence that names the argument.
pub fn check_nginx_args(args: &[String]) -> Result<(), String> {
    let mut words = args.iter();
    let mut prefix = PathBuf::from("/");
    while let Some(word) = words.next() {
        let (option, value) = match word.split_at_checked(2) {
            Some((option, "")) => (option, words.next().map_or("", String::as_str)),
            Some((option, value)) => (option, value),
            None => return Err(format!("unknown argument {word:?}")),
        };
        match option {
            "-p" => {
                prefix = value.into();
                check(&prefix)?;
            }
            "-c" => check(&prefix.join(value))?,
            "-g" => check_directives(value)?,
            _ => return Err(format!("unknown argument {word:?}")),
        }
    }
    Ok(())
}

fn check_directives(directives: &str) -> Result<(), String> {
    let names = directives
        .split(';')
        .filter_map(|directive| directive.split_whitespace().next());
    match names
        .filter(|name| !HARMLESS.contains(name))
        .map(str::to_owned)
        .next()
    {
        Some(name) if is_root() => Err(format!("not run as root with -g '{name} …'")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    #[test]
    fn what_others_can_write_is_not_run_as_root() {
        if !is_root() {
            return eprintln!("needs root: whom root trusts");
        }
        let dir = tempfile::tempdir().expect("temp dir");
        let file = dir.path().join("nginx");
        fs::write(&file, "").expect("writes");
        let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("chmod");
        for (bits, good) in [(0o755, true), (0o775, true), (0o757, false)] {
            mode(bits);
            assert_eq!(check(&file).is_ok(), good, "{bits:o}");
        }
        mode(0o755);
        std::os::unix::fs::chown(&file, Some(65534), None).expect("chown");
        assert!(check(&file).is_err());
        let args =
            |list: &[&str]| check_nginx_args(&list.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>());
        assert!(args(&["-c", "/etc/passwd", "-g", "daemon on; master_process on;"]).is_ok());
        assert!(args(&["-g", "load_module /tmp/x.so;"]).is_err());
        assert!(args(&["-c", &file.display().to_string()]).is_err());
        assert!(args(&["-s", "stop"]).is_err());
    }
}
