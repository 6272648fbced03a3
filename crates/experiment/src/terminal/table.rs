//! Columns → a table for people: aligned text or Markdown.

/// Shown if there is no value.
pub const NONE: &str = "–";

/// Columns aligned with spaces, a rule under the header.
pub fn ruled(mut columns: Vec<Column>) -> String {
    let rule = |column: &Column| "─".repeat(column.width());
    let rule = spaced(columns.iter().map(rule));
    let (header, rows) = padded(&mut columns);
    lines([spaced(header), rule].into_iter().chain(rows.map(spaced)))
}

/// Columns aligned with spaces under a header.
pub fn plain(mut columns: Vec<Column>) -> String {
    let (header, rows) = padded(&mut columns);
    lines([spaced(header)].into_iter().chain(rows.map(spaced)))
}

/// Columns aligned with spaces, without their header.
pub fn bare(mut columns: Vec<Column>) -> String {
    for column in &mut columns {
        column.header.clear();
    }
    let (_, rows) = padded(&mut columns);
    lines(rows.map(spaced))
}

/// A pipe table as GitHub reads it, aligned in its source too.
pub fn markdown(mut columns: Vec<Column>) -> String {
    for cell in columns.iter_mut().flat_map(|column| &mut column.cells) {
        *cell = cell.replace('|', "\\|");
    }
    let rule = |column: &Column| {
        let dashes = "-".repeat(column.width() - 1);
        match column.align {
            Align::Left => format!(":{dashes}"),
            Align::Right => format!("{dashes}:"),
        }
    };
    let piped = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let rule = piped(columns.iter().map(rule).collect());
    let (header, rows) = padded(&mut columns);
    lines([piped(header), rule].into_iter().chain(rows.map(piped)))
}

/// A `tabular` of LaTeX with the rules of booktabs, aligned in its source too.
pub fn latex_rows(mut columns: Vec<Column>) -> String {
    for column in &mut columns {
        for text in column.cells.iter_mut().chain([&mut column.header]) {
            *text = latex(text);
        }
    }
    let align = columns.iter().map(|column| match column.align {
        Align::Left => 'l',
        Align::Right => 'r',
    });
    let align: String = align.collect();
    let row = |cells: Vec<String>| cells.join(" & ") + " \\\\";
    let (header, rows) = padded(&mut columns);
    let before = [format!("\\begin{{tabular}}{{{align}}}"), "\\toprule".into()];
    let before = before.into_iter().chain([row(header), "\\midrule".into()]);
    let after = ["\\bottomrule".to_owned(), "\\end{tabular}".to_owned()];
    lines(before.chain(rows.map(row)).chain(after))
}

/// Text as LaTeX typesets it.
fn latex(text: &str) -> String {
    let character = |character: char| match character {
        '&' | '%' | '$' | '#' | '_' | '{' | '}' => format!("\\{character}"),
        '\\' => r"\textbackslash{}".to_owned(),
        '~' => r"\textasciitilde{}".to_owned(),
        '^' => r"\textasciicircum{}".to_owned(),
        '±' => r"$\pm$".to_owned(),
        '·' => r"$\cdot$".to_owned(),
        '−' => "$-$".to_owned(),
        '–' => "--".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(character).collect()
}

/// Header and rows, each cell as wide as its column.
fn padded(columns: &mut [Column]) -> (Vec<String>, impl Iterator<Item = Vec<String>>) {
    columns.iter_mut().for_each(Column::pad);
    let columns: &[Column] = columns;
    let header = columns.iter().map(|column| column.header.clone()).collect();
    let row = |row: usize| columns.iter().map(move |column| column.cells[row].clone());
    (
        header,
        (0..columns[0].cells.len()).map(move |index| row(index).collect()),
    )
}

fn spaced(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().collect();
    cells.join("  ").trim_end().to_string()
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

/// A header over a cell for each row.
pub struct Column {
    header: String,
    cells: Vec<String>,
    align: Align,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

impl Column {
    pub fn new<T>(header: &str, align: Align, rows: &[T], cell: impl Fn(&T) -> String) -> Self {
        // A row is one line.
        let cell = |row| cell(row).replace(['\n', '\r'], " ");
        Self {
            header: header.to_string(),
            cells: rows.iter().map(cell).collect(),
            align,
        }
    }

    pub fn header(&self) -> &str {
        &self.header
    }

    /// Of each row.
    pub fn cells(&self) -> &[String] {
        &self.cells
    }

    pub fn align(&self) -> Align {
        self.align
    }

    /// In characters, since all that a table holds are of single width; no less than Markdown's `-:`.
    fn width(&self) -> usize {
        let texts = self.cells.iter().chain([&self.header]);
        texts.map(|text| text.chars().count()).fold(2, usize::max)
    }

    /// Makes header and cells equally wide.
    fn pad(&mut self) {
        let width = self.width();
        for text in self.cells.iter_mut().chain([&mut self.header]) {
            *text = match self.align {
                Align::Left => format!("{text:<width$}"),
                Align::Right => format!("{text:>width$}"),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let rows = [("a|b", 1), ("two\nlines", 23)];
        vec![
            Column::new("name", Align::Left, &rows, |(name, _)| (*name).to_owned()),
            Column::new("n", Align::Right, &rows, |(_, n)| n.to_string()),
            Column::new("", Align::Left, &rows, |(_, n)| "x".repeat(*n / 20)),
        ]
    }

    #[test]
    fn a_row_is_a_line_however_a_table_is_written() {
        assert_eq!(
            plain(columns()),
            "name        n\na|b         1\ntwo lines  23  x\n"
        );
        assert_eq!(bare(columns()), "a|b         1\ntwo lines  23  x\n");
        assert_eq!(
            ruled(columns()),
            "name        n\n─────────  ──  ──\na|b         1\ntwo lines  23  x\n"
        );
        assert_eq!(
            markdown(columns()),
            "| name      |  n |    |\n| :-------- | -: | :- |\n| a\\|b      |  1 |    |\n| two lines | 23 | x  |\n"
        );
    }
}
