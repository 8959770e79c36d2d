use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    cause::{Group, Told, cause},
    words::clip,
    world::{Kernel, Said},
};
use host::looks::{Process, ProcessState};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// The kernel was upgraded and the modules of the running one are gone, so that what needs another module (a tunnel, a
    /// file system, a netfilter match) can't start; or processes are stuck in the kernel (state D) and can't even be killed.
    /// # How to tell
    /// `modprobe: FATAL: Module … not found in directory /lib/modules/` with the version of `uname -r`, while /lib/modules
    /// holds other versions; D-state tasks that the kernel reports as blocked; /run/reboot-required.
    /// # Fix
    /// Reboot, at a time a person chooses.
    /// # Not this if
    /// A restart of the unit helps, the module's name is wrong for every kernel, or the processes wait for a disk or an NFS
    /// server that is gone (disk-error).
    pub static REBOOT_NEEDED = {
        id: "reboot-needed",
        title: "only a reboot helps",
        group: Group::Outside,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("reboot-required", 90), ("system restart required", 95), ("blocked for more than", 50)],
        effect_of: &[],
        settled_by: ("see what asks for a reboot", "ls /run/reboot-required; ps -eo state,pid,comm | grep ^D"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["reboot-needed"],
        },
    }
}

/// What modprobe(8) says where the whole directory of a kernel, or the module in it, is not there.
const NO_MODULE: &str = "not found in directory /lib/modules/";

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::Connecting) => 1,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let (subject, says, mut evidence) = match (module_gone(case), blocked(case).next()) {
        (Some((unit, kernel, said)), _) => (
            unit.to_owned(),
            format!(
                "{unit} needs a module of the running kernel {}, and that kernel's modules are gone",
                kernel.release
            ),
            gone(kernel, &said),
        ),
        (None, Some((process, line))) => (
            format!("process {}", process.pid),
            format!(
                "process {} ({}) is stuck in the kernel for good",
                process.pid,
                clip(&process.comm)
            ),
            stuck(process, line),
        ),
        (None, None) => return Opinion::none(),
    };
    evidence.extend(wanted(case));
    Opinion {
        subject,
        says,
        evidence,
    }
}

/// The unit of a failing peer that is down and said that a module of the running kernel is not there, where the whole
/// directory of that kernel is gone and another kernel's is there.
fn module_gone(case: &Case) -> Option<(&str, &Kernel, Said<'_>)> {
    let kernel = case.world.kernel_files.as_ref().ok()?;
    let upgraded = !kernel.has_modules && !kernel.installed.is_empty();
    let down = case.units().into_iter().filter(|unit| !unit.is_up());
    down.filter(|_| upgraded).find_map(|unit| {
        let tells = |said: &Said<'_>| {
            let version = said.text.split_once(NO_MODULE).map(|(_, rest)| rest.trim());
            version == Some(kernel.release.as_str())
        };
        let said = case.world.said_by(&unit.name).into_iter().rev().find(tells)?;
        Some((unit.name.as_str(), kernel, said))
    })
}

fn gone(kernel: &Kernel, said: &Said<'_>) -> Vec<Evidence> {
    let installed: Vec<String> = kernel.installed.iter().take(3).map(|it| clip(it)).collect();
    vec![
        Evidence::supports(Rank::Strong, clip(said.text), said.source.clone()),
        Evidence::supports(
            Rank::Decisive,
            format!(
                "{} runs, and /lib/modules holds {}",
                kernel.release,
                installed.join(", ")
            ),
            Source::command("uname -r; ls /lib/modules"),
        ),
    ]
}

/// Processes of the backend in state D that the kernel itself reported as blocked, where nothing says for what they wait.
fn blocked(case: &Case) -> impl Iterator<Item = (&Process, &str)> {
    let kernel = case.world.kernel.as_ref().map_or(&[][..], Vec::as_slice);
    let waits_for_a_disk = kernel
        .iter()
        .any(|line| line.text.contains("I/O error") || line.text.contains("not responding"));
    let stuck = case
        .peers
        .iter()
        .flat_map(|peer| case.processes_of(peer))
        .filter(|process| process.state == ProcessState::Uninterruptible);
    stuck.filter(move |_| !waits_for_a_disk).filter_map(|process| {
        let names = format!("{}:{} blocked for more than", process.comm, process.pid);
        let line = kernel.iter().find(|line| line.text.contains(&names))?;
        Some((process, line.text.as_str()))
    })
}

