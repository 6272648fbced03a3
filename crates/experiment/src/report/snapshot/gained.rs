//! The test images that one of two losses classifies correctly more often than the other.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

/// Pictures in a page: with more of them it would not stay below 200 kB.
const PICTURES: usize = 12;

/// Images gained, and as many lost, that a page shows for the claim at `place` of so many.
pub fn shown_for(place: usize, claims: usize) -> usize {
    let each = (PICTURES / (2 * claims)).max(1);
    if 2 * each * (place + 1) <= PICTURES {
        each
    } else {
        0
    }
}

/// The test images most gained and most lost by the first of two losses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GainedImages {
    /// The start of the data's SHA-256, which the names of pictures begin with.
    pub data: String,
    /// Of each loss.
    pub networks: [u32; 2],
    /// Those that the networks of the first loss classify correctly most often compared with the second's.
    pub gained: Vec<GainedImage>,
    /// And the other way round.
    pub lost: Vec<GainedImage>,
}

/// An image of the test set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GainedImage {
    /// Its number in the test set, from 0.
    pub image: u32,
    /// How many networks of each loss classify it correctly.
    pub right: [u32; 2],
}

impl GainedImages {
    /// At most `shown` images gained and as many lost. For each loss, `losses` has how many of its networks classify
    /// each image correctly, and the number of its networks; `data` is the SHA-256 of the data.
    pub fn of(losses: [(&[u32], usize); 2], data: &str, shown: usize) -> Self {
        let right = losses.map(|(right, _)| right);
        let networks = losses.map(|(_, networks)| networks as u32);
        let mut images: Vec<GainedImage> = right[0]
            .iter()
            .zip(right[1])
            .zip(0..)
            .map(|((&a, &b), image)| GainedImage {
                image,
                right: [a, b],
            })
            .collect();
        // The difference of the shares times both numbers of networks.
        let [of_a, of_b] = networks.map(i64::from);
        let gain = |it: &GainedImage| i64::from(it.right[0]) * of_b - i64::from(it.right[1]) * of_a;
        let mut most = |sign: i64| -> Vec<GainedImage> {
            images.sort_by_key(|it| (Reverse(sign * gain(it)), it.image));
            let differing = images.iter().filter(|it| sign * gain(it) > 0);
            differing.take(shown).copied().collect()
        };
        Self {
            data: data.chars().take(12).collect(),
            networks,
            gained: most(1),
            lost: most(-1),
        }
    }

    /// All of them, gained ones first.
    pub fn images(&self) -> impl Iterator<Item = &GainedImage> {
        self.gained.iter().chain(&self.lost)
    }

    /// Under which the copy of an image is kept.
    pub fn name(&self, image: &GainedImage) -> String {
        format!("{}-{}", self.data, image.image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(images: &[GainedImage]) -> Vec<u32> {
        images.iter().map(|it| it.image).collect()
    }

    #[test]
    fn the_greatest_differences_of_shares_come_first_and_images_without_one_never() {
        // Of four networks against two.
        let (a, b) = ([4, 1, 2, 0, 4, 3], [0, 2, 1, 2, 1, 0]);
        let found = GainedImages::of([(&a, 4), (&b, 2)], "0123456789abcdef", 6);
        assert_eq!(places(&found.gained), [0, 5, 4]);
        assert_eq!(places(&found.lost), [3, 1]);
        assert_eq!(found.lost[0].right, [0, 2]);
        assert_eq!(found.name(&found.lost[0]), "0123456789ab-3");
        assert_eq!(
            places(&found.images().copied().collect::<Vec<_>>()),
            [0, 5, 4, 3, 1]
        );
    }

    #[test]
    fn ties_go_by_number_and_no_more_images_are_kept_than_are_shown() {
        let (a, b) = (vec![1; 40], vec![0; 40]);
        let found = GainedImages::of([(&a, 1), (&b, 1)], "", 3);
        assert_eq!(places(&found.gained), [0, 1, 2]);
        assert_eq!(found.lost, []);
    }

    #[test]
    fn claims_share_the_pictures_of_a_page() {
        for (claims, expected) in [
            (1, 12),
            (2, 12),
            (3, 12),
            (4, 8),
            (6, 12),
            (7, 12),
            (50, 12),
        ] {
            let shown = (0..claims).map(|place| 2 * shown_for(place, claims));
            assert_eq!(shown.sum::<usize>(), expected, "{claims} claims");
        }
        assert_eq!([0, 1].map(|place| shown_for(place, 2)), [3, 3]);
    }
}
