use std::time::Instant;
use training_kernels::Convolution;
#[global_allocator]
static A: training_kernels::KeepingAllocator = training_kernels::KeepingAllocator::new();
fn time(mut f: impl FnMut()) -> f64 {
    for _ in 0..3 { f(); }
    let mut t: Vec<f64> = (0..15).map(|_| { let s = Instant::now(); f(); s.elapsed().as_secs_f64() * 1e3 }).collect();
    t.sort_by(f64::total_cmp);
    t[7]
}
fn main() {
    let filter: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    println!("{:?}", training_kernels::Instructions::chosen());
    let width = filter.first().copied().unwrap_or(16);
    let layers = [(32, 3, width, 3, 1), (32, width, width, 3, 1), (32, width, 2*width, 3, 2), (16, 2*width, 2*width, 3, 1), (32, width, 2*width, 1, 2), (16, 2*width, 4*width, 3, 2), (8, 4*width, 4*width, 3, 1), (8, 4*width, 8*width, 3, 2), (4, 8*width, 8*width, 3, 1)];
    for (side, i, o, k, s) in layers {
        let c = Convolution::new([128, side, side, i], [o, i, k, k], s, k / 2);
        let x: Vec<f32> = (0..c.input_len()).map(|i| (i * 7 % 31) as f32 / 15.0 - 1.0).collect();
        let w: Vec<f32> = (0..c.weight_len()).map(|i| (i * 11 % 31) as f32 / 15.0 - 1.0).collect();
        let g: Vec<f32> = (0..c.output_len()).map(|i| (i * 13 % 31) as f32 / 15.0 - 1.0).collect();
        let f = time(|| { std::hint::black_box(c.forward(&x, &w)); });
        let ig = time(|| { std::hint::black_box(c.input_gradient(&g, &w)); });
        let wg = time(|| { std::hint::black_box(c.weight_gradient(&x, &g)); });
        println!("{k}x{k}/{s} {side} {i}->{o}: forward {f:.2} input {ig:.2} weight {wg:.2} ms");
    }
}
