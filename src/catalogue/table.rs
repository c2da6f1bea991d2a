//! CSV as a person writes it: `#` comments, checked columns, and every row knows its line.

use super::problem::Problems;

/// A row with its line in the file.
pub(crate) struct Row {
    pub(crate) line: u64,
    fields: Vec<String>,
}

impl Row {
    /// The field of a column, by its place in the header.
    pub(crate) fn get(&self, column: usize) -> &str {
        &self.fields[column]
    }
}

/// Every row that has as many fields as there are columns; the others become problems.
pub(crate) fn read(
    file: &'static str,
    text: &str,
    columns: &[&str],
    problems: &mut Problems,
) -> Vec<Row> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let expected = columns.join(",");
    let mut rows = Vec::new();
    let mut header_seen = false;
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                problems.add(file, line, format!("not readable as CSV: {error}"));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let fields: Vec<String> = record.iter().map(str::to_owned).collect();
        if !header_seen {
            header_seen = true;
            if let Some(unknown) = fields.iter().find(|f| !columns.contains(&f.as_str())) {
                problems.add(
                    file,
                    line,
                    format!("unknown column {unknown:?}: the columns are {expected}"),
                );
                return rows;
            }
            if fields != columns {
                problems.add(
                    file,
                    line,
                    format!("columns missing or out of order: they are {expected}"),
                );
                return rows;
            }
        } else if fields.len() != columns.len() {
            problems.add(
                file,
                line,
                format!("{} fields: {} are needed, {expected}", fields.len(), columns.len()),
            );
        } else {
            rows.push(Row { line, fields });
        }
    }
    if !header_seen {
        problems.add(file, 0, format!("empty: the first line must be {expected}"));
    }
    rows
}
