//! `experiment diff A B`

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::Args;

use crate::exit::BadInput;
use crate::report::{StoreDiff, TrialDiff, TrialReport};
use crate::store::Store;
use crate::terminal::print;

/// Print how two trials differ, or two stores: settings, environment, scores
#[derive(Debug, Args)]
pub struct DiffArguments {
    /// Folder of a store, such as runs/quickstart, or of a trial: runs/quickstart/trials/ID, of which the start will do
    a: PathBuf,
    /// Folder of another store or trial
    b: PathBuf,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

/// What a path of the command line names.
struct Side<'a> {
    store: Store,
    folder: &'a Path,
    /// That of a trial; `None` for the whole store.
    id: Option<String>,
}

pub fn run(arguments: &DiffArguments) -> Result<()> {
    let [a, b] = [Side::of(&arguments.a)?, Side::of(&arguments.b)?];
    let report = |side: &Side, id: &str| TrialReport::read(&side.store, side.folder, id);
    let (json, text) = match (&a.id, &b.id) {
        (Some(id_a), Some(id_b)) => {
            let diff = TrialDiff::of(report(&a, id_a)?, report(&b, id_b)?);
            (diff.json(), diff.text())
        }
        (None, None) => {
            let diff = StoreDiff::of((&a.store, a.folder), (&b.store, b.folder))?;
            (diff.json(), diff.text())
        }
        _ => {
            let message = "diff: expected two trials or two stores, found one of each";
            return Err(BadInput(anyhow!(message)).into());
        }
    };
    print(if arguments.json { &json } else { &text })
}

impl<'a> Side<'a> {
    fn of(path: &'a Path) -> Result<Self> {
        let trials = path
            .parent()
            .filter(|it| it.file_name() == Some(OsStr::new("trials")));
        let folder = match trials.and_then(Path::parent) {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => path,
        };
        let store = Store::open_existing(folder)?;
        let name = path.file_name().map(OsStr::to_string_lossy);
        let prefix = name.filter(|_| trials.is_some());
        let id = prefix.map(|prefix| store.find(&prefix)).transpose()?;
        Ok(Self { store, folder, id })
    }
}
