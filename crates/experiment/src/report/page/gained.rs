//! The test images that a loss gains and loses, shown.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
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
        // The loss that classifies them correctly more often comes first.
        let row = |[first, second]: [usize; 2], images: &[GainedImage]| Row {
            heading: format!(
                "Classified correctly more often with {} than with {}",
                names[first], names[second]
            ),
            images: images
                .iter()
                .map(|image| Shown::of(image, gained, [first, second], snapshot))
                .collect(),
        };
        let rows = [row([0, 1], &gained.gained), row([1, 0], &gained.lost)];
        let rows: Vec<Row> = rows
            .into_iter()
            .filter(|row| !row.images.is_empty())
            .collect();
        (!rows.is_empty()).then_some(Gained { rows })
    });
    shown.collect()
}

impl Shown {
    fn of(
        image: &GainedImage,
        gained: &GainedImages,
        losses: [usize; 2],
        snapshot: &Snapshot,
    ) -> Self {
        let name = gained.name(image);
        let picture = snapshot.pictures.get(&name).cloned();
        let class = match &picture {
            Some(picture) => picture.class().to_owned(),
            None => format!("image {}", image.image),
        };
        let [a, b] = losses.map(|loss| format!("{}/{}", image.right[loss], gained.networks[loss]));
        Self {
            caption: format!("{class}: {a} vs {b}"),
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
        let [width, height] = picture.size().map(|pixels| 3 * pixels);
        // The caption beside it is its text.
        format!("{SOURCE}{png}{NAME}{name}\" alt=\"\" width=\"{width}\" height=\"{height}\">")
    }
}

/// The pictures in a page, by their names.
pub fn pictures_in(page: &str) -> Result<BTreeMap<String, Picture>> {
    let pictures = page.split(SOURCE).skip(1).map(|element| {
        let (png, rest) = element.split_once(NAME).context("it was cut off")?;
        let (name, _) = rest.split_once('"').context("it was cut off")?;
        let wrong = |cause: String| anyhow!("the picture {name} cannot be read: {cause}");
        let png = BASE64_STANDARD.decode(png);
        let png = png.map_err(|error| wrong(error.to_string()))?;
        let picture = Picture::from_png(png).map_err(wrong)?;
        Ok((name.to_owned(), picture))
    });
    pictures.collect()
}
