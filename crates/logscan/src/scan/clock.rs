//! Stamps -> seconds since 1970, quick where lines of the same minute follow each other.

use crate::access::Stamp;

/// Remembers the last minute.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    stamp: Stamp,
    /// The stamp up to its minute, and its offset.
    minute: ([u8; 17], [u8; 6]),
    /// When that minute began.
    began: Option<i64>,
}

impl Clock {
    pub(super) fn new(stamp: Stamp) -> Self {
        Self {
            stamp,
            minute: ([0; 17], [0; 6]),
            began: None,
        }
    }

    pub(super) fn seconds(&mut self, value: &[u8]) -> Option<i64> {
        let (minute, offset) = match self.stamp {
            Stamp::Local => (17, 20),
            Stamp::Iso => (16, 19),
            Stamp::Msec => return self.stamp.seconds(value),
        };
        let (head, tail) = (value.get(..minute)?, value.get(offset..offset + 6)?);
        let began = self
            .began
            .filter(|_| self.minute.0[..minute] == *head && self.minute.1 == *tail);
        match (began, crate::digits(value.get(minute + 1..minute + 3)?)) {
            (Some(began), Some(second @ ..=59)) => Some(began + i64::from(second)),
            _ => self.learn(value, minute, offset),
        }
    }

    fn learn(&mut self, value: &[u8], minute: usize, offset: usize) -> Option<i64> {
        let at = self.stamp.seconds(value)?;
        self.minute.0[..minute].copy_from_slice(&value[..minute]);
        let tail = value[offset..].get(..6).unwrap_or_default();
        self.minute.1[..tail.len()].copy_from_slice(tail);
        self.began = Some(at - at.rem_euclid(60));
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<'a> = (Stamp, &'a [&'a str], &'a [Option<i64>]);

    #[test]
    fn every_stamp_is_its_moment_whatever_came_before() {
        let rows: &[Row<'_>] = &[
            (
                Stamp::Local,
                &[
                    "22/Nov/2026:12:17:46 +0000",
                    "22/Nov/2026:12:17:47 +0000",
                    "22/Nov/2026:13:17:47 +0100",
                    "22/Nov/2026:12:17:xx +0000",
                    "22/Nov/2026:12:18:00 +0000",
                    "no stamp",
                ],
                &[
                    Some(1_795_349_866),
                    Some(1_795_349_867),
                    Some(1_795_349_867),
                    None,
                    Some(1_795_349_880),
                    None,
                ],
            ),
            (
                Stamp::Iso,
                &[
                    "2026-11-22T12:17:46+00:00",
                    "2026-11-22T12:17:59+00:00",
                    "2026-11-22T12:17:59+01:00",
                ],
                &[Some(1_795_349_866), Some(1_795_349_879), Some(1_795_346_279)],
            ),
            (
                Stamp::Msec,
                &["1795349866.123", "x"],
                &[Some(1_795_349_866), None],
            ),
        ];
        for (stamp, values, expected) in rows {
            let mut clock = Clock::new(*stamp);
            let read: Vec<Option<i64>> = values
                .iter()
                .map(|value| clock.seconds(value.as_bytes()))
                .collect();
            assert_eq!(read, *expected, "{values:?}");
        }
    }
}
