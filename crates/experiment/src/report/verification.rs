//! A trial and its rerun → whether they are equal, and what may be the cause if they are not.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use cifar_models::checkpoint::{NamedTensors, read_tensors};
use serde_json::{Map, Value};

use super::difference::{Changed, changed_table, contradiction, score_rows, score_table};
use super::show::{TrialReport, bare_text, flattened, indented};
use crate::store::Store;
use crate::terminal::table::ruled;

/// Of weights and training losses, relative to the largest magnitude: what rounding may make of a few epochs on a
/// device that sums in another order each time. Longer training amplifies rounding without bound.
const TOLERANCE: f64 = 1e-3;

/// What `environment.json` says of the moment rather than of the machine, and the sessions, which are looked at one by
/// one.
const NOT_COMPARED: [&str; 2] = ["time_started", "resumed"];

/// How a rerun compares with the trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    Bitwise,
    /// Within [`TOLERANCE`].
    Close,
    Different,
}

impl Agreement {
    /// Of the largest relative differences, which are NaN if they cannot be told.
    fn of(same_records: bool, same_end: bool, differences: [Option<f64>; 2]) -> Self {
        let are_at_most = |bound: f64| {
            let mut known = differences.iter().flatten();
            known.all(|difference| *difference <= bound)
        };
        if same_records && same_end && are_at_most(0.0) {
            Self::Bitwise
        } else if same_end && are_at_most(TOLERANCE) {
            Self::Close
        } else {
            Self::Different
        }
    }
}

/// The comparison of a trial with its rerun.
#[derive(Clone, Debug)]
pub struct Verification {
    pub agreement: Agreement,
    before: TrialReport,
    again: TrialReport,
    /// The largest relative difference of the weights; NaN if they cannot be compared, `None` if the trial has none.
    weights: Option<f64>,
    /// The same of the training losses.
    losses: Option<f64>,
    /// The first place where the records differ.
    contradiction: Option<String>,
    /// Keys of `environment.json` that differ, with both values.
    environment: Vec<Changed>,
}

impl Verification {
    /// Compares the trial `id` of two stores, each with its folder.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn of(before: (&Store, &Path), again: (&Store, &Path), id: &str) -> Result<Self> {
        let [files_before, files_again] = [before, again].map(|(store, _)| store.files(id));
        let (files_before, files_again) = (files_before?, files_again?);
        let weights = compare_weights(&files_before, &files_again)?;
        let losses = compare_losses(&before.0.steps(id)?, &again.0.steps(id)?);
        let contradiction = compare_records(&files_before, &files_again);
        let report = |(store, folder)| TrialReport::read(store, folder, id);
        let (before, again) = (report(before)?, report(again)?);
        let is_same_end = before.state == again.state && before.step == again.step;
        Ok(Self {
            agreement: Agreement::of(contradiction.is_none(), is_same_end, [weights, losses]),
            environment: compare_environments(&before.environment, &again.environment),
            before,
            again,
            weights,
            losses,
            contradiction,
        })
    }

    /// Whether the rerun is what the trial's determinism class promises.
    pub fn is_as_declared(&self) -> bool {
        self.agreement == Agreement::Bitwise
            || self.agreement == Agreement::Close && self.declared() == "tolerance"
    }

    fn declared(&self) -> &str {
        let class = self.before.environment.get("determinism");
        class.and_then(Value::as_str).unwrap_or("bitwise")
    }

    pub fn text(&self) -> String {
        let TrialReport { id, loss, seed, .. } = &self.before;
        let verdict = match self.agreement {
            Agreement::Bitwise => "bitwise equal",
            Agreement::Close => "equal within tolerance",
            Agreement::Different => "different",
        };
        let mut text = format!("{id}: {loss}, seed {seed}: {verdict}\n");
        if self.agreement == Agreement::Bitwise {
            text += "  The weights and every record of the rerun are identical.\n";
        } else {
            text += &self.differences();
        }
        if !self.environment.is_empty() {
            let cause = match self.agreement {
                Agreement::Bitwise => "",
                Agreement::Close | Agreement::Different => ", the likely cause",
            };
            text += &format!(
                "\nDifferences of the environment{cause}\n{}",
                indented(&ruled(changed_table(&self.environment, ["then", "now"])))
            );
        }
        let declared = self.declared();
        text + &format!("\ndeclared determinism: {declared}; tolerance: {TOLERANCE:.0e}\n")
    }

    fn differences(&self) -> String {
        let mut text = String::new();
        for (what, difference) in [("weights", self.weights), ("training losses", self.losses)] {
            if let Some(difference) = difference {
                text += &format!("  {what}: largest relative difference {difference:.1e}\n");
            }
        }
        if self.before.state != self.again.state || self.before.step != self.again.step {
            let [then, now] = [&self.before, &self.again]
                .map(|trial| format!("{} after {} steps", trial.state, trial.step));
            text += &format!("  end: {then}, now {now}\n");
        }
        if let Some(place) = &self.contradiction {
            text += &format!("  first difference of the records: {place}\n");
        }
        let scores = score_rows(&self.before, &self.again);
        if !scores.is_empty() {
            let table = ruled(score_table(&scores, ["then", "now"]));
            text += &format!("\nScores\n{}", indented(&table));
        }
        text
    }
}

