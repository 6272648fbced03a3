//! `[tune]`, `[[claim]]`, `[reference]` and seeds until decided.

use super::*;
use crate::sweep::{At, Seeds};

/// A comparison with all its tables.
const COMPARISON: &str = r#"name = "a"
losses = [{ name = "cross_entropy" }, { name = "focal", gamma = 3 }]
seeds = { until = "decided", at_most = 40 }

[train]
validation = 5000

[tune]
seeds = [101, 102]
metric = "ece"

[tune.grid]
learning_rate = [0.1, 0.05]

[tune.grid_for."focal(gamma=3)"]
learning_rate = [0.05, 0.01]

[[claim]]
better = "focal(gamma=3)"
than = "cross_entropy"
margin = 0.2

[[claim]]
better = "cross_entropy"
than = "focal(gamma=3)"
metric = "cross_entropy"
at = { learning_rate = 0.1 }
paired = false

[[claim]]
better = "cross_entropy"
than = "focal(gamma=3)"
at = { tuned_for = "cross_entropy" }

[reference]
name = "the paper"
source = "AAAI 2022"
note = "224 pixels"

[reference.settings]
learning_rate = 0.1

[[reference.result]]
loss = "cross_entropy"
value = 92.34
std = 0.7
seeds = 5
"#;

#[test]
fn a_comparison_has_all_that_its_tables_say() {
    let sweep = read_text(COMPARISON).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    assert_eq!(sweep.seeds, Seeds::UntilDecided { at_most: 40 });
    assert!(sweep.points.is_empty());
    let tune = sweep.tune.as_ref().unwrap();
    assert_eq!(
        (tune.seeds.as_slice(), tune.metric.abbreviation),
        (&[101, 102][..], Some("ece"))
    );
    let rates = tune.spaces.iter().map(|space| {
        assert!(
            space
                .iter()
                .all(|settings| !settings.evaluate_test && settings.validation == 5000)
        );
        space
            .iter()
            .map(|settings| settings.learning_rate)
            .collect::<Vec<_>>()
    });
    assert_eq!(rates.collect::<Vec<_>>(), [[0.1, 0.05], [0.05, 0.01]]);
    let [first, second, third] = sweep.claims.as_slice() else {
        panic!("{:?}", sweep.claims)
    };
    assert_eq!(
        (first.losses, first.margin, &first.at),
        ([1, 0], 0.2, &At::Tuned)
    );
    assert!(first.is_paired() && !second.is_paired());
    assert_eq!(second.metric.name, "cross_entropy");
    let At::Point(point) = &second.at else {
        panic!("{:?}", second.at)
    };
    assert!(point.learning_rate == 0.1 && point.evaluate_test && point.validation == 5000);
    assert_eq!(third.at, At::TunedFor(0));
    let reference = sweep.reference.unwrap();
    assert_eq!(reference.settings.len(), 1);
    assert_eq!(reference.results[0].value, 92.34);
}

