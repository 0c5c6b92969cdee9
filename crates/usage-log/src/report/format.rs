//! How a report is written.

use std::{
    io::{self, Write},
    str::FromStr,
};

use serde_json::{Map, Value};

use super::{Measure, Report, ReportRow};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Columns under each other, for people.
    #[default]
    Table,
    /// RFC 4180, with a header. A text that a spreadsheet would take for a formula (`=`, `+`, `-`, `@`, a tab or the like in front) has a
    /// `'` before it; JSON has all texts as they are.
    Csv,
    /// An array of objects.
    Json,
}

/// A text that names no [`Format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a format is one of table, csv, json")]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        match name {
            "table" => Ok(Self::Table),
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            _ => Err(UnknownFormat),
        }
    }
}

impl Report {
    /// Writes the report. Windows stand as the zone's clocks show their start, with the distance from UTC.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Table => self.write_table(out),
            Format::Csv => self.write_csv(out),
            Format::Json => self.write_json(out),
        }
    }

    fn names(&self) -> Vec<String> {
        let window = self.query.window.map(|_| "window".to_owned());
        let groups = self.query.group_by.iter().map(ToString::to_string);
        let measures = Measure::ALL.into_iter().map(|measure| measure.name().to_owned());
        window.into_iter().chain(groups).chain(measures).collect()
    }

    /// The row's texts, then its numbers.
    fn texts(&self, row: &ReportRow) -> Vec<String> {
        let window = self.query.window.map(|_| self.query.zone.show(row.window));
        window.into_iter().chain(row.group.iter().cloned()).collect()
    }

    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        write_line(out, &self.names())?;
        self.rows.iter().try_for_each(|row| {
            let numbers = Measure::ALL.map(|measure| measure.of(&row.amounts).to_string());
            let texts = self.texts(row).into_iter().map(defused);
            write_line(out, &texts.chain(numbers).collect::<Vec<_>>())
        })
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let names = self.names();
        out.write_all(b"[")?;
        for (index, row) in self.rows.iter().enumerate() {
            out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
            let texts = self.texts(row).into_iter().map(Value::from);
            let numbers = Measure::ALL.into_iter().map(|measure| measure.of(&row.amounts).into());
            let object: Map<String, Value> = names.iter().cloned().zip(texts.chain(numbers)).collect();
            serde_json::to_writer(&mut *out, &object)?;
        }
        out.write_all(b"\n]\n")
    }

    fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut lines = vec![self.names()];
        lines.extend(self.rows.iter().map(|row| {
            let numbers = Measure::ALL.map(|measure| measure.of(&row.amounts).to_string());
            let texts = self.texts(row).into_iter().map(|text| text.escape_debug().to_string());
            texts.chain(numbers).collect()
        }));
        let columns = lines.first().map_or(0, Vec::len);
        let text_columns = columns - Measure::ALL.len();
        let width = |column: usize| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.chars().count())
                .max()
        };
        let widths: Vec<usize> = (0..columns).filter_map(width).collect();
        for line in &lines {
            let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if column < text_columns {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            });
            writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// As spreadsheets take it for a text.
fn defused(cell: String) -> String {
    match cell.trim_start_matches(' ').starts_with(FORMULAS) {
        true => format!("'{cell}"),
        false => cell,
    }
}

/// What a formula begins with, in the wide letters of East Asia, too; a blank in front of it does not help.
const FORMULAS: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '|', '＝', '＋', '－', '＠'];

fn write_line(out: &mut dyn Write, cells: &[String]) -> io::Result<()> {
    let quoted = cells.iter().map(|cell| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    });
    write!(out, "{}\r\n", quoted.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_formula() {
        let check = |cell: &str, expected: &str| assert_eq!(defused(cell.to_owned()), expected);
        check("=1+1", "'=1+1");
        check("+1", "'+1");
        check("-1", "'-1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\t=1", "'\t=1");
        check(" =1", "' =1");
        check("＝1", "'＝1");
        check("acme", "acme");
        check("a=1", "a=1");
        check("", "");
    }
}
