//! The memory of this process, cached from step to step.

use training_kernels::CachingAllocator;

#[global_allocator]
static ALLOCATOR: CachingAllocator = CachingAllocator::new();

/// Releases cached memory to the system, for a network of another size; returns the number of bytes.
pub fn release() -> usize {
    ALLOCATOR.empty_cache()
}