type Files = BTreeMap<String, Vec<u8>>;

/// The largest relative difference; exactly 0 only if all bits are equal.
fn compare_weights(before: &Files, again: &Files) -> Result<Option<f64>> {
    let tensors = |files: &Files| -> Result<Option<NamedTensors>> {
        let content = files.get("model.safetensors");
        let tensors = content.map(|content| read_tensors(content, Path::new("model.safetensors")));
        Ok(tensors.transpose()?.map(|(tensors, _)| tensors))
    };
    let (before, again) = match (tensors(before)?, tensors(again)?) {
        (None, None) => return Ok(None),
        (Some(before), Some(again)) => (before, again),
        _ => return Ok(Some(f64::NAN)),
    };
    if !before.keys().eq(again.keys()) || before.is_empty() {
        return Ok(Some(f64::NAN));
    }
    let errors = before.values().zip(again.values()).map(|(before, again)| {
        let values = [before, again].map(|data| data.as_slice::<f32>());
        match values {
            [Ok(before), Ok(again)] if before.len() == again.len() && !before.is_empty() => {
                relative_difference(again, before)
            }
            _ => f64::NAN,
        }
    });
    Ok(Some(largest(errors)))
}

/// Of the training losses of each step. A step whose loss is NaN both times is equal.
fn compare_losses(before: &[Value], again: &[Value]) -> Option<f64> {
    let loss = |step: &Value| {
        let loss = step.get("train_loss").or(step.get("loss"));
        loss.and_then(Value::as_f64)
            .map_or(f32::NAN, |loss| loss as f32)
    };
    if before.len() != again.len() {
        return Some(f64::NAN);
    }
    let pairs = before
        .iter()
        .zip(again)
        .map(|(before, again)| (loss(before), loss(again)));
    let pairs = pairs.filter(|(before, again)| !(before.is_nan() && again.is_nan()));
    let (before, again): (Vec<f32>, Vec<f32>) = pairs.unzip();
    (!before.is_empty()).then(|| relative_difference(&again, &before))
}

/// 0 only if all bits are equal: −0 and 0 differ by the smallest number.
fn relative_difference(found: &[f32], expected: &[f32]) -> f64 {
    let bits = |values: &[f32]| -> Vec<u32> { values.iter().map(|it| it.to_bits()).collect() };
    if bits(found) == bits(expected) {
        return 0.0;
    }
    let error = comparison::error(found, expected);
    if error == 0.0 {
        f64::MIN_POSITIVE
    } else {
        error
    }
}

/// The largest; NaN if any is.
fn largest(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0.0, |largest, number| {
        if number > largest || number.is_nan() {
            number
        } else {
            largest
        }
    })
}

/// The first place where records that both have contradict each other, times left out. Weights are compared by value
/// and settings by the trial's id; an earlier version had fewer keys and files.
fn compare_records(before: &Files, again: &Files) -> Option<String> {
    const OTHERWISE: [&str; 4] = [
        "SHA256SUMS",
        "environment.json",
        "model.safetensors",
        "settings.toml",
    ];
    let both = before
        .iter()
        .filter_map(|(name, before)| Some((name, before, again.get(name)?)));
    let mut records = both.filter(|(name, ..)| !OTHERWISE.contains(&name.as_str()));
    records.find_map(|(name, before, again)| {
        if before == again {
            return None;
        }
        if !name.contains(".json") {
            return Some(name.clone());
        }
        let [before, again] = [before, again].map(|bytes| {
            let values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
            values
                .collect::<Result<Vec<Value>, _>>()
                .unwrap_or_default()
        });
        if before.len() != again.len() || before.is_empty() {
            return Some(format!("{name}: number of records"));
        }
        let mut pairs = (1..).zip(before.iter().zip(&again));
        pairs.find_map(|(number, (before, again))| {
            let key = contradiction(before, again)?;
            Some(format!("{name}: record {number}: {key}"))
        })
    })
}

