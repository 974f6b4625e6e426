//! What can be wrong with a policy: a closed list of codes, and the shape in which a problem is handed on.
//!
//! A code is a promise: it keeps its meaning, and a code that was released is never used for something else.
//! `docs/policy-problems.md` shows every one with an example. Severity belongs to the code, not to the occasion.

use crate::engine::outcome::closed_list;

closed_list! {
    /// How much a problem weighs.
    Severity {
        /// The policy is refused.
        Error = "error",
        /// The policy works, and probably does not say what its author means.
        Warning = "warning",
        /// Worth knowing; nothing to repair.
        Note = "note",
    }
}

closed_list! {
    /// What is wrong.
    Code {
        /// The file is not UTF-8.
        NotUtf8 = "not-utf8",
        /// The file is larger than any policy.
        FileTooLarge = "file-too-large",
        /// Not YAML, or nested or repeated beyond the limits.
        Yaml = "yaml",
        /// `tamis: 1` is missing or another version.
        LanguageVersion = "language-version",
        /// A key that the language does not have.
        UnknownKey = "unknown-key",
        /// A key or value that this version does not do yet.
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
        /// A plain scalar that other YAML readers take for something else.
        AmbiguousScalar = "ambiguous-scalar",
        /// Not a Kafka topic name.
        BadTopic = "bad-topic",
        /// Not a duration: a whole number and one of `s`, `m`, `h`, `d`.
        BadDuration = "bad-duration",
        /// Not a place that a value can be read from.
        BadSource = "bad-source",
        /// Not a country or region code.
        BadPlace = "bad-place",
        /// A kind of subject that does not exist.
        UnknownSubject = "unknown-subject",
        /// A purpose that does not exist.
        UnknownPurpose = "unknown-purpose",
        /// A category that does not exist.
        UnknownCategory = "unknown-category",
        /// An action that does not exist.
        UnknownAction = "unknown-action",
        /// A detector kind that does not exist.
        UnknownKind = "unknown-kind",
        /// A preset that does not exist.
        UnknownPreset = "unknown-preset",
        /// A token domain that `tokens` does not declare.
        UnknownDomain = "unknown-domain",
        /// Two actions in one rule, or none.
        OneAction = "one-action",
        /// Not JSONPath.
        SelectorSyntax = "selector-syntax",
        /// A selector longer than we read.
        SelectorTooLong = "selector-too-long",
        /// `[?…]`
        SelectorFilter = "selector-filter",
        /// `[1:3]`
        SelectorSlice = "selector-slice",
        /// `[-1]`
        SelectorNegativeIndex = "selector-negative-index",
        /// `['a','b']`
        SelectorUnion = "selector-union",
        /// An index although no rule names the other elements.
        IndexAlone = "index-alone",
        /// `envelope.`, `header.`, `key` or `timestamp` where a rule must name a field of the event.
        SourceAsRule = "source-as-rule",
        /// A source that can name several values.
        SourceNotSingle = "source-not-single",
        /// `envelope.` although no batch is split.
        EnvelopeWithoutSplit = "envelope-without-split",
        /// A source inside the batch, where only events are.
        SourceInBatch = "source-in-batch",
        /// `timestamp` where something else than a time is read.
        TimestampAsSource = "timestamp-as-source",
        /// A `split` path that is not names and then `[*]`.
        SplitShape = "split-shape",
        /// Two lines for the same fields.
        DuplicateSelector = "duplicate-selector",
        /// Two different actions that can meet on one field.
        Conflict = "conflict",
        /// A rule that never decides anything.
        NeverApplies = "never-applies",
        /// `needs` on a field that is dropped anyway.
        NeedsOnDrop = "needs-on-drop",
        /// `needs` that none of the rule's routes lists.
        NeedsUnlisted = "needs-unlisted",
        /// `$.x..*` keeps or transforms everything beneath.
        EverythingBeneath = "everything-beneath",
        /// A highly sensitive category kept without asking for `sensitive.use`.
        SensitiveKept = "sensitive-kept",
        /// An address that stays whole.
        WholeAddress = "whole-address",
        /// `.*` lets keys through as they came.
        KeyAsItCame = "key-as-it-came",
        /// A category that another rule on the same field does not expect.
        CategoryIgnored = "category-ignored",
        /// The selectors together need more states than we build.
        TooComplex = "too-complex",
        /// `requires: []`
        RequiresEmpty = "requires-empty",
        /// More routes than one policy can have.
        TooManyRoutes = "too-many-routes",
        /// More purposes than one policy can number.
        TooManyPurposes = "too-many-purposes",
        /// Choices are to be looked up, and no subject is named.
        NoSubjects = "no-subjects",
        /// A route on which nothing can leave.
        RouteWithoutRules = "route-without-rules",
        /// A purpose that no signal of this policy can grant.
        NoSignal = "no-signal",
        /// An output topic that some policy reads.
        OutputIsInput = "output-is-input",
        /// Two policies for one topic.
        TopicTwice = "topic-twice",
        /// Two policies with one name.
        PolicyTwice = "policy-twice",
        /// Tokens on a route that names no domain.
        TokenWithoutDomain = "token-without-domain",
        /// A domain that no route uses.
        UnusedDomain = "unused-domain",
        /// A domain that several policies share.
        SharedDomain = "shared-domain",
        /// A shared domain that rotates differently.
        DomainMismatch = "domain-mismatch",
        /// A record key that would leave as it came.
        RawKey = "raw-key",
        /// A route that drops, sometimes or always, what the record's key is made of.
        KeyWithheld = "key-withheld",
        /// A header that carries credentials or addresses.
        SensitiveHeader = "sensitive-header",
        /// `partition: by_key` without a key.
        PartitionWithoutKey = "partition-without-key",
        /// Tombstones without a key that says whose they are, for good.
        TombstoneKey = "tombstone-key",
        /// The record's timestamp says more than the event's own time may.
        TimestampFiner = "timestamp-finer",
        /// Detection is off without a written reason.
        DetectionOff = "detection-off",
        /// No country: every event is judged by the strictest rules.
        PlaceUnknown = "place-unknown",
    }
}

