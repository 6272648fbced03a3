//! `experiment data`: fetching and verifying the datasets that come as files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use ureq::http::Uri;
use ureq::http::uri::Authority;

use crate::data::{self, DataError, FileState, Inspection, Progress, RELEASES, Release};
use crate::terminal::table::{self, Align, Column};
use crate::terminal::text::{bar, duration};
use crate::terminal::{Shown, Verbosity, can_show_bars, inform, print, show_bars, tell, verbosity};

const VERIFY_EXIT_CODES: &str = "\
Exit codes: 0 where the files can be trained on, be they the official release's or not; \
4 where one of them is damaged or cannot be opened, the test file or every training file is missing, \
or no dataset is found";

/// Fetch and verify the datasets that come as files
#[derive(Debug, Args)]
pub struct DataArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Download the official archive, check it and unpack it; one that is in the folder already is not
    /// downloaded again
    Fetch {
        /// The dataset
        #[arg(value_name = "DATASET", value_parser = release_parser())]
        release: &'static Release,
        /// Folder to put the dataset's folder into; without it `EXPERIMENT_DATA` or the user's data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Address of the archive or of a folder that holds it, in place of the built-in list
        #[arg(long, value_name = "URL", value_parser = web_address)]
        mirror: Vec<String>,
    },
    /// Check files, labels and counts, and whether the bytes are the official release's
    #[command(after_help = VERIFY_EXIT_CODES)]
    Verify {
        /// Only this dataset; without it every one that is found
        #[arg(value_name = "DATASET", value_parser = release_parser())]
        release: Option<&'static Release>,
        /// Folder of the files or its parent; without it `EXPERIMENT_DATA` or the user's data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

/// Runs `experiment data`.
pub fn run(arguments: &DataArguments) -> Result<()> {
    match &arguments.action {
        Action::Fetch {
            release,
            data_dir,
            mirror,
        } => fetch(release, data_dir.as_deref(), mirror),
        Action::Verify { release, data_dir } => verify(*release, data_dir.as_deref()),
    }
}

fn release_parser() -> impl TypedValueParser<Value = &'static Release> {
    let names = RELEASES.iter().map(|release| release.dataset.name());
    PossibleValuesParser::new(names).map(|name| {
        let found = RELEASES
            .iter()
            .find(|release| release.dataset.name() == name);
        found.expect("the parser lets only names of the table through")
    })
}

/// Accepts what can be downloaded from.
fn web_address(text: &str) -> Result<String, String> {
    let address = text.parse::<Uri>().ok();
    let is_usable = address.is_some_and(|address| {
        let host = address.host().filter(|host| !host.is_empty());
        let authority = address.authority().map(Authority::as_str);
        // A port that is none is taken for no port.
        let without_port = authority.and_then(|whole| whole.rsplit('@').next()) == host;
        matches!(address.scheme_str(), Some("http" | "https"))
            && host.is_some()
            && (without_port || address.port().is_some())
    });
    if is_usable {
        Ok(text.to_owned())
    } else {
        Err("expected an address such as https://host/folder; to use an archive that you already have, \
             put it into the data folder (--data-dir)"
            .to_owned())
    }
}

fn fetch(release: &'static Release, data_dir: Option<&Path>, mirrors: &[String]) -> Result<()> {
    let root = data::data_root(data_dir)?;
    let sources: Vec<String> = match mirrors {
        [] => release
            .archive
            .sources
            .iter()
            .map(ToString::to_string)
            .collect(),
        mirrors => mirrors.to_vec(),
    };
    let mut progress = DownloadProgress::default();
    let folder = data::fetch(release, &root, &sources, &mut progress);
    drop(progress);
    print(&format!("{}\n", folder?.display()))
}

fn verify(release: Option<&'static Release>, data_dir: Option<&Path>) -> Result<()> {
    let mut not_found = Vec::new();
    let mut failed = Vec::new();
    let mut found = 0;
    for release in RELEASES
        .iter()
        .filter(|any| release.is_none_or(|it| it.dataset == any.dataset))
    {
        match data::inspect_found(release, data_dir) {
            Ok(inspection) => {
                found += 1;
                print(&inspection_text(&inspection))?;
                if !inspection.usable() {
                    let folder = inspection.folder;
                    failed.push(DataError::Unusable { folder });
                }
            }
            Err(error @ DataError::NotFound { .. }) => not_found.push(error),
            Err(error) => failed.push(error),
        }
    }
    if found == 0 && failed.is_empty() {
        failed.append(&mut not_found);
    }
    failed.dedup_by_key(|error| error.to_string());
    let Some(last) = failed.pop() else {
        return Ok(());
    };
    for error in failed {
        tell(format_args!("error: {error}"));
    }
    Err(last.into())
}

