//! For people, on one screen.

use super::{Pool, Report, Requests, Row};
use crate::screen::{BAD, GOOD, QUIET, STRONG, exact, safe, wrap};
use diagnose::limits::size;
use std::fmt::Write;

/// The page.
pub fn draw(report: &Report) -> String {
    let mut page = String::new();
    headline(report, &mut page);
    host(report, &mut page);
    pools(report, &mut page);
    who(report, &mut page);
    if let Some(requests) = &report.requests {
        asked(requests, &mut page);
    } else {
        let _ = writeln!(
            page,
            "\n{QUIET}no access log tells of requests in that time{QUIET:#}"
        );
    }
    page
}

fn headline(report: &Report, page: &mut String) {
    if report.saturated.is_empty() {
        let _ = writeln!(page, "{GOOD}Nothing is saturated.{GOOD:#}");
    }
    for full in &report.saturated {
        let text = format!("{}: {}", full.what, exact(&full.says));
        let _ = writeln!(page, "{BAD}{}{BAD:#}", wrap(&text, "Saturated ", "          "));
        let _ = writeln!(page, "          {QUIET}{}{QUIET:#}", exact(&full.command));
    }
    for cause in &report.causes {
        let text = format!("{} (why502 explain {})", exact(&cause.says), cause.id);
        let _ = writeln!(
            page,
            "{STRONG}{}{STRONG:#}",
            wrap(&text, "Cause     ", "          ")
        );
    }
    if let Some(text) = acquitted(report) {
        let _ = writeln!(page, "{}", wrap(&text, "Traffic   ", "          "));
    }
}

/// What the reader of a full machine would blame first, and must not.
fn acquitted(report: &Report) -> Option<String> {
    let requests = report.requests.as_ref().filter(|it| it.as_usual == Some(true))?;
    let blamed = |id: &str| id.starts_with("traffic-") || id == "heavy-endpoint";
    let suspect = !report.saturated.is_empty() || !report.causes.is_empty();
    (suspect && !report.causes.iter().any(|it| blamed(&it.id))).then(|| {
        format!(
            "is not the cause: no more requests than usual, {:.1}/s{}",
            requests.rate,
            usual(requests)
        )
    })
}

/// `; 3.1/s at this hour the day before`
fn usual(requests: &Requests) -> String {
    match (requests.usual_rate, &requests.usual) {
        (Some(rate), Some(when)) => format!("; {rate:.1}/s {when}"),
        _ => "; what is usual is not known".to_owned(),
    }
}

fn host(report: &Report, page: &mut String) {
    let mut says = Vec::new();
    if let Some(cpu) = &report.cpu {
        let stolen = if cpu.stolen > 0 {
            format!(", {} % stolen", cpu.stolen)
        } else {
            String::new()
        };
        says.push(format!("CPU {} % busy of {}{stolen}", cpu.busy, cpu.processors));
    }
    let pressure = &report.pressure;
    let waited = [
        ("CPU", pressure.cpu),
        ("memory", pressure.memory),
        ("disk", pressure.io),
    ];
    let waited: Vec<String> = waited
        .iter()
        .filter_map(|(name, share)| Some(format!("{name} {:.0} %", (*share)?)))
        .collect();
    if !waited.is_empty() {
        says.push(format!("waited for: {}", waited.join(", ")));
    }
    says.extend(
        report
            .memory_available
            .map(|left| format!("memory left {}", size(left))),
    );
    for nginx in &report.nginx {
        says.push(format!("clients of nginx {} of {}", nginx.clients, nginx.most));
    }
    if let Some(tracked) = &report.conntrack {
        says.push(format!(
            "tracked {} of {}",
            tracked.now,
            tracked.most.unwrap_or_default()
        ));
    }
    if let Some(ports) = &report.ports {
        says.push(format!(
            "local ports {} of {} to {}",
            ports.now, ports.most, ports.to
        ));
    }
    let _ = writeln!(page, "{}", wrap(&says.join("; "), "Host      ", "          "));
}

fn pools(report: &Report, page: &mut String) {
    for pool in &report.pools {
        let _ = writeln!(
            page,
            "{}",
            wrap(&exact(&one_pool(pool)), "Pool      ", "          ")
        );
    }
}

fn one_pool(pool: &Pool) -> String {
    let name = pool.unit.as_ref().unwrap_or(&pool.address);
    let workers = match (pool.busy, pool.workers) {
        (Some(busy), Some(all)) => format!("{busy} of {all} workers busy, "),
        _ => String::new(),
    };
    let sites = pool.sites.join(", ");
    format!(
        "{name}: {workers}{} of {} waiting ({sites})",
        pool.waiting, pool.backlog
    )
}

