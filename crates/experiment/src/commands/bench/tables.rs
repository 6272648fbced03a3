//! The rows of a benchmark as people read them.

use crate::bench::{BenchRow, LayerRow, Phases};
use crate::terminal::table::{Align, Column, NONE, plain};

/// Speeds, then where the time of a training step goes.
pub fn all(rows: &[BenchRow]) -> String {
    let layers = rows.iter().filter(|row| !row.layers.is_empty());
    speeds(rows) + &phases(rows) + &layers.map(layer_table).collect::<String>()
}

fn speeds(rows: &[BenchRow]) -> String {
    let text = |header, cell: fn(&BenchRow) -> String| Column::new(header, Align::Left, rows, cell);
    let number =
        |header, cell: fn(&BenchRow) -> String| Column::new(header, Align::Right, rows, cell);
    let table = plain(vec![
        text("backend", |row| row.backend.clone()),
        text("instructions", |row| instructions(row).to_owned()),
        text("mode", |row| row.mode.name().to_owned()),
        text("precision", |row| row.precision.clone()),
        text("model", |row| row.model.clone()),
        number("width", width),
        number("batch", |row| row.batch.to_string()),
        number("threads", |row| row.threads.to_string()),
        number("images/s", |row| format!("{:.1}", row.images_per_second)),
        number("slowest", |row| {
            format!("{:.1}", row.images_per_second_range[0])
        }),
        number("fastest", |row| {
            format!("{:.1}", row.images_per_second_range[1])
        }),
        number("peak MB", |row| megabytes(row.peak_memory_bytes)),
    ]);
    let steps = rows.first().map_or(0, |row| row.steps);
    format!(
        "{table}\nimages/s of the median of {steps} steps after a warm-up; peak of the whole process\n"
    )
}

/// Where the time of the training rows goes, and of how long it takes until then.
fn phases(rows: &[BenchRow]) -> String {
    let rows: Vec<(&BenchRow, Phases)> = rows
        .iter()
        .filter_map(|row| Some((row, row.phases?)))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let text = |header, cell: fn(&BenchRow) -> String| {
        Column::new(header, Align::Left, &rows, |(row, _)| cell(row))
    };
    let number = |header, cell: fn(&BenchRow) -> String| {
        Column::new(header, Align::Right, &rows, |(row, _)| cell(row))
    };
    let time = |header, time: fn(&Phases) -> f64| {
        Column::new(header, Align::Right, &rows, |(_, phases)| {
            format!("{:.2}", time(phases))
        })
    };
    let table = plain(vec![
        text("backend", |row| row.backend.clone()),
        text("instructions", |row| instructions(row).to_owned()),
        text("precision", |row| row.precision.clone()),
        text("model", |row| row.model.clone()),
        number("width", width),
        number("batch", |row| row.batch.to_string()),
        number("threads", |row| row.threads.to_string()),
        time("data ms", |phases| phases.data_ms),
        time("forward ms", |phases| phases.forward_ms),
        time("backward ms", |phases| phases.backward_ms),
        time("optimizer ms", |phases| phases.optimizer_ms),
        number("tuning s", |row| format!("{:.1}", row.tuning_s)),
        number("start s", |row| format!("{:.1}", row.start_s)),
        number("device MB", |row| megabytes(row.device_memory_bytes)),
    ]);
    format!("\nphases of a training step, each synchronized and timed separately\n{table}")
}

fn layer_table(row: &BenchRow) -> String {
    let layers = &row.layers;
    let number =
        |header, cell: fn(&LayerRow) -> String| Column::new(header, Align::Right, layers, cell);
    let table = plain(vec![
        Column::new("layer", Align::Left, layers, |layer| layer.layer.clone()),
        number("count", |layer| layer.count.to_string()),
        number("forward ms", |layer| format!("{:.2}", layer.forward_ms)),
        number("backward ms", |layer| format!("{:.2}", layer.backward_ms)),
        number("GFLOP/s", |layer| match layer.gflops_per_second {
            0.0 => String::new(),
            speed => format!("{speed:.0}"),
        }),
        number("share %", |layer| format!("{:.1}", 100.0 * layer.share)),
    ]);
    format!(
        "\ntime spent in a training step ({}, {}, {}, {}, width {}, batch {}, threads {})\n\
         {table}\neach layer is measured separately, so the shares need not add up to 100\n",
        row.backend,
        instructions(row),
        row.precision,
        row.model,
        width(row),
        row.batch,
        row.threads
    )
}

/// Those of the CPU's kernels, or a dash on a GPU.
fn instructions(row: &BenchRow) -> &str {
    row.instructions.as_deref().unwrap_or(NONE)
}

/// The network's, or a dash where it has none.
fn width(row: &BenchRow) -> String {
    (row.width).map_or(NONE.to_owned(), |width| width.to_string())
}

fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or(NONE.to_owned(), |bytes| (bytes / 1_000_000).to_string())
}