impl Code {
    /// How much it weighs.
    pub const fn severity(self) -> Severity {
        match self {
            Code::AmbiguousScalar
            | Code::EverythingBeneath
            | Code::SensitiveKept
            | Code::WholeAddress
            | Code::KeyAsItCame
            | Code::CategoryIgnored
            | Code::KeyWithheld
            | Code::SensitiveHeader
            | Code::RouteWithoutRules
            | Code::UnusedDomain
            | Code::TimestampFiner => Severity::Warning,
            Code::SharedDomain | Code::PlaceUnknown | Code::NoSignal => Severity::Note,
            _ => Severity::Error,
        }
    }
}

/// A stretch of a policy file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Which file: its place in what was handed to the reader.
    pub file: usize,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A stretch of a file and what to say about it; the text may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What, in a few words.
    pub text: String,
}

/// One thing that is wrong. All texts quote the policy, never a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem.
    pub code: Code,
    /// One sentence.
    pub message: String,
    /// The place that the problem is about.
    pub at: Label,
    /// Other places that matter, in any file.
    pub others: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    pub(super) fn new(code: Code, span: Span, message: impl Into<String>) -> Problem {
        let at = Label { span, text: String::new() };
        Problem { code, message: message.into(), at, others: Vec::new(), help: None }
    }

    pub(super) fn label(mut self, text: impl Into<String>) -> Problem {
        self.at.text = text.into();
        self
    }

    pub(super) fn other(mut self, span: Span, text: impl Into<String>) -> Problem {
        self.others.push(Label { span, text: text.into() });
        self
    }

    pub(super) fn help(mut self, text: impl Into<String>) -> Problem {
        self.help = Some(text.into());
        self
    }

    /// How much it weighs.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}
