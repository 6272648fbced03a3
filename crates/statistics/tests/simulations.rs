//! Error rates, from seeded draws whose truth is known.
//!
//! Every rate is compared at 20,000 data sets with its nominal value, give or take the noise of so many.

use random_streams::Stream;
use statistics::{
    Anytime, Design, Difference, Evidence, PRIOR_VARIANCE, UntilDecided, Verdict, sign_flip_p,
    superiority_of_samples, verdicts, wilson,
};

const REPETITIONS: u32 = 20_000;

const ALPHA: f64 = 0.05;

/// Of one run.
const SPREAD: f64 = 0.16;

/// 3.3 standard deviations of a rate: 0.5 points at 5 % and 20,000 data sets.
fn noise(rate: f64, repetitions: u32) -> f64 {
    3.3 * (rate * (1.0 - rate) / f64::from(repetitions)).sqrt()
}

/// The share of data sets for which `is_so`; each has a stream of its own.
fn rate(purpose: &str, repetitions: u32, is_so: impl Fn(&mut Stream) -> bool) -> f64 {
    let hits = (0..repetitions).filter(|index| {
        let mut stream = Stream::new(14, purpose, u64::from(*index));
        is_so(&mut stream)
    });
    hits.count() as f64 / f64::from(repetitions)
}

#[track_caller]
fn assert_at_most(found: f64, bound: f64, repetitions: u32) {
    assert!(found <= bound + noise(bound, repetitions), "{found}");
}

#[track_caller]
fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "expected {expected} ± {tolerance}, found {found}"
    );
}

fn normals(stream: &mut Stream, n: usize, mean: f64, spread: f64) -> Vec<f64> {
    (0..n)
        .map(|_| mean + spread * f64::from(stream.normal()))
        .collect()
}

/// Two arms of n runs that differ by `difference`; those of one seed share a part of their noise.
fn pairs(stream: &mut Stream, n: usize, difference: f64) -> [Vec<f64>; 2] {
    let shared = normals(stream, n, 94.0, SPREAD);
    let mut arm = |mean: f64| {
        let own = normals(stream, n, mean, SPREAD);
        shared
            .iter()
            .zip(own)
            .map(|(shared, own)| shared + own)
            .collect()
    };
    [arm(difference), arm(0.0)]
}

#[test]
fn t_intervals_of_pairs_cover_in_95_percent() {
    for n in [2, 3, 5, 10, 30] {
        // The interval contains what the test does not reject.
        let covered = rate("pairs", REPETITIONS, |stream| {
            let [a, b] = pairs(stream, n, 0.0);
            Difference::paired(&a, &b).unwrap().p_two_sided() > ALPHA
        });
        assert_near(covered, 0.95, 0.005);
    }
}

#[test]
fn welch_intervals_cover_in_95_percent_or_more_at_equal_sizes() {
    for (n, ratio) in [
        (2, 1.0),
        (3, 1.0),
        (5, 1.0),
        (10, 1.0),
        (30, 1.0),
        (10, 3.0),
        (30, 3.0),
    ] {
        let covered = rate("welch", REPETITIONS, |stream| {
            let a = normals(stream, n, 94.0, SPREAD);
            let b = normals(stream, n, 94.0, SPREAD * ratio);
            Difference::welch(&a, &b).unwrap().p_two_sided() > ALPHA
        });
        assert!((0.945..0.985).contains(&covered), "{n} seeds: {covered}");
    }
}

#[test]
fn sign_flips_reject_a_true_hypothesis_in_5_percent_at_most() {
    let rejected = |n: usize| {
        rate("sign flips", REPETITIONS, |stream| {
            let [a, b] = pairs(stream, n, 0.0);
            sign_flip_p(&a, &b, 0).unwrap() <= ALPHA
        })
    };
    assert_eq!(rejected(5), 0.0);
    // 2 of the 64 patterns of six signs.
    assert_near(rejected(6), 0.031_25, noise(0.031_25, REPETITIONS));
    assert_near(rejected(9), 0.048_8, noise(0.048_8, REPETITIONS));
}

