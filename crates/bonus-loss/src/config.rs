//! A loss and its parameters as a user chooses them.

use std::fmt;

use crate::{LossEntry, LossError, Parameter, ParameterValue, Value, find, sum};

/// A loss and its parameters, checked.
///
/// Its text is the label of tables: parameters at their default are left out, as in
/// `encouraging(log_end=0.5)` or `mean_absolute_error + 0.5·mean_squared_error`.
#[derive(Clone, Debug, PartialEq)]
pub struct LossConfig {
    pub(crate) entry: &'static LossEntry,
    /// One value for each of the entry's parameters, in their order.
    values: Vec<Value>,
    /// The weighted terms of a sum; empty for every other loss.
    terms: Vec<(f64, LossConfig)>,
}

impl LossConfig {
    /// The loss called `name` with every parameter at its default.
    ///
    /// # Errors
    /// [`LossError::UnknownLoss`]; [`LossError::EmptySum`] for `sum`, which [`Self::sum`] makes.
    pub fn new(name: &str) -> Result<Self, LossError> {
        let entry = find(name).ok_or_else(|| LossError::UnknownLoss {
            name: name.to_owned(),
        })?;
        if entry.name == sum::NAME {
            return Err(LossError::EmptySum);
        }
        let defaults = entry.parameters.iter().map(|parameter| parameter.default);
        Ok(Self {
            entry,
            values: defaults.collect(),
            terms: Vec::new(),
        })
    }

    /// The same loss with one parameter, a number or a word, set.
    ///
    /// # Errors
    /// [`LossError::UnknownParameter`] or [`LossError::InvalidValue`].
    pub fn with(
        mut self,
        parameter: &str,
        value: impl Into<ParameterValue>,
    ) -> Result<Self, LossError> {
        let parameters = self.entry.parameters;
        let index = parameters.iter().position(|known| known.name == parameter);
        let index = index.ok_or_else(|| LossError::UnknownParameter {
            loss: self.entry.name,
            parameter: parameter.to_owned(),
        })?;
        let Parameter { name, kind, .. } = parameters[index];
        let found = value.into();
        let value = match &found {
            // -0 + 0 = 0: equal losses have equal labels.
            ParameterValue::Number(number) => Some(Value::Number(number + 0.0)),
            ParameterValue::Text(text) => kind.choice(text),
        };
        self.values[index] =
            value
                .filter(|value| kind.accepts(value))
                .ok_or_else(|| LossError::InvalidValue {
                    loss: self.entry.name,
                    parameter: name,
                    expectation: kind.expectation(),
                    found,
                })?;
        Ok(self)
    }

    /// The weighted sum of losses, such as "mae + mse".
    ///
    /// # Errors
    /// [`LossError::EmptySum`], [`LossError::NestedSum`], [`LossError::WeightCount`] or
    /// [`LossError::InvalidWeight`].
    pub fn sum(terms: Vec<LossConfig>, weights: Vec<f64>) -> Result<Self, LossError> {
        if terms.is_empty() {
            return Err(LossError::EmptySum);
        }
        if let Some(nested) = terms.iter().find(|term| !term.terms.is_empty()) {
            return Err(LossError::NestedSum {
                found: nested.to_string(),
            });
        }
        if terms.len() != weights.len() {
            return Err(LossError::WeightCount {
                terms: terms.len(),
                weights: weights.len(),
            });
        }
        if let Some(&found) = weights.iter().find(|weight| !weight.is_finite()) {
            return Err(LossError::InvalidWeight { found });
        }
        Ok(Self {
            entry: &sum::ENTRY,
            values: Vec::new(),
            terms: weights.into_iter().zip(terms).collect(),
        })
    }

    pub fn name(&self) -> &'static str {
        self.entry.name
    }

    /// Every parameter and its value, defaults included; none for a sum.
    pub fn parameters(&self) -> Vec<(&'static str, Value)> {
        let names = self.entry.parameters.iter().map(|parameter| parameter.name);
        names.zip(self.values.iter().copied()).collect()
    }

    /// The weighted terms of a sum; none for every other loss.
    pub fn terms(&self) -> &[(f64, LossConfig)] {
        &self.terms
    }
}

impl fmt::Display for LossConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.terms.is_empty() {
            return self.fmt_sum(formatter);
        }
        formatter.write_str(self.entry.name)?;
        let changed: Vec<String> = (self.entry.parameters.iter().zip(&self.values))
            .filter(|(parameter, value)| parameter.default != **value)
            .map(|(parameter, value)| format!("{}={value}", parameter.name))
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        write!(formatter, "({})", changed.join(", "))
    }
}

impl LossConfig {
    /// The number that a row reads when it is built.
    pub(crate) fn number(&self, parameter: &str) -> f64 {
        match self.parameter(parameter) {
            Value::Number(number) => number,
            Value::Choice(_) => panic!("{}.{parameter} is a word", self.entry.name),
        }
    }

