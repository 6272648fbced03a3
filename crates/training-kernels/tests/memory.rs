//! Memory over many steps. Alone in its file, since the peak is that of the whole process.

#![cfg(target_os = "linux")]

use burn::tensor::{Device, Tensor};
use training_kernels::{CachingAllocator, Epilogue, batch_norm_train, convolution};

#[global_allocator]
static ALLOCATOR: CachingAllocator = CachingAllocator::new();

/// Forward and backward through a Winograd and a direct convolution, each normalised.
fn step(images: &Tensor<4>, weights: [&Tensor<4>; 2]) {
    let parameter = || Tensor::<1>::ones([64], &images.device()).require_grad();
    let mut maps = images.clone();
    for (weight, stride) in weights.into_iter().zip([1, 2]) {
        maps = convolution(maps, weight.clone(), stride, 1);
        maps = batch_norm_train(maps, parameter(), parameter(), Epilogue::Relu, 1e-5).output;
    }
    drop(maps.sum().backward());
}

fn peak_kibibytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .expect("a number of kB")
}

#[test]
fn later_steps_need_no_more_memory_than_the_first_ones() {
    let device = Device::flex().autodiff();
    let images = Tensor::<4>::ones([32, 32, 32, 64], &device);
    let weights = [(); 2].map(|()| Tensor::<4>::ones([64, 64, 3, 3], &device).require_grad());
    let peak_after = |steps: usize| {
        for _ in 0..steps {
            step(&images, weights.each_ref());
        }
        peak_kibibytes()
    };
    let (first, last) = (peak_after(5), peak_after(30));
    // Which thread works on what differs from step to step, and with it the working memory.
    assert!(
        last < first + first / 20,
        "{first} kB after 5 steps, {last} kB after 35"
    );
}
