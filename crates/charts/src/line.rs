//! Curves with bands.

use crate::frame::{BELOW, Frame, LINE, left_margin, y_ticks};
use crate::labels::EndLabels;
use crate::number::significant;
use crate::path::{Path, alone};
use crate::sample::sample;
use crate::scale::{Axis, Range};
use crate::style::series;
use crate::svg::{Canvas, Svg, WIDTH};
use crate::text::fit;

/// Curves over a common axis, each with an optional band around it, named at their ends. Curves differ by colour and by
/// dashes.
///
/// Of a long curve at most 200 points are drawn, its ends and extremes among them. Points that are not finite, and those
/// that are not positive on a [log](Axis::log) axis, are gaps.
///
/// ```
/// use charts::{Axis, Line, LineChart, Point};
///
/// let accuracies = [[61.2, 60.5], [75.0, 75.8], [80.3, 80.9]];
/// let epochs = accuracies.iter().zip(1..);
/// let chart = LineChart {
///     id: "accuracy".into(),
///     title: "Test accuracy by epoch".into(),
///     x: Axis::linear("epoch"),
///     y: Axis::linear("test accuracy, % (band: lowest to highest of 2 seeds)"),
///     lines: vec![Line {
///         label: "cross-entropy".into(),
///         points: epochs
///             .map(|([a, b], epoch)| {
///                 Point::new(f64::from(epoch), (a + b) / 2.0).with_band(a.min(*b), a.max(*b))
///             })
///             .collect(),
///     }],
/// };
/// assert!(chart.draw().description().contains("cross-entropy ends at 80.6"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineChart {
    /// Of the element: unique in its page; letters, digits, `-` and `_`.
    pub id: String,
    /// What the chart is called by a screen reader.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The curves. They cover each other in this order.
    pub lines: Vec<Line>,
}

/// A curve of a [`LineChart`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Its name.
    pub label: String,
    /// In the order in which they are connected.
    pub points: Vec<Point>,
}

/// A point of a [`Line`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Along the horizontal axis.
    pub x: f64,
    /// Along the vertical axis.
    pub y: f64,
    /// The lower and the upper end of the band here.
    pub band: Option<(f64, f64)>,
}

impl Point {
    /// A point without a band.
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y, band: None }
    }

    /// With a band from `low` to `high`. An infinite end reaches the edge; where one is NaN there is no band.
    #[must_use]
    pub fn with_band(self, low: f64, high: f64) -> Self {
        Self {
            band: Some((low, high)),
            ..self
        }
    }
}

impl LineChart {
    /// The chart as SVG.
    pub fn draw(&self) -> Svg {
        const HEIGHT: f64 = 170.0;
        let mut canvas = Canvas::default();
        let labels = EndLabels::new(self.lines.iter().map(|line| line.label.as_str()));
        let top = 2.0 * LINE;
        let height = labels.height().max(HEIGHT);
        let (x_range, y_range) = (self.x_range(), self.y_range());
        let ticks = y_ticks(y_range, height);
        let frame = Frame {
            left: left_margin(&ticks),
            right: WIDTH - labels.width(),
            top,
            bottom: top + height,
            x_range,
            y_range,
        };
        draw_y_title(&mut canvas, &self.y);
        frame.draw_grid(&mut canvas, &ticks, true);
        if y_range.is_none() {
            frame.draw_no_data(&mut canvas);
        }
        self.draw_curves(&mut canvas, &frame);
        frame.draw_x_axis(&mut canvas, &self.x.full_title(), &frame.x_ticks(false));
        let ends = self.lines.iter().map(|line| {
            let last = self.drawn(line).last()?;
            Some(frame.y(last.y))
        });
        labels.draw(&mut canvas, &frame, &ends.collect::<Vec<_>>());
        canvas.finish(&self.id, &self.title, self.describe(), frame.bottom + BELOW)
    }

    fn draw_curves(&self, canvas: &mut Canvas, frame: &Frame) {
        let points: Vec<Vec<Option<Point>>> =
            self.lines.iter().map(|line| self.sampled(line)).collect();
        // No band covers a curve.
        for (index, points) in points.iter().enumerate() {
            let class = format!("band c{}", index % 6);
            canvas.path(&class, &band(frame, points));
        }
        for (index, points) in points.iter().enumerate() {
            let place = |point: &Point| (frame.x(point.x), frame.y(point.y));
            let places = points.iter().map(|point| point.as_ref().map(place));
            let places: Vec<Option<(f64, f64)>> = places.collect();
            let mut path = Path::default();
            path.polyline(&places);
            canvas.path(&format!("dots c{}", index % 6), &alone(&places));
            canvas.path(&series(index), &path);
        }
    }

