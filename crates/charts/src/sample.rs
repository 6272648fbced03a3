//! Fewer points of a long curve.

/// More are not told apart on a screen.
pub(crate) const MOST_POINTS: usize = 200;

/// The indices of at most [`MOST_POINTS`] of `values`: the first, the last, and of each stretch between them its lowest
/// and highest value and, so that a gap stays one, its first that is missing.
pub(crate) fn sample(values: &[Option<f64>]) -> Vec<usize> {
    const PER_STRETCH: usize = 3;
    let count = values.len();
    if count <= MOST_POINTS {
        return (0..count).collect();
    }
    let stretches = (MOST_POINTS - 2) / PER_STRETCH;
    let inner = count - 2;
    let mut kept = vec![0];
    for stretch in 0..stretches {
        let start = 1 + inner * stretch / stretches;
        let end = 1 + inner * (stretch + 1) / stretches;
        kept.extend(extremes(values, start, end));
    }
    kept.push(count - 1);
    kept
}

fn extremes(values: &[Option<f64>], start: usize, end: usize) -> Vec<usize> {
    let drawn = || (start..end).filter_map(|index| values[index].map(|value| (index, value)));
    let lowest = drawn().min_by(|a, b| a.1.total_cmp(&b.1));
    let highest = drawn().max_by(|a, b| a.1.total_cmp(&b.1));
    let missing = (start..end).find(|index| values[*index].is_none());
    let extremes = [lowest, highest].into_iter().flatten();
    let mut kept: Vec<usize> = extremes.map(|(index, _)| index).chain(missing).collect();
    kept.sort_unstable();
    kept.dedup();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: usize) -> Vec<Option<f64>> {
        (0..count).map(|i| Some((i * 7919 % 1013) as f64)).collect()
    }

    #[test]
    fn a_short_curve_keeps_every_point() {
        assert_eq!(sample(&values(200)), (0..200).collect::<Vec<_>>());
        assert_eq!(sample(&[]), [0; 0]);
    }

    #[test]
    fn a_long_curve_keeps_its_ends_extremes_and_gaps() {
        let mut long = values(10_000);
        long[1234] = Some(-5.0);
        long[4321] = Some(5e9);
        long[7777] = None;
        let kept = sample(&long);
        assert!(kept.len() <= MOST_POINTS, "{}", kept.len());
        assert!(kept.windows(2).all(|pair| pair[0] < pair[1]));
        for index in [0, 1234, 4321, 7777, 9999] {
            assert!(kept.contains(&index), "{index}");
        }
    }

    #[test]
    fn no_curve_keeps_too_many_points() {
        for count in 201..600 {
            let mut long = values(count);
            long.iter_mut().step_by(2).for_each(|value| *value = None);
            assert!(sample(&long).len() <= MOST_POINTS, "{count}");
        }
    }
}
