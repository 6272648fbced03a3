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
    /// Steps that the trials had done before, where a job after the array is to submit what is left if there are more.
    pub continues_after: Option<u64>,
    /// The program that the jobs run: a copy of the one that planned them.
    pub program: PathBuf,
    /// The sweep file that the jobs continue.
    pub sweep_file: PathBuf,
}

/// Flags that belong to the scripts.
const OWN_FLAGS: [&str; 9] = [
    "--array",
    "-a",
    "--dependency",
    "-d",
    "--signal",
    "--output",
    "-o",
    "--parsable",
    "--wrap",
];

/// Flags that say where jobs may run, and so hold for the report too.
const SHARED_FLAGS: [&str; 12] = [
    "--account",
    "-A",
    "--partition",
    "-p",
    "--qos",
    "-q",
    "--time",
    "-t",
    "--reservation",
    "--clusters",
    "-M",
    "--constraint",
];

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

    /// # Errors
    /// [`BadInput`] for a flag that would change what the scripts rely on.
    pub fn check_flags(flags: &[String]) -> Result<()> {
        let own = flags.iter().find(|flag| is_one_of(flag, &OWN_FLAGS));
        match own {
            Some(flag) => Err(BadInput(anyhow!(
                "{flag}: expected a flag of sbatch that the scripts leave open, such as --time or --gres; --workers sets the size of the array"
            ))
            .into()),
            None => Ok(()),
        }
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
        let log = self.log("%A_%a.log");
        let (program, store) = (quoted_path(&self.program), quoted_path(&self.store));
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
requeue=no
trap 'requeue=yes; kill -TERM \"$worker\" 2>/dev/null' USR1
trap 'kill -TERM \"$worker\" 2>/dev/null' TERM
{program} work {store}{work} &
worker=$!
# A signal ends `wait` before the worker has ended; its code is then above 128.
while wait \"$worker\"; code=$?; [ \"$code\" -gt 128 ] && kill -0 \"$worker\" 2>/dev/null; do :; done
if [ \"$code\" -gt 128 ]; then
    wait \"$worker\"
    [ $? = 127 ] || code=$?
fi
if [ \"$code\" != 0 ] && [ \"$requeue\" = yes ]; then
    scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}\"
fi
exit \"$code\"
"
        )
    }

    /// What runs when no task of the array is left.
    fn after(&self) -> String {
        let name = quoted(&format!("{}-report", self.name));
        let log = self.log("after.log");
        let (program, store) = (quoted_path(&self.program), quoted_path(&self.store));
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
        if let Some(steps) = self.continues_after {
            let sweep = quoted_path(&self.sweep_file);
            let (work, flags) = (quoted_all(&self.work), quoted_all(&self.flags));
            text += &format!(
                "# What a job that was cancelled has left; nothing if all trials have ended, or none went on.
{program} slurm {sweep} --store {store} --continue --steps-before {steps}{work} --{flags}
"
            );
        }
        text
    }

    /// The commands that [`Slurm::submit`] runs, for people.
    pub fn commands(&self) -> String {
        let [(workers, _), (after, _)] = self.scripts();
        format!(
            "sbatch --parsable{} {}\nsbatch --parsable{} --dependency=afterany:JOB {}\n",
            quoted_all(&self.flags),
            quoted_path(&workers),
            quoted_all(&self.shared_flags()),
            quoted_path(&after)
        )
    }

    /// Submits the scripts, which have been written.
    ///
    /// # Errors
    /// When Slurm refuses them, with its message.
    pub fn submit(&self) -> Result<Submitted> {
        let [(workers, _), (after, _)] = self.scripts();
        let workers = sbatch(&self.flags, [workers.as_os_str()])?;
        let dependency = format!("--dependency=afterany:{workers}");
        let after = [OsStr::new(&dependency), after.as_os_str()];
        let after = sbatch(&self.shared_flags(), after);
        let after = after
            .with_context(|| format!("job {workers} was submitted, but not the report after it"))?;
        Ok(Submitted { workers, after })
    }

    /// The flags of the job after the array.
    fn shared_flags(&self) -> Vec<String> {
        let mut shared = Vec::new();
        let mut flags = self.flags.iter().peekable();
        while let Some(flag) = flags.next() {
            if is_one_of(flag, &SHARED_FLAGS) {
                shared.push(flag.clone());
                // `--time 60` and `-t 60`, but not `--time=60`.
                let value = flags.next_if(|next| !flag.contains('=') && !next.starts_with('-'));
                shared.extend(value.cloned());
            }
        }
        shared
    }

    /// The path of a log for `#SBATCH --output`, in which `name` has the patterns of Slurm.
    fn log(&self, name: &str) -> String {
        let folder = Self::folder(&self.store).display().to_string();
        quoted(&format!("{}/{name}", folder.replace('%', "%%")))
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

/// Submits a job; returns its id.
fn sbatch<'a>(flags: &[String], arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<String> {
    let mut command = Command::new("sbatch");
    command.arg("--parsable").args(flags).args(arguments);
    let answer = run(&mut command)?;
    // On a federation, `ID;CLUSTER`.
    let id = answer.trim().split(';').next().unwrap_or_default();
    Ok(id.to_owned())
}

