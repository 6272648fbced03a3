//! Bytes of an image → input of the network.

use random_streams::Stream;

use crate::datasets::ImageShape;
use crate::settings::AugmentationName;

/// Black pixels added on each side before the random crop, as in pytorch-cifar.
const PADDING: usize = 4;

/// The position of the crop in the padded image, and whether it is mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// From 0 to 8; 4 is the middle.
    pub down: usize,
    /// From 0 to 8; 4 is the middle.
    pub right: usize,
    pub mirrored: bool,
}

impl Placement {
    pub const UNCHANGED: Self = Self {
        down: PADDING,
        right: PADDING,
        mirrored: false,
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
                }
            }
        }
    }

    /// Writes the placed and normalised image to `output`, both `[channels, height, width]` of `shape`. `table`
    /// holds the value of each byte in each channel.
    pub fn write(self, shape: ImageShape, image: &[u8], table: &[[f32; 256]], output: &mut [f32]) {
        let ImageShape { height, width, .. } = shape;
        // Columns of the output that are inside the image; the rest is padding.
        let first = PADDING.saturating_sub(self.right);
        let last = (width + PADDING - self.right).min(width);
        for ((input, plane), values) in image
            .chunks_exact(shape.plane())
            .zip(output.chunks_exact_mut(shape.plane()))
            .zip(table)
        {
            for (y, row) in plane.chunks_exact_mut(width).enumerate() {
                row.fill(values[0]);
                let source = (y + self.down).checked_sub(PADDING);
                if let Some(source) = source.filter(|&y| y < height) {
                    let start = source * width + first + self.right - PADDING;
                    let pixels = &input[start..start + last - first];
                    for (value, &byte) in row[first..last].iter_mut().zip(pixels) {
                        *value = values[usize::from(byte)];
                    }
                }
                if self.mirrored {
                    row.reverse();
                }
            }
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
                    let (padded_y, padded_x) = (y + placement.down, x + placement.right);
                    let inside = |position, size| (PADDING..PADDING + size).contains(&position);
                    let byte = if inside(padded_y, height) && inside(padded_x, width) {
                        let (y, x) = (padded_y - PADDING, padded_x - PADDING);
                        image[channel * shape.plane() + y * width + x]
                    } else {
                        0
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
        for index in 0..9 * 9 * 2 {
            let placement = Placement {
                down: index / 2 % 9,
                right: index / 18,
                mirrored: index % 2 == 1,
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
    fn without_augmentation_no_image_moves() {
        let placement = Placement::draw(AugmentationName::None, 5, 6, 7);
        assert_eq!(placement, Placement::UNCHANGED);
    }
}
