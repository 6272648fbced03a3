//! Slurm: a sweep as a job array of workers, and a report after it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::exit::BadInput;

/// Seconds before its time limit at which a task is told to write a checkpoint. Slurm may be a minute early.
const WARNING_S: u32 = 120;

/// A sweep for Slurm: the scripts, and how they are submitted.
#[derive(Debug)]
pub struct Slurm {
    /// Of the sweep.
    pub name: String,
    /// An absolute path, the same on every node.
    pub store: PathBuf,
    /// Tasks of the array.
    pub tasks: usize,
    /// Arguments of `experiment work` after the store.
    pub work: Vec<String>,
    /// Flags of `sbatch`.
    pub flags: Vec<String>,
    /// Whether a job after the array submits what is left.
    pub continues: bool,
}

/// The ids of what was submitted.
#[derive(Debug, PartialEq, Eq)]
pub struct Submitted {
    pub workers: String,
    /// The job that runs when the array has ended, which makes the report.
    pub after: String,
}

impl Slurm {
    /// The folder of the scripts, the program and the logs.
    pub fn folder(store: &Path) -> PathBuf {
        store.join("slurm")
    }

    /// The program that the jobs run: a copy of the one that planned them.
    pub fn program(store: &Path) -> PathBuf {
        Self::folder(store).join("experiment")
    }

    /// The sweep file that the jobs continue.
    pub fn sweep_file(store: &Path) -> PathBuf {
        Self::folder(store).join("sweep.toml")
    }

    /// Each script with its path.
    pub fn scripts(&self) -> [(PathBuf, String); 2] {
        let folder = Self::folder(&self.store);
        [
            (folder.join("workers.sh"), self.workers()),
            (folder.join("after.sh"), self.after()),
        ]
    }

    /// One task of the array.
    fn workers(&self) -> String {
        let name = quoted(&self.name);
        let log = quoted_path(&Self::folder(&self.store).join("%A_%a.log"));
        let (program, store) = (
            quoted_path(&Self::program(&self.store)),
            quoted_path(&self.store),
        );
        let work = quoted_all(&self.work);
        let last = self.tasks.saturating_sub(1);
        format!(
            "#!/usr/bin/env bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --requeue
#SBATCH --signal=B:USR1@{WARNING_S}
#SBATCH --open-mode=append
#SBATCH --output={log}

# USR1 comes before the time limit: the worker writes a checkpoint, and the task starts again later.
# TERM comes when the job is cancelled or preempted: the worker writes a checkpoint.
trap 'requeue=yes; kill -TERM \"$worker\" 2>/dev/null' USR1
trap 'kill -TERM \"$worker\" 2>/dev/null' TERM
{program} work {store}{work} &
worker=$!
# A signal ends `wait` before the worker has ended.
while wait \"$worker\"; code=$?; kill -0 \"$worker\" 2>/dev/null; do :; done
if [ \"$code\" = 75 ] && [ \"$requeue\" = yes ]; then
    scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}\"
fi
exit \"$code\"
"
        )
    }

    /// What runs when no task of the array is left.
    fn after(&self) -> String {
        let name = quoted(&format!("{}-report", self.name));
        let log = quoted_path(&Self::folder(&self.store).join("after.log"));
        let (program, store) = (
            quoted_path(&Self::program(&self.store)),
            quoted_path(&self.store),
        );
        let page = quoted_path(&self.store.join("report.html"));
        let mut text = format!(
            "#!/usr/bin/env bash
#SBATCH --job-name={name}
#SBATCH --open-mode=append
#SBATCH --output={log}

{program} report {store} --html {page}
{program} report {store}
"
        );
        if self.continues {
            let sweep = quoted_path(&Self::sweep_file(&self.store));
            let (work, flags) = (quoted_all(&self.work), quoted_all(&self.flags));
            text += &format!(
                "# What a job that was cancelled has left; nothing if all trials have ended.
{program} slurm {sweep} --store {store} --continue{work} --{flags}
"
            );
        }
        text
    }

    /// The commands that [`Slurm::submit`] runs, for people.
    pub fn commands(&self) -> String {
        let [(workers, _), (after, _)] = self.scripts();
        let flags = quoted_all(&self.flags);
        format!(
            "sbatch --parsable{flags} {}\nsbatch --parsable{flags} --dependency=afterany:JOB {}\n",
            quoted_path(&workers),
            quoted_path(&after)
        )
    }