    /// The word that a row reads when it is built.
    pub(crate) fn choice(&self, parameter: &str) -> &'static str {
        match self.parameter(parameter) {
            Value::Choice(name) => name,
            Value::Number(_) => panic!("{}.{parameter} is a number", self.entry.name),
        }
    }

    fn parameter(&self, name: &str) -> Value {
        let value = self
            .parameters()
            .into_iter()
            .find(|(known, _)| *known == name);
        let (_, value) = value.expect("a row reads only the parameters it lists");
        value
    }

    fn fmt_sum(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (weight, term)) in self.terms.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" + ")?;
            }
            if (weight - 1.0).abs() > 0.0 {
                write!(formatter, "{weight}·")?;
            }
            write!(formatter, "{term}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LOSSES;

    fn loss(name: &str) -> LossConfig {
        LossConfig::new(name).unwrap()
    }

    fn message(result: Result<LossConfig, LossError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn names_and_parameters_are_unique_and_defaults_allowed() {
        for (index, entry) in LOSSES.iter().enumerate() {
            assert!(LOSSES[..index].iter().all(|other| other.name != entry.name));
            for (index, parameter) in entry.parameters.iter().enumerate() {
                let place = format!("{}.{}", entry.name, parameter.name);
                assert!(parameter.kind.accepts(&parameter.default), "{place}");
                let earlier = &entry.parameters[..index];
                assert!(
                    earlier.iter().all(|other| other.name != parameter.name),
                    "{place}"
                );
            }
        }
    }

    #[test]
    fn every_row_says_what_it_is() {
        for entry in LOSSES {
            let texts = [entry.summary, entry.formula, entry.gradient, entry.source];
            let described = entry
                .parameters
                .iter()
                .map(|parameter| parameter.description);
            assert!(
                texts
                    .into_iter()
                    .chain(described)
                    .all(|text| !text.is_empty())
            );
        }
    }

    #[test]
    fn readme_lists_every_loss_and_parameter() {
        let readme = include_str!("../README.md");
        for entry in LOSSES {
            assert!(
                readme.contains(&format!("| `{}` |", entry.name)),
                "{}",
                entry.name
            );
            for parameter in entry.parameters {
                let place = format!("{}.{}", entry.name, parameter.name);
                assert!(readme.contains(&format!("`{}`", parameter.name)), "{place}");
            }
        }
    }

    #[test]
    fn labels_leave_out_defaults() {
        let encouraging = loss("encouraging");
        assert_eq!(encouraging.to_string(), "encouraging");
        let half = encouraging.with("log_end", 0.5).unwrap();
        assert_eq!(half.to_string(), "encouraging(log_end=0.5)");
        let clamped = half.with("tail", "clamped").unwrap();
        assert_eq!(
            clamped.to_string(),
            "encouraging(log_end=0.5, tail=clamped)"
        );
        let back = clamped
            .with("log_end", 0.75)
            .unwrap()
            .with("tail", "tangent")
            .unwrap();
        assert_eq!(back, loss("encouraging"));
    }

    #[test]
    fn sums_are_labelled_by_their_terms_and_weights() {
        let terms = vec![
            loss("mean_absolute_error"),
            loss("focal").with("gamma", 3.0).unwrap(),
        ];
        let sum = LossConfig::sum(terms, vec![1.0, 0.5]).unwrap();
        assert_eq!(sum.to_string(), "mean_absolute_error + 0.5·focal(gamma=3)");
        assert_eq!(sum.name(), "sum");
        assert_eq!(sum.terms().len(), 2);
        assert!(sum.parameters().is_empty());
    }

    #[test]
    fn negative_zero_is_zero() {
        let zero = loss("cross_entropy").with("label_smoothing", -0.0).unwrap();
        assert_eq!(zero.parameters(), [("label_smoothing", Value::Number(0.0))]);
        assert_eq!(format!("{:?}", zero.parameters()[0].1), "Number(0.0)");
    }

    #[test]
    fn mistakes_are_named_with_what_was_expected() {
        let names = "cross_entropy, encouraging, mean_squared_error, mean_absolute_error, \
                     binary_cross_entropy, focal, poly1, generalized_cross_entropy, sum";
        let unknown = format!("loss: expected one of {names}, found 'mse'");
        assert_eq!(message(LossConfig::new("mse")), unknown);
        for (result, expected) in [
            (
                loss("encouraging").with("end", 0.5),
                "encouraging: expected a parameter among log_end, tail, found 'end'",
            ),
            (
                loss("encouraging").with("log_end", 1.5),
                "encouraging.log_end: expected a number in [0, 1], found 1.5",
            ),
            (
                loss("focal").with("gamma", f64::NAN),
                "focal.gamma: expected a number of at least 0, found NaN",
            ),
            (
                loss("generalized_cross_entropy").with("q", 0.0),
                "generalized_cross_entropy.q: expected a number in (0, 1], found 0",
            ),
            (
                loss("encouraging").with("tail", "hard"),
                "encouraging.tail: expected one of \"tangent\", \"unit_slope\", \"clamped\", \
                 found \"hard\"",
            ),
            (
                loss("encouraging").with("tail", 1.0),
                "encouraging.tail: expected one of \"tangent\", \"unit_slope\", \"clamped\", \
                 found 1",
            ),
        ] {
            assert_eq!(message(result), expected);
        }
    }

    #[test]
    fn sums_need_plain_terms_and_a_finite_weight_for_each() {
        let sum = LossConfig::sum(vec![loss("focal")], vec![1.0]).unwrap();
        assert_eq!(LossConfig::new("sum"), Err(LossError::EmptySum));
        assert_eq!(LossConfig::sum(vec![], vec![]), Err(LossError::EmptySum));
        assert_eq!(
            message(LossConfig::sum(vec![sum], vec![1.0])),
            "sum.terms: expected losses that are not sums themselves, found focal"
        );
        assert_eq!(
            message(LossConfig::sum(vec![loss("focal")], vec![1.0, 2.0])),
            "sum.weights: expected a weight for each of 1 terms, found 2"
        );
        assert_eq!(
            message(LossConfig::sum(vec![loss("focal")], vec![f64::INFINITY])),
            "sum.weights: expected finite numbers, found inf"
        );
    }
}
