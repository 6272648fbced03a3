//! What holds for every chart, whatever the numbers and labels.

use random_streams::Stream;
use roxmltree::{Document, Node};

use crate::svg::WIDTH;
use crate::text::{SIZE, width};
use crate::{
    Axis, Difference, ForestPlot, Histogram, HistogramGrid, Line, LineChart, Panel, Point, Setting,
    Svg, TuningChart, TuningSeries, Verdict,
};

const ROUNDS: u64 = 200;

/// Numbers and labels of all kinds, addressed by a seed.
struct Source(Stream);

impl Source {
    fn new(round: u64) -> Self {
        Self(Stream::new(round, "charts", 0))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound as u32) as usize
    }

    fn is(&mut self) -> bool {
        self.below(2) == 0
    }

    /// Of a size of its own, or one that breaks things.
    fn number(&mut self) -> f64 {
        const SPECIAL: [f64; 12] = [
            0.0,
            -0.0,
            1.0,
            93.1,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            1e300,
            -1e300,
            1e-300,
            5e-324,
        ];
        if self.below(8) == 0 {
            return SPECIAL[self.below(SPECIAL.len())];
        }
        f64::from(self.0.normal())
    }

    /// Numbers that are near each other, but for a few.
    fn numbers(&mut self, most: usize) -> Vec<f64> {
        let middle = self.number();
        let spread = 10_f64.powi(self.below(13) as i32 - 6);
        let has_special = self.below(3) == 0;
        let mut number = || {
            let number = self.number();
            if has_special || number.abs() < 10.0 {
                middle + spread * number
            } else {
                middle
            }
        };
        let first = number();
        let count = self.below(most + 1);
        let rest: Vec<f64> = (1..count)
            .map(|_| middle + spread * self.number())
            .collect();
        [first].into_iter().chain(rest).take(count).collect()
    }

    fn label(&mut self) -> String {
        const PARTS: [&str; 12] = [
            "loss",
            "cross-entropy",
            " ",
            " & ",
            "<b>",
            "\"",
            "'",
            "\u{1}",
            "é",
            "損失",
            "mmmmmmmmmmmmmmmmmmmmmmmmm",
            "]]>",
        ];
        let count = self.below(8);
        (0..count).map(|_| PARTS[self.below(PARTS.len())]).collect()
    }

    fn axis(&mut self) -> Axis {
        let title = self.label();
        if self.is() {
            Axis::linear(title)
        } else {
            Axis::log(title)
        }
    }

    fn forest(&mut self) -> ForestPlot {
        let count = self.below(5);
        let rows = (0..count).map(|_| Difference {
            label: self.label(),
            estimate: self.is().then(|| self.number()),
            interval: self.is().then(|| (self.number(), self.number())),
            values: self.numbers(60),
            verdict: [
                Verdict::Win,
                Verdict::Loss,
                Verdict::Equivalent,
                Verdict::Inconclusive,
            ][self.below(4)],
            margin: self.is().then(|| self.number()),
        });
        ForestPlot {
            rows: rows.collect(),
            id: self.label(),
            title: self.label(),
            axis: self.label(),
        }
    }

    fn line(&mut self) -> LineChart {
        let count = self.below(12);
        let lines = (0..count).map(|_| {
            let (xs, ys) = (self.numbers(300), self.numbers(300));
            let points = xs.into_iter().zip(ys).map(|(x, y)| Point {
                x,
                y,
                band: self
                    .is()
                    .then(|| (y - self.number().abs(), y + self.number())),
            });
            let points = points.collect();
            Line {
                label: self.label(),
                points,
            }
        });
        LineChart {
            lines: lines.collect(),
            id: self.label(),
            title: self.label(),
            x: self.axis(),
            y: self.axis(),
        }
    }

    fn tuning(&mut self) -> TuningChart {
        let count = self.below(8);
        let series = (0..count).map(|_| TuningSeries {
            label: self.label(),
            settings: self
                .numbers(8)
                .into_iter()
                .map(|setting| Setting {
                    setting: setting.abs(),
                    values: self.numbers(4),
                    diverged: self.below(3),
                    is_chosen: self.is(),
                })
                .collect(),
        });
        TuningChart {
            series: series.collect(),
            id: self.label(),
            title: self.label(),
            setting: self.label(),
            metric: self.axis(),
        }
    }

    fn histograms(&mut self) -> HistogramGrid {
        let count = self.below(6);
        let panels = (0..count).map(|_| {
            let label = self.label();
            let count = self.below(4);
            let histograms = (0..count).map(|_| Histogram {
                label: self.label(),
                bins: self.numbers(12),
            });
            Panel {
                label,
                histograms: histograms.collect(),
            }
        });
        HistogramGrid {
            panels: panels.collect(),
            id: self.label(),
            title: self.label(),
            x: self.label(),
            y: self.label(),
            range: (self.number(), self.number()),
        }
    }

    fn charts(round: u64) -> [Svg; 4] {
        let mut source = Self::new(round);
        [
            source.forest().draw(),
            source.line().draw(),
            source.tuning().draw(),
            source.histograms().draw(),
        ]
    }
}

