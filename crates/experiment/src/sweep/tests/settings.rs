//! `[train]` and `[grid]` gone wrong.

use super::*;

#[test]
fn a_wrong_value_of_a_key_is_refused() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("epochs = 0", "5:10: train.epochs: expected an integer from 1 to 100000, found 0", "Passes over the training images; 200 by default"),
        ("epochs = 100001", "5:10: train.epochs: expected an integer from 1 to 100000, found 100001", "Passes over the training images; 200 by default"),
        ("epochs = -3", "5:10: train.epochs: expected an integer from 1 to 100000, found -3", "Passes over the training images; 200 by default"),
        ("epochs = 2.5", "5:10: train.epochs: expected an integer from 1 to 100000, found 2.5", "Passes over the training images; 200 by default"),
        ("epochs = 3.0", "5:10: train.epochs: expected an integer from 1 to 100000, found 3.0", "write 3"),
        ("epochs = 1e2", "5:10: train.epochs: expected an integer from 1 to 100000, found 1e2", "write 100"),
        ("epochs = \"3\"", "5:10: train.epochs: expected an integer from 1 to 100000, found \"3\"", "remove the quotes: 3"),
        ("epochs = 99999999999999999999999999999999999999999999999", "5:10: train.epochs: expected an integer from 1 to 100000, found 9999999999999999999999999999999999999999…", "Passes over the training images; 200 by default"),
        ("epochs = true", "5:10: train.epochs: expected an integer from 1 to 100000, found true", "Passes over the training images; 200 by default"),
        ("epochs = 2020-01-01", "5:10: train.epochs: expected an integer from 1 to 100000, found the date 2020-01-01", "Passes over the training images; 200 by default"),
        ("epochs = [3]", "5:10: train.epochs: expected an integer from 1 to 100000, found a list", "only lists in [grid] are swept: write epochs = […] below [grid]"),
        ("epochs = { a = 3 }", "5:10: train.epochs: expected an integer from 1 to 100000, found a table", "Passes over the training images; 200 by default"),
        ("width = 1025", "5:9: train.width: expected an integer from 1 to 1024, found 1025", "Channels of the first stage; 64 is the standard network; 64 by default"),
        ("batch_size = 0", "5:14: train.batch_size: expected an integer from 1 to 65536, found 0", "Images per step; 128 by default"),
        ("subset = -1", "5:10: train.subset: expected an integer from 0 to 60000, found -1", "Number of training images used; 0 uses all that are not held out for validation; 0 by default"),
        ("validation = 60001", "5:14: train.validation: expected an integer from 0 to 60000, found 60001", "Number of training images held out for validation, never part of the subset; if 0, the test set is evaluated after each epoch; 0 by default"),
        ("learning_rate = 0", "5:17: train.learning_rate: expected a number above 0, found 0", "Peak learning rate of the schedule; 0.1 by default, 0.001 with optimizer = \"adamw\""),
        ("learning_rate = -0.1", "5:17: train.learning_rate: expected a number above 0, found -0.1", "Peak learning rate of the schedule; 0.1 by default, 0.001 with optimizer = \"adamw\""),
        ("learning_rate = nan", "5:17: train.learning_rate: expected a number above 0, found nan", "numbers must be finite, at most about 1.8e308"),
        ("learning_rate = inf", "5:17: train.learning_rate: expected a number above 0, found inf", "numbers must be finite, at most about 1.8e308"),
        ("learning_rate = 1e400", "5:17: train.learning_rate: expected a number above 0, found 1e400", "numbers must be finite, at most about 1.8e308"),
        ("learning_rate = \"1e-3\"", "5:17: train.learning_rate: expected a number above 0, found \"1e-3\"", "remove the quotes: 1e-3"),
        ("learning_rate = []", "5:17: train.learning_rate: expected a number above 0, found an empty list", "Peak learning rate of the schedule; 0.1 by default, 0.001 with optimizer = \"adamw\""),
        ("momentum = 1", "5:12: train.momentum: expected a number in [0, 1), found 1", "Fraction of the previous step's velocity that is kept; 0.9 by default"),
        ("momentum = -1e-9", "5:12: train.momentum: expected a number in [0, 1), found -1e-9", "Fraction of the previous step's velocity that is kept; 0.9 by default"),
        ("weight_decay = -inf", "5:16: train.weight_decay: expected a number of at least 0, found -inf", "numbers must be finite, at most about 1.8e308"),
        ("step_factor = 1.0", "5:15: train.step_factor: expected a number in (0, 1), found 1.0", "Factor by which each reduction multiplies the learning rate; 0.1 by default"),
        ("noise = 2", "5:9: train.noise: expected a number in [0, 1], found 2", "Standard deviation of the pixel noise, in units of the pixel range; 0.1 by default"),
        ("nesterov = \"true\"", "5:12: train.nesterov: expected true or false, found \"true\"", "remove the quotes: true"),
        ("nesterov = 1", "5:12: train.nesterov: expected true or false, found 1", "Whether to use Nesterov momentum; false by default"),
        ("dataset = \"cifar-10\"", "5:11: train.dataset: expected <datasets>, found \"cifar-10\"", "did you mean cifar10?"),
        ("optimizer = \"adam\"", "5:13: train.optimizer: expected <optimizers>, found \"adam\"", "did you mean adamw?"),
        ("beta1 = 1", "5:9: train.beta1: expected a number in [0, 1), found 1", "Decay rate of the running mean of gradients (the first moment); 0.9 by default"),
        ("epsilon = 0", "5:11: train.epsilon: expected a number of at least 1e-30, found 0", "Added to the denominator, the square root of the second moment; 1e-8 by default"),
        ("schedule = 3", "5:12: train.schedule: expected <schedules>, found 3", "How the learning rate changes over the epochs; \"cosine\" by default"),
        ("precision = \"fp32\"", "5:13: train.precision: expected one of \"f32\", \"mixed\", found \"fp32\"", "did you mean f32?"),
        ("precision = 16", "5:13: train.precision: expected one of \"f32\", \"mixed\", found 16", "Precision of the convolutions; mixed is f16, with f32 where it is needed, and f32 throughout on a CPU; \"f32\" by default"),
        ("backend = \"cuda\"", "5:11: train.backend: expected one of \"auto\", \"wgpu\", \"flex\", \"ndarray\", found \"cuda\"", ""),
        ("threads = 0", "5:11: train.threads: expected an integer from 1 to 1024, found 0", ""),
        ("model = \"\\u001b[31mé\"", "5:9: train.model: expected <models>, found \"\\u{1b}[31mé\"", "Network to train; \"resnet18\" by default"),
        ("batchsize = 64", "5:1: train.batchsize: unknown key", "did you mean batch_size?"),
        ("seed = 1", "5:1: train.seed: unknown key", "did you mean seeds above the first [table], as in seeds = [1, 2, 3]?"),
        ("loss = \"focal\"", "5:1: train.loss: unknown key", "did you mean losses above the first [table], as in losses = [{ name = \"cross_entropy\" }]?"),
        ("log_end = 0.5", "5:1: train.log_end: unknown key", "a parameter of encouraging: write a loss such as { name = \"encouraging\", log_end = 0.75 }"),
        ("lr = 0.1", "5:1: train.lr: unknown key", "did you mean learning_rate?"),
        ("\"a b\" = 1", "5:1: train.\"a b\": unknown key", "valid names: <keys>, backend, threads"),
        ("seeds = [1]", "5:1: train.seeds: expected above the tables, found in [train]", "all keys below a [table] line belong to it: move this above the first [table]"),
    ];
    assert_refused(cases, |line| format!("{SHORTEST}[train]\n{line}\n"));
}

