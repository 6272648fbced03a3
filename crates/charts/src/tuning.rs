//! A metric against a numeric setting.

use crate::frame::{BELOW, Frame, LINE, left_margin, y_ticks};
use crate::labels::EndLabels;
use crate::line::draw_y_title;
use crate::number::{drawable, mean, significant};
use crate::path::Path;
use crate::scale::{Axis, Range, Scale};
use crate::style::series;
use crate::svg::{Canvas, Svg, WIDTH};

/// How a metric depends on a setting such as the learning rate: for each series a line through the means, a dot for every
/// seed, a diamond around the setting that was chosen, and a cross at the bottom edge where trials diverged.
///
/// The axis of the setting is logarithmic if all settings are positive and span more than a decade.
///
/// ```
/// use charts::{Axis, Setting, TuningChart, TuningSeries};
///
/// let setting = |setting, values: &[f64]| Setting {
///     setting,
///     values: values.to_vec(),
///     ..Setting::default()
/// };
/// let chart = TuningChart {
///     id: "tuning".into(),
///     title: "Tuning of the learning rate".into(),
///     setting: "learning rate".into(),
///     metric: Axis::linear("validation accuracy, %"),
///     series: vec![TuningSeries {
///         label: "cross-entropy".into(),
///         settings: vec![
///             setting(0.01, &[90.1, 90.3]),
///             Setting { is_chosen: true, ..setting(0.1, &[93.0, 93.2]) },
///             Setting { diverged: 1, ..setting(1.0, &[88.0]) },
///         ],
///     }],
/// };
/// assert!(chart.draw().description().contains("chosen 0.1 with a mean of 93.1"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TuningChart {
    /// Of the element: unique in its page; letters, digits, `-` and `_`.
    pub id: String,
    /// What the chart is called by a screen reader.
    pub title: String,
    /// The name of the setting.
    pub setting: String,
    /// The axis of the metric.
    pub metric: Axis,
    /// What was tuned.
    pub series: Vec<TuningSeries>,
}

/// A series of a [`TuningChart`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TuningSeries {
    /// Its name.
    pub label: String,
    /// What was tried, in any order.
    pub settings: Vec<Setting>,
}

/// A value of the setting that was tried.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setting {
    /// The value.
    pub setting: f64,
    /// The metric of every seed; those that are not finite are left out.
    pub values: Vec<f64>,
    /// How many trials diverged.
    pub diverged: usize,
    /// Whether this is the setting that was chosen.
    pub is_chosen: bool,
}

impl TuningChart {
    /// The chart as SVG.
    pub fn draw(&self) -> Svg {
        const HEIGHT: f64 = 160.0;
        // Below the lowest value, for the crosses.
        const CROSSES: f64 = 8.0;
        let mut canvas = Canvas::default();
        let labels = EndLabels::new(self.series.iter().map(|series| series.label.as_str()));
        let (x_range, y_range) = (self.x_range(), self.y_range());
        let top = 2.0 * LINE;
        let height = labels.height().max(HEIGHT);
        let ticks = y_ticks(y_range, height);
        let mut frame = Frame {
            left: left_margin(&ticks),
            right: WIDTH - labels.width(),
            top,
            bottom: top + height,
            x_range,
            y_range,
        };
        draw_y_title(&mut canvas, &self.metric);
        frame.draw_grid(&mut canvas, &ticks, true);
        if x_range.is_none() || (y_range.is_none() && !self.has_diverged()) {
            frame.draw_no_data(&mut canvas);
        }
        let ends: Vec<Option<f64>> = (0..self.series.len())
            .map(|index| self.draw_series(&mut canvas, &frame, index))
            .collect();
        labels.draw(&mut canvas, &frame, &ends);
        frame.bottom += CROSSES;
        self.draw_crosses(&mut canvas, &frame);
        frame.draw_x_axis(&mut canvas, &self.x_title(), &frame.x_ticks(false));
        let mut height = frame.bottom + BELOW;
        if let Some(key) = self.key() {
            height += LINE;
            canvas.text("muted mid", WIDTH / 2.0, height - 6.0, &key);
        }
        canvas.finish(&self.id, &self.title, self.describe(), height)
    }

    /// Draws what was measured and says at which height its line ends.
    fn draw_series(&self, canvas: &mut Canvas, frame: &Frame, index: usize) -> Option<f64> {
        const RADIUS: f64 = 6.0;
        let (mut line, mut dots, mut chosen) = Default::default();
        let mut means = Vec::new();
        for setting in self.placed(index) {
            let x = frame.x(setting.setting);
            for value in self.measured(setting) {
                Path::dot(&mut dots, x, frame.y(value));
            }
            let mean = self.mean(setting).map(|mean| (x, frame.y(mean)));
            if let Some((x, y)) = mean.filter(|_| setting.is_chosen) {
                let corners = [
                    (x, y - RADIUS),
                    (x + RADIUS, y),
                    (x, y + RADIUS),
                    (x - RADIUS, y),
                ];
                Path::polygon(&mut chosen, &corners);
            }
            means.push(mean);
        }
        Path::polyline(&mut line, &means);
        let colour = format!("c{}", index % 6);
        canvas.path(&format!("dots {colour}"), &dots);
        canvas.path(&series(index), &line);
        canvas.path(&colour, &chosen);
        means.into_iter().flatten().last().map(|(_, y)| y)
    }

