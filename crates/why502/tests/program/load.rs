use crate::stage::{PAGE, Stage};
use std::time::Duration;

const SERVERS: &str =
    "log_format timed '$remote_addr [$time_local] \"$request\" $status $request_time \"$http_user_agent\"';
    server { listen 80; server_name shop.example; access_log /var/log/nginx/shop.log timed;
             location / { proxy_pass http://127.0.0.1:8000; } }";

#[test]
fn whose_load_it_is_and_the_document_is_as_its_schema_says() {
    let stage = Stage::serving(SERVERS);
    // nginx logs milliseconds, and all of them 0 would be no times to compare
    stage.slow_backend(8000, PAGE, Duration::from_millis(20));
    for _ in 0..5 {
        assert_eq!(stage.get("shop.example", "/basket/17"), 200);
    }
    let document = stage.why502(&["load", "--json"]).json();
    let schema = stage.why502(&["schema", "load"]).json();
    let keys = |of: &serde_json::Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&document), keys(&schema["properties"]));
    let requests = &document["requests"];
    assert_eq!(
        (&requests["requests"], &requests["timed"]),
        (&5.into(), &true.into()),
        "{document}"
    );
    assert_eq!(requests["routes"][0]["key"], "GET /basket/*");
    assert_eq!(requests["usual_rate"], serde_json::Value::Null);
    let page = stage.why502(&["load"]).out;
    for says in [
        "GET /basket/*",
        "what is usual is not known",
        "Requests that backends served",
    ] {
        assert!(page.contains(says), "{page}");
    }
}

#[test]
fn whom_a_proxy_speaks_for_is_told_only_where_nginx_believes_it() {
    let stage = Stage::serving(
        "set_real_ip_from 192.0.2.0/24;
        log_format proxied '$remote_addr [$time_local] \"$request\" $status $request_time \"$http_x_forwarded_for\"';
        server { listen 80; server_name shop.example; access_log /var/log/nginx/shop.log proxied;
                 location / { proxy_pass http://127.0.0.1:8000; } }",
    );
    stage.slow_backend(8000, PAGE, Duration::from_millis(20));
    stage.sh(
        "line() { echo \"$1 [$(date '+%d/%b/%Y:%H:%M:%S %z')] \\\"GET / HTTP/1.1\\\" 200 0.5 \\\"$2\\\"\"; }
         for _ in 1 2 3; do line 192.0.2.1 '1.1.1.1, 203.0.113.7'; done >>/var/log/nginx/shop.log
         for _ in 1 2; do line 198.51.100.9 203.0.113.8; done >>/var/log/nginx/shop.log",
    );
    let document = stage.why502(&["load", "--json"]).json();
    let clients = document["requests"]["clients"].as_array().unwrap();
    let told: Vec<(&str, u64)> = clients
        .iter()
        .map(|it| (it["key"].as_str().unwrap(), it["requests"].as_u64().unwrap()))
        .collect();
    let expected = [("203.0.113.7", 3), ("198.51.100.9", 2)];
    assert_eq!(told, expected, "{document}");
    let document = stage.why502(&["logs", "--by", "client", "--json"]).json();
    let clients = document["load"][0]["top"].as_array().unwrap();
    let told: Vec<(&str, u64)> = clients
        .iter()
        .map(|it| {
            let requests = it["load"]["requests"].as_u64();
            (it["key"].as_str().unwrap(), requests.unwrap())
        })
        .collect();
    assert_eq!(told, expected, "{document}");
}
