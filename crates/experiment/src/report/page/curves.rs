//! Means and medians over the seeds by epoch → figures.

use charts::{Axis, Line, LineChart, Point, Scale};

use super::Figure;
use crate::records::Split;
use crate::report::snapshot::{Curves, Series, Snapshot};

/// Curves of one chart; more cannot be told apart.
const MOST_LINES: usize = 8;

/// How losses and accuracies develop.
pub fn learning(snapshot: &Snapshot) -> Vec<Figure> {
    let evaluated_on = snapshot.curves.first().map(|curves| curves.evaluated_on);
    let images = match evaluated_on {
        Some(Split::Validation) => "held-out",
        _ => "test",
    };
    let charts = [
        Chart {
            key: "train_accuracy",
            name: "train-accuracy",
            title: "Accuracy on training images".to_owned(),
            axis: Axis::linear("training accuracy, %"),
            factor: 100.0,
            note: "measured during the epoch, while the weights change and images are augmented",
        },
        Chart {
            key: "eval_accuracy",
            name: "eval-accuracy",
            title: format!("Accuracy on {images} images"),
            axis: Axis::linear(format!("{images} accuracy, %")),
            factor: 100.0,
            note: "",
        },
        Chart {
            key: "train_loss",
            name: "train-loss",
            title: "Training loss".to_owned(),
            axis: Axis::linear("training loss, each loss its own"),
            factor: 1.0,
            note: "every curve is of the loss that it was trained with, so that only its shape can be compared",
        },
        Chart {
            key: "cross_entropy",
            name: "eval-cross-entropy",
            title: format!("Cross-entropy on {images} images"),
            axis: Axis::log(format!("{images} cross-entropy, nats")),
            factor: 1.0,
            note: "the same for all losses, so that it can be compared",
        },
        Chart {
            key: "gradient_norm",
            name: "gradient-norm",
            title: "Norm of the gradient".to_owned(),
            axis: Axis::log("norm of the gradient"),
            factor: 1.0,
            note: "with respect to all parameters, before the step",
        },
    ];
    charts
        .iter()
        .flat_map(|chart| chart.figures(snapshot))
        .collect()
}

/// How log-odds and margins grow, and the same without the scale of the logits.
pub fn growth(snapshot: &Snapshot) -> Vec<Figure> {
    let mut figures = quartiles(snapshot);
    let charts = [
        Chart {
            key: "metrics.margin",
            name: "margin",
            title: "Margin".to_owned(),
            axis: Axis::linear("median margin f_y − max f_k"),
            factor: 1.0,
            note: "grows when all logits are multiplied by a number, which changes no decision",
        },
        Chart {
            key: "metrics.relative_margin",
            name: "relative-margin",
            title: "Margin, free of scale".to_owned(),
            axis: Axis::linear("median margin / std of the logits"),
            factor: 1.0,
            note: "does not depend on the scale of the logits",
        },
        Chart {
            key: "metrics.energy",
            name: "energy",
            title: "Energy of the target".to_owned(),
            axis: Axis::linear("mean energy E_y = −f_y"),
            factor: 1.0,
            note: "the number of the paper; it changes with a constant added to all logits, and with their scale",
        },
        Chart {
            key: "metrics.feature_norm",
            name: "feature-norm",
            title: "Norm of the features".to_owned(),
            axis: Axis::linear("mean norm of the features"),
            factor: 1.0,
            note: "of the last layer's input; part of the scale of the logits",
        },
    ];
    figures.extend(charts.iter().flat_map(|chart| chart.figures(snapshot)));
    figures
}

/// The series of a key as a figure.
pub struct Chart {
    pub key: &'static str,
    pub name: &'static str,
    pub title: String,
    pub axis: Axis,
    /// From the unit of the records to the one that is shown.
    pub factor: f64,
    /// What else a reader must know.
    pub note: &'static str,
}

