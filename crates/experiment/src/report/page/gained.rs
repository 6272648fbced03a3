//! The test images that a loss gains and loses, shown.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use base64::prelude::{BASE64_STANDARD, Engine};

use crate::records::Picture;
use crate::report::snapshot::{GainedImage, GainedImages, Snapshot, short_name};
use crate::study::Study;

/// The images of a claim.
pub struct Gained {
    pub rows: Vec<Row>,
}

/// Images that the networks of one loss classify correctly more often than those of the other.
pub struct Row {
    pub heading: String,
    pub images: Vec<Shown>,
}

pub struct Shown {
    /// Of the copy in the store.
    pub name: String,
    /// `None` if there is no copy.
    pub picture: Option<Picture>,
    pub caption: String,
}

/// Before the content of a picture in a page.
const SOURCE: &str = "<img src=\"data:image/png;base64,";
/// Between its content and its name.
const NAME: &str = "\" data-name=\"";

/// In the order of the claims.
pub fn of_claims(study: &Study, snapshot: &Snapshot) -> Vec<Gained> {
    let claims = study.assessments.iter().zip(&snapshot.images);
    let shown = claims.filter_map(|(claim, images)| {
        let gained = &images.as_ref()?.gained;
        let names = claim.arms.map(|arm| short_name(study, arm));
        let row = |heading, images: &[GainedImage]| Row {
            heading,
            images: images
                .iter()
                .map(|image| Shown::of(image, gained, snapshot))
                .collect(),
        };
        let [a, b] = &names;
        let rows = [
            row(
                format!("Right more often with {a} than with {b}"),
                &gained.gained,
            ),
            row(
                format!("Right more often with {b} than with {a}"),
                &gained.lost,
            ),
        ];
        let rows: Vec<Row> = rows
            .into_iter()
            .filter(|row| !row.images.is_empty())
            .collect();
        (!rows.is_empty()).then_some(Gained { rows })
    });
    shown.collect()
}

impl Shown {
    fn of(image: &GainedImage, gained: &GainedImages, snapshot: &Snapshot) -> Self {
        let name = gained.name(image);
        let picture = snapshot.pictures.get(&name).cloned();
        let class = match &picture {
            Some(picture) => picture.class().to_owned(),
            None => format!("image {}", image.image),
        };
        let [a, b] = image.right;
        let [of_a, of_b] = gained.networks;
        Self {
            caption: format!("{class}: {a}/{of_a} vs {b}/{of_b}"),
            name,
            picture,
        }
    }

    /// The element of a picture; empty without one.
    pub fn element(&self) -> String {
        let Some(picture) = &self.picture else {
            return String::new();
        };
        let png = BASE64_STANDARD.encode(picture.png());
        let name = &self.name;
        let [width, height] = picture.size().map(|pixels| 2 * pixels);
        // The caption beside it is its text.
        format!("{SOURCE}{png}{NAME}{name}\" alt=\"\" width=\"{width}\" height=\"{height}\">")
    }
}

/// The pictures in a page, by their names.
pub fn pictures_in(page: &str) -> Result<BTreeMap<String, Picture>> {
    let pictures = page.split(SOURCE).skip(1).map(|element| {
        let read = || {
            let (png, rest) = element.split_once(NAME)?;
            let (name, _) = rest.split_once('"')?;
            let png = BASE64_STANDARD.decode(png).ok()?;
            Some((name.to_owned(), Picture::from_png(png).ok()?))
        };
        read().context("a picture of a test image cannot be read")
    });
    pictures.collect()
}
