//! The backend kills a slow request at a limit of its own, below nginx's.

use crate::{Expect, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["worker-timeout-kill"]),
    ..Scenario::BASE
};

/// The report in Python begins to take half a minute.
const SLOW_PYTHON: &str = "sed -i 's|return \"<h1>Report|time.sleep(30); &|' /srv/app/shop.py; systemctl restart app; await_listener ':8000\\|:3031'";
const QUICK_PYTHON: &str = "sed -i 's|time.sleep(30); ||' /srv/app/shop.py; systemctl restart app";
const REPORT: Traffic = Traffic {
    path: "/report",
    at_once: 2,
    ..Traffic::SHOP
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "worker-timeout-kill-fpm",
        about: "request_terminate_timeout is 2 s and a page takes longer: 104 after two to three seconds.",
        stack: Stack::FpmUnix,
        prepare: "sed -i 's/^;request_terminate_timeout = .*/request_terminate_timeout = 2s/' /etc/php/8.2/fpm/pool.d/www.conf",
        inject: &[Step::Sh("sed -i '1a sleep(30);' /var/www/shop/report.php")],
        traffic: Traffic {
            path: "/report.php",
            ..REPORT
        },
        restore: "sed -i 2d /var/www/shop/report.php",
        ..BASE
    },
    Scenario {
        name: "worker-timeout-kill-gunicorn",
        about: "gunicorn's --timeout is 2 s and a page takes longer: WORKER TIMEOUT, premature close.",
        stack: Stack::GunicornTcp,
        prepare: "sed -i 's/--workers 2/& --timeout 2/' /etc/systemd/system/app.service",
        inject: &[Step::Sh(SLOW_PYTHON)],
        traffic: REPORT,
        restore: QUICK_PYTHON,
        ..BASE
    },
    Scenario {
        name: "worker-timeout-kill-uwsgi",
        about: "uWSGI's harakiri is 2 s and a page takes longer.",
        stack: Stack::Uwsgi,
        prepare: "echo 'harakiri = 2' >>/srv/app/uwsgi.ini",
        inject: &[Step::Sh(SLOW_PYTHON)],
        traffic: REPORT,
        restore: QUICK_PYTHON,
        ..BASE
    },
];
