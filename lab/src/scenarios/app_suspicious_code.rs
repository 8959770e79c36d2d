//! Code that nobody of the house wrote lies among the uploads, and the shop's pages run it.

use crate::{Expect, Scenario, Step, Traffic};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "app-suspicious-code",
    about: "A file among the shop's uploads unpacks code and runs it; a line that was put into the front page includes it, and what it \
            runs calls a function that PHP no longer has.",
    inject: &[Step::Sh(
        "mkdir -p /var/www/shop/uploads/2026/11; echo GIF89a >/var/www/shop/uploads/2026/11/logo.gif
         python3 -c 'import base64, zlib
pack = zlib.compressobj(9, zlib.DEFLATED, -15)
code = base64.b64encode(pack.compress(b\"$f = create_function(\\\"\\\", \\\"return 1;\\\"); $f();\") + pack.flush()).decode()
print(f\"<?php @eval(gzinflate(base64_decode(\\x27{code}\\x27)));\")' >/var/www/shop/uploads/2026/11/thumb.php
         chown -R www-data: /var/www/shop/uploads
         sed -i \"2i include '/var/www/shop/uploads/2026/11/thumb.php';\" /var/www/shop/index.php",
    )],
    traffic: Traffic {
        status: 500,
        ..Traffic::SHOP
    },
    restore: "sed -i 2d /var/www/shop/index.php; rm -r /var/www/shop/uploads",
    expect: Expect::Found(&["app-suspicious-code"]),
    ..Scenario::BASE
}];
