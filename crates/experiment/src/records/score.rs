//! The score of a network on a set of images.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// Numbers by the names of their metrics; null in JSON where they are not finite, and `None` if they are not
/// defined.
pub type Metrics = BTreeMap<String, Option<f64>>;

/// Every metric of a network on a set of images. In JSON, three of them have separate keys, which came before
/// the others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "Keys", from = "Keys")]
pub struct Score(Metrics);

const ACCURACY: &str = "accuracy";
const EVAL_LOSS: &str = "eval_loss";
const CROSS_ENTROPY: &str = "cross_entropy";

impl Score {
    /// The metrics that have separate keys in every record.
    pub const WITH_KEYS: [&str; 3] = [ACCURACY, EVAL_LOSS, CROSS_ENTROPY];

    /// `metrics`, and what the keys say that every record has; the cross-entropy is unknown in old ones.
    pub fn of_keys(
        accuracy: f64,
        eval_loss: f64,
        cross_entropy: Option<f64>,
        mut metrics: Metrics,
    ) -> Self {
        metrics.insert(ACCURACY.to_owned(), Some(accuracy));
        metrics.insert(EVAL_LOSS.to_owned(), number(eval_loss));
        if cross_entropy.is_some() {
            metrics.insert(CROSS_ENTROPY.to_owned(), cross_entropy);
        }
        Self(metrics)
    }

    /// A metric by its name; `None` if it is unknown, not defined or was not finite when it was written.
    pub fn get(&self, metric: &str) -> Option<f64> {
        self.0.get(metric).copied().flatten()
    }

    /// Share of images classified correctly, from 0 to 1.
    pub fn accuracy(&self) -> f64 {
        self.get(ACCURACY).unwrap_or(f64::NAN)
    }

    /// Mean over the images of the loss that the network was trained with.
    pub fn eval_loss(&self) -> f64 {
        self.get(EVAL_LOSS).unwrap_or(f64::NAN)
    }

    /// Mean over the images of the cross-entropy, by which networks of different losses can be compared; unknown
    /// in records of earlier versions.
    pub fn cross_entropy(&self) -> Option<f64> {
        self.get(CROSS_ENTROPY)
    }

    pub fn metrics(&self) -> &Metrics {
        &self.0
    }

    /// The first metric that two scores do not agree on, with the number of each. What only one of them has is no
    /// contradiction: it may be of another version.
    pub fn contradiction(&self, other: &Self) -> Option<(&str, Option<f64>, Option<f64>)> {
        let common = |name: &str| Some((self.0.get(name)?, other.0.get(name)?));
        self.0.keys().find_map(|name| {
            let (a, b) = common(name)?;
            (a != b).then_some((name.as_str(), *a, *b))
        })
    }
}

/// NaN is `None`.
impl<'a> FromIterator<(&'a str, f64)> for Score {
    fn from_iter<I: IntoIterator<Item = (&'a str, f64)>>(metrics: I) -> Self {
        let metrics = metrics.into_iter();
        Self(
            metrics
                .map(|(name, value)| (name.to_owned(), number(value)))
                .collect(),
        )
    }
}

fn number(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

/// The form in JSON. The alias is the name of an earlier version.
#[derive(Serialize, Deserialize)]
struct Keys {
    accuracy: f64,
    #[serde(alias = "loss", deserialize_with = "number_or_nan")]
    eval_loss: f64,
    cross_entropy: Option<f64>,
    #[serde(default)]
    metrics: Metrics,
}

impl From<Score> for Keys {
    fn from(score: Score) -> Self {
        Self {
            accuracy: score.accuracy(),
            eval_loss: score.eval_loss(),
            cross_entropy: score.cross_entropy(),
            metrics: score.0,
        }
    }
}

/// The keys decide, should `metrics` say something else.
impl From<Keys> for Score {
    fn from(keys: Keys) -> Self {
        Self::of_keys(
            keys.accuracy,
            keys.eval_loss,
            keys.cross_entropy,
            keys.metrics,
        )
    }
}

/// JSON has no infinity or NaN, and a trained network's loss can be either: both are written as null.
pub(super) fn number_or_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Score {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn json_has_the_keys_of_every_version_and_all_metrics() {
        let metrics = [
            ("accuracy", 0.5),
            ("eval_loss", 1.5),
            ("cross_entropy", 2.5),
        ];
        let others = [("top_5_accuracy", f64::NAN), ("brier_score", 0.75)];
        let score: Score = metrics.into_iter().chain(others).collect();
        let expected = json!({
            "accuracy": 0.5,
            "eval_loss": 1.5,
            "cross_entropy": 2.5,
            "metrics": {
                "accuracy": 0.5,
                "eval_loss": 1.5,
                "cross_entropy": 2.5,
                "top_5_accuracy": null,
                "brier_score": 0.75,
            },
        });
        assert_eq!(json!(score), expected);
        assert_eq!(read(expected), score);
        assert_eq!(score.get("top_5_accuracy"), None);
    }

    #[test]
    fn a_score_without_metrics_has_what_its_keys_say() {
        let old = read(json!({ "accuracy": 0.5, "loss": null }));
        assert!(old.eval_loss().is_nan());
        assert_eq!((old.accuracy(), old.cross_entropy()), (0.5, None));
        let later = read(json!({ "accuracy": 0.5, "eval_loss": 1, "cross_entropy": 2 }));
        assert_eq!(later.get("cross_entropy"), Some(2.0));
        assert_eq!(later.metrics().len(), 3);
    }

    #[test]
    fn scores_contradict_each_other_by_what_both_have() {
        let score = |metrics: &[(&'static str, f64)]| metrics.iter().copied().collect::<Score>();
        let a = score(&[("accuracy", 0.5), ("brier_score", 0.25)]);
        assert_eq!(a.contradiction(&score(&[("accuracy", 0.5)])), None);
        assert_eq!(a.contradiction(&score(&[("later_metric", 1.0)])), None);
        let other = score(&[("accuracy", 0.5), ("brier_score", 0.75)]);
        let expected = Some(("brier_score", Some(0.25), Some(0.75)));
        assert_eq!(a.contradiction(&other), expected);
    }
}