#[test]
fn charts_are_valid_xml_without_numbers_that_are_none() {
    for svg in (0..ROUNDS).flat_map(Source::charts) {
        for text in [svg.file(), svg.to_string()] {
            let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            let root = document.root_element();
            assert_eq!(root.attribute("role"), Some("img"));
            for id in root.attribute("aria-labelledby").unwrap().split(' ') {
                assert!(
                    root.children().any(|node| node.attribute("id") == Some(id)),
                    "{id}"
                );
            }
            for wrong in ["NaN", "inf", "undefined"] {
                assert!(!text.contains(wrong), "{wrong} in {text}");
            }
        }
    }
}

#[test]
fn everything_drawn_is_within_the_view_box() {
    let mut count = 0;
    for svg in (0..ROUNDS).flat_map(Source::charts) {
        let text = svg.to_string();
        let document = Document::parse(&text).unwrap();
        let height = height(&document);
        for node in document.descendants() {
            for (x, y) in node.attribute("d").map_or_else(Vec::new, points) {
                let is_inside = (0.0..=WIDTH).contains(&x) && (0.0..=height).contains(&y);
                assert!(is_inside, "({x}, {y}) is outside of {text}");
                count += 1;
            }
        }
        for Extent {
            left,
            right,
            y,
            words,
        } in extents(&document)
        {
            let is_inside =
                left >= -0.1 && right <= WIDTH + 0.1 && (SIZE - 2.0..=height).contains(&y);
            assert!(
                is_inside,
                "{words}, from {left} to {right} at {y}, is outside of {text}"
            );
        }
    }
    assert!(count > 1000, "{count}");
}

#[test]
fn no_text_covers_another() {
    for svg in (0..ROUNDS).flat_map(Source::charts) {
        let text = svg.to_string();
        let extents = extents(&Document::parse(&text).unwrap());
        for (index, a) in extents.iter().enumerate() {
            for b in &extents[..index] {
                let is_apart = a.right <= b.left || b.right <= a.left || (a.y - b.y).abs() >= SIZE;
                assert!(is_apart, "{} covers {} in {text}", a.words, b.words);
            }
        }
    }
}

#[test]
fn the_same_numbers_give_the_same_bytes() {
    for round in 0..20 {
        assert_eq!(Source::charts(round), Source::charts(round));
    }
}

/// Where a text is drawn.
struct Extent {
    left: f64,
    right: f64,
    y: f64,
    words: String,
}

fn extents(document: &Document) -> Vec<Extent> {
    let texts = document
        .descendants()
        .filter(|node| node.has_tag_name("text"));
    texts.map(extent).collect()
}

fn extent(node: Node) -> Extent {
    let number = |name| node.attribute(name).unwrap().parse::<f64>().unwrap();
    let words = node.text().unwrap_or_default().to_owned();
    let (x, length) = (number("x"), width(&words));
    let class = node.attribute("class").unwrap_or_default();
    let left = match class.rsplit(' ').next() {
        Some("mid") => x - length / 2.0,
        Some("end") => x - length,
        _ => x,
    };
    Extent {
        left,
        right: left + length,
        y: number("y"),
        words,
    }
}

fn height(document: &Document) -> f64 {
    let view_box = document.root_element().attribute("viewBox").unwrap();
    view_box.rsplit(' ').next().unwrap().parse().unwrap()
}

/// The points that a path goes through.
fn points(data: &str) -> Vec<(f64, f64)> {
    let (mut at, mut start) = ((0.0, 0.0), (0.0, 0.0));
    let mut points = Vec::new();
    let letters: Vec<(usize, char)> = data
        .char_indices()
        .filter(|(_, c)| c.is_alphabetic())
        .collect();
    for (index, (place, letter)) in letters.iter().enumerate() {
        let end = letters
            .get(index + 1)
            .map_or(data.len(), |(place, _)| *place);
        let numbers = numbers(&data[place + 1..end]);
        let moves: Vec<(f64, f64)> = match letter {
            'h' => numbers.iter().map(|x| (*x, 0.0)).collect(),
            'v' => numbers.iter().map(|y| (0.0, *y)).collect(),
            _ => numbers
                .chunks_exact(2)
                .map(|pair| (pair[0], pair[1]))
                .collect(),
        };
        match letter {
            'M' => at = (0.0, 0.0),
            'z' => at = start,
            _ => {}
        }
        for (x, y) in moves {
            at = (
                ((at.0 + x) * 10.0).round() / 10.0,
                ((at.1 + y) * 10.0).round() / 10.0,
            );
            points.push(at);
        }
        if "Mm".contains(*letter) {
            start = at;
        }
    }
    points
}

/// Numbers that are apart by a space, a sign or a second point.
fn numbers(text: &str) -> Vec<f64> {
    let mut numbers = vec![String::new()];
    for c in text.chars() {
        let last = numbers.last().unwrap();
        if c == ' ' || (c == '-' && !last.is_empty()) || (c == '.' && last.contains('.')) {
            numbers.push(String::new());
        }
        numbers
            .last_mut()
            .unwrap()
            .extend(Some(c).filter(|c| *c != ' '));
    }
    let numbers = numbers.iter().filter(|number| !number.is_empty());
    numbers.map(|number| number.parse().unwrap()).collect()
}

#[test]
fn a_path_is_read_as_it_was_meant() {
    assert_eq!(
        points("M10 20l1.5-.5.5.9v9.6h-7zm1 1h0"),
        [
            (10.0, 20.0),
            (11.5, 19.5),
            (12.0, 20.4),
            (12.0, 30.0),
            (5.0, 30.0),
            (11.0, 21.0),
            (11.0, 21.0)
        ]
    );
}
