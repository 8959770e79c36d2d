//! Times and sizes as nginx writes them (`ngx_parse_time`, `ngx_parse_size`; <https://nginx.org/en/docs/syntax.html>).

use std::time::Duration;

/// `60`, `60s`, `1m30s`, `500ms`, `1h 30m`: a number without a unit is seconds. Months have 30 days, years 365.
pub fn time(text: &[u8]) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text.trim_ascii();
    (!rest.is_empty()).then_some(())?;
    while !rest.is_empty() {
        let (amount, after) = number(rest)?;
        let letters = after.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (unit, after) = after.split_at_checked(letters)?;
        total = total.checked_add(Duration::from_millis(amount.checked_mul(millis(unit)?)?))?;
        rest = after.trim_ascii_start();
    }
    Some(total)
}

fn millis(unit: &[u8]) -> Option<u64> {
    const SECOND: u64 = 1000;
    Some(match unit {
        b"ms" => 1,
        b"" | b"s" => SECOND,
        b"m" => 60 * SECOND,
        b"h" => 3600 * SECOND,
        b"d" => 86_400 * SECOND,
        b"w" => 7 * 86_400 * SECOND,
        b"M" => 30 * 86_400 * SECOND,
        b"y" => 365 * 86_400 * SECOND,
        _ => return None,
    })
}

/// Bytes: `4096`, `8k`, `1m`, `2g`.
pub fn size(text: &[u8]) -> Option<u64> {
    let (amount, unit) = number(text)?;
    let factor = match unit {
        b"" => 1,
        b"k" | b"K" => 1 << 10,
        b"m" | b"M" => 1 << 20,
        b"g" | b"G" => 1 << 30,
        _ => return None,
    };
    amount.checked_mul(factor)
}

fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(digits)?;
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::{size, time};

    #[test]
    fn times_and_sizes() {
        let rows: &[(&str, Option<u64>)] = &[
            ("60", Some(60_000)),
            ("1m30s", Some(90_000)),
            ("1h 30m", Some(5_400_000)),
            ("500ms", Some(500)),
            ("0", Some(0)),
            ("", None),
            ("5x", None),
            ("s", None),
            ("99999999999999999999", None),
        ];
        for (text, millis) in rows {
            assert_eq!(
                time(text.as_bytes()).map(|time| time.as_millis() as u64),
                *millis,
                "{text}"
            );
        }
        assert_eq!(
            ["8k", "1M", "2g", "7", "k"].map(|text| size(text.as_bytes())),
            [Some(8192), Some(1 << 20), Some(2 << 30), Some(7), None]
        );
    }
}
