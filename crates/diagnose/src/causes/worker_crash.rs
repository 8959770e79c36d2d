use crate::{
    Case, Class, Evidence, Opinion, Rank, Source, Symptom, backend_log,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    fault,
    service::{self, CRASH_SIGNALS, Down},
    words::{clip, said},
    world::Said,
};
use host::{Timestamp, answer::KernelLine};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// A worker of the backend crashes in native code (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT) while it serves a
    /// request. Its supervisor starts another, so other requests go well. nginx says 104 for php-fpm, premature close
    /// for Apache, gunicorn and uWSGI.
    /// # How to tell
    /// The backend logs `exited on signal 11 (SIGSEGV)` or `exit signal Segmentation fault (11)` in the second of the
    /// failure; the kernel logs `segfault at … in LIBRARY` where the fault was real. The library is the suspect: a PHP
    /// extension, opcache, a native module.
    /// # Fix
    /// Disable or roll back that extension, or upgrade it together with the interpreter. A core dump names the function.
    /// Only a person can say what the application does without it.
    /// # Not this if
    /// The signal was 9 (the kernel's memory killer or a person sent it: oom-kill) or 15, or the backend itself killed
    /// the worker for taking too long (worker-timeout-kill; gunicorn uses signal 6 for that).
    pub static WORKER_CRASH = {
        id: "worker-crash",
        title: "workers of the backend crash",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[
            ("exited on signal 11", 95),
            ("exit signal Segmentation fault", 95),
            ("exit signal Aborted", 85),
            ("segfault at", 85),
            ("SIGSEGV", 90),
            ("core dumped", 70),
            ("code 139", 70),
            ("general protection fault", 80),
            ("killed by signal 11", 95),
            ("status=11/SEGV", 85),
            ("due to signal 11", 95),
        ],
        effect_of: &[],
        settled_by: (
            "look for workers that ended on a signal",
            "dmesg -T | grep -E 'segfault|traps:' | tail -5; grep -rhE 'exited on signal|exit signal' /var/log/*fpm.log /var/log/apache2 | tail -5",
        ),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["worker-crash"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::Receive(errno::ECONNRESET) => 20,
        Trouble::ClosedEarly => 8,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    service::of_cut_off(case, opinion)
}

fn opinion(case: &Case, peer: &PeerSight, cut: &[&Symptom]) -> Option<Opinion> {
    if case.unit_of(peer).and_then(|unit| service::down(case, unit)) == Some(Down::StartFails) {
        return None;
    }
    let said = service::said(case, peer);
    let ends = crashes(case, peer, &said, cut);
    let faults = fault::of_backend(case, peer, cut);
    let mut evidence: Vec<Evidence> = ends.last().map(|line| ended(line, cut)).into_iter().collect();
    evidence.extend(faults.last().map(|line| kernel(line, cut)));
    if evidence.is_empty() {
        return None;
    }
    evidence.extend(others_go_well(case));
    let subject = service::subject(peer);
    let says = match faults.last().and_then(|line| fault::module(&line.text)) {
        Some(module) => format!("workers of {subject} crash in {module}"),
        None => format!("workers of {subject} crash"),
    };
    Some(Opinion {
        subject,
        says,
        evidence,
    })
}

/// Workers that ended on a signal of their own making in the time of the failures, and were not killed for slowness.
fn crashes<'s, 'a>(
    case: &Case,
    peer: &PeerSight,
    said: &'s [Said<'a>],
    cut: &[&Symptom],
) -> Vec<&'s Said<'a>> {
    let timeouts: Vec<Timestamp> = said
        .iter()
        .filter(|line| backend_log::is_own_timeout(line.text))
        .filter_map(|line| line.at)
        .collect();
    let up = case.unit_of(peer).is_none_or(host::looks::Unit::is_up);
    said.iter()
        .filter(|line| backend_log::signal(line.text).is_some_and(|signal| CRASH_SIGNALS.contains(&signal)))
        .filter(|line| up || !line.text.contains("Main process exited"))
        .filter(|line| line.at.is_some_and(|at| service::among(cut, at)))
        .filter(|line| {
            !timeouts
                .iter()
                .any(|kill| line.at.is_some_and(|at| at.distance(*kill) <= service::SLACK))
        })
        .collect()
}

