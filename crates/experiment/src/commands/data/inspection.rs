//! The inspection of a dataset's files, formatted for people.

use crate::data::{Inspection, ShardState};
use crate::terminal::table::{self, Align, Column};

pub fn text(inspection: &Inspection) -> String {
    let mut text = format!(
        "{} in {}\n",
        inspection.files.dataset,
        inspection.folder.display()
    );
    text += &shards_table(inspection);
    let [training, tested] = inspection.class_counts();
    let found: usize = training.iter().chain(&tested).sum();
    let expected: usize = (inspection.shards.iter())
        .map(|(shard, _)| shard.images)
        .sum();
    let complete = if found == expected {
        "complete".to_owned()
    } else {
        format!("partial, {found} of {expected} records")
    };
    let official = if inspection.difference().is_none() {
        "yes, every file"
    } else if inspection.usable() {
        "no, but usable for training, so the exit code is 0"
    } else {
        "no, and unusable for training, so the exit code is 4"
    };
    text + &counts_text("training", &training)
        + &counts_text("test", &tested)
        + &format!("  {complete}; official release: {official}\n")
}

/// A line for each shard with its findings.
fn shards_table(inspection: &Inspection) -> String {
    let state = |state: &ShardState, images: usize| match state {
        ShardState::Missing => "missing".to_owned(),
        ShardState::Damaged(error) => format!("unusable: {error}"),
        ShardState::Sound { labels, official } => format!(
            "{} of {images} records, {}",
            labels.len(),
            if *official {
                "official bytes"
            } else {
                "not the official bytes"
            }
        ),
    };
    let shards = &inspection.shards;
    let table = table::bare(vec![
        Column::new("", Align::Left, shards, |(shard, _)| shard.names()),
        Column::new("", Align::Left, shards, |(shard, found)| {
            state(found, shard.images)
        }),
    ]);
    table.lines().map(|line| format!("  {line}\n")).collect()
}

/// One figure where all classes have as many records, else one for each class.
fn counts_text(split: &str, counts: &[usize]) -> String {
    let records: usize = counts.iter().sum();
    let each = if counts.iter().all(|count| *count == counts[0]) {
        format!("{} in each of {} classes", counts[0], counts.len())
    } else {
        let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
        format!("by class {}", counts.join(" "))
    };
    format!("  {split}: {records} records, {each}\n")
}
