//! Losses gone wrong, in a file and on the command line.

use bonus_loss::LOSSES;

use super::*;

#[test]
fn a_wrong_loss_is_refused() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("3", "1:10: losses: expected a list of losses, found 3", "write losses = [{ name = \"cross_entropy\" }]"),
        ("[]", "1:10: losses: expected a list of losses, found an empty list", "write losses = [{ name = \"cross_entropy\" }]"),
        ("\"focl\"", "1:10: losses: expected a list of losses, found \"focl\"", "write losses = [{ name = \"focal\" }]"),
        ("{ name = \"poly1\" }", "1:10: losses: expected a list of losses, found a table", "write losses = [{ name = \"poly1\" }]"),
        ("[\"focal\"]", "1:11: losses[0]: expected a loss as a table, found \"focal\"", "write { name = \"focal\" }"),
        ("[{ name = \"focl\" }]", "1:20: losses[0].name: expected the name of a loss, found \"focl\"", "did you mean focal?"),
        ("[{ name = \"focal\", gama = 2 }]", "1:29: losses[0].gama: unknown parameter of focal", "did you mean gamma?"),
        ("[{ name = \"focal\", gamma = -1 }]", "1:37: losses[0].gamma: expected a number of at least 0, found -1", ""),
        ("[{ name = \"focal\", gamma = nan }]", "1:37: losses[0].gamma: expected a number of at least 0, found nan", "numbers must be finite, at most about 1.8e308"),
        ("[{ name = \"focal\", gamma = [1, 2] }]", "1:37: losses[0].gamma: expected a number of at least 0, found a list", "write one loss per value: { name = \"focal\", gamma = 1 }, { name = \"focal\", gamma = 2 }"),
        ("[{ name = \"encouraging\", log_end = 1.5 }]", "1:45: losses[0].log_end: expected a number in [0, 1], found 1.5", ""),
        ("[{ name = \"encouraging\", log_end = \"0.5\" }]", "1:45: losses[0].log_end: expected a number in [0, 1], found \"0.5\"", "remove the quotes: 0.5"),
        ("[{ name = \"encouraging\", tail = \"tangents\" }]", "1:42: losses[0].tail: expected one of \"tangent\", \"unit_slope\", \"clamped\", found \"tangents\"", "did you mean tangent?"),
        ("[{ name = \"focal\" }, { name = \"focal\", gamma = 2 }]", "1:31: losses[1]: duplicate of losses[0]", "it would train the same trials twice"),
        ("[{ name = \"sum\" }]", "1:11: losses[0].terms: expected a list of losses, found none", "write terms = [{ name = \"mean_absolute_error\" }, { name = \"mean_squared_error\" }]"),
        ("[{ name = \"sum\", terms = [] }]", "1:35: losses[0].terms: expected a list of losses, found an empty list", "write terms = [{ name = \"mean_absolute_error\" }, { name = \"mean_squared_error\" }]"),
        ("[{ name = \"sum\", terms = [{ name = \"focal\" }], weights = [1, 2] }]", "1:67: losses[0].weights: expected 1 numbers, one for each term, found 2", "write one per term, as in weights = [1]"),
        ("[{ name = \"sum\", terms = [{ name = \"focal\" }], weights = [0] }]", "1:68: losses[0].weights[0]: expected a number other than 0, found 0", ""),
        ("[{ name = \"sum\", terms = [{ name = \"focal\" }], weights = [inf] }]", "1:68: losses[0].weights[0]: expected a number other than 0, found inf", "numbers must be finite, at most about 1.8e308"),
        ("[{ name = \"sum\", terms = [{ name = \"focal\" }], weight = [1] }]", "1:57: losses[0].weight: unknown parameter of sum", "did you mean weights?"),
        ("[{ name = \"sum\", terms = [{ name = \"sum\" }] }]", "1:45: losses[0].terms[0].name: expected a loss other than sum, found \"sum\"", "write the terms of the inner sum into the outer one"),
        ("[{ name = \"sum\", terms = [{ name = \"poly1\", epsilon = -2 }] }]", "1:64: losses[0].terms[0].epsilon: expected a number of at least -1, found -2", ""),
    ];
    assert_refused(cases, in_a_file);
}

#[test]
fn a_name_that_is_near_none_is_answered_with_all() {
    let names: Vec<&str> = LOSSES.iter().map(|entry| entry.name).collect();
    let known = format!("valid names: {}", names.join(", "));
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("[{ gamma = 2 }]", "1:11: losses[0].name: expected the name of a loss, found none", &known),
        ("[{ name = \"xyz\", a = 1 }]", "1:20: losses[0].name: expected the name of a loss, found \"xyz\"", &known),
        ("[{ name = 3 }]", "1:20: losses[0].name: expected the name of a loss, found 3", &known),
    ];
    assert_refused(cases, in_a_file);
}

fn in_a_file(losses: &str) -> String {
    format!("losses = {losses}\nname = \"a\"\nseeds = [1]\n")
}

#[test]
fn a_loss_on_the_command_line_is_a_table_or_a_bare_name() {
    for (text, label) in [
        ("focal", "focal"),
        (" cross_entropy\n", "cross_entropy"),
        (
            "{ name = \"encouraging\", log_end = 0.5 }",
            "encouraging(log_end=0.5)",
        ),
        (
            "{name='sum',terms=[{name='focal'},{name='poly1'}],weights=[1,2]}",
            "focal + 2·poly1",
        ),
    ] {
        assert_eq!(parse_loss(text).unwrap().to_string(), label);
    }
}

#[test]
fn a_wrong_loss_on_the_command_line_is_refused_like_one_in_a_file() {
    for (text, problem) in [
        (
            "focl",
            "1:10: loss.name: expected the name of a loss, found \"focl\"",
        ),
        (
            "",
            "1:10: loss.name: expected the name of a loss, found \"\"",
        ),
        ("3.5", "1:1: loss: expected a loss as a table, found 3.5"),
        (
            "{ name = \"focal\", gamma = -1 }",
            "1:27: loss.gamma: expected a number of at least 0, found -1",
        ),
        (
            "{ name = \"focal\" } x",
            "1:19: unexpected content, expected nothing",
        ),
        (
            "{ name = \"focal\"",
            "1:17: unclosed inline table, expected `}`",
        ),
    ] {
        let error = parse_loss(text).unwrap_err();
        let diagnostics = error.downcast_ref::<Diagnostics>().expect("bad settings");
        let lines: Vec<String> = diagnostics
            .lines()
            .into_iter()
            .map(|(line, _)| line)
            .collect();
        assert_eq!(lines, [format!("loss:{problem}")]);
    }
}
