//! The rectangle that data are drawn in, with its axes: little ink, and the titles where they are read without turning
//! the head.

use crate::number::with_sign;
use crate::path::Path;
use crate::scale::{Range, Tick};
use crate::svg::{Canvas, WIDTH};
use crate::text::{fit, width};

/// From the baseline of one line of text to the next.
pub(crate) const LINE: f64 = 14.0;

/// What an axis of this frame takes up below it: tick labels, then the title.
pub(crate) const BELOW: f64 = 36.0;

/// A rectangle of the drawing and the values along its sides. Without a range everything is in the middle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    pub(crate) x_range: Option<Range>,
    pub(crate) y_range: Option<Range>,
}

impl Frame {
    pub(crate) fn x(&self, value: f64) -> f64 {
        let fraction = self.x_range.map_or(0.5, |range| range.fraction(value));
        self.left + fraction * (self.right - self.left)
    }

    pub(crate) fn y(&self, value: f64) -> f64 {
        let fraction = self.y_range.map_or(0.5, |range| range.fraction(value));
        self.bottom - fraction * (self.bottom - self.top)
    }

    /// The horizontal axis at the bottom, its labels, and its title centred below.
    pub(crate) fn draw_x_axis(&self, canvas: &mut Canvas, title: &str, labels: &[Tick]) {
        let mut path = Path::default();
        path.segment((self.left, self.bottom), (self.right, self.bottom));
        for tick in labels {
            let x = self.x(tick.value);
            path.segment((x, self.bottom), (x, self.bottom + 3.0));
        }
        canvas.path("axis", &path);
        for tick in labels {
            let x = inside(self.x(tick.value), &tick.label);
            canvas.text("muted mid", x, self.bottom + 16.0, &tick.label);
        }
        let shown = fit(title, WIDTH - 8.0);
        let x = inside(f64::midpoint(self.left, self.right), &shown);
        canvas.titled_text("mid", x, self.bottom + 16.0 + LINE, &shown, title);
    }

    /// Lines across the frame at the ticks of the vertical axis, labelled at the left.
    pub(crate) fn draw_grid(&self, canvas: &mut Canvas, ticks: &[Tick], has_labels: bool) {
        let mut path = Path::default();
        for tick in ticks {
            let y = self.y(tick.value);
            path.segment((self.left, y), (self.right, y));
        }
        canvas.path("grid", &path);
        for tick in ticks.iter().filter(|_| has_labels) {
            let y = self.y(tick.value) + 4.0;
            canvas.text("muted end", self.left - 5.0, y, &tick.label);
        }
    }

    /// Said where there is nothing to draw.
    pub(crate) fn draw_no_data(&self, canvas: &mut Canvas) {
        let x = f64::midpoint(self.left, self.right);
        let y = f64::midpoint(self.top, self.bottom);
        canvas.text("muted mid", x, y, "no data");
    }

    /// As many ticks of the horizontal axis as have room for their labels.
    pub(crate) fn x_ticks(&self, is_signed: bool) -> Vec<Tick> {
        const GAP: f64 = 8.0;
        let Some(range) = self.x_range else {
            return Vec::new();
        };
        let most = ((self.right - self.left) / 36.0) as usize;
        let candidates = (1..=most.max(1)).rev().map(|most| {
            let mut ticks = range.ticks(most);
            if is_signed {
                for tick in &mut ticks {
                    tick.label = with_sign(&tick.label);
                }
            }
            ticks
        });
        let has_room = |ticks: &Vec<Tick>| {
            let extent = |tick: &Tick| {
                let half = width(&tick.label) / 2.0;
                let x = inside(self.x(tick.value), &tick.label);
                (x - half, x + half)
            };
            let mut pairs = ticks.windows(2);
            pairs.all(|pair| extent(&pair[0]).1 + GAP <= extent(&pair[1]).0)
        };
        candidates.into_iter().find(has_room).unwrap_or_default()
    }
}

/// As many ticks of a vertical axis of this height as have room for their labels.
pub(crate) fn y_ticks(range: Option<Range>, height: f64) -> Vec<Tick> {
    let Some(range) = range else {
        return Vec::new();
    };
    let most = (height / 26.0) as usize;
    let candidates = (1..=most.max(1)).rev().map(|most| range.ticks(most));
    let has_room = |ticks: &Vec<Tick>| {
        let place = |tick: &Tick| range.fraction(tick.value) * height;
        let mut pairs = ticks.windows(2);
        pairs.all(|pair| place(&pair[0]) + LINE <= place(&pair[1]))
    };
    candidates.into_iter().find(has_room).unwrap_or_default()
}

/// The room that the labels of a vertical axis need at its left.
pub(crate) fn left_margin(ticks: &[Tick]) -> f64 {
    let widths = ticks.iter().map(|tick| width(&tick.label));
    8.0 + widths.fold(0.0, f64::max)
}

/// The middle of a text that should be at `x`, moved so that all of it is within the drawing.
fn inside(x: f64, text: &str) -> f64 {
    let half = (width(text) / 2.0).min(WIDTH / 2.0);
    x.clamp(half, WIDTH - half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::Scale;

    fn frame(values: [f64; 2]) -> Frame {
        Frame {
            left: 40.0,
            right: 240.0,
            top: 20.0,
            bottom: 120.0,
            x_range: Range::of(Scale::Linear, values),
            y_range: None,
        }
    }

    #[test]
    fn values_are_drawn_between_the_sides() {
        let frame = frame([0.0, 10.0]);
        assert_eq!(frame.x(0.0), 40.0);
        assert_eq!(frame.x(5.0), 140.0);
        assert_eq!(frame.x(11.0), 240.0);
        assert_eq!(frame.y(3.0), 70.0);
    }

    #[test]
    fn wide_labels_are_fewer() {
        let short = frame([0.0, 10.0]).x_ticks(false);
        let long = frame([93.000_1, 93.000_9]).x_ticks(false);
        assert!(short.len() > long.len() && !long.is_empty());
        assert_eq!(
            frame([-1.0, 1.0]).x_ticks(true).last().unwrap().label,
            "+1.0"
        );
    }

    #[test]
    fn a_text_at_the_edge_is_moved_inside() {
        assert_eq!(inside(200.0, "abc"), 200.0);
        assert_eq!(inside(399.0, "abc"), WIDTH - width("abc") / 2.0);
        assert_eq!(inside(0.0, &"x".repeat(1000)), WIDTH / 2.0);
    }
}
