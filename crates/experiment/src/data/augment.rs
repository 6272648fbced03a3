//! Bytes of an image → what the network sees.

use random_streams::Stream;

use super::images::{CHANNELS, PLANE, SIDE};
use crate::settings::AugmentationName;

/// Black pixels added on each side before the random crop, as in pytorch-cifar.
const PADDING: usize = 4;

/// Mean and standard deviation of each channel, in units of the pixel range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    pub mean: [f32; CHANNELS],
    pub std: [f32; CHANNELS],
}

/// Where an image is cut out of its padded self, and whether it is mirrored afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// From 0 to 8; 4 is the middle.
    pub down: usize,
    /// From 0 to 8; 4 is the middle.
    pub right: usize,
    pub mirrored: bool,
}

impl Normalization {
    /// pytorch-cifar's; the deviations are means over the images of each image's own, which is why
    /// they are smaller than those over all pixels (0.2470, 0.2435, 0.2616).
    pub const CIFAR10: Self = Self {
        mean: [0.4914, 0.4822, 0.4465],
        std: [0.2023, 0.1994, 0.2010],
    };
    /// Over all pixels of the training images.
    pub const CIFAR100: Self = Self {
        mean: [0.5071, 0.4867, 0.4408],
        std: [0.2675, 0.2565, 0.2761],
    };

    /// Over all pixels of the training images at the default noise.
    pub const SHAPES: Self = Self {
        mean: [0.3158, 0.3176, 0.3142],
        std: [0.2104, 0.2115, 0.2094],
    };

    /// (byte / 255 − mean) / std for each channel and byte.
    pub fn table(&self) -> Box<[[f32; 256]; CHANNELS]> {
        let mut table = Box::new([[0.0; 256]; CHANNELS]);
        for (channel, values) in table.iter_mut().enumerate() {
            for (byte, value) in values.iter_mut().enumerate() {
                *value = (byte as f32 / 255.0 - self.mean[channel]) / self.std[channel];
            }
        }
        table
    }
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
            AugmentationName::CropFlip => {
                let index = (epoch as u64) << 32 | u64::from(record);
                let mut stream = Stream::new(seed, "augment", index);
                let positions = 2 * PADDING as u32 + 1;
                Self {
                    down: stream.below(positions) as usize,
                    right: stream.below(positions) as usize,
                    mirrored: stream.below(2) == 1,
                }
            }
        }
    }

    /// Writes the placed and normalised image to `output`, both [3, 32, 32].
    pub fn write(self, image: &[u8], table: &[[f32; 256]; CHANNELS], output: &mut [f32]) {
        // Columns of the output that lie inside the image; the rest is padding.
        let first = PADDING.saturating_sub(self.right);
        let last = (SIDE + PADDING - self.right).min(SIDE);
        for ((input, plane), values) in image
            .chunks_exact(PLANE)
            .zip(output.chunks_exact_mut(PLANE))
            .zip(table)
        {
            for (y, row) in plane.chunks_exact_mut(SIDE).enumerate() {
                row.fill(values[0]);
                if let Some(source) = (y + self.down).checked_sub(PADDING).filter(|&y| y < SIDE) {
                    let start = source * SIDE + first + self.right - PADDING;
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
    use crate::data::images::IMAGE_BYTES;

    fn image() -> Vec<u8> {
        let mut stream = Stream::new(1, "test", 0);
        (0..IMAGE_BYTES).map(|_| stream.below(256) as u8).collect()
    }

    fn write(placement: Placement, image: &[u8], normalization: Normalization) -> Vec<f32> {
        let mut output = vec![f32::NAN; IMAGE_BYTES];
        placement.write(image, &normalization.table(), &mut output);
        output
    }

    /// Pads, crops, mirrors and normalises one pixel after the other.
    fn naive(placement: Placement, image: &[u8], normalization: Normalization) -> Vec<f32> {
        let mut output = Vec::new();
        for channel in 0..CHANNELS {
            for y in 0..SIDE {
                for x in 0..SIDE {
                    let x = if placement.mirrored { SIDE - 1 - x } else { x };
                    let (padded_y, padded_x) = (y + placement.down, x + placement.right);
                    let inside = |position| (PADDING..PADDING + SIDE).contains(&position);
                    let byte = if inside(padded_y) && inside(padded_x) {
                        image[channel * PLANE + (padded_y - PADDING) * SIDE + padded_x - PADDING]
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
        let image = image();
        for down in 0..=2 * PADDING {
            for right in 0..=2 * PADDING {
                for mirrored in [false, true] {
                    let placement = Placement {
                        down,
                        right,
                        mirrored,
                    };
                    assert_eq!(
                        write(placement, &image, Normalization::CIFAR10),
                        naive(placement, &image, Normalization::CIFAR10),
                        "{placement:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn known_pixels_have_the_values_of_pytorch_cifar() {
        let mut image = vec![0; IMAGE_BYTES];
        image[0] = 255; // red, first pixel
        image[PLANE + 1] = 128; // green, second pixel
        let output = write(Placement::UNCHANGED, &image, Normalization::CIFAR10);
        // (1 − 0.4914) / 0.2023, (128/255 − 0.4822) / 0.1994, −0.4465 / 0.2010
        let close = |found: f32, expected: f32| (found - expected).abs() < 1e-5;
        assert!(close(output[0], 2.514_088));
        assert!(close(output[PLANE + 1], 0.099_108));
        assert!(close(output[2 * PLANE], -2.221_393));
    }

    #[test]
    fn padding_is_black() {
        let white = vec![255; IMAGE_BYTES];
        let placement = Placement {
            down: 0,
            right: 8,
            mirrored: false,
        };
        let output = write(placement, &white, Normalization::CIFAR10);
        let table = Normalization::CIFAR10.table();
        let (black, white) = (table[0][0], table[0][255]);
        // Four rows above the image; below them four columns right of it.
        assert_eq!(output[..4 * SIDE], [black; 4 * SIDE]);
        assert_eq!(output[4 * SIDE..][..28], [white; 28]);
        assert_eq!(output[4 * SIDE + 28..][..4], [black; 4]);
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
    fn without_augmentation_no_image_moves() {
        let placement = Placement::draw(AugmentationName::None, 5, 6, 7);
        assert_eq!(placement, Placement::UNCHANGED);
    }
}
