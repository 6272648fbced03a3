//! `attempts/ID.N/`: the trials under way. Each lease of a trial has a folder of its own, so that two processes never
//! write the same file; the highest number is the latest.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::holder::Holder;

/// The folder of all attempts of a store.
#[derive(Clone, Debug)]
pub(super) struct Attempts(PathBuf);

impl Attempts {
    pub fn in_store(store: &Path) -> Self {
        Self(store.join("attempts"))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn folder(&self, id: &str, number: u32) -> PathBuf {
        self.0.join(format!("{id}.{number}"))
    }

    /// A folder that becomes an attempt of this holder.
    pub fn draft(&self, id: &str, holder: &Holder) -> PathBuf {
        self.0.join(format!(".{id}.{}", holder.file_name()))
    }

    /// The attempts at each trial, ascending.
    pub fn all(&self) -> Result<BTreeMap<String, Vec<u32>>, StoreError> {
        let mut all: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(all),
            entries => entries.map_err(StoreError::io(&self.0, "read"))?,
        };
        for entry in entries {
            let name = entry.map_err(StoreError::io(&self.0, "read"))?.file_name();
            if let Some((id, number)) = parse(&name.to_string_lossy()) {
                all.entry(id.to_owned()).or_default().push(number);
            }
        }
        for numbers in all.values_mut() {
            numbers.sort_unstable();
        }
        Ok(all)
    }

    /// The attempts at one trial, ascending.
    pub fn of(&self, id: &str) -> Result<Vec<u32>, StoreError> {
        Ok(self.all()?.remove(id).unwrap_or_default())
    }

    /// The folder of the latest attempt at a trial.
    pub fn latest(&self, id: &str) -> Result<Option<PathBuf>, StoreError> {
        let number = self.of(id)?.pop();
        Ok(number.map(|number| self.folder(id, number)))
    }
}

/// The id and the number in the name of an attempt's folder; one that is being made begins with a dot.
fn parse(name: &str) -> Option<(&str, u32)> {
    let (id, number) = name.rsplit_once('.')?;
    let number = number.parse().ok()?;
    (!id.is_empty() && !id.starts_with('.')).then_some((id, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_known_by_their_names_and_others_are_passed_over() {
        let store = tempfile::tempdir().unwrap();
        let attempts = Attempts::in_store(store.path());
        assert_eq!(attempts.all().unwrap(), BTreeMap::new());
        for name in ["a.10", "a.9", "b.1", ".a.11", "c", "c.x", ".2"] {
            fs::create_dir_all(attempts.path().join(name)).unwrap();
        }
        let all = attempts.all().unwrap();
        let expected = [("a", vec![9, 10]), ("b", vec![1])];
        let expected = expected.map(|(id, numbers)| (id.to_owned(), numbers));
        assert_eq!(all, BTreeMap::from(expected));
        let latest = attempts.latest("a").unwrap();
        assert_eq!(latest, Some(attempts.path().join("a.10")));
        assert_eq!(attempts.latest("c").unwrap(), None);
    }
}
