use super::refusal::refused;
use crate::{Look, Timestamp, answer::KernelLine};
use rustix::{
    fs::{Mode, OFlags, open},
    io::{Errno, read},
    time::ClockId,
};

/// Most lines kept, the newest.
const MAX_LINES: usize = 20_000;
/// The buffer may grow while we read.
const MAX_READS: usize = 200_000;

/// The ring buffer through /dev/kmsg: every `read` is one record.
pub(super) fn log() -> Look<Vec<KernelLine>> {
    let failed = |error: Errno| refused("the kernel log", error);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let device = open("/dev/kmsg", flags, Mode::empty()).map_err(failed)?;
    let (booted, mut lines, mut record) = (boot_time(), Vec::new(), vec![0; 8192]);
    for _ in 0..MAX_READS {
        match read(&device, &mut record[..]) {
            Ok(0) | Err(Errno::AGAIN) => break,
            Ok(length) => lines.extend(line(&record[..length], booted)),
            // overwritten while we read: the next read goes on behind the gap; too long or interrupted: next one
            Err(Errno::PIPE | Errno::INVAL | Errno::INTR) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let surplus = lines.len().saturating_sub(MAX_LINES);
    Ok(lines.split_off(surplus))
}

/// Wall clock at boot. kmsg counts from the monotonic clock, which stands still in suspend, as this does.
fn boot_time() -> Timestamp {
    let up = rustix::time::clock_gettime(ClockId::Monotonic);
    Timestamp(super::clock::now().0 - up.tv_sec * 1000 - up.tv_nsec / 1_000_000)
}

/// `6,1234,5678901,-;text\n KEY=value`: priority, sequence, microseconds (Documentation/ABI/testing/dev-kmsg).
fn line(record: &[u8], booted: Timestamp) -> Option<KernelLine> {
    let record = String::from_utf8_lossy(record);
    let (head, text) = record.split_once(';')?;
    let micros: i64 = head.split(',').nth(2)?.parse().ok()?;
    Some(KernelLine {
        at: Timestamp(booted.0.saturating_add(micros / 1000)),
        text: text.lines().next().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_its_first_line_and_wall_time() {
        let seen = line(
            b"4,339,5140900,-;oom-kill:constraint=X\n SUBSYSTEM=a\n",
            Timestamp(1000),
        );
        let text = "oom-kill:constraint=X".to_owned();
        assert_eq!(
            seen,
            Some(KernelLine {
                at: Timestamp(6140),
                text
            })
        );
        assert_eq!(line(b"no record", Timestamp(0)), None);
    }
}
