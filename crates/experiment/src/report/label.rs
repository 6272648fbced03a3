//! A loss as `result.json` keeps it → its name in a table.

use bonus_loss::LossConfig;
use serde::Deserialize;
use serde_json::Value;

/// The loss with the parameters that differ from their defaults; its JSON where this version does not know it.
pub fn label(loss: &Value) -> String {
    read(loss).map_or_else(|| loss.to_string(), |config| config.to_string())
}

/// The loss, if this version knows it and all its parameters.
pub fn read(loss: &Value) -> Option<LossConfig> {
    LossConfig::deserialize(loss).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_at_their_default_are_left_out() {
        let defaults = json!({ "name": "encouraging", "log_end": 0.75, "tail": "tangent" });
        assert_eq!(label(&defaults), "encouraging");
        let full = json!({ "name": "encouraging", "log_end": 1, "tail": "clamped" });
        assert_eq!(label(&full), "encouraging(log_end=1, tail=clamped)");
    }

    #[test]
    fn a_sum_is_written_as_one() {
        let terms = json!([{ "name": "mean_absolute_error" }, { "name": "focal", "gamma": 3.0 }]);
        let sum =
            |weights: Value| label(&json!({ "name": "sum", "terms": terms, "weights": weights }));
        assert_eq!(
            sum(json!([1.0, 1.0])),
            "mean_absolute_error + focal(gamma=3)"
        );
        assert_eq!(
            sum(json!([1.0, 0.5])),
            "mean_absolute_error + 0.5·focal(gamma=3)"
        );
    }

    #[test]
    fn a_loss_unknown_to_this_version_is_shown_as_stored() {
        for loss in [
            json!({ "name": "later_loss", "strength": 2 }),
            json!({ "name": "focal", "later_parameter": 2 }),
            json!({ "name": "focal", "gamma": [2] }),
            json!({ "name": "sum", "terms": [{ "name": "later_loss" }], "weights": [1] }),
            json!({ "gamma": 2 }),
            Value::Null,
        ] {
            assert_eq!(label(&loss), loss.to_string());
        }
    }
}
