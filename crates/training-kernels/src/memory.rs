//! An allocator that caches large blocks for the next step.
//!
//! Every training step allocates the same hundreds of megabytes. The system's allocator
//! maps each large block anew, and the kernel zeroes it page by page: for a tensor of 32 MB that
//! takes longer than computing it.

// An allocator cannot be written without it.
#![allow(unsafe_code)]
#![allow(
    clippy::cast_ptr_alignment,
    reason = "cached blocks start at cache lines"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::{Mutex, PoisonError};

/// Blocks of at least this size are cached; smaller ones are left to the system.
const LARGE: usize = 1 << 15;
/// Sizes of cached blocks between two powers of two: at most an eighth of a block is wasted.
const STEPS: usize = 8;
/// Where a cached block starts: at a cache line, which is also a register of AVX-512.
const ALIGNMENT: usize = 64;
const CLASSES: usize = STEPS * (usize::BITS - LARGE.trailing_zeros()) as usize;

/// The system's allocator, except that blocks of 32 KiB and more are cached when freed, start at a
/// multiple of 64 bytes, and are reused for requests of about their size.
///
/// Cached blocks are kept until [`CachingAllocator::empty_cache`]; call it when other sizes will be
/// requested, such as between two trainings.
///
/// ```
/// use training_kernels::CachingAllocator;
///
/// #[global_allocator]
/// static ALLOCATOR: CachingAllocator = CachingAllocator::new();
/// # fn main() {
/// let zeros = vec![0.0_f32; 1 << 20];
/// assert_eq!(zeros.as_ptr().align_offset(64), 0);
/// drop(zeros);
/// assert!(ALLOCATOR.empty_cache() >= 4 << 20);
/// # }
/// ```
#[derive(Debug)]
pub struct CachingAllocator {
    cache: Mutex<Cache>,
}

/// For each size class the last block that was freed; a cached block begins with the address of
/// the one freed before it.
#[derive(Debug)]
struct Cache([*mut u8; CLASSES]);

// SAFETY: the blocks belong to nobody else, and the mutex around them gives them to one thread.
unsafe impl Send for Cache {}

impl CachingAllocator {
    /// An allocator with an empty cache.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            cache: Mutex::new(Cache([ptr::null_mut(); CLASSES])),
        }
    }

    /// Releases every cached block to the system and returns their total bytes. Blocks in use are unaffected.
    pub fn empty_cache(&self) -> usize {
        let mut bytes = 0;
        for class in 0..CLASSES {
            loop {
                let block = self.take(class);
                if block.is_null() {
                    break;
                }
                let layout = layout_of(class).expect("a cached block has a layout");
                bytes += layout.size();
                // SAFETY: the block was allocated with the layout of its class, and nobody else has it.
                unsafe { System.dealloc(block, layout) };
            }
        }
        bytes
    }

    fn take(&self, class: usize) -> *mut u8 {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let block = cache.0[class];
        if !block.is_null() {
            // SAFETY: a cached block is at least LARGE bytes, aligned, and begins with an address
            // that `put` wrote.
            cache.0[class] = unsafe { block.cast::<*mut u8>().read() };
        }
        block
    }

    fn put(&self, class: usize, block: *mut u8) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the caller of `dealloc` gave up the block, which is at least LARGE bytes, aligned.
        unsafe { block.cast::<*mut u8>().write(cache.0[class]) };
        cache.0[class] = block;
    }
}

impl Default for CachingAllocator {
    fn default() -> Self {
        Self::new()
    }
}

/// The class of a large layout and the layout requested from the system for it; `None` for the others.
fn class(layout: Layout) -> Option<(usize, Layout)> {
    if layout.size() < LARGE || layout.align() > ALIGNMENT {
        return None;
    }
    let power = layout.size().ilog2();
    let step = (1_usize << power) / STEPS;
    let steps = (layout.size() - (1 << power)).div_ceil(step);
    let class = (power - LARGE.ilog2()) as usize * STEPS + steps;
    Some((class, layout_of(class)?))
}

/// The layout requested from the system for the blocks of a class; `None` beyond the address space.
fn layout_of(class: usize) -> Option<Layout> {
    let power = LARGE << (class / STEPS);
    let size = power + class % STEPS * (power / STEPS);
    Layout::from_size_align(size, ALIGNMENT).ok()
}

