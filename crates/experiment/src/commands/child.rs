//! `experiment child`: does a part of another process's work.

use anyhow::{Result, anyhow};

use super::bench::measure_here;
use crate::bench::MeasureRow;
use crate::child::{Request, Task, say};
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
        MeasureRow::NAME => say::<MeasureRow>(measure_here(&request.settings()?)?),
        #[cfg(feature = "wgpu")]
        CompareDevices::NAME => {
            let task = request.settings()?;
            say::<CompareDevices>(compare_with_cpu(&best_adapter()?, task)?);
        }
        unknown => {
            let error = anyhow!("child: expected a task of this program, found {unknown:?}");
            return Err(BadInput(error).into());
        }
    }
    Ok(Exit::Done)
}
