//! Copies of a dataset's images.

use std::borrow::Cow;

use png::{BitDepth, ColorType, Decoder, Encoder};

/// The keyword of PNG under which a copy has its class.
const CLASS: &str = "Title";

/// An image of a dataset as a PNG file that names its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    png: Vec<u8>,
    class: String,
    size: [u32; 2],
}

impl Picture {
    /// Of `pixels` as datasets have them: channels one after the other, each row-major. One channel is shades of grey,
    /// three are red, green and blue.
    ///
    /// # Panics
    /// If there are not height × width × channels pixels or the class has letters that Latin-1 lacks.
    pub fn encode([height, width, channels]: [usize; 3], pixels: &[u8], class: &str) -> Self {
        let plane = height * width;
        assert_eq!(pixels.len(), plane * channels);
        let color = match channels {
            1 => ColorType::Grayscale,
            3 => ColorType::Rgb,
            _ => panic!("images have 1 or 3 channels, not {channels}"),
        };
        let interleaved: Vec<u8> = (0..plane)
            .flat_map(|place| (0..channels).map(move |channel| pixels[channel * plane + place]))
            .collect();
        let size = [width, height].map(|pixels| u32::try_from(pixels).expect("a small image"));
        let mut png = Vec::new();
        let mut encoder = Encoder::new(&mut png, size[0], size[1]);
        encoder.set_color(color);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        let written = encoder
            .add_text_chunk(CLASS.to_owned(), class.to_owned())
            .and_then(|()| encoder.write_header())
            .and_then(|mut writer| writer.write_image_data(&interleaved));
        written.expect("a class with letters of Latin-1");
        let class = class.to_owned();
        Self { png, class, size }
    }

    /// What [`Picture::encode`] wrote; says what is wrong with it otherwise.
    pub fn from_png<'a>(png: impl Into<Cow<'a, [u8]>>) -> Result<Self, String> {
        let png = png.into();
        let wrong = |error: png::DecodingError| format!("expected a PNG file: {error}");
        let mut reader = Decoder::new(std::io::Cursor::new(&png))
            .read_info()
            .map_err(wrong)?;
        while reader.next_row().map_err(wrong)?.is_some() {}
        reader.finish().map_err(wrong)?;
        let info = reader.info();
        let titles = &info.uncompressed_latin1_text;
        let title = titles.iter().find(|text| text.keyword == CLASS);
        let title =
            title.ok_or_else(|| format!("expected the class as text of PNG under {CLASS}"))?;
        Ok(Self {
            class: title.text.clone(),
            size: [info.width, info.height],
            png: png.into_owned(),
        })
    }

    /// The content of the file.
    pub fn png(&self) -> &[u8] {
        &self.png
    }

    /// The name of the image's class.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// Width and height in pixels.
    pub fn size(&self) -> [u32; 2] {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Red, green, blue and white; the channels one after the other.
    const COLORS: [u8; 12] = [255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255];

    #[test]
    fn a_picture_reads_back_with_its_class_and_its_pixels_interleaved() {
        let picture = Picture::encode([1, 4, 3], &COLORS, "café");
        assert_eq!(Picture::from_png(picture.png()), Ok(picture.clone()));
        assert_eq!((picture.class(), picture.size()), ("café", [4, 1]));
        let mut reader = Decoder::new(std::io::Cursor::new(picture.png()))
            .read_info()
            .unwrap();
        let row = reader.next_row().unwrap().unwrap();
        let expected = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
        assert_eq!(row.data(), expected);
    }

    #[test]
    fn one_channel_is_grey() {
        let picture = Picture::encode([2, 2, 1], &[0, 80, 160, 255], "7");
        let reader = Decoder::new(std::io::Cursor::new(picture.png()))
            .read_info()
            .unwrap();
        assert_eq!(reader.info().color_type, ColorType::Grayscale);
        assert_eq!(Picture::from_png(picture.png()), Ok(picture.clone()));
    }

    #[test]
    fn damaged_files_and_pictures_without_a_class_are_refused() {
        let whole = Picture::encode([1, 4, 3], &COLORS, "cat").png().to_vec();
        for cut in [0, 20, whole.len() / 2, whole.len() - 14] {
            let error = Picture::from_png(&whole[..cut]).unwrap_err();
            assert!(error.starts_with("expected a PNG file: "), "{cut}: {error}");
        }
        let mut without = Vec::new();
        let mut writer = Encoder::new(&mut without, 1, 1).write_header().unwrap();
        writer.write_image_data(&[0]).unwrap();
        drop(writer);
        assert_eq!(
            Picture::from_png(without),
            Err("expected the class as text of PNG under Title".to_owned())
        );
    }
}
