# Before every script that runs in a host; the scenario's limit ends what would wait for ever.
await_listener() { until ss -Hlntx | grep -q -- "$1"; do sleep 0.05; done; }
await_failure() { until systemctl is-failed -q "$1"; do sleep 0.05; done; }
