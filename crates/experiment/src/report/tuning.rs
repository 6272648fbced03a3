//! The tuning stage → a table of what was tried for each loss.

use crate::study::{Candidate, Study, Tuning};
use crate::terminal::table::{Align, Column, NONE};

/// The table under a heading, as `render` writes it; empty without a tuning stage.
pub fn text(study: &Study, render: fn(Vec<Column>) -> String) -> String {
    let Some(tuning) = &study.tuning else {
        return String::new();
    };
    let table = render(columns(study, tuning));
    format!("Tuning, on images held out from training:\n\n{table}\n")
}

/// A row for each loss and what was tried for it.
pub fn columns(study: &Study, tuning: &Tuning) -> Vec<Column> {
    let rows = rows(study);
    let header = format!("validation {}", tuning.metric.header());
    vec![
        Column::new("loss", Align::Left, &rows, |row| row.loss.clone()),
        Column::new("tried", Align::Left, &rows, |row| {
            row.candidate.point.clone()
        }),
        Column::new("seeds", Align::Right, &rows, |row| {
            let ended = row.candidate.runs.iter().filter(|run| run.has_ended());
            ended.count().to_string()
        }),
        Column::new("diverged", Align::Right, &rows, |row| {
            row.candidate.diverged().to_string()
        }),
        Column::new(&header, Align::Right, &rows, |row| {
            let mean = row.candidate.mean(tuning.metric);
            mean.map_or(NONE.to_owned(), |mean| tuning.metric.show_in_unit(mean))
        }),
        Column::new("", Align::Left, &rows, |row| {
            (if row.is_chosen { "chosen" } else { "" }).to_owned()
        }),
    ]
}

struct Row<'a> {
    loss: String,
    candidate: &'a Candidate,
    is_chosen: bool,
}

fn rows(study: &Study) -> Vec<Row<'_>> {
    let rows = study.tuned().flat_map(|tuned| {
        let candidates = tuned.candidates.iter().enumerate();
        candidates.map(move |(place, candidate)| Row {
            loss: tuned.loss.to_string(),
            candidate,
            is_chosen: tuned.choice.is_some_and(|it| it.candidate == place),
        })
    });
    rows.collect()
}