fn stuck(process: &Process, line: &str) -> Vec<Evidence> {
    vec![
        Evidence::supports(
            Rank::Strong,
            clip(line),
            Source::command("dmesg | grep 'blocked for more than'"),
        ),
        Evidence::supports(
            Rank::Strong,
            format!(
                "process {} is still in state D, which no signal ends",
                process.pid
            ),
            Source::command(format!("ps -o state,pid,wchan,comm -p {}", process.pid)),
        ),
    ]
}

/// A package asked for a reboot.
fn wanted(case: &Case) -> Option<Evidence> {
    let kernel = case.world.kernel_files.as_ref().ok()?;
    kernel.reboot_required.then(|| {
        Evidence::supports(
            Rank::Hint,
            "an upgrade asks for a reboot".to_owned(),
            Source::command("ls -l /run/reboot-required; cat /run/reboot-required.pkgs"),
        )
    })
}

fn advise(case: &Case) -> String {
    let applies = module_gone(case).is_some() || blocked(case).next().is_some();
    let says =
        "systemctl reboot, at a time you choose; until then another host, or a maintenance page, can serve";
    if applies { says.to_owned() } else { String::new() }
}

fn remedies(case: &Case) -> Vec<Remedy> {
    if advise(case).is_empty() {
        return Vec::new();
    }
    vec![Remedy::ask("restart this host", vec![Measure::Reboot])]
}

#[cfg(test)]
mod tests {
    use crate::{testing::Fixture, world::Kernel};
    use host::looks::ProcessState;

    const FATAL: &str = "modprobe: FATAL: Module tun not found in directory /lib/modules/6.1.0-18-amd64";

    fn upgraded(fixture: Fixture, has_modules: bool, installed: &[&str]) -> Fixture {
        fixture.with(|it| {
            it.world.kernel_files = Ok(Kernel {
                release: "6.1.0-18-amd64".into(),
                has_modules,
                installed: installed.iter().map(|it| (*it).to_owned()).collect(),
                reboot_required: true,
            });
        })
    }

    fn down() -> Fixture {
        Fixture::gunicorn()
            .refused()
            .unit_is("failed", "exit-code")
            .says(62, FATAL)
    }

    #[test]
    fn fires_where_the_modules_of_the_running_kernel_are_gone() {
        upgraded(down(), false, &["6.1.0-21-amd64"]).check("found reboot-needed");
    }

    #[test]
    fn stays_quiet_where_the_directory_is_there_or_no_kernel_is_installed() {
        upgraded(down(), true, &["6.1.0-18-amd64", "6.1.0-21-amd64"]).check_not("reboot-needed");
        upgraded(down(), false, &[]).check_not("reboot-needed");
    }

    #[test]
    fn another_failure_is_not_the_kernels() {
        let other = Fixture::gunicorn()
            .refused()
            .unit_is("failed", "exit-code")
            .says(62, "ModuleNotFoundError: x");
        upgraded(other, false, &["6.1.0-21-amd64"]).check_not("reboot-needed");
    }

    #[test]
    fn fires_where_the_kernel_reports_a_blocked_worker() {
        let blocked = || {
            Fixture::gunicorn()
                .connect_times_out()
                .workers_are(ProcessState::Uninterruptible)
                .queue(30, 511)
                .kernel(30, "INFO: task worker:501 blocked for more than 120 seconds.")
        };
        blocked().check("found reboot-needed <- backend-hung");
        blocked()
            .kernel(40, "nfs: server files not responding, still trying")
            .check("found backend-hung");
    }

    #[test]
    fn a_reboot_is_never_unattended() {
        upgraded(down(), false, &["6.1.0-21-amd64"]).offers(&["ask: Reboot"]);
    }
}
