//! What can be wrong with a deployment file: a closed list of codes, and how a problem is shown.
//!
//! The same shape as the problems of policies (`file:line:col`, a caret, help), with codes of its own. Texts quote the
//! deployment file, but never what a secret's file holds.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::engine::outcome::closed_list;
use crate::engine::policy::SourceFile;
use crate::engine::policy::problem::Span;

closed_list! {
    /// What is wrong.
    Code {
        /// The file cannot be read at all.
        Unreadable = "unreadable",
        /// Not YAML, not UTF-8, or larger than any deployment file.
        Yaml = "yaml",
        /// A key that deployment files do not have.
        UnknownKey = "unknown-key",
        /// A key that this version does not do yet.
        Unsupported = "unsupported",
        /// A key that occurs twice.
        DuplicateKey = "duplicate-key",
        /// A key that must be there.
        MissingKey = "missing-key",
        /// A list where a mapping is meant, and the like.
        WrongType = "wrong-type",
        /// The right type, and not a value that can stand there.
        BadValue = "bad-value",
        /// A value listed twice.
        DuplicateValue = "duplicate-value",
        /// Not a duration.
        BadDuration = "bad-duration",
        /// Not a number of bytes.
        BadSize = "bad-size",
        /// A file that is named and cannot be used.
        BadFile = "bad-file",
        /// A file with a secret that others than its owner and group can read.
        OpenSecret = "open-secret",
        /// A secret written into the file itself.
        InlineSecret = "inline-secret",
        /// A client setting that the promises rest on.
        RefusedSetting = "refused-setting",
        /// A client setting that does not exist.
        UnknownSetting = "unknown-setting",
        /// Another output cluster under exactly-once delivery.
        TwoClusters = "two-clusters",
        /// At-least-once delivery without a key file for event ids.
        NoEventKey = "no-event-key",
        /// A consent topic without a key file for subjects.
        NoIndexKey = "no-index-key",
        /// The admin listener is open to others, and no token protects it.
        OpenAdmin = "open-admin",
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// One sentence.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    pub(super) fn new(code: Code, span: Span, message: impl Into<String>) -> Problem {
        Problem { code, message: message.into(), span, help: None }
    }

    pub(super) fn help(mut self, text: impl Into<String>) -> Problem {
        self.help = Some(text.into());
        self
    }
}

/// Every problem of one deployment file, in the order of the file.
#[derive(Clone, Debug)]
pub struct Problems {
    /// The file.
    pub file: SourceFile,
    /// At least one.
    pub list: Vec<Problem>,
}

/// Columns of the output. Fixed, so that a problem looks the same everywhere.
const WIDTH: usize = 120;

impl Problems {
    /// For people; colour only when the caller asks.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(WIDTH);
        let shown = self.list.iter().map(|problem| renderer.render(&[self.group(problem)]) + "\n");
        shown.collect::<Vec<_>>().join("\n")
    }

    fn group<'a>(&'a self, problem: &'a Problem) -> annotate_snippets::Group<'a> {
        let title = Level::ERROR.primary_title(problem.message.as_str()).id(problem.code.as_str());
        let text = self.file.text.as_str();
        let covered = text.get(problem.span.start..problem.span.end).unwrap_or_default();
        let end = problem.span.start + covered.lines().next().unwrap_or_default().len();
        let mark = AnnotationKind::Primary.span(problem.span.start..end);
        let group = title.element(Snippet::source(text).path(self.file.name.as_str()).annotation(mark));
        match &problem.help {
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        }
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}
