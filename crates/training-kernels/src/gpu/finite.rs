//! The check for non-finite gradients, eight tensors at a time.

use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{empty, one_unit_each};
use crate::extension::FiniteKernel;

impl FiniteKernel for CubeBackend {
    fn mark_not_finite(
        marks: CubeTensor,
        first: CubeTensor,
        second: CubeTensor,
        third: CubeTensor,
        fourth: CubeTensor,
        fifth: CubeTensor,
        sixth: CubeTensor,
        seventh: CubeTensor,
        eighth: CubeTensor,
    ) -> CubeTensor {
        let new_marks = empty(&marks, marks.meta.shape().clone(), marks.dtype);
        let (count, dim) = one_unit_each(&marks);
        let argument = |tensor| into_contiguous(tensor).into_tensor_arg();
        mark_kernel::launch(
            &new_marks.client,
            count,
            dim,
            argument(marks),
            argument(first),
            argument(second),
            argument(third),
            argument(fourth),
            argument(fifth),
            argument(sixth),
            argument(seventh),
            argument(eighth),
            new_marks.clone().into_tensor_arg(),
        );
        new_marks
    }
}

/// One unit per mark; the units share the numbers of each tensor.
#[cube(launch)]
fn mark_kernel(
    marks: &Tensor<f32>,
    first: &Tensor<f32>,
    second: &Tensor<f32>,
    third: &Tensor<f32>,
    fourth: &Tensor<f32>,
    fifth: &Tensor<f32>,
    sixth: &Tensor<f32>,
    seventh: &Tensor<f32>,
    eighth: &Tensor<f32>,
    new_marks: &mut Tensor<f32>,
) {
    let unit = ABSOLUTE_POS;
    let units = new_marks.len();
    if unit >= units {
        terminate!();
    }
    let mut mark = marks[unit];
    mark = marked(mark, first, unit, units);
    mark = marked(mark, second, unit, units);
    mark = marked(mark, third, unit, units);
    mark = marked(mark, fourth, unit, units);
    mark = marked(mark, fifth, unit, units);
    mark = marked(mark, sixth, unit, units);
    mark = marked(mark, seventh, unit, units);
    mark = marked(mark, eighth, unit, units);
    new_marks[unit] = mark;
}

/// 1 if one of a unit's numbers is not finite, tested by its bits: a compiler may assume that there are no such
/// numbers.
#[cube]
fn marked(before: f32, numbers: &Tensor<f32>, unit: usize, units: usize) -> f32 {
    let mut mark = before;
    let mut place = unit;
    while place < numbers.len() {
        let exponent = u32::reinterpret(numbers[place]) & 0x7f80_0000;
        if exponent == 0x7f80_0000 {
            mark = 1.0;
        }
        place += units;
    }
    mark
}
