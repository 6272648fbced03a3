//! The sums over rows that form the gradient of a weight, divided among tasks.
//!
//! Rows are written as two operands, some [`ROWS`] at a time, and each place of the result accumulates a product
//! of both. The division among tasks depends only on shapes, never on the number of
//! threads, since it determines the order of the sums.

use std::ops::Range;

use rayon::prelude::*;

use super::ROWS;
use crate::lanes::{LANES, Lane, Scratch, scratch};

/// Maximum lanes of private sums of a task: at most a megabyte, which stays in a core's cache.
const OWN_SUMS: usize = 1 << 14;
/// Number of tasks with private sums: enough for the cores of a workstation.
const TASKS: usize = 16;

/// The sums over `total` rows.
pub struct RowSums<Write, Add> {
    pub total: usize,
    /// Rows whose operands are held at a time if the tasks share the sums.
    pub chunk: usize,
    /// Lanes of the operands of [`ROWS`] rows.
    pub operands: [usize; 2],
    /// Places of the result, and the lanes of each.
    pub places: usize,
    pub place: usize,
    /// Writes the operands of the rows in a range.
    pub write: Write,
    /// Adds the contribution of so many rows with these operands to the sums of a place.
    pub add: Add,
}

impl<Write, Add> RowSums<Write, Add>
where
    Write: Fn(Range<usize>, [&mut [Lane]; 2]) + Sync,
    Add: Fn(usize, usize, [&[Lane]; 2], &mut [Lane]) + Sync,
{
    /// The sums, `[places][place]`.
    pub fn compute(&self) -> Scratch {
        if self.places * self.place <= OWN_SUMS {
            self.by_rows()
        } else {
            self.by_places()
        }
    }

    /// Each task sums some of the rows: no task waits for data of another, and nothing leaves
    /// its core's cache except the sums.
    fn by_rows(&self) -> Scratch {
        let len = self.places * self.place;
        let task = self.total.div_ceil(TASKS).next_multiple_of(ROWS);
        let mut parts = scratch(self.total.div_ceil(task) * len);
        parts
            .par_chunks_mut(len)
            .enumerate()
            .for_each(|(index, sums)| {
                sums.fill([0.0; LANES]);
                let [mut left, mut right] = self.operands.map(scratch);
                let end = self.total.min((index + 1) * task);
                for first in (index * task..end).step_by(ROWS) {
                    let range = first..end.min(first + ROWS);
                    let rows = range.len();
                    (self.write)(range, [&mut left, &mut right]);
                    for (place, sums) in sums.chunks_mut(self.place).enumerate() {
                        (self.add)(place, rows, [&left, &right], sums);
                    }
                }
            });
        let mut sums = scratch(len);
        let places = sums.par_chunks_mut(self.place).enumerate();
        places.for_each(|(place, sums)| {
            sums.fill([0.0; LANES]);
            for part in parts.chunks(len) {
                let part = part[place * self.place..][..self.place].as_flattened();
                for (sum, value) in sums.as_flattened_mut().iter_mut().zip(part) {
                    *sum += value;
                }
            }
        });
        sums
    }

    /// Each task computes the sums of some of the places, so that all sums are stored only once.
    fn by_places(&self) -> Scratch {
        let mut sums = scratch(self.places * self.place);
        for first in (0..self.total).step_by(self.chunk) {
            let end = self.total.min(first + self.chunk);
            let parts = (end - first).div_ceil(ROWS);
            let [mut left, mut right] = self.operands.map(|lanes| scratch(parts * lanes));
            let range = |part: usize| first + part * ROWS..end.min(first + (part + 1) * ROWS);
            left.par_chunks_mut(self.operands[0])
                .zip(right.par_chunks_mut(self.operands[1]))
                .enumerate()
                .for_each(|(part, operands)| (self.write)(range(part), operands.into()));
            let places = sums.par_chunks_mut(self.place).enumerate();
            places.for_each(|(place, sums)| {
                if first == 0 {
                    sums.fill([0.0; LANES]);
                }
                let operands = (left.chunks(self.operands[0])).zip(right.chunks(self.operands[1]));
                for (part, operands) in operands.enumerate() {
                    (self.add)(place, range(part).len(), operands.into(), sums);
                }
            });
        }
        sums
    }
}
