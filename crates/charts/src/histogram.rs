//! Histograms beside each other.

use crate::frame::{BELOW, Frame, LINE, left_margin, y_ticks};
use crate::labels::draw_legend;
use crate::line::draw_y_title;
use crate::number::{drawable, significant};
use crate::path::Path;
use crate::scale::{Axis, Range, Scale, Tick};
use crate::style::series;
use crate::svg::{Canvas, Svg, WIDTH};
use crate::text::{fit, width};

/// A panel for each of several things with the same axes, so that they can be compared, and in it the histograms of
/// several moments as steps. The last histogram of a panel is filled.
///
/// ```
/// use charts::{Histogram, HistogramGrid, Panel};
///
/// let grid = HistogramGrid {
///     id: "shares".into(),
///     title: "Share of the gradient by confidence".into(),
///     x: "p of the target".into(),
///     y: "share of the gradient, %".into(),
///     range: (0.0, 1.0),
///     panels: vec![Panel {
///         label: "cross-entropy".into(),
///         histograms: vec![
///             Histogram { label: "epoch 1".into(), bins: vec![40.0, 30.0, 20.0, 10.0] },
///             Histogram { label: "epoch 20".into(), bins: vec![5.0, 15.0, 30.0, 50.0] },
///         ],
///     }],
/// };
/// assert!(grid.draw().description().contains("epoch 20: 5, 15, 30, 50."));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramGrid {
    /// Of the element: unique in its page; letters, digits, `-` and `_`.
    pub id: String,
    /// What the chart is called by a screen reader.
    pub title: String,
    /// What the bins divide.
    pub x: String,
    /// What the height of a bin is.
    pub y: String,
    /// From the start of the first bin to the end of the last; all bins are equally wide.
    pub range: (f64, f64),
    /// From left to right, two in a row.
    pub panels: Vec<Panel>,
}

/// A panel of a [`HistogramGrid`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// Its name.
    pub label: String,
    /// Its histograms; equal labels in several panels have the same colour and dashes.
    pub histograms: Vec<Histogram>,
}

/// A histogram of a [`Panel`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Its name.
    pub label: String,
    /// The height of each bin. A bin that is not finite is a gap.
    pub bins: Vec<f64>,
}

const COLUMNS: usize = 2;
const PANEL: f64 = 84.0;
const BETWEEN: f64 = 30.0;

impl HistogramGrid {
    /// The chart as SVG.
    pub fn draw(&self) -> Svg {
        let mut canvas = Canvas::default();
        let y_range = self.y_range();
        let ticks = y_ticks(y_range, PANEL);
        draw_y_title(&mut canvas, &Axis::linear(&*self.y));
        let labels = self.labels();
        let top = 20.0 + draw_legend(&mut canvas, &labels, 2.0, 20.0) + 4.0;
        let columns = self.panels.len().clamp(1, COLUMNS);
        let left = left_margin(&ticks);
        let length = (WIDTH - 8.0 - left - BETWEEN * (columns - 1) as f64) / columns as f64;
        let mut frame = Frame {
            left,
            right: left + length,
            top: top + LINE + 4.0,
            bottom: top + LINE + 4.0 + PANEL,
            x_range: Range::of(Scale::Linear, [self.range.0, self.range.1]),
            y_range,
        };
        if y_range.is_none() {
            frame.draw_no_data(&mut canvas);
        }
        let first = frame;
        for (index, panel) in self.panels.iter().enumerate() {
            let (row, column) = (index / columns, index % columns);
            let right = column as f64 * (length + BETWEEN);
            let down = row as f64 * (PANEL + 2.5 * LINE + 4.0);
            frame = Frame {
                left: first.left + right,
                right: first.right + right,
                top: first.top + down,
                bottom: first.bottom + down,
                ..first
            };
            let shown = fit(&panel.label, length);
            canvas.titled_text("", frame.left, frame.top - 6.0, &shown, &panel.label);
            frame.draw_grid(&mut canvas, &ticks, column == 0);
            draw_panel(&mut canvas, &frame, panel, &labels);
            frame.draw_x_axis(&mut canvas, "", &x_ticks(&frame));
        }
        let shown = fit(&self.x, WIDTH - 4.0);
        let height = frame.bottom + BELOW;
        canvas.titled_text(
            "mid",
            WIDTH / 2.0,
            frame.bottom + 16.0 + LINE,
            &shown,
            &self.x,
        );
        canvas.finish(&self.id, &self.title, self.describe(), height)
    }

    /// The labels of all histograms, each once.
    fn labels(&self) -> Vec<String> {
        let mut labels = Vec::new();
        for histogram in self.panels.iter().flat_map(|panel| &panel.histograms) {
            if !labels.contains(&histogram.label) {
                labels.push(histogram.label.clone());
            }
        }
        labels
    }

