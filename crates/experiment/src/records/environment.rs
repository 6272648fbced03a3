//! The software, hardware and data of a trial: the content of `environment.json`.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::data::DataRecords;
use crate::cpu;

/// Cargo.lock pins this version; a test compares the two.
const BURN_VERSION: &str = "0.22.1";

/// Everything besides settings that may affect a trial's numbers or speed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Environment {
    pub versions: Versions,
    /// Checked out where the program was built, with `-dirty` where tracked files differed from it; "unknown"
    /// outside a checkout.
    pub git_commit: &'static str,
    /// System and architecture, such as `linux x86_64`.
    pub operating_system: String,
    /// Model name of the processor; "unknown" where Linux does not tell.
    pub cpu: String,
    /// Logical cores that this process may use.
    pub cores: usize,
    #[serde(flatten)]
    pub computation: Computation,
    /// SHA-256 of the whole dataset, images and labels.
    pub data_hash: String,
    /// How many of the dataset's official records were found.
    pub data_records: DataRecords,
    /// UTC, RFC 3339, whole seconds.
    pub time_started: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Versions {
    pub experiment: &'static str,
    pub burn: &'static str,
}

/// Backend, device and precision, as chosen by the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Computation {
    pub backend: String,
    /// The name that the device reports.
    pub device: String,
    pub driver: Option<String>,
    /// GPU kernel options, such as `spirv+fusion`.
    pub kernels: Option<String>,
    /// Those that the CPU's kernels ran with, such as `avx2`; null on a GPU.
    pub instructions: Option<String>,
    /// `bitwise` where the same trial gives bitwise identical results on this device, else `tolerance`.
    pub determinism: Determinism,
    /// The precision used: `f32` also if the settings ask for `mixed` and the device does not support it.
    pub precision: String,
    /// Of the CPU backends.
    pub threads: usize,
}

/// The reproducibility of training on the same device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Determinism {
    /// Bitwise identical. On the CPU by construction, on a GPU as measured there.
    Bitwise,
    /// Identical up to rounding.
    #[cfg(feature = "wgpu")]
    Tolerance,
}

impl Environment {
    /// Of this program on this machine, at this moment.
    pub fn collect(computation: Computation, data_hash: String, data_records: DataRecords) -> Self {
        Self {
            versions: Versions {
                experiment: env!("CARGO_PKG_VERSION"),
                burn: BURN_VERSION,
            },
            git_commit: env!("EXPERIMENT_GIT_COMMIT"),
            operating_system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cpu: cpu::name(),
            cores: cpu::cores(),
            computation,
            data_hash,
            data_records,
            time_started: rfc_3339(Timestamp::now()),
        }
    }
}

impl Environment {
    /// The content of `environment.json` after an earlier session, `earlier`, with this one in its
    /// list `resumed`, which resumes after `step`; `None` if that content is damaged.
    pub fn noted_in(&self, earlier: &[u8], step: u64) -> Option<Value> {
        let mut noted: Value = serde_json::from_slice(earlier).ok()?;
        let sessions = noted.as_object_mut()?.entry("resumed").or_insert(json!([]));
        sessions.as_array_mut()?.push(json!({
            "step": step,
            "time_started": self.time_started,
            "git_commit": self.git_commit,
            "backend": self.computation.backend,
            "device": self.computation.device,
            "driver": self.computation.driver,
            "instructions": self.computation.instructions,
            "threads": self.computation.threads,
        }));
        Some(noted)
    }
}

/// UTC in the form `2026-11-23T08:05:09Z`.
fn rfc_3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::examples::environment;

    #[test]
    fn dates_follow_the_gregorian_calendar() {
        for (seconds, text) in [
            (-1, "1969-12-31T23:59:59Z"),
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_234_567_890, "2009-02-13T23:31:30Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc_3339(Timestamp::from_second(seconds).unwrap()), text);
        }
    }

    #[test]
    fn the_stated_version_of_burn_is_the_pinned_one() {
        let lock = include_str!("../../../../Cargo.lock");
        let pinned = format!("name = \"burn\"\nversion = \"{BURN_VERSION}\"\n");
        assert!(lock.contains(&pinned));
    }

    #[test]
    fn the_json_tells_versions_machine_data_and_time() {
        let value = serde_json::to_value(environment()).unwrap();
        assert_eq!(value["versions"]["burn"], BURN_VERSION);
        assert_eq!(value["backend"], "flex");
        assert_eq!(value["precision"], "f32");
        assert_eq!(value["instructions"], "avx2");
        assert_eq!(value["threads"], 2);
        assert_eq!(value["data_hash"], "sha256:0f");
        assert_eq!(
            value["data_records"],
            json!({
                "train": { "found": 50_000, "official": 50_000 },
                "test": { "found": 10_000, "official": 10_000 },
            })
        );
        assert!(value["cores"].as_u64().unwrap() >= 1);
        assert!(value["time_started"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn later_sessions_are_listed_and_the_first_stays_as_it_was() {
        let first = serde_json::to_value(environment()).unwrap();
        let mut later = environment();
        later.computation.backend = "ndarray".to_string();
        later.computation.instructions = Some("scalar".to_string());
        let mut noted = first.clone();
        for step in [17, 39] {
            noted = later
                .noted_in(noted.to_string().as_bytes(), step)
                .expect("the first is whole");
        }
        let sessions = noted.as_object_mut().unwrap().remove("resumed").unwrap();
        assert_eq!(noted, first);
        assert_eq!(sessions[0]["step"], 17);
        assert_eq!(sessions[1]["step"], 39);
        assert_eq!(sessions[1]["backend"], "ndarray");
        assert_eq!(sessions[1]["device"], "cpu");
        assert_eq!(sessions[1]["driver"], Value::Null);
        assert_eq!(sessions[1]["instructions"], "scalar");
        assert_eq!(later.noted_in(b"{\"versions\"", 1), None);
    }

    #[test]
    fn the_commit_of_the_build_is_a_hash_or_unknown() {
        let commit = environment().git_commit;
        let hash = commit.strip_suffix("-dirty").unwrap_or(commit);
        let is_hash = hash.len() >= 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(is_hash || commit == "unknown", "{commit}");
    }
}
