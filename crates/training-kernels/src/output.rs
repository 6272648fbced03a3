//! Results that are zeroed by the tasks which compute them.

#![allow(
    unsafe_code,
    reason = "memory is not cleared by one thread before all may write it"
)]

use std::mem::MaybeUninit;

use rayon::prelude::*;

/// `N` results of `len` values: `compute` receives the index of each chunk and that chunk of every
/// result, filled with zeros.
///
/// Zeroing a large result takes one thread as long as several need to compute it; here each task
/// zeroes its own chunk, which is then in its cache.
pub fn computed<const N: usize>(
    len: usize,
    chunk: usize,
    compute: impl Fn(usize, [&mut [f32]; N]) + Sync,
) -> [Vec<f32>; N] {
    let mut results = [(); N].map(|()| Vec::with_capacity(len));
    let mut rests = (results.each_mut()).map(|result| &mut result.spare_capacity_mut()[..len]);
    let chunks: Vec<[&mut [MaybeUninit<f32>]; N]> = (0..len.div_ceil(chunk))
        .map(|_| {
            rests.each_mut().map(|rest| {
                let end = chunk.min(rest.len());
                rest.split_off_mut(..end).expect("a chunk that is left")
            })
        })
        .collect();
    chunks
        .into_par_iter()
        .enumerate()
        .for_each(|(index, chunks)| {
            let chunks = chunks.map(|chunk| {
                for place in &mut *chunk {
                    place.write(0.0);
                }
                // SAFETY: all of it has just been written.
                unsafe { chunk.assume_init_mut() }
            });
            compute(index, chunks);
        });
    for result in &mut results {
        // SAFETY: the chunks were the first `len` places, and each has been written.
        unsafe { result.set_len(len) };
    }
    results
}

#[cfg(test)]
mod tests {
    use super::computed;

    #[test]
    fn chunks_are_numbered_cover_the_results_and_start_as_zeros() {
        let [first, second] = computed(10, 4, |index, [first, second]| {
            assert!(first.iter().chain(&*second).all(|value| *value == 0.0));
            first.fill(index as f32);
            second[0] = 7.0;
        });
        assert_eq!(first, [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0]);
        assert_eq!(second, [7.0, 0.0, 0.0, 0.0, 7.0, 0.0, 0.0, 0.0, 7.0, 0.0]);
        let [nothing] = computed(0, 4, |_, _| unreachable!("there is no chunk"));
        assert!(nothing.is_empty());
    }
}
