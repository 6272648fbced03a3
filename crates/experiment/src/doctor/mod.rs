//! Is a GPU right? Holds it against the CPU, once for each adapter, driver and program, and remembers.

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
pub use self::child::{CompareDevices, Outcome, Tried, compare_with_cpu, try_in_child};
pub use self::network::{NetworkReport, Scale};
pub use self::verdict::Verdict;

/// What one way of computing gave beside the CPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub f32: Side,
    /// `None` where the device does not compute in f16.
    pub mixed: Option<Side>,
}

/// The comparisons in one precision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    pub operations: Vec<Check>,
    pub networks: Vec<NetworkReport>,
}

impl Side {
    /// Whether something was compared, and all of it passes.
    pub fn is_right(&self) -> bool {
        self.checks().next().is_some() && self.checks().all(Check::passes)
    }

    /// The check that comes closest to its tolerance, or exceeds it most.
    pub fn worst(&self) -> Option<&Check> {
        self.checks().max_by(|a, b| a.share().total_cmp(&b.share()))
    }

    /// The same training gives the same bits again.
    pub fn is_deterministic(&self) -> bool {
        !self.networks.is_empty() && self.networks.iter().all(|network| network.deterministic)
    }

    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        let of_networks = self.networks.iter().flat_map(|network| &network.checks);
        self.operations.iter().chain(of_networks)
    }
}

/// The networks to compare, of every model: a narrow and the standard one at the batch of real training, so
/// that the tuning is of use to it; on a software adapter a tiny one.
pub fn scales(software: bool) -> Vec<Scale> {
    let (widths, batch) = if software {
        (&[4][..], 2)
    } else {
        (&[16, WIDTH.default][..], 128)
    };
    let scales = MODELS.iter().flat_map(|model| {
        let widths: Vec<Option<usize>> = match model.parameter(WIDTH.name) {
            Some(_) => widths.iter().copied().map(Some).collect(),
            None => vec![None],
        };
        widths.into_iter().map(move |width| Scale {
            model: model.name.to_owned(),
            width,
            batch,
        })
    });
    scales.collect()
}

/// Compares everything on `device` with the same on `cpu`.
///
/// # Errors
/// When a device fails.
pub fn compare(scales: &[Scale], cpu: &Device, device: &Device) -> Result<Comparison> {
    // First the operations, which take little time.
    let operations = operations::compare(cpu, device)?;
    let networks = scales
        .iter()
        .map(|scale| network::compare(scale, cpu, device));
    let f32 = Side {
        operations,
        networks: networks.collect::<Result<_>>()?,
    };
    let mixed = if device.supports_dtype(DType::F16) {
        let mut operations = operations::compare_half(cpu, device)?;
        for scale in scales {
            operations.extend(operations::compare_convolutions_in_half(
                &scale.model,
                &network::convolutions(scale, cpu),
                cpu,
                device,
            )?);
        }
        let networks = scales
            .iter()
            .map(|scale| network::compare_mixed(scale, cpu, device));
        Some(Side {
            operations,
            networks: networks.collect::<Result<_>>()?,
        })
    } else {
        None
    };
    Ok(Comparison { f32, mixed })
}

#[cfg(all(test, feature = "flex", feature = "ndarray"))]
mod tests {
    use super::*;

    #[test]
    fn nothing_compared_is_neither_right_nor_deterministic() {
        let nothing = Side {
            operations: Vec::new(),
            networks: Vec::new(),
        };
        assert!(!nothing.is_right() && !nothing.is_deterministic());
    }

    #[test]
    fn one_cpu_backend_is_right_by_the_other() {
        let ndarray = crate::device::open_cpu(crate::settings::BackendChoice::Ndarray).unwrap();
        let comparison = compare(&scales(true), &Device::flex(), &ndarray.device).unwrap();
        let Comparison { f32, mixed } = comparison;
        assert!(f32.is_right(), "{:?}", f32.worst());
        assert!(f32.is_deterministic());
        // Every operation, every loss, and the network's 62 parameters and 102 tensors.
        assert!(f32.checks().count() > 160, "{}", f32.checks().count());
        assert_eq!(mixed, None, "NdArray has no f16");
    }

    #[test]
    fn flex_is_right_but_for_sums_in_f16_which_are_found_out() {
        let flex = Device::flex();
        let comparison = compare(&scales(true), &flex, &flex).unwrap();
        assert!(comparison.f32.is_right());
        let mut errors = comparison.f32.checks().map(|check| check.error);
        assert!(errors.all(|error| error == Some(0.0)));
        let mixed = comparison.mixed.expect("Flex computes in f16");
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
