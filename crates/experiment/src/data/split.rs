//! Which training images are trained on and which are held out.

use random_streams::Stream;

use super::error::DataError;
use super::images::ImageSet;

/// Held-out validation images and the images trained on (`subset` of them, all with 0), as
/// `(train, validation)`.
///
/// One order of all images decides both, the same for every trial: the held-out images do not depend
/// on `subset`, and a smaller subset is part of a larger one.
///
/// # Errors
/// When there are too few images, or none are left to train on.
pub fn split(
    train: &ImageSet,
    validation: usize,
    subset: usize,
) -> Result<(ImageSet, ImageSet), DataError> {
    let available = train.len();
    let wanted = validation.saturating_add(subset.max(1));
    if wanted > available {
        return Err(DataError::unexpected(
            "train.subset, train.validation",
            format!("at most {available} training images, at least one of them for training"),
            format!("subset = {subset} and validation = {validation}"),
        ));
    }
    let mut order: Vec<u32> = (0..available as u32).collect();
    Stream::new(0, "split", 0).shuffle(&mut order);
    let (held_out, rest) = order.split_at_mut(validation);
    let chosen = if subset == 0 {
        rest
    } else {
        &mut rest[..subset]
    };
    held_out.sort_unstable();
    chosen.sort_unstable();
    Ok((train.choose(chosen), train.choose(held_out)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::images::Images;
    use crate::datasets::ImageShape;

    fn set(count: usize) -> ImageSet {
        let shape = ImageShape {
            height: 2,
            width: 3,
            channels: 1,
        };
        let images = Images {
            pixels: vec![0; count * shape.bytes()],
            labels: vec![0; count],
        };
        ImageSet::new(shape, images)
    }

    fn records(set: &ImageSet) -> Vec<u32> {
        (0..set.len()).map(|index| set.record(index)).collect()
    }

    #[test]
    fn without_settings_every_image_is_trained_on_in_file_order() {
        let (train, validation) = split(&set(20), 0, 0).unwrap();
        assert_eq!(records(&train), (0..20).collect::<Vec<_>>());
        assert!(validation.is_empty());
    }

    #[test]
    fn held_out_and_trained_on_together_are_every_image_once() {
        let (train, validation) = split(&set(20), 5, 0).unwrap();
        let mut all = [records(&train), records(&validation)].concat();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        assert_eq!(validation.len(), 5);
    }

    #[test]
    fn held_out_images_do_not_depend_on_the_subset_and_subsets_are_nested() {
        let (small, validation) = split(&set(50), 10, 7).unwrap();
        let (large, same_validation) = split(&set(50), 10, 20).unwrap();
        assert_eq!(records(&validation), records(&same_validation));
        assert!(
            records(&small)
                .iter()
                .all(|record| records(&large).contains(record))
        );
        assert_eq!((small.len(), large.len()), (7, 20));
    }

    #[test]
    fn more_images_than_there_are_is_refused_with_both_keys() {
        let error = split(&set(20), 5, 16).unwrap_err().to_string();
        assert_eq!(
            error,
            "train.subset, train.validation: expected at most 20 training images, at least one of them for training, found subset = 16 and validation = 5"
        );
        assert!(split(&set(20), 5, 15).is_ok());
        assert!(split(&set(20), 20, 0).is_err());
        assert!(split(&set(20), usize::MAX, usize::MAX).is_err());
    }
}
