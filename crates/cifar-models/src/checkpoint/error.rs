//! Errors of checkpoints.

use std::io;
use std::path::PathBuf;

use super::names::NameMismatch;

/// An error when loading or writing a file. Every message starts with the file.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The operating system reported an error.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error; part of the message, so not also its source.
        cause: io::Error,
    },
    /// The content is of neither format, or incomplete.
    #[error("{}: not a complete {format} file ({bytes} bytes): {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format indicated by the content or the name.
        format: &'static str,
        /// Size of the file.
        bytes: u64,
        /// The reader's error.
        reason: String,
    },
    /// The file contains more than tensors, numbers, texts and containers of them.
    #[error(
        "{}: expected a state_dict, found {found}, which cannot be read here ({reason}): \
         save the `state_dict()` of the network alone",
        path.display()
    )]
    Objects {
        /// The file.
        path: PathBuf,
        /// What it contains.
        found: &'static str,
        /// The reader's error.
        reason: String,
    },
    /// The file contains no tensor.
    #[error(
        "{}: expected a state_dict, found no tensors (NumPy arrays are not read): \
         save the `state_dict()` of the network",
        path.display()
    )]
    NoTensors {
        /// The file.
        path: PathBuf,
    },
    /// The tensor names do not match the model's.
    #[error("{}: {mismatch}", path.display())]
    Names {
        /// The file.
        path: PathBuf,
        /// How its names differ.
        mismatch: NameMismatch,
    },
    /// A tensor's shape differs from the model's.
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
    /// A tensor does not contain floating-point numbers.
    #[error("{}: {name}: expected floating-point numbers, found {found}", path.display())]
    ElementType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The type in the file.
        found: String,
    },
    /// A tensor contains NaN or infinity, possibly only after conversion to 32-bit numbers.
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
