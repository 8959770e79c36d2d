//! Which names a pattern of `include` stands for.

/// `name` is one of the files that `pattern` stands for, by the rules of glob(3) in the C locale: `*`, `?` and `[…]`
/// match no `/`, and no dot at the start of a part. For hosts that are not a file system.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let mut names = name.split(|byte| *byte == b'/');
    let fits = pattern
        .split(|byte| *byte == b'/')
        .all(|part| names.next().is_some_and(|name| part_fits(part, name)));
    fits && names.next().is_none()
}

fn part_fits(pattern: &[u8], name: &[u8]) -> bool {
    let hidden = name.first() == Some(&b'.');
    if hidden && !matches!(pattern, [b'.', ..] | [b'\\', b'.', ..]) {
        return false;
    }
    wild(pattern, name)
}

/// Linear in `pattern` times `name`: only the last `*` is ever tried again.
fn wild(pattern: &[u8], name: &[u8]) -> bool {
    let (mut rest, mut text) = (pattern, name);
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', after @ ..] = rest {
            retry = Some((after, text));
            rest = after;
        } else if let Some((after, left)) = one(rest, text) {
            (rest, text) = (after, left);
        } else if rest.is_empty() && text.is_empty() {
            return true;
        } else if let Some((after, [_, left @ ..])) = retry {
            retry = Some((after, left));
            (rest, text) = (after, left);
        } else {
            return false;
        }
    }
}

/// One byte of `text` by the first element of `pattern`; what is left of both.
fn one<'a>(pattern: &'a [u8], text: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (byte, left) = text.split_first()?;
    match pattern {
        [b'?', after @ ..] => Some((after, left)),
        [b'\\', plain, after @ ..] => (plain == byte).then_some((after, left)),
        [b'[', inside @ ..] => match set(inside, *byte) {
            Some((holds, after)) => holds.then_some((after, left)),
            None => (*byte == b'[').then_some((inside, left)),
        },
        [plain, after @ ..] => (plain == byte).then_some((after, left)),
        [] => None,
    }
}

/// `[` was read: is `byte` in the set, and what follows its `]`. `None` where the set is never closed.
fn set(inside: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let (negated, mut rest) = match inside {
        [b'!' | b'^', after @ ..] => (true, after),
        _ => (false, inside),
    };
    let (mut holds, mut first) = (false, true);
    loop {
        rest = match rest {
            [b']', after @ ..] if !first => return Some((holds != negated, after)),
            [low, b'-', high, after @ ..] if *high != b']' => {
                holds |= (*low..=*high).contains(&byte);
                after
            }
            [plain, after @ ..] => {
                holds |= *plain == byte;
                after
            }
            [] => return None,
        };
        first = false;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn as_glob_does() {
        let rows = [
            ("/e/*.conf", "/e/a.conf", true),
            ("/e/*.conf", "/e/.a.conf", false),
            ("/e/*.conf", "/e/s/a.conf", false),
            ("/e/*", "/e/a.conf~", true),
            ("/e/.*", "/e/.a", true),
            ("/e/*/x.conf", "/e/s/x.conf", true),
            ("/e/[a-c].conf", "/e/b.conf", true),
            ("/e/[!a-c].conf", "/e/b.conf", false),
            ("/e/[]x].conf", "/e/].conf", true),
            ("/e/[x.conf", "/e/[x.conf", true),
            ("/e/?.conf", "/e/.conf", false),
            ("/e/\\*.conf", "/e/*.conf", true),
            ("/e/a*b*c", "/e/aXbYbZc", true),
            ("/e/a*b*c", "/e/aXbYbZ", false),
        ];
        for (pattern, name, expected) in rows {
            assert_eq!(
                super::matches(pattern.as_bytes(), name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
        }
    }
}
