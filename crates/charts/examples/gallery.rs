//! Writes a page with every chart to standard output; with a folder as its argument, each chart as a file there too.

use std::{env, fs, io, path::Path};

use charts::{
    Axis, Difference, ForestPlot, Histogram, HistogramGrid, Line, LineChart, Panel, Point, STYLE,
    Setting, Svg, TuningChart, TuningSeries, Verdict,
};
use random_streams::Stream;

const LOSSES: [&str; 5] = [
    "cross-entropy",
    "bonus",
    "encouraging 0.75",
    "poly-1, epsilon 4",
    "mae + mse",
];

fn main() -> io::Result<()> {
    let charts = [
        ("forest", forest()),
        ("accuracy", accuracy()),
        ("gradients", gradients()),
        ("tuning", tuning()),
        ("shares", shares()),
    ];
    if let Some(folder) = env::args().nth(1) {
        for (name, chart) in &charts {
            fs::write(Path::new(&folder).join(format!("{name}.svg")), chart.file())?;
        }
    }
    println!("<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>Charts</title>");
    println!("<meta name=\"viewport\" content=\"width=device-width\"><style>");
    println!("body{{margin:1rem;font-family:system-ui,sans-serif}}figure{{margin:0 0 2rem}}");
    println!(
        "@media screen and (prefers-color-scheme:dark){{body{{background:#16181c;color:#e8e8e8}}}}"
    );
    println!("{STYLE}</style>");
    for (_, chart) in charts {
        println!("<figure>{chart}</figure>");
    }
    println!("</html>");
    Ok(())
}

fn forest() -> Svg {
    let mut stream = Stream::new(1, "forest", 0);
    let mut values = |mean: f64, count: usize| {
        let value = |_| mean + 0.25 * f64::from(stream.normal());
        (0..count).map(value).collect::<Vec<f64>>()
    };
    let row = |label: &str, values: Vec<f64>, half: f64, verdict| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Difference {
            label: label.into(),
            estimate: Some(mean),
            interval: Some((mean - half, mean + half)),
            values,
            verdict,
            margin: Some(0.1),
        }
    };
    ForestPlot {
        id: "forest".into(),
        title: "Which loss wins?".into(),
        axis: "difference in test accuracy, percentage points".into(),
        rows: vec![
            row(
                "bonus − cross-entropy, at its learning rate",
                values(-0.8, 12),
                0.3,
                Verdict::Loss,
            ),
            row(
                "encouraging − cross-entropy, both tuned",
                values(0.3, 40),
                0.12,
                Verdict::Win,
            ),
            row(
                "poly-1 − cross-entropy",
                values(0.01, 40),
                0.08,
                Verdict::Equivalent,
            ),
            Difference {
                interval: Some((f64::NEG_INFINITY, 0.9)),
                ..row(
                    "mae + mse − cross-entropy",
                    values(-0.1, 3),
                    0.0,
                    Verdict::Inconclusive,
                )
            },
            Difference {
                label: "a loss of one seed − cross-entropy".into(),
                values: vec![0.4],
                ..Difference::default()
            },
        ],
    }
    .draw()
}

fn accuracy() -> Svg {
    let lines = LOSSES.iter().zip(0..).map(|(label, index)| {
        let points = (1..=60).map(|epoch| {
            let height = 93.5 - 0.7 * f64::from(index);
            let rate = 6.0 + f64::from(index);
            let mean = height - 45.0 * (-f64::from(epoch) / rate).exp();
            let half = 3.0 / f64::from(epoch).sqrt();
            Point::new(f64::from(epoch), mean).with_band(mean - half, mean + half)
        });
        Line {
            label: (*label).into(),
            points: points.collect(),
        }
    });
    LineChart {
        id: "accuracy".into(),
        title: "Test accuracy by epoch".into(),
        x: Axis::linear("epoch"),
        y: Axis::linear("test accuracy, % (band: 95 % interval over seeds)"),
        lines: lines.collect(),
    }
    .draw()
}

fn gradients() -> Svg {
    type Gradient = fn(f64) -> f64;
    let losses: [(&str, Gradient); 4] = [
        ("cross-entropy", |p| p - 1.0),
        ("bonus", |p| p - 1.0 - p * 0.9),
        ("poly-1, epsilon 4", |p| (p - 1.0) * (1.0 + 4.0 * p)),
        ("mae + mse", |p| -p * (1.0 - p) * (3.0 - 2.0 * p)),
    ];
    let lines = losses.map(|(label, gradient)| Line {
        label: label.into(),
        points: (0..=100)
            .map(|i| f64::from(i) / 100.0)
            .map(|p| Point::new(p, gradient(p)))
            .collect(),
    });
    LineChart {
        id: "gradients".into(),
        title: "Gradient of each loss by confidence".into(),
        x: Axis::linear("p of the target"),
        y: Axis::linear("dL/dz"),
        lines: lines.into(),
    }
    .draw()
}

fn tuning() -> Svg {
    let mut stream = Stream::new(1, "tuning", 0);
    let rates = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0];
    let series = LOSSES.iter().zip(0_usize..).map(|(label, index)| {
        let best = 2 + index % 3;
        let settings = rates.iter().enumerate().map(|(place, rate)| {
            let distance = place.abs_diff(best) as f64;
            let mut value = || {
                93.0 - 0.2 * index as f64 - 0.8 * distance * distance
                    + 0.2 * f64::from(stream.normal())
            };
            let has_diverged = place > best + 2;
            Setting {
                setting: *rate,
                values: (0..3).filter(|_| !has_diverged).map(|_| value()).collect(),
                diverged: if has_diverged { 3 } else { 0 },
                is_chosen: place == best,
            }
        });
        TuningSeries {
            label: (*label).into(),
            settings: settings.collect(),
        }
    });
    TuningChart {
        id: "tuning".into(),
        title: "Tuning of the learning rate".into(),
        setting: "learning rate".into(),
        metric: Axis::linear("validation accuracy, %"),
        series: series.collect(),
    }
    .draw()
}

fn shares() -> Svg {
    let panels = LOSSES.iter().zip(1..).map(|(label, power)| {
        let histograms = [1, 5, 20].map(|epoch| {
            let weight = |bin: i32| {
                let p = (f64::from(bin) + 0.5) / 10.0;
                (1.0 - p) * (0.1 + p * f64::from(epoch * power) / 10.0)
            };
            let sum: f64 = (0..10).map(weight).sum();
            Histogram {
                label: format!("epoch {epoch}"),
                bins: (0..10).map(|bin| 100.0 * weight(bin) / sum).collect(),
            }
        });
        Panel {
            label: (*label).into(),
            histograms: histograms.into(),
        }
    });
    HistogramGrid {
        id: "shares".into(),
        title: "Share of the gradient by confidence".into(),
        x: "p of the target".into(),
        y: "share of the gradient, %".into(),
        range: (0.0, 1.0),
        panels: panels.collect(),
    }
    .draw()
}
