//! The graphics adapters of this machine, listed without running anything on them.

use burn::tensor::DeviceKind;
use burn::tensor::wgpu::{WgpuBackend, wgpu};
use cubecl::wgpu::AutoGraphicsApi;
use serde::{Deserialize, Serialize};

/// A GPU, or a software implementation of one.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// How Burn addresses it among those of its graphics API.
    pub(crate) kind: DeviceKind,
    pub(crate) api: wgpu::Backend,
    /// The names that it and its driver report.
    pub identity: AdapterIdentity,
    pub(crate) handle: wgpu::Adapter,
}

/// The names that an adapter and its driver report; equal identities compute identically.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterIdentity {
    /// The adapter, such as `NVIDIA H200`.
    pub name: String,
    /// The driver with its version, such as `NVIDIA 570.86.15`.
    pub driver: String,
    /// `vulkan`, `dx12` or `metal`.
    pub api: String,
    /// Computes on the CPU: Mesa's lavapipe, SwiftShader, WARP.
    pub software: bool,
}

impl Adapter {
    /// The adapter to compute on: the first discrete GPU, else another GPU, else a software adapter.
    pub fn best() -> Option<Self> {
        let adapters = Self::all();
        let rank = |adapter: &Self| match adapter.kind {
            DeviceKind::DiscreteGpu(_) => 0,
            DeviceKind::IntegratedGpu(_) => 1,
            DeviceKind::VirtualGpu(_) => 2,
            _ => 3,
        };
        adapters.into_iter().min_by_key(rank)
    }

    /// A Vulkan driver that computes on the CPU, if there is one.
    pub fn software() -> Option<Self> {
        let mut adapters = of_api(wgpu::Backend::Vulkan).into_iter();
        adapters.find(|adapter| adapter.identity.software)
    }

    /// The adapters of the first graphics API that has a GPU, or failing that, of the first that has
    /// any. wgpu calls some adapters neither a GPU nor a CPU; Burn cannot address those.
    fn all() -> Vec<Self> {
        let mut software_only = Vec::new();
        // OpenGL is excluded: it is meant for graphics, and requesting it prints messages on headless Linux.
        let apis = AutoGraphicsApi::chain().into_iter();
        for api in apis.filter(|api| *api != wgpu::Backend::Gl) {
            let adapters = of_api(api);
            if adapters.iter().any(|adapter| !adapter.identity.software) {
                return adapters;
            }
            if software_only.is_empty() {
                software_only = adapters;
            }
        }
        software_only
    }

    pub(crate) fn backend(&self) -> WgpuBackend {
        match self.api {
            wgpu::Backend::Vulkan => WgpuBackend::Vulkan,
            wgpu::Backend::Metal => WgpuBackend::Metal,
            wgpu::Backend::Dx12 => WgpuBackend::Dx12,
            _ => WgpuBackend::Auto,
        }
    }
}

fn of_api(api: wgpu::Backend) -> Vec<Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: api.into(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let handles = cubecl::future::block_on(instance.enumerate_adapters(api.into()));
    let mut adapters: Vec<Adapter> = Vec::new();
    for handle in handles {
        let info = handle.get_info();
        // Burn counts every type of adapter from zero.
        let index = |same: fn(&DeviceKind) -> bool| {
            let earlier = adapters.iter().filter(|adapter| same(&adapter.kind));
            earlier.count()
        };
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => {
                DeviceKind::DiscreteGpu(index(|kind| matches!(kind, DeviceKind::DiscreteGpu(_))))
            }
            wgpu::DeviceType::IntegratedGpu => DeviceKind::IntegratedGpu(index(|kind| {
                matches!(kind, DeviceKind::IntegratedGpu(_))
            })),
            wgpu::DeviceType::VirtualGpu => {
                DeviceKind::VirtualGpu(index(|kind| matches!(kind, DeviceKind::VirtualGpu(_))))
            }
            wgpu::DeviceType::Cpu => DeviceKind::Cpu,
            wgpu::DeviceType::Other => continue,
        };
        adapters.push(Adapter {
            identity: AdapterIdentity {
                driver: [info.driver.as_str(), info.driver_info.as_str()]
                    .join(" ")
                    .trim()
                    .to_owned(),
                api: info.backend.to_string(),
                software: info.device_type == wgpu::DeviceType::Cpu,
                name: info.name,
            },
            kind,
            api,
            handle,
        });
    }
    adapters
}