#[test]
fn settings_that_a_claim_names_have_the_defaults_that_follow_from_them() {
    let text = COMPARISON
        .replace(
            "learning_rate = [0.1, 0.05]",
            "optimizer = [\"sgd\", \"adamw\"]",
        )
        .replace(
            "learning_rate = [0.05, 0.01]",
            "optimizer = [\"adamw\", \"sgd\"]",
        )
        .replace("{ learning_rate = 0.1 }", "{ optimizer = \"adamw\" }");
    let sweep = read_text(&text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let At::Point(point) = &sweep.claims[1].at else {
        panic!("{:?}", sweep.claims)
    };
    let tried = &sweep.tune.as_ref().unwrap().spaces[0][1];
    let compared = TrainSettings {
        evaluate_test: true,
        ..tried.clone()
    };
    assert_eq!(**point, compared);
}

#[test]
fn claims_of_a_grid_name_one_of_its_points() {
    let text = |at: &str| {
        format!(
            "name = \"a\"\nlosses = [{{ name = \"focal\" }}, {{ name = \"poly1\" }}]\nseeds = [1]\n[grid]\nwidth = [8, 16]\n[[claim]]\nbetter = \"focal\"\nthan = \"poly1\"\n{at}"
        )
    };
    let sweep = read_text(&text("at = { width = 16 }")).unwrap();
    let At::Point(point) = &sweep.claims[0].at else {
        panic!("{:?}", sweep.claims)
    };
    assert_eq!(**point, sweep.points[1]);
    for (at, problem) in [
        (
            "",
            "6:1: claim[0].at: expected a value for each key with several, width, found none",
        ),
        (
            "at = { width = 32 }",
            "9:6: claim[0].at: expected a point of [grid], found none",
        ),
        (
            "at = \"tuned\"",
            "9:6: claim[0].at: expected a table [tune], found none",
        ),
    ] {
        let lines = refused(&text(at))
            .lines()
            .into_iter()
            .map(|it| it.0)
            .collect::<Vec<_>>();
        let [line] = lines.as_slice() else {
            panic!("{lines:?}")
        };
        let problem = problem.split_once(' ').unwrap().1;
        assert!(line.ends_with(problem), "{line}");
    }
}

/// Asserts that replacing a part of [`COMPARISON`] has this problem and this suggestion: what is replaced, by what, problem,
/// suggestion.
#[track_caller]
fn assert_each_refused(cases: &[[&str; 4]]) {
    for [from, to, problem, help] in cases {
        let text = COMPARISON.replacen(from, to, 1);
        assert_ne!(text, COMPARISON);
        let diagnostics = refused(&text);
        let lines = diagnostics.lines();
        let is_expected =
            |(line, found): &(String, &str)| line.ends_with(problem) && found.contains(help);
        assert!(lines.iter().any(is_expected), "{to}\n{diagnostics}");
    }
}

#[test]
fn an_unfair_tuning_stage_is_refused() {
    assert_each_refused(&[
        [
            "validation = 5000",
            "",
            "tune: expected images held out from training to choose by, found validation = 0",
            "validation = 5000",
        ],
        [
            "{ until = \"decided\", at_most = 40 }",
            "[1, 101]",
            "tune.seeds[0]: expected a seed that the comparison does not use, found 101 in seeds too",
            "use other seeds here",
        ],
        [
            "learning_rate = [0.05, 0.01]",
            "learning_rate = [0.05]",
            "tune: expected as many settings to try for each loss, found 2 for cross_entropy and 1 for focal(gamma=3)",
            "as many points",
        ],
        [
            "validation = 5000",
            "validation = 5000\nevaluate_test = false",
            "train.evaluate_test: expected true beside [[claim]] or [tune], found false",
            "those of the comparison need it",
        ],
        [
            "[tune.grid]\nlearning_rate = [0.1, 0.05]\n\n[tune.grid_for.\"focal(gamma=3)\"]\nlearning_rate = [0.05, 0.01]\n",
            "",
            "tune.grid: missing required key",
            "learning_rate = [0.1, 0.05]",
        ],
        [
            "learning_rate = [0.1, 0.05]",
            "subset = [100, 200]",
            "tune.grid.subset: expected a setting of training, found one of what is learned or measured",
            "subset = …",
        ],
        [
            "[tune.grid_for.\"focal(gamma=3)\"]",
            "[tune.grid_for.\"focal(gama=3)\"]",
            "tune.grid_for.\"focal(gama=3)\": expected a loss of this file, found \"focal(gama=3)\"",
            "did you mean focal(gamma=3)?",
        ],
    ]);
}

#[test]
fn an_impossible_claim_is_refused() {
    assert_each_refused(&[
        [
            "than = \"cross_entropy\"\nmargin",
            "than = \"crossentropy\"\nmargin",
            "claim[0].than: expected a loss of this file, found \"crossentropy\"",
            "did you mean cross_entropy?",
        ],
        [
            "than = \"cross_entropy\"\nmargin",
            "than = \"focal(gamma=3)\"\nmargin",
            "claim[0]: expected two different losses, found the same twice",
            "another loss",
        ],
        [
            "margin = 0.2",
            "margin = -1",
            "claim[0].margin: expected a number from 0 to 1000000, found -1",
            "percentage points",
        ],
        [
            "margin = 0.2",
            "margin = nan",
            "claim[0].margin: expected a number from 0 to 1000000, found nan",
            "percentage points",
        ],
        [
            "margin = 0.2",
            "margn = 0.2",
            "claim[0].margn: unknown key",
            "did you mean margin?",
        ],
        [
            "at = { tuned_for = \"cross_entropy\" }",
            "at = { tuned_for = \"cross_entropy\", learning_rate = 0.1 }",
            "claim[2].at.tuned_for: expected alone, found other keys too",
            "remove the others",
        ],
        [
            "metric = \"cross_entropy\"",
            "metric = \"eval_loss\"",
            "claim[1].metric: expected a metric that is the same for both losses, found eval_loss",
            "compare by cross_entropy",
        ],
        [
            "at = { learning_rate = 0.1 }",
            "at = { momentum = 0.1 }",
            "claim[1].at: expected a value for each key with several, learning_rate, found momentum",
            "at the settings that `at` names",
        ],
    ]);
}

#[test]
fn wrong_seeds_metrics_and_references_are_refused() {
    assert_each_refused(&[
        [
            "metric = \"ece\"",
            "metric = \"feature_norm\"",
            "tune.metric: expected the name of a metric with a better direction, found \"feature_norm\"",
            "valid names",
        ],
        [
            "at_most = 40",
            "at_most = 1",
            "seeds.at_most: expected an integer from 2 to 1000, found 1",
            "",
        ],
        [
            ", at_most = 40",
            "",
            "seeds.at_most: missing required key",
            "at_most = 40",
        ],
        [
            "until = \"decided\"",
            "until = \"sure\"",
            "seeds.until: expected \"decided\", found \"sure\"",
            "",
        ],
        [
            "seeds = [101, 102]\n",
            "",
            "tune.seeds: missing required key",
            "seeds = [101, 102]",
        ],
        [
            "[tune.grid]",
            "[grid]\nmomentum = [0.9, 0.8]\n[tune.grid]",
            "grid: expected either [grid] or [tune], found both",
            "[tune.grid]",
        ],
        [
            "[train]",
            "[train]\nlearning_rate = 0.1",
            "tune.grid.learning_rate: expected in one place, found train.learning_rate too",
            "remove one of them",
        ],
        [
            "value = 92.34",
            "value = \"high\"",
            "reference.result[0].value: expected a number, found \"high\"",
            "percent",
        ],
        [
            "name = \"the paper\"\n",
            "",
            "reference.name: missing required key",
            "name = \"the paper\"",
        ],
    ]);
}

#[test]
fn seeds_until_decided_need_a_claim() {
    let text = SHORTEST.replace("[1]", "{ until = \"decided\", at_most = 9 }");
    let lines = refused(&text)
        .lines()
        .into_iter()
        .map(|it| it.0)
        .collect::<Vec<_>>();
    assert_eq!(
        lines,
        ["x.toml:3:9: seeds.until: expected a table [[claim]] to decide, found none"]
    );
}
