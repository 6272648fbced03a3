//! Time and disk, from a few steps of each network on this machine.

use std::time::{Duration, Instant};

use anyhow::Result;
use burn::module::Module;
use serde::Serialize;

use crate::bench::{Mode, Setting, images_per_second};
use crate::device::OpenDevice;
use crate::session::expected_size;
use crate::settings::{PrecisionName, TrainSettings};
use crate::study::Study;
use crate::terminal::{Estimate, Work};
use crate::train::model_config;

/// Steps of each network that are timed.
const STEPS: usize = 3;
/// Bytes of a trial besides its weights: a line per step, one per epoch, and the files of fixed size.
const BYTES_PER_STEP: u64 = 120;
const BYTES_PER_EPOCH: u64 = 1500;
const BYTES_PER_TRIAL: u64 = 8000;

/// What the trials without a result cost; with seeds until decided, at most.
#[derive(Debug, Serialize)]
pub struct Cost {
    pub device: String,
    /// Training speed of each network, in the order in which the sweep names them.
    pub images_per_second: Vec<f64>,
    pub time_s_left: f64,
    pub disk_bytes_left: u64,
}

/// What decides the speed of a step, and the parameters.
#[derive(Clone, Copy, PartialEq)]
struct Network {
    dataset: &'static str,
    model: &'static str,
    width: usize,
    batch: usize,
    precision: PrecisionName,
}

/// What is known of a network.
#[derive(Clone, Copy)]
struct Measured {
    steps: Estimate,
    parameters: u64,
}

impl Cost {
    pub(super) fn new(study: &Study, device: &OpenDevice) -> Result<Self> {
        let mut measured: Vec<(Network, Measured)> = Vec::new();
        let mut time = Duration::ZERO;
        let mut bytes = 0;
        let left = study.left().into_iter();
        for (settings, trials) in left.filter(|(_, trials)| *trials > 0) {
            let network = Network::of(&settings);
            let known = measured.iter().find(|(known, _)| *known == network);
            let Measured { steps, parameters } = match known {
                Some((_, known)) => *known,
                None => {
                    let steps = measure(&settings, device)?;
                    let parameters = parameters(&settings, device);
                    let new = Measured { steps, parameters };
                    measured.push((network, new));
                    new
                }
            };
            let work: Work = expected_size(&settings).work();
            let one = steps.time_for(work).unwrap_or_default();
            time += one.mul_f64(trials as f64);
            bytes += trials as u64 * disk_bytes(&settings, parameters);
        }
        let speeds = measured
            .iter()
            .filter_map(|(_, measured)| measured.steps.trained.images_per_second());
        Ok(Self {
            device: device.description(),
            images_per_second: speeds.collect(),
            time_s_left: time.as_secs_f64(),
            disk_bytes_left: bytes,
        })
    }
}

impl Network {
    fn of(settings: &TrainSettings) -> Self {
        Self {
            dataset: settings.dataset.name,
            model: settings.model.name,
            width: settings.width,
            batch: settings.batch_size,
            precision: settings.precision,
        }
    }
}

/// The time of a training and of an evaluation step.
fn measure(settings: &TrainSettings, device: &OpenDevice) -> Result<Estimate> {
    let mut estimate = Estimate::default();
    for mode in [Mode::Training, Mode::Inference] {
        let speed = images_per_second(
            device,
            &Setting {
                backend: device.backend,
                mode,
                precision: device.precision(settings.precision),
                model: settings.model,
                width: Some(settings.width),
                batch: settings.batch_size,
                threads: None,
                instructions: None,
                steps: STEPS,
                process_start: Instant::now(),
            },
        )?;
        let images = settings.batch_size as u64;
        let time = Duration::from_secs_f64(images as f64 / speed);
        match mode {
            Mode::Training => estimate.trained.add(images, time),
            Mode::Inference => estimate.evaluated.add(images, time),
        }
    }
    Ok(estimate)
}

fn parameters(settings: &TrainSettings, device: &OpenDevice) -> u64 {
    let (classes, axes) = (settings.dataset.classes(), settings.dataset.shape.axes());
    let model = model_config(settings, classes, axes).init(0, &device.device);
    model.num_params() as u64
}

/// Of a trial that has ended.
fn disk_bytes(settings: &TrainSettings, parameters: u64) -> u64 {
    let size = expected_size(settings);
    let epochs = size.epochs as u64;
    let steps = epochs * size.train.div_ceil(size.batch_size);
    4 * parameters + steps * BYTES_PER_STEP + epochs * BYTES_PER_EPOCH + BYTES_PER_TRIAL
}
