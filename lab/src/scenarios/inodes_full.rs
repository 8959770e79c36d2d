//! A file system has room and no inode.

use crate::{Expect, Scenario, Step, Traffic};

const BASE: Scenario = Scenario {
    traffic: Traffic {
        status: 500,
        ..Traffic::SHOP
    },
    expect: Expect::Found(&["inodes-full"]),
    ..Scenario::BASE
};

const SPOOL: &str = "mkdir -p /srv/spool; mount -t tmpfs -o size=8m,nr_inodes=400,mode=777 tmpfs /srv/spool
cat >/var/www/shop/index.php <<'PHP'
<?php
$order = '/srv/spool/' . bin2hex(random_bytes(6));
if (file_put_contents($order, date('c')) === false) {
    throw new RuntimeException(\"can't write $order: \" . error_get_last()['message']);
}
unlink($order);
echo \"<h1>Shop</h1>\\n\";
PHP";

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "inodes-full-spool",
    about: "The shop spools each order in a file, and small files of a job that nobody cleans up after have used all inodes there.",
    prepare: SPOOL,
    inject: &[Step::Sh(
        "mkdir /srv/spool/thumbs; n=0; while : >/srv/spool/thumbs/$n; do n=$((n + 1)); done 2>/dev/null || true",
    )],
    restore: "rm -r /srv/spool/thumbs",
    ..BASE
}];
