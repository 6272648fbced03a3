//! `experiment schema`

use anyhow::Result;
use clap::Args;

use crate::json;
use crate::sweep::schema;
use crate::terminal::print;

/// Print the JSON schema of sweep files, with which editors complete and check them
#[derive(Debug, Args)]
pub struct SchemaArguments {}

pub fn run(_: &SchemaArguments) -> Result<()> {
    print(&json::pretty(&schema()))
}
