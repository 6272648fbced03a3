//! Which images a network classified correctly.

/// Whether each image of a set, in file order, was classified correctly: the content of `test_correct.bin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correctness {
    /// One bit per image, the least significant bit of a byte first; the rest of the last byte is 0.
    bits: Vec<u8>,
    images: usize,
}

impl Correctness {
    /// Whether the image with this number, from 0, was classified correctly.
    ///
    /// # Panics
    /// If there are not as many images.
    pub fn is_right(&self, image: usize) -> bool {
        assert!(image < self.images, "image {image} of {}", self.images);
        self.bits[image / 8] >> (image % 8) & 1 == 1
    }

    /// Each image, in file order.
    pub fn iter(&self) -> impl Iterator<Item = bool> {
        (0..self.images).map(|image| self.is_right(image))
    }

    /// Images.
    pub fn len(&self) -> usize {
        self.images
    }

    /// Images classified correctly.
    pub fn count(&self) -> usize {
        let ones = self.bits.iter().map(|byte| byte.count_ones() as usize);
        ones.sum()
    }

    /// One bit per image, the least significant bit of a byte first; the rest of the last byte is 0.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bits
    }

    /// What [`Correctness::as_bytes`] gave of so many `images`, `accuracy` of which were right; says what is wrong with
    /// it otherwise.
    pub fn from_bytes(bits: Vec<u8>, images: usize, accuracy: f64) -> Result<Self, String> {
        let expected = images.div_ceil(8);
        if bits.len() != expected {
            return Err(format!(
                "expected {expected} bytes, a bit for each of {images} images, found {}",
                bits.len()
            ));
        }
        let last = bits.last().copied().unwrap_or(0);
        if !images.is_multiple_of(8) && last >> (images % 8) != 0 {
            return Err(format!("expected zeros after {images} bits, found ones"));
        }
        let correctness = Self { bits, images };
        // The digits of JSON need not read back as the same number.
        let right = accuracy * images as f64;
        if (right - correctness.count() as f64).abs() < 1e-6 {
            return Ok(correctness);
        }
        Err(format!(
            "expected {right} ones, the accuracy times the number of images, found {}",
            correctness.count()
        ))
    }
}

impl FromIterator<bool> for Correctness {
    fn from_iter<I: IntoIterator<Item = bool>>(are_right: I) -> Self {
        let mut bits = Vec::new();
        let mut images = 0;
        for is_right in are_right {
            if images % 8 == 0 {
                bits.push(0);
            }
            bits[images / 8] |= u8::from(is_right) << (images % 8);
            images += 1;
        }
        Self { bits, images }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bits: &str) -> Correctness {
        bits.chars().map(|bit| bit == '1').collect()
    }

    #[test]
    fn the_first_image_is_the_least_significant_bit_of_the_first_byte() {
        let correctness = of("1000001101");
        assert_eq!(correctness.as_bytes(), [0b1100_0001, 0b10]);
        assert_eq!((correctness.len(), correctness.count()), (10, 4));
        assert!(correctness.is_right(9) && !correctness.is_right(8));
    }

    #[test]
    fn written_bits_read_back_whatever_their_number() {
        for images in 1..40 {
            let correctness: Correctness = (0..images).map(|image| image % 3 != 1).collect();
            let accuracy = correctness.count() as f64 / images as f64;
            let bytes = correctness.as_bytes().to_vec();
            let read = Correctness::from_bytes(bytes, images, accuracy);
            assert_eq!(read, Ok(correctness));
        }
    }

    #[test]
    fn other_sizes_other_counts_and_bits_of_no_image_are_refused() {
        let bytes = of("1000001101").as_bytes().to_vec();
        let refusal = |bytes: &[u8], images, accuracy| {
            Correctness::from_bytes(bytes.to_vec(), images, accuracy).unwrap_err()
        };
        assert_eq!(
            refusal(&bytes[..1], 10, 0.4),
            "expected 2 bytes, a bit for each of 10 images, found 1"
        );
        assert_eq!(
            refusal(&bytes, 9, 0.4),
            "expected zeros after 9 bits, found ones"
        );
        assert_eq!(
            refusal(&bytes, 10, 0.5),
            "expected 5 ones, the accuracy times the number of images, found 4"
        );
        assert!(refusal(&bytes, 10, f64::NAN).starts_with("expected NaN ones"));
    }
}
