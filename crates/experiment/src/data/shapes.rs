//! A generated dataset of ten shapes, so that everything runs with no network and no files.
//!
//! Each image shows one shape at a random place, size and angle, in a random colour on a random
//! background, under pixel noise. An ambiguous image shows two shapes at half strength each, and its
//! label is one of them at random, so that no network can be right more than half of the time.

use random_streams::Stream;
use sha2::{Digest, Sha256};

use super::Data;
use super::images::{ImageSet, Images};
use crate::datasets::SHAPES as DATASET;
use crate::digest::hex;
use crate::records::{DataRecords, RecordCount};

const PLANE: usize = DATASET.shape.plane();

/// What each class looks like: whether the point (x, y) of the plane belongs to the shape. The
/// shapes fill about the square [−1, 1]², x to the right and y down.
const SHAPES: [fn(f32, f32) -> bool; DATASET.classes()] = [
    disc,
    ring,
    crescent,
    square,
    triangle,
    cross,
    star,
    horizontal_stripes,
    vertical_stripes,
    checkerboard,
];

/// Generates the dataset; see [`DatasetSource`](super::DatasetSource) for the parameters.
pub fn generate(noise: f64, ambiguous: f64) -> Data {
    let whole = |count| RecordCount {
        found: count,
        official: count,
    };
    let split = |purpose, count: usize| -> Images {
        let mut images = Images::default();
        for index in 0..count as u64 {
            add_image(
                &mut images,
                Stream::new(0, purpose, index),
                noise,
                ambiguous,
            );
        }
        images
    };
    let train = split("shapes train", DATASET.training_images);
    let test = split("shapes test", DATASET.test_images);
    let mut checksum = Sha256::new();
    for images in [&train, &test] {
        checksum.update(&images.pixels);
        checksum.update(&images.labels);
    }
    Data {
        train: ImageSet::new(DATASET.shape, train),
        test: ImageSet::new(DATASET.shape, test),
        classes: DATASET.classes(),
        normalization: DATASET.normalization,
        hash: hex(&checksum.finalize()),
        records: DataRecords {
            train: whole(DATASET.training_images),
            test: whole(DATASET.test_images),
        },
        notes: Vec::new(),
    }
}

/// Draws one image; the classes alternate, so that there are equally many of each.
fn add_image(images: &mut Images, mut stream: Stream, noise: f64, ambiguous: f64) {
    let classes = SHAPES.len();
    let mut class = images.labels.len() % classes;
    let mut coverage = [0.0; PLANE];
    if f64::from(stream.uniform()) < ambiguous {
        let other = (class + 1 + stream.below(classes as u32 - 1) as usize) % classes;
        draw_shape(&mut coverage, class, 0.5, &mut stream);
        draw_shape(&mut coverage, other, 0.5, &mut stream);
        if stream.below(2) == 1 {
            class = other;
        }
    } else {
        draw_shape(&mut coverage, class, 1.0, &mut stream);
    }

    let (background, foreground) = draw_colours(&mut stream);
    let noise = noise as f32;
    images.pixels.reserve(DATASET.shape.bytes());
    for (from, to) in background.into_iter().zip(foreground) {
        for share in coverage {
            let value = from + share * (to - from) + noise * bell(&mut stream);
            images.pixels.push((value * 255.0).round() as u8); // saturates at black and white
        }
    }
    images.labels.push(class as u8);
}

/// Adds a shape of random place, size and angle to the share of the foreground in each pixel.
fn draw_shape(coverage: &mut [f32; PLANE], class: usize, strength: f32, stream: &mut Stream) {
    let mut between = |low: f32, high: f32| low + (high - low) * stream.uniform();
    let radius = between(8.0, 13.0); // pixels
    let centre = [between(13.0, 19.0), between(13.0, 19.0)];
    // Up to 14 degrees, so that horizontal stripes stay horizontal.
    let (sine, cosine) = between(-0.25, 0.25).sin_cos();
    let belongs = SHAPES[class];
    // Four samples a pixel smooth the edges.
    let samples = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)];
    for (index, share) in coverage.iter_mut().enumerate() {
        let (x, y) = (
            (index % DATASET.shape.width) as f32 - centre[0],
            (index / DATASET.shape.width) as f32 - centre[1],
        );
        if x.hypot(y) > 1.2 * radius + 1.0 {
            continue; // no shape reaches that far
        }
        for (dx, dy) in samples {
            let (x, y) = ((x + dx) / radius, (y + dy) / radius);
            if belongs(cosine * x + sine * y, cosine * y - sine * x) {
                *share += strength / samples.len() as f32;
            }
        }
    }
}

/// A dark background and a foreground that is brighter in every channel.
fn draw_colours(
    stream: &mut Stream,
) -> ([f32; DATASET.shape.channels], [f32; DATASET.shape.channels]) {
    let mut between = |low: f32, high: f32| low + (high - low) * stream.uniform();
    let background = [0; DATASET.shape.channels].map(|_| between(0.0, 0.5));
    let foreground = background.map(|value| value + between(0.15, 0.5));
    (background, foreground)
}

/// A nearly normal number of mean 0 and variance 1 at the price of one word: its four bytes' sum.
fn bell(stream: &mut Stream) -> f32 {
    let sum: u32 = stream
        .next_u32()
        .to_le_bytes()
        .into_iter()
        .map(u32::from)
        .sum();
    // Four times the variance (256² − 1) / 12 of one byte
    (sum as f32 - 510.0) / 147.799_86
}

fn disc(x: f32, y: f32) -> bool {
    x.hypot(y) < 0.9
}

fn ring(x: f32, y: f32) -> bool {
    (0.5..0.95).contains(&x.hypot(y))
}

