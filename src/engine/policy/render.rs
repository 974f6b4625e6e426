//! Problems as text for people: `file:line:col`, the line, a caret, and help.
//!
//! Colour only when the caller asks: whether there is a terminal is for the command line to know.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::SourceFile;
use super::model::FilePlace;
use super::problem::{Label, Problem, Severity, Span};

/// Columns of the output. Fixed, so that a problem looks the same everywhere.
const WIDTH: usize = 120;

/// Renders problems, separated by empty lines; ends with a line feed unless there is none.
pub fn render(problems: &[Problem], files: &[SourceFile], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(WIDTH);
    let mut out = String::new();
    for problem in problems {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&renderer.render(&[group(problem, files)]));
        out.push('\n');
    }
    out
}

fn group<'a>(problem: &'a Problem, files: &'a [SourceFile]) -> Group<'a> {
    let level = match problem.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = Group::with_title(level.primary_title(problem.message.as_str()).id(problem.code.as_str()));
    let mut named = vec![problem.at.span.file];
    for label in &problem.others {
        if !named.contains(&label.span.file) {
            named.push(label.span.file);
        }
    }
    for file in named {
        let Some(source) = files.get(file) else { continue };
        let here: Vec<&Label> =
            std::iter::once(&problem.at).chain(&problem.others).filter(|l| l.span.file == file).collect();
        let window = window(&here, &source.text);
        let text = source.text.get(window.clone()).unwrap_or_default();
        let first_line = source.text.get(..window.start).unwrap_or_default().matches('\n').count() + 1;
        let mut snippet = Snippet::source(text).line_start(first_line).path(source.name.as_str());
        for label in here {
            let kind = if std::ptr::eq(label, &problem.at) { AnnotationKind::Primary } else { AnnotationKind::Context };
            snippet = snippet.annotation(annotation(kind, label, text, window.start));
        }
        group = group.element(snippet);
    }
    match &problem.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

/// The whole lines that the labels lie on, and what is between them: the renderer walks all it is given.
fn window(labels: &[&Label], text: &str) -> Range<usize> {
    let first = labels.iter().map(|label| label.span.start).min().unwrap_or(0).min(text.len());
    let last = labels.iter().map(|label| label.span.start).max().unwrap_or(0).min(text.len());
    let start = text.get(..first).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let end = text.get(last..).and_then(|after| after.find('\n')).map_or(text.len(), |at| last + at + 1);
    start..end
}

/// Only the first line of a span is marked: a mapping may be hundreds of lines long.
fn annotation<'a>(kind: AnnotationKind, label: &'a Label, text: &str, offset: usize) -> Annotation<'a> {
    let (start, end) = (label.span.start.saturating_sub(offset), label.span.end.saturating_sub(offset));
    let covered = text.get(start..end.min(text.len())).unwrap_or_default();
    let first = covered.lines().next().unwrap_or_default();
    let annotation = kind.span(start..start + first.len());
    if label.text.is_empty() { annotation } else { annotation.label(label.text.as_str()) }
}

/// Where a span starts, for people: line and column count from 1, columns in characters.
pub fn place(span: Span, files: &[SourceFile]) -> FilePlace {
    let (file, text) = match files.get(span.file) {
        Some(source) => (source.name.clone(), source.text.as_str()),
        None => (String::new(), ""),
    };
    let before = text.get(..span.start.min(text.len())).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    FilePlace { file, line: before.matches('\n').count() + 1, column }
}
