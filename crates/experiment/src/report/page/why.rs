//! Why losses differ: the gradient by confidence, as theory has it and as it was measured.

use bonus_loss::LossConfig;
use charts::{Axis, Histogram, HistogramGrid, Line, LineChart, Panel, Point};

use super::Figure;
use super::curves::{Charts, Quantity};
use crate::report::snapshot::Curves;
use crate::report::value_and_gradient;
use crate::study::Study;

/// What explains the results.
pub struct Why {
    /// Theory first.
    pub figures: Vec<Figure>,
    pub is_measured: bool,
}

/// Bins of p in the records of epochs.
const BINS: usize = 10;

impl Why {
    pub fn of(study: &Study, curves: &[Curves], charts: &Charts) -> Self {
        let measured: Vec<Figure> = shares(curves)
            .into_iter()
            .chain(confident(charts))
            .collect();
        let is_measured = !measured.is_empty();
        let mut figures = vec![theory(&study.sweep.losses)];
        figures.extend(measured);
        Self {
            figures,
            is_measured,
        }
    }
}

/// dL/dz of each loss against p.
fn theory(losses: &[LossConfig]) -> Figure {
    const STEPS: u32 = 100;
    let lines = losses.iter().map(|config| {
        let loss = config.init();
        let points = (0..STEPS).map(|step| {
            let p = (f64::from(step) + 0.5) / f64::from(STEPS);
            let (_, gradient) = value_and_gradient(&loss, p);
            Point::new(p, gradient)
        });
        Line {
            label: config.to_string(),
            points: points.collect(),
        }
    });
    let name = "gradient-of-the-losses";
    let chart = LineChart {
        id: name.to_owned(),
        title: "Gradient of each loss by confidence".to_owned(),
        x: Axis::linear("p of the target"),
        y: Axis::linear("dL/dz"),
        lines: lines.collect(),
    };
    Figure {
        name: name.to_owned(),
        svg: chart.draw(),
        caption: "Theory: the gradient dL/dz with respect to the target's log-odds z against its probability p, for ten \
                  classes of which the other nine are equally likely. Where a curve is near 0, an image hardly changes \
                  the network."
            .to_owned(),
    }
}

/// The share of the gradient by confidence, a panel per loss.
fn shares(curves: &[Curves]) -> Option<Figure> {
    let panels: Vec<Panel> = curves.iter().filter_map(panel).collect();
    if panels.is_empty() {
        return None;
    }
    let name = "gradient-shares";
    let grid = HistogramGrid {
        id: name.to_owned(),
        title: "Measured share of the gradient by confidence".to_owned(),
        x: "p of the target".to_owned(),
        y: "share of the gradient, %".to_owned(),
        range: (0.0, 1.0),
        panels,
    };
    Some(Figure {
        name: name.to_owned(),
        svg: grid.draw(),
        caption: "Measured: the share of Σ|dL/dz| that training images at each confidence contribute, for the first, a \
                  middle and the last epoch, mean over the seeds. It is the theory's curve times the number of images \
                  at each p."
            .to_owned(),
    })
}

fn panel(curves: &Curves) -> Option<Panel> {
    let histograms = curves.few_epochs().into_iter().filter_map(|epoch| {
        let place = curves.epochs.iter().position(|known| *known == epoch)?;
        let bin = |bin: usize| {
            let series = curves.series.get(&format!("gradients.shares.{bin}"))?;
            series.center[place].map(|share| 100.0 * share)
        };
        // In a bin without images there may be nothing, but not in all.
        let bins: Vec<f64> = (0..BINS)
            .map(|place| bin(place).unwrap_or(f64::NAN))
            .collect();
        bins.iter().any(|bin| bin.is_finite()).then(|| Histogram {
            label: format!("epoch {epoch}"),
            bins,
        })
    });
    let histograms: Vec<Histogram> = histograms.collect();
    (!histograms.is_empty()).then(|| Panel {
        label: curves.name.clone(),
        histograms,
    })
}

/// The share that comes from images that are classified with near certainty.
fn confident(charts: &Charts) -> Vec<Figure> {
    let share = Quantity {
        key: "gradients.share_above_99",
        name: "gradient-share-above-99",
        title: "Share of the gradient from images with p > 0.99".to_owned(),
        axis: Axis::linear("share of the gradient, %"),
        factor: 100.0,
        note: "these images are classified correctly already",
    };
    share.figures(charts)
}
