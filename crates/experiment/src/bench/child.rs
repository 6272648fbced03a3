//! A row in a separate process: peak memory, number of threads and instructions are per process.

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use training_kernels::Instructions;

use super::{BenchRow, Setting};
use crate::child::{Child, Said, Task};
use crate::exit::{BadInput, Exit};

/// The task of measuring a row, and where its training step spends its time if that is asked for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct MeasureRow {
    pub setting: Setting,
    pub layers: bool,
}

impl Task for MeasureRow {
    const NAME: &'static str = "bench";
    type Event = BenchRow;
}

/// Measures a row in a separate process.
///
/// # Errors
/// When the process cannot be started, or ends without the row.
pub fn measure_apart(task: &MeasureRow) -> Result<BenchRow> {
    let mut child = Child::start(task, |command| {
        if let Some(instructions) = task.setting.instructions {
            command.env(Instructions::VARIABLE, instructions.name());
        }
    })
    .context("bench")?;
    let listener = child.listen_to_the_end();
    let status = child.wait().context("bench")?;
    let last = listener.join().unwrap_or_default().pop();
    match last {
        Some(Said::Event(row)) => Ok(row),
        Some(Said::Failed(error)) if status.code() == Some(Exit::BadInput as i32) => {
            Err(BadInput(anyhow!(error)).into())
        }
        Some(Said::Failed(error)) => bail!("bench: {error}"),
        None => bail!("bench: the process of a row ended with {status}"),
    }
}

/// A model as a request has it.
pub mod model_by_name {
    use cifar_models::ModelEntry;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub fn serialize<S: Serializer>(model: &ModelEntry, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(model.name)
    }

    pub fn deserialize<'de, D>(deserializer: D) -> Result<&'static ModelEntry, D::Error>
    where
        D: Deserializer<'de>,
    {
        let name = String::deserialize(deserializer)?;
        cifar_models::find(&name)
            .ok_or_else(|| Error::unknown_variant(&name, cifar_models::MODEL_NAMES))
    }
}
