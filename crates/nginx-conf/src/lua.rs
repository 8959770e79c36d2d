//! Where a `…_by_lua_block { … }` ends. lua-nginx-module reads its blocks with a lexer of its own
//! (`ngx_http_lua_lex`): braces count unless they stand in a Lua string, comment or long bracket. A quote that is not
//! closed on its line is no quote to it.

/// Offset of the `}` that closes the block whose code starts at `from`; `None` when it is never closed.
pub(crate) fn block_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut level = 1_u32;
    let mut at = from;
    loop {
        at += bytes
            .get(at..)?
            .iter()
            .position(|byte| b"{}\"'[-".contains(byte))?;
        match bytes.get(at)? {
            b'{' => level += 1,
            b'}' if level == 1 => return Some(at),
            b'}' => level -= 1,
            quote @ (b'"' | b'\'') => at = string_end(bytes, at + 1, *quote).unwrap_or(at),
            b'[' => at = long_bracket_end(bytes, at).unwrap_or(Some(at))?,
            _ if bytes.get(at + 1) == Some(&b'-') => at = comment_end(bytes, at + 2)?,
            _ => {}
        }
        at += 1;
    }
}

/// Offset of the closing quote on the same line, even where a backslash ends the line.
fn string_end(bytes: &[u8], mut at: usize, quote: u8) -> Option<usize> {
    loop {
        at += memchr::memchr3(quote, b'\\', b'\n', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'\n' => return None,
            b'\\' if bytes.get(at + 1) == Some(&b'\n') => return None,
            b'\\' => at += 2,
            _ => return Some(at),
        }
    }
}

/// Offset of the last byte of a comment whose `--` ends before `at`.
fn comment_end(bytes: &[u8], at: usize) -> Option<usize> {
    long_bracket_end(bytes, at).unwrap_or_else(|| Some(at + memchr::memchr(b'\n', bytes.get(at..)?)?))
}

/// `None`: no long bracket opens at `at`. `Some(None)`: it is never closed. Else the offset of its last byte.
fn long_bracket_end(bytes: &[u8], at: usize) -> Option<Option<usize>> {
    let rest = bytes.get(at..)?.strip_prefix(b"[")?;
    let level = rest.iter().take_while(|byte| **byte == b'=').count();
    (rest.get(level) == Some(&b'[')).then_some(())?;
    let mut close = vec![b'='; level + 2];
    (close[0], close[level + 1]) = (b']', b']');
    let inside = at + level + 2;
    let end = bytes
        .get(inside..)
        .and_then(|rest| memchr::memmem::find(rest, &close));
    Some(end.map(|end| inside + end + level + 1))
}

#[cfg(test)]
mod tests {
    #[test]
    fn braces_count_only_in_code() {
        let rows: &[(&str, Option<usize>)] = &[
            ("}", Some(0)),
            ("{}}", Some(2)),
            ("'}'}", Some(3)),
            (r#""\"}"}"#, Some(5)),
            ("-- }\n}", Some(5)),
            ("--[[ }\n} ]]}", Some(11)),
            ("--[==[ ]] } ]==]}", Some(16)),
            ("[[}]]}", Some(5)),
            ("[=[}]]]=]}", Some(9)),
            ("a[1] = b[c[1]] - 1 }", Some(19)),
            ("'}", Some(1)),
            ("a = \"x\n}", Some(7)),
            ("\"\\\n}\"}", Some(3)),
            ("[[ }", None),
            ("-- }", None),
            ("{ }", None),
            ("'a\\", None),
        ];
        for (code, end) in rows {
            assert_eq!(super::block_end(code.as_bytes(), 0), *end, "{code}");
        }
    }
}