    /// Submits the scripts, which have been written.
    ///
    /// # Errors
    /// When Slurm refuses them, with its message.
    pub fn submit(&self) -> Result<Submitted> {
        let [(workers, _), (after, _)] = self.scripts();
        let workers = self.sbatch([workers.as_os_str()])?;
        let dependency = format!("--dependency=afterany:{workers}");
        let after = self.sbatch([OsStr::new(&dependency), after.as_os_str()]);
        let after = after
            .with_context(|| format!("job {workers} was submitted, but not the report after it"))?;
        Ok(Submitted { workers, after })
    }

    fn sbatch<'a>(&self, arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<String> {
        let mut command = Command::new("sbatch");
        command.arg("--parsable").args(&self.flags).args(arguments);
        let answer = run(&mut command)?;
        // On a federation, `ID;CLUSTER`.
        let id = answer.trim().split(';').next().unwrap_or_default();
        Ok(id.to_owned())
    }

    /// The most tasks that an array can have on this cluster.
    ///
    /// # Errors
    /// When there is no Slurm.
    pub fn most_tasks() -> Result<usize> {
        let answer = run(Command::new("scontrol").args(["show", "config"]))?;
        most_tasks_in(&answer).context("scontrol show config: expected MaxArraySize, found none")
    }
}

/// MaxArraySize is one more than the greatest index.
fn most_tasks_in(config: &str) -> Option<usize> {
    let line = config
        .lines()
        .find(|line| line.starts_with("MaxArraySize"))?;
    let (_, size) = line.split_once('=')?;
    let size: usize = size.trim().parse().ok()?;
    Some(size.max(1))
}

fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| {
        BadInput(anyhow!(
            "{name}: cannot be started ({error}); run this on a machine of a Slurm cluster, or look at what would be submitted with --print"
        ))
    })?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("{name}: {}", message.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Each argument after a space.
fn quoted_all(arguments: &[String]) -> String {
    let quoted = arguments
        .iter()
        .map(|argument| format!(" {}", quoted(argument)));
    quoted.collect()
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// As a word of the shell.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=+./:,%@".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slurm(store: &str, continues: bool) -> Slurm {
        Slurm {
            name: "small".to_owned(),
            store: PathBuf::from(store),
            tasks: 4,
            work: vec!["--threads".to_owned(), "2".to_owned()],
            flags: vec!["--time=10".to_owned()],
            continues,
        }
    }

    #[test]
    fn words_are_quoted_where_the_shell_would_read_them_otherwise() {
        assert_eq!(quoted("--time=10:00"), "--time=10:00");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("$HOME"), "'$HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn the_scripts_are_readable_and_name_the_copy_of_the_program() {
        let [(file, workers), (_, after)] = slurm("/shared/my sweep", false).scripts();
        assert_eq!(file, Path::new("/shared/my sweep/slurm/workers.sh"));
        for line in [
            "#SBATCH --array=0-3\n",
            "#SBATCH --requeue\n",
            "#SBATCH --signal=B:USR1@120\n",
            "#SBATCH --output='/shared/my sweep/slurm/%A_%a.log'\n",
            "\n'/shared/my sweep/slurm/experiment' work '/shared/my sweep' --threads 2 &\n",
            "scontrol requeue \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\"\n",
        ] {
            assert!(workers.contains(line), "{line}: {workers}");
        }
        assert!(!after.contains(" slurm "), "{after}");
        let [_, (_, after)] = slurm("/shared/s", true).scripts();
        let again = "\n/shared/s/slurm/experiment slurm /shared/s/slurm/sweep.toml --store /shared/s --continue --threads 2 -- --time=10\n";
        assert!(after.ends_with(again), "{after}");
    }

    #[test]
    fn the_size_of_arrays_is_read_from_the_configuration() {
        let config = "MaxArraySize            = 1001\nMaxDBDMsgs = 20008\n";
        assert_eq!(most_tasks_in(config), Some(1001));
        assert_eq!(most_tasks_in("MaxArraySize = (null)\n"), None);
        assert_eq!(most_tasks_in(""), None);
    }

    #[test]
    fn a_machine_without_slurm_says_what_to_do() {
        let error = run(&mut Command::new("sbatch-that-is-not-there")).unwrap_err();
        assert!(error.is::<BadInput>());
        assert!(error.to_string().contains("--print"), "{error}");
    }
}
