//! Networks against PyTorch.

mod resnet18;
mod support;