#[test]
fn verdicts_of_a_fixed_number_of_seeds_are_false_in_5_percent_at_most() {
    for n in [2, 3, 5, 10, 30] {
        let verdict = |stream: &mut Stream, difference: f64| {
            let [a, b] = pairs(stream, n, difference);
            let difference = Difference::paired(&a, &b).unwrap();
            let evidence = Evidence {
                mean: difference.mean(),
                p_difference: difference.p_two_sided(),
                p_equivalence: difference.p_equivalence(0.2).unwrap(),
                seeds_still_needed: None,
            };
            verdicts(&[evidence], ALPHA).unwrap()[0]
        };
        let decided = rate("no difference", REPETITIONS, |stream| {
            matches!(verdict(stream, 0.0), Verdict::Win | Verdict::Loss)
        });
        assert_at_most(decided, ALPHA, REPETITIONS);
        let equivalent = rate("the margin", REPETITIONS, |stream| {
            verdict(stream, 0.2) == Verdict::Equivalent
        });
        assert_at_most(equivalent, ALPHA, REPETITIONS);
    }
}

/// 20 splits of the same 20 runs into halves, for each of 1,000 losses.
#[test]
fn a_loss_compared_with_itself_over_many_splits_wins_or_loses_in_5_percent_at_most() {
    const LOSSES: u64 = 1000;
    const SPLITS: u64 = 20;
    let mut decided = [0_u32; 2];
    for loss in 0..LOSSES {
        let runs = normals(&mut Stream::new(14, "one loss", loss), 20, 94.0, SPREAD);
        for split in 0..SPLITS {
            let mut stream = Stream::new(14, "splits", loss * SPLITS + split);
            let mut shuffled = runs.clone();
            for last in (1..shuffled.len()).rev() {
                shuffled.swap(last, stream.below(last as u32 + 1) as usize);
            }
            let (a, b) = shuffled.split_at(10);
            let fixed = Difference::welch(a, b).unwrap();
            let anytime = Anytime::of(Design::Unpaired, a, b, PRIOR_VARIANCE).unwrap();
            let p_values = [fixed.p_two_sided(), anytime.p()];
            for (count, p_difference) in decided.iter_mut().zip(p_values) {
                let evidence = Evidence {
                    mean: fixed.mean(),
                    p_difference,
                    ..Evidence::NONE
                };
                let verdict = verdicts(&[evidence], ALPHA).unwrap()[0];
                *count += u32::from(matches!(verdict, Verdict::Win | Verdict::Loss));
            }
        }
    }
    for count in decided {
        let found = f64::from(count) / (LOSSES * SPLITS) as f64;
        assert_at_most(found, ALPHA, REPETITIONS);
    }
    assert!(decided[0] > 0, "a test that never decides is no test");
}

#[test]
fn any_of_five_claims_against_one_baseline_is_false_in_5_percent_at_most() {
    let any = rate("claims", 10_000, |stream| {
        let baseline = normals(stream, 5, 94.0, SPREAD);
        let evidence = [(); 5].map(|()| {
            let other = normals(stream, 5, 94.0, SPREAD);
            let difference = Difference::welch(&other, &baseline).unwrap();
            Evidence {
                mean: difference.mean(),
                p_difference: difference.p_two_sided(),
                ..Evidence::NONE
            }
        });
        let verdicts = verdicts(&evidence, ALPHA).unwrap();
        verdicts
            .iter()
            .any(|verdict| matches!(verdict, Verdict::Win | Verdict::Loss))
    });
    assert_at_most(any, ALPHA, 10_000);
}

/// The rates after 60 looks are those of 100,000 data sets in numpy.
#[test]
fn looking_after_every_seed_keeps_the_error_rate() {
    for (design, seeds, expected) in [
        (Design::Paired, 40, None),
        (Design::Unpaired, 40, None),
        (Design::Paired, 60, Some(0.026_6)),
        (Design::Unpaired, 60, Some(0.022_1)),
    ] {
        let outcomes = until_decided(design, seeds)
            .simulate(0.0, REPETITIONS, 1)
            .unwrap();
        let false_verdicts = outcomes.win + outcomes.loss;
        assert_at_most(false_verdicts, ALPHA, REPETITIONS);
        if let Some(expected) = expected {
            assert_near(false_verdicts, expected, noise(expected, REPETITIONS));
        }
        // Both sides alike.
        assert_near(outcomes.win, outcomes.loss, 0.005);
    }
}

/// Its pooled variance is an assumption that losses may break; with equal numbers of seeds it costs little.
#[test]
fn looking_after_every_seed_survives_unequal_variances() {
    let decided = rate("unequal variances", 4000, |stream| {
        let a = normals(stream, 40, 94.0, SPREAD);
        let b = normals(stream, 40, 94.0, 5.0 * SPREAD);
        let anytime = Anytime::of(Design::Unpaired, &a, &b, PRIOR_VARIANCE).unwrap();
        anytime.p() <= ALPHA
    });
    assert_at_most(decided, ALPHA, 4000);
}

