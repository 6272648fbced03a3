//! The vector instructions used by the kernels.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use pulp::{Arch, WithSimd};

/// A set of vector instructions for which the kernels are compiled, narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instructions {
    /// Available on every processor. A multiplication and an addition are two operations.
    Scalar,
    /// Advanced SIMD of 64-bit ARM, 4 numbers at a time.
    Neon,
    /// AVX2 with FMA (x86-64-v3), 8 numbers at a time.
    Avx2,
    /// AVX-512 F, BW, CD, DQ and VL (x86-64-v4), 16 numbers at a time.
    Avx512,
}

/// Instructions that are unknown, or that this machine does not support.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnavailableInstructions {
    found: String,
}

impl Instructions {
    /// The environment variable that names the set to use instead of the widest one.
    pub const VARIABLE: &str = "EXPERIMENT_INSTRUCTIONS";

    const ALL: [Self; 4] = [Self::Scalar, Self::Neon, Self::Avx2, Self::Avx512];

    /// The sets that this machine supports, widest last.
    pub fn available() -> impl Iterator<Item = Self> {
        (Self::ALL.into_iter()).filter(|instructions| instructions.arch().is_some())
    }

    /// The widest set that this machine supports.
    #[must_use]
    pub fn widest() -> Self {
        Self::available().last().unwrap_or(Self::Scalar)
    }

    /// The set that the kernels of this process use: that of [`Self::VARIABLE`] if it is set
    /// and not empty, else the widest one. It is read once.
    ///
    /// # Errors
    /// When the variable names a set that this machine does not support. Kernels panic with the same message.
    pub fn chosen() -> Result<Self, UnavailableInstructions> {
        chosen().clone().map(|(instructions, _)| instructions)
    }

    /// The name used in [`Self::VARIABLE`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// pulp's proof that this machine supports them.
    fn arch(self) -> Option<Arch> {
        match self {
            Self::Scalar => Some(Arch::Scalar),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => Some(Arch::new()).filter(|arch| !matches!(arch, Arch::Scalar)),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::try_new().map(Arch::V3),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => pulp::x86::V4::try_new().map(Arch::V4),
            #[allow(
                unreachable_patterns,
                reason = "which sets are left depends on the target"
            )]
            _ => None,
        }
    }
}

/// Runs `kernel` compiled for the instructions of this process.
#[inline]
pub(crate) fn vectorized<K: WithSimd>(kernel: K) -> K::Output {
    match chosen() {
        Ok((_, arch)) => arch.dispatch(kernel),
        Err(error) => panic!("{}: {error}", Instructions::VARIABLE),
    }
}

type Choice = Result<(Instructions, Arch), UnavailableInstructions>;

fn chosen() -> &'static Choice {
    static CHOSEN: OnceLock<Choice> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var_os(Instructions::VARIABLE).unwrap_or_default();
        let instructions = if name.is_empty() {
            Instructions::widest()
        } else {
            name.to_string_lossy().parse()?
        };
        let arch = instructions.arch().expect("available, as it was parsed");
        Ok((instructions, arch))
    })
}

impl fmt::Display for Instructions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Instructions {
    type Err = UnavailableInstructions;

    /// The set of that name, if this machine supports it.
    fn from_str(name: &str) -> Result<Self, UnavailableInstructions> {
        Self::available()
            .find(|instructions| instructions.name() == name)
            .ok_or_else(|| UnavailableInstructions {
                found: name.to_owned(),
            })
    }
}

impl fmt::Display for UnavailableInstructions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Instructions::available().map(Instructions::name).collect();
        write!(
            formatter,
            "expected instructions that this machine supports ({}), found {:?}",
            names.join(", "),
            self.found
        )
    }
}

impl std::error::Error for UnavailableInstructions {}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_widest_set_is_the_widest_that_the_processor_reports() {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        let expected = match (avx2, avx512) {
            (_, true) => Instructions::Avx512,
            (true, false) => Instructions::Avx2,
            (false, false) => Instructions::Scalar,
        };
        assert_eq!(Instructions::widest(), expected);
    }

    #[cfg(target_arch = "aarch64")]
    #[test]
    fn every_64_bit_arm_processor_has_vectors() {
        assert_eq!(Instructions::widest(), Instructions::Neon);
    }

    #[test]
    fn kernels_run_with_the_named_set_or_the_widest() {
        let expected = match std::env::var(Instructions::VARIABLE) {
            Ok(name) if !name.is_empty() => name.parse().unwrap(),
            _ => Instructions::widest(),
        };
        assert_eq!(Instructions::chosen(), Ok(expected));
        assert_eq!(vectorized(Width), width(expected));
    }

    /// Numbers in a register.
    struct Width;

    impl WithSimd for Width {
        type Output = usize;

        fn with_simd<S: pulp::Simd>(self, _simd: S) -> usize {
            S::F32_LANES
        }
    }

    fn width(instructions: Instructions) -> usize {
        match instructions {
            Instructions::Scalar => 1,
            Instructions::Neon => 4,
            Instructions::Avx2 => 8,
            Instructions::Avx512 => 16,
        }
    }

    #[test]
    fn a_name_is_read_back_and_an_unknown_one_is_refused() {
        for instructions in Instructions::available() {
            assert_eq!(instructions.name().parse(), Ok(instructions));
        }
        let error = "sse9".parse::<Instructions>().unwrap_err().to_string();
        let expected = "expected instructions that this machine supports (scalar";
        assert!(error.starts_with(expected), "{error}");
        assert!(error.ends_with(r#"found "sse9""#), "{error}");
    }
}
