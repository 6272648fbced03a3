//! A Vulkan device whose kernels are compiled to WGSL, although this build can compile to SPIR-V.
//!
//! Burn chooses SPIR-V for every Vulkan adapter whose features allow it, and offers no switch. Some
//! drivers crash on its SPIR-V or compute wrong results (such as Mesa's lavapipe and SwiftShader) but work
//! with WGSL. So the server that runs the kernels is created here, with the same properties that cubecl
//! 0.11 gives an adapter without those features, and registered as an existing device.

use std::sync::Arc;

use burn::tensor::wgpu::wgpu;
use burn::tensor::{Device, DeviceKind};
use cubecl::client::Client;
use cubecl::ir::features::{AtomicUsage, Plane, TypeUsage};
use cubecl::ir::{
    AddressType, DeviceIdentity, DeviceProperties, ElemType, FloatKind, HardwareProperties,
    IntKind, MemoryDeviceProperties, Type, UIntKind,
};
use cubecl::profile::TimingMethod;
use cubecl::server::ServerUtilities;
use cubecl::wgpu::{
    AutoCompiler, RuntimeOptions, WgpuDevice, WgpuDeviceKind, WgpuRuntime, WgpuServer,
};
use cubecl::{WgpuCompilationOptions, future};
use cubecl_common::device::{Device as _, ServiceId};
use cubecl_server::allocator::ContiguousMemoryLayoutPolicy;
use cubecl_server::logging::ServerLogger;
use cubecl_server::runtime::Runtime;

use crate::adapter::Adapter;
use crate::error::OpenError;

/// The one device registered here, by its number in Burn.
const REGISTERED: u32 = 0;

/// Opens `adapter` for kernels in WGSL. Call it at most once per process.
///
/// # Errors
/// When the driver fails, or the device is already registered.
pub fn open(adapter: &Adapter) -> Result<Device, OpenError> {
    let options = RuntimeOptions::try_default().map_err(OpenError::Burn)?;
    let features = usable_features(&adapter.handle);
    let (device, queue) =
        future::block_on(adapter.handle.request_device(&wgpu::DeviceDescriptor {
            required_features: features,
            required_limits: adapter.handle.limits(),
            // Burn suballocates large blocks itself.
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..wgpu::DeviceDescriptor::default()
        }))
        .map_err(OpenError::Refused)?;
    let properties = properties(adapter, &device, features);
    let compilation = WgpuCompilationOptions {
        supports_u64: features.contains(wgpu::Features::SHADER_INT64),
        ..WgpuCompilationOptions::default()
    };
    let memory = properties.memory.clone();
    let timing = properties.timing_method;
    let id = WgpuDevice::new(WgpuDeviceKind::Existing(REGISTERED)).to_id();
    let layout = ContiguousMemoryLayoutPolicy::new(memory.alignment as usize);
    let (utilities, captures) = ServerUtilities::init(
        ServiceId::of::<WgpuServer<AutoCompiler>>(id),
        "wgpu<wgsl>",
        properties,
        WgpuRuntime::<AutoCompiler>::target_properties(),
        Arc::new(ServerLogger::default()),
        layout,
    );
    let server = WgpuServer::<AutoCompiler>::new(
        memory,
        options.memory_config,
        compilation,
        device,
        queue,
        options.tasks_max,
        adapter.api,
        timing,
        utilities,
        captures,
    );
    Client::try_init(id, server).map_err(OpenError::Registered)?;
    Ok(Device::wgpu(DeviceKind::Existing(REGISTERED)))
}

/// Those that need no unsafe guarantee; permanently mapped buffers slow some drivers down.
fn usable_features(adapter: &wgpu::Adapter) -> wgpu::Features {
    adapter
        .features()
        .difference(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS)
        .difference(wgpu::Features::all_experimental_mask())
}

