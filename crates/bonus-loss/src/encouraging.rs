//! The encouraging loss: cross-entropy with a bonus for well-classified examples.

use burn::tensor::Tensor;

use crate::Interval;
use crate::log_odds::LogOddsLoss;
use crate::macros::{choice, loss};
use crate::stable::{sigmoid, sigmoid_tensor, softplus, softplus_tensor};

loss! {
    Encouraging {
        name: "encouraging",
        summary: "cross-entropy with a bonus ln(1−p): keeps its gradient on well-classified examples",
        formula: "\
L = −ln p + bonus(p), LE = log_end
p ≤ LE:     bonus = ln(1−p), so that L = −z exactly
p > LE:     bonus = ln(1−LE) − (p−LE)/(1−LE)   tail = \"tangent\"
            bonus = ln(1−LE) − (p−LE)          tail = \"unit_slope\"
tail = \"clamped\" is \"tangent\" with ln(max(1−p, 1e-5)) for p ≤ LE",
        gradient: "\
p ≤ LE:     dL/dz = −1
p > LE:     dL/dz = −(1−p)(1 + p/(1−LE))       tail = \"tangent\"
            dL/dz = −(1−p)(1 + p)              tail = \"unit_slope\"
1−p < 1e-5: dL/dz = −(1−p) for p ≤ LE          tail = \"clamped\"",
        source: "Zhao et al., Well-Classified Examples are Underestimated in Classification with \
                 Deep Neural Networks, AAAI 36(8):9180–9189, 2022, doi 10.1609/aaai.v36i8.20904, \
                 arXiv 2110.06537; unit_slope: the blog post \"Summary of the paper …\" \
                 (ita9naiwa, 2022-03-09); clamped: the authors' published code",
        recommended: [
            { log_end = 0.75 } => "\"can easily work in existing optimization systems\" (the authors' README)",
            { log_end = 0.5 } => "\"work for all settings\" (the authors' README)",
            { log_end = 1.0 } => "the full bonus of the paper's theory (Zhao et al.)",
        ],
        parameters: {
            /// p at which the logarithmic bonus ends; 1 is the full bonus, L = −z
            log_end: f64 = 0.75, Interval::closed(0.0, 1.0);
            /// how the bonus continues above log_end: the paper's tangent, the blog's line of slope
            /// 1, or the authors' code with its clamp
            tail: Tail = Tail::Tangent;
        },
    }
}

choice! {
    /// How the bonus continues above `log_end`.
    Tail {
        /// Along its tangent, as in the paper.
        Tangent = "tangent",
        /// Along a line of slope 1, as in the blog.
        UnitSlope = "unit_slope",
        /// Along its tangent, with 1−p clamped below `log_end`, as in the authors' code.
        Clamped = "clamped",
    }
}

/// Lower bound at which the authors' code clamps 1−p before taking the logarithm.
const CLAMP: f64 = 1e-5;

/// Used instead of minus infinity as a bound on z: shader languages do not guarantee infinities.
const BELOW_EVERY_Z: f64 = -1e30;

/// L = −ln p + constant + slope·(1−p) for z > start: a bonus that is linear in p, written in 1−p,
/// which float32 can distinguish from 0 long after p has rounded to 1.
#[derive(Debug)]
struct Piece {
    start: f64,
    constant: f64,
    slope: f64,
}

impl Encouraging {
    /// L = −z up to the first piece; each piece extends from its start to the next one's.
    fn pieces(&self) -> Vec<Piece> {
        let rest = 1.0 - self.log_end;
        let mut pieces = Vec::new();
        if self.tail == Tail::Clamped && CLAMP > rest {
            pieces.push(Piece::linear(CLAMP, 0.0));
        }
        // ln(1−LE) is infinite at LE = 1, where p never passes LE.
        if rest > 0.0 {
            let slope = match self.tail {
                Tail::UnitSlope => 1.0,
                Tail::Tangent | Tail::Clamped => 1.0 / rest,
            };
            pieces.push(Piece::linear(rest, slope));
        }
        pieces
    }

    fn piece_at(&self, z: f64) -> Option<Piece> {
        self.pieces().into_iter().rfind(|piece| z > piece.start)
    }
}

impl Piece {
    /// The bonus that follows ln(1−p) down to 1−p = `rest` and is linear in p with `slope` from there.
    fn linear(rest: f64, slope: f64) -> Self {
        let start = (1.0 - rest).ln() - rest.ln();
        Self {
            start: start.max(BELOW_EVERY_Z),
            constant: rest.ln() - slope * rest,
            slope,
        }
    }
}

impl LogOddsLoss for Encouraging {
    fn value_at(&self, z: f64) -> f64 {
        self.piece_at(z).map_or(-z, |piece| {
            softplus(-z) + piece.constant + piece.slope * sigmoid(-z)
        })
    }

    fn derivative_at(&self, z: f64) -> f64 {
        self.piece_at(z).map_or(-1.0, |piece| {
            -sigmoid(-z) * (1.0 + piece.slope * sigmoid(z))
        })
    }

