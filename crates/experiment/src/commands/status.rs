//! `experiment status STORE`

use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::declared::declared;
use super::plan::stages_table;
use crate::forecast::{RunningTrial, SweepState};
use crate::json;
use crate::session::State;
use crate::store::Store;
use crate::terminal::print;
use crate::terminal::table::{self, Align, Column};
use crate::terminal::text::duration;

/// Show how far the sweep in a store is: trials by state, which machine trains which since when, and the time left
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// Folder of the store, such as runs/quickstart
    store: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &StatusArguments) -> Result<()> {
    let folder = &arguments.store;
    let store = Store::open_existing(folder)?;
    let (sweep, _) = declared(&store, folder)?;
    // The process ends after this: to free thousands of results would take it a sixth of its time.
    let mut state = ManuallyDrop::new(State::of(Some(&store)));
    let study = state.study(&sweep)?;
    let sweep_state = SweepState::of(&study, &state, &store)?;
    print(&if arguments.json {
        json::pretty(&sweep_state)
    } else {
        text(&sweep_state, study.is_until_decided())
    })
}

fn text(state: &SweepState, is_until_decided: bool) -> String {
    let mut text = format!("{}\n\n{}", state.name, stages_table(&state.stages));
    if !state.running.is_empty() {
        text += &format!("\n{}", running_table(&state.running));
    }
    let at_most = if is_until_decided { "at most " } else { "" };
    if let Some(time) = state.time_s_left.filter(|time| *time > 0.0) {
        let time = duration(Duration::from_secs_f64(time));
        let (processes, noun) = match state.running.len() {
            1 => ("the process".to_owned(), "runs"),
            running => (format!("the {running} processes"), "run"),
        };
        text += &format!("\ntime left: {at_most}{time} for {processes} that {noun} now\n");
    }
    text
}

fn running_table(running: &[RunningTrial]) -> String {
    let column = |header, align, cell: fn(&RunningTrial) -> String| {
        Column::new(header, align, running, cell)
    };
    table::ruled(vec![
        column("running", Align::Left, |it| it.label.clone()),
        column("id", Align::Left, |it| it.id.clone()),
        column("step", Align::Right, |it| {
            format!("{}/{}", it.step, it.steps)
        }),
        column("machine", Align::Left, |it| it.host.clone()),
        column("process", Align::Right, |it| it.pid.to_string()),
        column("since", Align::Left, |it| it.time_taken.clone()),
    ])
}
