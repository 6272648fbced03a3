//! The unit in which the kernels move numbers: sixteen neighbouring channels.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use pulp::{Arch, Simd, WithSimd};

/// Channels in a [`Lane`]: one register of AVX-512, two of AVX2, four of NEON.
pub const LANES: usize = 16;

/// The values of sixteen neighbouring channels at one place.
pub type Lane = [f32; LANES];

/// A value on a cache line of its own: a register that is stored across two lines costs twice.
#[repr(align(64))]
pub struct OnCacheLine<T>(pub T);

/// Lanes that hold `channels` values; the last one is filled up with zeros.
pub fn blocks(channels: usize) -> usize {
    channels.div_ceil(LANES)
}

/// Runs `kernel` compiled for the widest vectors of this machine.
pub fn vectorized<K: WithSimd>(kernel: K) -> K::Output {
    #[cfg(test)]
    let kernel = match instructions::run(kernel) {
        Ok(output) => return output,
        Err(kernel) => kernel,
    };
    Arch::new().dispatch(kernel)
}

/// The `N` registers that hold `lane`.
#[inline(always)]
pub fn load<S: Simd, const N: usize>(lane: &Lane) -> [S::f32s; N] {
    let (registers, _) = S::as_simd_f32s(lane);
    *registers.first_chunk().expect("N registers in a lane")
}

/// Writes the `N` registers that make up `lane`.
#[inline(always)]
pub fn store<S: Simd, const N: usize>(lane: &mut Lane, registers: [S::f32s; N]) {
    let (places, _) = S::as_mut_simd_f32s(lane);
    places.copy_from_slice(&registers);
}

/// Up to sixteen values, filled up with zeros.
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
    /// Buffers of this thread that nobody uses now.
    static FREE: RefCell<Vec<Vec<Lane>>> = const { RefCell::new(Vec::new()) };
}

/// Working memory that goes back to its thread when dropped, so that a training step allocates
/// nothing that the step before it already had.
pub struct Scratch {
    buffer: Vec<Lane>,
    len: usize,
}

/// Working memory of `len` lanes whose values are anything.
pub fn scratch(len: usize) -> Scratch {
    let mut buffer = FREE.with_borrow_mut(|free| {
        let fits = |buffer: &&Vec<Lane>| buffer.len() >= len;
        let smallest = free.iter().filter(fits).map(Vec::len).min();
        let wanted = smallest.or_else(|| free.iter().map(Vec::len).max());
        let index = free.iter().position(|buffer| Some(buffer.len()) == wanted);
        index.map_or_else(Vec::new, |index| free.swap_remove(index))
    });
    if buffer.len() < len {
        // A new buffer rather than a grown one: nobody needs the old values copied.
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
        // During the end of a thread its free list may be gone; then the buffer goes too.
        let _ = FREE.try_with(|free| free.borrow_mut().push(buffer));
    }
}

/// Lets the tests of this crate run the kernels for narrower vectors than the machine has.
#[cfg(test)]
pub mod instructions {
    use std::sync::atomic::{AtomicU8, Ordering};

    use pulp::{Scalar, Simd, WithSimd};

    static CHOSEN: AtomicU8 = AtomicU8::new(0);

    /// What `compute` gives with each kind of instructions that this machine has, with its name.
    pub fn each<T>(compute: impl Fn() -> T) -> Vec<(&'static str, T)> {
        let mut kinds = vec![(0, "widest"), (1, "scalar")];
        #[cfg(target_arch = "x86_64")]
        if pulp::x86::V3::try_new().is_some() {
            kinds.push((2, "AVX2"));
        }
        let with = |(number, name)| {
            CHOSEN.store(number, Ordering::SeqCst);
            (name, compute())
        };
        let results = kinds.into_iter().map(with).collect();
        CHOSEN.store(0, Ordering::SeqCst);
        results
    }

    /// The output with the instructions chosen, or the kernel back where none are.
    pub fn run<K: WithSimd>(kernel: K) -> Result<K::Output, K> {
        match CHOSEN.load(Ordering::SeqCst) {
            1 => Ok(Scalar::new().vectorize(kernel)),
            #[cfg(target_arch = "x86_64")]
            2 => match pulp::x86::V3::try_new() {
                Some(simd) => Ok(Simd::vectorize(simd, kernel)),
                None => Err(kernel),
            },
            _ => Err(kernel),
        }
    }
}
