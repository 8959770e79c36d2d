//! A job takes what the site needs, each time that it runs.

use super::chains::waits::{export_job, quicker};
use crate::{Expect, Scenario, Stack, Step, Traffic};

/// People ask for the front page until four runs of the job have kept some of them waiting. One more is begun for those who come.
const FOUR_RUNS: &str = r#"
systemctl start export.timer
python3 - <<'PY'
import time
import urllib.error
import urllib.request

runs, last = 0, 0
while runs < 4:
    ask = urllib.request.Request("http://127.0.0.1/", headers={"Host": "shop.example"})
    try:
        urllib.request.urlopen(ask).read()
    except urllib.error.HTTPError:
        runs += time.time() - last > 9
        last = time.time()
    time.sleep(0.2)
PY
while [ $(systemctl is-active export) = activating ]; do sleep 0.1; done
sleep 8
systemctl start --no-block export
"#;

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "scheduled-job-load",
    about: "A timer exports the goods every 20 seconds and locks their table for three of them; pages wait in vain then, and only then. \
            Judged after it has learnt to lock nobody out.",
    stack: Stack::GunicornPostgres,
    prepare: concat!(quicker!(), export_job!("*-*-* *:*:00/20", "3")),
    inject: &[Step::Sh(FOUR_RUNS)],
    traffic: Traffic {
        at_once: 1,
        pause_ms: 200,
        ..Traffic::SHOP_504
    },
    restore: "sed -i 's/LOCK TABLE products; //' /etc/systemd/system/export.service; systemctl daemon-reload
              while [ $(systemctl is-active export) = activating ]; do sleep 0.1; done; sleep 1",
    expect: Expect::Recovered(Some("scheduled-job-load")),
    ..Scenario::BASE
}];
