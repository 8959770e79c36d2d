//! Every scenario, in the order of the catalogue of causes. One fault, one file.

use crate::Scenario;

mod apache_firewall_syntax;
mod app_bug;
mod app_memory_limit;
mod app_suspicious_code;
mod audit;
mod backend_bad_config;
mod backend_crash_loop;
mod backend_crash_on_start;
mod backend_died;
mod backend_hung;
mod backend_not_enabled;
mod backend_orphan_workers;
mod backend_port_taken;
mod backend_restart_window;
mod backend_stopped;
mod bound_elsewhere;
mod broker_down;
mod cache_down;
mod cache_full;
mod cdn_origin_error;
mod chains;
mod controls;
mod cpu_saturated;
mod db_connection_limit;
mod db_down;
mod db_password_wrong;
mod db_schema;
mod db_slow;
mod disk_full;
mod dns_name_missing;
mod dns_no_resolver;
mod dns_resolver_down;
mod dns_stale_address;
mod dns_wrong_answer;
mod early_close_unread_body;
mod edge_port_taken;
mod ephemeral_ports_exhausted;
mod external_api_slow;
mod fd_limit;
mod firewall_drop;
mod firewall_reject;
mod header_too_big;
mod host_unreachable;
mod inner_hop;
mod inodes_full;
mod interface_down;
mod invalid_response;
mod ipv6_localhost;
mod ipv6_unusable;
mod k8s_no_endpoints;
mod keepalive_race;
mod limits_refused;
mod listen_backlog_full;
mod listen_type_mismatch;
mod mtu_blackhole;
mod nginx_config_stale;
mod nginx_old_master;
mod nginx_stopped;
mod nginx_temp_permission;
mod nginx_will_not_start;
mod no_route;
mod oom_kill;
mod other_network_namespace;
mod out_of_catalogue;
mod php_socket_version;
mod plain_to_tls_backend;
mod pool_exhausted;
mod private_tmp;
mod process_limit;
mod protocol_mismatch;
mod proxy_loop;
mod reboot_needed;
mod request_too_big_for_backend;
mod runtime_dir_missing;
mod scheduled_job_load;
mod search_down;
mod slow_backend;
mod socket_dir_permission;
mod socket_permission;
mod stale_conntrack;
mod tls_expired;
mod tls_name;
mod tls_to_plain_backend;
mod tls_untrusted;
mod tls_version;
mod triggers;
mod two_faults;
mod user_service_no_linger;
mod websocket_headers;
mod whose_load;
mod worker_connections_limit;
mod worker_crash;
mod worker_recycle;
mod worker_timeout_kill;
mod wrong_upstream_port;

