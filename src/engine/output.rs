//! One output record: the value, and what DESIGN §4 calls payload too: key, headers, timestamp.

use crate::engine::consent::PurposeSet;
use crate::engine::evidence::Gathered;
use crate::engine::json::scan::Span;
use crate::engine::outcome::{DropReason, Opening, QuarantineReason};
use crate::engine::policy::model::Partition;
use crate::engine::record::Record;
use crate::engine::redact;
use crate::engine::report::DetectAction;
use crate::engine::route::{RouteKey, RouteWalk};
use crate::engine::tape::Tape;
use crate::engine::work::{HeaderName, Output, OutputHeader, Placement, Work};
use crate::engine::{Engine, Facts};

/// Digest of the policy that made the record.
const POLICY: &str = "tamis-policy";
/// Purposes that the person permits, of those the route lists.
const PURPOSES: &str = "tamis-purposes";
/// Global Privacy Control was on.
const GPC: &str = "tamis-gpc";
/// The same for the same event on the same route, however often it is sent.
const EVENT_ID: &str = "tamis-event-id";

/// When an event happened, for what depends on time.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Moment {
    /// The earliest of the client's clock, the record's timestamp and now: nobody gains by a clock that is ahead.
    effective_ms: i64,
    gpc: bool,
}

impl Moment {
    pub(in crate::engine) fn new(record: &Record<'_>, facts: &Facts, gathered: &Gathered) -> Moment {
        let known = [gathered.client_ms, record.timestamp].into_iter().flatten().min();
        Moment { effective_ms: known.unwrap_or(facts.now_ms).min(facts.now_ms), gpc: gathered.signals.gpc_is_on() }
    }
}

/// An event on one open route.
pub(in crate::engine) struct OnRoute<'a> {
    pub engine: &'a Engine,
    pub record: &'a Record<'a>,
    pub facts: &'a Facts,
    pub moment: Moment,
    pub number: usize,
    pub index: u32,
    pub permitted: PurposeSet,
}

