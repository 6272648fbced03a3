//! The encouraging loss: cross-entropy and a bonus for being right.

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::log_odds::OneVariable;
use crate::stable::{sigmoid, sigmoid_tensor, softplus, softplus_tensor};
use crate::{LossConfig, LossEntry, Parameter, ParameterKind, Value};

pub const ENTRY: LossEntry = LossEntry {
    name: "encouraging",
    summary: "cross-entropy with a bonus ln(1−p): keeps pulling at examples that are right",
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
    source: "Zhao et al., Well-Classified Examples are Underestimated in Classification with Deep \
             Neural Networks, AAAI 36(8):9180–9189, 2022, doi 10.1609/aaai.v36i8.20904, arXiv \
             2110.06537; unit_slope: the blog post \"Summary of the paper …\" (ita9naiwa, \
             2022-03-09); clamped: the authors' published code",
    parameters: &[
        Parameter {
            name: "log_end",
            kind: ParameterKind::closed(0.0, 1.0),
            default: Value::Number(0.75),
            description: "p at which the logarithmic bonus ends; 1 is the full bonus, L = −z",
        },
        Parameter {
            name: "tail",
            kind: ParameterKind::Choice(&[TANGENT, UNIT_SLOPE, CLAMPED]),
            default: Value::Choice(TANGENT),
            description: "how the bonus goes on above log_end: the paper's tangent, the blog's \
                          line of slope 1, or the authors' code with its clamp",
        },
    ],
    build: |config| Arc::new(Encouraging::new(config)),
};

const TANGENT: &str = "tangent";
const UNIT_SLOPE: &str = "unit_slope";
const CLAMPED: &str = "clamped";

/// The authors' code takes the logarithm of 1−p clamped from below at this.
const CLAMP: f64 = 1e-5;

/// Stands for minus infinity as a bound on z: shader languages do not promise infinities.
const BELOW_EVERY_Z: f64 = -1e30;

/// L = −z up to the first piece; each piece holds from its start to the next one's.
#[derive(Debug)]
struct Encouraging {
    pieces: Vec<Piece>,
}

/// L = −ln p + constant + slope·(1−p) for z > start: a bonus that is linear in p, written in 1−p,
/// which float32 can tell from 0 long after p has become 1.
#[derive(Debug)]
struct Piece {
    start: f64,
    constant: f64,
    slope: f64,
}

impl Encouraging {
    fn new(config: &LossConfig) -> Self {
        let log_end = config.number("log_end");
        let tail = config.choice("tail");
        let mut pieces = Vec::new();
        if tail == CLAMPED && CLAMP > 1.0 - log_end {
            pieces.push(Piece::linear(CLAMP, 0.0));
        }
        // ln(1−LE) is infinite at LE = 1, where p never passes LE.
        if log_end < 1.0 {
            let rest = 1.0 - log_end;
            let slope = if tail == UNIT_SLOPE { 1.0 } else { 1.0 / rest };
            pieces.push(Piece::linear(rest, slope));
        }
        Self { pieces }
    }
}

impl Piece {
    /// The bonus that leaves ln(1−p) at 1−p = `rest` and falls with p by `slope` from there.
    fn linear(rest: f64, slope: f64) -> Self {
        let start = (1.0 - rest).ln() - rest.ln();
        Self {
            start: start.max(BELOW_EVERY_Z),
            constant: rest.ln() - slope * rest,
            slope,
        }
    }
}

impl Encouraging {
    fn piece_at(&self, z: f64) -> Option<&Piece> {
        self.pieces.iter().rfind(|piece| z > piece.start)
    }
}

impl OneVariable for Encouraging {
    fn value_at(&self, z: f64) -> f64 {
        self.piece_at(z).map_or(-z, |piece| {
            softplus(-z) + piece.constant + piece.slope * sigmoid(-z)
        })
    }

    fn slope_at(&self, z: f64) -> f64 {
        self.piece_at(z).map_or(-1.0, |piece| {
            -sigmoid(-z) * (1.0 + piece.slope * sigmoid(z))
        })
    }

    /// Every piece is finite with a finite gradient at every z, so the masks poison nothing.
    fn forward_at(&self, z: Tensor<1>) -> Tensor<1> {
        self.pieces.iter().fold(z.clone().neg(), |loss, piece| {
            let linear = sigmoid_tensor(z.clone().neg()) * piece.slope + piece.constant;
            let beyond = softplus_tensor(z.clone().neg()) + linear;
            loss.mask_where(z.clone().greater_scalar(piece.start), beyond)
        })
    }
}
