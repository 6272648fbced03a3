//! What a trial leaves behind when it ends.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::data::DataRecords;
use super::score::Score;

/// The content of `result.json`, the mark that a trial has ended. Keys added by later versions are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialResult {
    pub id: String,
    pub state: TrialState,
    /// [`STORE_VERSION`] of the program that wrote it; 0 in results of versions before it was written.
    #[serde(default)]
    pub store_version: u32,
    /// Every setting that affects the results, `loss` and `seed` among them, as a JSON object.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Of the dataset's images and labels, as in `environment.json`; unknown in results of old versions.
    #[serde(default)]
    pub data_hash: Option<String>,
    /// As in `environment.json`; unknown in results of old versions.
    #[serde(default)]
    pub data_records: Option<DataRecords>,
    /// What was computed in, as in `environment.json`: `f32` also where the settings ask for `mixed` and the
    /// device cannot; unknown in results of old versions.
    #[serde(default)]
    pub precision_used: Option<String>,
    /// Of the final weights; absent where training diverged or failed, or the settings leave the test set out.
    pub test: Option<Score>,
    /// Of the final weights on the images held out for it; absent if there are none, too.
    #[serde(default)]
    pub validation: Option<Score>,
    /// Training images per second, evaluation and start-up left out.
    pub images_per_second: Option<f64>,
    pub time_s_total: f64,
    /// What the device's allocator held at the end, where it says so: GPUs do.
    #[serde(default)]
    pub device_memory_bytes: Option<u64>,
    /// Training steps done: all of them, or up to and including the first with a loss that is not finite.
    pub step: u64,
    /// Why the trial diverged or failed.
    pub cause: Option<String>,
}

/// Raised with the form of a trial's folder. 1: there are checksums beside the result.
pub const STORE_VERSION: u32 = 1;

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrialState {
    Done,
    Diverged,
    Failed,
}

impl TrialResult {
    /// Whether `SHA256SUMS` must be in the same folder.
    pub fn has_checksums(&self) -> bool {
        self.store_version >= 1
    }

    /// Reads what `result.json` of trial `id` holds; says what is wrong with it otherwise.
    pub fn from_json(id: &str, bytes: &[u8]) -> Result<Self, String> {
        let result: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("expected a trial's result as JSON: {error}"))?;
        if result.id != id {
            return Err(format!(
                "id: expected \"{id}\", the folder's name, found \"{}\"",
                result.id
            ));
        }
        if let Some(contradiction) = result.contradiction() {
            return Err(contradiction);
        }
        for (key, score) in [("test", &result.test), ("validation", &result.validation)] {
            if let Some(accuracy) = score.as_ref().map(Score::accuracy)
                && !(0.0..=1.0).contains(&accuracy)
            {
                return Err(format!(
                    "{key}.accuracy: expected a number in [0, 1], found {accuracy}"
                ));
            }
        }
        Ok(result)
    }

    /// How the scores contradict the state and the settings.
    fn contradiction(&self) -> Option<String> {
        let is_done = self.state == TrialState::Done;
        let leaves_test_out = is_done && self.settings.get("evaluate_test") == Some(&false.into());
        let has_test = is_done && !leaves_test_out;
        let (key, has_score) = if self.test.is_some() != has_test {
            ("test", has_test)
        } else if leaves_test_out && self.validation.is_none() {
            ("validation", true)
        } else {
            return None;
        };
        let cause = if leaves_test_out {
            "settings.evaluate_test is false".to_string()
        } else {
            format!("state is \"{}\"", self.state)
        };
        let (expected, found) = if has_score {
            ("a score", "null")
        } else {
            ("null", "a score")
        };
        Some(format!(
            "{key}: expected {expected}, since {cause}, found {found}"
        ))
    }
}

