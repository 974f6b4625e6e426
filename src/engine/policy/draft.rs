//! A policy while it is being read: what could be understood, with its places.
//!
//! The reader fills it as far as it can, so that checks across lines still run when some lines are wrong; what could
//! not be read is absent, and `complete` says where a check must not conclude from an absence.

use crate::engine::action::Action;
use crate::engine::consent::{PlaceSource, Preset, Purpose, SubjectKind};
use crate::engine::path::Selector;

use super::model::{Consent, Detect, Partition, Source, TokenDomain};
use super::problem::Span;

/// Something and where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) file: usize,
    pub(super) name: Option<At<String>>,
    pub(super) topics: Vec<At<String>>,
    pub(super) split: Option<At<Selector>>,
    /// `input.split` is written, readable or not.
    pub(super) has_split: bool,
    pub(super) time: Option<At<Source>>,
    pub(super) subjects: Vec<(SubjectKind, Source)>,
    pub(super) law: DraftLaw,
    pub(super) consent: Consent,
    /// Where `consent` stands.
    pub(super) consent_span: Option<Span>,
    /// Where `consent.table: required` stands.
    pub(super) table: Option<Span>,
    pub(super) domains: Vec<(At<String>, TokenDomain)>,
    pub(super) routes: Vec<DraftRoute>,
    pub(super) rules: Vec<DraftRule>,
    /// Some rule could not be read: say nothing about what is missing.
    pub(super) rules_incomplete: bool,
    pub(super) record: DraftRecord,
    pub(super) detect: Option<Detect>,
    /// Everything that a value is read from.
    pub(super) sources: Vec<At<Source>>,
    /// Every use of `envelope.`
    pub(super) envelopes: Vec<Span>,
}

#[derive(Debug, Default)]
pub(super) struct DraftLaw {
    pub(super) span: Option<Span>,
    pub(super) preset: Option<Preset>,
    pub(super) country: Option<PlaceSource>,
    pub(super) region: Option<PlaceSource>,
    pub(super) has_country: bool,
    pub(super) age: Option<Source>,
}

#[derive(Debug)]
pub(super) struct DraftRoute {
    pub(super) topic: At<String>,
    pub(super) requires: Vec<At<Purpose>>,
    pub(super) serves: Vec<At<Purpose>>,
    pub(super) tokens: Option<At<String>>,
    /// `tokens` is written, readable or not.
    pub(super) has_tokens: bool,
    /// Both lists of purposes could be read.
    pub(super) complete: bool,
}

impl DraftRoute {
    /// Whether the route lists the purpose.
    pub(super) fn lists(&self, purpose: &Purpose) -> bool {
        self.requires.iter().chain(&self.serves).any(|listed| listed.value == *purpose)
    }
}

#[derive(Debug)]
pub(super) struct DraftRule {
    pub(super) written: String,
    pub(super) selector: Selector,
    /// The selector's place.
    pub(super) span: Span,
    pub(super) action: At<Action>,
    pub(super) category: Option<At<String>>,
    pub(super) needs: Vec<At<Purpose>>,
    /// Bit `i` is `routes[i]`.
    pub(super) routes: u64,
    /// Shared by all routes, or of one.
    pub(super) shared: bool,
}

#[derive(Debug, Default)]
pub(super) struct DraftRecord {
    pub(super) key: Option<At<Source>>,
    pub(super) has_key: bool,
    pub(super) partition: Option<At<Partition>>,
    pub(super) timestamp: Option<At<i64>>,
    pub(super) headers: Vec<At<String>>,
    /// Where `tombstones: forward` stands.
    pub(super) tombstones: Option<Span>,
}
