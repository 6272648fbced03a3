//! The processor of this machine, as reported by the system.

use std::fs;
use std::thread;

/// Model name; "unknown" where Linux does not tell.
pub fn name() -> String {
    fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|cpuinfo| model_name(&cpuinfo))
        .unwrap_or_else(|| "unknown".to_string())
}

/// Logical cores that this process may use.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The first `model name` in the text of /proc/cpuinfo; some architectures have none.
fn model_name(cpuinfo: &str) -> Option<String> {
    let mut fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    let (_, model) = fields.find(|(key, _)| key.trim() == "model name")?;
    Some(model.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::model_name;

    #[test]
    fn the_name_is_the_first_model_name() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Fast: CPU @ 2.00GHz\n\nmodel name\t: other\n";
        assert_eq!(model_name(cpuinfo), Some("Fast: CPU @ 2.00GHz".to_string()));
        assert_eq!(model_name("processor\t: 0\nBogoMIPS\t: 50.00\n"), None);
    }
}
