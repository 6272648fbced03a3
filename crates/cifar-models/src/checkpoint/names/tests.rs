use super::*;

fn expected() -> Vec<String> {
    ["conv.weight", "bn.weight", "bn.running_var"]
        .map(str::to_owned)
        .into()
}

/// A floating-point tensor that a flat dictionary holds under `name`.
fn float(name: &str) -> StoredName {
    StoredName {
        name: name.to_owned(),
        dictionary: String::new(),
        is_float: true,
    }
}

/// A floating-point tensor that `dictionary` holds under `key`.
fn inside(dictionary: &str, key: &str) -> StoredName {
    StoredName {
        name: format!("{dictionary}.{key}"),
        dictionary: dictionary.to_owned(),
        is_float: true,
    }
}

fn integer(name: &str) -> StoredName {
    StoredName {
        is_float: false,
        ..float(name)
    }
}

fn all_under(prefix: &str) -> Vec<StoredName> {
    let names = expected().into_iter();
    names
        .map(|name| float(&format!("{prefix}{name}")))
        .collect()
}

/// `names` after those of the model under `prefix`, which must be chosen.
#[track_caller]
fn assert_chosen(prefix: &str, others: &[StoredName]) {
    let stored = [all_under(prefix), others.to_vec()].concat();
    let chosen = select(&expected(), &stored).unwrap();
    let right = expected().into_iter();
    let right = right.map(|name| (name.clone(), format!("{prefix}{name}")));
    assert_eq!(chosen, right.collect());
}

#[track_caller]
fn refusal(stored: &[StoredName]) -> String {
    select(&expected(), stored).unwrap_err().to_string()
}

#[test]
fn wrappers_are_stripped_in_any_order_and_number() {
    for prefix in [
        "",
        "state_dict.",
        "model_state_dict.",
        "model.",
        "net.",
        "module.",
        "_orig_mod.",
        "state_dict.model.",
        "model.state_dict.module.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "state_dict.model._orig_mod.module.",
        "net.module.module._orig_mod._orig_mod.",
    ] {
        assert_chosen(prefix, &[]);
    }
}

#[test]
fn wrappers_of_a_part_of_the_model_are_stripped() {
    let stored = [
        "conv.weight",
        "bn._orig_mod.weight",
        "bn.module.running_var",
    ]
    .map(float);
    let chosen = select(&expected(), &stored).unwrap();
    assert_eq!(chosen["bn.weight"], "bn._orig_mod.weight");
}

#[test]
fn a_name_of_the_models_own_is_never_stripped() {
    let expected = ["model.weight".to_owned(), "weight".to_owned()];
    let chosen = select(&expected, &["model.weight", "weight"].map(float)).unwrap();
    assert_eq!(chosen["model.weight"], "model.weight");
    assert_eq!(chosen["weight"], "weight");
}

#[test]
fn integers_counters_and_other_dictionaries_are_ignored() {
    let others = [
        integer("epoch"),
        integer("rng_state"),
        integer("n_averaged"),
        float("bn.num_batches_tracked"),
        inside("optimizer.state.0", "momentum_buffer"),
        inside("ema", "conv.weight"),
    ];
    assert_chosen("", &others);
    assert_chosen("module.", &others);
    assert_chosen("state_dict.model.", &[float("state_dict.criterion.weight")]);
}

#[test]
fn a_tensor_beside_the_models_is_another_models() {
    for prefix in ["", "net.", "state_dict.model."] {
        let name = format!("{prefix}bn.scale");
        let stored = [all_under(prefix), vec![float(&name)]].concat();
        assert_eq!(refusal(&stored), format!("unexpected tensors: {name}"));
    }
}

#[test]
fn layers_of_a_pickled_module_are_one_model() {
    let layers = [
        inside("conv", "weight"),
        inside("bn", "weight"),
        inside("bn", "running_var"),
    ];
    assert!(select(&expected(), &layers).is_ok());
    let stored = [layers.to_vec(), vec![inside("head", "weight")]].concat();
    assert_eq!(refusal(&stored), "unexpected tensors: head.weight");
}

#[test]
fn a_name_that_is_there_twice_is_refused_with_both() {
    for [first, second] in [["model.", "net."], ["", "module."], ["net.module.", "net."]] {
        let stored = [all_under(first), vec![float(&format!("{second}bn.weight"))]].concat();
        let message = refusal(&stored);
        let names = format!("found {first}bn.weight and {second}bn.weight: ");
        assert!(message.starts_with("bn.weight: expected one "), "{message}");
        assert!(message.contains(&names), "{message}");
    }
}

#[test]
fn an_unknown_prefix_is_named() {
    let others = [float("optimizer.step"), integer("epoch")];
    for prefix in ["encoder.", "state_dict.encoder.", "weights."] {
        let stored = [all_under(prefix), others.to_vec()].concat();
        let message = refusal(&stored);
        let expected = format!(
            "expected names such as conv.weight, found {prefix}conv.weight: \
             save the state_dict without the prefix \"{prefix}\" or with a known one (state_dict, "
        );
        assert!(message.starts_with(&expected), "{message}");
    }
    assert_eq!(
        refusal(
            &[
                "a.step",
                "encoder.bn.weight",
                "encoder.conv.bias",
                "encoder.conv.weight"
            ]
            .map(float)
        ),
        "under encoder.: missing tensors: bn.running_var; unexpected tensors: encoder.conv.bias"
    );
}

#[test]
fn names_that_look_like_weights_come_first() {
    let stored = [
        "a.exp_avg",
        "b.step",
        "features.0.bias",
        "features.0.weight",
    ]
    .map(float);
    assert_eq!(
        refusal(&stored),
        "missing tensors: conv.weight, bn.weight, bn.running_var; \
         unexpected tensors: features.0.bias, features.0.weight, a.exp_avg, b.step"
    );
    let mut stored = all_under("net.");
    stored[0].name = "net.fc.weight".to_owned();
    stored.push(inside("optimizer.state.0", "momentum_buffer"));
    assert_eq!(
        refusal(&stored),
        "missing tensors: conv.weight; unexpected tensors: net.fc.weight"
    );
}