fn crescent(x: f32, y: f32) -> bool {
    x.hypot(y) < 0.95 && (x - 0.45).hypot(y) > 0.7
}

fn square(x: f32, y: f32) -> bool {
    x.abs().max(y.abs()) < 0.8
}

fn triangle(x: f32, y: f32) -> bool {
    y < 0.7 && y > 2.0 * x.abs() - 0.95
}

fn cross(x: f32, y: f32) -> bool {
    x.abs().min(y.abs()) < 0.28 && x.abs().max(y.abs()) < 0.95
}

/// Five points; the radius of its edge falls linearly from each point to the next notch.
fn star(x: f32, y: f32) -> bool {
    let turns = (x.atan2(-y) / std::f32::consts::TAU * 5.0).rem_euclid(1.0);
    let to_point = (2.0 * turns - 1.0).abs();
    x.hypot(y) < 0.4 + 0.6 * to_point * to_point
}

fn horizontal_stripes(x: f32, y: f32) -> bool {
    square(x, y) && (y * 2.5).rem_euclid(1.0) < 0.5
}

fn vertical_stripes(x: f32, y: f32) -> bool {
    horizontal_stripes(y, x)
}

fn checkerboard(x: f32, y: f32) -> bool {
    let odd = |value: f32| (value * 2.0).rem_euclid(2.0) < 1.0;
    square(x, y) && odd(x) != odd(y)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(set: &ImageSet) -> Vec<usize> {
        (0..SHAPES.len())
            .map(|class| {
                (0..set.len())
                    .filter(|&i| usize::from(set.label(i)) == class)
                    .count()
            })
            .collect()
    }

    /// Mean and standard deviation of each channel of the training images.
    fn moments(data: &Data) -> Vec<(f64, f64)> {
        let mut moments = Vec::new();
        for channel in 0..DATASET.shape.channels {
            let values: Vec<f64> = (0..data.train.len())
                .flat_map(|index| &data.train.image(index)[channel * PLANE..][..PLANE])
                .map(|&byte| f64::from(byte) / 255.0)
                .collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values
                .iter()
                .map(|value| (value - mean).powi(2))
                .sum::<f64>();
            moments.push((mean, (variance / values.len() as f64).sqrt()));
        }
        moments
    }

    #[test]
    fn classes_are_equally_frequent_in_both_splits() {
        let data = generate(0.1, 0.0);
        assert_eq!(counts(&data.train), [500; 10]);
        assert_eq!(counts(&data.test), [100; 10]);
        assert_eq!((data.classes, data.notes.len()), (10, 0));
    }

    #[test]
    fn same_parameters_give_the_same_images_and_others_give_others() {
        assert_eq!(generate(0.1, 0.2).hash, generate(0.1, 0.2).hash);
        assert_ne!(generate(0.1, 0.2).hash, generate(0.2, 0.2).hash);
        assert_ne!(generate(0.1, 0.2).hash, generate(0.1, 0.1).hash);
    }

    #[test]
    fn no_test_image_occurs_in_the_training_images() {
        let data = generate(0.0, 0.0);
        let train: std::collections::HashSet<&[u8]> = (0..data.train.len())
            .map(|index| data.train.image(index))
            .collect();
        assert_eq!(train.len(), data.train.len());
        assert!((0..data.test.len()).all(|index| !train.contains(data.test.image(index))));
    }

    #[test]
    fn noise_has_the_standard_deviation_asked_for() {
        let (clean, noisy) = (generate(0.0, 0.0), generate(0.05, 0.0));
        let mut squares = 0.0;
        let mut pixels = 0.0;
        for index in 0..200 {
            for (&a, &b) in clean
                .train
                .image(index)
                .iter()
                .zip(noisy.train.image(index))
            {
                if (64..192).contains(&a) {
                    squares += ((f64::from(b) - f64::from(a)) / 255.0).powi(2);
                    pixels += 1.0;
                }
            }
        }
        let deviation = f64::sqrt(squares / pixels);
        assert!((deviation - 0.05).abs() < 0.001, "{deviation}");
    }

    #[test]
    fn ambiguous_images_have_either_label() {
        let data = generate(0.1, 1.0);
        let turned = (0..data.train.len())
            .filter(|&index| usize::from(data.train.label(index)) != index % SHAPES.len())
            .count();
        // 2500 ± 5 standard deviations of a binomial count
        assert!((2323..=2677).contains(&turned), "{turned}");
    }

    #[test]
    fn normalization_is_that_of_the_default_images() {
        let moments = moments(&generate(0.1, 0.0));
        for (channel, (mean, deviation)) in moments.into_iter().enumerate() {
            assert!(
                (mean - f64::from(DATASET.normalization.mean[channel])).abs() < 0.001,
                "{mean}"
            );
            assert!(
                (deviation - f64::from(DATASET.normalization.std[channel])).abs() < 0.001,
                "{deviation}"
            );
        }
    }

    #[test]
    fn every_shape_fills_a_fair_part_of_its_square() {
        let grid = || (0..100).map(|step| step as f32 / 50.0 - 0.99);
        for (class, belongs) in SHAPES.iter().enumerate() {
            let inside = grid()
                .flat_map(|y| grid().map(move |x| (x, y)))
                .filter(|&(x, y)| belongs(x, y))
                .count();
            assert!(
                (2000..=7000).contains(&inside),
                "class {class}: {inside} of 10000"
            );
        }
    }

    #[test]
    fn extreme_parameters_give_images_too() {
        for (noise, ambiguous) in [(0.0, 0.0), (0.0, 1.0), (1e300, 0.5)] {
            let images = generate(noise, ambiguous).train.len();
            assert_eq!(images, DATASET.training_images);
        }
    }
}
