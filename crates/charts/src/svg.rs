//! A drawing as text.

use std::fmt;

use crate::path::Path;
use crate::style::STYLE;
use crate::text::{escape, identifier};

/// Units from the left to the right edge of every chart; its height follows from its content.
pub(crate) const WIDTH: f64 = 400.0;

/// A chart as SVG.
///
/// Its `Display` is an element for a page that contains [`STYLE`] once; [`Svg::file`] is a standalone file. The same
/// numbers and labels give the same bytes on every machine.
///
/// ```
/// use charts::{Axis, Line, LineChart, Point};
///
/// let chart = LineChart {
///     id: "identity".into(),
///     title: "A line".into(),
///     x: Axis::linear("x"),
///     y: Axis::linear("y"),
///     lines: vec![Line {
///         label: "y = x".into(),
///         points: vec![Point::new(0.0, 0.0), Point::new(1.0, 1.0)],
///     }],
/// };
/// let svg = chart.draw();
/// let page = format!("<style>{}</style>{svg}", charts::STYLE);
/// assert!(page.contains("<svg class=\"chart\" viewBox=\"0 0 400 "));
/// assert!(svg.file().starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Svg {
    id: String,
    title: String,
    description: String,
    height: i64,
    body: String,
}

impl Svg {
    /// A standalone file, which contains the style.
    pub fn file(&self) -> String {
        let namespace = " xmlns=\"http://www.w3.org/2000/svg\"";
        format!(
            "{}\n",
            self.element(namespace, &format!("<style>{STYLE}</style>"))
        )
    }

    /// What the chart shows, in words: its text alternative.
    pub fn description(&self) -> &str {
        &self.description
    }

    fn element(&self, namespace: &str, style: &str) -> String {
        let Self {
            id, height, body, ..
        } = self;
        let (title, description) = (escape(&self.title), escape(&self.description));
        format!(
            "<svg{namespace} class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-desc\"><title id=\"{id}-title\">{title}</title>\
             <desc id=\"{id}-desc\">{description}</desc>{style}{body}</svg>"
        )
    }
}

impl fmt::Display for Svg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.element("", ""))
    }
}

/// Where a chart draws its paths and texts, in the order in which they cover each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canvas {
    body: String,
}

impl Canvas {
    /// `class` is looked up in the style. An empty path is left out.
    pub(crate) fn path(&mut self, class: &str, path: &Path) {
        if !path.is_empty() {
            let data = path.data();
            self.body
                .push_str(&format!("<path class=\"{class}\" d=\"{data}\"/>"));
        }
    }

    /// A text whose baseline begins at (x, y), unless its class says `mid` or `end`.
    pub(crate) fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.titled_text(class, x, y, text, text);
    }

    /// With the whole of a text as its tooltip if it was cut.
    pub(crate) fn titled_text(&mut self, class: &str, x: f64, y: f64, text: &str, whole: &str) {
        if text.is_empty() {
            return;
        }
        let class = if class.is_empty() {
            String::new()
        } else {
            format!(" class=\"{class}\"")
        };
        let coordinate = |value| crate::number::coordinate(crate::number::tenths(value));
        let (x, y, shown) = (coordinate(x), coordinate(y), escape(text));
        let is_cut = text.ends_with('…') && text != whole;
        let tooltip = if is_cut {
            format!("<title>{}</title>", escape(whole))
        } else {
            String::new()
        };
        self.body.push_str(&format!(
            "<text{class} x=\"{x}\" y=\"{y}\">{shown}{tooltip}</text>"
        ));
    }

    pub(crate) fn finish(self, id: &str, title: &str, description: String, height: f64) -> Svg {
        Svg {
            id: identifier(id),
            title: title.to_owned(),
            description,
            height: height.ceil() as i64,
            body: self.body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_has_a_name_and_a_description_that_it_refers_to() {
        let mut canvas = Canvas::default();
        canvas.text("mid", 1.0, 2.5, "a & b");
        canvas.titled_text("", 3.0, 4.0, "lo…", "long");
        canvas.path("grid", &Path::default());
        let svg = canvas.finish("a", "T <", "D".to_owned(), 9.5);
        assert_eq!(
            svg.to_string(),
            "<svg class=\"chart\" viewBox=\"0 0 400 10\" role=\"img\" aria-labelledby=\"a-title a-desc\">\
             <title id=\"a-title\">T &lt;</title><desc id=\"a-desc\">D</desc>\
             <text class=\"mid\" x=\"1\" y=\"2.5\">a &amp; b</text>\
             <text x=\"3\" y=\"4\">lo…<title>long</title></text></svg>"
        );
    }
}
