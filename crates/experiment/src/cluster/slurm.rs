//! Slurm: a sweep as a job array of workers, and a report after it.

use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::shell::{Tool, check_flags, is_one_of, quoted, quoted_all, quoted_path};
use super::{Job, Scheduler};

/// Seconds before its time limit at which a task is told to write a checkpoint. Slurm may be a minute early.
const WARNING_S: u32 = 120;

/// A sweep for Slurm.
#[derive(Debug)]
pub struct Slurm {
    pub job: Job,
    /// Tasks of the array.
    pub tasks: usize,
    /// Steps that the trials had done before, where a job after the array is to submit what is left if there are more.
    pub continues_after: Option<u64>,
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

const REMEDY: &str =
    "run this on a machine of a Slurm cluster, or look at what would be submitted with --print";

const SBATCH: Tool = Tool {
    name: "sbatch",
    remedy: REMEDY,
};

const SCONTROL: Tool = Tool {
    name: "scontrol",
    remedy: REMEDY,
};

impl Scheduler for Slurm {
    fn job(&self) -> &Job {
        &self.job
    }

    fn tasks(&self) -> usize {
        self.tasks
    }

    fn scripts(&self) -> Vec<(PathBuf, String)> {
        vec![
            (self.script("workers.sh"), self.workers()),
            (self.script("after.sh"), self.after()),
        ]
    }

    fn commands(&self) -> String {
        format!(
            "sbatch --parsable{} {}\nsbatch --parsable{} --dependency=afterany:JOB {}\n",
            quoted_all(&self.job.flags),
            quoted_path(&self.script("workers.sh")),
            quoted_all(&self.shared_flags()),
            quoted_path(&self.script("after.sh"))
        )
    }

    fn submit(&self) -> Result<String> {
        let (workers, after) = (self.script("workers.sh"), self.script("after.sh"));
        let workers = sbatch(&self.job.flags, [workers.as_os_str()])?;
        let dependency = format!("--dependency=afterany:{workers}");
        let after = [OsStr::new(&dependency), after.as_os_str()];
        let after = sbatch(&self.shared_flags(), after);
        let after = after
            .with_context(|| format!("job {workers} was submitted, but not the report after it"))?;
        Ok(format!("job {workers}, and job {after} after it"))
    }
}

impl Slurm {
    /// # Errors
    /// For a flag that would change what the scripts rely on.
    pub fn check_flags(flags: &[String]) -> Result<()> {
        check_flags(flags, &OWN_FLAGS, "--time or --gres")
    }

    fn script(&self, name: &str) -> PathBuf {
        self.job.folder.join(name)
    }

    /// One task of the array.
    fn workers(&self) -> String {
        let name = quoted(&self.job.name);
        let log = self.log("%A_%a.log");
        let (worker, work) = (self.job.worker(), quoted_all(&self.job.work));
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
{worker}{work} &
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
        let name = quoted(&format!("{}-report", self.job.name));
        let log = self.log("after.log");
        let Job { program, store, .. } = &self.job;
        let page = quoted_path(&store.join("report.html"));
        let (program, store) = (quoted_path(program), quoted_path(store));
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
            let sweep = quoted_path(&self.job.sweep_file);
            let (work, flags) = (quoted_all(&self.job.work), quoted_all(&self.job.flags));
            text += &format!(
                "# What a job that was cancelled has left; nothing if all trials have ended, or none went on.
{program} slurm {sweep} --store {store} --continue --steps-before {steps}{work} --{flags}
"
            );
        }
        text
    }

    /// The flags of the job after the array.
    fn shared_flags(&self) -> Vec<String> {
        let mut shared = Vec::new();
        let mut flags = self.job.flags.iter().peekable();
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
        let folder = self.job.folder.display().to_string();
        quoted(&format!("{}/{name}", folder.replace('%', "%%")))
    }

    /// The most tasks that an array can have on this cluster.
    ///
    /// # Errors
    /// When there is no Slurm.
    pub fn most_tasks() -> Result<usize> {
        let answer = SCONTROL.run(["show", "config"].map(OsStr::new))?;
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
fn sbatch<'a>(
    flags: &'a [String],
    arguments: impl IntoIterator<Item = &'a OsStr>,
) -> Result<String> {
    let flags = flags.iter().map(OsStr::new).chain(arguments);
    let answer = SBATCH.run([OsStr::new("--parsable")].into_iter().chain(flags))?;
    // On a federation, `ID;CLUSTER`.
    let id = answer.trim().split(';').next().unwrap_or_default();
    Ok(id.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn slurm(store: &str, continues_after: Option<u64>) -> Slurm {
        Slurm {
            job: Job {
                work: vec!["--threads".to_owned(), "2".to_owned()],
                flags: ["--time", "10", "--gres=gpu:1"].map(str::to_owned).to_vec(),
                ..Job::example(store, "slurm")
            },
            tasks: 4,
            continues_after,
        }
    }

    fn scripts(slurm: &Slurm) -> [(PathBuf, String); 2] {
        slurm.scripts().try_into().unwrap()
    }

    #[test]
    fn the_scripts_are_readable_and_name_the_copy_of_the_program() {
        let [(file, workers), (_, after)] = scripts(&slurm("/shared/my sweep", None));
        assert_eq!(file, Path::new("/shared/my sweep/slurm/workers.sh"));
        for line in [
            "#SBATCH --array=0-3\n",
            "#SBATCH --requeue\n",
            "#SBATCH --signal=B:USR1@120\n",
            "#SBATCH --output='/shared/my sweep/slurm/%A_%a.log'\n",
            "\n'/shared/my sweep/slurm/experiment-0f' work '/shared/my sweep' --sweep '/shared/my sweep/slurm/sweep-0e.toml' --threads 2 &\n",
            "scontrol requeue \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\"\n",
        ] {
            assert!(workers.contains(line), "{line}: {workers}");
        }
        assert!(!after.contains(" slurm "), "{after}");
        let [_, (_, after)] = scripts(&slurm("/shared/s", Some(17)));
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
            assert!(error.starts_with(flag), "{error}");
        }
    }

    #[test]
    fn the_size_of_arrays_is_read_from_the_configuration() {
        let config = "MaxArraySize            = 1001\nMaxDBDMsgs = 20008\n";
        assert_eq!(most_tasks_in(config), Some(1001));
        assert_eq!(most_tasks_in("MaxArraySize = (null)\n"), None);
        assert_eq!(most_tasks_in(""), None);
    }
}
