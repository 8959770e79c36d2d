use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// A cron job or timer (backup, index, report, log rotation) uses the CPU, the disk or the database at its minute.
    /// # How to tell
    /// Failures at the same minute of the hour or day; a timer or cron line for that minute.
    /// # Fix
    /// Move it, or give it nice, ionice and a limit.
    /// # Not this if
    /// The failures keep no time.
    pub static SCHEDULED_JOB_LOAD = {
        id: "scheduled-job-load",
        title: "a scheduled job takes the host down",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("cron[", 40), ("wp-cron.php", 10), ("cron.daily", 70)],
        effect_of: &[],
        settled_by: ("compare the minutes with timers and cron", "systemctl list-timers --all; grep CRON /var/log/syslog | tail"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 3,
        _ => 0,
    }
}
