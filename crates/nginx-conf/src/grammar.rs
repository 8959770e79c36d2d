//! The little that is known of single directives: enough to tell a forgotten `;` from an argument.
//! Facts from the syntax lines of <https://nginx.org/en/docs/dirindex.html>.

/// The lines of its block are pairs of words, not directives.
pub(crate) fn holds_pairs(name: &[u8]) -> bool {
    matches!(
        name,
        b"map" | b"geo" | b"types" | b"split_clients" | b"charset_map"
    )
}

/// Its block holds Lua.
pub(crate) fn holds_lua(name: &[u8]) -> bool {
    name.ends_with(b"_by_lua_block")
}

/// nginx refuses it without a block. `server` is missing: inside `upstream` it has none.
pub(crate) fn needs_block(name: &[u8]) -> bool {
    const NAMES: &[&[u8]] = &[
        b"events",
        b"http",
        b"stream",
        b"mail",
        b"location",
        b"if",
        b"upstream",
        b"limit_except",
    ];
    NAMES.contains(&name) || holds_pairs(name) || holds_lua(name)
}

/// It can have a block.
pub(crate) fn may_have_block(name: &[u8]) -> bool {
    needs_block(name) || name == b"server"
}

/// Fewest and most arguments of common directives that never have a block.
pub(crate) fn count(name: &[u8]) -> Option<(usize, usize)> {
    let name = std::str::from_utf8(name).ok()?;
    let at = COUNTS.binary_search_by(|(known, _, _)| (*known).cmp(name)).ok()?;
    COUNTS.get(at).map(|(_, least, most)| (*least, *most))
}

/// A common directive.
pub(crate) fn is_known(name: &[u8]) -> bool {
    count(name).is_some() || may_have_block(name)
}

const MANY: usize = usize::MAX;

/// Sorted.
const COUNTS: &[(&str, usize, usize)] = &[
    ("access_log", 1, MANY),
    ("add_header", 2, 3),
    ("alias", 1, 1),
    ("allow", 1, 1),
    ("auth_basic", 1, 1),
    ("autoindex", 1, 1),
    ("client_body_timeout", 1, 1),
    ("client_max_body_size", 1, 1),
    ("default_type", 1, 1),
    ("deny", 1, 1),
    ("error_log", 1, MANY),
    ("error_page", 2, MANY),
    ("expires", 1, 2),
    ("fastcgi_buffer_size", 1, 1),
    ("fastcgi_buffers", 2, 2),
    ("fastcgi_index", 1, 1),
    ("fastcgi_param", 2, 3),
    ("fastcgi_pass", 1, 1),
    ("fastcgi_read_timeout", 1, 1),
    ("fastcgi_split_path_info", 1, 1),
    ("grpc_pass", 1, 1),
    ("gzip", 1, 1),
    ("include", 1, 1),
    ("index", 1, MANY),
    ("internal", 0, 0),
    ("keepalive_timeout", 1, 2),
    ("listen", 1, MANY),
    ("load_module", 1, 1),
    ("log_format", 2, MANY),
    ("log_not_found", 1, 1),
    ("memcached_pass", 1, 1),
    ("multi_accept", 1, 1),
    ("pid", 1, 1),
    ("proxy_buffer_size", 1, 1),
    ("proxy_buffering", 1, 1),
    ("proxy_buffers", 2, 2),
    ("proxy_connect_timeout", 1, 1),
    ("proxy_http_version", 1, 1),
    ("proxy_next_upstream", 1, MANY),
    ("proxy_pass", 1, 1),
    ("proxy_read_timeout", 1, 1),
    ("proxy_redirect", 1, 2),
    ("proxy_send_timeout", 1, 1),
    ("proxy_set_header", 2, 2),
    ("proxy_ssl_server_name", 1, 1),
    ("proxy_ssl_verify", 1, 1),
    ("resolver", 1, MANY),
    ("resolver_timeout", 1, 1),
    ("return", 1, 2),
    ("rewrite", 2, 3),
    ("root", 1, 1),
    ("scgi_pass", 1, 1),
    ("send_timeout", 1, 1),
    ("sendfile", 1, 1),
    ("server_name", 1, MANY),
    ("server_tokens", 1, 1),
    ("set", 2, 2),
    ("ssl_certificate", 1, 1),
    ("ssl_certificate_key", 1, 1),
    ("ssl_ciphers", 1, 1),
    ("ssl_protocols", 1, MANY),
    ("tcp_nodelay", 1, 1),
    ("tcp_nopush", 1, 1),
    ("try_files", 2, MANY),
    ("user", 1, 2),
    ("uwsgi_pass", 1, 1),
    ("uwsgi_read_timeout", 1, 1),
    ("worker_connections", 1, 1),
    ("worker_processes", 1, 2),
    ("worker_rlimit_nofile", 1, 1),
];

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_can_be_searched() {
        assert!(super::COUNTS.is_sorted_by_key(|(name, _, _)| name));
    }
}
