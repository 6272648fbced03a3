use super::*;
use crate::assert_close;

const PAIRS: [[f64; 6]; 2] = [
    [94.31, 94.22, 94.47, 94.39, 94.28, 94.36],
    [93.95, 93.90, 94.08, 94.01, 93.93, 93.97],
];

fn pairs() -> Anytime {
    Anytime::of(Design::Paired, &PAIRS[0], &PAIRS[1], PRIOR_VARIANCE).unwrap()
}

fn samples() -> Anytime {
    Anytime::of(Design::Unpaired, &PAIRS[0], &PAIRS[1], PRIOR_VARIANCE).unwrap()
}

#[test]
fn one_degree_of_freedom_by_hand() {
    // d = 1, 3: t = √2 · 2 / √2 = 2, ν = 1, v = 3, E = (1 + 4) / (1 + 4/3) / √3.
    let anytime = Anytime::of(Design::Paired, &[1.0, 3.0], &[0.0, 0.0], 1.0).unwrap();
    let [look] = anytime.looks() else {
        panic!("{anytime:?}")
    };
    assert_close(look.e_value(0.0), 15.0 / 7.0 / f64::sqrt(3.0), 1e-12);
    // c = (√3 / 0.5)^1 ≥ 3: nothing is rejected.
    let unbounded = [f64::NEG_INFINITY, f64::INFINITY];
    assert_eq!(look.interval(0.5), Ok(unbounded));
}

#[test]
fn the_interval_ends_where_the_e_value_reaches_its_bound() {
    for anytime in [pairs(), samples()] {
        for look in anytime.looks() {
            for end in look.interval(0.05).unwrap() {
                if end.is_finite() {
                    assert_close(look.e_value(end), 20.0, 1e-6);
                }
            }
        }
        let bounded = anytime.looks().iter().filter(|look| {
            let [low, _] = look.interval(0.05).unwrap();
            low.is_finite()
        });
        assert!(bounded.count() >= 2);
    }
}

#[test]
fn looks_are_those_of_the_first_seeds() {
    let all = samples();
    for seeds in 2..=6 {
        let [a, b] = PAIRS.map(|arm| arm[..seeds].to_vec());
        let first = Anytime::of(Design::Unpaired, &a, &b, PRIOR_VARIANCE).unwrap();
        assert_eq!(first.looks(), &all.looks()[..seeds - 1]);
    }
}

#[test]
fn fewer_than_two_seeds_have_no_look_and_decide_nothing() {
    for n in 0..2 {
        let [a, b] = PAIRS.map(|arm| arm[..n].to_vec());
        for design in [Design::Paired, Design::Unpaired] {
            let anytime = Anytime::of(design, &a, &b, PRIOR_VARIANCE).unwrap();
            assert!(anytime.looks().is_empty());
            assert_eq!((anytime.p(), anytime.p_equivalence(1e9)), (1.0, Ok(1.0)));
            let unbounded = [f64::NEG_INFINITY, f64::INFINITY];
            assert_eq!(anytime.interval(0.05), Ok(unbounded));
            assert_eq!(anytime.seeds_still_needed(0.1, 0.05), None);
        }
    }
}

#[test]
fn a_list_that_ends_earlier_is_compared_with_the_other_as_it_grows() {
    let anytime = Anytime::of(Design::Unpaired, &PAIRS[0], &PAIRS[1][..3], PRIOR_VARIANCE).unwrap();
    let seeds: Vec<[usize; 2]> = anytime.looks().iter().map(Look::seeds).collect();
    assert_eq!(seeds, [[2, 2], [3, 3], [4, 3], [5, 3], [6, 3]]);
    let empty = Anytime::of(Design::Unpaired, &PAIRS[0], &[], PRIOR_VARIANCE).unwrap();
    assert!(empty.looks().is_empty());
}

#[test]
fn differences_that_do_not_vary_have_the_largest_e_value_of_their_number() {
    let anytime = Anytime::of(Design::Paired, &[2.0; 6], &[1.0; 6], 1.0).unwrap();
    for look in anytime.looks() {
        let n = look.seeds()[0] as f64;
        assert_close(look.e_value(0.0), (n + 1.0).powf((n - 1.0) / 2.0), 1e-9);
        assert_close(look.e_value(1.0), (n + 1.0).powf(-0.5), 1e-12);
    }
    assert_eq!(anytime.first_at_least(20.0).unwrap().seeds(), [5, 5]);
    let same = Anytime::of(Design::Paired, &[1.0; 9], &[1.0; 9], 1.0).unwrap();
    assert_eq!(same.p(), 1.0);
    assert!(same.p_equivalence(0.1).unwrap() < 0.05);
}

