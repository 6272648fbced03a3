//! `experiment keys`: what may stand in `[train]`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;

use crate::sweep::TRAIN_KEYS;

/// List the keys of [train] with their defaults and what they accept
#[derive(Debug, Args)]
pub struct KeysArguments {
    /// Print a Markdown table
    #[arg(long)]
    markdown: bool,
}

pub fn run(arguments: &KeysArguments) -> Result<()> {
    let text = if arguments.markdown {
        markdown()
    } else {
        text()
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn text() -> String {
    TRAIN_KEYS
        .iter()
        .map(|key| {
            let (name, default, kind) = (key.name, key.default(), key.kind);
            let description = key.description.trim();
            format!("{name} = {default}\n    {description}\n    expects {kind}\n")
        })
        .collect()
}

fn markdown() -> String {
    let rows = TRAIN_KEYS.iter().map(|key| {
        let (name, default, kind) = (key.name, key.default(), key.kind);
        let description = key.description.trim().trim_end_matches('.');
        format!("| `{name}` | `{default}` | {description} | {kind} |\n")
    });
    let head = "| key | default | meaning | accepts |\n|---|---|---|---|\n";
    head.to_owned() + &rows.collect::<String>()
}