fn who(report: &Report, page: &mut String) {
    if !report.units.is_empty() {
        let _ = writeln!(page, "\n{STRONG}CPU by unit{STRONG:#}");
    }
    for unit in &report.units {
        let _ = writeln!(
            page,
            "{:>5} % {:>9}  {}",
            unit.cpu,
            size(unit.rss),
            safe(&unit.unit)
        );
    }
    if !report.processes.is_empty() {
        let _ = writeln!(page, "{STRONG}CPU by process{STRONG:#}");
    }
    for process in &report.processes {
        let command = crate::screen::brief(&process.command, 48);
        let _ = writeln!(
            page,
            "{:>5} % {:>9}  {:>7} {command}",
            process.cpu,
            size(process.rss),
            process.pid
        );
    }
}

fn asked(requests: &Requests, page: &mut String) {
    let text = format!(
        "{} since {}, {:.1}/s{}",
        requests.requests,
        requests.since,
        requests.rate,
        usual(requests)
    );
    let _ = writeln!(page, "\n{STRONG}Requests that backends served{STRONG:#}");
    let _ = writeln!(page, "{}", wrap(&text, "  ", "  "));
    if !requests.timed {
        let text = format!(
            "{} holds no times, so shares are of the number of requests; $request_time in its log_format tells whose \
             requests are dear",
            safe(&requests.log)
        );
        let _ = writeln!(page, "{QUIET}{}{QUIET:#}", wrap(&text, "  ", "  "));
    }
    let lists = [
        ("what for", &requests.kinds),
        ("route", &requests.routes),
        ("client", &requests.clients),
        ("agent", &requests.agents),
    ];
    let _ = writeln!(page, "{QUIET}       %  worker-s  requests   failed{QUIET:#}");
    for (name, rows) in lists {
        let _ = writeln!(page, "  {STRONG}{name}{STRONG:#}");
        rows.iter().for_each(|row| one_row(row, requests.timed, page));
    }
}

fn one_row(row: &Row, timed: bool, page: &mut String) {
    let seconds = if timed {
        format!("{:.1}", row.worker_seconds)
    } else {
        "-".to_owned()
    };
    let style = if row.failures * 10 > row.requests {
        BAD
    } else {
        anstyle::Style::new()
    };
    let _ = writeln!(
        page,
        "{:>8} {seconds:>9} {:>9} {style}{:>8}{style:#}  {}",
        row.share,
        row.requests,
        row.failures,
        crate::screen::brief(&row.key, 40)
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{head::Looked, load::Frame};
    use diagnose::{
        load::{Full, Load, Resource},
        traffic::{Crowd, Demand, Kind, Past, Stretch, Usual},
    };
    use host::Timestamp;
    use logscan::scan::Load as Sum;

    fn stretch(seconds: u64, requests: u64) -> Stretch {
        let load = Sum {
            requests,
            ..Sum::default()
        };
        let crowd = Crowd {
            load,
            ..Crowd::default()
        };
        let mut stretch = Stretch::default();
        stretch.seconds = seconds;
        stretch.crowds.insert(Kind::Page, crowd);
        stretch
    }

    /// Asked so often in a minute, while something is full or not.
    fn page(requests: u64, is_full: bool) -> String {
        let usual = Usual::of(Past::Days(1), stretch(3600, 7200));
        let load = Load {
            demand: Some(Demand {
                now: stretch(60, requests),
                usual,
                ..Demand::default()
            }),
            ..Load::default()
        };
        let full = Full {
            resource: Resource::Pool,
            says: "5 of 5 workers are busy".into(),
            command: "ss -xln".into(),
        };
        let frame = Frame {
            looked: Looked {
                host: "web1".into(),
                at: Timestamp::from_secs(1_795_349_866),
                took_ms: 1,
            },
            top: 5,
            verdict: None,
        };
        let full = if is_full { vec![full] } else { Vec::new() };
        draw(&Report::of(&load, &full, &frame))
    }

    #[test]
    fn traffic_as_usual_is_said_not_to_be_the_cause() {
        let says = "Traffic   is not the cause: no more requests than usual, 2.1/s; 2.0/s at this";
        assert!(page(126, true).contains(says), "{}", page(126, true));
        // more than usual, and nothing to be blamed for
        assert!(!page(600, true).contains("Traffic"));
        assert!(!page(126, false).contains("Traffic"));
    }
}
