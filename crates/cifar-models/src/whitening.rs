//! A first layer that decorrelates the pixels of small patches.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use training_kernels::convolution;

use crate::{Buffer, InitialWeights};

/// Pixels along each side of a patch.
const KERNEL: usize = 2;
/// Added to the variances along the eigenvectors before the square root, as airbench94 does.
const EPSILON: f64 = 5e-4;

/// A 2×2 convolution without padding whose weight is not trained: its outputs on training images are uncorrelated and of
/// equal variance, each with its negative (Page, "How to Train Your ResNet", 2018; Jordan, "94% on CIFAR-10 in 3.29
/// seconds on a single GPU", 2024). The bias is trained.
#[derive(Module, Debug)]
pub struct Whitening {
    /// `[8 channels, channels, 2, 2]`
    weight: Buffer<4>,
    /// `[8 channels]`
    bias: Param<Tensor<1>>,
}

impl Whitening {
    /// A layer for images of `channels` whose weight is drawn as `name.weight`, as that of any convolution, until it is
    /// [computed](Self::of) from images; bias 0.
    pub fn new(name: &str, channels: usize, weights: InitialWeights<'_>) -> Self {
        let patch = channels * KERNEL * KERNEL;
        let shape = [2 * patch, channels, KERNEL, KERNEL];
        let drawn = weights.uniform(&format!("{name}.weight"), shape, patch);
        Self {
            weight: Buffer::new(drawn.val().detach()),
            bias: Param::from_tensor(Tensor::zeros([2 * patch], weights.device())),
        }
    }

    /// The layer with the weight that whitens the 2×2 patches of `images`, `[batch, channels, height, width]`, bitwise
    /// identical on every device: the eigenvectors of their second moments, by descending eigenvalue, each divided by
    /// √(eigenvalue + 5e-4), then the same negated.
    ///
    /// # Panics
    /// When the images are not f32, or have other channels.
    #[must_use]
    pub fn of(self, images: Tensor<4>, device: &Device) -> Self {
        let shape = self.weight.value().dims();
        let [batch, channels, height, width] = images.dims();
        assert!(
            channels == shape[1],
            "expected images of {} channels to whiten, found {:?}",
            shape[1],
            images.dims()
        );
        let pixels: Vec<f32> = images.into_data().try_to_vec().expect("images are f32");
        let moments = second_moments(&pixels, [batch, channels, height, width]);
        let mut weight: Vec<f32> = Vec::new();
        for (value, vector) in eigen(moments) {
            let scale = 1.0 / (value + EPSILON).sqrt();
            weight.extend(vector.iter().map(|component| (component * scale) as f32));
        }
        let negated: Vec<f32> = weight.iter().map(|value| -value).collect();
        weight.extend(negated);
        let weight = Tensor::from_data(TensorData::new(weight, shape), device);
        Self {
            weight: Buffer::new(weight),
            ..self
        }
    }

    /// The convolution that this layer applies to images of shape `input`, `[batch, height, width, channels]`.
    pub fn shape(&self, input: [usize; 4]) -> training_kernels::Convolution {
        training_kernels::Convolution::new(input, self.weight.value().dims(), 1, 0)
    }

    /// `[batch, height, width, channels]` to `[batch, height − 1, width − 1, 8 channels]`, in the precision of `input`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let dtype = input.dtype();
        let weight = self.weight.value().cast(dtype);
        let bias = self.bias.val().cast(dtype).reshape([1, 1, 1, -1]);
        convolution(input, weight, 1, 0) + bias
    }
}

type Matrix = Vec<Vec<f64>>;

/// The mean products of the elements of all patches, in the order of a filter's weights.
fn second_moments(pixels: &[f32], [batch, channels, height, width]: [usize; 4]) -> Matrix {
    let length = channels * KERNEL * KERNEL;
    let mut sums = vec![vec![0.0; length]; length];
    let mut patch = vec![0.0; length];
    for image in pixels.chunks_exact(channels * height * width) {
        for place in 0..(height - 1) * (width - 1) {
            let (y, x) = (place / (width - 1), place % (width - 1));
            for (element, value) in patch.iter_mut().enumerate() {
                let (channel, down, right) = (element / 4, element / 2 % 2, element % 2);
                *value = f64::from(image[(channel * height + y + down) * width + x + right]);
            }
            for (row, first) in sums.iter_mut().zip(&patch) {
                for (sum, second) in row.iter_mut().zip(&patch) {
                    *sum += first * second;
                }
            }
        }
    }
    let patches = (batch * (height - 1) * (width - 1)) as f64;
    for sum in sums.iter_mut().flatten() {
        *sum /= patches;
    }
    sums
}

