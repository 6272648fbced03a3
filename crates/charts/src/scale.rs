//! From values to places on an axis, with ticks at round numbers.

use std::f64::consts::LN_10;

use crate::number::{drawable, fixed, floor_log10, log10, power_of_ten, significant};

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equally long.
    #[default]
    Linear,
    /// Equal ratios are equally long. Zero and negative values are gaps.
    Log,
}

/// An axis as a caller describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Axis {
    /// What the axis shows and its unit, such as `accuracy, %`.
    pub title: String,
    /// How its values are spread.
    pub scale: Scale,
}

impl Axis {
    /// A linear axis.
    pub fn linear(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            scale: Scale::Linear,
        }
    }

    /// A logarithmic axis, which is said beside its title.
    pub fn log(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            scale: Scale::Log,
        }
    }

    pub(crate) fn full_title(&self) -> String {
        match self.scale {
            Scale::Linear => self.title.clone(),
            Scale::Log => format!("{} (log scale)", self.title),
        }
    }
}

impl Scale {
    /// `value` if it has a place on such an axis.
    pub(crate) fn place(self, value: f64) -> Option<f64> {
        let value = drawable(value)?;
        match self {
            Self::Linear => Some(value),
            // A chart of numbers that small is of no use, and half of them must still be a number.
            Self::Log => (value > 0.0).then_some(value.max(1e-300)),
        }
    }
}

/// A round number on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// The values from one end of an axis to the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    low: f64,
    high: f64,
    scale: Scale,
}

impl Range {
    /// The range of `values`, somewhat wider where they are all equal; `None` where none has a place.
    pub(crate) fn of(scale: Scale, values: impl IntoIterator<Item = f64>) -> Option<Self> {
        // Closer values would need ticks of too many digits.
        const CLOSE: f64 = 1e-6;
        let mut values = values.into_iter().filter_map(|value| scale.place(value));
        let first = values.next()?;
        let ends = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
        let (low, high) = values.fold((first, first), ends);
        let magnitude = low.abs().max(high.abs());
        let (low, high) = match scale {
            Scale::Log if high / low < 1.0 + CLOSE => (low / 2.0, high * 2.0),
            Scale::Linear if high - low < (CLOSE * magnitude).max(1e-305) => {
                let margin = if magnitude < 1e-290 {
                    1.0
                } else {
                    magnitude / 10.0
                };
                (low - margin, high + margin)
            }
            _ => (low, high),
        };
        Some(Self { low, high, scale })
    }

    /// With `share` of its length added at each end.
    pub(crate) fn padded(self, share: f64) -> Self {
        match self.scale {
            Scale::Linear => {
                let margin = (self.high - self.low) * share;
                Self {
                    low: self.low - margin,
                    high: self.high + margin,
                    ..self
                }
            }
            // e^x is about 1 + x, which is close enough for a margin.
            Scale::Log => {
                let length = (log10(self.high) - log10(self.low)) * LN_10;
                let factor = 1.0 + share * length;
                Self {
                    low: self.low / factor,
                    high: self.high * factor,
                    ..self
                }
            }
        }
    }

