//! A tensor that is updated during training without a gradient.

use std::fmt;
use std::sync::{Mutex, MutexGuard};

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
    Param, ParamId,
};
use burn::tensor::{Device, Tensor};

/// An exponential moving average of a batch statistic.
///
/// Unlike with Burn's `RunningState`, updates are visible immediately, clones are independent, and the
/// values do not count as parameters. Visitors and mappers see it as a float tensor without
/// gradient, so that records and checkpoints include it.
#[derive(Debug)]
pub struct RunningStatistic {
    id: ParamId,
    value: Mutex<Tensor<1>>,
}

impl RunningStatistic {
    /// A statistic that starts at `value`.
    pub fn new(value: Tensor<1>) -> Self {
        Self::with_id(ParamId::new(), value)
    }

    fn with_id(id: ParamId, value: Tensor<1>) -> Self {
        let value = Mutex::new(value);
        Self { id, value }
    }

    /// The current value.
    pub fn value(&self) -> Tensor<1> {
        self.lock().clone()
    }

    /// value ← (1 − momentum) · value + momentum · observed, as PyTorch defines momentum.
    pub fn update(&self, observed: Tensor<1>, momentum: f64) {
        let mut value = self.lock();
        *value = value.clone() * (1.0 - momentum) + observed.detach() * momentum;
    }

    fn lock(&self) -> MutexGuard<'_, Tensor<1>> {
        self.value.lock().expect("an update does not panic")
    }

    fn map_value(self, change: impl FnOnce(Tensor<1>) -> Tensor<1>) -> Self {
        let value = change(self.value());
        Self::with_id(self.id, value)
    }
}

impl Clone for RunningStatistic {
    fn clone(&self) -> Self {
        Self::with_id(self.id, self.value())
    }
}

impl Module for RunningStatistic {
    fn num_params(&self) -> usize {
        0
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        visitor.visit_float(&Param::initialized(self.id, self.value()));
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        let param = mapper.map_float(Param::initialized(self.id, self.value()));
        // whatever a mapper does to parameters, a statistic has no gradient
        Self::with_id(param.id, param.into_value().set_require_grad(false))
    }

    fn to_device(self, device: &Device) -> Self {
        self.map_value(|value| value.to_device(device))
    }

    fn fork(self, device: &Device) -> Self {
        self.to_device(device)
    }

    fn collect_devices(&self, mut devices: Devices) -> Devices {
        let device = self.lock().device();
        if !devices.contains(&device) {
            devices.push(device);
        }
        devices
    }

    fn materialize(self) -> Self {
        self
    }

    fn valid(&self) -> Self {
        self.clone().map_value(Tensor::without_autodiff)
    }

    fn train(self) -> Self {
        self.map_value(Tensor::from_inner)
    }
}

impl fmt::Display for RunningStatistic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RunningStatistic {:?}", self.lock().dims())
    }
}

impl ModuleDisplayDefault for RunningStatistic {
    fn content(&self, content: Content) -> Option<Content> {
        content.add_formatted(self).optional()
    }
}

impl ModuleDisplay for RunningStatistic {}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistic(device: &Device) -> RunningStatistic {
        RunningStatistic::new(Tensor::from_floats([1.0, 2.0], device))
    }

    fn values(statistic: &RunningStatistic) -> Vec<f32> {
        statistic.value().into_data().try_to_vec().unwrap()
    }

    #[test]
    fn update_is_seen_at_once_and_leaves_clones_alone() {
        let device = Device::flex();
        let first = statistic(&device);
        let clone = first.clone();
        first.update(Tensor::from_floats([3.0, 6.0], &device), 0.25);
        assert_eq!(values(&first), [1.5, 3.0]);
        assert_eq!(values(&clone), [1.0, 2.0]);
    }

    #[test]
    fn evaluation_copy_is_plain_and_training_copy_is_not() {
        let device = Device::flex().autodiff();
        let trained = statistic(&device);
        trained.update(Tensor::from_floats([1.0, 2.0], &device), 0.1);
        let plain = trained.valid();
        assert!(!plain.value().device().is_autodiff());
        assert!(plain.train().value().device().is_autodiff());
    }
}
