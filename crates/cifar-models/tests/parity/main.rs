//! Networks against PyTorch.

mod lenet;
mod resnet18;
mod support;
