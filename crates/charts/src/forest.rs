//! Differences with their intervals.

use crate::frame::{BELOW, Frame, LINE};
use crate::number::{drawable, floor_log10, significant, with_sign};
use crate::path::Path;
use crate::scale::{Range, Scale};
use crate::svg::{Canvas, Svg, WIDTH};
use crate::text::{width, wrap};

/// Several differences on one axis that includes 0: for each an estimate, its interval, and a dot for every value behind
/// them.
///
/// ```
/// use charts::{Difference, ForestPlot, Verdict};
///
/// let plot = ForestPlot {
///     id: "claims".into(),
///     title: "Is encouraging better than cross-entropy?".into(),
///     axis: "difference in test accuracy, percentage points".into(),
///     rows: vec![Difference {
///         label: "encouraging − cross-entropy, both tuned".into(),
///         estimate: Some(0.21),
///         interval: Some((0.1, 0.32)),
///         values: vec![0.18, 0.25, 0.2, 0.27, 0.15],
///         verdict: Verdict::Win,
///         margin: Some(0.1),
///     }],
/// };
/// let svg = plot.draw();
/// assert!(svg.description().contains("WIN, +0.21 [+0.10, +0.32]"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForestPlot {
    /// Of the element: unique in its page; letters, digits, `-` and `_`.
    pub id: String,
    /// What the chart is called by a screen reader.
    pub title: String,
    /// What differs, and its unit.
    pub axis: String,
    /// The differences, from top to bottom.
    pub rows: Vec<Difference>,
}

/// A row of a [`ForestPlot`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// Its name, three lines at most.
    pub label: String,
    /// The difference; `None` if there are not enough values for one.
    pub estimate: Option<f64>,
    /// The interval around it. An end that is infinite or far from all values is an arrow at the edge of the plot.
    pub interval: Option<(f64, f64)>,
    /// The values that the estimate is computed from.
    pub values: Vec<f64>,
    /// The conclusion.
    pub verdict: Verdict,
    /// The difference that matters: the part from −margin to +margin is shaded.
    pub margin: Option<f64>,
}

/// The conclusion from a [`Difference`], shown as a word and by the shape and colour of its marker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Above 0: a triangle that points up.
    Win,
    /// Below 0: a triangle that points down.
    Loss,
    /// Within the margin: a square.
    Equivalent,
    /// Undecided: a hollow diamond.
    #[default]
    Inconclusive,
}

const SIDE: f64 = 12.0;
const RADIUS: f64 = 5.5;
const LANES: usize = 4;
const LANE: f64 = 4.0;

impl ForestPlot {
    /// The plot as SVG.
    pub fn draw(&self) -> Svg {
        let mut canvas = Canvas::default();
        let mut frame = Frame {
            left: SIDE,
            right: WIDTH - SIDE,
            top: 0.0,
            bottom: 0.0,
            x_range: self.range(),
            y_range: None,
        };
        for row in &self.rows {
            frame.bottom = self.draw_row(row, &mut canvas, &frame) + 6.0;
            frame.top = frame.bottom;
        }
        if self.rows.is_empty() {
            frame.bottom = 4.0 * LINE;
            frame.draw_no_data(&mut canvas);
        }
        frame.draw_x_axis(&mut canvas, &self.axis, &frame.x_ticks(true));
        let mut height = frame.bottom + BELOW;
        if let Some(key) = self.key() {
            height += LINE;
            canvas.text("muted mid", WIDTH / 2.0, height - 6.0, &key);
        }
        canvas.finish(&self.id, &self.title, self.describe(), height)
    }

    /// From the lowest to the highest value, 0 among them. Intervals of a few values are wide: they make the axis three
    /// times as long at most.
    fn range(&self) -> Option<Range> {
        let inner = self.rows.iter().flat_map(|row| {
            let margins = row.margin.iter().flat_map(|margin| [*margin, -*margin]);
            let values = row.values.iter().copied();
            // Without dots the interval is all there is to see.
            let ends = row.interval.filter(|_| row.values.is_empty());
            let ends = ends.into_iter().flat_map(|(low, high)| [low, high]);
            values.chain(row.estimate).chain(margins).chain(ends)
        });
        let inner: Vec<f64> = inner.filter_map(drawable).collect();
        let ends = self.rows.iter().filter_map(|row| row.interval);
        let ends = ends.flat_map(|(low, high)| [low, high]);
        let range = Range::of(Scale::Linear, inner.iter().copied().chain([0.0]))?;
        let longest = range.padded(1.0);
        let ends: Vec<f64> = ends.filter(|end| longest.contains(*end)).collect();
        let all = || inner.iter().chain(&ends).copied();
        let range = Range::of(Scale::Linear, all().chain([0.0]))?;
        all().next().map(|_| range.padded(0.03))
    }

