//! Some of a set's images, chosen at random.

use random_streams::Stream;

use super::images::ImageSet;

/// So many of the images, all if there are fewer, in their order; the same ones for every call with this `seed`.
pub fn sample(set: &ImageSet, count: usize, seed: u64) -> ImageSet {
    let mut positions: Vec<u32> = (0..set.len() as u32).collect();
    Stream::new(seed, "sample", 0).shuffle(&mut positions);
    positions.truncate(count);
    positions.sort_unstable();
    set.choose(&positions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::images::Images;
    use crate::datasets::ImageShape;

    fn records(count: usize, seed: u64) -> Vec<u32> {
        let shape = ImageShape {
            height: 1,
            width: 1,
            channels: 1,
        };
        let images = Images {
            pixels: vec![0; 50],
            labels: vec![0; 50],
        };
        let set = sample(&ImageSet::new(shape, images), count, seed);
        (0..set.len()).map(|index| set.record(index)).collect()
    }

    #[test]
    fn a_seed_has_one_sample_of_different_images_in_file_order() {
        let first = records(20, 1);
        assert_eq!(first.len(), 20);
        assert!(first.is_sorted_by(|a, b| a < b));
        assert_eq!(records(20, 1), first);
        assert_ne!(records(20, 2), first);
    }

    #[test]
    fn a_sample_of_more_than_there_are_is_all_of_them() {
        assert_eq!(records(51, 1), (0..50).collect::<Vec<_>>());
    }
}
