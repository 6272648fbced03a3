//! A module's tensors under PyTorch's names, such as `layer1.0.conv1.weight`.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};

/// Every parameter and running statistic in the model's order, as 32-bit numbers.
pub fn named_tensors<M: Module>(model: &M) -> Vec<(String, TensorData)> {
    let mut tensors = Tensors(Vec::new());
    model.visit(&mut Walk::new(&mut tensors));
    tensors.0
}

/// The gradient of every parameter in the model's order, each flattened; running statistics have none.
/// Nothing is read back from the device.
pub fn named_gradients<M: Module>(model: &M, gradients: &Gradients) -> Vec<(String, Tensor<1>)> {
    let mut found = GradientsFound {
        gradients,
        found: Vec::new(),
    };
    model.visit(&mut Walk::new(&mut found));
    found.found
}

/// `model` with `change` applied to every parameter and running statistic.
pub fn map_named<M: Module>(model: M, change: &mut impl MapNamed) -> M {
    model.map(&mut Walk::new(change))
}

/// A function from a parameter or running statistic to another one.
pub trait MapNamed {
    /// The replacement for `parameter`, which is called `name`.
    fn map<const D: usize>(&mut self, name: &str, parameter: Param<Tensor<D>>) -> Param<Tensor<D>>;
}

/// A function of a parameter or running statistic.
trait VisitNamed {
    fn visit<const D: usize>(&mut self, name: String, parameter: &Param<Tensor<D>>);
}

struct Tensors(Vec<(String, TensorData)>);

impl VisitNamed for Tensors {
    fn visit<const D: usize>(&mut self, name: String, parameter: &Param<Tensor<D>>) {
        let data = parameter.val().into_data().convert::<f32>();
        self.0.push((name, data));
    }
}

struct GradientsFound<'a> {
    gradients: &'a Gradients,
    found: Vec<(String, Tensor<1>)>,
}

impl VisitNamed for GradientsFound<'_> {
    fn visit<const D: usize>(&mut self, name: String, parameter: &Param<Tensor<D>>) {
        if let Some(gradient) = parameter.val().grad(self.gradients) {
            let elements = gradient.shape().num_elements();
            self.found.push((name, gradient.reshape([elements])));
        }
    }
}

/// A visitor of Burn's modules, which reports the name of one level at a time.
struct Walk<'a, T> {
    path: Vec<String>,
    function: &'a mut T,
}

impl<'a, T> Walk<'a, T> {
    fn new(function: &'a mut T) -> Self {
        let path = Vec::new();
        Self { path, function }
    }

    fn enter(&mut self, name: &str, container: &str) {
        if !is_enum(container) {
            self.path.push(name.to_owned());
        }
    }

    fn exit(&mut self, container: &str) {
        if !is_enum(container) {
            self.path.pop();
        }
    }
}

/// Whether a level is a variant of an enum, such as [`Model`](crate::Model)'s, which is not part of names.
fn is_enum(container: &str) -> bool {
    container.starts_with("Enum:")
}

impl<T: VisitNamed> ModuleVisitor for Walk<'_, T> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        self.function.visit(self.path.join("."), parameter);
    }
}

impl<T: MapNamed> ModuleMapper for Walk<'_, T> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.exit(container);
    }

    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.function.map(&self.path.join("."), parameter)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::ResNet18Config;

    #[test]
    fn names_are_pytorchs() {
        let config = ResNet18Config::new(10).with_width(2);
        let network = config.init(0, &Device::flex());
        let names: Vec<String> = named_tensors(&network)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let mut expected = vec!["conv1.weight".to_owned()];
        let batch_norm = |name: &str| {
            ["weight", "bias", "running_mean", "running_var"].map(|field| format!("{name}.{field}"))
        };
        expected.extend(batch_norm("bn1"));
        for block in 0..8 {
            let name = format!("layer{}.{}", block / 2 + 1, block % 2);
            for layer in ["1", "2"] {
                expected.push(format!("{name}.conv{layer}.weight"));
                expected.extend(batch_norm(&format!("{name}.bn{layer}")));
            }
            if [2, 4, 6].contains(&block) {
                expected.push(format!("{name}.shortcut.0.weight"));
                expected.extend(batch_norm(&format!("{name}.shortcut.1")));
            }
        }
        expected.extend(["linear.weight".to_owned(), "linear.bias".to_owned()]);
        assert_eq!(names, expected);
    }
}