/// The one list.
static ALL: &[&[Scenario]] = &[
    backend_stopped::SCENARIOS,
    backend_not_enabled::SCENARIOS,
    backend_died::SCENARIOS,
    backend_crash_on_start::SCENARIOS,
    backend_crash_loop::SCENARIOS,
    backend_bad_config::SCENARIOS,
    apache_firewall_syntax::SCENARIOS,
    backend_hung::SCENARIOS,
    backend_orphan_workers::SCENARIOS,
    backend_port_taken::SCENARIOS,
    backend_restart_window::SCENARIOS,
    runtime_dir_missing::SCENARIOS,
    user_service_no_linger::SCENARIOS,
    worker_crash::SCENARIOS,
    worker_timeout_kill::SCENARIOS,
    pool_exhausted::SCENARIOS,
    whose_load::SCENARIOS,
    listen_backlog_full::SCENARIOS,
    wrong_upstream_port::SCENARIOS,
    listen_type_mismatch::SCENARIOS,
    php_socket_version::SCENARIOS,
    bound_elsewhere::SCENARIOS,
    ipv6_localhost::SCENARIOS,
    dns_name_missing::SCENARIOS,
    dns_resolver_down::SCENARIOS,
    dns_no_resolver::SCENARIOS,
    dns_stale_address::SCENARIOS,
    dns_wrong_answer::SCENARIOS,
    proxy_loop::SCENARIOS,
    edge_port_taken::SCENARIOS,
    ipv6_unusable::SCENARIOS,
    other_network_namespace::SCENARIOS,
    nginx_config_stale::SCENARIOS,
    nginx_old_master::SCENARIOS,
    k8s_no_endpoints::SCENARIOS,
    nginx_stopped::SCENARIOS,
    nginx_will_not_start::SCENARIOS,
    socket_permission::SCENARIOS,
    socket_dir_permission::SCENARIOS,
    private_tmp::SCENARIOS,
    nginx_temp_permission::SCENARIOS,
    protocol_mismatch::SCENARIOS,
    tls_to_plain_backend::SCENARIOS,
    plain_to_tls_backend::SCENARIOS,
    tls_name::SCENARIOS,
    tls_untrusted::SCENARIOS,
    tls_expired::SCENARIOS,
    tls_version::SCENARIOS,
    header_too_big::SCENARIOS,
    request_too_big_for_backend::SCENARIOS,
    invalid_response::SCENARIOS,
    early_close_unread_body::SCENARIOS,
    keepalive_race::SCENARIOS,
    websocket_headers::SCENARIOS,
    app_bug::SCENARIOS,
    audit::SCENARIOS,
    slow_backend::SCENARIOS,
    oom_kill::SCENARIOS,
    disk_full::SCENARIOS,
    inodes_full::SCENARIOS,
    worker_connections_limit::SCENARIOS,
    fd_limit::SCENARIOS,
    ephemeral_ports_exhausted::SCENARIOS,
    process_limit::SCENARIOS,
    cpu_saturated::SCENARIOS,
    app_memory_limit::SCENARIOS,
    app_suspicious_code::SCENARIOS,
    inner_hop::SCENARIOS,
    firewall_reject::SCENARIOS,
    firewall_drop::SCENARIOS,
    host_unreachable::SCENARIOS,
    no_route::SCENARIOS,
    interface_down::SCENARIOS,
    mtu_blackhole::SCENARIOS,
    stale_conntrack::SCENARIOS,
    reboot_needed::SCENARIOS,
    cdn_origin_error::SCENARIOS,
    triggers::SCENARIOS,
    db_down::SCENARIOS,
    db_password_wrong::SCENARIOS,
    db_connection_limit::SCENARIOS,
    db_slow::SCENARIOS,
    db_schema::SCENARIOS,
    external_api_slow::SCENARIOS,
    cache_down::SCENARIOS,
    cache_full::SCENARIOS,
    broker_down::SCENARIOS,
    search_down::SCENARIOS,
    chains::waits::SCENARIOS,
    chains::starts::SCENARIOS,
    chains::edges::SCENARIOS,
    two_faults::SCENARIOS,
    out_of_catalogue::SCENARIOS,
    limits_refused::SCENARIOS,
    worker_recycle::SCENARIOS,
    scheduled_job_load::SCENARIOS,
    controls::SCENARIOS,
];

/// ufw as people set it up: what comes in is denied but the web, what goes out is let.
const UFW: &str = "dpkg -i /var/cache/apt/archives/ufw_*.deb
    ufw allow 80/tcp; ufw --force enable";

/// firewalld with the web let in, and a policy of its own for what goes out.
const FIREWALLD: &str = "systemctl enable -q --now firewalld
    firewall-cmd -q --permanent --zone=public --add-service=http
    firewall-cmd -q --permanent --new-policy=egress
    firewall-cmd -q --permanent --policy=egress --add-ingress-zone=HOST
    firewall-cmd -q --permanent --policy=egress --add-egress-zone=ANY
    firewall-cmd -q --reload";

/// Rules of iptables that come back at boot.
const IPTABLES_PERSISTENT: &str =
    "DEBIAN_FRONTEND=noninteractive dpkg -i /var/cache/apt/archives/*-persistent_*.deb";

/// All scenarios, in the order in which they are played and reported.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    ALL.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Expect;

    #[test]
    fn names_are_unique_and_everything_is_explained() {
        let mut names = BTreeSet::new();
        for scenario in all() {
            assert!(names.insert(scenario.name), "{} is there twice", scenario.name);
            assert!(
                scenario.about.ends_with('.'),
                "{}: say what it does",
                scenario.name
            );
        }
    }

    #[test]
    fn expected_roots_are_in_the_catalogue() {
        for scenario in all() {
            let roots = match scenario.expect {
                Expect::Found(roots) => roots,
                _ => &[],
            };
            for root in roots {
                assert!(
                    diagnose::causes::by_id(root).is_some(),
                    "{}: {root}",
                    scenario.name
                );
            }
        }
    }
}