    /// The points of a line that are drawn, `None` for a gap.
    fn sampled(&self, line: &Line) -> Vec<Option<Point>> {
        let points = line.points.iter();
        let points: Vec<Option<Point>> = points
            .map(|point| self.is_drawn(point).then_some(*point))
            .collect();
        let heights: Vec<Option<f64>> = points.iter().map(|point| point.map(|p| p.y)).collect();
        sample(&heights)
            .into_iter()
            .map(|index| points[index])
            .collect()
    }

    fn is_drawn(&self, point: &Point) -> bool {
        self.x.scale.place(point.x).is_some() && self.y.scale.place(point.y).is_some()
    }

    fn drawn<'a>(&'a self, line: &'a Line) -> impl DoubleEndedIterator<Item = &'a Point> {
        line.points.iter().filter(|point| self.is_drawn(point))
    }

    fn x_range(&self) -> Option<Range> {
        let points = self.lines.iter().flat_map(|line| self.drawn(line));
        Range::of(self.x.scale, points.map(|point| point.x))
    }

    fn y_range(&self) -> Option<Range> {
        let points = self.lines.iter().flat_map(|line| self.drawn(line));
        let values = points.flat_map(|point| {
            let (low, high) = point.band.unwrap_or((point.y, point.y));
            [low, point.y, high]
        });
        Range::of(self.y.scale, values).map(|range| range.padded(0.04))
    }

    fn describe(&self) -> String {
        let mut words = format!("{} against {}.", self.y.full_title(), self.x.full_title());
        for line in &self.lines {
            let label = &line.label;
            let drawn: Vec<&Point> = self.drawn(line).collect();
            let (Some(first), Some(last)) = (drawn.first(), drawn.last()) else {
                words.push_str(&format!(" {label} has no data."));
                continue;
            };
            let number = |value| significant(value, 4);
            words.push_str(&format!(
                " {label} ends at {} (at {}), from {} (at {}).",
                number(last.y),
                number(last.x),
                number(first.y),
                number(first.x)
            ));
        }
        words
    }
}

/// The title of a vertical axis, above it.
pub(crate) fn draw_y_title(canvas: &mut Canvas, axis: &Axis) {
    let title = axis.full_title();
    let shown = fit(&title, WIDTH - 4.0);
    canvas.titled_text("", 2.0, 12.0, &shown, &title);
}

/// The band around points, broken where there is none.
fn band(frame: &Frame, points: &[Option<Point>]) -> Path {
    let edges = points.iter().map(|point| {
        let point = point.as_ref()?;
        let (low, high) = point.band?;
        let is_band = !low.is_nan() && !high.is_nan();
        is_band.then(|| (frame.x(point.x), frame.y(low), frame.y(high)))
    });
    let edges: Vec<Option<(f64, f64, f64)>> = edges.collect();
    let mut path = Path::default();
    for run in edges.split(Option::is_none) {
        let run = || run.iter().flatten();
        let upper = run().map(|(x, _, high)| (*x, *high));
        let lower = run().rev().map(|(x, low, _)| (*x, *low));
        path.polygon(&upper.chain(lower).collect::<Vec<_>>());
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<Point>) -> LineChart {
        LineChart {
            lines: vec![Line {
                label: String::new(),
                points,
            }],
            ..LineChart::default()
        }
    }

    #[test]
    fn a_point_without_a_place_is_a_gap() {
        let points = [1.0, 2.0, f64::NAN, 2.0, 1.0, f64::INFINITY, 1.0];
        let points = points
            .iter()
            .zip(0..)
            .map(|(y, x)| Point::new(f64::from(x), *y));
        let svg = chart(points.collect()).draw().to_string();
        assert!(
            svg.contains("class=\"dots c0\""),
            "the last point is alone: {svg}"
        );
        let curve = svg.split("class=\"c0\" d=\"").nth(1).unwrap();
        let curve = curve.split('"').next().unwrap();
        assert_eq!(curve.matches(['m', 'M']).count(), 2, "{curve}");
    }

    #[test]
    fn a_band_is_broken_where_it_is_unknown() {
        let banded = |x, low, high| Point::new(x, 1.0).with_band(low, high);
        let points = vec![
            banded(0.0, 0.0, 2.0),
            banded(1.0, f64::NEG_INFINITY, 2.0),
            banded(2.0, f64::NAN, 2.0),
            Point::new(3.0, 1.0),
            banded(4.0, 0.5, 1.5),
            banded(5.0, 0.5, 1.5),
        ];
        let svg = chart(points).draw().to_string();
        let band = svg.split("class=\"band c0\" d=\"").nth(1).unwrap();
        assert_eq!(
            band.split('"').next().unwrap().matches('z').count(),
            2,
            "{band}"
        );
    }
}
