//! `experiment data`: fetching and verifying the datasets that come as files.

mod download;
mod inspection;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use ureq::http::Uri;
use ureq::http::uri::Authority;

use self::download::DownloadProgress;
use crate::data::{self, DataError, RELEASES, Release};
use crate::terminal::{print, tell};

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
