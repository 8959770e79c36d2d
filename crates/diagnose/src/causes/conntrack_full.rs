use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, Symptom,
    cause::{Group, Told, cause},
    limits::Use,
    service,
    words::clip,
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// The kernel drops packets of new connections because nf_conntrack_max is reached: timeouts in every direction.
    /// # How to tell
    /// `nf_conntrack: table full, dropping packet` in the kernel log; count equals max. Connections on loopback are tracked
    /// too, so even a backend on this host times out while connecting. Recorded, not staged: no network namespace but the
    /// first may lower nf_conntrack_max.
    /// # Fix
    /// Raise the maximum; find the flow that fills it.
    /// # Not this if
    /// The count is far below the maximum (firewall-drop).
    pub static CONNTRACK_FULL = {
        id: "conntrack-full",
        title: "the connection tracking table is full",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("table full, dropping packet", 98), ("nf_conntrack", 85)],
        effect_of: &["traffic-flood"],
        settled_by: ("compare count and maximum", "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["hosts/conntrack-full"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::Connecting) => 5,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let waits = case.timed_out(Phase::Connecting) || case.peers.iter().any(|peer| peer.connect_timed_out());
    if !waits {
        return Opinion::none();
    }
    let word = word(case);
    let table = case.world.limits.conntrack;
    let full = table.filter(Use::is_reached);
    if word.is_none() && full.is_none() {
        return Opinion::none();
    }
    let mut evidence: Vec<Evidence> = word.into_iter().collect();
    evidence.extend(table.map(|table| counted(case, table)));
    let most = table
        .and_then(|table| table.most)
        .map_or(String::new(), |most| format!(": {most} connections"));
    Opinion {
        subject: "nf_conntrack".to_owned(),
        says: format!("the kernel can track no further connection{most}, and drops new ones"),
        evidence,
    }
}

/// The kernel's own word in the time of the failures; it says so a few times a second at most.
fn word(case: &Case) -> Option<Evidence> {
    let symptoms: Vec<&Symptom> = case.symptoms.iter().collect();
    let mut lines = case.world.kernel.as_deref().unwrap_or_default().iter();
    let line = lines.rfind(|line| {
        line.text.contains("table full, dropping packet") && service::among(&symptoms, line.at)
    })?;
    let says = format!("the kernel logged at {}: {}", line.at, clip(&line.text));
    Some(Evidence::supports(
        Rank::Strong,
        says,
        Source::command("journalctl -k | grep 'table full'"),
    ))
}

fn counted(case: &Case, table: Use) -> Evidence {
    let most = table.most.unwrap_or_default();
    let says = format!("{} of {most} connections are tracked", table.now);
    let source = Source::command("sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max");
    match (table.is_reached(), case.works_now()) {
        (true, _) => Evidence::supports(Rank::Strong, says, source),
        (false, Some(false)) if table.now * 2 < most => Evidence::refutes(Rank::Decisive, says, source),
        _ => Evidence::supports(Rank::Hint, says, source),
    }
}

fn wider(case: &Case) -> Option<u64> {
    let most = case.world.limits.conntrack?.most?;
    Some(most.max(1 << 15).saturating_mul(2))
}

fn advise(case: &Case) -> String {
    let raise = wider(case).map_or(String::new(), |most| {
        format!("sysctl -w net.netfilter.nf_conntrack_max={most}; ")
    });
    format!(
        "{raise}see what fills it: conntrack -L 2>/dev/null | awk '{{ print $1, $4, $5, $6 }}' | sort | uniq -c | sort -rn | head. Traffic \
         between nginx and its own backends need not be tracked at all (a notrack rule for lo)"
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let full = case
        .world
        .limits
        .conntrack
        .is_some_and(|table| table.is_reached());
    let remedy = wider(case).filter(|_| full).map(|most| {
        let key = "net.netfilter.nf_conntrack_max".to_owned();
        let title = format!("let the kernel track {most} connections");
        Remedy::ask(
            title,
            vec![Measure::Sysctl {
                key,
                value: most.to_string(),
            }],
        )
        .relief()
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::{limits::Use, testing::Fixture};
    use logscan::{Phase, Trouble};

    fn tracked(now: u64) -> Fixture {
        Fixture::apache()
            .complains(Trouble::TimedOut, Phase::Connecting)
            .with(|it| {
                it.world.limits.conntrack = Some(Use {
                    now,
                    most: Some(8192),
                })
            })
    }

    #[test]
    fn fires_where_the_table_is_full() {
        tracked(8192)
            .kernel(30, "nf_conntrack: nf_conntrack: table full, dropping packet")
            .check("found conntrack-full");
        tracked(8190).check("found conntrack-full");
    }

    #[test]
    fn stays_quiet_where_there_is_room() {
        tracked(90).check_not("conntrack-full");
        tracked(90)
            .kernel(30, "nf_conntrack: nf_conntrack: table full, dropping packet")
            .check_not("conntrack-full");
        Fixture::apache()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .with(|it| {
                it.world.limits.conntrack = Some(Use {
                    now: 8192,
                    most: Some(8192),
                })
            })
            .check_not("conntrack-full");
    }
}