impl fmt::Display for TrialState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Done => "done",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::records::examples::{done, ended, score};

    fn read(id: &str, value: &Value) -> Result<TrialResult, String> {
        TrialResult::from_json(id, value.to_string().as_bytes())
    }

    #[test]
    fn the_json_has_the_documented_shape() {
        let settings = json!({ "loss": { "name": "focal", "gamma": 2.0 }, "seed": 1 });
        assert_eq!(
            serde_json::to_value(done("0a1b", settings.clone(), 0.875)).unwrap(),
            json!({
                "id": "0a1b",
                "state": "done",
                "store_version": 1,
                "settings": settings,
                "data_hash": "0f",
                "data_records": {
                    "train": { "found": 50_000, "official": 50_000 },
                    "test": { "found": 10_000, "official": 10_000 },
                },
                "precision_used": "f32",
                "test": {
                    "accuracy": 0.875,
                    "eval_loss": 0.25,
                    "cross_entropy": 0.5,
                    "metrics": { "accuracy": 0.875, "eval_loss": 0.25, "cross_entropy": 0.5 },
                },
                "validation": null,
                "images_per_second": 320.0,
                "time_s_total": 12.5,
                "device_memory_bytes": null,
                "step": 391,
                "cause": null,
            })
        );
    }

    #[test]
    fn a_written_result_reads_back_equal() {
        for result in [
            done("a", json!({ "seed": 0 }), 1.0 / 3.0),
            ended("a", json!({ "seed": 0 }), TrialState::Failed),
        ] {
            let bytes = serde_json::to_vec(&result).unwrap();
            assert_eq!(TrialResult::from_json("a", &bytes).unwrap(), result);
        }
    }

    #[test]
    fn keys_of_later_versions_are_ignored() {
        let mut value = serde_json::to_value(done("a", json!({}), 0.5)).unwrap();
        value["checksum"] = json!("0f");
        value["test"]["calibration_error"] = json!(0.1);
        assert_eq!(read("a", &value).unwrap(), done("a", json!({}), 0.5));
    }

    #[test]
    fn a_test_loss_that_is_not_finite_can_be_written_and_read() {
        let mut result = done("a", json!({}), 0.1);
        result.test = Some(score(0.1, f64::INFINITY, f64::INFINITY));
        let value = serde_json::to_value(&result).unwrap();
        assert_eq!(value["test"]["eval_loss"], Value::Null);
        let test = read("a", &value).unwrap().test.unwrap();
        assert!(test.eval_loss().is_nan());
        assert_eq!(test.cross_entropy(), None);
    }

    #[test]
    fn contradictions_are_named() {
        let good = serde_json::to_value(done("a", json!({}), 0.5)).unwrap();
        let with = |key: &str, value: Value| {
            let mut bad = good.clone();
            bad[key] = value;
            read("a", &bad).unwrap_err()
        };
        assert_eq!(
            with("id", json!("b")),
            "id: expected \"a\", the folder's name, found \"b\""
        );
        assert_eq!(
            with("test", Value::Null),
            "test: expected a score, since state is \"done\", found null"
        );
        assert_eq!(
            with("test", json!({ "accuracy": 87.5, "eval_loss": 1.0 })),
            "test.accuracy: expected a number in [0, 1], found 87.5"
        );
        assert_eq!(
            with("validation", json!({ "accuracy": -0.5, "eval_loss": 1.0 })),
            "validation.accuracy: expected a number in [0, 1], found -0.5"
        );
        let mut left_out = good.clone();
        left_out["settings"]["evaluate_test"] = json!(false);
        assert_eq!(
            read("a", &left_out).unwrap_err(),
            "test: expected null, since settings.evaluate_test is false, found a score"
        );
        left_out["test"] = Value::Null;
        assert_eq!(
            read("a", &left_out).unwrap_err(),
            "validation: expected a score, since settings.evaluate_test is false, found null"
        );
        left_out["validation"] = good["test"].clone();
        assert_eq!(read("a", &left_out).unwrap().test, None);
        assert!(with("state", json!("paused")).contains("unknown variant `paused`"));
        assert!(with("step", json!(-1)).contains("expected u64"));
    }
}
