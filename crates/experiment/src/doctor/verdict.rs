//! Which ways of computing on an adapter are right, kept in the user's cache directory.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use gpu_device::{AdapterIdentity, Combination, cache_folder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Tried;
use crate::digest::hex;
use crate::store::atomic;

/// What has been tried on one adapter and driver with one build of this program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub adapter: AdapterIdentity,
    /// SHA-256 of this program's file: another build has other kernels.
    pub program: String,
    pub tried: Vec<Tried>,
}

impl Verdict {
    /// What is known of `adapter`: nothing, at first.
    ///
    /// # Errors
    /// When this program's file cannot be read.
    pub fn known(adapter: &AdapterIdentity) -> Result<Self> {
        let new = Self {
            adapter: adapter.clone(),
            program: program_hash()?,
            tried: Vec::new(),
        };
        // A verdict that cannot be read is made again.
        let known = new.path().and_then(|path| read(&path));
        let known =
            known.filter(|known| (&known.adapter, &known.program) == (&new.adapter, &new.program));
        Ok(known.unwrap_or(new))
    }

    pub fn of(&self, combination: Combination) -> Option<&Tried> {
        (self.tried.iter()).find(|tried| tried.combination == combination)
    }

    /// Adds an outcome, in place of an earlier one, and saves all.
    ///
    /// # Errors
    /// When the cache directory cannot be written.
    pub fn add(&mut self, tried: Tried) -> Result<()> {
        self.tried
            .retain(|earlier| earlier.combination != tried.combination);
        self.tried.push(tried);
        let Some(path) = self.path() else {
            return Ok(());
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        }
        Ok(atomic::write(&path, &serde_json::to_vec_pretty(self)?)?)
    }

    /// The first of `combinations` that is right.
    pub fn chosen(&self, combinations: &[Combination]) -> Option<&Tried> {
        let mut known = combinations
            .iter()
            .filter_map(|combination| self.of(*combination));
        known.find(|tried| tried.is_right())
    }

    fn path(&self) -> Option<PathBuf> {
        let mut hash = Sha256::new();
        hash.update(serde_json::to_vec(&self.adapter).expect("an identity is plain text"));
        hash.update(&self.program);
        let name = hex(&hash.finalize()[..8]);
        Some(cache_folder()?.join(format!("verdict-{name}.json")))
    }
}

fn read(path: &Path) -> Option<Verdict> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn program_hash() -> Result<String> {
    let path = std::env::current_exe().context("doctor: this program's own file")?;
    let program = fs::read(&path).with_context(|| format!("{}", path.display()))?;
    Ok(hex(&Sha256::digest(program)))
}
