//! The wall on paper: as lines of text, and as SVG.

use super::{Drawn, Lang, Wall};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use ratatui::text::Span;
use ratatui::widgets::Widget;

/// A character's width and height in the picture, in pixels.
const CELL: (usize, usize) = (8, 18);

/// One frame as lines, blanks at their ends left out.
pub(in crate::cli) fn text(wall: &Wall, lang: Lang, size: (u16, u16)) -> String {
    let frame = frame(wall, lang, size);
    let lines = rows(&frame).map(|row| {
        let line: String = symbols(row).map(|(_, _, cell)| cell.symbol()).collect();
        line.trim_end().to_owned() + "\n"
    });
    lines.collect()
}

/// One frame as a picture.
pub(in crate::cli) fn svg(wall: &Wall, lang: Lang, size: (u16, u16)) -> String {
    let frame = frame(wall, lang, size);
    let (width, height) = (usize::from(size.0) * CELL.0, usize::from(size.1) * CELL.1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" \
         viewBox=\"0 0 {w} {h}\">\n<rect width=\"{w}\" height=\"{h}\" fill=\"#14181d\"/>\n\
         <g font-family=\"ui-monospace, Menlo, Consolas, 'Noto Sans Mono CJK SC', monospace\" \
         font-size=\"14\">\n",
        w = width + 2 * CELL.0,
        h = height + CELL.1,
    );
    for (y, row) in rows(&frame).enumerate() {
        let mut runs: Vec<(usize, usize, String, &Cell)> = Vec::new();
        for (x, wide, cell) in symbols(row) {
            match runs.last_mut() {
                // Chinese and Latin never share a run: each is as wide as its cells.
                Some((at, cells, run, of))
                    if *at + *cells == x
                        && (of.fg, of.modifier) == (cell.fg, cell.modifier)
                        && is_wide(of) == is_wide(cell) =>
                {
                    *cells += wide;
                    run.push_str(cell.symbol());
                }
                Some(_) | None => runs.push((x, wide, cell.symbol().to_owned(), cell)),
            }
        }
        for (x, cells, run, cell) in
            runs.into_iter().filter(|(_, _, run, _)| !run.trim().is_empty())
        {
            let weight = match cell.modifier.contains(Modifier::BOLD) {
                true => " font-weight=\"bold\"",
                false => "",
            };
            out += &format!(
                "<text x=\"{}\" y=\"{}\" textLength=\"{}\" fill=\"{}\"{weight} \
                 xml:space=\"preserve\">{}</text>\n",
                (x + 1) * CELL.0,
                (y + 1) * CELL.1 + 4,
                cells * CELL.0,
                colour(cell.fg),
                run.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
            );
        }
    }
    out + "</g>\n</svg>\n"
}

fn frame(wall: &Wall, lang: Lang, (width, height): (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut frame = Buffer::empty(area);
    Drawn { wall, lang, live: None }.render(area, &mut frame);
    frame
}

fn rows(frame: &Buffer) -> impl Iterator<Item = &[Cell]> {
    frame.content.chunks(usize::from(frame.area.width.max(1)))
}

/// The symbols of a row with their columns and widths: a wide one covers the cell after it.
fn symbols(row: &[Cell]) -> impl Iterator<Item = (usize, usize, &Cell)> {
    let mut next = 0;
    row.iter().enumerate().filter_map(move |(x, cell)| {
        if x < next {
            return None;
        }
        let wide = Span::raw(cell.symbol()).width().max(1);
        next = x + wide;
        Some((x, wide, cell))
    })
}

fn is_wide(cell: &Cell) -> bool {
    Span::raw(cell.symbol()).width() > 1
}

fn colour(of: Color) -> &'static str {
    match of {
        Color::Red => "#ff6b68",
        Color::Yellow => "#ffd866",
        Color::Cyan => "#66d9ef",
        Color::DarkGray => "#8a93a0",
        _ => "#dde3ea",
    }
}
