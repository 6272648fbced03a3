//! Charts as a page has them: how large they are, and what they look like where there is little or nothing to draw.

use charts::{
    Axis, Difference, ForestPlot, Histogram, HistogramGrid, Line, LineChart, Panel, Point, STYLE,
    Setting, Svg, TuningChart, TuningSeries,
};
use random_streams::Stream;

fn normal(seed: u64, count: usize) -> Vec<f64> {
    let mut stream = Stream::new(seed, "typical", 0);
    (0..count).map(|_| f64::from(stream.normal())).collect()
}

fn forest(rows: usize, seeds: usize) -> ForestPlot {
    let row = |seed| Difference {
        label: "encouraging − cross-entropy, both tuned".into(),
        estimate: Some(0.2),
        interval: Some((0.1, 0.3)),
        values: normal(seed, seeds),
        margin: Some(0.1),
        ..Difference::default()
    };
    ForestPlot {
        id: "claims".into(),
        title: "Which loss wins?".into(),
        axis: "difference in test accuracy, percentage points".into(),
        rows: (0..rows as u64).map(row).collect(),
    }
}

/// Learning curves with noise of so many points.
fn lines(count: usize, points: usize, noise: f64) -> LineChart {
    let line = |seed: usize| {
        let values = normal(seed as u64, points);
        let points = values.iter().zip(0..).map(|(value, x)| {
            let epoch = f64::from(x);
            let mean = 90.0 + seed as f64 - 50.0 / (1.0 + epoch / 10.0);
            let y = mean + noise * value;
            Point::new(epoch, y).with_band(y - 0.5, y + 0.5)
        });
        Line {
            label: format!("a loss named {seed}"),
            points: points.collect(),
        }
    };
    LineChart {
        id: "accuracy".into(),
        title: "Test accuracy by epoch".into(),
        x: Axis::linear("epoch"),
        y: Axis::linear("test accuracy, %"),
        lines: (0..count).map(line).collect(),
    }
}

fn tuning(settings: &[f64], values: &[f64]) -> TuningChart {
    let setting = |setting: &f64| Setting {
        setting: *setting,
        values: values.to_vec(),
        ..Setting::default()
    };
    TuningChart {
        id: "tuning".into(),
        title: "Tuning".into(),
        setting: "learning rate".into(),
        metric: Axis::linear("validation accuracy, %"),
        series: vec![TuningSeries {
            label: "cross-entropy".into(),
            settings: settings.iter().map(setting).collect(),
        }],
    }
}

fn histograms(bins: &[f64]) -> HistogramGrid {
    HistogramGrid {
        id: "shares".into(),
        title: "Shares".into(),
        x: "p".into(),
        y: "share, %".into(),
        range: (0.0, 1.0),
        panels: vec![Panel {
            label: "cross-entropy".into(),
            histograms: vec![Histogram {
                label: "epoch 1".into(),
                bins: bins.to_vec(),
            }],
        }],
    }
}

fn size(svg: &Svg) -> usize {
    svg.to_string().len()
}

#[test]
fn typical_charts_are_small() {
    let found = size(&forest(3, 40).draw());
    assert!(found < 6_000, "{found}");
    let found = size(&lines(5, 200, 0.5).draw());
    assert!(found < 25_000, "{found}");
    let found = size(&lines(5, 60, 0.5).draw());
    assert!(found < 9_000, "{found}");
    let found = STYLE.len();
    assert!(found < 2_500, "{found}");
}

#[test]
fn a_long_curve_is_no_larger_than_one_of_200_points() {
    let (short, long) = (
        size(&lines(1, 200, 50.0).draw()),
        size(&lines(1, 100_000, 50.0).draw()),
    );
    assert!(long < short * 11 / 10, "{short}, {long}");
}

#[test]
fn without_data_a_chart_says_so() {
    let none = [f64::NAN, f64::INFINITY];
    let empty_curve = |points: &[f64]| {
        let mut chart = lines(1, 0, 0.0);
        chart.lines[0].points = points.iter().map(|y| Point::new(0.0, *y)).collect();
        chart
    };
    let charts = [
        forest(0, 0).draw(),
        lines(0, 0, 0.0).draw(),
        empty_curve(&[]).draw(),
        empty_curve(&none).draw(),
        tuning(&[], &[]).draw(),
        tuning(&[0.1], &none).draw(),
        tuning(&none, &[1.0]).draw(),
        histograms(&[]).draw(),
        histograms(&none).draw(),
        TuningChart::default().draw(),
        HistogramGrid::default().draw(),
    ];
    for chart in charts {
        assert!(chart.to_string().contains(">no data</text>"), "{chart}");
    }
}

#[test]
fn extreme_and_equal_numbers_have_an_axis() {
    for value in [0.0, 1.0, -93.1, 1e300, -1e300, f64::MAX, 1e-300, 5e-324] {
        let mut curve = lines(1, 0, 0.0);
        curve.lines[0].points = vec![Point::new(value, value)];
        let mut row = forest(1, 0);
        row.rows[0].estimate = Some(value);
        row.rows[0].interval = Some((value, value));
        row.rows[0].values = vec![value; 3];
        let charts = [
            row.draw(),
            curve.draw(),
            tuning(&[value], &[value; 2]).draw(),
            histograms(&[value; 3]).draw(),
        ];
        for chart in charts {
            let text = chart.to_string();
            assert!(!text.contains("no data"), "{value}: {text}");
            assert!(
                text.matches("class=\"muted ").count() >= 2,
                "{value}: {text}"
            );
        }
    }
}

#[test]
fn labels_are_text_and_no_markup() {
    let mut chart = lines(1, 3, 0.0);
    chart.id = "a b".into();
    chart.title = "<script>alert(1)</script>".into();
    chart.lines[0].label = "a < b & \"c\"".into();
    let text = chart.draw().to_string();
    assert!(!text.contains("<script") && text.contains("id=\"a-b-title\">&lt;script&gt;"));
    assert!(text.contains(">a &lt; b &amp; &quot;c&quot;</text>"));
}

#[test]
fn a_long_label_is_cut_and_whole_in_its_tooltip() {
    let mut chart = lines(1, 3, 0.0);
    let long = "a loss with a name that takes more than two lines beside the end of its curve";
    chart.lines[0].label = long.into();
    let text = chart.draw().to_string();
    assert!(text.contains(&format!("…<title>{long}</title>")), "{text}");
}

/// Where this fails on another platform, a function was used whose last digit differs there; where a chart was changed on
/// purpose, `EXPERIMENT_WRITE_DOCS=1` writes the file again.
#[test]
fn the_bytes_are_the_same_on_every_platform() {
    let chart = LineChart {
        id: "powers".into(),
        title: "Powers of x".into(),
        x: Axis::log("x"),
        y: Axis::log("y"),
        lines: [1, 2, 3]
            .map(|power| Line {
                label: format!("x to the power of {power}"),
                points: (1..=60)
                    .map(|x| (0..power).fold((f64::from(x), 1.0), |(x, y), _| (x, x * y)))
                    .map(|(x, y)| Point::new(x, y).with_band(y / 3.0, y * 1.7))
                    .collect(),
            })
            .into(),
    };
    let found = chart.draw().file();
    if std::env::var_os("EXPERIMENT_WRITE_DOCS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/powers.svg");
        std::fs::write(path, &found).unwrap();
    } else {
        assert_eq!(found, include_str!("powers.svg"));
    }
}
