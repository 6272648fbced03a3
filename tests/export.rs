//! What the program writes for other programs: TensorBoard, LaTeX, editors.

use std::fs;

use crate::report::validated;
use crate::support::Scratch;

#[test]
fn every_trial_is_a_run_for_tensorboard_and_two_exports_are_equal() {
    let scratch = validated();
    let export = |folder: &str| {
        let run = scratch
            .run(&["export", "s", "--tensorboard", folder])
            .expect(0);
        assert!(run.stderr.contains("8 runs written to"), "{run:#?}");
        let runs = fs::read_dir(scratch.path(folder)).unwrap();
        let mut files: Vec<(String, String, Vec<u8>)> = runs
            .map(|run| run.unwrap().path())
            .map(|run| {
                let mut files = fs::read_dir(&run).unwrap().map(|file| file.unwrap().path());
                let (file, None) = (files.next().unwrap(), files.next()) else {
                    panic!("{}: more than one file", run.display())
                };
                let [run, name] = [&run, &file]
                    .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
                (run, name, fs::read(&file).unwrap())
            })
            .collect();
        files.sort();
        files
    };
    let runs = export("a");
    assert_eq!(runs.len(), 8);
    assert_eq!(runs, export("b"));
    let names: Vec<&str> = runs.iter().map(|(run, ..)| run.as_str()).collect();
    assert!(
        names.contains(&"cross_entropy,weight_decay=0.001,seed=2"),
        "{names:?}"
    );
    for (run, name, content) in &runs {
        assert!(name.starts_with("events.out.tfevents."), "{name}");
        let text = String::from_utf8_lossy(content);
        let tags = ["step/train_loss", "_hparams_/session_end_info"];
        assert!(tags.iter().all(|tag| text.contains(tag)), "{run}");
        let is_done = run.contains("weight_decay=0.001");
        let tags = ["epoch/train_loss", "validation/accuracy", "test/accuracy"];
        assert!(
            tags.iter().all(|tag| text.contains(tag) || !is_done),
            "{run}"
        );
    }
}

#[test]
fn the_table_for_latex_has_a_row_per_group() {
    let scratch = validated();
    let latex = scratch.run(&["report", "s", "--latex"]).expect(0).stdout;
    assert!(latex.contains("\\begin{tabular}{lrrrrr"), "{latex}");
    let done = latex.lines().filter(|line| line.contains(" $\\pm$ "));
    assert_eq!(done.count(), 2, "{latex}");
    let trials = scratch
        .run(&["report", "s", "--trials", "--latex"])
        .expect(0)
        .stdout;
    assert_eq!(trials.matches("& cross\\_entropy ").count(), 4, "{trials}");
    scratch.run(&["report", "s", "--latex", "--csv"]).expect(2);
}

#[test]
fn the_schema_is_json_and_knows_every_metric_with_a_direction() {
    let schema = Scratch::new().run(&["schema"]).expect(0).json();
    let metrics = &schema["properties"]["tune"]["properties"]["metric"]["enum"];
    let metrics: Vec<&str> = metrics
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    assert!(
        metrics.contains(&"accuracy") && !metrics.contains(&"log_odds"),
        "{metrics:?}"
    );
}
