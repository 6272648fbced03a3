//! A trial as a sweep file, each time spelt otherwise.

use std::fmt::Display;

use bonus_loss::LossConfig;
use random_streams::Stream;

use super::*;

/// One of `items`.
pub fn pick<T: Copy>(stream: &mut Stream, items: &[T]) -> T {
    let count = u32::try_from(items.len()).unwrap();
    items[stream.below(count) as usize]
}

pub fn toss(stream: &mut Stream) -> bool {
    stream.below(2) == 0
}

/// A sweep file of one trial with these values of `[train]`: any order, any form of tables, any spelling.
pub fn file(
    stream: &mut Stream,
    train: &[(&'static TrainKey, Setting)],
    loss: &LossConfig,
    seed: u64,
) -> String {
    let mut train: Vec<(String, String)> = train
        .iter()
        .map(|(key, value)| (key.name.to_owned(), setting(stream, *value)))
        .collect();
    stream.shuffle(&mut train);
    let name = string(stream, "random");
    let seeds = format!("[{}]", whole(stream, seed));
    let mut top = vec![
        assignment(stream, "name", &name),
        assignment(stream, "seeds", &seeds),
    ];
    let mut tables = Vec::new();
    match stream.below(3) {
        0 => {
            let lines = train
                .iter()
                .map(|(key, value)| assignment(stream, key, value));
            let lines = lines.collect::<Vec<_>>().concat();
            tables.push(format!(
                "[{}]\n{lines}",
                pick(stream, &["train", " train ", "\"train\""])
            ));
        }
        1 => {
            let dotted = train.iter().map(|(key, value)| {
                let place = pick(stream, &["train.", "train . ", "'train'."]);
                assignment(stream, &format!("{place}{key}"), value)
            });
            top.extend(dotted);
        }
        _ => {
            let table = inline(stream, &train);
            top.push(assignment(stream, "train", &table));
        }
    }
    let fields = loss_fields(stream, loss);
    if toss(stream) {
        let table = inline(stream, &fields);
        top.push(assignment(stream, "losses", &format!("[{table}]")));
    } else {
        let lines = fields
            .iter()
            .map(|(key, value)| assignment(stream, key, value));
        let lines = lines.collect::<Vec<_>>().concat();
        tables.push(format!("[[losses]]\n{lines}"));
    }
    stream.shuffle(&mut top);
    stream.shuffle(&mut tables);
    let text = top.concat() + &tables.concat();
    let text = if toss(stream) {
        text.replace('\n', "\r\n")
    } else {
        text
    };
    pick(stream, &["", "\u{feff}"]).to_owned() + &text
}

/// A line, with what may be around it.
fn assignment(stream: &mut Stream, key: &str, value: &str) -> String {
    let before = pick(stream, &["", "", "  ", "\t", "# a comment\n", "\n"]);
    let equals = pick(stream, &[" = ", "=", "  =\t"]);
    let after = pick(stream, &["", "", " ", " # größer"]);
    format!("{before}{key}{equals}{value}{after}\n")
}

fn inline(stream: &mut Stream, fields: &[(String, String)]) -> String {
    let fields = fields.iter().map(|(key, value)| {
        let equals = pick(stream, &[" = ", "="]);
        format!("{key}{equals}{value}")
    });
    let fields: Vec<String> = fields.collect();
    let comma = pick(stream, &[", ", ",", " , "]);
    format!("{{ {} }}", fields.join(comma))
}

/// Name and parameters of a loss, in any order; a parameter at its default may be left out.
fn loss_fields(stream: &mut Stream, loss: &LossConfig) -> Vec<(String, String)> {
    let mut fields = vec![("name".to_owned(), string(stream, loss.name()))];
    let changed = loss.changed_parameters();
    for (name, value) in loss.parameters() {
        if changed.contains(&(name, value)) || toss(stream) {
            fields.push((name.to_owned(), setting(stream, value)));
        }
    }
    if !loss.terms().is_empty() {
        let mut terms = Vec::new();
        let mut weights = Vec::new();
        for (weight, term) in loss.terms() {
            let fields = loss_fields(stream, term);
            terms.push(inline(stream, &fields));
            weights.push(number(stream, *weight));
        }
        fields.push(("terms".to_owned(), format!("[{}]", terms.join(", "))));
        fields.push(("weights".to_owned(), format!("[{}]", weights.join(","))));
    }
    stream.shuffle(&mut fields);
    fields
}

fn setting(stream: &mut Stream, value: Setting) -> String {
    match value {
        Setting::Flag(flag) => flag.to_string(),
        Setting::Whole(value) => whole(stream, value as u64),
        Setting::Number(value) => number(stream, value),
        Setting::Choice(name) => string(stream, name),
    }
}

fn string(stream: &mut Stream, text: &str) -> String {
    match stream.below(5) {
        0 => format!("'{text}'"),
        1 => format!("\"\"\"{text}\"\"\""),
        2 => format!("'''{text}'''"),
        3 => {
            let escaped = text.chars().map(|c| format!("\\u{:04x}", u32::from(c)));
            format!("\"{}\"", escaped.collect::<String>())
        }
        _ => format!("\"{text}\""),
    }
}

fn whole(stream: &mut Stream, value: u64) -> String {
    match stream.below(6) {
        0 => format!("+{value}"),
        1 => format!("{value:#x}"),
        2 => format!("{value:#o}"),
        3 => format!("{value:#b}"),
        4 => grouped(value),
        _ => value.to_string(),
    }
}

/// With underscores between the digits, as in `6_4`.
fn grouped(value: impl Display) -> String {
    let digits = value.to_string();
    let digits = digits.chars().map(String::from).collect::<Vec<_>>();
    digits.join("_")
}

fn number(stream: &mut Stream, value: f64) -> String {
    let shortest = format!("{value:?}");
    let decimal = format!("{value}");
    let spelt = match stream.below(7) {
        0 if value >= 0.0 => format!("+{shortest}"),
        1 => format!("{value:e}"),
        2 => format!("{value:E}"),
        3 if decimal.contains('.') => format!("{decimal}00"),
        4 if shortest.contains('.') && !shortest.contains('e') && value >= 0.0 => {
            let (whole, rest) = shortest.split_once('.').unwrap();
            format!("{}.{}", grouped(whole), grouped(rest))
        }
        // Integers stand for numbers.
        5 if value.abs() < 1e15 => decimal,
        _ => shortest,
    };
    let read: f64 = spelt.replace('_', "").parse().unwrap();
    assert_eq!(read.to_bits(), value.to_bits(), "{spelt}");
    spelt
}

#[test]
fn every_spelling_of_a_number_is_the_same_setting() {
    for (key, spellings) in [
        (
            "learning_rate",
            "0.3|3e-1|0.30|+0.3|0.3e0|3.0E-1|0.3_0|30e-2",
        ),
        ("learning_rate", "2|2.0|+2|0b10|0x2|2e0"),
        (
            "epochs",
            "1000|1_000|+1000|0x3e8|0x3_E8|0o1750|0b1111101000",
        ),
    ] {
        let spellings = spellings.split('|');
        let ids = spellings.map(|it| trial_with(&format!("{key} = {it}"), "{ name = 'focal' }").id);
        assert_eq!(ids.collect::<HashSet<_>>().len(), 1, "{key}");
    }
}
