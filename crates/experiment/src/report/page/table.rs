//! Columns → a table as the template has it.

use crate::terminal::table::{Align, Column};

/// A table with a caption, of which the first cell of each row names it.
pub struct Table {
    pub caption: String,
    pub header: Vec<Cell>,
    pub rows: Vec<Vec<Cell>>,
}

pub struct Cell {
    pub text: String,
    pub is_number: bool,
}

impl Table {
    pub fn new(caption: &str, columns: &[Column]) -> Self {
        let cell = |column: &Column, text: &str| Cell {
            text: text.to_owned(),
            is_number: column.align() == Align::Right,
        };
        let rows = columns.first().map_or(0, |column| column.cells().len());
        let rows = (0..rows).map(|row| {
            let columns = columns.iter();
            columns
                .map(|column| cell(column, &column.cells()[row]))
                .collect()
        });
        Self {
            caption: caption.to_owned(),
            header: columns.iter().map(|it| cell(it, it.header())).collect(),
            rows: rows.collect(),
        }
    }
}
