//! Batches, prepared on another thread so that the device never waits.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use random_streams::Stream;

use super::augment::Placement;
use super::images::ImageSet;
use crate::datasets::{ImageShape, Normalization};
use crate::settings::AugmentationName;

/// Batches that may be ready before they are asked for.
const AHEAD: usize = 3;

/// Images as the network sees them, and their classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// [batch, channels, height, width], normalised.
    pub images: Vec<f32>,
    /// Of each image.
    pub shape: ImageShape,
    /// \[batch\]
    pub labels: Vec<i32>,
}

/// The batches of one epoch; dropped early, it ends its thread.
pub struct Batches {
    ready: Receiver<Batch>,
    worker: Option<JoinHandle<()>>,
}

/// The training images in random order, changed at random; the last batch may be smaller. The first
/// `seen` batches are left out.
///
/// A pure function of its arguments: order, crops and flips are drawn from (`seed`, `epoch`, image).
///
/// # Panics
/// When `batch_size` is 0.
pub fn training_batches(
    set: &ImageSet,
    normalization: Normalization,
    augmentation: AugmentationName,
    seed: u64,
    epoch: usize,
    batch_size: usize,
    seen: usize,
) -> Batches {
    let mut order: Vec<usize> = (0..set.len()).collect();
    Stream::new(seed, "order", epoch as u64).shuffle(&mut order);
    order.drain(..set.len().min(seen * batch_size));
    let place = move |record| Placement::draw(augmentation, seed, epoch, record);
    prepare(set, normalization, order, place, batch_size)
}

/// The images unchanged in the order of the set; the last batch may be smaller.
///
/// # Panics
/// When `batch_size` is 0.
pub fn evaluation_batches(
    set: &ImageSet,
    normalization: Normalization,
    batch_size: usize,
) -> Batches {
    let order = (0..set.len()).collect();
    prepare(
        set,
        normalization,
        order,
        |_| Placement::UNCHANGED,
        batch_size,
    )
}

