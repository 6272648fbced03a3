//! The look of all charts: classes on marks, colours in one style sheet.

/// The style sheet of all charts, which a page contains once. Every rule applies to the class `chart` alone.
///
/// It is light or dark as the reader's system is, and light in print. A page may override its variables, such as
/// `--chart-paper` (the background, `#fff` or `#16181c`) and `--chart-ink` (the text), after it.
pub const STYLE: &str = include_str!("style.css");

/// And as many patterns of dashes.
const COLOURS: usize = 6;

/// The classes of a series' colour and dashes. Thirty-six differ; of any six in a row, both do.
pub(crate) fn series(index: usize) -> String {
    let dashes = (index + index / COLOURS) % COLOURS;
    let colour = index % COLOURS;
    if dashes == 0 {
        format!("c{colour}")
    } else {
        format!("c{colour} d{dashes}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    type Colour = [f64; 3];

    const SERIES: [&str; COLOURS] = ["0", "1", "2", "3", "4", "5"];

    /// The colours by name: in light, then in dark.
    fn themes() -> [BTreeMap<String, Colour>; 2] {
        let mut blocks = STYLE.lines().filter(|line| line.contains("--chart-paper:"));
        let light = colours(blocks.next().expect("light colours"));
        let dark = colours(blocks.next().expect("dark colours"));
        assert!(light.keys().eq(dark.keys()) && light.len() == 4 + COLOURS);
        [light, dark]
    }

    fn colours(block: &str) -> BTreeMap<String, Colour> {
        let declarations = block.split(['{', '}', ';']);
        let named = declarations.filter_map(|line| line.strip_prefix("--chart-")?.split_once(":#"));
        named
            .map(|(name, digits)| (name.to_owned(), linear(digits)))
            .collect()
    }

    /// Linear RGB of three or six hexadecimal digits.
    fn linear(digits: &str) -> Colour {
        let length = digits.len() / 3;
        [0, 1, 2].map(|channel| {
            let digits = &digits[channel * length..][..length];
            let value = u8::from_str_radix(&digits.repeat(2 / length), 16).unwrap();
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        })
    }

    /// The contrast of WCAG 2.
    fn contrast(a: Colour, b: Colour) -> f64 {
        let luminance = |[r, g, b]: Colour| 0.2126 * r + 0.7152 * g + 0.0722 * b;
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    /// As colour-blind people see it: protanopia, deuteranopia and tritanopia (Machado et al. 2009, severity 1).
    fn seen(colour: Colour) -> [Colour; 4] {
        const MATRICES: [[[f64; 3]; 3]; 3] = [
            [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
            [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
            [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        ];
        let [red, green, blue] =
            MATRICES.map(|matrix| multiply(&matrix, colour).map(|c| c.max(0.0)));
        [colour, red, green, blue]
    }

    /// The distance in Oklab (Ottosson 2020), where black and white are 1 apart.
    fn distance(a: Colour, b: Colour) -> f64 {
        const TO_CONES: [[f64; 3]; 3] = [
            [0.412_221_5, 0.536_332_5, 0.051_446],
            [0.211_903_5, 0.680_699_5, 0.107_397],
            [0.088_302_5, 0.281_718_8, 0.629_978_7],
        ];
        const TO_LAB: [[f64; 3]; 3] = [
            [0.210_454_3, 0.793_617_8, -0.004_072],
            [1.977_998_5, -2.428_592_2, 0.450_593_7],
            [0.025_904, 0.782_771_8, -0.808_675_8],
        ];
        let oklab = |colour| multiply(&TO_LAB, multiply(&TO_CONES, colour).map(f64::cbrt));
        let squares = oklab(a)
            .into_iter()
            .zip(oklab(b))
            .map(|(a, b)| (a - b).powi(2));
        squares.sum::<f64>().sqrt()
    }

    fn multiply(matrix: &[[f64; 3]; 3], colour: Colour) -> Colour {
        matrix.map(|row| row.iter().zip(colour).map(|(a, b)| a * b).sum())
    }

    #[test]
    fn marks_and_texts_stand_out_from_both_backgrounds() {
        for colours in themes() {
            let paper = colours["paper"];
            for (name, least) in SERIES.map(|name| (name, 3.0)) {
                let found = contrast(colours[name], paper);
                assert!(found >= least, "{name}: {found}");
            }
            for name in ["ink", "muted"] {
                // The margin of a forest plot is of the grid's colour.
                for behind in [paper, colours["grid"]] {
                    let found = contrast(colours[name], behind);
                    assert!(found >= 4.5, "{name}: {found}");
                }
            }
        }
        assert_eq!(contrast(linear("fff"), linear("000000")), 21.0);
    }

    #[test]
    fn all_colours_differ_for_the_colour_blind() {
        for colours in themes() {
            let pairs = (0..COLOURS).flat_map(|a| (0..a).map(move |b| (SERIES[a], SERIES[b])));
            let mut count = 0;
            for (a, b) in pairs {
                for (a_seen, b_seen) in seen(colours[a]).into_iter().zip(seen(colours[b])) {
                    let found = distance(a_seen, b_seen);
                    assert!(found >= 0.11, "{a} and {b}: {found}");
                    count += 1;
                }
            }
            assert_eq!(count, 4 * 15);
        }
    }

    #[test]
    fn thirty_six_series_differ_and_six_in_a_row_without_colour() {
        let all: BTreeSet<String> = (0..36).map(series).collect();
        assert_eq!(all.len(), 36);
        assert_eq!(series(0), "c0");
        assert_eq!(series(6), "c0 d1");
        for class in all.iter().flat_map(|classes| classes.split(' ')) {
            assert!(STYLE.contains(&format!(".chart .{class}{{")), "{class}");
        }
    }

    #[test]
    fn every_rule_is_of_charts_alone_and_xml_can_hold_it() {
        let rules = STYLE.split('}').filter_map(|rule| rule.rsplit_once('{'));
        let mut count = 0;
        for (selector, _) in rules {
            let selector = selector.rsplit('{').next().unwrap().trim();
            assert!(selector.starts_with(".chart"), "{selector}");
            count += 1;
        }
        assert!(count > 20, "{count}");
        assert!(!STYLE.contains(['<', '&']) && !STYLE.contains("url("));
    }
}
