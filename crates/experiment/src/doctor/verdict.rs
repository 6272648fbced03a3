//! Which configurations of an adapter are correct, stored in the user's cache directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use gpu_device::{AdapterIdentity, KernelOptions, cache_folder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{CompareDevices, Outcome, Tried, try_in_child};
use crate::device::cpu_backend;
use crate::digest::hex;
use crate::records::Determinism;
use crate::settings::PrecisionName;
use crate::store::atomic;

/// The tests of one adapter and driver with one build of this program.
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

    /// How `options` did in `precision`, where it was tried.
    pub fn of(&self, options: KernelOptions, precision: PrecisionName) -> Option<&Tried> {
        (self.tried.iter()).find(|tried| (tried.options, tried.precision) == (options, precision))
    }

    /// How the task's options do in its precision: as it is known, or else tried now within `limit`, which
    /// `announce` tells the user first.
    ///
    /// # Errors
    /// When this program has no CPU backend to compare with, or the outcome cannot be kept.
    pub fn known_or_tried(
        &mut self,
        task: CompareDevices,
        limit: Duration,
        announce: impl FnOnce(),
    ) -> Result<&Tried> {
        if self.of(task.options, task.precision).is_none() {
            // Else each try would fail for it, after its process has opened the adapter.
            cpu_backend()?;
            announce();
            self.add(try_in_child(task, limit)?)?;
        }
        let tried = self.of(task.options, task.precision);
        Ok(tried.expect("what was not known was added"))
    }

    /// How deterministic `options` is in mixed precision, or why it may not train in it.
    pub fn in_mixed(&self, options: KernelOptions) -> Result<Determinism, &'static str> {
        let Some(tried) = self.of(options, PrecisionName::Mixed) else {
            return Err("nothing was compared in f16");
        };
        match &tried.outcome {
            _ if tried.is_right() => Ok(tried.determinism()),
            Outcome::Compared(_) => Err(
                "the adapter computes incorrect results in f16 (`experiment doctor` shows the differences)",
            ),
            Outcome::Unsupported => Err("the adapter does not support f16"),
            Outcome::Crashed { .. } | Outcome::TimedOut { .. } => {
                Err("nothing could be compared in f16")
            }
        }
    }

    /// Removes the outcome of `options`.
    pub fn forget(&mut self, options: KernelOptions) {
        self.tried.retain(|tried| tried.options != options);
    }

    /// Adds an outcome, in place of an earlier one, and saves all.
    ///
    /// # Errors
    /// When the cache directory cannot be written.
    pub fn add(&mut self, tried: Tried) -> Result<()> {
        self.tried.retain(|earlier| {
            (earlier.options, earlier.precision) != (tried.options, tried.precision)
        });
        self.tried.push(tried);
        let Some(path) = self.path() else {
            return Ok(());
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        }
        Ok(atomic::write_shared(
            &path,
            &serde_json::to_vec_pretty(self)?,
        )?)
    }

    /// The first `tested` options that are correct in f32, which everything relies on.
    pub fn chosen(&self, tested: &[KernelOptions]) -> Option<KernelOptions> {
        let is_right = |options: &KernelOptions| {
            let tried = self.of(*options, PrecisionName::F32);
            tried.is_some_and(Tried::is_right)
        };
        tested.iter().copied().find(is_right)
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

#[cfg(test)]
mod tests {
    use PrecisionName::{F32, Mixed};

    use super::*;
    use crate::doctor::{Check, PrecisionComparison};

    /// A comparison that passes or not.
    fn compared(right: bool) -> Outcome {
        let found = if right { 1.0 } else { 2.0 };
        Outcome::Compared(PrecisionComparison {
            operations: vec![Check::new("numbers", &[1.0], &[found], 0.1)],
            networks: Vec::new(),
        })
    }

    fn verdict(tried: impl IntoIterator<Item = (&'static str, PrecisionName, Outcome)>) -> Verdict {
        let tried = tried
            .into_iter()
            .map(|(options, precision, outcome)| Tried {
                options: options.parse().unwrap(),
                precision,
                seconds: 1.0,
                outcome,
            });
        Verdict {
            adapter: AdapterIdentity {
                name: "adapter".to_owned(),
                driver: "1".to_owned(),
                api: "vulkan".to_owned(),
                software: false,
            },
            program: "program".to_owned(),
            tried: tried.collect(),
        }
    }

    #[test]
    fn the_first_options_that_are_right_in_f32_are_chosen() {
        let tested = ["spirv+fusion", "spirv", "wgsl"].map(|name| name.parse().unwrap());
        let [_, spirv, _] = tested;
        let crashed = Outcome::Crashed {
            cause: "signal".to_owned(),
        };
        let known = verdict([
            ("wgsl", F32, compared(true)),
            ("spirv+fusion", F32, crashed),
            ("spirv+fusion", Mixed, compared(true)),
            ("spirv", F32, compared(true)),
            ("spirv", Mixed, compared(false)),
        ]);
        assert_eq!(known.chosen(&tested), Some(spirv));
        let wrong = verdict([("spirv", F32, compared(false))]);
        assert_eq!(wrong.chosen(&tested), None);
    }

    #[test]
    fn what_is_known_is_not_tried_again() {
        let mut known = verdict([("spirv", F32, compared(false))]);
        let expected = known.tried[0].clone();
        let task = CompareDevices {
            options: expected.options,
            precision: F32,
        };
        let announce = || panic!("nothing is to be tried");
        let found = known.known_or_tried(task, Duration::ZERO, announce);
        assert_eq!(*found.unwrap(), expected);
    }

    #[test]
    fn mixed_precision_is_available_only_where_it_was_found_right() {
        for (outcome, reason) in [
            (Some(compared(true)), None),
            (Some(compared(false)), Some("computes incorrect results")),
            (Some(Outcome::Unsupported), Some("does not support f16")),
            (
                Some(Outcome::TimedOut { limit_s: 1 }),
                Some("nothing could be compared"),
            ),
            (None, Some("nothing was compared")),
        ] {
            let tried = outcome.map(|outcome| ("spirv", Mixed, outcome));
            let known = verdict(tried.into_iter().chain([("spirv", F32, compared(true))]));
            let found = known.in_mixed("spirv".parse().unwrap()).err();
            assert_eq!(found.is_some(), reason.is_some(), "{found:?}");
            assert!(
                found.unwrap_or("").contains(reason.unwrap_or("")),
                "{found:?}"
            );
        }
    }
}
