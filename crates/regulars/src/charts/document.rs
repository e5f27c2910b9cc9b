//! A page for people, which loads nothing.

use std::fmt::{Arguments, Write as _};

use super::{escaped, style};

/// A page that is being written.
pub(crate) struct Document {
    html: String,
}

impl Document {
    /// Begins a page with this title, which must be escaped, and with `css` beside the style of the charts.
    pub(crate) fn begin(title: Arguments<'_>, css: &str) -> Document {
        let mut document = Document { html: String::new() };
        document.push(format_args!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title}</title><style>{}{css}</style></head><body><main>",
            style::CSS
        ));
        document
    }

    /// Appends a line.
    pub(crate) fn push(&mut self, html: Arguments<'_>) {
        self.html.write_fmt(html).expect("a string takes everything");
        self.html.push('\n');
    }

    /// Appends a section of one picture.
    pub(crate) fn figure(&mut self, title: &str, picture: &str, caption: &str) {
        let (title, caption) = (escaped(title), escaped(caption));
        self.push(format_args!(
            "<section><h2>{title}</h2><figure>{picture}<figcaption>{caption}</figcaption></figure></section>"
        ));
    }

    /// Ends the page after `footer`.
    pub(crate) fn end(mut self, footer: Arguments<'_>) -> String {
        self.push(format_args!("{footer}</main></body></html>"));
        self.html
    }
}
