//! Means and medians over the seeds by epoch → figures.

use charts::{Axis, Line, LineChart, Point, Scale};

use super::Figure;
use crate::records::Split;
use crate::report::snapshot::{Curves, Series};
use crate::study::Study;

/// Curves of one chart; more cannot be told apart.
const MOST_LINES: usize = 8;

/// The curves of each chart.
pub struct Charts<'a>(Vec<&'a [Curves]>);

impl<'a> Charts<'a> {
    /// One of all curves if they can be told apart; else one for each grid point, in which a loss keeps its place and so
    /// its colour.
    pub fn of(curves: &'a [Curves], study: Option<&Study>) -> Self {
        let losses = study.map(|study| study.sweep.losses.len());
        let size = match losses {
            Some(losses) if curves.len() > MOST_LINES => losses.max(1),
            _ => MOST_LINES,
        };
        Self(curves.chunks(size).collect())
    }

    fn curves(&self) -> impl Iterator<Item = &Curves> {
        self.0.iter().copied().flatten()
    }

    fn figures(
        &self,
        name: &str,
        title: &str,
        axis: &Axis,
        caption: &str,
        line: &dyn Fn(&Curves) -> Option<Line>,
    ) -> Vec<Figure> {
        let figures = self.0.iter().enumerate().filter_map(|(place, curves)| {
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
}

/// How losses and accuracies develop.
pub fn learning(charts: &Charts) -> Vec<Figure> {
    let evaluated_on = charts.curves().next().map(|curves| curves.evaluated_on);
    let images = match evaluated_on {
        Some(Split::Validation) => "held-out",
        _ => "test",
    };
    let quantities = [
        Quantity {
            key: "train_accuracy",
            name: "train-accuracy",
            title: "Accuracy on training images".to_owned(),
            axis: Axis::linear("training accuracy, %"),
            factor: 100.0,
            note: "measured during the epoch, while the weights change and images are augmented",
        },
        Quantity {
            key: "eval_accuracy",
            name: "eval-accuracy",
            title: format!("Accuracy on {images} images"),
            axis: Axis::linear(format!("{images} accuracy, %")),
            factor: 100.0,
            note: "",
        },
        Quantity {
            key: "train_loss",
            name: "train-loss",
            title: "Training loss".to_owned(),
            axis: Axis::linear("training loss, each loss its own"),
            factor: 1.0,
            note: "every curve is of the loss that it was trained with, so that only its shape can be compared",
        },
        Quantity {
            key: "cross_entropy",
            name: "eval-cross-entropy",
            title: format!("Cross-entropy on {images} images"),
            axis: Axis::log(format!("{images} cross-entropy, nats")),
            factor: 1.0,
            note: "the same for all losses, so that it can be compared",
        },
        Quantity {
            key: "gradient_norm",
            name: "gradient-norm",
            title: "Norm of the gradient".to_owned(),
            axis: Axis::log("norm of the gradient"),
            factor: 1.0,
            note: "with respect to all parameters, before the step",
        },
    ];
    quantities
        .iter()
        .flat_map(|it| it.figures(charts))
        .collect()
}

/// How log-odds and margins grow, and the same without the scale of the logits.
pub fn growth(charts: &Charts) -> Vec<Figure> {
    let mut figures = quartiles(charts);
    let quantities = [
        Quantity {
            key: "metrics.margin",
            name: "margin",
            title: "Margin".to_owned(),
            axis: Axis::linear("median margin f_y − max f_k"),
            factor: 1.0,
            note: "grows when all logits are multiplied by a number, which changes no decision",
        },
        Quantity {
            key: "metrics.relative_margin",
            name: "relative-margin",
            title: "Margin, free of scale".to_owned(),
            axis: Axis::linear("median margin / std of the logits"),
            factor: 1.0,
            note: "does not depend on the scale of the logits",
        },
        Quantity {
            key: "metrics.energy",
            name: "energy",
            title: "Energy of the target".to_owned(),
            axis: Axis::linear("mean energy E_y = −f_y"),
            factor: 1.0,
            note: "the number of the paper; it changes with a constant added to all logits, and with their scale",
        },
        Quantity {
            key: "metrics.feature_norm",
            name: "feature-norm",
            title: "Norm of the features".to_owned(),
            axis: Axis::linear("mean norm of the features"),
            factor: 1.0,
            note: "of the last layer's input; part of the scale of the logits",
        },
    ];
    figures.extend(quantities.iter().flat_map(|it| it.figures(charts)));
    figures
}

/// A quantity of the records, as it is drawn.
pub struct Quantity {
    pub key: &'static str,
    pub name: &'static str,
    pub title: String,
    pub axis: Axis,
    /// From the unit of the records to the one that is shown.
    pub factor: f64,
    /// What else a reader must know.
    pub note: &'static str,
}

impl Quantity {
    /// One for every chart; none if nothing was recorded.
    pub fn figures(&self, charts: &Charts) -> Vec<Figure> {
        let line = |curves: &Curves| {
            let series = curves.series.get(self.key)?;
            Some(Line {
                label: curves.name.clone(),
                points: self.points(curves, series),
            })
        };
        let has_spread = charts.curves().any(|curves| {
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
        charts.figures(self.name, &self.title, &self.axis, &(caption + "."), &line)
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
fn quartiles(charts: &Charts) -> Vec<Figure> {
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
    charts.figures("log-odds", title, &axis, caption, &line)
}
