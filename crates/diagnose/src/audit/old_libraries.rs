use super::{Checked, Hit, Level, Needs, rule};
use crate::{
    Source, service,
    survey::{Mapped, Survey},
    words::count,
};

rule! {
    /// # What it sees
    /// nginx or a serving backend that still runs a program file or library which is not on disk any more (`(deleted)` in
    /// /proc/PID/maps): it was upgraded or removed since.
    /// # How it becomes a 502
    /// What the upgrade mended is not mended in this process. And what it starts or loads anew (a module, a helper, a
    /// worker that is forked and then executes) is of the new version and need not fit the old.
    /// # The change
    /// Restart it at an hour of your choice; else something else will.
    /// # Quiet where
    /// Only memory, caches or temporary files are marked deleted; or everything it runs is on disk.
    pub static OLD_LIBRARIES = {
        id: "old-libraries",
        title: "what serves still runs files that an upgrade replaced",
        level: Level::Note,
        needs: Needs::Host,
        foresees: &["backend-restart-window", "worker-crash"],
        check: check,
    }
}

/// Names shown.
const SHOWN: usize = 4;

fn check(survey: &Survey) -> Checked {
    let hits = survey
        .mapped
        .iter()
        .filter(|it| !it.deleted.is_empty())
        .map(|it| hit(survey, it));
    let unseen = survey
        .mapped
        .iter()
        .filter_map(|it| it.files.as_ref().err().cloned());
    Checked::from(hits.collect::<Vec<_>>()).blind(unseen)
}

fn hit(survey: &Survey, mapped: &Mapped) -> Hit {
    let Mapped {
        unit,
        pid,
        comm,
        deleted,
        ..
    } = mapped;
    let mut shown: Vec<String> = deleted
        .iter()
        .take(SHOWN)
        .map(|path| path.display().to_string())
        .collect();
    if deleted.len() > SHOWN {
        shown.push(format!("and {} more", deleted.len() - SHOWN));
    }
    let says = format!(
        "{comm} (process {pid} of {unit}) runs {} that {} not on disk any more: {}",
        count(deleted.len(), "file"),
        if deleted.len() == 1 { "is" } else { "are" },
        shown.join(", ")
    );
    let restart = survey.world.unit(unit).map(|unit| vec![service::restart(unit)]);
    Hit::new(
        unit,
        None,
        says,
        Source::command(format!("grep '(deleted)' /proc/{pid}/maps")),
    )
    .why("what was mended is not mended here, and what it loads anew may not fit what it runs")
    .change(format!("systemctl restart {unit} at an hour of your choice"))
    .remedy(
        format!("restart {unit}, so that it runs what is installed"),
        restart,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, forbidden};
    use host::Look;
    use std::path::PathBuf;

    fn runs(deleted: &[&str], files: Look<Vec<PathBuf>>) -> Survey {
        let mapped = Mapped {
            unit: "app.service".into(),
            pid: 500,
            comm: "gunicorn".into(),
            files,
            deleted: deleted.iter().map(PathBuf::from).collect(),
        };
        Survey::of(Fixture::gunicorn()).with(|it| it.mapped.push(mapped))
    }

    #[test]
    fn fires_where_a_file_is_gone() {
        let survey = runs(&["/usr/lib/libssl.so.3"], Ok(Vec::new()));
        assert_eq!(survey.told(&OLD_LIBRARIES), ["app.service"]);
    }

    #[test]
    fn stays_quiet_where_all_is_on_disk_and_says_where_it_could_not_look() {
        assert!(
            runs(&[], Ok(vec!["/usr/lib/libssl.so.3".into()]))
                .told(&OLD_LIBRARIES)
                .is_empty()
        );
        let blind = (OLD_LIBRARIES.check)(&runs(&[], forbidden("/proc/500/maps")));
        assert!(blind.hits.is_empty() && blind.unseen.len() == 1);
    }
}
