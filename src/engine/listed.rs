//! Headers that the policy lists: read, looked at by detectors and masked once for all outputs of a record.
//!
//! The trap is work: every event on every route carries them, so that doing it there would cost events × routes × bytes.

use std::ops::Range;

use crate::engine::compile::Compiled;
use crate::engine::detect::{Hit, Kind};
use crate::engine::outcome::QuarantineReason;
use crate::engine::policy::model::Policy;
use crate::engine::record::Record;
use crate::engine::redact;
use crate::engine::report::DetectAction;

/// The listed headers of one record; buffers are reused. No `Debug`: they are values.
#[derive(Default)]
pub(in crate::engine) struct ListedHeaders {
    ready: bool,
    bytes: Vec<u8>,
    /// Number of the name in the policy, and where the value is.
    headers: Vec<(usize, Range<usize>)>,
    /// Names and values together, as every output carries them.
    size: usize,
    found: [u32; Kind::ALL.len()],
    refused: bool,
}

impl ListedHeaders {
    pub(in crate::engine) fn clear(&mut self) {
        if !self.ready {
            return;
        }
        self.ready = false;
        self.bytes.clear();
        self.headers.clear();
        self.size = 0;
        self.found = Default::default();
        self.refused = false;
    }

    /// Reads them, if this record's were not read yet. Error: `detected`, where the policy says so.
    pub(in crate::engine) fn prepare(
        &mut self,
        compiled: &Compiled,
        record: &Record<'_>,
        hits: &mut Vec<Hit>,
    ) -> Result<(), QuarantineReason> {
        if !self.ready {
            self.ready = true;
            for (number, name) in compiled.policy.record.headers.iter().enumerate() {
                for header in record.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)) {
                    self.take(number, name, header.value, compiled, hits);
                }
            }
        }
        if self.refused { Err(QuarantineReason::Detected) } else { Ok(()) }
    }

    /// Text only, with detectors over it as over any kept field.
    fn take(&mut self, number: usize, name: &str, value: Option<&[u8]>, compiled: &Compiled, hits: &mut Vec<Hit>) {
        let Some(Ok(text)) = value.map(std::str::from_utf8) else { return };
        compiled.detector.text(text, hits);
        let from = self.bytes.len();
        if hits.is_empty() {
            self.bytes.extend_from_slice(text.as_bytes());
        } else {
            for hit in hits.iter() {
                if let Some(count) = self.found.get_mut(hit.kind.index()) {
                    *count += 1;
                }
            }
            match DetectAction::of(compiled.policy.detect.on_hit) {
                None => {
                    self.refused = true;
                    return;
                }
                Some(DetectAction::Drop) => return,
                Some(_) => self.bytes.extend_from_slice(redact::text(text, hits).as_bytes()),
            }
        }
        self.headers.push((number, from..self.bytes.len()));
        self.size += name.len() + self.bytes.len() - from;
    }

    /// Bytes of names and values together, and how many headers there are.
    pub(in crate::engine) fn size(&self) -> (usize, usize) {
        (self.size, self.headers.len())
    }

    /// How often each kind was found.
    pub(in crate::engine) fn found(&self) -> impl Iterator<Item = (Kind, u32)> {
        Kind::ALL.iter().copied().zip(self.found).filter(|(_, count)| *count > 0)
    }

    /// Names and values, in the order of the policy.
    pub(in crate::engine) fn iter<'a>(&'a self, policy: &'a Policy) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.headers.iter().map(|(number, value)| {
            let name = policy.record.headers.get(*number).map_or("", |name| name.as_str());
            (name, self.bytes.get(value.clone()).unwrap_or(&[]))
        })
    }
}