// SAFETY: every block comes from the system's allocator. A layout falls into the same class and is
// rounded to the same layout at each call, so a block is only given out for layouts that fit it,
// and nobody else holds it between `put` and `take`.
unsafe impl GlobalAlloc for CachingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((class, rounded)) = class(layout) else {
            // SAFETY: the caller's promise, passed on.
            return unsafe { System.alloc(layout) };
        };
        let block = self.take(class);
        if block.is_null() {
            // SAFETY: the rounded layout is not empty.
            unsafe { System.alloc(rounded) }
        } else {
            block
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some((class, rounded)) = class(layout) else {
            // SAFETY: the caller's promise, passed on.
            return unsafe { System.alloc_zeroed(layout) };
        };
        let block = self.take(class);
        if block.is_null() {
            // SAFETY: the rounded layout is not empty.
            unsafe { System.alloc_zeroed(rounded) }
        } else {
            // SAFETY: the block has at least the layout's size.
            unsafe { block.write_bytes(0, layout.size()) };
            block
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises a size and alignment that make a layout.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (class(layout), class(new_layout)) {
            // SAFETY: the caller's promise, passed on.
            (None, None) => unsafe { System.realloc(block, layout, new_size) },
            (Some((old, _)), Some((new, _))) if old == new => block,
            _ => {
                // SAFETY: both blocks have at least the size that is copied, and differ.
                unsafe {
                    let new_block = self.alloc(new_layout);
                    if !new_block.is_null() {
                        new_block.copy_from_nonoverlapping(block, layout.size().min(new_size));
                        self.dealloc(block, layout);
                    }
                    new_block
                }
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match class(layout) {
            Some((class, _)) => self.put(class, block),
            // SAFETY: the caller's promise, passed on.
            None => unsafe { System.dealloc(block, layout) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(size: usize) -> Layout {
        Layout::from_size_align(size, 4).unwrap()
    }

    #[test]
    fn a_class_fits_its_sizes_and_wastes_an_eighth_at_most() {
        for size in (LARGE..8 * LARGE).step_by(997) {
            let (index, rounded) = class(bytes(size)).unwrap();
            assert!(rounded.size() >= size && rounded.size() <= size + size / STEPS);
            assert_eq!(class(bytes(rounded.size())), Some((index, rounded)));
            assert_eq!(layout_of(index), Some(rounded));
        }
        assert_eq!(class(bytes(LARGE - 1)), None);
        assert!(class(bytes(isize::MAX as usize - 64)).is_none_or(|(class, _)| class < CLASSES));
    }

    #[test]
    fn a_freed_block_is_given_out_again_and_cleared_when_asked() {
        let allocator = CachingAllocator::new();
        // SAFETY: the layouts are not empty, and each block is used and freed under its own.
        unsafe {
            let first = allocator.alloc(bytes(LARGE));
            first.write_bytes(7, LARGE);
            let other = allocator.alloc(bytes(LARGE));
            assert_ne!(first, other);
            allocator.dealloc(first, bytes(LARGE));
            let again = allocator.alloc_zeroed(bytes(LARGE));
            assert_eq!(again, first);
            let values = std::slice::from_raw_parts(again, LARGE);
            assert!(values.iter().all(|value| *value == 0));
            allocator.dealloc(other, bytes(LARGE));
            allocator.dealloc(again, bytes(LARGE));
            let last = allocator.alloc(bytes(LARGE));
            assert_eq!(last, again);
            allocator.dealloc(last, bytes(LARGE));
        }
        assert_eq!(allocator.empty_cache(), 2 * LARGE);
    }

    #[test]
    fn an_emptied_cache_has_given_back_every_block_that_is_not_in_use() {
        let sizes = [
            LARGE,
            LARGE,
            LARGE + 1,
            3 * LARGE,
            5 * LARGE + 7,
            64 * LARGE,
        ];
        let rounded = |size| class(bytes(size)).unwrap().1.size();
        let allocator = CachingAllocator::new();
        // SAFETY: the layouts are not empty, and each block is freed under its own.
        unsafe {
            let used = allocator.alloc(bytes(LARGE));
            let blocks = sizes.map(|size| allocator.alloc(bytes(size)));
            assert_eq!(allocator.empty_cache(), 0);
            for (block, size) in blocks.into_iter().zip(sizes) {
                allocator.dealloc(block, bytes(size));
            }
            assert_eq!(
                allocator.empty_cache(),
                sizes.map(rounded).iter().sum::<usize>()
            );
            assert_eq!(allocator.empty_cache(), 0);
            used.write_bytes(7, LARGE);
            allocator.dealloc(used, bytes(LARGE));
        }
        assert_eq!(allocator.empty_cache(), LARGE);
    }

    #[test]
    fn a_block_that_grows_or_shrinks_keeps_its_values() {
        let values: Vec<u8> = (0..100).collect();
        let allocator = CachingAllocator::new();
        // SAFETY: the layouts are not empty; each size replaces the one before it.
        unsafe {
            let mut block = allocator.alloc(bytes(values.len()));
            block.copy_from_nonoverlapping(values.as_ptr(), values.len());
            let mut size = values.len();
            for new_size in [LARGE / 2, LARGE, LARGE + 1, 4 * LARGE, 300] {
                block = allocator.realloc(block, bytes(size), new_size);
                size = new_size;
                assert_eq!(std::slice::from_raw_parts(block, 100), values);
            }
            allocator.dealloc(block, bytes(size));
        }
        assert!(allocator.empty_cache() > 0);
    }

    #[test]
    fn small_blocks_are_the_systems() {
        let allocator = CachingAllocator::new();
        // SAFETY: the layout is not empty, and the block is freed under it.
        unsafe {
            let block = allocator.alloc(bytes(64));
            allocator.dealloc(block, bytes(64));
        }
        assert_eq!(allocator.empty_cache(), 0);
    }
}
