//! A row per trial, and what is left of a sweep.

use super::*;
use crate::store::Plan;
use crate::store::tests::leave_unfinished;

fn snapshot(store: &Store) -> Snapshot {
    let (snapshot, unreadable) = Snapshot::of_store(store, &store.results().unwrap()).unwrap();
    assert_eq!(unreadable, []);
    snapshot
}

fn rows(store: &Store) -> Vec<TrialRow> {
    snapshot(store).rows()
}

#[test]
fn trials_have_a_row_each_with_parameters_settings_and_scores_however_they_ended() {
    let mut diverged = ended("b", settings("poly1", 2), TrialState::Diverged);
    diverged.cause = Some("NaN,\nat once".to_string());
    let (_folder, store) = store_of(&[
        validated(done("a", settings("encouraging", 1), 0.1 + 0.2), 0.25),
        diverged,
    ]);
    let toml = "name = \"c\"\nlosses = [{ name = \"focal\" }]\nseeds = [3]\n[train]\nwidth = 128\n";
    leave_unfinished(&store, "c", toml);
    leave_unfinished(&store, "d", "");
    let rows = rows(&store);
    let json: Value =
        serde_json::from_str(&render_trials(&rows, &DEFAULT_METRICS, Format::Json)).unwrap();
    let column = |key: &str| -> Vec<Value> {
        let rows = json.as_array().unwrap().iter();
        rows.map(|row| row.get(key).expect(key).clone()).collect()
    };
    let null = Value::Null;
    assert_eq!(column("id"), ["a", "b", "c", "d"]);
    assert_eq!(
        column("state"),
        ["done", "diverged", "unfinished", "unfinished"]
    );
    assert_eq!(column("seed"), [json!(1), json!(2), json!(3), null.clone()]);
    assert_eq!(column("loss_name")[..3], ["encouraging", "poly1", "focal"]);
    assert_eq!(
        column("loss_log_end"),
        [json!(0.75), null.clone(), null.clone(), null.clone()]
    );
    assert_eq!(column("loss_gamma")[2], 2.0);
    assert_eq!(
        column("width"),
        [json!(64), json!(64), json!(128), null.clone()]
    );
    assert_eq!(column("test_accuracy")[0], 0.1 + 0.2);
    assert_eq!(column("test_cross_entropy")[0], 0.5);
    assert_eq!(column("validation_accuracy")[0], 0.25);
    assert_eq!(column("validation_eval_loss")[0], 0.375);
    assert_eq!(
        column("test_accuracy")[1..],
        [null.clone(), null.clone(), null]
    );
    assert_eq!(column("step"), [391, 17, 0, 0]);
    assert_eq!(column("cause")[1], "NaN,\nat once");

    let text = render_trials(&rows, &DEFAULT_METRICS, Format::Text);
    assert!(text.contains("validation %  test %"), "{text}");
    assert!(text.contains("30.00"), "{text}");
    assert!(text.contains("NaN, at once\n"), "{text}");
    assert_eq!(text.lines().count(), 6, "{text}");
    let text = render_trials(&rows, &[metric("nll"), metric("top5")], Format::Text);
    let header =
        "seed  state       validation nll  test nll  validation top5 %  test top5 %  time s";
    assert!(text.contains(header), "{text}");
    assert!(
        text.contains("0.6250    0.5000                  –            –"),
        "{text}"
    );
    // What nothing is known of does not make every setting vary.
    assert!(!text.contains("batch_size"), "{text}");
    assert!(render_trials(&rows, &DEFAULT_METRICS, Format::Markdown).starts_with("| id "));
    assert!(render_trials(&rows, &DEFAULT_METRICS, Format::Csv).contains(",\"NaN,\nat once\"\n"));
}

#[test]
fn trials_of_any_store_have_the_same_columns() {
    let header = |results: &[TrialResult]| {
        let (_folder, store) = store_of(results);
        let csv = render_trials(&rows(&store), &DEFAULT_METRICS, Format::Csv);
        csv.lines().next().unwrap().to_string()
    };
    let empty = header(&[]);
    assert_eq!(header(&[done("a", settings("focal", 1), 0.5)]), empty);
    assert!(empty.starts_with("id,state,seed,loss,loss_name,loss_activation,"));
}

#[test]
fn what_is_left_of_the_last_sweep_or_without_a_plan_of_what_has_begun_is_counted() {
    let (_folder, store) = store_of(&[done("a", settings("focal", 1), 0.5)]);
    assert_eq!(snapshot(&store).left(), None);
    leave_unfinished(&store, "b", "");
    let counted = snapshot(&store).left().unwrap();
    assert_eq!(counted, "1 of 2 trials have no result yet.\n");
    let plan = Plan {
        name: "small".to_string(),
        trials: ["a", "c", "d"].map(str::to_string).to_vec(),
        declarations: Vec::new(),
    };
    store.save_plan(&plan).unwrap();
    let counted = snapshot(&store).left().unwrap();
    assert_eq!(counted, "2 of 3 trials have no result yet.\n");
}