/// The eigenvalues of a symmetric matrix, in descending order, with eigenvectors of length 1 whose largest component is
/// positive, by Jacobi's method: rotations that each make an element off the diagonal 0.
fn eigen(mut matrix: Matrix) -> Vec<(f64, Vec<f64>)> {
    /// Convergence is quadratic, and five to ten suffice for matrices of this size.
    const SWEEPS: usize = 30;

    let size = matrix.len();
    let identity = |row| (0..size).map(move |column| f64::from(u8::from(row == column)));
    let mut vectors: Matrix = (0..size).map(|row| identity(row).collect()).collect();
    for _ in 0..SWEEPS {
        for p in 0..size {
            for q in p + 1..size {
                rotate(&mut matrix, &mut vectors, [p, q]);
            }
        }
    }
    let mut pairs: Vec<(f64, Vec<f64>)> = (0..size)
        .map(|column| {
            let vector: Vec<f64> = vectors.iter().map(|row| row[column]).collect();
            let by_magnitude = |a: &&f64, b: &&f64| a.abs().total_cmp(&b.abs());
            let largest = vector.iter().max_by(by_magnitude).copied();
            let sign = largest.unwrap_or(1.0).signum();
            let vector = vector.iter().map(|component| sign * component).collect();
            (matrix[column][column], vector)
        })
        .collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    pairs
}

/// One rotation of Jacobi's method in the plane of axes `p` and `q`; its columns are collected in `vectors`.
fn rotate(matrix: &mut Matrix, vectors: &mut Matrix, [p, q]: [usize; 2]) {
    if matrix[p][q] == 0.0 {
        return;
    }
    // The smaller root of t² + 2 θ t − 1 = 0, the tangent of the angle.
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turned = |a: f64, b: f64| (cosine * a - sine * b, sine * a + cosine * b);
    for row in matrix.iter_mut().chain(vectors) {
        (row[p], row[q]) = turned(row[p], row[q]);
    }
    for column in 0..matrix.len() {
        (matrix[p][column], matrix[q][column]) = turned(matrix[p][column], matrix[q][column]);
    }
}

#[cfg(test)]
mod tests {
    use random_streams::Stream;

    use super::*;

    /// Images whose neighbouring pixels and channels are correlated.
    fn images(device: &Device) -> Tensor<4> {
        let mut stream = Stream::new(1, "test", 0);
        let mut last = 0.0;
        let pixels: Vec<f32> = (0..40 * 3 * 9 * 8)
            .map(|_| {
                last = 0.8 * last + stream.normal() as f32;
                last + 0.5
            })
            .collect();
        Tensor::<1>::from_floats(pixels.as_slice(), device).reshape([40, 3, 9, 8])
    }

    fn layer(device: &Device) -> Whitening {
        Whitening::new("whiten", 3, InitialWeights::new(1, device))
    }

    #[test]
    fn outputs_on_the_images_are_uncorrelated_and_of_variance_one_with_their_negatives() {
        let device = Device::flex();
        let images = images(&device);
        let whitening = layer(&device).of(images.clone(), &device);
        let output = whitening.forward(images.permute([0, 2, 3, 1]));
        assert_eq!(output.dims(), [40, 8, 7, 24]);
        let output: Vec<f32> = output.into_data().try_to_vec().unwrap();
        let count = (output.len() / 24) as f64;
        for i in 0..12 {
            for j in 0..12 {
                let product = |row: &[f32]| f64::from(row[i]) * f64::from(row[j]);
                let moment = output.chunks_exact(24).map(product).sum::<f64>() / count;
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((moment - expected).abs() < 1e-2, "{i} {j}: {moment}");
            }
        }
        for row in output.chunks_exact(24) {
            for i in 0..12 {
                assert!((row[i] + row[12 + i]).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn eigenvectors_of_a_known_matrix_are_found_in_descending_order() {
        // 3, 1 with (1, ±1)/√2 in the first two axes, and 2 in the third.
        let matrix = [[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 2.0]];
        let pairs = eigen(matrix.map(|row| row.to_vec()).to_vec());
        let expected = [
            (3.0, [0.5, 0.5, 0.0]),
            (2.0, [0.0, 0.0, 1.0]),
            (1.0, [0.5, 0.5, 0.0]),
        ];
        assert_eq!(pairs.len(), expected.len());
        for ((value, vector), (expected, squares)) in pairs.into_iter().zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{value}");
            for (component, square) in vector.into_iter().zip(squares) {
                assert!(
                    (component * component - square).abs() < 1e-12,
                    "{component}"
                );
            }
        }
    }

    #[test]
    fn the_weight_has_no_gradient_and_the_bias_has_one() {
        let device = Device::flex().autodiff();
        let layer = layer(&device).of(images(&device.clone().without_autodiff()), &device);
        assert_eq!(layer.num_params(), 24);
        let output = layer.forward(Tensor::ones([1, 4, 4, 3], &device));
        let gradients = crate::named_gradients(&layer, &output.sum().backward());
        let names: Vec<String> = gradients.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["bias"]);
    }

    #[test]
    #[should_panic(expected = "expected images of 3 channels to whiten, found [1, 1, 4, 4]")]
    fn images_of_other_channels_are_refused() {
        let device = Device::flex();
        let _ = layer(&device).of(Tensor::zeros([1, 1, 4, 4], &device), &device);
    }
}
