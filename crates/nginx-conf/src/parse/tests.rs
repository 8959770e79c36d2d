//! Shapes of configuration files, row by row.
#![allow(clippy::too_many_lines, reason = "tables")]

use crate::{Body, Directive, Fault, Tree};
use std::path::Path;

/// `name(arg,arg){inside}`, one after another; code as `<code>`.
fn drawn(tree: &Tree, directives: &[Directive]) -> String {
    let draw = |directive: &Directive| {
        let args: Vec<_> = directive.args.iter().map(|word| word.value.to_string()).collect();
        let body = match &directive.body {
            Body::Block(inside) => format!("{{{}}}", drawn(tree, inside)),
            Body::Code(code) => format!("<{}>", String::from_utf8_lossy(tree.bytes(*code))),
            Body::None | Body::Include(_) => String::new(),
        };
        format!("{}({}){body}", directive.name.value, args.join("|"))
    };
    directives.iter().map(draw).collect::<Vec<_>>().join(" ")
}

fn read(text: &[u8]) -> (String, Vec<String>) {
    let (tree, mistakes) = crate::parse(Path::new("f"), text);
    let shown = mistakes
        .iter()
        .map(|mistake| format!("{} {}", mistake.place, mistake.fault));
    (drawn(&tree, tree.files()[0].directives()), shown.collect())
}