#[test]
fn a_setting_without_effect_is_refused() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("[train]\nmodel = \"lenet\"\nwidth = 8", "6:9: train.width: expected only with model = \"resnet18\", found model = \"lenet\"", "it has no effect there: remove it"),
        ("[train]\nnoise = 0.2", "5:9: train.noise: expected only with dataset = \"shapes\", found dataset = \"cifar10\"", "it has no effect there: remove it"),
        ("[train]\ndataset = \"cifar100\"\nambiguous = 0.2", "6:13: train.ambiguous: expected only with dataset = \"shapes\", found dataset = \"cifar100\"", "it has no effect there: remove it"),
        ("[train]\nstep_epochs = 9", "5:15: train.step_epochs: expected only with schedule = \"step\", found schedule = \"cosine\"", "it has no effect there: remove it"),
        ("[train]\nstep_factor = 0.5\nschedule = \"constant\"", "5:15: train.step_factor: expected only with schedule = \"step\", found schedule = \"constant\"", "it has no effect there: remove it"),
        ("[train]\nschedule = \"step\"\nepochs = 60", "5:12: train.step_epochs: expected less than the 60 epochs after warm-up, found 60", "the learning rate would never be reduced: set a smaller step_epochs, or more epochs"),
        ("[train]\nschedule = \"step\"\nstep_epochs = 3\nepochs = 5\nwarmup_epochs = 2", "6:15: train.step_epochs: expected less than the 3 epochs after warm-up, found 3", "the learning rate would never be reduced: set a smaller step_epochs, or more epochs"),
        ("[train]\nepochs = 2\nwarmup_epochs = 3", "6:17: train.warmup_epochs: expected at most epochs = 2, found 3", "the full learning rate would never be reached"),
        ("[train]\nsubset = 50001", "5:10: train.subset: expected at most 50000 training images of cifar10, at least one of them for training, found subset = 50001 and validation = 0", "set a smaller subset or validation"),
        ("[train]\nevaluate_test = false", "5:17: train.evaluate_test: expected true with validation = 0, found false", "a trial needs images for its score: hold out some for validation, or evaluate the test set"),
        ("[train]\nevaluate_test = false\n[grid]\nvalidation = [50, 0]", "5:17: train.evaluate_test: expected true with validation = 0, found false", "a trial needs images for its score: hold out some for validation, or evaluate the test set"),
        ("[train]\nvalidation = 50000", "5:14: train.validation: expected at most 50000 training images of cifar10, at least one of them for training, found subset = 0 and validation = 50000", "set a smaller subset or validation"),
        ("[train]\ndataset = \"shapes\"\nvalidation = 1000\nsubset = 4001", "7:10: train.subset: expected at most 5000 training images of shapes, at least one of them for training, found subset = 4001 and validation = 1000", "set a smaller subset or validation"),
        ("[train]\nsubset = 20000\n[grid]\ndataset = [\"cifar10\", \"shapes\"]", "5:10: train.subset: expected at most 5000 training images of shapes, at least one of them for training, found subset = 20000 and validation = 0", "set a smaller subset or validation"),
        ("[train]\ndataset = \"mnist\"\naugmentation = \"crop_flip\"", "6:16: train.augmentation: expected no mirroring of mnist, found \"crop_flip\"", "a mirrored image of this dataset need not show its class: set augmentation = \"crop\" or \"none\""),
        ("[train]\nnesterov = true\nmomentum = 0", "5:12: train.nesterov: expected only with momentum > 0, found momentum = 0.0", "it has no effect there: remove it"),
        ("[train]\ndecay_norm_and_bias = false\nweight_decay = 0", "5:23: train.decay_norm_and_bias: expected only with weight_decay > 0, found weight_decay = 0.0", "it has no effect there: remove it"),
        ("[train]\nbeta1 = 0.8", "5:9: train.beta1: expected only with optimizer = \"adamw\", found optimizer = \"sgd\"", "it has no effect there: remove it"),
        ("[train]\noptimizer = \"adamw\"\nmomentum = 0.8", "6:12: train.momentum: expected only with optimizer = \"sgd\", found optimizer = \"adamw\"", "it has no effect there: remove it"),
        ("[train]\noptimizer = \"adamw\"\nnesterov = true", "6:12: train.nesterov: expected only with optimizer = \"sgd\", found optimizer = \"adamw\"", "it has no effect there: remove it"),
        ("[train]\nmomentum = 0\n[grid]\nnesterov = [false, true]", "7:20: grid.nesterov[1]: expected only with momentum > 0, found momentum = 0.0", "it has no effect there: remove it"),
        ("[train]\nnoise = 0.2\n[grid]\ndataset = [\"cifar100\", \"cifar10\"]", "5:9: train.noise: expected only with dataset = \"shapes\", found dataset = \"cifar100\"", "it has no effect there: remove it"),
        ("[train]\nschedule = \"constant\"\n[grid]\nstep_factor = [0.1, 0.2]", "7:21: grid.step_factor[1]: expected only with schedule = \"step\", found schedule = \"constant\"", "it has no effect there: remove it"),
        ("[train]\nepochs = 30\n[grid]\nschedule = [\"cosine\", \"step\"]", "7:23: train.step_epochs: expected less than the 30 epochs after warm-up, found 60", "the learning rate would never be reduced: set a smaller step_epochs, or more epochs"),
        ("[train]\nepochs = 30\nstep_epochs = 30\n[grid]\nschedule = [\"cosine\", \"step\"]", "6:15: train.step_epochs: expected less than the 30 epochs after warm-up, found 30", "the learning rate would never be reduced: set a smaller step_epochs, or more epochs"),
    ];
    assert_refused(cases, |lines| format!("{SHORTEST}{lines}\n"));
    read_text(&format!(
        "{SHORTEST}[train]\nnoise = 0.1\nnesterov = false\nmomentum = 0\n"
    ))
    .expect("a key at its default has no effect anywhere");
}

