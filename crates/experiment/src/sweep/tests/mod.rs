//! What a sweep file may say; beside it, what is said of one that is wrong.

mod comparison;
mod grid;
mod hints;
mod losses;
mod reference;
mod settings;
mod text;

use std::path::Path;

use super::*;
use crate::settings::{
    BackendChoice, ExecutionSettings, ScheduleName, TRAIN_KEYS, TrainKey, TrainSettings,
};

/// The shortest sweep file; what follows it starts in line 4.
const SHORTEST: &str = "name = \"a\"\nlosses = [{ name = \"focal\" }]\nseeds = [1]\n";

fn read_text(text: &str) -> Result<Sweep, Diagnostics> {
    parse(text, Path::new("x.toml"))
}

#[track_caller]
fn refused(text: &str) -> Diagnostics {
    read_text(text).expect_err("the text is wrong")
}

/// A text, and the first line (without the path) and the suggestion of its only problem.
type Case<'a> = (&'a str, &'a str, &'a str);

/// `text` with the names of the tables in place of `<datasets>`, `<keys>` and the like.
fn with_names(text: &str) -> String {
    let choices = |key: &str| TrainKey::find(key).unwrap().kind.to_string();
    let keys: Vec<&str> = TRAIN_KEYS.iter().map(|key| key.name).collect();
    text.replace("<datasets>", &choices("dataset"))
        .replace("<optimizers>", &choices("optimizer"))
        .replace("<schedules>", &choices("schedule"))
        .replace("<models>", &choices("model"))
        .replace("<keys>", &keys.join(", "))
}

/// Asserts that each text has its problem and no other, and that following its hint makes it right; `complete`
/// makes a file of it.
#[track_caller]
fn assert_refused(cases: &[Case], complete: impl Fn(&str) -> String) {
    for (text, problem, help) in cases {
        let text = complete(text);
        let diagnostics = refused(&text);
        let [problem, help] = [problem, help].map(|text| with_names(text));
        let expected = [(format!("x.toml:{problem}"), help.as_str())];
        assert_eq!(diagnostics.lines(), expected, "{diagnostics}");
        hints::assert_hint_works(&text, &diagnostics);
    }
}

#[test]
fn only_name_losses_and_seeds_are_needed() {
    let sweep = read_text(SHORTEST).unwrap();
    assert_eq!(sweep.name, "a");
    assert_eq!(sweep.description, "");
    assert_eq!(sweep.points, [TrainSettings::default()]);
    assert!(sweep.axes.is_empty());
    assert_eq!(
        sweep
            .losses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["focal"]
    );
    assert_eq!(sweep.seeds, Seeds::Fixed(vec![1]));
    assert_eq!(sweep.execution, ExecutionSettings::default());
}

#[test]
fn every_form_of_a_value_is_read() {
    let text = r#"
        description = "all forms"
        seeds = [3, 0x10, 1_000]
        name = 'b-1.2_c'
        train.nesterov = true
        train.learning_rate = 1 # an integer where any number may stand
        train.weight_decay = -0.0
        train.schedule = "constant"
        train.width = 8
        train.backend = "flex"
        train.threads = 2
        [[losses]]
        name = "encouraging"
        log_end = 0.5
        [[losses]]
        name = "sum"
        weights = [1, 0.5]
        terms = [{ name = "mean_absolute_error" }, { name = "focal", gamma = 3 }]
    "#;
    let sweep = read_text(text).unwrap();
    let expected = TrainSettings {
        nesterov: true,
        learning_rate: 1.0,
        weight_decay: 0.0,
        schedule: ScheduleName::Constant,
        width: 8,
        ..TrainSettings::default()
    };
    assert_eq!(sweep.points, [expected]);
    assert!(sweep.points[0].weight_decay.is_sign_positive());
    assert_eq!(sweep.seeds, Seeds::Fixed(vec![3, 16, 1000]));
    let backend = BackendChoice::Flex;
    assert_eq!(
        sweep.execution,
        ExecutionSettings {
            backend,
            threads: Some(2)
        }
    );
    assert_eq!(sweep.losses[0].to_string(), "encouraging(log_end=0.5)");
    assert_eq!(
        sweep.losses[1].to_string(),
        "mean_absolute_error + 0.5·focal(gamma=3)"
    );
}

#[test]
fn the_last_axis_of_the_grid_changes_fastest() {
    let grid = "[grid]\nmomentum = [0.5, 0]\nlearning_rate = [0.1, 0.2, 0.3]";
    let sweep = read_text(&format!("{SHORTEST}{grid}")).unwrap();
    let axes: Vec<&str> = sweep.axes.iter().map(|key| key.name).collect();
    assert_eq!(axes, ["momentum", "learning_rate"]);
    let points: Vec<_> = sweep
        .points
        .iter()
        .map(|point| (point.momentum, point.learning_rate))
        .collect();
    let expected = [
        (0.5, 0.1),
        (0.5, 0.2),
        (0.5, 0.3),
        (0.0, 0.1),
        (0.0, 0.2),
        (0.0, 0.3),
    ];
    assert_eq!(points, expected);
}

#[test]
fn byte_order_mark_and_windows_line_ends_change_nothing() {
    let windows = format!("\u{feff}{}", SHORTEST.replace('\n', "\r\n"));
    assert_eq!(read_text(&windows).unwrap(), read_text(SHORTEST).unwrap());
}

#[test]
fn every_experiment_of_the_repository_is_right_and_says_what_it_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let (sweep, _) = read(&path).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        assert_eq!(path.file_stem().unwrap().to_str().unwrap(), sweep.name);
        let text = std::fs::read_to_string(&path).unwrap();
        for title in [
            "Question", "Source", "Command", "Machine", "Time", "Expected",
        ] {
            assert!(
                text.contains(&format!("\n# {title}:")) || text.starts_with(&format!("# {title}:")),
                "{path:?}: {title}"
            );
        }
        count += 1;
    }
    assert!(count >= 4);
}