fn inspection_text(inspection: &Inspection) -> String {
    let mut text = format!(
        "{} in {}\n",
        inspection.release.dataset,
        inspection.folder.display()
    );
    text += &files_table(inspection);
    let test = inspection.release.test.name;
    let training = inspection.class_counts(|file| file.name != test);
    let tested = inspection.class_counts(|file| file.name == test);
    let found: usize = training.iter().chain(&tested).sum();
    let expected: usize = inspection.files.iter().map(|(file, _)| file.records).sum();
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

/// A line for each file with what was found of it.
fn files_table(inspection: &Inspection) -> String {
    let state = |state: &FileState, records: usize| match state {
        FileState::Missing => "missing".to_owned(),
        FileState::Damaged(error) => format!("unusable: {error}"),
        FileState::Sound { labels, official } => format!(
            "{} of {records} records, {}",
            labels.len(),
            if *official {
                "official bytes"
            } else {
                "not the official bytes"
            }
        ),
    };
    let files = &inspection.files;
    let table = table::bare(vec![
        Column::new("", Align::Left, files, |(file, _)| file.name.to_owned()),
        Column::new("", Align::Left, files, |(file, found)| {
            state(found, file.records)
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

/// A bar on a terminal, elsewhere a line for each tenth.
#[derive(Default)]
struct DownloadProgress {
    counts: Arc<DownloadCounts>,
    /// From the first bytes on.
    bar: Option<Shown>,
    tenth: u64,
}

#[derive(Default)]
struct DownloadCounts {
    bytes: AtomicU64,
    total: AtomicU64,
}

impl DownloadProgress {
    fn show_bar(&mut self, bytes_before: u64) {
        let (counts, start) = (Arc::clone(&self.counts), Instant::now());
        self.bar = Some(show_bars(move || {
            let bytes = counts.bytes.load(Ordering::Relaxed);
            let total = counts.total.load(Ordering::Relaxed);
            vec![download_line(bytes_before, bytes, total, start.elapsed())]
        }));
    }
}

/// `time` after the first of the bytes that follow `before`.
fn download_line(before: u64, bytes: u64, total: u64, time: Duration) -> String {
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let mut line = format!(
        "{} {:.1} of {:.1} MiB",
        bar(bytes, total),
        mebibytes(bytes),
        mebibytes(total)
    );
    let (new, seconds) = (bytes.saturating_sub(before), time.as_secs_f64());
    if new > 0 && seconds > 0.0 {
        let left = time.mul_f64(total.saturating_sub(bytes) as f64 / new as f64);
        line += &format!(
            ", {:.1} MiB/s, {} left",
            mebibytes(new) / seconds,
            duration(left)
        );
    }
    line
}

impl Progress for DownloadProgress {
    fn downloaded(&mut self, bytes: u64, total: u64) {
        self.counts.bytes.store(bytes, Ordering::Relaxed);
        self.counts.total.store(total, Ordering::Relaxed);
        let tenth = 10 * bytes / total;
        if !can_show_bars() {
            if tenth != self.tenth {
                inform(format_args!("{bytes} of {total} bytes"));
            }
        } else if self.bar.is_none() && verbosity() != Verbosity::Quiet {
            self.show_bar(bytes);
        }
        self.tenth = tenth;
    }

    fn message(&mut self, text: &str) {
        inform(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_of_a_download_counts_only_what_is_new() {
        let (mebibyte, time) = (1 << 20, Duration::from_secs(4));
        assert_eq!(
            download_line(100 * mebibyte, 110 * mebibyte, 160 * mebibyte, time),
            "██████░░░░ 110.0 of 160.0 MiB, 2.5 MiB/s, 20s left"
        );
        assert_eq!(
            download_line(0, 0, 160 * mebibyte, time),
            "░░░░░░░░░░ 0.0 of 160.0 MiB"
        );
    }
}
