//! Bytes of an image → input of the network.

use random_streams::Stream;

use crate::datasets::ImageShape;
use crate::settings::{AugmentationName, TestTimeAugmentation};

/// Pixels added on each side before the random crop, as in pytorch-cifar.
const PADDING: usize = 4;
/// The most pixels by which airbench94 translates an image.
const TRANSLATION: usize = 2;

/// The position of the crop in the padded image, and whether it is mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// From 0 to 8; 4 is the middle.
    pub down: usize,
    /// From 0 to 8; 4 is the middle.
    pub right: usize,
    pub mirrored: bool,
    pub padding: Padding,
}

/// The pixels outside an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    Black,
    /// Those of the image mirrored at its outermost pixels, which are not repeated.
    Reflected,
}

impl Placement {
    pub const UNCHANGED: Self = Self {
        down: PADDING,
        right: PADDING,
        mirrored: false,
        padding: Padding::Black,
    };

    /// A pure function of its arguments; `record` is the image's number in its split.
    pub fn draw(augmentation: AugmentationName, seed: u64, epoch: usize, record: u32) -> Self {
        match augmentation {
            AugmentationName::None => Self::UNCHANGED,
            AugmentationName::Crop | AugmentationName::CropFlip => {
                let index = (epoch as u64) << 32 | u64::from(record);
                let mut stream = Stream::new(seed, "augment", index);
                let positions = 2 * PADDING as u32 + 1;
                Self {
                    down: stream.below(positions) as usize,
                    right: stream.below(positions) as usize,
                    mirrored: augmentation.flips() && stream.below(2) == 1,
                    padding: Padding::Black,
                }
            }
            AugmentationName::TranslateFlip => {
                let index = (epoch as u64) << 32 | u64::from(record);
                let mut stream = Stream::new(seed, "augment", index);
                let mut offset =
                    || PADDING - TRANSLATION + stream.below(2 * TRANSLATION as u32 + 1) as usize;
                // Two epochs in a row show an image from both sides.
                let first = Stream::new(seed, "mirror", u64::from(record)).below(2) as usize;
                Self {
                    down: offset(),
                    right: offset(),
                    mirrored: (first + epoch) % 2 == 1,
                    padding: Padding::Reflected,
                }
            }
        }
    }

    /// Writes the placed and normalised image to `output`, both `[channels, height, width]` of `shape`. `table`
    /// holds the value of each byte in each channel.
    pub fn write(self, shape: ImageShape, image: &[u8], table: &[[f32; 256]], output: &mut [f32]) {
        let ImageShape { height, width, .. } = shape;
        // Columns of the output that are inside the image; the others are padding.
        let first = PADDING.saturating_sub(self.right);
        let last = (width + PADDING - self.right).min(width);
        for ((input, plane), values) in image
            .chunks_exact(shape.plane())
            .zip(output.chunks_exact_mut(shape.plane()))
            .zip(table)
        {
            for (y, row) in plane.chunks_exact_mut(width).enumerate() {
                row.fill(values[0]);
                if let Some(source) = self.padding.source(y + self.down, height) {
                    let pixels = &input[source * width..][..width];
                    let inside = &pixels[first + self.right - PADDING..][..last - first];
                    for (value, &byte) in row[first..last].iter_mut().zip(inside) {
                        *value = values[usize::from(byte)];
                    }
                    for x in (0..first).chain(last..width) {
                        if let Some(x_in_image) = self.padding.source(x + self.right, width) {
                            row[x] = values[usize::from(pixels[x_in_image])];
                        }
                    }
                }
                if self.mirrored {
                    row.reverse();
                }
            }
        }
    }
}

/// The views of an image over which predictions are averaged, each with its weight: airbench94's.
pub fn views(augmentation: TestTimeAugmentation) -> Vec<(f64, Placement)> {
    let moved = |offset: usize, weight: f64| {
        [false, true].map(|mirrored| {
            let placement = Placement {
                down: PADDING - 1 + offset,
                right: PADDING - 1 + offset,
                mirrored,
                padding: Padding::Reflected,
            };
            (weight, placement)
        })
    };
    match augmentation {
        TestTimeAugmentation::None => vec![(1.0, Placement::UNCHANGED)],
        TestTimeAugmentation::Mirror => moved(1, 0.5).to_vec(),
        TestTimeAugmentation::MirrorTranslate => {
            [moved(1, 0.25), moved(0, 0.125), moved(2, 0.125)].concat()
        }
    }
}

