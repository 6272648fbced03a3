//! Convolution against a plain loop in float64 and against Burn's own operation.

use crate::support::{Numbers, devices, software, tensor, values};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};
use comparison::error;
use training_kernels::{Convolution, convolution};

/// Relative error of the direct method and of Winograd's, which 3×3 convolutions of stride 1 with three
/// channels or more take.
const BOUND: f64 = 1e-5;

/// A convolution with its operands.
struct Case {
    shape: Convolution,
    input: Vec<f32>,
    weight: Vec<f32>,
    gradient: Vec<f32>,
}

/// Output, input gradient and weight gradient.
type Results<T> = [Vec<T>; 3];

impl Case {
    fn new(input: [usize; 4], weight: [usize; 4], stride: usize, padding: usize) -> Self {
        let shape = Convolution::new(input, weight, stride, padding);
        let mut numbers = Numbers::new(7);
        Self {
            shape,
            input: numbers.values(shape.input_len()),
            weight: numbers.values(shape.weight_len()),
            gradient: numbers.values(shape.output_len()),
        }
    }

    fn kernels(&self) -> Results<f32> {
        let Self {
            shape,
            input,
            weight,
            gradient,
        } = self;
        [
            shape.forward(input, weight),
            shape.input_gradient(gradient, weight),
            shape.weight_gradient(input, gradient),
        ]
    }

    /// The definition, term by term.
    fn in_double(&self) -> Results<f64> {
        let Convolution {
            batch,
            height,
            width,
            channels_in,
            channels_out,
            kernel,
            stride,
            padding,
        } = self.shape;
        let [out_height, out_width] = self.shape.output_size();
        let mut results =
            [&self.gradient, &self.input, &self.weight].map(|like| vec![0.0; like.len()]);
        let [output, input_gradient, weight_gradient] = &mut results;
        for (n, i, j) in product(batch, out_height, out_width) {
            for (a, b, c) in product(kernel, kernel, channels_in) {
                let (y, x) = (stride * i + a, stride * j + b);
                if y < padding || x < padding || y - padding >= height || x - padding >= width {
                    continue;
                }
                let source = ((n * height + y - padding) * width + x - padding) * channels_in + c;
                for o in 0..channels_out {
                    let factor = ((o * channels_in + c) * kernel + a) * kernel + b;
                    let target = ((n * out_height + i) * out_width + j) * channels_out + o;
                    let [value, weight, gradient] = [
                        self.input[source],
                        self.weight[factor],
                        self.gradient[target],
                    ]
                    .map(f64::from);
                    output[target] += value * weight;
                    input_gradient[source] += gradient * weight;
                    weight_gradient[factor] += gradient * value;
                }
            }
        }
        results
    }

    /// Through Burn's tensors and autodiff, by `operation` on channels-last images.
    fn on(
        &self,
        device: &Device,
        operation: impl FnOnce(Tensor<4>, Tensor<4>) -> Tensor<4>,
    ) -> Results<f32> {
        let input = tensor(&self.input, self.shape.input(), device).require_grad();
        let weight = tensor(&self.weight, self.shape.weight(), device).require_grad();
        let output = operation(input.clone(), weight.clone());
        let loss = output.clone() * tensor(&self.gradient, self.shape.output(), device);
        let gradients = loss.sum().backward();
        [
            values(output),
            values(input.grad(&gradients).expect("the input has a gradient")),
            values(weight.grad(&gradients).expect("the weight has a gradient")),
        ]
    }

    fn burn(&self, device: &Device) -> Results<f32> {
        let Convolution {
            stride, padding, ..
        } = self.shape;
        let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
        self.on(device, |input, weight| {
            conv2d(input.permute([0, 3, 1, 2]), weight, None, options).permute([0, 2, 3, 1])
        })
    }

    fn extension(&self, device: &Device) -> Results<f32> {
        let Convolution {
            stride, padding, ..
        } = self.shape;
        self.on(device, |input, weight| {
            convolution(input, weight, stride, padding)
        })
    }
}

fn product(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a * b * c).map(move |index| (index / (b * c), index / c % b, index % c))
}

/// Shapes at the edges of the methods.
fn edge_cases() -> Vec<Case> {
    vec![
        Case::new([1, 1, 1, 1], [1, 1, 1, 1], 1, 0),
        Case::new([2, 32, 32, 3], [16, 3, 3, 3], 1, 1),
        Case::new([3, 4, 4, 130], [130, 130, 3, 3], 1, 1),
        Case::new([33, 5, 7, 17], [33, 17, 3, 3], 1, 1),
        Case::new([2, 1, 1, 16], [8, 16, 3, 3], 1, 1),
        Case::new([2, 16, 16, 16], [32, 16, 3, 3], 2, 1),
        Case::new([2, 16, 16, 16], [32, 16, 1, 1], 2, 0),
        Case::new([33, 9, 9, 1], [130, 1, 5, 5], 2, 2),
        Case::new([2, 7, 6, 5], [9, 5, 3, 3], 5, 4),
        Case::new([2, 8, 9, 4], [18, 4, 7, 7], 1, 3),
    ]
}

