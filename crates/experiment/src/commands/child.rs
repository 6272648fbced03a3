//! `experiment child`: runs a task for another process.

use anyhow::{Result, anyhow};

use super::bench::measure_here;
use crate::bench::MeasureRow;
use crate::child::{Request, Task, end_with_parent, say};
#[cfg(feature = "wgpu")]
use crate::doctor::{CompareDevices, compare_with_cpu};
use crate::exit::{BadInput, Exit};
#[cfg(feature = "wgpu")]
use crate::session::best_adapter;
use crate::session::{TrainTrial, train_for_parent};

pub fn run() -> Result<Exit> {
    let request = Request::read()?;
    match request.task.as_str() {
        TrainTrial::NAME => return train_for_parent(&request.settings()?),
        MeasureRow::NAME => answer(&request, |task: MeasureRow| measure_here(&task))?,
        #[cfg(feature = "wgpu")]
        CompareDevices::NAME => answer(&request, |task: CompareDevices| {
            compare_with_cpu(&best_adapter()?, task)
        })?,
        unknown => {
            let error = anyhow!("child: expected a task of this program, found {unknown:?}");
            return Err(BadInput(error).into());
        }
    }
    Ok(Exit::Done)
}

/// Reports the result of `work` on a task that has nothing to resume, and so ends with the requesting process.
fn answer<T: Task>(request: &Request, work: impl FnOnce(T) -> Result<T::Event>) -> Result<()> {
    let task = request.settings()?;
    end_with_parent();
    say::<T>(work(task)?);
    Ok(())
}
