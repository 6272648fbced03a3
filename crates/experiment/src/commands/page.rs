//! The page that `experiment run` keeps in a store, with copies of the test images that it shows.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::data::{Data, DataError, DatasetSource, ImageSet, load};
use crate::records::Picture;
use crate::report::{Page, Snapshot};
use crate::store::{Store, atomic};
use crate::study::{Run, Study};
use crate::terminal::tell;

/// Writes the page of a store into it, and returns its path.
pub fn keep(folder: &Path, data_dir: Option<&Path>) -> Result<PathBuf> {
    let store = Store::open_existing(folder)?;
    let (mut snapshot, _) = Snapshot::of_store(&store, &store.results()?)?;
    if let Err(error) = keep_pictures(&store, &mut snapshot, data_dir) {
        tell(format_args!(
            "warning: the page does not show every test image that it names: {error:#}"
        ));
    }
    let html = Page::fitting(snapshot).html();
    let file = folder.join("report.html");
    let is_written = fs::read(&file).is_ok_and(|written| written == html.as_bytes());
    if !is_written {
        atomic::write_shared(&file, html.as_bytes())?;
    }
    Ok(file)
}

/// Copies the test images that verdicts name into the store, where it lacks them.
fn keep_pictures(store: &Store, snapshot: &mut Snapshot, data_dir: Option<&Path>) -> Result<()> {
    let Some((study, _)) = snapshot.study() else {
        return Ok(());
    };
    let mut loaded: Option<(DatasetSource, Data)> = None;
    for (run, image, name) in missing(&study, snapshot) {
        let source = DatasetSource::of(&run.trial.train);
        let data = match loaded.take() {
            Some((known, data)) if known == source => data,
            _ => load_same(&source, run, data_dir)?,
        };
        let picture = picture(&data.test, image, source.dataset.class_names);
        loaded = Some((source, data));
        let kept = store.keep_picture(&name, &picture);
        snapshot.pictures.insert(name, picture);
        kept?;
    }
    Ok(())
}

/// The test images without a copy: a trial that was tested with them, the image's number, the name of its copy.
fn missing<'s>(study: &'s Study, snapshot: &Snapshot) -> Vec<(&'s Run, usize, String)> {
    let claims = study.assessments.iter().zip(&snapshot.images);
    let images = claims.flat_map(|(claim, images)| {
        let run = &study.arms[claim.arms[0]].runs[0];
        let gained = images.as_ref().map(|images| &images.gained);
        gained.into_iter().flat_map(move |gained| {
            let images = gained.images();
            images.map(move |image| (run, image.image as usize, gained.name(image)))
        })
    });
    images
        .filter(|(.., name)| !snapshot.pictures.contains_key(name))
        .collect()
}

/// The data that a trial was tested with.
fn load_same(source: &DatasetSource, run: &Run, data_dir: Option<&Path>) -> Result<Data> {
    let data = load(source, data_dir)?;
    let before = run.result.as_ref().and_then(|it| it.data_hash.clone());
    match before {
        Some(before) if before != data.hash => Err(DataError::Changed {
            trial: run.trial.id.clone(),
            before,
            now: data.hash,
        }
        .into()),
        _ => Ok(data),
    }
}

fn picture(images: &ImageSet, image: usize, class_names: &[&str]) -> Picture {
    let class = class_names[usize::from(images.label(image))];
    Picture::encode(images.shape().axes(), images.image(image), class)
}
