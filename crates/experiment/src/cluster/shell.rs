//! Words of the shell, and the commands of a scheduler.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, anyhow, bail};

use crate::exit::BadInput;

/// A command of a scheduler.
pub struct Tool {
    pub name: &'static str,
    /// What to do where it cannot be started.
    pub remedy: &'static str,
}

impl Tool {
    /// Runs the command; returns what it prints.
    ///
    /// # Errors
    /// [`BadInput`] with the remedy where it cannot be started; its own message where it fails.
    pub fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<String> {
        let Self { name, remedy } = self;
        let output = Command::new(name).args(arguments).output();
        let output = output
            .map_err(|error| BadInput(anyhow!("{name}: cannot be started ({error}); {remedy}")))?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            bail!("{name}: {}", message.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// # Errors
/// [`BadInput`] for a flag of `own`, which would change what the scripts rely on; it names `others` to use.
pub fn check_flags(flags: &[String], own: &[&str], others: &str) -> Result<()> {
    match flags.iter().find(|flag| is_one_of(flag, own)) {
        Some(flag) => Err(BadInput(anyhow!(
            "{flag}: expected a flag that the scripts leave open, such as {others}; --workers sets the number of tasks"
        ))
        .into()),
        None => Ok(()),
    }
}

/// Whether a flag, with or without its value, is one of `names`.
pub fn is_one_of(flag: &str, names: &[&str]) -> bool {
    let name = flag.split_once('=').map_or(flag, |(name, _)| name);
    names.contains(&name)
}

/// Each argument after a space.
pub fn quoted_all(arguments: &[String]) -> String {
    let quoted = arguments
        .iter()
        .map(|argument| format!(" {}", quoted(argument)));
    quoted.collect()
}

pub fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// As a word of the shell.
pub fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=+./:,%@".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_the_shell_would_read_them_otherwise() {
        assert_eq!(quoted("--time=10:00"), "--time=10:00");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("$HOME"), "'$HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn flags_that_belong_to_the_scripts_are_refused_by_name() {
        let check = |flag: &str| check_flags(&[flag.to_owned()], &["--array", "-a"], "--time");
        check("--time=10").unwrap();
        for flag in ["--array=0-99%10", "-a"] {
            let error = check(flag).unwrap_err().to_string();
            assert!(
                error.starts_with(flag) && error.contains("--workers"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_command_that_is_not_there_says_what_to_do() {
        let tool = Tool {
            name: "sbatch-that-is-not-there",
            remedy: "use --print",
        };
        let error = tool.run([]).unwrap_err();
        assert!(error.is::<BadInput>());
        assert!(error.to_string().ends_with("; use --print"), "{error}");
    }
}
