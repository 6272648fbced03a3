//! The table of datasets, as people read it.

use crate::datasets::{DATASETS, Dataset};
use crate::terminal::table::{Align, Column, NONE, ruled};

pub fn text() -> String {
    let table = ruled(vec![
        Column::new("dataset", Align::Left, DATASETS, |row| row.name.to_owned()),
        Column::new("images", Align::Left, DATASETS, |row| row.shape.to_string()),
        Column::new("classes", Align::Right, DATASETS, |row| {
            row.classes().to_string()
        }),
        Column::new("training", Align::Right, DATASETS, |row| {
            row.training_images.to_string()
        }),
        Column::new("test", Align::Right, DATASETS, |row| {
            row.test_images.to_string()
        }),
        Column::new("download", Align::Right, DATASETS, |row| download(row)),
        Column::new("description", Align::Left, DATASETS, |row| {
            row.summary.to_owned()
        }),
    ]);
    let sources = DATASETS
        .iter()
        .map(|dataset| format!("{}: {}\n", dataset.name, dataset.source));
    let sources: String = sources.collect();
    table + "\nimages are height × width × channels\n" + &sources
}

/// The size of what `data fetch` downloads.
fn download(dataset: &Dataset) -> String {
    let Some(release) = &dataset.release else {
        return NONE.to_owned();
    };
    let bytes: u64 = (release.download.files().iter())
        .map(|file| file.bytes)
        .sum();
    format!("{} MB", bytes.div_ceil(1_000_000))
}
