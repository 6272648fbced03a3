//! Names of curves: beside their ends where there is room, or in rows above.

use crate::frame::{Frame, LINE};
use crate::path::Path;
use crate::style::series;
use crate::svg::{Canvas, WIDTH};
use crate::text::{fit, width, wrap};

/// A piece of the curve before its name, with its colour and dashes.
const SAMPLE: f64 = 16.0;
const GAP: f64 = 4.0;

/// Names beside the ends of curves, in the column at the right of a frame.
#[derive(Clone, Debug)]
pub(crate) struct EndLabels<'a> {
    labels: Vec<EndLabel<'a>>,
}

#[derive(Clone, Debug)]
struct EndLabel<'a> {
    whole: &'a str,
    lines: Vec<String>,
}

impl<'a> EndLabels<'a> {
    pub(crate) fn new(labels: impl IntoIterator<Item = &'a str>) -> Self {
        const WIDEST: f64 = 112.0;
        let label = |whole| EndLabel {
            whole,
            lines: wrap(whole, &[WIDEST; 3]),
        };
        Self {
            labels: labels.into_iter().map(label).collect(),
        }
    }

    /// The room that they need at the right of the frame.
    pub(crate) fn width(&self) -> f64 {
        let lines = self.labels.iter().flat_map(|label| &label.lines);
        let widest = lines.map(|line| width(line)).fold(0.0, f64::max);
        if widest == 0.0 {
            return 8.0;
        }
        2.0 * GAP + SAMPLE + GAP + widest
    }

    pub(crate) fn height(&self) -> f64 {
        self.labels.iter().map(EndLabel::height).sum()
    }

    /// Each as near to the end of its curve as the others allow: `ends` are the heights of the ends. A curve without one
    /// has its name at the bottom.
    pub(crate) fn draw(&self, canvas: &mut Canvas, frame: &Frame, ends: &[Option<f64>]) {
        let ends = ends.iter().map(|end| end.unwrap_or(frame.bottom));
        let heights: Vec<f64> = self.labels.iter().map(EndLabel::height).collect();
        let tops = spread(
            &ends.collect::<Vec<_>>(),
            &heights,
            frame.top - 4.0,
            frame.bottom + 4.0,
        );
        let left = frame.right + 2.0 * GAP;
        for (index, (label, top)) in self.labels.iter().zip(tops).enumerate() {
            if label.lines.is_empty() {
                continue;
            }
            draw_sample(canvas, index, left, top + LINE / 2.0);
            for (row, line) in label.lines.iter().enumerate() {
                let (x, y) = (left + SAMPLE + GAP, top + 11.0 + row as f64 * LINE);
                canvas.titled_text("", x, y, line, label.whole);
            }
        }
    }
}

impl EndLabel<'_> {
    fn height(&self) -> f64 {
        self.lines.len() as f64 * LINE
    }
}

/// The tops of boxes of these heights with their middles near `wanted`, between `top` and `bottom` and apart.
fn spread(wanted: &[f64], heights: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut tops = vec![top; wanted.len()];
    let mut free = top;
    for index in &order {
        tops[*index] = (wanted[*index] - heights[*index] / 2.0).max(free);
        free = tops[*index] + heights[*index];
    }
    let mut limit = bottom;
    for index in order.iter().rev() {
        tops[*index] = tops[*index].min(limit - heights[*index]);
        limit = tops[*index];
    }
    tops
}

/// Names in rows from (`left`, `top`), and the height that they take.
pub(crate) fn draw_legend(canvas: &mut Canvas, labels: &[String], left: f64, top: f64) -> f64 {
    let (mut x, mut y) = (left, top);
    for (index, label) in labels.iter().enumerate() {
        let shown = fit(label, WIDTH - left - SAMPLE - 3.0 * GAP);
        let length = SAMPLE + GAP + width(&shown);
        if x + length > WIDTH && x > left {
            (x, y) = (left, y + LINE);
        }
        draw_sample(canvas, index, x, y + LINE / 2.0);
        canvas.titled_text("", x + SAMPLE + GAP, y + 11.0, &shown, label);
        x += length + 3.0 * GAP;
    }
    if labels.is_empty() {
        0.0
    } else {
        y + LINE - top
    }
}

fn draw_sample(canvas: &mut Canvas, index: usize, x: f64, y: f64) {
    let mut sample = Path::default();
    sample.segment((x, y), (x + SAMPLE, y));
    canvas.path(&series(index), &sample);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_apart_are_at_the_ends_of_their_curves() {
        let tops = spread(&[80.0, 20.0], &[14.0, 28.0], 0.0, 100.0);
        assert_eq!(tops, [73.0, 6.0]);
    }

    #[test]
    fn labels_of_curves_that_meet_are_moved_apart_and_stay_inside() {
        let tops = spread(&[99.0, 99.0, 98.0, 1.0], &[14.0; 4], 0.0, 100.0);
        assert_eq!(tops, [72.0, 86.0, 58.0, 0.0]);
    }

    #[test]
    fn a_full_column_has_no_gaps() {
        let tops = spread(&[50.0; 5], &[20.0; 5], 0.0, 100.0);
        assert_eq!(tops, [0.0, 20.0, 40.0, 60.0, 80.0]);
    }
}
