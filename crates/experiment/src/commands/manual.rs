//! The command line's documentation: version, exit codes, examples, completions and manual pages.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::CommandLine;
use crate::exit::Exit;
use crate::terminal::print;

/// The commit is that of `environment.json`.
pub const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("EXPERIMENT_GIT_COMMIT"),
    "; backends ",
    env!("EXPERIMENT_BACKENDS"),
    ")"
);

/// What the program can end with.
pub fn exit_codes() -> String {
    let codes = Exit::MEANINGS.map(|(exit, meaning)| format!("\n  {:<3} {meaning}", exit as u8));
    format!("Exit codes:{}\n  130 {}", codes.concat(), Exit::AT_ONCE)
}

pub const RUN: &str = "\
Examples:
  experiment run experiments/quickstart.toml
  experiment run experiments/quickstart.toml --dry-run
  experiment run experiments/cifar10-short.toml --backend flex --jobs 2";

pub const PLAN: &str = "\
Examples:
  experiment plan experiments/blog-question.toml --standard-deviation 1
  experiment plan experiments/quickstart.toml --standard-deviation 5 --json";

pub const WORK: &str = "\
Examples:
  experiment work runs/quickstart
  experiment work runs/quickstart --index 3
  experiment work runs/quickstart --next --backend flex --threads 1";

pub const SLURM: &str = "\
Examples:
  experiment slurm experiments/cifar10-short.toml --print
  experiment slurm experiments/cifar10-short.toml --workers 8 -- --time=60 --cpus-per-task=2
  experiment slurm sweep.toml --store ~/sweep --backend wgpu --continue -- --time=60 --gres=gpu:1";

pub const HQ: &str = "\
Examples:
  experiment hq experiments/cifar10-short.toml --print
  experiment hq experiments/cifar10-short.toml --threads 2 -- --cpus=2
  experiment hq sweep.toml --backend wgpu -- --resource gpus/nvidia=1 --crash-limit=20";

pub const STATUS: &str = "\
Examples:
  experiment status runs/quickstart
  experiment status runs/quickstart --json";

pub const REPORT: &str = "\
Examples:
  experiment report runs/quickstart
  experiment report runs/quickstart --metrics accuracy,ece
  experiment report runs/quickstart --csv";

pub const SHOW: &str = "\
Examples:
  experiment show runs/quickstart 3f2
  experiment show runs/quickstart 3f2 --json";

pub const DIFF: &str = "\
Examples:
  experiment diff runs/quickstart/trials/3f2 runs/quickstart/trials/90a
  experiment diff runs/quickstart runs/another --json";

pub const EXPORT: &str = "\
Examples:
  experiment export runs/quickstart --tensorboard tensorboard
  tensorboard --logdir tensorboard";

pub const SCHEMA: &str = "\
Examples:
  experiment schema";

pub const VERIFY: &str = "\
Examples:
  experiment verify runs/quickstart 3f2
  experiment verify runs/quickstart 3f2 --backend flex --threads 1";

pub const LOSSES: &str = "\
Examples:
  experiment losses
  experiment losses focal
  experiment losses '{ name = \"focal\", gamma = 3 }' --curve";

pub const LOSSES_EVAL: &str = "\
Examples:
  experiment losses eval --loss focal --input batches.json";

pub const MODELS: &str = "\
Examples:
  experiment models";

pub const METRICS: &str = "\
Examples:
  experiment metrics";

pub const DATA: &str = "\
Examples:
  experiment data list
  experiment data fetch cifar10
  experiment data verify";

pub const EVAL: &str = "\
Examples:
  experiment eval --weights model.safetensors
  experiment eval --weights ckpt.pth --logits logits.csv";

pub const BENCH: &str = "\
Examples:
  experiment bench
  experiment bench --backend flex,ndarray --width 16,64 --threads 1,2
  experiment bench --backend flex --layers";

pub const DOCTOR: &str = "\
Examples:
  experiment doctor
  experiment doctor --cpu --json";

