//! `experiment losses`: the table of losses, one loss explained or drawn, and losses computed.

mod eval;

use std::fmt::Write as _;

use anyhow::{Context, Result};
use bonus_loss::{LOSSES, Loss, LossEntry, Parameter, Recommendation};
use clap::{Args, Subcommand};

use super::manual::LOSSES_EVAL;
use crate::report;
use crate::sweep::parse_loss;
use crate::terminal::print;

/// List the losses, explain one, or compute one
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct LossesArguments {
    #[command(subcommand)]
    command: Option<LossesCommand>,
    /// Name of a loss, or a loss as written in a sweep file: '{ name = "focal", gamma = 3 }'
    loss: Option<String>,
    /// Print p, loss and gradient dL/dz as CSV: ten classes, the other logits at 0
    #[arg(long, requires = "loss")]
    curve: bool,
}

#[derive(Debug, Subcommand)]
enum LossesCommand {
    #[command(after_help = LOSSES_EVAL)]
    Eval(eval::EvalArguments),
}

pub fn run(arguments: &LossesArguments) -> Result<()> {
    let text = match (&arguments.command, &arguments.loss) {
        (Some(LossesCommand::Eval(arguments)), _) => eval::evaluate_file(arguments)?,
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
    // Only `sum` has an explanation without being a complete loss.
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
        ("recommended", &recommended(entry)),
        ("symbols", SYMBOLS),
        ("source", entry.source),
    ] {
        if body.is_empty() {
            continue;
        }
        let _ = write!(text, "\n{title}\n");
        for line in body.lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn parameters(entry: &LossEntry) -> String {
    if entry.name == "sum" {
        return "terms: a list of losses other than sums\nweights: one number per term; default 1"
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
        let default = default.bare();
        let _ = writeln!(text, "{name}: {kind}; default {default}\n    {description}");
    }
    text
}

/// A line for each recommended set of values.
fn recommended(entry: &LossEntry) -> String {
    let mut text = String::new();
    for Recommendation { parameters, reason } in entry.recommended {
        let values = parameters.iter();
        let values = values.map(|(name, value)| format!("{name} = {}", value.bare()));
        let _ = writeln!(text, "{}: {reason}", values.collect::<Vec<_>>().join(", "));
    }
    text
}

const SYMBOLS: &str = "\
f: the logits; y: the target class; K: the number of classes
z = f_y − logsumexp of the other logits; p = sigmoid(z) = softmax(f)_y
a loss of p alone has ∂L/∂f_y = dL/dz; the other logits share −dL/dz by their softmax";

/// Loss and dL/dz for p = 0.001 to 0.999.
fn curve(loss: &Loss) -> String {
    let mut csv = "p,loss,gradient\n".to_owned();
    for thousandth in 1..1000 {
        let p = f64::from(thousandth) / 1000.0;
        let (value, gradient) = report::value_and_gradient(loss, p);
        let _ = writeln!(csv, "{p},{value},{gradient}");
    }
    csv
}

#[cfg(test)]
mod tests {
    use bonus_loss::LossConfig;

    use super::*;

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
            "recommended\n  log_end = 0.75: ",
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
}
