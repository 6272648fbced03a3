//! The unit in which the kernels move numbers: sixteen adjacent channels.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use pulp::Simd;

/// Channels in a [`Lane`]: one register of AVX-512, two of AVX2, four of NEON.
pub const LANES: usize = 16;

/// The values of sixteen adjacent channels at one position.
pub type Lane = [f32; LANES];

/// Number of lanes that hold `channels` values; the last one is padded with zeros.
pub fn blocks(channels: usize) -> usize {
    channels.div_ceil(LANES)
}

/// The first `N` registers of `lane`.
#[inline(always)]
pub fn load<S: Simd, const N: usize>(lane: &Lane) -> [S::f32s; N] {
    let (registers, _) = S::as_simd_f32s(lane);
    *registers.first_chunk().expect("N registers in a lane")
}

/// Writes `registers` to `places`, up to their end.
#[inline(always)]
pub fn store<S: Simd, const N: usize>(simd: S, places: &mut [f32], registers: [S::f32s; N]) {
    if let Some(whole) = places.get_mut(..N * S::F32_LANES) {
        S::as_mut_simd_f32s(whole).0.copy_from_slice(&registers);
        return;
    }
    for (places, register) in places.chunks_mut(S::F32_LANES).zip(registers) {
        store_register(simd, places, register);
    }
}

/// Register `n` of `lane`.
#[inline(always)]
pub fn register<S: Simd>(lane: &Lane, n: usize) -> S::f32s {
    S::as_simd_f32s(lane).0[n]
}

/// Writes register `n` of `lane`.
#[inline(always)]
pub fn set_register<S: Simd>(lane: &mut Lane, n: usize, value: S::f32s) {
    S::as_mut_simd_f32s(lane).0[n] = value;
}

/// The register that starts with the first of `values`, padded with zeros.
#[inline(always)]
pub fn load_register<S: Simd>(simd: S, values: &[f32]) -> S::f32s {
    match values.get(..S::F32_LANES) {
        Some(whole) => S::as_simd_f32s(whole).0[0],
        None => simd.partial_load_f32s(values),
    }
}

/// Writes `register` to `places`, up to their end.
#[inline(always)]
pub fn store_register<S: Simd>(simd: S, places: &mut [f32], register: S::f32s) {
    match places.get_mut(..S::F32_LANES) {
        Some(whole) => S::as_mut_simd_f32s(whole).0[0] = register,
        None => simd.partial_store_f32s(places, register),
    }
}

/// Up to sixteen values, padded with zeros.
#[inline(always)]
pub fn filled(values: &[f32]) -> Lane {
    let mut lane = [0.0; LANES];
    lane[..values.len()].copy_from_slice(values);
    lane
}

/// Copies `rows` of `channels` values `[row][channel]` to `[block][row][16]`.
pub fn to_blocks(values: &[f32], channels: usize, out: &mut [Lane]) {
    let rows = values.len() / channels;
    for (row, values) in values.chunks_exact(channels).enumerate() {
        for (block, values) in values.chunks(LANES).enumerate() {
            out[block * rows + row] = filled(values);
        }
    }
}

thread_local! {
    /// Unused buffers of this thread.
    static FREE: RefCell<Vec<Vec<Lane>>> = const { RefCell::new(Vec::new()) };
}

/// Working memory that returns to its thread's pool when dropped, so that a training step allocates
/// nothing that the previous step already allocated.
pub struct Scratch {
    buffer: Vec<Lane>,
    len: usize,
}

/// Working memory of `len` lanes with unspecified values.
pub fn scratch(len: usize) -> Scratch {
    let mut buffer = FREE.with_borrow_mut(|free| {
        let fits = |buffer: &&Vec<Lane>| buffer.len() >= len;
        let smallest = free.iter().filter(fits).map(Vec::len).min();
        let wanted = smallest.or_else(|| free.iter().map(Vec::len).max());
        let index = free.iter().position(|buffer| Some(buffer.len()) == wanted);
        index.map_or_else(Vec::new, |index| free.swap_remove(index))
    });
    if buffer.len() < len {
        // A new buffer rather than a grown one: the old values need not be copied.
        buffer = vec![[0.0; LANES]; len];
    }
    Scratch { buffer, len }
}

impl Deref for Scratch {
    type Target = [Lane];

    fn deref(&self) -> &[Lane] {
        &self.buffer[..self.len]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [Lane] {
        &mut self.buffer[..self.len]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        // While a thread ends its free list may already be dropped; then the buffer is freed too.
        let _ = FREE.try_with(|free| free.borrow_mut().push(buffer));
    }
}