#[test]
fn a_wrong_grid_is_refused() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("grid = 3", "4:8: grid: expected a table, found 3", ""),
        ("[[grid]]\nwidth = [8]", "4:1: grid: expected a table, found a list", "a table is written once, in single brackets: [grid]"),
        ("[grid]\nmomentum = 0.9", "5:12: grid.momentum: expected a list of values, found 0.9", "write […] around it"),
        ("[grid]\nmomentum = []", "5:12: grid.momentum: expected a list of values, found an empty list", "write momentum = [0.9]"),
        ("[grid]\nmomentum = [0.9, 0, 0.0]", "5:21: grid.momentum[2]: duplicate of grid.momentum[1]", "it would train the same trials twice"),
        ("[grid]\nwidth = [8, 4.5]", "5:13: grid.width[1]: expected an integer from 1 to 1024, found 4.5", "Channels of the first stage; 64 is the standard network; 64 by default"),
        ("[grid]\nwidht = [8, 4]", "5:1: grid.widht: unknown key", "did you mean width?"),
        ("[grid]\nbackend = [\"flex\", \"wgpu\"]", "5:1: grid.backend: expected in [train], found in [grid]", "it does not affect the results: its trials would be identical"),
        ("[grid]\nthreads = [1]", "5:1: grid.threads: expected in [train], found in [grid]", "it does not affect the results: its trials would be identical"),
        ("[grid]\nlosses = [{ name = \"poly1\" }]", "5:1: grid.losses: expected above the tables, found in [grid]", "all keys below a [table] line belong to it: move this above the first [table]"),
        ("[train]\nwidth = 8\n[grid]\nwidth = [8, 4]", "7:1: grid.width: expected in one place, found train.width too", "remove one of them: the grid's values would override the other"),
    ];
    assert_refused(cases, |lines| format!("{SHORTEST}{lines}\n"));
}
