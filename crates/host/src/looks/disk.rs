//! Free space, as `df -kP` tells it.

/// The least of the file systems listed, bytes. Kernel file systems without a size (`-`, 0 blocks) do not count.
pub(super) fn least_free(df: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(df);
    let free = text.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let blocks: u64 = fields.next()?.parse().ok()?;
        let free: u64 = fields.nth(1)?.parse().ok()?;
        (blocks > 0).then_some(free.saturating_mul(1024))
    });
    free.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_counts() {
        const DF: &str = "Filesystem     1024-blocks      Used Available Capacity Mounted on\n\
                          /dev/sda1        20511312   9121280  10322788      47% /\n\
                          tmpfs              401276       980    400296       1% /run\n\
                          none                    0         0         0       -  /tmp\n";
        for (df, expected) in [(DF, Some(400_296 << 10)), ("", None), ("x\ny z\n", None)] {
            assert_eq!(least_free(df.as_bytes()), expected, "{df}");
        }
    }
}
