//! Tests a GPU against the CPU, once per adapter, driver and program, and caches the result.

mod check;
mod child;
mod network;
mod operations;
mod verdict;

use anyhow::Result;
use burn::tensor::{DType, Device};
use cifar_models::{MODELS, WIDTH};
use serde::{Deserialize, Serialize};

pub use self::check::Check;
use self::child::try_in_child;
pub use self::child::{CompareDevices, Outcome, Tried, compare_with_cpu};
pub use self::network::{NetworkReport, Scale};
pub use self::verdict::Verdict;
use crate::settings::PrecisionName;

/// The comparisons in one precision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrecisionComparison {
    pub operations: Vec<Check>,
    pub networks: Vec<NetworkReport>,
}

impl PrecisionComparison {
    /// Whether something was compared, and all of it passes.
    pub fn is_right(&self) -> bool {
        self.checks().next().is_some() && self.checks().all(Check::passes)
    }

    /// The check that comes closest to its tolerance, or exceeds it most.
    pub fn worst(&self) -> Option<&Check> {
        self.checks().max_by(|a, b| a.share().total_cmp(&b.share()))
    }

    /// The same training gives bitwise identical results again.
    pub fn is_deterministic(&self) -> bool {
        !self.networks.is_empty() && self.networks.iter().all(|network| network.deterministic)
    }

    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        let of_networks = self.networks.iter().flat_map(|network| &network.checks);
        self.operations.iter().chain(of_networks)
    }
}

/// The networks to compare: every model in its usual size at the batch of real training, so that the tuning, which
/// takes most of the time, is of use to it; on a software adapter tiny ones.
pub fn scales(software: bool) -> Vec<Scale> {
    let (width, batch) = if software {
        (4, 2)
    } else {
        (WIDTH.default, 128)
    };
    let scales = MODELS.iter().map(|model| Scale {
        model: model.name.to_owned(),
        width: model.parameter(WIDTH.name).map(|_| width),
        batch,
    });
    scales.collect()
}

/// Compares everything on `device` in `precision` with the same on `cpu` in f32; `None` if the device does not
/// compute in it.
///
/// # Errors
/// When a device fails.
pub fn compare(
    precision: PrecisionName,
    scales: &[Scale],
    cpu: &Device,
    device: &Device,
) -> Result<Option<PrecisionComparison>> {
    if precision == PrecisionName::Mixed && !device.supports_dtype(DType::F16) {
        return Ok(None);
    }
    // First the operations, which take little time.
    let operations = match precision {
        PrecisionName::F32 => operations::compare(cpu, device)?,
        PrecisionName::Mixed => half_operations(scales, cpu, device)?,
    };
    let networks = scales
        .iter()
        .map(|scale| network::compare(precision, scale, cpu, device));
    Ok(Some(PrecisionComparison {
        operations,
        networks: networks.collect::<Result<_>>()?,
    }))
}

fn half_operations(scales: &[Scale], cpu: &Device, device: &Device) -> Result<Vec<Check>> {
    let mut operations = operations::compare_half(cpu, device)?;
    for scale in scales {
        operations.extend(operations::compare_convolutions_in_half(
            &scale.model,
            &network::convolutions(scale, cpu),
            cpu,
            device,
        )?);
    }
    Ok(operations)
}

#[cfg(all(test, feature = "flex", feature = "ndarray"))]
mod tests {
    use bonus_loss::LOSSES;
    use cifar_models::{ModelConfig, named_tensors};

    use super::operations::OPERATIONS;
    use super::*;

    /// In f32 and in mixed precision.
    fn compared(cpu: &Device, device: &Device) -> [Option<PrecisionComparison>; 2] {
        [PrecisionName::F32, PrecisionName::Mixed]
            .map(|precision| compare(precision, &scales(true), cpu, device).unwrap())
    }

    #[test]
    fn nothing_compared_is_neither_right_nor_deterministic() {
        let nothing = PrecisionComparison {
            operations: Vec::new(),
            networks: Vec::new(),
        };
        assert!(!nothing.is_right() && !nothing.is_deterministic());
    }

    #[test]
    fn one_cpu_backend_is_right_by_the_other() {
        let ndarray = crate::device::open_cpu(crate::settings::BackendChoice::Ndarray).unwrap();
        let [f32, mixed] = compared(&Device::flex(), &ndarray.device);
        let f32 = f32.expect("every device computes in f32");
        assert!(f32.is_right(), "{:?}", f32.worst());
        assert!(f32.is_deterministic());
        assert_eq!(mixed, None, "NdArray has no f16");
    }

    #[test]
    fn every_operation_loss_and_tensor_of_a_model_is_compared() {
        let cpu = Device::flex();
        let side = compare(PrecisionName::F32, &scales(true), &cpu, &cpu).unwrap();
        let side = side.expect("every device computes in f32");
        let is_compared = |what: &str| side.checks().any(|check| check.what.starts_with(what));
        let operations = OPERATIONS.iter().map(|operation| operation.name);
        // A sum has no mathematics of its own.
        let losses = LOSSES
            .iter()
            .map(|loss| loss.name)
            .filter(|name| *name != "sum");
        for name in operations.chain(losses) {
            assert!(is_compared(&format!("{name}: ")), "{name}");
        }
        for model in MODELS {
            let name = model.name;
            assert!(is_compared(&format!("{name}: logits")), "{name}");
            let mut config = ModelConfig::new(model, 10);
            if model.parameter(WIDTH.name).is_some() {
                config = config.with(WIDTH.name, 1);
            }
            for (tensor, _) in named_tensors(&config.init(0, &cpu)) {
                let trained = format!("{name}: {tensor} after ten steps");
                assert!(is_compared(&trained), "{trained}");
                let gradient = format!("{name}: gradient of {tensor}");
                let is_parameter = !tensor.contains("running_");
                assert_eq!(is_compared(&gradient), is_parameter, "{gradient}");
            }
        }
    }

    #[test]
    fn flex_is_right_but_for_sums_in_f16_which_are_found_out() {
        let flex = Device::flex();
        let [f32, mixed] = compared(&flex, &flex);
        let f32 = f32.expect("every device computes in f32");
        assert!(f32.is_right());
        let mut errors = f32.checks().map(|check| check.error);
        assert!(errors.all(|error| error == Some(0.0)));
        let mixed = mixed.expect("Flex computes in f16");
        // Flex adds up the products of a weight's gradient, 2048 here, in f16.
        let wrong = mixed.checks().filter(|check| !check.passes());
        let wrong: Vec<&str> = wrong.map(|check| check.what.as_str()).collect();
        let first = "resnet18: conv1 of a batch of 2 in f16: gradient of the weight";
        assert!(wrong.contains(&first), "{wrong:?}");
        let of_a_batch =
            |what: &&str| what.ends_with(" of a batch of 2 in f16: gradient of the weight");
        assert!(wrong.iter().all(of_a_batch), "{wrong:?}");
    }
}
