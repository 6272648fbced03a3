//! `experiment losses`: the table of losses, one loss explained or drawn, and losses computed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use bonus_loss::{LOSSES, Loss, LossConfig, LossEntry, Parameter};
use burn::tensor::{Device, Int, Tensor, TensorData};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use super::manual::LOSSES_EVAL;
use super::{BadInput, print};
use crate::sweep::{BackendChoice, parse_loss};

/// List the losses, explain one, or compute one
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct LossesArguments {
    #[command(subcommand)]
    command: Option<LossesCommand>,
    /// A loss by its name, or as a sweep file writes it: '{ name = "focal", gamma = 3 }'
    loss: Option<String>,
    /// Print p, loss and gradient dL/dz as CSV: ten classes, the other logits at 0
    #[arg(long, requires = "loss")]
    curve: bool,
}

#[derive(Debug, Subcommand)]
enum LossesCommand {
    #[command(after_help = LOSSES_EVAL)]
    Eval(EvalArguments),
}

/// Compute losses and their gradients by the logits, as training does
#[derive(Debug, Args)]
struct EvalArguments {
    /// A loss by its name, or as a sweep file writes it: '{ name = "focal", gamma = 3 }'
    #[arg(long)]
    loss: String,
    /// JSON: [{"logits": [[…]], "targets": […]}, …]; other keys are ignored
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// What computes
    #[arg(long, default_value = "auto")]
    backend: BackendChoice,
}

pub fn run(arguments: &LossesArguments) -> Result<()> {
    let text = match (&arguments.command, &arguments.loss) {
        (Some(LossesCommand::Eval(arguments)), _) => evaluate_file(arguments)?,
        (None, Some(loss)) if arguments.curve => curve(&parse_loss(loss)?.init()),
        (None, Some(loss)) => explain(named(loss)?),
        (None, None) => list(),
    };
    print(&text)
}

fn list() -> String {
    let lengths = LOSSES.iter().map(|entry| entry.name.len());
    let width = lengths.max().unwrap_or(0);
    let mut text = String::new();
    for LossEntry { name, summary, .. } in LOSSES {
        let _ = writeln!(text, "{name:width$}  {summary}");
    }
    text
}

fn named(loss: &str) -> Result<&'static LossEntry> {
    // `sum` alone has an explanation but is no loss yet.
    if let Some(entry) = bonus_loss::find(loss) {
        return Ok(entry);
    }
    let config = parse_loss(loss)?;
    bonus_loss::find(config.name()).context("every checked loss is in the table")
}