    /// Draws a row from `frame.top` down and says where it ends.
    fn draw_row(&self, row: &Difference, canvas: &mut Canvas, frame: &Frame) -> f64 {
        let answer = format!("{}: {}", row.verdict.name(), self.numbers(row));
        let (beside, below) = (WIDTH - width(&answer) - 16.0, WIDTH - 4.0);
        let lines = wrap(&row.label, &[beside, below, below]);
        for (index, line) in lines.iter().enumerate() {
            let y = frame.top + 12.0 + index as f64 * LINE;
            canvas.titled_text("", 2.0, y, line, &row.label);
        }
        canvas.text("end", WIDTH - 2.0, frame.top + 12.0, &answer);
        let top = frame.top + LINE * lines.len().max(1) as f64 + 4.0;
        let middle = top + 9.0;
        let lanes = dots(frame, &row.values, middle + 11.0);
        let bottom = middle + 9.0 + lanes.1 as f64 * LANE + 4.0;
        if let Some(margin) = row.margin.and_then(drawable) {
            let mut shade = Path::default();
            let margin = margin.abs();
            shade.rectangle(frame.x(-margin), top, frame.x(margin), bottom);
            canvas.path("margin", &shade);
        }
        if frame.x_range.is_some() {
            let mut zero = Path::default();
            zero.segment((frame.x(0.0), top), (frame.x(0.0), bottom));
            canvas.path("axis", &zero);
        }
        let class = row.verdict.class();
        canvas.path(&format!("dots {class}"), &lanes.0);
        if let Some((low, high)) = known(row.interval) {
            canvas.path(class, &interval(frame, low, high, middle));
        }
        if let Some(estimate) = row.estimate.and_then(drawable) {
            let mut mark = Path::default();
            mark.polygon(&row.verdict.shape(frame.x(estimate), middle));
            let fill = if row.verdict == Verdict::Inconclusive {
                "hollow"
            } else {
                "solid"
            };
            canvas.path(&format!("{fill} {class}"), &mark);
        }
        bottom
    }

    /// The estimate and its interval in digits.
    fn numbers(&self, row: &Difference) -> String {
        let (range, finest) = (self.range(), self.finest());
        let number = |value: f64| match range {
            Some(range) if value.is_finite() => with_sign(&range.value_label(value, finest)),
            _ if value > 0.0 => "+∞".to_owned(),
            _ => "−∞".to_owned(),
        };
        let Some(estimate) = row.estimate.and_then(drawable) else {
            return "not enough seeds".to_owned();
        };
        match known(row.interval) {
            Some((low, high)) => {
                format!("{} [{}, {}]", number(estimate), number(low), number(high))
            }
            None => number(estimate),
        }
    }

    /// The exponent of the second digit of half the narrowest interval, since one axis may serve wide ones too.
    fn finest(&self) -> Option<i32> {
        let intervals = self.rows.iter().filter_map(|row| known(row.interval));
        let halves = intervals.map(|(low, high)| (high - low) / 2.0);
        let narrowest = halves.filter(|half| *half > 0.0).reduce(f64::min)?;
        floor_log10(narrowest).map(|first| first - 1)
    }

    /// What the marks mean, of those that there are.
    fn key(&self) -> Option<String> {
        let has = |is: fn(&Difference) -> bool| self.rows.iter().any(is);
        let parts = [
            (has(|row| !row.values.is_empty()), "dot: one seed"),
            (has(|row| known(row.interval).is_some()), "bar: interval"),
            (has(|row| row.margin.is_some()), "shaded: margin"),
        ];
        let parts = parts.iter().filter(|(is_drawn, _)| *is_drawn);
        let words: Vec<&str> = parts.map(|(_, words)| *words).collect();
        (!words.is_empty()).then(|| words.join(" · "))
    }

    fn describe(&self) -> String {
        let mut words = format!("{}.", self.axis);
        for row in &self.rows {
            let (label, verdict, numbers) = (&row.label, row.verdict.name(), self.numbers(row));
            let count = row.values.len();
            words.push_str(&format!(" {label}: {verdict}, {numbers}, {count} values"));
            if let Some(margin) = row.margin.and_then(drawable) {
                words.push_str(&format!(", margin {}", significant(margin.abs(), 3)));
            }
            words.push('.');
        }
        words
    }
}

impl Verdict {
    /// In capitals, as it is printed.
    fn name(self) -> &'static str {
        match self {
            Self::Win => "WIN",
            Self::Loss => "LOSS",
            Self::Equivalent => "EQUIVALENT",
            Self::Inconclusive => "INCONCLUSIVE",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Win => "win",
            Self::Loss => "loss",
            Self::Equivalent => "equivalent",
            Self::Inconclusive => "inconclusive",
        }
    }

    fn shape(self, x: f64, y: f64) -> Vec<(f64, f64)> {
        let r = RADIUS;
        let corners: &[(f64, f64)] = match self {
            Self::Win => &[(0.0, -r), (r, r - 1.0), (-r, r - 1.0)],
            Self::Loss => &[(0.0, r), (r, 1.0 - r), (-r, 1.0 - r)],
            Self::Equivalent => &[(-4.0, -4.0), (4.0, -4.0), (4.0, 4.0), (-4.0, 4.0)],
            Self::Inconclusive => &[(0.0, -r), (r, 0.0), (0.0, r), (-r, 0.0)],
        };
        corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect()
    }
}