pub const COMPLETIONS: &str = "\
Examples:
  source <(experiment completions bash)
  source <(experiment completions zsh)
  experiment completions fish | source";

pub const MAN: &str = "\
Examples:
  experiment man ~/.local/share/man/man1
  man experiment-run";

/// Print a shell completion script
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// Write the manual pages, one per command
#[derive(Debug, Args)]
pub struct ManArguments {
    /// Folder to write them to, created if it does not exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub fn print_completions(arguments: &CompletionsArguments) -> Result<()> {
    let mut command = visible(&CommandLine::command()).version(VERSION);
    let name = command.get_name().to_owned();
    // `generate` panics where it cannot write, as when the reader has left.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    print(&String::from_utf8(script).context("completions")?)
}

/// `command` without what `--help` hides; `clap_complete` would offer it.
fn visible(command: &Command) -> Command {
    // clap keeps names for ever, and has no way to copy one.
    let name: &'static str = command.get_name().to_owned().leak();
    let arguments = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set());
    Command::new(name)
        .about(command.get_about().cloned().unwrap_or_default())
        .args(arguments.cloned())
        .subcommands(visible_subcommands(command).map(visible))
}

fn visible_subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    let below = command.get_subcommands();
    below.filter(|command| !command.is_hide_set())
}

pub fn write_pages(arguments: &ManArguments) -> Result<()> {
    let folder = &arguments.folder;
    let mut command = CommandLine::command().disable_help_subcommand(true);
    command.build();
    std::fs::create_dir_all(folder)
        .and_then(|()| write_page(&command, folder))
        .with_context(|| format!("{}: cannot write the manual pages", folder.display()))
}

/// The page of a command, and those of the commands below it.
fn write_page(command: &Command, folder: &Path) -> io::Result<()> {
    for below in visible_subcommands(command) {
        write_page(below, folder)?;
    }
    let source = concat!("experiment ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone())
        .source(source)
        .generate_to(folder)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// The commands that do something, with all that `--help` says about each.
    fn commands_of(command: &Command) -> Vec<Command> {
        let below = command.get_subcommands().flat_map(commands_of);
        let itself = (!command.is_subcommand_required_set()).then(|| command.clone());
        itself.into_iter().chain(below).collect()
    }

    /// The words of a line as a shell reads them, as far as the first pipe.
    fn words(line: &str) -> Vec<String> {
        let line = line.split(" | ").next().unwrap_or_default();
        let parts = line.split('\'').enumerate();
        let words = parts.flat_map(|(part, text)| match part % 2 {
            0 => text.split_whitespace().map(str::to_owned).collect(),
            _ => vec![text.to_owned()],
        });
        words.collect()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_verb_has_examples_and_the_program_accepts_them() {
        let command = CommandLine::command();
        let verbs: Vec<_> = visible_subcommands(&command).collect();
        assert!(verbs.len() >= 9, "{verbs:?}");
        for verb in verbs {
            let name = verb.get_name();
            let help = verb.get_after_help().unwrap_or_default().to_string();
            let prefix = format!("experiment {name}");
            let examples: Vec<_> = help
                .lines()
                .map(str::trim)
                .filter(|line| line.starts_with(&prefix))
                .collect();
            assert!(!examples.is_empty(), "{name} has no example: {help}");
            for example in examples {
                if let Err(error) = CommandLine::try_parse_from(words(example)) {
                    panic!("{example}: {error}");
                }
            }
        }
    }

    #[test]
    fn every_command_and_every_argument_has_a_help_text() {
        let mut command = CommandLine::command().disable_help_subcommand(true);
        command.build();
        let commands = commands_of(&command);
        assert!(commands.len() >= 10, "{commands:?}");
        for command in commands {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name}");
            for argument in command.get_arguments() {
                let help = argument.get_help().unwrap_or_default().to_string();
                let id = argument.get_id();
                assert!(!help.is_empty(), "{name}: {id} has no help");
                assert!(!help.ends_with('.'), "{name}: {id}: {help}");
            }
        }
    }
}
