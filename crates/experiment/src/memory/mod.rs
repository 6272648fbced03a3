//! The memory of this process, cached from step to step, and what the system has left.

mod system;

use training_kernels::CachingAllocator;

pub use self::system::{free_bytes, kills_for_memory, peak_bytes};

#[global_allocator]
static ALLOCATOR: CachingAllocator = CachingAllocator::new();

/// Releases cached memory to the system, for a network of another size; returns the number of bytes.
pub fn release() -> usize {
    ALLOCATOR.empty_cache()
}
