//! One file a cause. To add one: `cargo xtask new-cause ID` writes the file and its two lines here.

use crate::Cause;

mod apache_firewall_syntax;
mod app_bug;
mod app_memory_limit;
mod app_suspicious_code;
mod apparmor_denied;
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
mod client_cache;
mod client_cookie;
mod client_dns;
mod client_network;
mod conntrack_full;
mod cpu_saturated;
mod db_connection_limit;
mod db_down;
mod db_password_wrong;
mod db_schema;
mod db_slow;
mod disk_error;
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
mod heavy_endpoint;
mod host_unreachable;
mod inner_hop;
mod inodes_full;
mod interface_down;
mod invalid_response;
mod io_saturated;
mod ipv6_localhost;
mod ipv6_unusable;
mod k8s_no_endpoints;
mod keepalive_race;
mod limits_refused;
mod listen_backlog_full;
mod listen_type_mismatch;
mod memory_pressure;
mod mtu_blackhole;
mod nginx_config_stale;
mod nginx_old_master;
mod nginx_stopped;
mod nginx_temp_permission;
mod nginx_will_not_start;
mod no_route;
mod oom_kill;
mod other_network_namespace;
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
mod selinux_denied;
mod slow_backend;
mod socket_dir_permission;
mod socket_permission;
mod stale_conntrack;
mod tls_expired;
mod tls_name;
mod tls_to_plain_backend;
mod tls_untrusted;
mod tls_version;
mod traffic_bruteforce;
mod traffic_crawler;
mod traffic_flood;
mod traffic_spam;
mod traffic_surge;
mod user_service_no_linger;
mod websocket_headers;
mod worker_connections_limit;
mod worker_crash;
mod worker_recycle;
mod worker_timeout_kill;
mod wrong_upstream_port;