fn explain(entry: &LossEntry) -> String {
    let mut text = format!("{}: {}\n", entry.name, entry.summary);
    for (title, body) in [
        ("formula", entry.formula),
        ("gradient", entry.gradient),
        ("parameters", &parameters(entry)),
        ("symbols", SYMBOLS),
        ("source", entry.source),
    ] {
        let _ = write!(text, "\n{title}\n");
        for line in body.lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn parameters(entry: &LossEntry) -> String {
    if entry.name == "sum" {
        return "terms: a list of losses that are not sums\nweights: a number for each; default 1"
            .to_owned();
    }
    let mut text = String::new();
    for Parameter {
        name,
        kind,
        default,
        description,
    } in entry.parameters
    {
        let expectation = kind.expectation();
        let _ = writeln!(
            text,
            "{name}: {expectation}; default {default}\n    {description}"
        );
    }
    text
}

const SYMBOLS: &str = "\
f: the logits; y: the target class; K: the number of classes
z = f_y − logsumexp of the other logits; p = sigmoid(z) = softmax(f)_y
a loss of p alone has ∂L/∂f_y = dL/dz; the other logits share −dL/dz by their softmax";

/// Loss and gradient by the target's logit, for p = 0.001 to 0.999. The other logits are 0, so that
/// `p = sigmoid(f_y − ln 9)`, and for a loss of p alone `∂L/∂f_y` is dL/dz.
fn curve(loss: &Loss) -> String {
    const CLASSES: usize = 10;
    let mut targets = [0.0; CLASSES];
    targets[0] = 1.0;
    let mut csv = "p,loss,gradient\n".to_owned();
    for thousandth in 1..1000 {
        let p = f64::from(thousandth) / 1000.0;
        let mut logits = [0.0; CLASSES];
        logits[0] = (p / (1.0 - p)).ln() + ((CLASSES - 1) as f64).ln();
        let value = loss.value(&logits, &targets) + 0.0; // −0 + 0 = 0
        let gradient = loss.gradient(&logits, &targets)[0];
        let _ = writeln!(csv, "{p},{value},{gradient}");
    }
    csv
}

/// A batch as the input file has it.
#[derive(Debug, Deserialize)]
struct Case {
    logits: Vec<Vec<f64>>,
    targets: Vec<i64>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Evaluation {
    per_example: Vec<f32>,
    /// Of the sum over the batch.
    grad_logits: Vec<Vec<f32>>,
}

fn evaluate_file(arguments: &EvalArguments) -> Result<String> {
    let loss = parse_loss(&arguments.loss)?;
    let path = &arguments.input;
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let cases = parse_cases(&text, path).map_err(BadInput)?;
    let device = super::open_device(arguments.backend)?.autodiff();
    let evaluations = cases
        .iter()
        .enumerate()
        .map(|(index, case)| evaluate(&loss, case, &device).with_context(|| place(path, index)))
        .collect::<Result<Vec<_>>>()?;
    Ok(serde_json::to_string(&evaluations)? + "\n")
}

fn place(path: &Path, index: usize) -> String {
    format!("{}: case {index}", path.display())
}

fn parse_cases(text: &str, path: &Path) -> Result<Vec<Case>> {
    let cases: Vec<Case> =
        serde_json::from_str(text).with_context(|| path.display().to_string())?;
    ensure!(
        !cases.is_empty(),
        "{}: expected at least one case, found none",
        path.display()
    );
    for (index, case) in cases.iter().enumerate() {
        check(case).with_context(|| place(path, index))?;
    }
    Ok(cases)
}

fn check(case: &Case) -> Result<()> {
    let Some(first) = case.logits.first() else {
        bail!("logits: expected at least one row, found none");
    };
    let classes = first.len();
    ensure!(
        classes >= 2,
        "logits: expected at least two classes, found {classes}"
    );
    for (row, logits) in case.logits.iter().enumerate() {
        let found = logits.len();
        ensure!(
            found == classes,
            "logits: row {row}: expected {classes} numbers as in row 0, found {found}"
        );
        // Computed in float32, where a larger number is infinite.
        if let Some(logit) = logits.iter().find(|logit| !(**logit as f32).is_finite()) {
            bail!("logits: row {row}: expected numbers of float32, found {logit:e}");
        }
    }
    let (rows, found) = (case.logits.len(), case.targets.len());
    ensure!(
        found == rows,
        "targets: expected {rows}, one for each row of logits, found {found}"
    );
    let classes = classes as i64;
    if let Some(target) = case
        .targets
        .iter()
        .find(|target| !(0..classes).contains(*target))
    {
        bail!("targets: expected classes in 0..{classes}, found {target}");
    }
    Ok(())
}

fn evaluate(loss: &LossConfig, case: &Case, device: &Device) -> Result<Evaluation> {
    let shape = [case.logits.len(), case.logits[0].len()];
    let logits: Vec<f32> = case
        .logits
        .iter()
        .flatten()
        .map(|logit| *logit as f32)
        .collect();
    let logits = Tensor::<2>::from_data(TensorData::new(logits, shape), device).require_grad();
    let targets = Tensor::<1, Int>::from_data(case.targets.as_slice(), device);

    let losses = loss.init().forward_no_reduction(logits.clone(), targets);
    let gradients = losses.clone().sum_dim(0).backward();
    let gradient = logits
        .grad(&gradients)
        .context("the loss has no gradient")?;

    let per_example: Vec<f32> = losses.try_into_data()?.iter().collect();
    let gradient: Vec<f32> = gradient.try_into_data()?.iter().collect();
    let finite = per_example
        .iter()
        .chain(&gradient)
        .all(|number| number.is_finite());
    ensure!(finite, "the loss or its gradient is not finite in float32");
    Ok(Evaluation {
        per_example,
        grad_logits: gradient.chunks(shape[1]).map(<[f32]>::to_vec).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let error = parse_cases(text, Path::new("cases.json")).unwrap_err();
        format!("{error:#}")
    }

    #[test]
    fn list_is_aligned_and_complete() {
        let list = list();
        assert_eq!(list.lines().count(), LOSSES.len());
        assert!(list.contains("focal                      cross-entropy weighted"));
    }

    #[test]
    fn explanation_has_formula_gradient_parameters_and_source() {
        let text = explain(named("encouraging").unwrap());
        for part in [
            "L = −ln p + bonus(p)",
            "dL/dz = −1",
            "log_end: a number in [0, 1]; default 0.75",
            "tail: one of \"tangent\", \"unit_slope\", \"clamped\"; default tangent",
            "arXiv 2110.06537",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn sum_is_explained_without_terms() {
        assert!(explain(named("sum").unwrap()).contains("terms: a list of losses"));
    }

    #[test]
    fn unknown_loss_is_answered_with_the_nearest() {
        let error = named("encouragin").unwrap_err();
        assert!(format!("{error:#}").contains("encouraging"));
    }

    #[test]
    fn curve_of_the_full_bonus_is_minus_the_log_odds_with_slope_minus_one() {
        let config = LossConfig::new("encouraging").unwrap();
        let csv = curve(&config.with("log_end", 1.0).unwrap().init());
        let rows: Vec<Vec<f64>> = (csv.lines().skip(1))
            .map(|row| row.split(',').map(|cell| cell.parse().unwrap()).collect())
            .collect();
        assert_eq!(rows.len(), 999);
        for row in rows {
            let [p, loss, gradient] = row[..] else {
                panic!("{row:?}")
            };
            assert!((loss + (p / (1.0 - p)).ln()).abs() < 1e-12);
            assert!((gradient + 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn damaged_cases_are_refused_with_their_index() {
        for (text, expected) in [
            ("[]", "cases.json: expected at least one case, found none"),
            (
                r#"[{"logits": [[1, 2]], "targets": [0]}, {"logits": [], "targets": []}]"#,
                "cases.json: case 1: logits: expected at least one row, found none",
            ),
            (
                r#"[{"logits": [[1]], "targets": [0]}]"#,
                "cases.json: case 0: logits: expected at least two classes, found 1",
            ),
            (
                r#"[{"logits": [[1, 2], [1, 2, 3]], "targets": [0, 0]}]"#,
                "cases.json: case 0: logits: row 1: expected 2 numbers as in row 0, found 3",
            ),
            (
                r#"[{"logits": [[1, 1e39]], "targets": [0]}]"#,
                "cases.json: case 0: logits: row 0: expected numbers of float32, found 1e39",
            ),
            (
                r#"[{"logits": [[1, 2]], "targets": [0, 1]}]"#,
                "cases.json: case 0: targets: expected 1, one for each row of logits, found 2",
            ),
            (
                r#"[{"logits": [[1, 2]], "targets": [2]}]"#,
                "cases.json: case 0: targets: expected classes in 0..2, found 2",
            ),
            (
                r#"[{"logits": [[1, 2]], "targets": [-1]}]"#,
                "cases.json: case 0: targets: expected classes in 0..2, found -1",
            ),
        ] {
            assert_eq!(refusal(text), expected);
        }
    }

    #[test]
    fn text_that_is_no_list_of_cases_is_refused_with_line_and_column() {
        for text in [
            "",
            "{}",
            r#"[{"logits": [[1, NaN]]}]"#,
            r#"[{"targets": [1]}]"#,
        ] {
            let message = refusal(text);
            assert!(message.contains("line 1 column"), "{message}");
        }
    }

    #[test]
    fn evaluation_is_of_each_example_and_of_the_sum_of_the_batch() {
        let text = r#"[{"logits": [[2, 0], [0, 3]], "targets": [0, 0], "note": "ignored"}]"#;
        let cases = parse_cases(text, Path::new("cases.json")).unwrap();
        let loss = LossConfig::new("encouraging")
            .unwrap()
            .with("log_end", 1.0)
            .unwrap();
        let device = crate::device::open_cpu(BackendChoice::Flex)
            .unwrap()
            .autodiff();
        let evaluation = evaluate(&loss, &cases[0], &device).unwrap();
        let expected = Evaluation {
            per_example: vec![-2.0, 3.0],
            grad_logits: vec![vec![-1.0, 1.0], vec![-1.0, 1.0]],
        };
        assert_eq!(evaluation, expected);
    }
}