fn ended(line: &Said<'_>, cut: &[&Symptom]) -> Evidence {
    let same_second = line.at.is_some_and(|at| service::at_edge(cut, at));
    let rank = if same_second { Rank::Decisive } else { Rank::Strong };
    Evidence::supports(rank, said(line), line.source.clone())
}

fn kernel(line: &KernelLine, cut: &[&Symptom]) -> Evidence {
    let same_second = service::at_edge(cut, line.at);
    let says = format!("the kernel logged at {}: {}", line.at, clip(&line.text));
    let rank = if same_second { Rank::Strong } else { Rank::Hint };
    Evidence::supports(
        rank,
        says,
        Source::command("dmesg -T | grep -E 'segfault|traps:' | tail -5"),
    )
}

fn others_go_well(case: &Case) -> Option<Evidence> {
    let succeeded = case.neighbours.succeeded;
    let route = case.route.as_ref()?;
    (succeeded > 0).then(|| {
        Evidence::supports(
            Rank::Hint,
            format!("{succeeded} other requests of {} went well meanwhile", route.site),
            Source::file(&route.written.file, Some(route.written.line)),
        )
    })
}

fn advise(case: &Case) -> String {
    let cut = service::cut_off(case);
    let suspect = case.peers.iter().find_map(|peer| {
        let faults = fault::of_backend(case, peer, &cut);
        faults
            .last()
            .and_then(|line| fault::module(&line.text))
            .map(str::to_owned)
    });
    let suspect = suspect.map_or_else(
        || "the native extension that crashed".to_owned(),
        |module| format!("{module} (dpkg -S {module} names its package)"),
    );
    format!(
        "see what was upgraded last (grep ' upgrade ' /var/log/dpkg.log | tail) and read the stack (coredumpctl info); \
         disable or roll back {suspect}, then reload the backend"
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use logscan::{Phase, Trouble};

    fn reset() -> Fixture {
        Fixture::php_fpm().complains(Trouble::Receive(104), Phase::ReadingHeader)
    }
    fn closed(fixture: Fixture) -> Fixture {
        fixture.complains(Trouble::ClosedEarly, Phase::ReadingHeader)
    }

    #[test]
    fn fires_on_the_words_of_each_server() {
        reset()
            .logs(1, "WARNING: [pool www] child 882 exited on signal 11 (SIGSEGV) after 0.177965 seconds from start")
            .kernel(1, "php-fpm8.2[2532]: segfault at 7ffd ip 000055 sp 00007f error 6 in imagick.so[2c4478,55+316000]")
            .check("found worker-crash");
        closed(Fixture::apache())
            .logs(1, "[core:notice] [pid 1745:tid 1745] AH00052: child pid 1777 exit signal Segmentation fault (11)")
            .check("found worker-crash");
        closed(Fixture::gunicorn())
            .says(
                1,
                "[WARNING] Worker with pid 4691 was terminated due to signal 11",
            )
            .check("found worker-crash");
    }

    #[test]
    fn fires_on_the_kernels_word_alone() {
        reset()
            .kernel(1, "traps: php-fpm8.2[77] general protection fault ip:55 sp:7f")
            .check("found worker-crash");
    }

    #[test]
    fn stays_quiet_about_a_kill() {
        reset()
            .logs(
                1,
                "WARNING: [pool www] child 891 exited on signal 9 (SIGKILL) after 0.15 seconds from start",
            )
            .check("unexplained");
    }

    #[test]
    fn stays_quiet_about_another_program() {
        reset()
            .kernel(1, "chrome[77]: segfault at 0 ip 0 sp 0 error 4 in libgfx.so[0+0]")
            .check("unexplained");
    }

    #[test]
    fn stays_quiet_about_a_worker_killed_for_slowness() {
        closed(Fixture::gunicorn())
            .says(1, "[CRITICAL] WORKER TIMEOUT (pid:4803)")
            .says(1, "[WARNING] Worker with pid 4803 was terminated due to signal 6")
            .check("found worker-timeout-kill");
    }
}