    /// Crosses of one setting are beside each other.
    fn draw_crosses(&self, canvas: &mut Canvas, frame: &Frame) {
        const ARM: f64 = 2.5;
        let count = self.series.len();
        let apart = 7.0_f64.min(42.0 / count as f64);
        for index in 0..count {
            let shift = (index as f64 - (count - 1) as f64 / 2.0) * apart;
            let mut crosses = Path::default();
            for setting in self
                .placed(index)
                .iter()
                .filter(|setting| setting.diverged > 0)
            {
                let x = frame.x(setting.setting) + shift;
                let (x, y) = (x.clamp(frame.left, frame.right), frame.bottom - ARM - 2.0);
                crosses.segment((x - ARM, y - ARM), (x + ARM, y + ARM));
                crosses.segment((x - ARM, y + ARM), (x + ARM, y - ARM));
            }
            canvas.path(&format!("c{}", index % 6), &crosses);
        }
    }

    /// The settings of a series that have a place, in ascending order.
    fn placed(&self, index: usize) -> Vec<&Setting> {
        let settings = self.series[index].settings.iter();
        let placed = settings.filter(|setting| drawable(setting.setting).is_some());
        let mut placed: Vec<&Setting> = placed.collect();
        placed.sort_by(|a, b| a.setting.total_cmp(&b.setting));
        placed
    }

    /// The values that have a place.
    fn measured(&self, setting: &Setting) -> Vec<f64> {
        let scale = self.metric.scale;
        let values = setting.values.iter();
        values.filter_map(|value| scale.place(*value)).collect()
    }

    fn mean(&self, setting: &Setting) -> Option<f64> {
        mean(&self.measured(setting))
    }

    fn settings(&self) -> impl Iterator<Item = &Setting> {
        (0..self.series.len()).flat_map(|index| self.placed(index))
    }

    fn has_diverged(&self) -> bool {
        self.settings().any(|setting| setting.diverged > 0)
    }

    fn x_scale(&self) -> Scale {
        let values = || self.settings().map(|setting| setting.setting);
        let lowest = values().fold(f64::INFINITY, f64::min);
        let highest = values().fold(0.0, f64::max);
        if lowest > 0.0 && highest / lowest > 10.0 {
            Scale::Log
        } else {
            Scale::Linear
        }
    }

    fn x_range(&self) -> Option<Range> {
        let values = self.settings().map(|setting| setting.setting);
        Range::of(self.x_scale(), values).map(|range| range.padded(0.06))
    }

    fn y_range(&self) -> Option<Range> {
        let values = self.settings().flat_map(|setting| self.measured(setting));
        Range::of(self.metric.scale, values).map(|range| range.padded(0.05))
    }

    fn x_title(&self) -> String {
        let axis = Axis {
            title: self.setting.clone(),
            scale: self.x_scale(),
        };
        axis.full_title()
    }

    /// What the marks mean, of those that there are.
    fn key(&self) -> Option<String> {
        let has = |is: fn(&Setting) -> bool| self.settings().any(is);
        let parts = [
            (has(|setting| !setting.values.is_empty()), "dot: one seed"),
            (has(|setting| setting.is_chosen), "diamond: chosen"),
            (self.has_diverged(), "cross: diverged"),
        ];
        let parts = parts.iter().filter(|(is_drawn, _)| *is_drawn);
        let words: Vec<&str> = parts.map(|(_, words)| *words).collect();
        (!words.is_empty()).then(|| words.join(" · "))
    }

    fn describe(&self) -> String {
        let mut words = format!("{} against {}.", self.metric.full_title(), self.x_title());
        for (index, series) in self.series.iter().enumerate() {
            let parts = self
                .placed(index)
                .into_iter()
                .map(|setting| self.describe_setting(setting));
            let parts: Vec<String> = parts.collect();
            let parts = if parts.is_empty() {
                "no data".to_owned()
            } else {
                parts.join("; ")
            };
            words.push_str(&format!(" {}: {parts}.", series.label));
        }
        words
    }

    fn describe_setting(&self, setting: &Setting) -> String {
        let chosen = if setting.is_chosen { "chosen " } else { "" };
        let mut words = format!("{chosen}{}", significant(setting.setting, 3));
        if let Some(mean) = self.mean(setting) {
            words.push_str(&format!(" with a mean of {}", significant(mean, 4)));
        }
        if setting.diverged > 0 {
            words.push_str(&format!(", {} diverged", setting.diverged));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(settings: &[f64]) -> TuningChart {
        let settings = settings.iter().map(|setting| Setting {
            setting: *setting,
            values: vec![1.0, 2.0],
            ..Setting::default()
        });
        TuningChart {
            setting: "rate".to_owned(),
            series: vec![TuningSeries {
                settings: settings.collect(),
                ..TuningSeries::default()
            }],
            ..TuningChart::default()
        }
    }

    #[test]
    fn the_axis_is_logarithmic_for_positive_settings_over_more_than_a_decade() {
        for (settings, scale) in [
            (vec![0.01, 0.2], Scale::Log),
            (vec![0.01, 0.1], Scale::Linear),
            (vec![0.0, 100.0], Scale::Linear),
            (vec![f64::NAN, 1.0], Scale::Linear),
            (vec![], Scale::Linear),
        ] {
            assert_eq!(chart(&settings).x_scale(), scale, "{settings:?}");
        }
    }

    #[test]
    fn settings_are_connected_in_ascending_order() {
        let description = chart(&[3.0, 1.0, 2.0]).draw().description().to_owned();
        assert!(
            description
                .ends_with(": 1 with a mean of 1.5; 2 with a mean of 1.5; 3 with a mean of 1.5."),
            "{description}"
        );
    }

    #[test]
    fn where_every_trial_diverged_there_are_crosses_alone() {
        let mut chart = chart(&[1.0]);
        chart.series[0].settings[0].values = vec![f64::NAN];
        chart.series[0].settings[0].diverged = 2;
        let svg = chart.draw();
        assert!(svg.description().ends_with(": 1, 2 diverged."));
        assert!(svg.to_string().contains("cross: diverged"));
        assert!(!svg.to_string().contains("no data"));
    }
}
