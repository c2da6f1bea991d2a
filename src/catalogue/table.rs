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
    let mut reader = reader(text);
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

fn reader(text: &str) -> csv::Reader<&[u8]> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes())
}

/// A row of a table that has columns of its own beside those asked for.
pub(crate) struct Chosen {
    pub(crate) line: u64,
    fields: Vec<Option<String>>,
}

impl Chosen {
    /// The field of a column, by its place among those needed and then those wanted; `None`
    /// where the table has no such column.
    pub(crate) fn get(&self, column: usize) -> Option<&str> {
        self.fields[column].as_deref()
    }
}

/// Every row, of a table made elsewhere: the columns `needed` must be there, those `wanted`
/// may be, in any order; the others are not looked at.
pub(crate) fn choose(
    file: &str,
    text: &str,
    needed: &[&str],
    wanted: &[&str],
    problems: &mut Problems,
) -> Vec<Chosen> {
    let mut header: Option<(Vec<Option<usize>>, usize)> = None;
    let mut rows = Vec::new();
    for record in reader(text).records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                problems.add(file.to_owned(), line, format!("not readable as CSV: {error}"));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let Some((places, width)) = &header else {
            let place = |column: &&str| record.iter().position(|field| field == *column);
            if let Some(missing) = needed.iter().find(|column| place(column).is_none()) {
                let all = needed.join(",");
                let what = format!("no column {missing:?}: the columns {all} are needed");
                problems.add(file.to_owned(), line, what);
                return rows;
            }
            header = Some((needed.iter().chain(wanted).map(place).collect(), record.len()));
            continue;
        };
        if record.len() != *width {
            let what = format!("{} fields: {width} are needed, as in the first line", record.len());
            problems.add(file.to_owned(), line, what);
            continue;
        }
        let field = |place: &Option<usize>| place.and_then(|at| record.get(at)).map(str::to_owned);
        rows.push(Chosen { line, fields: places.iter().map(field).collect() });
    }
    if header.is_none() {
        let all = needed.join(",");
        problems.add(file.to_owned(), 0, format!("empty: the first line must name {all}"));
    }
    rows
}