impl OnRoute<'_> {
    /// Minimizes the event and adds the output record, if anything is left.
    pub(in crate::engine) fn send(
        &self,
        value: &str,
        root: u32,
        range: Span,
        work: &mut Work,
    ) -> Result<Opening, QuarantineReason> {
        let Some(walk) = self.walk(&work.tape, value) else {
            return Ok(Opening::Dropped(DropReason::Empty));
        };
        let results = &mut work.results;
        let from = results.bytes.len();
        if !walk.walk(root, range, &mut work.route, &mut results.bytes, &mut results.journal)? {
            results.bytes.truncate(from);
            return Ok(Opening::Dropped(DropReason::Empty));
        }
        let value = from..results.bytes.len();
        self.add(Some(value), work)
    }

    /// What decides every field; `None`: there is no such route.
    pub(in crate::engine) fn walk<'w>(&'w self, tape: &'w Tape, value: &'w str) -> Option<RouteWalk<'w>> {
        let compiled = self.engine.compiled();
        Some(RouteWalk {
            compiled,
            layout: self.engine.layout(),
            route: compiled.routes.get(self.number)?,
            number: self.number,
            permitted: self.permitted,
            key: self.route_key(),
            tape,
            value,
        })
    }

    /// Adds a tombstone, where the policy forwards them and the record has a key to make a token of.
    pub(in crate::engine) fn send_tombstone(&self, work: &mut Work) -> Opening {
        let forwarded = self.engine.policy().record.forward_tombstones && work.gathered.key().is_some();
        if forwarded
            && self.route_key().is_some_and(|key| key.key.is_some())
            && let Ok(opening) = self.add(None, work)
        {
            return opening;
        }
        Opening::Dropped(DropReason::Tombstone)
    }

    fn add(&self, value: Option<std::ops::Range<usize>>, work: &mut Work) -> Result<Opening, QuarantineReason> {
        let policy = self.engine.policy();
        let key = self.write_key(work);
        let headers = self.write_headers(work)?;
        let step = policy.record.timestamp_step_ms.max(1);
        let timestamp = self.record.timestamp.map(|ms| ms - ms.rem_euclid(step));
        let placement = match policy.record.partition {
            Partition::Same => Placement::Same(self.record.partition),
            Partition::ByKey => Placement::ByKey,
        };
        let results = &mut work.results;
        let names: usize = results.headers.get(headers.clone()).unwrap_or(&[]).iter().map(|h| h.name_len(policy)).sum();
        let start = value.as_ref().or(key.as_ref()).map_or(0, |range| range.start);
        if results.bytes.len() - start.min(results.bytes.len()) + names > self.engine.limits().output_bytes {
            return Err(QuarantineReason::OutputTooLarge);
        }
        let (route, event) = (self.number, self.index);
        results.outputs.push(Output { route, event, key, value, headers, timestamp, placement });
        Ok(Opening::Open)
    }

    fn route_key(&self) -> Option<RouteKey<'_>> {
        let domain = self.engine.policy().routes.get(self.number)?.tokens.as_deref()?;
        Some(RouteKey::at(domain, self.facts.keys.domain(domain), self.moment.effective_ms))
    }

    fn write_key(&self, work: &mut Work) -> Option<std::ops::Range<usize>> {
        let text = work.gathered.key()?;
        let RouteKey { domain, epoch, key: Some(key) } = self.route_key()? else { return None };
        let bytes = &mut work.results.bytes;
        let from = bytes.len();
        key.write_token(domain, epoch, "", text, bytes);
        Some(from..bytes.len())
    }

    fn write_headers(&self, work: &mut Work) -> Result<std::ops::Range<usize>, QuarantineReason> {
        let compiled = self.engine.compiled();
        let first = work.results.headers.len();
        for (listed, name) in compiled.policy.record.headers.iter().enumerate() {
            for header in self.record.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)) {
                self.write_listed(listed, header.value, work)?;
            }
        }
        let results = &mut work.results;
        let mut own = |name, write: &mut dyn FnMut(&mut Vec<u8>)| {
            let from = results.bytes.len();
            write(&mut results.bytes);
            results.headers.push(OutputHeader { name: HeaderName::Own(name), value: from..results.bytes.len() });
        };
        own(POLICY, &mut |out| out.extend_from_slice(compiled.policy.digest.as_bytes()));
        if let Some(route) = compiled.routes.get(self.number) {
            own(PURPOSES, &mut |out| {
                let mut separator = "";
                for (_, name) in route.lists.iter().filter(|(purpose, _)| self.permitted.contains(*purpose)) {
                    out.extend_from_slice(separator.as_bytes());
                    out.extend_from_slice(name.as_bytes());
                    separator = ",";
                }
            });
        }
        if self.moment.gpc {
            own(GPC, &mut |out| out.push(b'1'));
        }
        if self.facts.event_ids {
            let Record { topic, partition, offset, .. } = *self.record;
            let route = compiled.policy.routes.get(self.number).map_or("", |route| &route.topic);
            let coordinates = format!("{topic}/{partition}/{offset}/{}/{route}", self.index);
            own(EVENT_ID, &mut |out| self.facts.keys.event_id().write_token("event", 0, "", &coordinates, out));
        }
        Ok(first..work.results.headers.len())
    }

    /// A header that the policy lists: text only, with detectors over it as over any kept field.
    fn write_listed(&self, listed: usize, value: Option<&[u8]>, work: &mut Work) -> Result<(), QuarantineReason> {
        let Some(Ok(text)) = value.map(std::str::from_utf8) else { return Ok(()) };
        let hits = &mut work.route.hits;
        self.engine.compiled().detector.text(text, hits);
        let results = &mut work.results;
        let from = results.bytes.len();
        if hits.is_empty() {
            results.bytes.extend_from_slice(text.as_bytes());
        } else {
            let Some(action) = DetectAction::of(self.engine.policy().detect.on_hit) else {
                return Err(QuarantineReason::Detected);
            };
            for hit in hits.iter() {
                results.count(self.engine.layout().detection(self.number, hit.kind, action), 1);
            }
            if action == DetectAction::Drop {
                return Ok(());
            }
            results.bytes.extend_from_slice(redact::text(text, hits).as_bytes());
        }
        results.headers.push(OutputHeader { name: HeaderName::Listed(listed), value: from..results.bytes.len() });
        Ok(())
    }
}