#[test]
fn a_p_value_never_rises_as_seeds_are_added() {
    let [mut a, b] = PAIRS.map(|arm| arm.to_vec());
    let before = pairs();
    a.push(90.0);
    let after = Anytime::of(
        Design::Paired,
        &a,
        &[&b[..], &[94.0]].concat(),
        PRIOR_VARIANCE,
    )
    .unwrap();
    assert!(after.looks().last().unwrap().e_value(0.0) < 1.0);
    assert_eq!(after.p(), before.p());
    // What a look has rejected stays rejected.
    let [low, _] = after.interval(0.05).unwrap();
    assert!(low > 0.0, "{low}");
}

#[test]
fn equivalence_is_a_confidence_sequence_within_the_margin() {
    for anytime in [pairs(), samples()] {
        for look in anytime.looks() {
            let [low, high] = look.interval(0.05).unwrap();
            let margin = high.max(-low);
            if margin.is_finite() {
                assert!(look.e_equivalence(margin * 1.000_1) > 20.0);
                assert!(look.e_equivalence(margin * 0.999_9) < 20.0);
            }
        }
        assert_eq!(anytime.p_equivalence(0.0), Ok(1.0));
    }
}

#[test]
fn the_seeds_still_needed_decide_if_nothing_changes() {
    let [a, b] = [[94.5, 94.0, 94.4, 94.2], [94.1, 94.1, 94.1, 94.0]];
    for design in [Design::Paired, Design::Unpaired] {
        let anytime = Anytime::of(design, &a, &b, PRIOR_VARIANCE).unwrap();
        let more = anytime.seeds_still_needed(0.0, 0.05).unwrap();
        let last = anytime.looks().last().unwrap();
        let e_after = |more| {
            last.after(more, anytime.design(), PRIOR_VARIANCE)
                .e_value(0.0)
        };
        assert!(e_after(more) >= 20.0 && e_after(more - 1) < 20.0, "{more}");
        // A margin that the difference is well within is reached sooner.
        assert!(anytime.seeds_still_needed(5.0, 0.05).unwrap() < more);
    }
}

#[test]
fn looks_that_have_nothing_in_common_leave_the_last_interval() {
    let noise = |i: usize| if i.is_multiple_of(2) { 0.01 } else { -0.01 };
    let a: Vec<f64> = (0..2000)
        .map(|i| noise(i) + if i < 6 { 5.0 } else { 0.0 })
        .collect();
    let anytime = Anytime::of(Design::Paired, &a, &vec![0.0; 2000], 1.0).unwrap();
    let last = anytime.looks().last().unwrap().interval(0.05).unwrap();
    assert!(last[1] < 1.0, "{last:?}");
    assert_eq!(anytime.interval(0.05), Ok(last));
}

#[test]
fn huge_evidence_is_no_nan() {
    let a: Vec<f64> = (0..2000).map(|i| 5.0 + f64::from(i % 2)).collect();
    let anytime = Anytime::of(Design::Paired, &a, &vec![0.0; 2000], 1.0).unwrap();
    assert_eq!(anytime.strongest().unwrap().e_value(0.0), f64::INFINITY);
    assert_eq!(anytime.p(), 0.0);
    assert!(anytime.p_equivalence(6.0).unwrap() < 1e-100);
    let [low, high] = anytime.interval(0.05).unwrap();
    assert!(5.4 < low && low < high && high < 5.6);
}

#[test]
fn what_is_not_finite_is_refused() {
    for value in [f64::NAN, f64::INFINITY] {
        assert!(Anytime::of(Design::Paired, &[value], &[1.0], 1.0).is_err());
        assert!(Anytime::of(Design::Unpaired, &[1.0], &[value], 1.0).is_err());
        assert!(Anytime::of(Design::Paired, &[1.0], &[1.0], value).is_err());
        assert!(pairs().p_equivalence(value).is_err());
        assert!(pairs().interval(value).is_err());
    }
    assert!(Anytime::of(Design::Paired, &[1.0], &[], 1.0).is_err());
    assert!(Anytime::of(Design::Paired, &[1.0], &[1.0], 0.0).is_err());
}
