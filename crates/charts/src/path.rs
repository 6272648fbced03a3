//! The data of a path in the fewest bytes: relative to the last point, with letters and spaces only where they are
//! needed.

use crate::number::{coordinate, tenths};

/// Differences are taken between rounded points, so that errors do not add up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    data: String,
    /// In tenths.
    at: (i64, i64),
    start: (i64, i64),
    letter: char,
    has_point: bool,
}

impl Path {
    pub(crate) fn data(&self) -> &str {
        &self.data
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    pub(crate) fn move_to(&mut self, x: f64, y: f64) {
        let to = (tenths(x), tenths(y));
        if self.data.is_empty() {
            self.command('M');
            self.number(to.0);
            self.number(to.1);
        } else {
            self.command('m');
            self.number(to.0 - self.at.0);
            self.number(to.1 - self.at.1);
        }
        self.at = to;
        self.start = to;
        // Numbers after a move draw lines.
        self.letter = 'm';
    }

    pub(crate) fn line_to(&mut self, x: f64, y: f64) {
        let to = (tenths(x), tenths(y));
        match (to.0 - self.at.0, to.1 - self.at.1) {
            (along, 0) => {
                self.command('h');
                self.number(along);
            }
            (0, down) => {
                self.command('v');
                self.number(down);
            }
            (along, down) => {
                self.command('l');
                self.number(along);
                self.number(down);
            }
        }
        self.at = to;
    }

    pub(crate) fn close(&mut self) {
        self.command('z');
        self.at = self.start;
    }

    /// A point that round line caps make a dot.
    pub(crate) fn dot(&mut self, x: f64, y: f64) {
        self.move_to(x, y);
        self.line_to(x, y);
    }

    pub(crate) fn segment(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.move_to(from.0, from.1);
        self.line_to(to.0, to.1);
    }

    pub(crate) fn polygon(&mut self, points: &[(f64, f64)]) {
        for (index, (x, y)) in points.iter().enumerate() {
            if index == 0 {
                self.move_to(*x, *y);
            } else {
                self.line_to(*x, *y);
            }
        }
        if !points.is_empty() {
            self.close();
        }
    }

    pub(crate) fn rectangle(&mut self, left: f64, top: f64, right: f64, bottom: f64) {
        self.polygon(&[(left, top), (right, top), (right, bottom), (left, bottom)]);
    }

    /// Lines through `points`, broken where one is missing. A point between two gaps is none: see [`alone`].
    pub(crate) fn polyline(&mut self, points: &[Option<(f64, f64)>]) {
        for run in points.split(Option::is_none).filter(|run| run.len() > 1) {
            for (index, (x, y)) in run.iter().flatten().enumerate() {
                if index == 0 {
                    self.move_to(*x, *y);
                } else {
                    self.line_to(*x, *y);
                }
            }
        }
    }

    fn command(&mut self, letter: char) {
        if self.letter != letter || "Mmz".contains(letter) {
            self.data.push(letter);
            self.letter = letter;
            self.has_point = false;
        }
    }

    fn number(&mut self, tenths: i64) {
        let text = coordinate(tenths);
        let follows_number = self.data.ends_with(|c: char| c.is_ascii_digit());
        let is_apart = text.starts_with('-') || (text.starts_with('.') && self.has_point);
        if follows_number && !is_apart {
            self.data.push(' ');
        }
        self.has_point = text.contains('.');
        self.data.push_str(&text);
    }
}

/// The points between two gaps, as dots.
pub(crate) fn alone(points: &[Option<(f64, f64)>]) -> Path {
    let mut dots = Path::default();
    for run in points.split(Option::is_none) {
        if let [Some((x, y))] = run {
            dots.dot(*x, *y);
        }
    }
    dots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_in_few_bytes() {
        let mut path = Path::default();
        let points = [
            (10.0, 20.0),
            (11.5, 19.5),
            (13.0, 20.4),
            (13.0, 30.0),
            (20.0, 30.0),
        ];
        path.polyline(&points.map(Some));
        assert_eq!(path.data(), "M10 20l1.5-.5 1.5.9v9.6h7");
    }

    #[test]
    fn rounding_errors_do_not_add_up() {
        let mut path = Path::default();
        let points: Vec<_> = (0..=100)
            .map(|i| Some((f64::from(i) * 0.04, 0.0)))
            .collect();
        path.polyline(&points);
        let moves = path.data().trim_start_matches("M0 0h").replace('-', " -");
        let sum: f64 = moves
            .replace('.', " .")
            .split_whitespace()
            .map(|number| number.parse::<f64>().unwrap())
            .sum();
        assert!((sum - 4.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn a_gap_breaks_a_line_and_a_point_alone_is_a_dot() {
        let points = [
            Some((1.0, 1.0)),
            None,
            None,
            Some((5.0, 5.0)),
            Some((6.0, 6.0)),
            None,
        ];
        let mut path = Path::default();
        path.polyline(&points);
        assert_eq!(path.data(), "M5 5l1 1");
        assert_eq!(alone(&points).data(), "M1 1h0");
    }

    #[test]
    fn after_a_closed_shape_the_pen_is_at_its_start() {
        let mut path = Path::default();
        path.rectangle(0.0, 0.0, 2.0, 3.0);
        path.dot(1.0, 1.0);
        assert_eq!(path.data(), "M0 0h2v3h-2zm1 1h0");
    }
}
