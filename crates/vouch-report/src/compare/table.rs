//! A document of short texts and tables, as console text, Markdown or HTML.

use super::matrix::MatrixFormat;
use crate::markdown::inline;
use crate::outside_text::line;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::fmt::Write as _;

/// A part of a document. All texts in it are safe for a terminal.
#[derive(Clone, Debug)]
pub(super) enum Block {
    Heading(String),
    Text(String),
    Table { head: Vec<&'static str>, rows: Vec<Vec<String>> },
}

/// The document in a format. `title` names it where a format has one.
pub(super) fn render(title: &str, blocks: &[Block], format: MatrixFormat) -> String {
    match format {
        MatrixFormat::Console => blocks.iter().map(console).collect::<Vec<_>>().join("\n"),
        MatrixFormat::Markdown => {
            format!("# {title}\n\n") + &blocks.iter().map(markdown).collect::<Vec<_>>().join("\n")
        }
        MatrixFormat::Html => page(title, title, &html! { @for block in blocks { (element(block)) } }).into_string(),
    }
}

fn console(block: &Block) -> String {
    match block {
        Block::Heading(text) | Block::Text(text) => format!("{}\n", line(text)),
        Block::Table { head, rows } => {
            let head: Vec<_> = head.iter().map(|&text| text.to_owned()).collect();
            let all: Vec<Vec<String>> =
                std::iter::once(&head).chain(rows).map(|row| row.iter().map(|text| line(text)).collect()).collect();
            let width =
                |column: usize| all.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max();
            let widths: Vec<_> = (0..head.len()).map(|column| width(column).unwrap_or(0)).collect();
            all.iter().fold(String::new(), |mut text, row| {
                let mut one = String::from("  ");
                for (cell, width) in row.iter().zip(&widths) {
                    let _ = write!(one, "{cell:<width$}  ");
                }
                text += one.trim_end();
                text.push('\n');
                text
            })
        }
    }
}

fn markdown(block: &Block) -> String {
    let row = |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    match block {
        Block::Heading(text) => format!("## {}\n", inline(text)),
        Block::Text(text) => format!("{}\n", inline(text)),
        Block::Table { head, rows } => {
            let mut text = row(&mut head.iter().map(|&text| text.to_owned()));
            text += &row(&mut head.iter().map(|_| "---".to_owned()));
            rows.iter().for_each(|cells| text += &row(&mut cells.iter().map(|cell| inline(cell))));
            text
        }
    }
}

/// The colours have a contrast of at least 4.5 to 1.
const STYLE: &str = ":root { color-scheme: light dark; }
body { font: 1rem/1.4 system-ui, sans-serif; margin: 1rem; }
table { border-collapse: collapse; margin-bottom: 2rem; display: block; overflow-x: auto; }
caption { font-weight: bold; text-align: left; }
th, td { border: 1px solid #888; padding: 0.2rem 0.6rem; text-align: left; vertical-align: top; }
.violated { background: #b00020; color: #fff; font-weight: bold; }
";

/// A page that needs no other file.
pub(super) fn page(title: &str, heading: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { "Vouch: " (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { h1 { (heading) } (body) } }
        }
    }
}

fn element(block: &Block) -> Markup {
    html! {
        @match block {
            Block::Heading(text) => h2 { (line(text)) },
            Block::Text(text) => p { (line(text)) },
            Block::Table { head, rows } => table {
                tr { @for cell in head { th scope="col" { (cell) } } }
                @for row in rows {
                    tr { @for (column, cell) in row.iter().enumerate() {
                        @if column == 0 { th scope="row" { (line(cell)) } } @else { td { (line(cell)) } }
                    } }
                }
            },
        }
    }
}