impl Chart {
    /// One for every few curves; none if nothing was recorded.
    pub fn figures(&self, snapshot: &Snapshot) -> Vec<Figure> {
        let line = |curves: &Curves| {
            let series = curves.series.get(self.key)?;
            Some(Line {
                label: curves.name.clone(),
                points: self.points(curves, series),
            })
        };
        let has_spread = snapshot.curves.iter().any(|curves| {
            let series = curves.series.get(self.key);
            series.is_some_and(|it| it.std.iter().any(Option::is_some))
        });
        let over_seeds = if has_spread {
            "mean over the seeds; band: ± one standard deviation"
        } else {
            "median over the seeds"
        };
        let mut caption = format!("{} by epoch, {over_seeds}", self.title);
        for note in [self.note].iter().filter(|note| !note.is_empty()) {
            caption += &format!("; {note}");
        }
        figures(
            snapshot,
            self.name,
            &self.title,
            &self.axis,
            &(caption + "."),
            &line,
        )
    }

    fn points(&self, curves: &Curves, series: &Series) -> Vec<Point> {
        let epochs = curves.epochs.iter().zip(&series.center).enumerate();
        let points = epochs.map(|(place, (epoch, mean))| {
            let mean = self.factor * mean.unwrap_or(f64::NAN);
            let point = Point::new(*epoch as f64, mean);
            match series.std.get(place).copied().flatten() {
                Some(std) => {
                    let std = self.factor * std;
                    let low = mean - std;
                    // A logarithmic axis has no place for what is not positive.
                    let low = if self.axis.scale == Scale::Log && low <= 0.0 {
                        mean
                    } else {
                        low
                    };
                    point.with_band(low, mean + std)
                }
                None => point,
            }
        });
        points.collect()
    }
}

/// The median log-odds, and the quartiles as its band.
fn quartiles(snapshot: &Snapshot) -> Vec<Figure> {
    let line = |curves: &Curves| {
        let [low, middle, high] = ["25", "50", "75"]
            .map(|quantile| curves.series.get(&format!("metrics.log_odds_q{quantile}")));
        let (low, middle, high) = (low?, middle?, high?);
        let number = |series: &Series, place: usize| series.center[place].unwrap_or(f64::NAN);
        let points = curves.epochs.iter().enumerate().map(|(place, epoch)| {
            Point::new(*epoch as f64, number(middle, place))
                .with_band(number(low, place), number(high, place))
        });
        Some(Line {
            label: curves.name.clone(),
            points: points.collect(),
        })
    };
    let title = "Log-odds of the target";
    let caption = "Log-odds z of the target by epoch, median over the evaluated images, then over the seeds; band: \
                   quartiles of the images.";
    let axis = Axis::linear("median log-odds z, nats");
    figures(snapshot, "log-odds", title, &axis, caption, &line)
}

/// A chart for each of several groups of curves, in which a loss keeps its place and so its colour.
fn figures(
    snapshot: &Snapshot,
    name: &str,
    title: &str,
    axis: &Axis,
    caption: &str,
    line: &dyn Fn(&Curves) -> Option<Line>,
) -> Vec<Figure> {
    let charts = snapshot.curves.chunks(chart_size(snapshot)).enumerate();
    let figures = charts.filter_map(|(place, curves)| {
        let lines: Vec<Line> = curves.iter().filter_map(line).collect();
        if lines.is_empty() {
            return None;
        }
        let name = match place {
            0 => name.to_owned(),
            place => format!("{name}-{}", place + 1),
        };
        let chart = LineChart {
            id: name.clone(),
            title: title.to_owned(),
            x: Axis::linear("epoch"),
            y: axis.clone(),
            lines,
        };
        Some(Figure {
            name,
            svg: chart.draw(),
            caption: caption.to_owned(),
        })
    });
    figures.collect()
}

/// All curves if they can be told apart; else those of one grid point.
fn chart_size(snapshot: &Snapshot) -> usize {
    let curves = snapshot.curves.len();
    let losses = snapshot.study().map(|(study, _)| study.sweep.losses.len());
    match losses {
        Some(losses) if curves > MOST_LINES => losses.min(curves).max(1),
        _ => MOST_LINES,
    }
}