/// Those, then random ones.
fn cases() -> Vec<Case> {
    let mut cases = edge_cases();
    let mut numbers = Numbers::new(1);
    for _ in 0..24 {
        let kernel = [1, 3, 3, 5][numbers.within(0..=3)];
        let [height, width] = [(); 2].map(|()| numbers.within(kernel..=13));
        let [channels_in, channels_out] = [(); 2].map(|()| numbers.within(1..=130));
        cases.push(Case::new(
            [numbers.within(1..=33), height, width, channels_in],
            [channels_out, channels_in, kernel, kernel],
            numbers.within(1..=2),
            numbers.within(0..=kernel / 2),
        ));
    }
    cases
}

const NAMES: [&str; 3] = ["output", "input gradient", "weight gradient"];

#[test]
fn values_and_gradients_are_those_of_the_definition() {
    for case in cases() {
        for ((found, expected), name) in case.kernels().iter().zip(case.in_double()).zip(NAMES) {
            let error = error(found, &expected);
            assert!(
                error < BOUND,
                "{name} of {:?}: relative error {error:.1e}",
                case.shape
            );
        }
    }
}

#[test]
fn values_and_gradients_on_a_gpu_are_those_of_the_definition() {
    let Some(device) = software() else {
        return; // No driver.
    };
    // A driver in software takes most of a minute to tune the products of each shape.
    for case in edge_cases() {
        let results = case.extension(&device).into_iter().zip(case.in_double());
        for ((found, expected), name) in results.zip(NAMES) {
            let error = error(&found, &expected);
            assert!(
                error < BOUND,
                "{name} of {:?}: relative error {error:.1e}",
                case.shape
            );
        }
    }
}

#[test]
fn values_and_gradients_are_those_of_burn_on_every_cpu_device() {
    // Every other case: Burn's own operations are slow.
    for case in cases().iter().step_by(2) {
        for device in devices() {
            let results = case
                .extension(&device)
                .into_iter()
                .zip(case.burn(&device))
                .zip(NAMES);
            for ((found, expected), name) in results {
                let error = error(&found, &expected);
                assert!(
                    error < BOUND,
                    "{name} of {:?}: relative error {error:.1e}",
                    case.shape
                );
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for case in [
        // By Winograd's method and by patches; sums in one part, in several, and shared by the tasks.
        Case::new([9, 8, 8, 24], [40, 24, 3, 3], 1, 1),
        Case::new([33, 16, 16, 24], [40, 24, 3, 3], 1, 1),
        Case::new([9, 8, 8, 130], [130, 130, 3, 3], 1, 1),
        Case::new([9, 9, 8, 24], [40, 24, 3, 3], 2, 1),
        Case::new([9, 8, 8, 130], [260, 130, 3, 3], 2, 1),
    ] {
        let results = [1, 2, 5].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("a pool of threads").install(|| case.kernels())
        });
        assert!(
            results.iter().all(|result| *result == results[0]),
            "{:?}",
            case.shape
        );
    }
}

#[test]
fn nan_and_infinity_reach_the_values_that_they_reach_in_burn() {
    let device = Device::flex().autodiff();
    for stride in [1, 2] {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut case = Case::new([2, 12, 12, 16], [16, 16, 3, 3], stride, 1);
            case.input[(5 * 12 + 5) * 16 + 3] = bad;
            let outputs = [case.extension(&device), case.burn(&device)];
            let [found, expected] = outputs.map(|[output, _, weight_gradient]| {
                let finite =
                    |values: Vec<f32>| values.iter().map(|value| value.is_finite()).collect();
                [output, weight_gradient].map(finite as fn(Vec<f32>) -> Vec<bool>)
            });
            assert_eq!(found, expected, "stride {stride}, {bad}");
        }
    }
}

#[test]
#[should_panic(expected = "not empty, found weight [4, 0, 3, 3] and input [1, 8, 8, 0]")]
fn no_channels_panic_with_both_shapes() {
    Convolution::new([1, 8, 8, 0], [4, 0, 3, 3], 1, 1);
}

#[test]
#[should_panic(expected = "found weight [4, 5, 3, 3] and input [1, 8, 8, 3]")]
fn wrong_channels_panic_with_both_shapes() {
    let device = Device::flex();
    convolution(
        Tensor::zeros([1, 8, 8, 3], &device),
        Tensor::zeros([4, 5, 3, 3], &device),
        1,
        1,
    );
}

#[test]
#[should_panic(expected = "padding 0, weight [4, 3, 5, 5] and input [1, 3, 8, 3]")]
fn a_kernel_larger_than_the_image_panics_with_both_shapes() {
    let device = Device::flex();
    convolution(
        Tensor::zeros([1, 3, 8, 3], &device),
        Tensor::zeros([4, 3, 5, 5], &device),
        1,
        0,
    );
}

#[test]
#[should_panic(expected = "expected 192 values for Convolution")]
fn a_slice_of_the_wrong_length_panics() {
    Convolution::new([1, 8, 8, 3], [4, 3, 3, 3], 1, 1).forward(&[0.0; 7], &[0.0; 108]);
}