/// An interval whose ends are numbers or infinite.
fn known(interval: Option<(f64, f64)>) -> Option<(f64, f64)> {
    interval.filter(|(low, high)| !low.is_nan() && !high.is_nan())
}

/// A bar with a stroke at each end, or an arrow where that is beyond the edge.
fn interval(frame: &Frame, low: f64, high: f64, y: f64) -> Path {
    const ARROW: f64 = 5.0;
    let mut path = Path::default();
    let (left, right) = (frame.x(low), frame.x(high));
    path.segment((left, y), (right, y));
    for (end, x, inward) in [(low, left, ARROW), (high, right, -ARROW)] {
        if frame.x_range.is_some_and(|range| range.contains(end)) {
            path.segment((x, y - 4.0), (x, y + 4.0));
        } else {
            path.move_to(x + inward, y - 4.0);
            path.line_to(x, y);
            path.line_to(x + inward, y + 4.0);
        }
    }
    path
}

/// Dots below `y` in the fewest lanes in which they do not cover each other, and the number of lanes. Where all lanes are
/// full they do.
fn dots(frame: &Frame, values: &[f64], y: f64) -> (Path, usize) {
    let mut values: Vec<f64> = values.iter().copied().filter_map(drawable).collect();
    values.sort_by(f64::total_cmp);
    let mut path = Path::default();
    let mut ends = [f64::NEG_INFINITY; LANES];
    let mut used = 0;
    for value in values {
        let x = frame.x(value);
        let earliest = (0..LANES).min_by(|a, b| ends[*a].total_cmp(&ends[*b]));
        let free = (0..LANES).find(|lane| ends[*lane] + LANE <= x);
        let lane = free.or(earliest).unwrap_or(0);
        ends[lane] = x;
        used = used.max(lane + 1);
        path.dot(x, y + lane as f64 * LANE);
    }
    (path, used)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(estimate: f64, interval: (f64, f64)) -> Difference {
        Difference {
            estimate: Some(estimate),
            interval: Some(interval),
            ..Difference::default()
        }
    }

    fn described(row: Difference) -> String {
        let plot = ForestPlot {
            rows: vec![row],
            ..ForestPlot::default()
        };
        plot.draw().description().to_owned()
    }

    #[test]
    fn an_interval_without_a_bound_and_one_that_is_missing_are_said() {
        let unbounded = described(row(0.2, (f64::NEG_INFINITY, 0.5)));
        assert!(unbounded.contains("+0.20 [−∞, +0.50]"), "{unbounded}");
        let unknown = described(row(0.2, (f64::NAN, 0.5)));
        assert!(
            unknown.contains("INCONCLUSIVE, +0.20, 0 values"),
            "{unknown}"
        );
        let missing = described(Difference::default());
        assert!(missing.contains("not enough seeds"), "{missing}");
    }

    #[test]
    fn an_unbounded_end_is_an_arrow_at_the_edge() {
        let frame = Frame {
            left: 0.0,
            right: 100.0,
            top: 0.0,
            bottom: 0.0,
            x_range: Range::of(Scale::Linear, [0.0, 10.0]),
            y_range: None,
        };
        let path = interval(&frame, 2.0, f64::INFINITY, 10.0);
        assert_eq!(path.data(), "M20 10h80m-80-4v8m75-8l5 4-5 4");
    }

    #[test]
    fn a_wide_interval_of_two_values_does_not_squeeze_the_others() {
        let wide = Difference {
            values: vec![0.1, 0.3],
            ..row(0.2, (-1.07, 1.47))
        };
        let plot = ForestPlot {
            rows: vec![wide.clone(), row(0.1, (-0.5, 0.7))],
            ..ForestPlot::default()
        };
        let range = plot.range().unwrap();
        assert!(range.contains(0.7) && range.contains(-1.07) && range.contains(1.47));
        let plot = ForestPlot {
            rows: vec![wide],
            ..plot
        };
        let range = plot.range().unwrap();
        assert!(range.contains(0.3) && !range.contains(1.47) && !range.contains(-1.07));
    }

    #[test]
    fn dots_at_one_place_are_drawn_in_lanes() {
        let frame = Frame {
            left: 0.0,
            right: 100.0,
            top: 0.0,
            bottom: 0.0,
            x_range: Range::of(Scale::Linear, [0.0, 10.0]),
            y_range: None,
        };
        let (path, lanes) = dots(&frame, &[5.0, 1.0, 5.0, 5.1, f64::NAN], 10.0);
        assert_eq!(lanes, 3);
        assert_eq!(path.data(), "M10 10h0m40 0h0m0 4h0m1 4h0");
        assert_eq!(dots(&frame, &[5.0; 9], 0.0).1, LANES);
    }
}
