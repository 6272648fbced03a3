//! The sweep of a store, for commands that are given no sweep file.

use std::path::Path;

use anyhow::{Result, anyhow};

use crate::exit::BadInput;
use crate::report::declared_sweep;
use crate::store::Store;
use crate::sweep::Sweep;

/// The sweep that was declared last in the store in `folder`, with its text.
///
/// # Errors
/// When the store keeps no sweep, or one that was changed.
pub fn declared(store: &Store, folder: &Path) -> Result<(Sweep, String)> {
    let bad = |problem: String| BadInput(anyhow!("{}: {problem}", folder.display()));
    let plan = store.whole_plan().map_err(|damage| {
        BadInput(anyhow!(
            "{damage}; `experiment plan FILE --declare` declares the sweep again, and `experiment run FILE` runs it"
        ))
    })?;
    let plan = plan.unwrap_or_default();
    let declared = declared_sweep(&plan).map_err(bad)?;
    let (sweep, declaration) = declared.ok_or_else(|| {
        bad(
            "plan.json: expected the sweep that `experiment run FILE` and `experiment plan FILE --declare` keep there, found none"
                .to_owned(),
        )
    })?;
    Ok((sweep, declaration.sweep.clone()))
}
