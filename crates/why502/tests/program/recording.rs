//! What one host recorded, any host judges alike.

use crate::stage::{PAGE, Stage, site};
use serde_json::Value;

#[test]
fn a_recording_is_judged_as_its_host_was() {
    for healthy in [true, false] {
        let stage = Stage::serving(&site("shop.example", 8000));
        if healthy {
            stage.backend(8000, PAGE);
        }
        stage.get("shop.example", "/cart?a=b");
        let live = stage.why502(&["--json", "--record", "/run/host.json"]);
        let elsewhere = Stage::new();
        elsewhere.write(
            "/run/host.json",
            std::fs::read(stage.path("/run/host.json")).unwrap(),
        );
        let replayed = elsewhere.why502(&["--json", "--recorded", "/run/host.json"]);
        assert_eq!(replayed.code, live.code);
        assert_eq!(timeless(replayed.json()), timeless(live.json()));
    }
}

fn timeless(mut report: Value) -> Value {
    let fields = report.as_object_mut().unwrap();
    fields.remove("at");
    fields.remove("took_ms");
    report
}

#[test]
fn what_is_no_recording_is_refused_in_one_line() {
    let stage = Stage::new();
    let rows: [(&str, &[u8]); 4] = [
        ("/run/empty", b""),
        ("/run/text", b"hello\x1b[2J"),
        ("/run/json", b"{\"schema\": 1}"),
        ("/run/binary", &[0xff; 5000]),
    ];
    for (path, bytes) in rows {
        stage.write(path, bytes);
        let run = stage.why502(&["--recorded", path]);
        run.ends(3, &[path]).is_harmless();
        assert_eq!(run.out, "");
    }
    stage
        .why502(&["--recorded", "/run/none"])
        .ends(3, &["/run/none", "No such file"]);
    stage
        .why502(&["--record", "/nowhere/file"])
        .ends(3, &["/nowhere/file"]);
}
