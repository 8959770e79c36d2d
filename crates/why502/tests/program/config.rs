//! Configs that are broken, or that try to write on our screen.

use crate::stage::{PAGE, Stage, site, with_servers};

#[test]
fn a_config_that_broke_under_a_running_nginx_is_said_so() {
    let stage = Stage::serving(&site("shop.example", 8000));
    stage.backend(8000, PAGE);
    stage.sh("sed -i s/proxy_pass/proxy_pas/ /etc/nginx/nginx.conf");
    let says = [
        "Could not look",
        "whom nginx asks: its configuration does not load",
        "unknown directive",
        "proxy_pas",
    ];
    stage.why502(&[]).ends(3, &says);
}

#[test]
fn a_running_nginx_is_judged_by_what_it_runs() {
    let stage = Stage::serving(&site("shop.example", 8000));
    stage.backend(8000, PAGE);
    for broken in [
        "http { server { listen 80",
        "events {}\nhttp { serve { } }\n",
        "",
        "\0\0\x1b[2J{{{{;;;}\"'",
    ] {
        stage.write("/etc/nginx/nginx.conf", broken);
        let run = stage.why502(&[]);
        assert!(run.code.is_some_and(|code| code < 4), "{broken:?}: {}", run.err);
        run.ends(run.code.unwrap(), &[]).is_harmless();
        stage.why502(&["--json"]).ends(run.code.unwrap(), &[]).json();
    }
}

#[test]
fn names_cannot_write_on_the_screen() {
    let servers = [
        "server { listen 80; server_name \"\x1b]0;owned\x07\x1b[31mred.example\u{202e}gnp\"; ",
        "location \"/\x1b[2J\u{2066}new\nline\" { proxy_pass http://127.0.0.1:8001; } ",
        "location / { proxy_pass http://127.0.0.1:8000/; } }",
    ];
    let stage = Stage::new();
    stage.write("/etc/nginx/nginx.conf", with_servers(&servers.concat()));
    stage.start_nginx();
    stage.get("any", "/");
    stage.get("any", "/\u{202e}evil?\u{200b}");
    for line in [
        "\x1b[2J\x1b[H\u{202e}",
        "\r\x1b]8;;http://evil\x07",
        "|`$(reboot)`<script>",
    ] {
        let line = format!(
            "{} [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: {line}, \
             server: {line}, request: \"GET /{line} HTTP/1.1\", upstream: \"http://127.0.0.1:8000/{line}\", host: \"{line}\"\n",
            stage.sh("date '+%Y/%m/%d %H:%M:%S'").trim()
        );
        stage.append("/var/log/nginx/error.log", line);
    }
    for format in ["text", "markdown", "nagios", "json"] {
        let run = stage.why502(&["--all", "--format", format]);
        assert!(
            matches!(run.code, Some(1 | 2)),
            "{format}: {:?} {} {}",
            run.code,
            run.out,
            run.err
        );
        run.is_harmless();
    }
    let screen = stage.sh("TERM=xterm script -qec '/opt/why502 --all' /dev/null || true");
    for piece in screen.split('\x1b').skip(1) {
        let (code, text) = piece.split_once('m').expect("only colours");
        assert!(
            code.trim_start_matches('[')
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b';'),
            "{code:?}"
        );
        assert!(
            !text.contains(|c: char| c.is_control() && !"\r\n".contains(c)),
            "{text:?}"
        );
    }
    let json = stage.why502(&["--json"]).json();
    let sites = json["symptoms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["site"].as_str().unwrap());
    assert!(
        sites.into_iter().any(|site| site.contains('\x1b')),
        "JSON keeps what is there, escaped: {json}"
    );
}
