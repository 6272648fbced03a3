//! Networks against PyTorch.

mod airbench94;
mod lenet;
mod resnet18;
mod support;
