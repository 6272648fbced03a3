//! Max-pooling against Burn's own operation.

use burn::tensor::Tensor;
use burn::tensor::module;
use burn::tensor::ops::MaxPoolOptions;
use training_kernels::max_pool;

use crate::support::{Numbers, devices, tensor, training_devices, values};

fn burns(images: Tensor<4>, size: usize) -> Tensor<4> {
    let options = MaxPoolOptions::new([size, size]);
    module::max_pool2d(images.permute([0, 3, 1, 2]), options).permute([0, 2, 3, 1])
}

#[test]
fn values_and_gradients_are_burns_for_any_shape() {
    for (shape, size) in [
        ([2, 4, 6, 3], 2),
        ([3, 7, 5, 17], 2),
        ([1, 3, 3, 40], 3),
        ([2, 8, 7, 1], 3),
        ([5, 2, 2, 64], 2),
    ] {
        for device in training_devices() {
            let mut numbers = Numbers::new(7);
            let images = numbers.values(shape.iter().product());
            let of = |pool: fn(Tensor<4>, usize) -> Tensor<4>| {
                let images = tensor::<4>(&images, shape, &device).require_grad();
                let pooled = pool(images.clone(), size);
                // Another gradient for each window.
                let gradients = (pooled.clone() * pooled.clone()).sum().backward();
                (
                    pooled.dims(),
                    values(pooled),
                    values(images.grad(&gradients).unwrap()),
                )
            };
            assert_eq!(of(max_pool), of(burns), "{shape:?} {size}");
        }
    }
}

#[test]
fn of_equal_values_the_first_has_the_gradient() {
    for device in training_devices() {
        let images = Tensor::<4>::ones([1, 2, 3, 1], &device).require_grad();
        let gradients = (max_pool(images.clone(), 2) * 5.0).sum().backward();
        let gradient = values(images.grad(&gradients).unwrap());
        assert_eq!(gradient, [5.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }
}

#[test]
fn a_window_with_nan_has_nan_wherever_it_is() {
    for device in devices() {
        for place in 0..4 {
            let mut window = [1.0, -2.0, f32::INFINITY, f32::NEG_INFINITY];
            window[place] = f32::NAN;
            let images = tensor::<4>(&window, [1, 2, 2, 1], &device);
            assert!(values(max_pool(images, 2))[0].is_nan(), "{place}");
        }
    }
}

#[test]
#[should_panic(expected = "expected windows that fit images [1, 2, 5, 1], found 3 × 3")]
fn a_window_larger_than_the_images_is_refused() {
    let device = burn::tensor::Device::flex();
    max_pool(Tensor::zeros([1, 2, 5, 1], &device), 3);
}