#[test]
fn a_t_test_after_every_seed_does_not() {
    // What the e-process is for: with ten looks more than one in seven A/A comparisons has a winner.
    let decided = rate("peeking", 4000, |stream| {
        let [a, b] = pairs(stream, 12, 0.0);
        (3..=12).any(|n| {
            let difference = Difference::paired(&a[..n], &b[..n]).unwrap();
            difference.p_two_sided() <= ALPHA
        })
    });
    assert!(decided > 0.14, "{decided}");
}

#[test]
fn confidence_sequences_contain_the_truth_at_every_look() {
    for design in [Design::Paired, Design::Unpaired] {
        let missed = rate("sequences", 4000, |stream| {
            let [a, b] = pairs(stream, 40, 0.3);
            let b = match design {
                Design::Paired => b,
                Design::Unpaired => normals(stream, 40, 94.0, 1.4 * SPREAD),
            };
            let anytime = Anytime::of(design, &a, &b, PRIOR_VARIANCE);
            let [low, high] = anytime.unwrap().interval(ALPHA).unwrap();
            !(low..=high).contains(&0.3)
        });
        assert_at_most(missed, ALPHA, 4000);
    }
}

#[test]
fn equivalence_at_any_look_is_false_in_5_percent_at_most() {
    for design in [Design::Paired, Design::Unpaired] {
        let comparison = UntilDecided {
            margin: 0.2,
            ..until_decided(design, 60)
        };
        let outcomes = comparison.simulate(0.2, 4000, 2).unwrap();
        assert_at_most(outcomes.equivalent, ALPHA, 4000);
        let same = comparison.simulate(0.0, 1000, 3).unwrap();
        assert!(same.equivalent > 0.5, "{same:?}");
    }
}

/// Two arms of runs; without correlation the differences of pairs have √2 of their spread.
fn until_decided(design: Design, at_most: usize) -> UntilDecided {
    let factor = match design {
        Design::Paired => f64::sqrt(2.0),
        Design::Unpaired => 1.0,
    };
    UntilDecided {
        design,
        standard_deviation: factor * SPREAD,
        margin: 0.0,
        alpha: ALPHA,
        prior_variance: PRIOR_VARIANCE,
        at_most,
    }
}

#[test]
fn decisions_take_the_expected_number_of_seeds() {
    for (difference, [samples, pairs], decided) in [
        (0.1, [39.7, 41.6], [0.72, 0.66]),
        (0.2, [14.5, 15.9], [1.0, 1.0]),
        (0.3, [8.7, 9.6], [1.0, 1.0]),
        (0.5, [5.8, 6.5], [1.0, 1.0]),
        (1.0, [4.7, 5.3], [1.0, 1.0]),
    ] {
        let cases = [
            (Design::Unpaired, samples, decided[0]),
            (Design::Paired, pairs, decided[1]),
        ];
        for (design, seeds, decided) in cases {
            let outcomes = until_decided(design, 60)
                .simulate(difference, 4000, 0)
                .unwrap();
            assert_near(outcomes.seeds_mean, seeds, 0.05 * seeds);
            assert_near(outcomes.win + outcomes.loss, decided, 0.03);
            assert!(outcomes.loss < 0.01, "{outcomes:?}");
        }
    }
}

#[test]
fn intervals_of_shares_cover_in_about_95_percent() {
    for (trials, probability) in [(10, 0.1), (10, 0.5), (40, 0.05), (40, 0.3)] {
        let covered = rate("wilson", REPETITIONS, |stream| {
            let is_success = |_: &usize| f64::from(stream.uniform()) < probability;
            let successes = (0..trials).filter(is_success).count();
            let [low, high] = wilson(successes, trials, ALPHA).unwrap().interval;
            (low..=high).contains(&probability)
        });
        assert!((0.91..0.99).contains(&covered), "{covered}");
    }
    // P(A > B) = Φ(1 / √2) for a shift of one standard deviation.
    for (n, m, shift, truth) in [(5, 5, 0.0, 0.5), (5, 5, 1.0, 0.7602), (10, 20, 1.0, 0.7602)] {
        let covered = rate("superiority", 4000, |stream| {
            let (a, b) = (normals(stream, n, shift, 1.0), normals(stream, m, 0.0, 1.0));
            let [low, high] = superiority_of_samples(&a, &b, ALPHA).unwrap().interval;
            (low..=high).contains(&truth)
        });
        assert!((0.93..0.99).contains(&covered), "{n} and {m}: {covered}");
    }
}
