//! Convolutions in parts of the batch, as a batch needs whose patches no buffer can hold.

use burn::backend::DispatchDevice;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{Device, TensorData};
use burn_cubecl::CubeBackend;
use burn_cubecl::ops::into_data_sync;
use burn_cubecl::tensor::CubeTensor;

use super::*;

/// Numbers that look random, the same each time.
fn numbers(count: usize) -> Vec<f32> {
    let number = |index: usize| (index as u32).wrapping_mul(2_654_435_761) >> 8;
    (0..count)
        .map(|index| number(index) as f32 / (1 << 23) as f32 - 1.0)
        .collect()
}

fn close(name: &str, found: CubeTensor, expected: &[f32]) {
    let found = into_data_sync(into_contiguous(found))
        .try_to_vec::<f32>()
        .expect("f32");
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = expected.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
    for (found, expected) in found.iter().zip(expected) {
        let error = (found - expected).abs() / largest;
        assert!(error < 1e-5, "{name}: {found} ≠ {expected}");
    }
}

#[test]
fn a_batch_in_parts_has_the_results_of_the_cpu() {
    let Some(device) = gpu_device::software().map(Device::without_autodiff) else {
        return; // No driver.
    };
    let DispatchDevice::Cube(device) = device.as_dispatch().clone() else {
        panic!("expected a device of CubeCL");
    };
    // An odd number of images, of which parts hold one or three; the last part is shorter.
    for (stride, most) in [(1, 1), (2, 1), (1, 3 * 35 * 45 * 4), (2, 3 * 12 * 45 * 4)] {
        let shape = Convolution::new([7, 5, 7, 5], [6, 5, 3, 3], stride, 1);
        assert!(parts_of_batch(&shape, most).count() > 2);
        let [input, weight, gradient] =
            [shape.input_len(), shape.weight_len(), shape.output_len()].map(numbers);
        let tensor = |values: &[f32], dims: [usize; 4]| {
            CubeBackend::float_from_data(TensorData::new(values.to_vec(), dims), &device)
        };
        let on_input = || tensor(&input, shape.input());
        let on_weight = || tensor(&weight, shape.weight());
        let on_output = || tensor(&gradient, shape.output());
        let found = forward(on_input(), on_weight(), &shape, most);
        close("output", found, &shape.forward(&input, &weight));
        let found = input_gradient(on_output(), on_weight(), &shape, most);
        let expected = shape.input_gradient(&gradient, &weight);
        close("input gradient", found, &expected);
        let found = weight_gradient(on_input(), on_output(), &shape, most);
        let expected = shape.weight_gradient(&input, &gradient);
        close("weight gradient", found, &expected);
    }
}

#[test]
fn parts_of_a_batch_are_all_of_it_in_order() {
    let shape = Convolution::new([10, 4, 4, 1], [1, 1, 2, 2], 2, 0);
    let image = 2 * 2 * 4 * 4;
    let parts = |images: usize| parts_of_batch(&shape, images * image).collect::<Vec<_>>();
    assert_eq!(parts(10).as_slice(), std::slice::from_ref(&(0..10)));
    assert_eq!(parts(9), [0..5, 5..10]);
    assert_eq!(parts(4), [0..4, 4..8, 8..10]);
    assert_eq!(parts(0).len(), 10);
}

#[test]
fn a_sum_is_cut_into_equal_parts_where_the_gradient_alone_has_few_tiles() {
    // The stages of ResNet18 at batch 128, and the first convolution.
    assert_eq!(parts_of_sum(131_072, 576, 64), 64);
    assert_eq!(parts_of_sum(32_768, 1152, 128), 16);
    assert_eq!(parts_of_sum(8192, 2304, 256), 8);
    assert_eq!(parts_of_sum(2048, 4608, 512), 2);
    assert_eq!(parts_of_sum(131_072, 27, 64), 128);
    // Odd and prime numbers of pixels, and too few to cut.
    assert_eq!(parts_of_sum(33 * 81, 25, 130), 9);
    assert_eq!(parts_of_sum(1021, 27, 64), 1);
    assert_eq!(parts_of_sum(9, 27, 64), 1);
}
