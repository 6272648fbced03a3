//! Whether trials may need more memory than a CPU has left. Rust ends a process that gets none, and Linux kills the
//! largest one: such trials had better train in processes of their own.

use std::collections::HashSet;

use super::images::expected_size;
use crate::device::OpenDevice;
use crate::memory::free_bytes;
use crate::settings::TrainSettings;
use crate::train::model_config;

/// Bytes that a training step needs at its peak for each number in the outputs of the convolutions: the maps that the
/// backward pass reads, and their gradients. Measured with `experiment bench --width 8,16 --batch 64,512` on Flex and
/// ndarray.
const BYTES_PER_OUTPUT: u64 = 11;
/// The weight, its gradient, and what an optimizer keeps of it.
const BYTES_PER_WEIGHT: u64 = 16;
/// For each number in the outputs of the convolutions when a batch is evaluated: at most all of them are held at once.
const BYTES_PER_EVALUATED_OUTPUT: u64 = 4;
/// What a process needs besides: stacks of threads, what the allocator keeps, images.
const BYTES_OF_A_PROCESS: u64 = 64 << 20;
/// Networks up to this width are made to see what they need, wider ones are scaled up: the weights of one could be too many
/// already.
const WIDEST_MADE: usize = 64;
/// What is surely enough is this many times as much as a trial is expected to need.
const SURELY_ENOUGH: u64 = 4;

/// Judges whether trials may run out of this computer's memory.
#[derive(Debug, Default)]
pub struct Room {
    /// Networks for which there is surely enough: whatever their losses and seeds, they need the same.
    enough_for: HashSet<Network>,
}

/// What decides how much memory a trial needs.
type Network = (&'static str, &'static str, usize, usize);

impl Room {
    /// Whether a trial may run out of memory. A GPU's driver reports it when it does.
    pub fn may_be_short(&mut self, settings: &TrainSettings, device: &OpenDevice) -> bool {
        let dataset = settings.dataset.name;
        let network = (
            dataset,
            settings.model.name,
            settings.width,
            settings.batch_size,
        );
        let is_cpu = device.instructions.is_some();
        if !is_cpu || self.enough_for.contains(&network) {
            return false;
        }
        let free = free_bytes().unwrap_or(u64::MAX);
        let may_be_short = free / SURELY_ENOUGH < expected_bytes(settings, device);
        if !may_be_short {
            self.enough_for.insert(network);
        }
        may_be_short
    }
}

fn expected_bytes(settings: &TrainSettings, device: &OpenDevice) -> u64 {
    let (classes, shape) = (settings.dataset.classes(), settings.dataset.shape.axes());
    let made = TrainSettings {
        width: settings.width.min(WIDEST_MADE),
        ..settings.clone()
    };
    let wider = (settings.width as u64).div_ceil(made.width as u64);
    let model = model_config(&made, classes, shape).init(0, &device.device);
    let [height, width, channels] = shape;
    let (mut outputs, mut weights) = (0, 0);
    for layer in model.convolutions([1, height, width, channels]) {
        let axes = layer.shape.output().into_iter();
        outputs += wider * axes.map(|length| length as u64).product::<u64>();
        weights += wider * wider * layer.shape.weight_len() as u64;
    }
    let size = expected_size(settings);
    let trained = size.batch_size.min(size.train) * outputs * BYTES_PER_OUTPUT;
    let evaluated = size.evaluation_batch * outputs * BYTES_PER_EVALUATED_OUTPUT;
    trained.max(evaluated) + weights * BYTES_PER_WEIGHT + BYTES_OF_A_PROCESS
}