fn properties(
    adapter: &Adapter,
    device: &wgpu::Device,
    features: wgpu::Features,
) -> DeviceProperties {
    let limits = device.limits();
    let memory = MemoryDeviceProperties::new(
        (limits.max_storage_buffer_binding_size).min(limits.max_buffer_size),
        u64::from(
            (limits.min_uniform_buffer_offset_alignment)
                .max(limits.min_storage_buffer_offset_alignment),
        ),
    );
    let timing = if features.contains(wgpu::Features::TIMESTAMP_QUERY) {
        TimingMethod::Device
    } else {
        TimingMethod::System
    };
    let identity = DeviceIdentity {
        name: adapter.identity.name.clone(),
        // Kept apart from measurements of SPIR-V kernels on the same adapter.
        fingerprint: format!("wgsl_{}_{}", adapter.identity.name, adapter.identity.driver),
        physical: None,
    };
    let mut properties = DeviceProperties::new(
        cubecl::features::Features::default(),
        memory,
        hardware(adapter, &limits),
        timing,
        identity,
    );
    if features.contains(wgpu::Features::SUBGROUP) && !adapter.identity.software {
        properties.features.plane.insert(Plane::Ops);
    }
    register_types(&mut properties, features);
    properties
}

fn hardware(adapter: &Adapter, limits: &wgpu::Limits) -> HardwareProperties {
    let info = adapter.handle.get_info();
    // An adapter that reports no subgroup size may have any from 8 to 128 (the limit of WebGPU).
    let subgroups = match (info.subgroup_min_size, info.subgroup_max_size) {
        (0, 0) => (8, 128),
        known => known,
    };
    let count = limits.max_compute_workgroups_per_dimension;
    HardwareProperties {
        load_width: 128,
        vector_register_count: None,
        plane_size_min: subgroups.0,
        plane_size_max: subgroups.1,
        // wgpu binds one internal buffer in addition to those of a kernel.
        max_bindings: limits
            .max_storage_buffers_per_shader_stage
            .saturating_sub(1),
        max_shared_memory_size: limits.max_compute_workgroup_storage_size as usize,
        max_cube_count: (count, count, count),
        max_units_per_cube: limits.max_compute_invocations_per_workgroup,
        max_cube_dim: (
            limits.max_compute_workgroup_size_x,
            limits.max_compute_workgroup_size_y,
            limits.max_compute_workgroup_size_z,
        ),
        num_streaming_multiprocessors: None,
        num_tensor_cores: None,
        min_tensor_cores_dim: None,
        num_cpu_cores: None,
        last_level_cache_size: None,
        max_vector_size: 4,
        cube_mma_reserved_shared_memory: 0,
    }
}

fn register_types(properties: &mut DeviceProperties, features: wgpu::Features) {
    properties.register_address_type(AddressType::U32);
    let always = [
        ElemType::Index,
        ElemType::UInt(UIntKind::U32),
        ElemType::Int(IntKind::I32),
        ElemType::Float(FloatKind::F32),
        ElemType::Float(FloatKind::Flex32),
        ElemType::Bool,
    ];
    let optional = [
        (wgpu::Features::SHADER_F16, ElemType::Float(FloatKind::F16)),
        (wgpu::Features::SHADER_INT64, ElemType::Int(IntKind::I64)),
        (wgpu::Features::SHADER_INT64, ElemType::UInt(UIntKind::U64)),
    ];
    let available = optional
        .into_iter()
        .filter(|(feature, _)| features.contains(*feature));
    for element in always
        .into_iter()
        .chain(available.map(|(_, element)| element))
    {
        properties.register_type_usage(element, TypeUsage::all());
    }
    let atomics = [ElemType::Int(IntKind::I32), ElemType::UInt(UIntKind::U32)];
    let usage = AtomicUsage::LoadStore | AtomicUsage::Exchange | AtomicUsage::Add;
    for element in atomics {
        properties.register_atomic_type_usage(Type::atomic(element), usage);
    }
}
