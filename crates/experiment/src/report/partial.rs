//! The note about incomplete datasets.

use serde_json::Value;

use super::groups::Group;

/// A line under the table for each dataset with missing records; empty if none were missing.
pub fn partial_datasets(groups: &[Group]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for group in groups {
        let Some(records) = group
            .data_records()
            .filter(|records| !records.is_complete())
        else {
            continue;
        };
        let dataset = group.settings.get("dataset").and_then(Value::as_str);
        let line = format!(
            "Partial dataset: {} with {} training records and {} test records.\n",
            dataset.unwrap_or("unknown"),
            records.train,
            records.test
        );
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::records::TrialResult;
    use crate::records::examples::{data_records, done};
    use crate::report::groups::group;
    use crate::report::{DEFAULT_METRICS, Format, render};

    fn result(dataset: &str, loss: &str, train: usize) -> TrialResult {
        let settings = json!({ "dataset": dataset, "loss": { "name": loss }, "seed": 0 });
        TrialResult {
            data_records: Some(data_records(train)),
            ..done("a", settings, 0.5)
        }
    }

    #[test]
    fn each_partial_dataset_has_one_line_under_the_table() {
        let rows = group(vec![
            result("cifar10", "focal", 20_000),
            result("cifar10", "poly1", 20_000),
            result("cifar100", "poly1", 1000),
        ]);
        let expected = "\
Partial dataset: cifar10 with 20000 of 50000 training records and 10000 of 10000 test records.
Partial dataset: cifar100 with 1000 of 50000 training records and 10000 of 10000 test records.
";
        for format in [Format::Text, Format::Markdown] {
            let table = render(&rows, &DEFAULT_METRICS, format);
            assert!(table.ends_with(expected), "{table}");
        }
    }

    #[test]
    fn whole_and_unknown_datasets_have_none() {
        let unknown = TrialResult {
            data_records: None,
            ..result("cifar10", "poly1", 0)
        };
        let rows = group(vec![result("cifar10", "focal", 50_000), unknown]);
        assert_eq!(rows.len(), 2);
        assert_eq!(partial_datasets(&rows), "");
    }

    #[test]
    fn a_row_has_the_records_of_its_least_complete_trial() {
        let unknown = TrialResult {
            data_records: None,
            ..result("cifar10", "focal", 0)
        };
        let rows = group(vec![
            unknown,
            result("cifar10", "focal", 50_000),
            result("cifar10", "focal", 20_000),
        ]);
        assert_eq!(rows[0].data_records(), Some(data_records(20_000)));
    }
}
