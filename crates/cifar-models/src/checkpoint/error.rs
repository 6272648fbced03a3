//! What can be wrong with a checkpoint.

use std::io;
use std::path::PathBuf;

use super::names::NameMismatch;

/// Why a file could not be loaded or written. Every message starts with the file.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The operating system refused.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said; a part of the message, so not its source too.
        cause: io::Error,
    },
    /// The content is of neither format, or not all of it is there.
    #[error("{}: not a complete {format} file ({bytes} bytes): {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format that the content or the name promises.
        format: &'static str,
        /// Size of the file.
        bytes: u64,
        /// What the reader found.
        reason: String,
    },
    /// The file holds more than tensors, numbers, texts and containers of them.
    #[error(
        "{}: expected a state_dict, found {found}, which cannot be read here ({reason}): \
         save the `state_dict()` of the network alone",
        path.display()
    )]
    Objects {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: &'static str,
        /// What the reader stopped at.
        reason: String,
    },
    /// The file holds no tensor.
    #[error(
        "{}: expected a state_dict, found no tensors (NumPy arrays are not read): \
         save the `state_dict()` of the network",
        path.display()
    )]
    NoTensors {
        /// The file.
        path: PathBuf,
    },
    /// The tensors are not those of the model by name.
    #[error("{}: {mismatch}", path.display())]
    Names {
        /// The file.
        path: PathBuf,
        /// What is wrong with its names.
        mismatch: NameMismatch,
    },
    /// A tensor has another shape than the model's.
    #[error("{}: {name}: expected shape {expected}, found {found:?}{hint}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The first such tensor.
        name: String,
        /// Its shape in the model.
        expected: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// `": "` and the likely cause, or nothing.
        hint: String,
    },
    /// A tensor holds something else than floating-point numbers.
    #[error("{}: {name}: expected floating-point numbers, found {found}", path.display())]
    ElementType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The type in the file.
        found: String,
    },
    /// A tensor holds NaN or infinity, perhaps only as 32-bit numbers.
    #[error(
        "{}: {name}: expected finite 32-bit numbers, found {found}: \
         the weights are not finite, as after training that diverged",
        path.display()
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The first such tensor.
        name: String,
        /// The first such number.
        found: f32,
    },
}