impl Padding {
    /// Where in an image of this `size` the pixel at a position of the padded image comes from; `None` if it is black.
    fn source(self, position: usize, size: usize) -> Option<usize> {
        match position.checked_sub(PADDING) {
            Some(inside) if inside < size => Some(inside),
            _ if self == Self::Black => None,
            None => Some(PADDING - position),
            Some(beyond) => Some(2 * (size - 1) - beyond),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{Dataset, Normalization};

    const COLOUR: ImageShape = ImageShape {
        height: 32,
        width: 32,
        channels: 3,
    };
    const WIDE: ImageShape = ImageShape {
        height: 5,
        width: 11,
        channels: 2,
    };
    const SHIFTED: Normalization = Normalization {
        mean: &[0.25, 0.5],
        std: &[0.5, 2.0],
    };

    fn cifar10() -> Normalization {
        Dataset::find("cifar10").unwrap().normalization
    }

    fn image(shape: ImageShape) -> Vec<u8> {
        let mut stream = Stream::new(1, "test", 0);
        let bytes = 0..shape.bytes();
        bytes.map(|_| stream.below(256) as u8).collect()
    }

    fn write(
        placement: Placement,
        shape: ImageShape,
        image: &[u8],
        normalization: Normalization,
    ) -> Vec<f32> {
        let mut output = vec![f32::NAN; shape.bytes()];
        placement.write(shape, image, &normalization.table(), &mut output);
        output
    }

    /// Pads, crops, mirrors and normalises one pixel after the other.
    fn naive(
        placement: Placement,
        shape: ImageShape,
        image: &[u8],
        normalization: Normalization,
    ) -> Vec<f32> {
        let ImageShape { height, width, .. } = shape;
        let mut output = Vec::new();
        for channel in 0..shape.channels {
            for y in 0..height {
                for x in 0..width {
                    let x = if placement.mirrored { width - 1 - x } else { x };
                    let (y, x) = (y + placement.down, x + placement.right);
                    let [y, x] = [(y, height), (x, width)].map(|(padded, size)| {
                        let (place, last) = (padded as isize - 4, size as isize - 1);
                        let reflected = last - (last - place.abs()).abs();
                        (place == reflected || placement.padding == Padding::Reflected)
                            .then_some(reflected as usize)
                    });
                    let byte = match (y, x) {
                        (Some(y), Some(x)) => image[channel * shape.plane() + y * width + x],
                        _ => 0,
                    };
                    let value = f32::from(byte) / 255.0;
                    output.push((value - normalization.mean[channel]) / normalization.std[channel]);
                }
            }
        }
        output
    }

    #[test]
    fn every_placement_equals_the_naive_one() {
        let images = [(COLOUR, cifar10()), (WIDE, SHIFTED)];
        let images = images.map(|(shape, normalization)| (shape, image(shape), normalization));
        for index in 0..9 * 9 * 4 {
            let placement = Placement {
                down: index / 4 % 9,
                right: index / 36,
                mirrored: index % 2 == 1,
                padding: [Padding::Black, Padding::Reflected][index / 2 % 2],
            };
            for (shape, image, normalization) in &images {
                assert_eq!(
                    write(placement, *shape, image, *normalization),
                    naive(placement, *shape, image, *normalization),
                    "{placement:?} {shape:?}"
                );
            }
        }
    }

    #[test]
    fn known_pixels_have_the_values_of_pytorch_cifar() {
        let plane = COLOUR.plane();
        let mut image = vec![0; COLOUR.bytes()];
        image[0] = 255; // red, first pixel
        image[plane + 1] = 128; // green, second pixel
        let output = write(Placement::UNCHANGED, COLOUR, &image, cifar10());
        // (1 − 0.4914) / 0.2023, (128/255 − 0.4822) / 0.1994, −0.4465 / 0.2010
        let close = |found: f32, expected: f32| (found - expected).abs() < 1e-5;
        assert!(close(output[0], 2.514_088));
        assert!(close(output[plane + 1], 0.099_108));
        assert!(close(output[2 * plane], -2.221_393));
    }

    #[test]
    fn padding_is_black() {
        let white = vec![255; COLOUR.bytes()];
        let placement = Placement {
            down: 0,
            right: 8,
            mirrored: false,
            padding: Padding::Black,
        };
        let output = write(placement, COLOUR, &white, cifar10());
        let table = cifar10().table();
        let (black, white) = (table[0][0], table[0][255]);
        // Four rows above the image; below them four columns right of it.
        assert_eq!(output[..4 * 32], [black; 4 * 32]);
        assert_eq!(output[4 * 32..][..28], [white; 28]);
        assert_eq!(output[4 * 32 + 28..][..4], [black; 4]);
    }

    #[test]
    fn placements_depend_on_seed_epoch_and_image_and_on_nothing_else() {
        let draw = |seed, epoch, record| -> Vec<Placement> {
            (record..record + 50)
                .map(|record| Placement::draw(AugmentationName::CropFlip, seed, epoch, record))
                .collect()
        };
        assert_eq!(draw(1, 2, 3), draw(1, 2, 3));
        assert_ne!(draw(1, 2, 3), draw(2, 2, 3));
        assert_ne!(draw(1, 2, 3), draw(1, 3, 3));
        assert_ne!(draw(1, 2, 3), draw(1, 2, 4));
    }

    #[test]
    fn every_placement_is_drawn_about_equally_often() {
        let mut counts = [0; 9 * 9 * 2];
        for record in 0..16_200 {
            let drawn = Placement::draw(AugmentationName::CropFlip, 0, 0, record);
            counts[(drawn.down * 9 + drawn.right) * 2 + usize::from(drawn.mirrored)] += 1;
        }
        // 100 ± 5 standard deviations of a binomial count
        assert!(
            counts.iter().all(|count| (50..=150).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn cropping_alone_takes_the_places_of_cropping_and_mirroring() {
        for record in 0..100 {
            let [crop, both] = [AugmentationName::Crop, AugmentationName::CropFlip]
                .map(|augmentation| Placement::draw(augmentation, 1, 2, record));
            let mirrored = false;
            assert_eq!(crop, Placement { mirrored, ..both });
        }
    }

    #[test]
    fn a_translated_image_is_mirrored_in_every_other_epoch_and_moves_by_up_to_two_pixels() {
        let draw =
            |epoch, record| Placement::draw(AugmentationName::TranslateFlip, 1, epoch, record);
        let mut places = [0; 25];
        let mut mirrored = 0;
        for record in 0..2_500 {
            let [first, second, third] = [0, 1, 2].map(|epoch| draw(epoch, record));
            assert_ne!(first.mirrored, second.mirrored);
            assert_eq!(first.mirrored, third.mirrored);
            assert_eq!(first.padding, Padding::Reflected);
            places[(first.down - 2) * 5 + first.right - 2] += 1;
            mirrored += usize::from(first.mirrored);
        }
        // 100 ± 5 and 1250 ± 5 standard deviations of binomial counts
        assert!(
            places.iter().all(|count| (51..=149).contains(count)),
            "{places:?}"
        );
        assert!((1125..=1375).contains(&mirrored), "{mirrored}");
    }

    #[test]
    fn the_weights_of_views_add_up_to_one_and_half_of_it_is_mirrored() {
        for name in TestTimeAugmentation::NAMES {
            let views = views(TestTimeAugmentation::from_name(name).unwrap());
            let weight = |mirrored: bool| {
                let views = views.iter().filter(|(_, view)| view.mirrored == mirrored);
                views.map(|(weight, _)| weight).sum::<f64>()
            };
            let mirrored = if *name == "none" { 0.0 } else { 0.5 };
            assert_eq!([weight(false), weight(true)], [1.0 - mirrored, mirrored]);
        }
        let [(_, middle), ..] = views(TestTimeAugmentation::Mirror)[..] else {
            panic!("there are views");
        };
        let image = image(COLOUR);
        let expected = write(Placement::UNCHANGED, COLOUR, &image, cifar10());
        assert_eq!(write(middle, COLOUR, &image, cifar10()), expected);
    }

    #[test]
    fn without_augmentation_no_image_moves() {
        let placement = Placement::draw(AugmentationName::None, 5, 6, 7);
        assert_eq!(placement, Placement::UNCHANGED);
    }
}
