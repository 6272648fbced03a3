//! The configuration of a loss: its name and parameters.

use std::fmt::{self, Display, Formatter};

use crate::parameter::ParameterType;
use crate::{LossEntry, LossError, UncheckedValue, Value, find, sum};

/// The validated configuration of a loss: its name and parameters.
///
/// Its text form is the label in tables, which omits parameters at their default, as in
/// `encouraging(log_end=0.5)` or `mean_absolute_error + 0.5·mean_squared_error`.
#[derive(Clone, Debug, PartialEq)]
pub struct LossConfig {
    pub(crate) entry: &'static LossEntry,
    form: Form,
}

#[derive(Clone, Debug, PartialEq)]
enum Form {
    /// One value per parameter of the entry, in the same order.
    Single(Vec<Value>),
    /// Weights and losses, at least one, none of them a sum.
    Sum(Vec<(f64, LossConfig)>),
}

impl LossConfig {
    /// The loss called `name` with every parameter at its default.
    ///
    /// # Errors
    /// [`LossError::UnknownLoss`]; [`LossError::EmptySum`] for `sum`, for which use [`Self::sum`].
    pub fn new(name: &str) -> Result<Self, LossError> {
        let entry = find(name).ok_or_else(|| LossError::UnknownLoss {
            name: name.to_owned(),
        })?;
        if entry.name == sum::NAME {
            return Err(LossError::EmptySum);
        }
        let defaults = entry.parameters.iter().map(|parameter| parameter.default);
        Ok(Self::single(entry, defaults.collect()))
    }

    pub(crate) fn single(entry: &'static LossEntry, values: Vec<Value>) -> Self {
        let form = Form::Single(values);
        Self { entry, form }
    }

    /// The same loss with one parameter set, to a number or a choice.
    ///
    /// # Errors
    /// [`LossError::UnknownParameter`] or [`LossError::InvalidValue`].
    pub fn with(
        mut self,
        parameter: &str,
        value: impl Into<UncheckedValue>,
    ) -> Result<Self, LossError> {
        let mut parameters = self.entry.parameters.iter().enumerate();
        let found = parameters.find(|(_, known)| known.name == parameter);
        let (Some((index, parameter)), Form::Single(values)) = (found, &mut self.form) else {
            return Err(LossError::UnknownParameter {
                loss: self.entry.name,
                parameter: parameter.to_owned(),
            });
        };
        let found = value.into();
        values[index] = (parameter.kind.check(&found)).ok_or_else(|| LossError::InvalidValue {
            loss: self.entry.name,
            parameter: parameter.name,
            expectation: parameter.kind.to_string(),
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
        if let Some(nested) = terms.iter().find(|term| !term.terms().is_empty()) {
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
            form: Form::Sum(weights.into_iter().zip(terms).collect()),
        })
    }

    pub fn name(&self) -> &'static str {
        self.entry.name
    }

    /// All parameters and their values, including defaults; empty for a sum.
    pub fn parameters(&self) -> Vec<(&'static str, Value)> {
        let names = self.entry.parameters.iter().map(|parameter| parameter.name);
        names.zip(self.values().iter().copied()).collect()
    }

    /// The parameters that are not at their default.
    pub fn changed_parameters(&self) -> Vec<(&'static str, Value)> {
        let parameters = self.entry.parameters.iter().zip(self.parameters());
        let changed = parameters.filter(|(parameter, (_, value))| parameter.default != *value);
        changed.map(|(_, changed)| changed).collect()
    }

    /// The weighted terms of a sum; none for every other loss.
    pub fn terms(&self) -> &[(f64, LossConfig)] {
        match &self.form {
            Form::Single(_) => &[],
            Form::Sum(terms) => terms,
        }
    }

    fn values(&self) -> &[Value] {
        match &self.form {
            Form::Single(values) => values,
            Form::Sum(_) => &[],
        }
    }

    /// The value of the parameter of that name, for the row's field.
    pub(crate) fn parameter<T: ParameterType>(&self, name: &str) -> T {
        let mut parameters = self.parameters().into_iter();
        let found = parameters.find(|(known, _)| *known == name);
        T::from_value(found.expect("a row reads only the parameters it lists").1)
    }
}

impl Display for LossConfig {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if let Form::Sum(terms) = &self.form {
            return fmt_sum(terms, formatter);
        }
        formatter.write_str(self.entry.name)?;
        let changed = self.changed_parameters().into_iter();
        let changed = changed.map(|(name, value)| format!("{name}={}", value.bare()));
        let changed: Vec<String> = changed.collect();
        if changed.is_empty() {
            return Ok(());
        }
        write!(formatter, "({})", changed.join(", "))
    }
}

fn fmt_sum(terms: &[(f64, LossConfig)], formatter: &mut Formatter<'_>) -> fmt::Result {
    for (index, (weight, term)) in terms.iter().enumerate() {
        if index > 0 {
            formatter.write_str(" + ")?;
        }
        if *weight != 1.0 {
            write!(formatter, "{weight}·")?;
        }
        write!(formatter, "{term}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Encouraging, LOSSES, Tail};

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
                let default = parameter.kind.check(&parameter.default.into());
                assert_eq!(default, Some(parameter.default), "{place}");
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
    fn recommended_values_are_allowed() {
        let recommended = |entry: &'static LossEntry| {
            let recommended = entry.recommended.iter();
            recommended.map(move |values| (entry.name, values))
        };
        let recommended: Vec<_> = LOSSES.iter().flat_map(recommended).collect();
        assert!(!recommended.is_empty());
        for (name, values) in recommended {
            assert!(
                !values.reason.is_empty() && !values.parameters.is_empty(),
                "{name}"
            );
            for (parameter, value) in values.parameters {
                let set = loss(name).with(parameter, *value).unwrap();
                assert!(set.parameters().contains(&(parameter, *value)), "{name}");
            }
        }
    }

    #[test]
    fn the_type_of_a_loss_makes_the_same_as_its_name() {
        let typed = Encouraging::new().log_end(0.5).tail(Tail::UnitSlope);
        let named = loss("encouraging").with("log_end", 0.5).unwrap();
        let named = named.with("tail", "unit_slope").unwrap();
        assert_eq!(LossConfig::from(typed), named);
        assert_eq!(LossConfig::from(Encouraging::new()), loss("encouraging"));
    }

    #[test]
    #[should_panic(expected = "encouraging.log_end: expected a number in [0, 1], found 1.5")]
    fn the_type_of_a_loss_refuses_what_is_out_of_range() {
        let _ = Encouraging::new().log_end(1.5);
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
                assert!(
                    readme.contains(&format!("`{} = ", parameter.name)),
                    "{place}"
                );
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
        let names: Vec<&str> = LOSSES.iter().map(|entry| entry.name).collect();
        let names = names.join(", ");
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