#[test]
fn what_nginx_accepts() {
    let rows: &[(&[u8], &str)] = &[
        (b"", ""),
        (b"# only a comment", ""),
        (b"a;", "a()"),
        (b"a b c;", "a(b|c)"),
        (b"a b;c d;", "a(b) c(d)"),
        (b"a\n  b\n;", "a(b)"),
        (b"a b;\r\nc d;\r\n", "a(b) c(d)"),
        (b"a\tb;", "a(b)"),
        (b"a 'b c' \"d e\";", "a(b c|d e)"),
        (b"a \"b;c{d}#e\";", "a(b;c{d}#e)"),
        (b"a '';", "a()"),
        (b"a \"x\ny\";", "a(x\ny)"),
        (br#"a "b\"c" 'd\'e';"#, r#"a(b"c|d'e)"#),
        (br#"a "it's" 'say "x"';"#, r#"a(it's|say "x")"#),
        (br"a b\;c;", r"a(b\;c)"),
        (br"a b\ c;", r"a(b\ c)"),
        (br"a \{b;", r"a(\{b)"),
        (br"a b\\c;", r"a(b\c)"),
        (br"a b\tc\nd\re;", "a(b\tc\nd\re)"),
        (br"a ^/x\.php$;", r"a(^/x\.php$)"),
        (br"a \d+\w;", r"a(\d+\w)"),
        (b"a b#c;", "a(b#c)"),
        (b"a b #c;\n d;", "a(b|d)"),
        (b"a b;# c\nd;", "a(b) d()"),
        (b"a b}c;", "a(b}c)"),
        (b"a ${b}c;", "a(${b}c)"),
        (b"a x${b}${c};", "a(x${b}${c})"),
        (b"a \"${b}\";", "a(${b})"),
        (b"a $b;", "a($b)"),
        (b"a b\"c\";", "a(b\"c\")"),
        (b"a b'c;", "a(b'c)"),
        (b"'a' b;", "a(b)"),
        (b"a{}", "a(){}"),
        (b"a b{c d;}", "a(b){c(d)}"),
        (b"a{b{c{}}}d;", "a(){b(){c(){}}} d()"),
        (b"if ($a = \"b\") { c; }", "if(($a|=|b|)){c()}"),
        (b"if ($a ~ 'x{2}'){c;}", "if(($a|~|x{2}|)){c()}"),
        (
            b"map $a $b { default 0; \"~^x{1}$\" 1; '' 2; hostnames; }",
            "map($a|$b){default(0) ~^x{1}$(1) (2) hostnames()}",
        ),
        (b"types { text/html html htm; }", "types(){text/html(html|htm)}"),
        (b"geo $g { 10.0.0.0/8 1; }", "geo($g){10.0.0.0/8(1)}"),
        (
            b"split_clients $a $b { 0.5% x; * y; }",
            "split_clients($a|$b){0.5%(x) *(y)}",
        ),
        (b"limit_except GET { deny all; }", "limit_except(GET){deny(all)}"),
        (
            b"upstream u { server unix:/a.sock weight=2 down; zone z 64k; }",
            "upstream(u){server(unix:/a.sock|weight=2|down) zone(z|64k)}",
        ),
        (b"listen [::]:80;", "listen([::]:80)"),
        (b"location ~ \\.php$ {}", "location(~|\\.php$){}"),
        (
            b"content_by_lua_block { x = '}' -- }\n }",
            "content_by_lua_block()< x = '}' -- }\n >",
        ),
        (
            b"set_by_lua_block $r { return {1} } a;",
            "set_by_lua_block($r)< return {1} > a()",
        ),
        ("a grüße;".as_bytes(), "a(grüße)"),
        (b"a gr\xfc\xdfe;", "a(gr\u{fffd}\u{fffd}e)"),
        (
            b"js_import m from x.js; js_content m.f;",
            "js_import(m|from|x.js) js_content(m.f)",
        ),
    ];
    for (text, expected) in rows {
        let (tree, mistakes) = read(text);
        let text = String::from_utf8_lossy(text);
        assert_eq!(tree, *expected, "{text}");
        assert_eq!(mistakes, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn what_is_broken_still_gives_a_tree() {
    let rows: &[(&[u8], &str, &[&str])] = &[
        (b"a b", "a(b)", &["f:1:3 a is not ended by ;"]),
        (
            b"a{b c}",
            "a(){b(c})}",
            &[
                "f:1:5 b is not ended by ;",
                "f:1:1 the block of a opened here is not closed",
            ],
        ),
        (b"a{b c }", "a(){b(c)}", &["f:1:5 b is not ended by ;"]),
        (b"a;}", "a()", &["f:1:3 unexpected \"}\": no block is open"]),
        (b";a;", "a()", &["f:1:1 unexpected \";\": no directive before it"]),
        (
            b"{a;}",
            "(){a()}",
            &["f:1:1 unexpected \"{\": no directive before it"],
        ),
        (
            b"a {\n b;\n",
            "a(){b()}",
            &["f:1:1 the block of a opened here is not closed"],
        ),
        (
            b"h {\n  s {\n    l {\n      a;\n  }\n}\n",
            "h(){s(){l(){a()}}}",
            &["f:3:5 the block of l opened here is not closed"],
        ),
        (
            b"a \"b;\nc d;\n",
            "a(b) c(d)",
            &["f:1:3 the quote \" opened here is never closed"],
        ),
        (
            b"a \"b;\nc \"d\";\n",
            "a(b) c(d)",
            &["f:1:3 the quote \" opened here is never closed"],
        ),
        (
            b"a \"b\"c;",
            "a(b|c)",
            &["f:1:6 unexpected \"c\" right after a closing quote"],
        ),
        (
            b"\xef\xbb\xbfa b;",
            "a(b)",
            &["f:1:1 the file starts with a byte order mark"],
        ),
        (
            b"root /x\nindex i;",
            "root(/x) index(i)",
            &["f:1:6 root is not ended by ;"],
        ),
        (
            b"server {\n  listen 80\n  location / { }\n}",
            "server(){listen(80) location(/){}}",
            &["f:2:10 listen is not ended by ;"],
        ),
        (
            b"server_name a\n root /x;",
            "server_name(a|root|/x)",
            &["f:2:2 root is taken for an argument of server_name"],
        ),
        (b"location /;", "location(/)", &["f:1:1 location has no {"]),
        (
            b"proxy_pass;",
            "proxy_pass()",
            &["f:1:1 proxy_pass does not take 0 arguments"],
        ),
        (
            b"map $a $b { c { } }",
            "map($a|$b){c(){}}",
            &["f:1:13 c { stands in a block that holds no blocks"],
        ),
        (
            b"x_by_lua_block { '",
            "x_by_lua_block()< '>",
            &["f:1:16 the Lua code of x_by_lua_block opened here is not closed"],
        ),
    ];
    for (text, expected, faults) in rows {
        let (tree, mistakes) = read(text);
        let text = String::from_utf8_lossy(text);
        assert_eq!(tree, *expected, "{text}");
        assert_eq!(mistakes, *faults, "{text}");
    }
}

#[test]
fn long_and_deep() {
    let long = |length: usize| [b"a ".as_slice(), &vec![b'x'; length], b";\nb;"].concat();
    let faults = |text: &[u8]| {
        crate::parse(Path::new("f"), text)
            .1
            .into_iter()
            .map(|mistake| mistake.fault)
    };
    assert_eq!(faults(&long(4095)).count(), 0);
    assert!(faults(&long(4096)).eq([Fault::TooLong]));
    let deep = [b"a{".repeat(100_000), b"}".repeat(100_000)].concat();
    assert!(faults(&deep).all(|fault| fault == Fault::TooDeep));
    let (tree, mistakes) = read(&[b"a;b{".as_slice(), &b"a{".repeat(100), b"c;"].concat());
    assert!(
        tree.starts_with("a() b(){a(){") && mistakes.len() == 38,
        "{} {tree}",
        mistakes.len()
    );
}