/// Every cause we know, in alphabetical order. The order decides nothing.
///
/// Written out, not made by a macro: rustfmt and editors do not see a `mod` that a macro writes, and the files behind
/// it silently stop being formatted.
pub static ALL: &[&Cause] = &[
    &apache_firewall_syntax::APACHE_FIREWALL_SYNTAX,
    &app_bug::APP_BUG,
    &app_memory_limit::APP_MEMORY_LIMIT,
    &app_suspicious_code::APP_SUSPICIOUS_CODE,
    &apparmor_denied::APPARMOR_DENIED,
    &backend_bad_config::BACKEND_BAD_CONFIG,
    &backend_crash_loop::BACKEND_CRASH_LOOP,
    &backend_crash_on_start::BACKEND_CRASH_ON_START,
    &backend_died::BACKEND_DIED,
    &backend_hung::BACKEND_HUNG,
    &backend_not_enabled::BACKEND_NOT_ENABLED,
    &backend_orphan_workers::BACKEND_ORPHAN_WORKERS,
    &backend_port_taken::BACKEND_PORT_TAKEN,
    &backend_restart_window::BACKEND_RESTART_WINDOW,
    &backend_stopped::BACKEND_STOPPED,
    &bound_elsewhere::BOUND_ELSEWHERE,
    &broker_down::BROKER_DOWN,
    &cache_down::CACHE_DOWN,
    &cache_full::CACHE_FULL,
    &cdn_origin_error::CDN_ORIGIN_ERROR,
    &client_cache::CLIENT_CACHE,
    &client_cookie::CLIENT_COOKIE,
    &client_dns::CLIENT_DNS,
    &client_network::CLIENT_NETWORK,
    &conntrack_full::CONNTRACK_FULL,
    &cpu_saturated::CPU_SATURATED,
    &db_connection_limit::DB_CONNECTION_LIMIT,
    &db_down::DB_DOWN,
    &db_password_wrong::DB_PASSWORD_WRONG,
    &db_schema::DB_SCHEMA,
    &db_slow::DB_SLOW,
    &disk_error::DISK_ERROR,
    &disk_full::DISK_FULL,
    &dns_name_missing::DNS_NAME_MISSING,
    &dns_no_resolver::DNS_NO_RESOLVER,
    &dns_resolver_down::DNS_RESOLVER_DOWN,
    &dns_stale_address::DNS_STALE_ADDRESS,
    &dns_wrong_answer::DNS_WRONG_ANSWER,
    &early_close_unread_body::EARLY_CLOSE_UNREAD_BODY,
    &edge_port_taken::EDGE_PORT_TAKEN,
    &ephemeral_ports_exhausted::EPHEMERAL_PORTS_EXHAUSTED,
    &external_api_slow::EXTERNAL_API_SLOW,
    &fd_limit::FD_LIMIT,
    &firewall_drop::FIREWALL_DROP,
    &firewall_reject::FIREWALL_REJECT,
    &header_too_big::HEADER_TOO_BIG,
    &heavy_endpoint::HEAVY_ENDPOINT,
    &host_unreachable::HOST_UNREACHABLE,
    &inner_hop::INNER_HOP,
    &inodes_full::INODES_FULL,
    &interface_down::INTERFACE_DOWN,
    &invalid_response::INVALID_RESPONSE,
    &io_saturated::IO_SATURATED,
    &ipv6_localhost::IPV6_LOCALHOST,
    &ipv6_unusable::IPV6_UNUSABLE,
    &k8s_no_endpoints::K8S_NO_ENDPOINTS,
    &keepalive_race::KEEPALIVE_RACE,
    &limits_refused::LIMITS_REFUSED,
    &listen_backlog_full::LISTEN_BACKLOG_FULL,
    &listen_type_mismatch::LISTEN_TYPE_MISMATCH,
    &memory_pressure::MEMORY_PRESSURE,
    &mtu_blackhole::MTU_BLACKHOLE,
    &nginx_config_stale::NGINX_CONFIG_STALE,
    &nginx_old_master::NGINX_OLD_MASTER,
    &nginx_temp_permission::NGINX_TEMP_PERMISSION,
    &nginx_stopped::NGINX_STOPPED,
    &nginx_will_not_start::NGINX_WILL_NOT_START,
    &no_route::NO_ROUTE,
    &oom_kill::OOM_KILL,
    &other_network_namespace::OTHER_NETWORK_NAMESPACE,
    &php_socket_version::PHP_SOCKET_VERSION,
    &plain_to_tls_backend::PLAIN_TO_TLS_BACKEND,
    &pool_exhausted::POOL_EXHAUSTED,
    &private_tmp::PRIVATE_TMP,
    &process_limit::PROCESS_LIMIT,
    &protocol_mismatch::PROTOCOL_MISMATCH,
    &proxy_loop::PROXY_LOOP,
    &reboot_needed::REBOOT_NEEDED,
    &request_too_big_for_backend::REQUEST_TOO_BIG_FOR_BACKEND,
    &runtime_dir_missing::RUNTIME_DIR_MISSING,
    &scheduled_job_load::SCHEDULED_JOB_LOAD,
    &search_down::SEARCH_DOWN,
    &selinux_denied::SELINUX_DENIED,
    &slow_backend::SLOW_BACKEND,
    &socket_dir_permission::SOCKET_DIR_PERMISSION,
    &socket_permission::SOCKET_PERMISSION,
    &stale_conntrack::STALE_CONNTRACK,
    &tls_expired::TLS_EXPIRED,
    &tls_name::TLS_NAME,
    &tls_to_plain_backend::TLS_TO_PLAIN_BACKEND,
    &tls_untrusted::TLS_UNTRUSTED,
    &tls_version::TLS_VERSION,
    &traffic_bruteforce::TRAFFIC_BRUTEFORCE,
    &traffic_crawler::TRAFFIC_CRAWLER,
    &traffic_flood::TRAFFIC_FLOOD,
    &traffic_spam::TRAFFIC_SPAM,
    &traffic_surge::TRAFFIC_SURGE,
    &user_service_no_linger::USER_SERVICE_NO_LINGER,
    &websocket_headers::WEBSOCKET_HEADERS,
    &worker_connections_limit::WORKER_CONNECTIONS_LIMIT,
    &worker_crash::WORKER_CRASH,
    &worker_recycle::WORKER_RECYCLE,
    &worker_timeout_kill::WORKER_TIMEOUT_KILL,
    &wrong_upstream_port::WRONG_UPSTREAM_PORT,
];

/// The cause of that id.
pub fn by_id(id: &str) -> Option<&'static Cause> {
    ALL.iter().copied().find(|cause| cause.id == id)
}

#[cfg(test)]
mod tests;
