//! `experiment losses eval`: losses and gradients of logits in a JSON file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use bonus_loss::LossConfig;
use burn::tensor::{Device, Int, Tensor, TensorData};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::exit::BadInput;
use crate::session::open_device;
use crate::settings::{BackendChoice, PrecisionName};
use crate::sweep::{parse_loss, utf8};

/// Compute losses and their gradients with respect to the logits, as in training
#[derive(Debug, Args)]
pub struct EvalArguments {
    /// Name of a loss, or a loss as written in a sweep file: '{ name = "focal", gamma = 3 }'
    #[arg(long)]
    loss: String,
    /// JSON: [{"logits": [[…]], "targets": […]}, …]; other keys are ignored
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Backend to use
    #[arg(long, default_value = "auto")]
    backend: BackendChoice,
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

pub fn evaluate_file(arguments: &EvalArguments) -> Result<String> {
    let loss = parse_loss(&arguments.loss)?;
    let path = &arguments.input;
    let bytes = read_input(path).map_err(BadInput)?;
    let cases = parse_cases(utf8(&bytes, path)?, path).map_err(BadInput)?;
    let device = open_device(arguments.backend, PrecisionName::F32)?.autodiff();
    let mut evaluations = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let evaluation = evaluate(&loss, case, &device).with_context(|| place(path, index))?;
        check_finite(&evaluation)
            .with_context(|| place(path, index))
            .map_err(BadInput)?;
        evaluations.push(evaluation);
    }
    Ok(serde_json::to_string(&evaluations)? + "\n")
}

/// Far more than anyone compares by hand; a device such as /dev/zero never ends.
const MAXIMUM_BYTES: u64 = 1 << 28;

fn read_input(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAXIMUM_BYTES + 1).read_to_end(&mut bytes))
        .with_context(|| format!("{}: expected a JSON file", path.display()))?;
    ensure!(
        bytes.len() as u64 <= MAXIMUM_BYTES,
        "{}: expected at most {MAXIMUM_BYTES} bytes, found more",
        path.display()
    );
    Ok(bytes)
}

fn place(path: &Path, index: usize) -> String {
    format!("{}: case {index}", path.display())
}

fn parse_cases(text: &str, path: &Path) -> Result<Vec<Case>> {
    let cases: Vec<Case> = serde_json::from_str(text).map_err(|error| misread(&error, path))?;
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

/// The JSON parser's message, preceded by the location.
fn misread(error: &serde_json::Error, path: &Path) -> anyhow::Error {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let message = message
        .strip_suffix(&format!(" at line {line} column {column}"))
        .unwrap_or(&message);
    let example = r#"[{"logits": [[0.5, -1]], "targets": [0]}]"#;
    anyhow!(
        "{}:{line}:{column}: expected JSON such as {example}, found a syntax error: {message}",
        path.display()
    )
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
    Ok(Evaluation {
        per_example,
        grad_logits: gradient.chunks(shape[1]).map(<[f32]>::to_vec).collect(),
    })
}

/// Logits within float32's range can still overflow in the loss or its gradient.
fn check_finite(evaluation: &Evaluation) -> Result<()> {
    let rows = evaluation.per_example.iter().zip(&evaluation.grad_logits);
    for (row, (loss, gradient)) in rows.enumerate() {
        ensure!(
            loss.is_finite(),
            "logits: row {row}: expected numbers with a loss that is finite in float32, found the loss {loss}"
        );
        if let Some(slope) = gradient.iter().find(|slope| !slope.is_finite()) {
            bail!(
                "logits: row {row}: expected numbers with a gradient that is finite in float32, found {slope} in it"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let error = parse_cases(text, Path::new("cases.json")).unwrap_err();
        format!("{error:#}")
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
        for (text, place, found) in [
            ("", "1:0", "EOF while parsing a value"),
            ("{}", "1:0", "invalid type: map, expected a sequence"),
            (r#"[{"logits": [[1, NaN]]}]"#, "1:18", "expected value"),
            (
                "[{\"logits\":\n[[1, 1e400]]}]",
                "2:10",
                "number out of range",
            ),
            (r#"[{"targets": [1]}]"#, "1:17", "missing field `logits`"),
        ] {
            let expected = format!(
                "cases.json:{place}: expected JSON such as {}, found a syntax error: {found}",
                r#"[{"logits": [[0.5, -1]], "targets": [0]}]"#
            );
            assert_eq!(refusal(text), expected);
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
