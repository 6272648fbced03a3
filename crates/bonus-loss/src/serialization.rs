//! A loss as data: `{ name = "focal", gamma = 2.0 }`, or `{ name = "sum", terms = […], weights = […] }`.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{LossConfig, LossError, UncheckedValue, Value, sum};

/// The name, then every parameter, including defaults, in the order of the table.
impl Serialize for LossConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", self.name())?;
        for (name, value) in self.parameters() {
            map.serialize_entry(name, &value)?;
        }
        if !self.terms().is_empty() {
            let (weights, terms): (Vec<f64>, Vec<LossConfig>) =
                self.terms().iter().cloned().unzip();
            map.serialize_entry("terms", &terms)?;
            map.serialize_entry("weights", &weights)?;
        }
        map.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => flag.serialize(serializer),
            Self::Whole(whole) => whole.serialize(serializer),
            Self::Number(number) => number.serialize(serializer),
            Self::Choice(name) => name.serialize(serializer),
        }
    }
}

/// Omitted parameters have their default, and the weights of a sum are 1.
impl<'de> Deserialize<'de> for LossConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let loss = UncheckedLoss::deserialize(deserializer)?;
        loss.check().map_err(de::Error::custom)
    }
}

#[derive(Deserialize)]
struct UncheckedLoss {
    name: String,
    terms: Option<Vec<LossConfig>>,
    weights: Option<Vec<f64>>,
    #[serde(flatten)]
    parameters: BTreeMap<String, UncheckedValue>,
}

impl UncheckedLoss {
    fn check(self) -> Result<LossConfig, LossError> {
        let loss = if self.name == sum::NAME {
            let terms = self.terms.unwrap_or_default();
            let weights = self.weights.unwrap_or_else(|| vec![1.0; terms.len()]);
            LossConfig::sum(terms, weights)
        } else if self.terms.is_some() || self.weights.is_some() {
            // A parameter that only the sum has.
            LossConfig::new(&self.name)?.with("terms", f64::NAN)
        } else {
            LossConfig::new(&self.name)
        };
        let mut parameters = self.parameters.into_iter();
        parameters.try_fold(loss?, |loss, (name, value)| loss.with(&name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Encouraging, Focal, MeanAbsoluteError, Tail};

    fn read(text: &str) -> Result<LossConfig, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_loss_is_written_with_every_parameter_in_the_order_of_the_table() {
        let loss = LossConfig::from(Encouraging::new().log_end(1.0).tail(Tail::Clamped));
        let text = serde_json::to_string(&loss).unwrap();
        assert_eq!(
            text,
            r#"{"name":"encouraging","log_end":1.0,"tail":"clamped"}"#
        );
    }

    #[test]
    fn what_is_written_reads_back() {
        let terms = vec![
            Focal::new().gamma(1e-7).into(),
            MeanAbsoluteError::new().into(),
        ];
        let sum = LossConfig::sum(terms, vec![-1.0, 1e300]).unwrap();
        for loss in [Encouraging::new().log_end(0.1 + 0.2).into(), sum] {
            let json = serde_json::to_string(&loss).unwrap();
            assert_eq!(read(&json), Ok(loss.clone()));
            let toml = format!("losses = [{}]", toml_text(&loss));
            let table: BTreeMap<String, Vec<LossConfig>> = toml::from_str(&toml).unwrap();
            assert_eq!(table["losses"], [loss]);
        }
    }

    fn toml_text(loss: &LossConfig) -> String {
        let mut text = String::new();
        let serializer = toml::ser::ValueSerializer::new(&mut text);
        loss.serialize(serializer).unwrap();
        text
    }

    #[test]
    fn what_is_left_out_is_at_its_default() {
        let focal = read(r#"{ "name": "focal" }"#);
        assert_eq!(focal, Ok(Focal::new().into()));
        let sum = read(r#"{ "name": "sum", "terms": [{ "name": "focal", "gamma": 3 }] }"#);
        assert_eq!(sum.unwrap().to_string(), "focal(gamma=3)");
    }

    #[test]
    fn what_is_no_loss_is_refused() {
        for (text, problem) in [
            (r#"{ "gamma": 2 }"#, "missing field `name`"),
            (r#"{ "name": "focl" }"#, "found 'focl'"),
            (r#"{ "name": "focal", "gama": 2 }"#, "found 'gama'"),
            (
                r#"{ "name": "focal", "gamma": -1 }"#,
                "of at least 0, found -1",
            ),
            (r#"{ "name": "focal", "gamma": "2" }"#, "found \"2\""),
            (r#"{ "name": "focal", "gamma": [2] }"#, "did not match"),
            (r#"{ "name": "focal", "terms": [] }"#, "found 'terms'"),
            (r#"{ "name": "sum" }"#, "at least one loss, found none"),
            (
                r#"{ "name": "sum", "terms": [{ "name": "focal" }], "weights": [] }"#,
                "found 0",
            ),
            (
                r#"{ "name": "sum", "terms": [{ "name": "focal" }], "gamma": 2 }"#,
                "found 'gamma'",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
