//! `experiment data`: the table of datasets, and fetching and verifying those that come as files.

mod download;
mod inspection;
mod list;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use ureq::http::Uri;
use ureq::http::uri::Authority;

use self::download::DownloadProgress;
use crate::data::{self, DataError};
use crate::datasets::DatasetFiles;
use crate::exit::BadInput;
use crate::terminal::{print, tell};

const VERIFY_EXIT_CODES: &str = "\
Exit codes: 0 if the files can be trained on, whether or not they are the official release's; \
4 if one of them is damaged or cannot be opened, the test file or every training file is missing, \
or no dataset is found";

/// List the datasets, and download and verify those that come as files
#[derive(Debug, Args)]
pub struct DataArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the datasets: images, classes, download size, description and source
    List,
    /// Download the official files, verify them and unpack an archive; an archive that is already in the folder is
    /// not downloaded again
    Fetch {
        /// The dataset
        #[arg(value_name = "DATASET", value_parser = dataset_parser())]
        dataset: DatasetFiles,
        /// Folder to create the dataset's folder in; by default `EXPERIMENT_DATA` or the user's data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// URL of the archive or of a folder that contains it, instead of the built-in list
        #[arg(long, value_name = "URL", value_parser = web_address)]
        mirror: Vec<String>,
    },
    /// Check files, labels and counts, and whether the bytes are the official release's
    #[command(after_help = VERIFY_EXIT_CODES)]
    Verify {
        /// Verify only this dataset; by default all that are found
        #[arg(value_name = "DATASET", value_parser = dataset_parser())]
        dataset: Option<DatasetFiles>,
        /// Folder of the files or its parent; by default `EXPERIMENT_DATA` or the user's data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

/// Runs `experiment data`.
pub fn run(arguments: &DataArguments) -> Result<()> {
    match &arguments.action {
        Action::List => print(&list::text()),
        Action::Fetch {
            dataset,
            data_dir,
            mirror,
        } => fetch(*dataset, data_dir.as_deref(), mirror),
        Action::Verify { dataset, data_dir } => verify(*dataset, data_dir.as_deref()),
    }
}

fn dataset_parser() -> impl TypedValueParser<Value = DatasetFiles> {
    PossibleValuesParser::new(DatasetFiles::all().map(|files| files.dataset.name)).map(|name| {
        let found = DatasetFiles::all().find(|files| files.dataset.name == name);
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
        Err(
            "expected a URL such as https://host/folder; to use an archive that you already have, \
             put it into the data folder (--data-dir)"
                .to_owned(),
        )
    }
}

fn fetch(files: DatasetFiles, data_dir: Option<&Path>, mirrors: &[String]) -> Result<()> {
    let root = data::data_root(data_dir)?;
    refuse_file_urls(files, mirrors)?;
    let official = files.release.download.sources.iter();
    let sources: Vec<String> = match mirrors {
        [] => official.map(ToString::to_string).collect(),
        mirrors => mirrors.to_vec(),
    };
    let mut progress = DownloadProgress::default();
    let folder = data::fetch(files, &root, &sources, &mut progress);
    drop(progress);
    print(&format!("{}\n", folder?.display()))
}

/// Several files have no address in common but their folder's.
fn refuse_file_urls(files: DatasetFiles, mirrors: &[String]) -> Result<()> {
    let remote = files.release.download.files();
    let url = mirrors.iter().find(|url| data::is_file_url(url));
    match url {
        Some(url) if remote.len() > 1 => {
            let names: Vec<&str> = remote.iter().map(|file| file.name).collect();
            Err(BadInput(anyhow!(
                "--mirror: expected the URL of the folder that contains {}, found that of a file, {url}",
                names.join(", ")
            ))
            .into())
        }
        _ => Ok(()),
    }
}

fn verify(dataset: Option<DatasetFiles>, data_dir: Option<&Path>) -> Result<()> {
    let mut not_found = Vec::new();
    let mut failed = Vec::new();
    let mut found = 0;
    let wanted = |files: &DatasetFiles| dataset.is_none_or(|it| it.dataset == files.dataset);
    for files in DatasetFiles::all().filter(wanted) {
        match data::inspect_found(files, data_dir) {
            // Files of several datasets have the same names.
            Ok(inspection) if dataset.is_none() && inspection.is_of_another() => {}
            Ok(inspection) => {
                found += 1;
                print(&inspection::text(&inspection))?;
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