/// Whether a flag, with or without its value, is one of `names`.
fn is_one_of(flag: &str, names: &[&str]) -> bool {
    let name = flag.split_once('=').map_or(flag, |(name, _)| name);
    names.contains(&name)
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

    fn slurm(store: &str, continues_after: Option<u64>) -> Slurm {
        let folder = Slurm::folder(Path::new(store));
        Slurm {
            name: "small".to_owned(),
            store: PathBuf::from(store),
            program: folder.join("experiment-0f"),
            sweep_file: folder.join("sweep-0e.toml"),
            tasks: 4,
            work: vec!["--threads".to_owned(), "2".to_owned()],
            flags: ["--time", "10", "--gres=gpu:1"].map(str::to_owned).to_vec(),
            continues_after,
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
        let [(file, workers), (_, after)] = slurm("/shared/my sweep", None).scripts();
        assert_eq!(file, Path::new("/shared/my sweep/slurm/workers.sh"));
        for line in [
            "#SBATCH --array=0-3\n",
            "#SBATCH --requeue\n",
            "#SBATCH --signal=B:USR1@120\n",
            "#SBATCH --output='/shared/my sweep/slurm/%A_%a.log'\n",
            "\n'/shared/my sweep/slurm/experiment-0f' work '/shared/my sweep' --threads 2 &\n",
            "scontrol requeue \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\"\n",
        ] {
            assert!(workers.contains(line), "{line}: {workers}");
        }
        assert!(!after.contains(" slurm "), "{after}");
        let [_, (_, after)] = slurm("/shared/s", Some(17)).scripts();
        let again = "\n/shared/s/slurm/experiment-0f slurm /shared/s/slurm/sweep-0e.toml --store /shared/s --continue --steps-before 17 --threads 2 -- --time 10 --gres=gpu:1\n";
        assert!(after.ends_with(again), "{after}");
    }

    #[test]
    fn the_report_runs_where_the_workers_do_without_their_resources() {
        let commands = slurm("/shared/s", None).commands();
        let [workers, after] = commands.lines().collect::<Vec<_>>()[..] else {
            panic!("{commands}");
        };
        assert!(workers.contains("--gres=gpu:1"), "{workers}");
        assert!(
            after.contains("--time 10") && !after.contains("gres"),
            "{after}"
        );
    }

    #[test]
    fn flags_that_belong_to_the_scripts_are_refused_by_name() {
        let check = |flag: &str| Slurm::check_flags(&[flag.to_owned()]);
        check("--time=10").unwrap();
        for flag in ["--array=0-99%10", "-a", "--dependency=afterok:1"] {
            let error = check(flag).unwrap_err().to_string();
            assert!(
                error.starts_with(flag) && error.contains("--workers"),
                "{error}"
            );
        }
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
