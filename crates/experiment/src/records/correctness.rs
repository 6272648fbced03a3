//! Which images a network classified correctly.

/// Whether each image of a set, in file order, was classified correctly: the content of `test_correct.bin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correctness(Vec<bool>);

impl Correctness {
    /// Whether the image with this number, from 0, was classified correctly.
    ///
    /// # Panics
    /// If there are not as many images.
    pub fn is_right(&self, image: usize) -> bool {
        self.0[image]
    }

    /// Each image, in file order.
    pub fn iter(&self) -> impl Iterator<Item = bool> {
        self.0.iter().copied()
    }

    /// Images.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Images classified correctly.
    pub fn count(&self) -> usize {
        self.iter().filter(|is_right| *is_right).count()
    }

    /// One bit per image, the least significant bit of a byte first; the rest of the last byte is 0.
    pub fn to_bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            let bits = bits.iter().enumerate();
            bits.fold(0, |byte, (place, &bit)| byte | u8::from(bit) << place)
        };
        self.0.chunks(8).map(byte).collect()
    }

    /// What [`Correctness::to_bytes`] wrote of so many `images`, `accuracy` of which were right; says what is wrong with
    /// it otherwise.
    pub fn from_bytes(bytes: &[u8], images: usize, accuracy: f64) -> Result<Self, String> {
        let expected = images.div_ceil(8);
        if bytes.len() != expected {
            return Err(format!(
                "expected {expected} bytes, a bit for each of {images} images, found {}",
                bytes.len()
            ));
        }
        let bits = bytes
            .iter()
            .flat_map(|byte| (0..8).map(move |place| byte >> place & 1 == 1));
        let mut bits: Vec<bool> = bits.collect();
        let rest = bits.split_off(images);
        let correctness = Self(bits);
        if rest.contains(&true) {
            return Err(format!("expected zeros after {images} bits, found ones"));
        }
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
    fn from_iter<I: IntoIterator<Item = bool>>(images: I) -> Self {
        Self(images.into_iter().collect())
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
        assert_eq!(correctness.to_bytes(), [0b1100_0001, 0b10]);
        assert_eq!((correctness.len(), correctness.count()), (10, 4));
        assert!(correctness.is_right(9) && !correctness.is_right(8));
    }

    #[test]
    fn written_bits_read_back_whatever_their_number() {
        for images in 1..40 {
            let correctness: Correctness = (0..images).map(|image| image % 3 != 1).collect();
            let accuracy = correctness.count() as f64 / images as f64;
            let bytes = correctness.to_bytes();
            assert_eq!(
                Correctness::from_bytes(&bytes, images, accuracy),
                Ok(correctness)
            );
        }
    }

    #[test]
    fn other_sizes_other_counts_and_bits_of_no_image_are_refused() {
        let bytes = of("1000001101").to_bytes();
        let refusal = |bytes: &[u8], images, accuracy| {
            Correctness::from_bytes(bytes, images, accuracy).unwrap_err()
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