/// What differs between the rerun and the first session of the trial, or a later one.
fn compare_environments(before: &Map<String, Value>, again: &Map<String, Value>) -> Vec<Changed> {
    let again: BTreeMap<String, Value> = flattened(again).into_iter().collect();
    let compare = |session: &Map<String, Value>, suffix: &str| -> Vec<Changed> {
        let then = flattened(session).into_iter();
        let compared = then.filter(|(key, _)| !NOT_COMPARED.contains(&key.as_str()));
        let differing = compared.filter_map(|(key, then)| {
            let now = again.get(&key)?;
            (then != *now).then(|| Changed {
                key: key + suffix,
                a: then,
                b: now.clone(),
            })
        });
        differing.collect()
    };
    let mut rows = compare(before, "");
    let sessions = before.get("resumed").and_then(Value::as_array);
    for session in sessions.into_iter().flatten().filter_map(Value::as_object) {
        let step = session.get("step").map_or(String::new(), bare_text);
        rows.extend(compare(session, &format!(" after step {step}")));
    }
    rows
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use cifar_models::checkpoint::write_tensors;
    use serde_json::json;

    use super::*;

    #[test]
    fn trials_agree_bitwise_within_the_tolerance_or_not_at_all() {
        for (differences, agreement) in [
            ([Some(0.0), Some(0.0)], Agreement::Bitwise),
            ([None, Some(0.0)], Agreement::Bitwise),
            ([Some(f64::MIN_POSITIVE), Some(0.0)], Agreement::Close),
            ([Some(0.0), Some(TOLERANCE)], Agreement::Close),
            ([Some(2.0 * TOLERANCE), Some(0.0)], Agreement::Different),
            ([Some(0.0), Some(f64::NAN)], Agreement::Different),
            ([Some(f64::NAN), Some(0.0)], Agreement::Different),
        ] {
            assert_eq!(
                Agreement::of(true, true, differences),
                agreement,
                "{differences:?}"
            );
        }
        let equal = [Some(0.0); 2];
        assert_eq!(Agreement::of(false, true, equal), Agreement::Close);
        assert_eq!(Agreement::of(true, false, equal), Agreement::Different);
    }

    #[test]
    fn differences_are_0_only_where_all_bits_are_equal() {
        assert_eq!(relative_difference(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
        assert_eq!(relative_difference(&[1.0, 3.0], &[1.0, 2.0]), 0.5);
        assert!(relative_difference(&[-0.0], &[0.0]) > 0.0);
        assert!(relative_difference(&[f32::NAN], &[1.0]).is_nan());
        assert!(largest([0.5, f64::NAN, 0.1].into_iter()).is_nan());
        assert_eq!(largest([0.5, 0.7, 0.1].into_iter()), 0.7);
    }

    #[test]
    fn losses_that_are_nan_both_times_are_equal_and_once_are_not() {
        let steps = |losses: &[Value]| -> Vec<Value> {
            losses
                .iter()
                .map(|loss| json!({ "train_loss": loss }))
                .collect()
        };
        let diverged = steps(&[json!(1.0), Value::Null]);
        assert_eq!(compare_losses(&diverged, &diverged), Some(0.0));
        for other in [&[json!(1.0), json!(1.0)][..], &[json!(1.0)]] {
            assert!(compare_losses(&diverged, &steps(other)).unwrap().is_nan());
        }
        assert_eq!(compare_losses(&[], &[]), None);
    }

    #[test]
    fn records_are_compared_without_times_and_what_one_of_them_lacks() {
        let files = |epochs: &str, more: &[(&str, &str)]| -> Files {
            let files = [("epochs.jsonl", epochs)]
                .into_iter()
                .chain(more.iter().copied());
            files
                .map(|(name, text)| (name.to_owned(), text.into()))
                .collect()
        };
        let before = files("{\"epoch\":1,\"time_s\":1.0}\n", &[("bits", "a")]);
        let differs =
            |epochs: &str, more: &[(&str, &str)]| compare_records(&before, &files(epochs, more));
        assert_eq!(
            differs(
                "{\"epoch\":1,\"time_s\":2.0,\"new\":1}\n",
                &[("other", "b")]
            ),
            None
        );
        let place = |text: &str| Some(text.to_owned());
        assert_eq!(
            differs("{\"epoch\":2}\n", &[]),
            place("epochs.jsonl: record 1: epoch")
        );
        assert_eq!(differs("", &[]), place("epochs.jsonl: number of records"));
        assert_eq!(differs("{\"epoch\":1}\n", &[("bits", "b")]), place("bits"));
    }

    #[test]
    fn weights_of_other_tensors_have_a_difference_that_is_no_number() {
        let files = |name: &str, values: &[f32]| -> Files {
            let data = TensorData::new(values.to_vec(), [values.len()]);
            let content = write_tensors([(&name.to_owned(), &data)], BTreeMap::new());
            [("model.safetensors".to_owned(), content)].into()
        };
        let before = files("a", &[1.0, 2.0]);
        let compare = |again: &Files| compare_weights(&before, again).unwrap();
        assert_eq!(compare(&before), Some(0.0));
        assert_eq!(compare(&files("a", &[1.0, 2.5])), Some(0.25));
        for again in [files("b", &[1.0, 2.0]), files("a", &[1.0]), Files::new()] {
            assert!(compare(&again).unwrap().is_nan());
        }
        assert_eq!(compare_weights(&Files::new(), &Files::new()).unwrap(), None);
    }
}