fn prepare(
    set: &ImageSet,
    normalization: Normalization,
    order: Vec<usize>,
    place: impl Fn(u32) -> Placement + Send + 'static,
    batch_size: usize,
) -> Batches {
    assert!(batch_size > 0, "a batch holds at least one image");
    let set = set.clone();
    let (sender, ready) = sync_channel(AHEAD);
    let worker = std::thread::spawn(move || {
        let table = normalization.table();
        let shape = set.shape();
        for chosen in order.chunks(batch_size) {
            let mut images = vec![0.0; chosen.len() * shape.bytes()];
            for (&index, output) in chosen.iter().zip(images.chunks_exact_mut(shape.bytes())) {
                place(set.record(index)).write(shape, set.image(index), &table, output);
            }
            let labels = chosen
                .iter()
                .map(|&index| i32::from(set.label(index)))
                .collect();
            let batch = Batch {
                images,
                shape,
                labels,
            };
            if sender.send(batch).is_err() {
                return; // nobody wants the rest
            }
        }
    });
    Batches {
        ready,
        worker: Some(worker),
    }
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let batch = self.ready.recv().ok();
        if batch.is_none()
            && let Some(worker) = self.worker.take()
            && let Err(panic) = worker.join()
        {
            // An epoch that lost its worker must not look like one that ended.
            std::panic::resume_unwind(panic);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::data::images::Images;
    use crate::data::split;

    const SHAPE: ImageShape = ImageShape {
        height: 20,
        width: 24,
        channels: 2,
    };
    /// Leaves bytes as they are.
    const IDENTITY: Normalization = Normalization {
        mean: &[0.0; 2],
        std: &[1.0 / 255.0; 2],
    };

    /// Images that are recognised by their first byte; the label is that byte modulo 10.
    fn set(count: u8) -> ImageSet {
        let pixels = (0..count).flat_map(|index| vec![index; SHAPE.bytes()]);
        let images = Images {
            pixels: pixels.collect(),
            labels: (0..count).map(|index| index % 10).collect(),
        };
        ImageSet::new(SHAPE, images)
    }

    fn training(set: &ImageSet, seed: u64, epoch: usize) -> Vec<Batch> {
        unseen(set, seed, epoch, 0)
    }

    fn unseen(set: &ImageSet, seed: u64, epoch: usize, seen: usize) -> Vec<Batch> {
        let augmentation = AugmentationName::CropFlip;
        training_batches(set, IDENTITY, augmentation, seed, epoch, 8, seen).collect()
    }

    /// The image of each example, read from its middle, which no crop reaches.
    fn order(batches: &[Batch]) -> Vec<usize> {
        let middle = 10 * SHAPE.width + 12;
        batches
            .iter()
            .flat_map(|batch| batch.images.chunks_exact(SHAPE.bytes()))
            .map(|image| image[middle].round() as usize)
            .collect()
    }

    #[test]
    fn an_epoch_holds_every_image_once_with_its_label() {
        let batches = training(&set(50), 1, 0);
        let found = order(&batches);
        let labels: Vec<i32> = batches
            .iter()
            .flat_map(|batch| batch.labels.clone())
            .collect();
        assert!(
            found
                .iter()
                .zip(labels)
                .all(|(index, label)| (index % 10) as i32 == label)
        );
        let mut sorted = found.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
        assert_ne!(sorted, found);
    }

    #[test]
    fn last_batch_holds_the_rest() {
        let sizes = |batch_size| -> Vec<usize> {
            evaluation_batches(&set(50), IDENTITY, batch_size)
                .map(|batch| batch.labels.len())
                .collect()
        };
        assert_eq!(sizes(20), [20, 20, 10]);
        assert_eq!(sizes(25), [25, 25]);
        assert_eq!(sizes(100), [50]);
        assert_eq!(sizes(1), [1; 50]);
    }

    #[test]
    fn evaluation_keeps_the_order_and_the_pixels() {
        let set = set(50);
        let normalization = Normalization {
            mean: &[0.25, 0.5],
            std: &[0.5, 2.0],
        };
        let batches: Vec<Batch> = evaluation_batches(&set, normalization, 16).collect();
        assert!(batches.iter().all(|batch| batch.shape == SHAPE));
        let table = normalization.table();
        let plane = SHAPE.plane();
        let mut index = 0;
        for image in batches
            .iter()
            .flat_map(|batch| batch.images.chunks_exact(SHAPE.bytes()))
        {
            let byte = usize::from(set.image(index)[0]);
            assert_eq!(image[..plane], vec![table[0][byte]; plane]);
            assert_eq!(image[plane..], vec![table[1][byte]; plane]);
            index += 1;
        }
        assert_eq!(index, 50);
    }

    #[test]
    fn same_seed_and_epoch_give_the_same_batches() {
        assert_eq!(training(&set(50), 1, 2), training(&set(50), 1, 2));
    }

    #[test]
    fn without_the_batches_seen_the_others_stay_the_same() {
        let all = training(&set(50), 1, 2);
        for seen in 0..=all.len() {
            assert_eq!(unseen(&set(50), 1, 2, seen), all[seen..]);
        }
    }

    #[test]
    fn order_differs_by_seed_and_by_epoch() {
        let base = order(&training(&set(50), 1, 2));
        assert_ne!(base, order(&training(&set(50), 2, 2)));
        assert_ne!(base, order(&training(&set(50), 1, 3)));
    }

    #[test]
    fn an_image_is_placed_alike_whatever_else_is_trained_on() {
        let by_image = |set: &ImageSet| -> Vec<(usize, Vec<f32>)> {
            let batches = training(set, 1, 0);
            let images = batches
                .iter()
                .flat_map(|batch| batch.images.chunks_exact(SHAPE.bytes()));
            let mut pairs: Vec<_> = order(&batches)
                .into_iter()
                .zip(images.map(<[f32]>::to_vec))
                .collect();
            pairs.sort_by_key(|(index, _)| *index);
            pairs
        };
        let all = by_image(&set(50));
        let (subset, _) = split(&set(50), 10, 12).unwrap();
        for (index, image) in by_image(&subset) {
            assert_eq!(all[index].1, image);
        }
    }

    #[test]
    fn dropped_early_it_ends_its_thread() {
        let placed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&placed);
        let place = move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Placement::UNCHANGED
        };
        let mut batches = prepare(&set(200), IDENTITY, (0..200).collect(), place, 1);
        batches.next().unwrap();
        let worker = batches.worker.take().unwrap();
        drop(batches);
        worker.join().unwrap();
        // one taken, AHEAD in the channel, one that could not be sent
        assert!(placed.load(Ordering::SeqCst) <= 2 + AHEAD);
    }

    #[test]
    fn an_empty_set_has_no_batches() {
        assert_eq!(evaluation_batches(&set(0), IDENTITY, 4).count(), 0);
    }

    #[test]
    #[should_panic(expected = "lost")]
    fn a_panic_of_the_worker_is_not_the_end_of_an_epoch() {
        let place = |record| {
            assert!(record < 5, "lost");
            Placement::UNCHANGED
        };
        prepare(&set(50), IDENTITY, (0..50).collect(), place, 1).for_each(drop);
    }
}