    pub(crate) fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The place of `value`: 0 at the low end, 1 at the high end and never beyond.
    pub(crate) fn fraction(&self, value: f64) -> f64 {
        let fraction = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log if value > 0.0 && value < f64::INFINITY => {
                let low = log10(self.low);
                (log10(value) - low) / (log10(self.high) - low)
            }
            Scale::Log => value,
        };
        if fraction.is_nan() {
            return 0.0;
        }
        fraction.clamp(0.0, 1.0)
    }

    /// At most `most` round numbers within the range.
    pub(crate) fn ticks(&self, most: usize) -> Vec<Tick> {
        match self.scale {
            Scale::Linear => self.linear_ticks(most),
            Scale::Log => self.log_ticks(most),
        }
    }

    /// `value` with one digit more than the ticks, or with two if it is to be rounded to 10^`finest`, which is finer.
    pub(crate) fn value_label(&self, value: f64, finest: Option<i32>) -> String {
        let (_, exponent) = self.step(5);
        let of_ticks = exponent - 1;
        let finest = finest.unwrap_or(of_ticks);
        self.label(value, finest.clamp(of_ticks - 1, of_ticks))
    }

    fn linear_ticks(&self, most: usize) -> Vec<Tick> {
        let (step, exponent) = self.step(most);
        let (first, last) = self.multiples(step);
        (0..=(last - first) as usize)
            .map(|index| (first + index as f64) * step)
            .map(|value| Tick {
                value,
                label: self.label(value, exponent),
            })
            .collect()
    }

    /// The smallest step of 1, 2 or 5 times a power of ten with at most `most` ticks, and that power.
    fn step(&self, most: usize) -> (f64, i32) {
        let most = most.max(1) as f64;
        let rough = (self.high - self.low) / most;
        let exponent = floor_log10(rough).unwrap_or(0);
        let steps = [(1.0, 0), (2.0, 0), (5.0, 0), (1.0, 1), (2.0, 1), (5.0, 1)];
        let steps = steps.map(|(factor, more)| {
            let exponent = exponent + more;
            (factor * power_of_ten(exponent), exponent)
        });
        let is_few = |(step, _): &&(f64, i32)| {
            let (first, last) = self.multiples(*step);
            last - first < most
        };
        *steps.iter().find(is_few).unwrap_or(&steps[5])
    }

    /// The first and the last multiple of `step` within the range.
    fn multiples(&self, step: f64) -> (f64, f64) {
        const ROUNDING: f64 = 1e-9;
        let first = (self.low / step - ROUNDING).ceil();
        let last = (self.high / step + ROUNDING).floor();
        (first, last.max(first))
    }

    /// `value` rounded to 10^`exponent`: in full, or with a power of ten where numbers are large or tiny.
    fn label(&self, value: f64, exponent: i32) -> String {
        let magnitude = self.low.abs().max(self.high.abs()).max(value.abs());
        if (1e-3..1e6).contains(&magnitude) {
            return fixed(value, (-exponent).clamp(0, 9) as usize);
        }
        let digits = floor_log10(value.abs()).map_or(1, |first| first - exponent + 1);
        significant(value, digits.clamp(1, 9) as usize)
    }

    /// The multiples by 1, 2 and 5 of the powers of ten, or every power, or every second …
    fn log_ticks(&self, most: usize) -> Vec<Tick> {
        const EVERY: [i32; 9] = [1, 2, 3, 5, 10, 20, 50, 100, 200];
        let decades = || {
            let first = floor_log10(self.low).unwrap_or(0);
            first..=floor_log10(self.high).unwrap_or(0)
        };
        let inside = |value: &f64| (self.low..=self.high).contains(value);
        let fine = decades().flat_map(|n| [1.0, 2.0, 5.0].map(|factor| factor * power_of_ten(n)));
        let fine: Vec<f64> = fine.filter(inside).collect();
        let coarse = EVERY.map(|every| {
            let chosen = decades().filter(|n| n.rem_euclid(every) == 0);
            chosen.map(power_of_ten).filter(inside).collect()
        });
        let mut candidates = [fine].into_iter().chain(coarse);
        let chosen = candidates.find(|values: &Vec<f64>| values.len() <= most.max(2));
        match chosen {
            Some(values) if values.len() >= 2 => {
                let tick = |value| Tick {
                    value,
                    label: significant(value, 2),
                };
                values.into_iter().map(tick).collect()
            }
            _ => self.linear_ticks(most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, low: f64, high: f64, most: usize) -> Vec<String> {
        let range = Range::of(scale, [low, high]).unwrap();
        let ticks = range.ticks(most);
        assert!(ticks.len() <= most, "{ticks:?}");
        ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn linear_ticks_are_multiples_of_one_two_or_five() {
        let linear = |low, high, most| labels(Scale::Linear, low, high, most);
        assert_eq!(
            linear(0.0, 1.0, 6),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(linear(-0.7, 0.4, 4), ["−0.5", "0.0"]);
        assert_eq!(linear(1.0, 30.0, 7), ["5", "10", "15", "20", "25", "30"]);
        assert_eq!(linear(0.0, 5e6, 3), ["0", "2e6", "4e6"]);
        assert_eq!(linear(0.0, 2e-5, 3), ["0", "1e−5", "2e−5"]);
        assert_eq!(linear(93.02, 93.11, 3), ["93.05", "93.10"]);
    }

    #[test]
    fn log_ticks_are_powers_of_ten_and_what_lies_between_few() {
        let log = |low, high, most| labels(Scale::Log, low, high, most);
        assert_eq!(
            log(0.02, 2.0, 7),
            ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"]
        );
        assert_eq!(
            log(1e-5, 1.0, 6),
            ["1e−5", "1e−4", "0.001", "0.01", "0.1", "1"]
        );
        assert_eq!(log(1e-300, 1e300, 7).len(), 7);
        assert_eq!(log(3.1, 3.9, 4), ["3.2", "3.4", "3.6", "3.8"]);
    }

    #[test]
    fn every_range_has_a_length_and_places_from_0_to_1() {
        let values = [
            0.0,
            5e-324,
            1e-300,
            1e-9,
            1.0,
            1.0 + 1e-12,
            93.1,
            1e300,
            f64::MAX,
        ];
        for scale in [Scale::Linear, Scale::Log] {
            for (a, b) in values.iter().flat_map(|a| values.map(|b| (*a, b))) {
                let Some(range) = Range::of(scale, [a, -b, b, f64::NAN]) else {
                    assert_eq!((scale, a, b), (Scale::Log, 0.0, 0.0));
                    continue;
                };
                let range = range.padded(0.04);
                assert!(range.low < range.high, "{a} {b}");
                for tick in range.ticks(5) {
                    let place = range.fraction(tick.value);
                    assert!((0.0..=1.0).contains(&place), "{a} {b} {tick:?}");
                    assert!(tick.label.len() < 16, "{a} {b} {tick:?}");
                }
            }
        }
        assert_eq!(Range::of(Scale::Log, [-1.0, 0.0]), None);
        assert_eq!(Range::of(Scale::Linear, [f64::NAN, f64::INFINITY]), None);
    }

    #[test]
    fn what_lies_beyond_the_range_is_at_its_edge() {
        let linear = Range::of(Scale::Linear, [0.0, 4.0]).unwrap();
        let log = Range::of(Scale::Log, [1.0, 100.0]).unwrap();
        assert_eq!(linear.fraction(1.0), 0.25);
        assert_eq!(log.fraction(10.0), 0.5);
        for range in [linear, log] {
            assert_eq!(range.fraction(f64::NEG_INFINITY), 0.0);
            assert_eq!(range.fraction(-3.0), 0.0);
            assert_eq!(range.fraction(f64::INFINITY), 1.0);
            assert_eq!(range.fraction(f64::NAN), 0.0);
        }
    }

    #[test]
    fn a_value_is_told_finer_than_the_ticks() {
        let range = Range::of(Scale::Linear, [-1.0, 1.0]).unwrap();
        assert_eq!(range.value_label(0.123, None), "0.12");
        assert_eq!(range.value_label(-0.001, None), "0.00");
        assert_eq!(range.value_label(-3e8, None), "−3e8");
        assert_eq!(range.value_label(0.123, Some(-1)), "0.12");
        assert_eq!(range.value_label(0.1236, Some(-3)), "0.124");
    }
}