    /// Every piece is finite with a finite gradient at every z, so masking cannot introduce NaN.
    fn forward_at(&self, z: Tensor<1>) -> Tensor<1> {
        self.pieces().iter().fold(z.clone().neg(), |loss, piece| {
            let linear = sigmoid_tensor(z.clone().neg()) * piece.slope + piece.constant;
            let beyond = softplus_tensor(z.clone().neg()) + linear;
            loss.mask_where(z.clone().greater_scalar(piece.start), beyond)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG_ENDS: [f64; 7] = [0.0, 0.1, 0.5, 0.75, 0.9, 0.999, 1.0];

    fn encouraging(log_end: f64, tail: Tail) -> Encouraging {
        Encouraging::new().log_end(log_end).tail(tail)
    }

    fn steps() -> impl Iterator<Item = f64> {
        (-400..=400).map(|step| f64::from(step) / 10.0)
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() <= 1e-12 * left.abs().max(1.0)
    }

    #[test]
    fn full_bonus_is_minus_z_exactly_with_derivative_minus_one() {
        for tail in [Tail::Tangent, Tail::UnitSlope] {
            let loss = encouraging(1.0, tail);
            assert!(steps().all(|z| loss.value_at(z) == -z && loss.derivative_at(z) == -1.0));
        }
    }

    #[test]
    fn derivative_of_the_full_bonus_is_that_of_cross_entropy_over_one_minus_p() {
        let loss = encouraging(1.0, Tail::Tangent);
        for z in steps() {
            let cross_entropy = -sigmoid(-z);
            assert!(close(loss.derivative_at(z), cross_entropy / sigmoid(-z)));
        }
    }

    #[test]
    fn log_end_zero_is_poly1_less_one() {
        let loss = encouraging(0.0, Tail::Tangent);
        let poly1 = |z: f64| softplus(-z) + sigmoid(-z);
        assert!(steps().all(|z| close(loss.value_at(z), poly1(z) - 1.0)));
    }

    #[test]
    fn above_log_end_the_tangent_has_the_derivative_of_poly1_of_one_over_the_rest() {
        for log_end in [0.1, 0.5, 0.75, 0.9] {
            let loss = encouraging(log_end, Tail::Tangent);
            for z in steps().filter(|z| sigmoid(*z) > log_end) {
                let poly1 = -sigmoid(-z) * (1.0 + sigmoid(z) / (1.0 - log_end));
                assert!(close(loss.derivative_at(z), poly1));
            }
        }
    }

    #[test]
    fn derivative_with_the_tangent_never_exceeds_one() {
        for log_end in LOG_ENDS {
            let loss = encouraging(log_end, Tail::Tangent);
            assert!(
                steps().all(|z| loss.derivative_at(z).abs() <= 1.0 + 1e-15),
                "{log_end}"
            );
        }
    }

    #[test]
    fn tangent_continues_value_and_slope_at_log_end() {
        for log_end in [0.1, 0.5, 0.75, 0.9, 0.999] {
            let loss = encouraging(log_end, Tail::Tangent);
            let z = (log_end / (1.0 - log_end)).ln() + 1e-12;
            assert!((loss.value_at(z) + z).abs() < 1e-10, "{log_end}");
            assert!((loss.derivative_at(z) + 1.0).abs() < 1e-10, "{log_end}");
        }
    }

    #[test]
    fn unit_slope_is_the_blogs_formula() {
        for log_end in [0.0, 0.5, 0.75] {
            let loss = encouraging(log_end, Tail::UnitSlope);
            let constant = (1.0_f64 - log_end).ln() + log_end;
            for z in steps().filter(|z| sigmoid(*z) > log_end) {
                let p = sigmoid(z);
                assert!(close(loss.value_at(z), softplus(-z) + constant - p));
                assert!(close(loss.derivative_at(z), -sigmoid(-z) * (1.0 + p)));
            }
        }
    }

    #[test]
    fn derivative_relative_to_cross_entropy_ends_at_three_five_and_eleven() {
        for (log_end, times) in [(0.5, 3.0), (0.75, 5.0), (0.9, 11.0)] {
            let loss = encouraging(log_end, Tail::Tangent);
            assert!((loss.derivative_at(40.0) / -sigmoid(-40.0) - times).abs() < 1e-12);
            let end = (1.0_f64 - log_end).ln() - 1.0;
            assert!(close(loss.value_at(40.0), end));
        }
    }

    #[test]
    fn clamp_turns_the_full_bonus_into_a_hinge_at_eleven_and_a_half() {
        let loss = encouraging(1.0, Tail::Clamped);
        for z in steps() {
            let authors = softplus(-z) + sigmoid(-z).max(CLAMP).ln();
            assert!((loss.value_at(z) - authors).abs() < 1e-12);
        }
        assert_eq!(loss.derivative_at(11.51), -1.0);
        assert_eq!(loss.derivative_at(11.52), -sigmoid(-11.52));
    }

    #[test]
    fn clamp_below_log_end_gives_way_to_the_tangent_beyond_it() {
        let (rest, z) = (1e-7, 18.0);
        let clamped = encouraging(1.0 - rest, Tail::Clamped);
        let tangent = encouraging(1.0 - rest, Tail::Tangent);
        assert_eq!(clamped.value_at(14.0), softplus(-14.0) + CLAMP.ln());
        assert_eq!(clamped.value_at(z), tangent.value_at(z));
        let ordinary = encouraging(0.75, Tail::Clamped);
        assert!(
            steps().all(|z| ordinary.value_at(z) == encouraging(0.75, Tail::Tangent).value_at(z))
        );
    }

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_wrong_classes() {
        for classes in [2.0_f64, 10.0, 100.0] {
            let z = -(classes - 1.0).ln();
            let loss = encouraging(1.0 / classes + 1e-9, Tail::Tangent);
            assert!(close(loss.value_at(z), (classes - 1.0).ln()));
            assert!(close(softplus(-z), classes.ln()));
        }
    }
}
