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
    let usual = match (requests.usual_rate, &requests.usual) {
        (Some(rate), Some(when)) => format!("; {rate:.1}/s {when}"),
        _ => "; what is usual is not known".to_owned(),
    };
    let text = format!(
        "{} since {}, {:.1}/s{usual}",
        requests.requests, requests.since, requests.rate
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
