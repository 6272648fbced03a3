//! What `experiment bench` measures.

use crate::support::Scratch;

#[test]
fn a_bench_tells_where_a_step_goes() {
    let arguments = "bench --backend flex --width 2 --batch 4 --steps 2 --json";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let rows = Scratch::new().run(&arguments).expect(0).json();
    for part in ["data_ms", "forward_ms", "backward_ms", "optimizer_ms"] {
        let time = rows[0]["phases"][part].as_f64();
        assert!(time >= Some(0.0), "{part}: {rows}");
    }
    assert!(
        rows[1]["phases"].is_null(),
        "inference has no phases: {rows}"
    );
    assert!(rows[0]["start_s"].as_f64() > Some(0.0), "{rows}");
}
