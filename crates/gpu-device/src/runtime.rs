//! Burn's process-wide settings for GPUs: fusion, and where tuning results and kernels are kept.

use std::path::PathBuf;

use burn::BurnConfig;
use cubecl::config::autotune::BenchConfig;
use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use directories::ProjectDirs;

/// The folder of this program in the user's cache directory for cached data about GPUs:
/// tuning results, compiled kernels, verdicts. `None` if the system has no such directory.
pub fn cache_folder() -> Option<PathBuf> {
    Some(
        ProjectDirs::from("", "", "experiment")?
            .cache_dir()
            .join("gpu"),
    )
}

/// Sets fusion and caches for this process. A `burn.toml` or `cubecl.toml` in the working directory has
/// no effect, so that a trial does not depend on where it is started; Burn's environment variables do.
pub fn configure(fusion: bool, software: bool) {
    let mut settings = CubeClRuntimeConfig::default();
    settings.compilation.cache = true;
    if let Some(folder) = cache_folder() {
        settings.environment.path = CacheConfig::Directory(folder);
    }
    if software {
        // Selecting the fastest kernel is pointless there, and each sample is slow.
        settings.autotune.bench = BenchConfig {
            min_samples: 1,
            max_samples: 1,
            short_circuit_samples: 1,
            ..BenchConfig::default()
        };
    }
    CubeClRuntimeConfig::try_set(settings.override_from_env());
    let search = if fusion {
        // Burn's five blocks in parallel run an optimizer's steps, one for each parameter, into an order
        // that it cannot keep, and then fuse none of them (DESIGN.md has the counts).
        "max_blocks = 1"
    } else {
        "max_explorations = 0"
    };
    let settings: BurnConfig = toml::from_str(&format!("[fusion.beam_search]\n{search}"))
        .expect("the text is a configuration of Burn");
    BurnConfig::try_set(settings.override_from_env());
}
