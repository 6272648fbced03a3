//! HyperQueue: a sweep as a task array, a task per trial or a number of workers that share the trials.

use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::shell::{Tool, check_flags, quoted_all, quoted_path};
use super::{Job, Scheduler};

/// A sweep for HyperQueue.
#[derive(Debug)]
pub struct HyperQueue {
    pub job: Job,
    pub tasks: Tasks,
}

/// What the tasks of the array train.
#[derive(Debug)]
pub enum Tasks {
    /// One trial each; these are their indices in the plan, ascending.
    Trials(Vec<usize>),
    /// This many workers, which share all trials.
    Workers(usize),
}

/// Flags that belong to the script, or that would give its tasks another number than that of their trial.
const OWN_FLAGS: [&str; 9] = [
    "--array",
    "--each-line",
    "--from-json",
    "--job",
    "--stdin",
    "--directives",
    "--stdout",
    "--stderr",
    "--stream",
];

const HQ: Tool = Tool {
    name: "hq",
    remedy: "HyperQueue is one program, `hq`, to be put on the PATH: it is among the releases of It4innovations/hyperqueue on GitHub; or look at what would be submitted with --print",
};

impl Scheduler for HyperQueue {
    fn job(&self) -> &Job {
        &self.job
    }

    fn tasks(&self) -> usize {
        match &self.tasks {
            Tasks::Trials(indices) => indices.len(),
            Tasks::Workers(workers) => *workers,
        }
    }

    fn scripts(&self) -> Vec<(PathBuf, String)> {
        vec![(self.script(), self.task())]
    }

    fn commands(&self) -> String {
        format!(
            "hq {}{} {}\n",
            SUBMIT.join(" "),
            quoted_all(&self.flags()),
            quoted_path(&self.script())
        )
    }

    fn submit(&self) -> Result<String> {
        let (flags, script) = (self.flags(), self.script());
        let flags = SUBMIT
            .iter()
            .map(OsStr::new)
            .chain(flags.iter().map(OsStr::new));
        let answer = HQ.run(flags.chain([script.as_os_str()]))?;
        Ok(format!("job {}", answer.trim()))
    }
}

/// Quiet, so that the answer is the id of the job.
const SUBMIT: [&str; 2] = ["submit", "--output-mode=quiet"];

impl HyperQueue {
    /// # Errors
    /// For a flag that would change what the script relies on.
    pub fn check_flags(flags: &[String]) -> Result<()> {
        check_flags(flags, &OWN_FLAGS, "--cpus=2 or --resource gpus/nvidia=1")
    }

    /// # Errors
    /// When there is no HyperQueue, or no server of it runs.
    pub fn check_server() -> Result<()> {
        let answer = HQ.run(["server", "info"].map(OsStr::new));
        answer.map(drop).context(
            "expected a HyperQueue server, which `hq server start` starts; `hq worker start` adds a worker to it",
        )
    }

    /// HyperQueue reads it whenever a task starts, so a later submission must not change it.
    fn script(&self) -> PathBuf {
        let (job, kind) = (&self.job, self.tasks.kind());
        job.folder.join(format!("{kind}-{}.sh", job.key))
    }

    fn flags(&self) -> Vec<String> {
        let array = format!("--array={}", self.array());
        self.job.flags.iter().cloned().chain([array]).collect()
    }

    /// The numbers of the tasks as HyperQueue reads them, such as `0-3,7`.
    fn array(&self) -> String {
        match &self.tasks {
            Tasks::Trials(indices) => ranges(indices),
            Tasks::Workers(workers) => ranges(&(0..*workers).collect::<Vec<_>>()),
        }
    }

    /// One task of the array.
    fn task(&self) -> String {
        // A directive has no other quotes, and no escapes in them.
        let name = self.job.name.replace(['"', '\\'], "_");
        let (worker, work) = (self.job.worker(), quoted_all(&self.job.work));
        let logs = quoted_path(&self.job.folder);
        let trial = match self.tasks {
            Tasks::Trials(_) => " --index \"$HQ_TASK_ID\"",
            Tasks::Workers(_) => "",
        };
        format!(
            "#!/usr/bin/env bash
#HQ --name=\"{name}\"
#HQ --stdout=none --stderr=none

# A task whose worker is lost starts again elsewhere, and its log goes on.
exec >>{logs}/\"$HQ_JOB_ID-$HQ_TASK_ID.log\" 2>&1
# In place of this shell: HyperQueue interrupts the process that it started, which then writes a checkpoint.
exec {worker}{trial}{work}
"
        )
    }
}

impl Tasks {
    fn kind(&self) -> &'static str {
        match self {
            Self::Trials(_) => "trial",
            Self::Workers(_) => "worker",
        }
    }
}

/// Ascending numbers as ranges, such as `0-3,7`.
fn ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|one, next| one + 1 == *next);
    let ranges = runs.map(|run| match run {
        [first, .., last] => format!("{first}-{last}"),
        single => single.iter().map(usize::to_string).collect(),
    });
    ranges.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hyperqueue(tasks: Tasks) -> HyperQueue {
        HyperQueue {
            job: Job {
                work: vec!["--threads".to_owned(), "2".to_owned()],
                flags: vec!["--cpus=2".to_owned()],
                ..Job::example("/shared/my sweep", "hq")
            },
            tasks,
        }
    }

    #[test]
    fn the_script_trains_the_trial_of_its_task_in_place_of_the_shell() {
        let [(file, task)] = &hyperqueue(Tasks::Trials(vec![0])).scripts()[..] else {
            panic!("one script");
        };
        assert_eq!(*file, PathBuf::from("/shared/my sweep/hq/trial-0d.sh"));
        for line in [
            "#HQ --name=\"small\"\n",
            "#HQ --stdout=none --stderr=none\n",
            "\nexec >>'/shared/my sweep/hq'/\"$HQ_JOB_ID-$HQ_TASK_ID.log\" 2>&1\n",
            "\nexec '/shared/my sweep/hq/experiment-0f' work '/shared/my sweep' --sweep '/shared/my sweep/hq/sweep-0e.toml' --index \"$HQ_TASK_ID\" --threads 2\n",
        ] {
            assert!(task.contains(line), "{line}: {task}");
        }
    }

    #[test]
    fn workers_share_all_trials() {
        let workers = hyperqueue(Tasks::Workers(3));
        assert!(!workers.task().contains("--index"), "{}", workers.task());
        assert!(workers.commands().contains(" --array=0-2 "));
    }

    #[test]
    fn only_the_trials_that_are_left_are_submitted() {
        let commands = hyperqueue(Tasks::Trials(vec![1, 4, 5, 6])).commands();
        let command = "hq submit --output-mode=quiet --cpus=2 --array=1,4-6 '/shared/my sweep/hq/trial-0d.sh'\n";
        assert_eq!(commands, command);
    }

    #[test]
    fn numbers_are_written_as_ranges() {
        assert_eq!(ranges(&[0]), "0");
        assert_eq!(ranges(&[0, 1]), "0-1");
        assert_eq!(ranges(&[0, 2, 3, 4, 9]), "0,2-4,9");
    }

    #[test]
    fn flags_that_belong_to_the_script_are_refused_by_name() {
        let check = |flag: &str| HyperQueue::check_flags(&[flag.to_owned()]);
        check("--crash-limit=unlimited").unwrap();
        for flag in ["--array=0-9", "--stream", "--job=last"] {
            let error = check(flag).unwrap_err().to_string();
            assert!(error.starts_with(flag), "{error}");
        }
    }
}