    /// From 0, where bars begin, to somewhat above the highest bin.
    fn y_range(&self) -> Option<Range> {
        let histograms = self.panels.iter().flat_map(|panel| &panel.histograms);
        let values = histograms.flat_map(|histogram| histogram.bins.iter().copied());
        let values: Vec<f64> = values.filter_map(drawable).collect();
        let highest = values.iter().copied().fold(0.0, f64::max);
        let range = Range::of(
            Scale::Linear,
            values.iter().copied().chain([0.0, highest * 1.05]),
        );
        range.filter(|_| !values.is_empty())
    }

    fn describe(&self) -> String {
        let mut words = format!("{} against {}.", self.y, self.x);
        for panel in &self.panels {
            for Histogram { label, bins } in &panel.histograms {
                let bins = bins.iter().map(|bin| match drawable(*bin) {
                    Some(bin) => significant(bin, 3),
                    None => "unknown".to_owned(),
                });
                let bins: Vec<String> = bins.collect();
                words.push_str(&format!(" {}, {label}: {}.", panel.label, bins.join(", ")));
            }
        }
        words
    }
}

/// Those whose labels do not reach into the panel beside.
fn x_ticks(frame: &Frame) -> Vec<Tick> {
    let mut ticks = frame.x_ticks(false);
    ticks.retain(|tick| {
        let (x, half) = (frame.x(tick.value), width(&tick.label) / 2.0);
        x - half >= frame.left - BETWEEN / 2.0 && x + half <= frame.right + BETWEEN / 2.0
    });
    ticks
}

fn draw_panel(canvas: &mut Canvas, frame: &Frame, panel: &Panel, labels: &[String]) {
    let place = |histogram: &Histogram| {
        let index = labels.iter().position(|label| *label == histogram.label);
        index.unwrap_or_default()
    };
    if let Some(last) = panel.histograms.last() {
        let class = format!("band c{}", place(last) % 6);
        canvas.path(&class, &bars(frame, &last.bins));
    }
    for histogram in &panel.histograms {
        canvas.path(&series(place(histogram)), &steps(frame, &histogram.bins));
    }
}

/// The left, right and top of each bin.
fn edges(frame: &Frame, bins: &[f64]) -> Vec<Option<(f64, f64, f64)>> {
    let length = (frame.right - frame.left) / bins.len() as f64;
    let edges = bins.iter().enumerate().map(|(index, bin)| {
        let left = frame.left + index as f64 * length;
        drawable(*bin).map(|bin| (left, left + length, frame.y(bin)))
    });
    edges.collect()
}

fn steps(frame: &Frame, bins: &[f64]) -> Path {
    let points = edges(frame, bins).into_iter().flat_map(|edge| match edge {
        Some((left, right, y)) => [Some((left, y)), Some((right, y))],
        None => [None, None],
    });
    let mut path = Path::default();
    path.polyline(&points.collect::<Vec<_>>());
    path
}

fn bars(frame: &Frame, bins: &[f64]) -> Path {
    let zero = frame.y(0.0);
    let mut path = Path::default();
    for run in edges(frame, bins).split(Option::is_none) {
        let run = || run.iter().flatten();
        let (Some(first), Some(last)) = (run().next(), run().last()) else {
            continue;
        };
        let mut corners = vec![(first.0, zero)];
        corners.extend(run().flat_map(|(left, right, y)| [(*left, *y), (*right, *y)]));
        corners.push((last.1, zero));
        path.polygon(&corners);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame {
        left: 0.0,
        right: 30.0,
        top: 0.0,
        bottom: 10.0,
        x_range: None,
        y_range: None,
    };

    #[test]
    fn a_bin_that_is_unknown_is_a_gap_of_the_steps_and_of_the_bars() {
        let frame = Frame {
            y_range: Range::of(Scale::Linear, [0.0, 10.0]),
            ..FRAME
        };
        let bins = [5.0, f64::NAN, 10.0];
        assert_eq!(steps(&frame, &bins).data(), "M0 5h10m10-5h10");
        assert_eq!(bars(&frame, &bins).data(), "M0 10v-5h10v5zm20 0v-10h10v10z");
        assert!(bars(&frame, &[]).is_empty());
    }

    #[test]
    fn a_label_has_one_place_in_all_panels() {
        let panel = |labels: [&str; 2]| Panel {
            label: String::new(),
            histograms: labels
                .map(|label| Histogram {
                    label: label.to_owned(),
                    bins: vec![1.0],
                })
                .to_vec(),
        };
        let grid = HistogramGrid {
            panels: vec![panel(["a", "b"]), panel(["b", "c"])],
            ..HistogramGrid::default()
        };
        assert_eq!(grid.labels(), ["a", "b", "c"]);
    }
}
