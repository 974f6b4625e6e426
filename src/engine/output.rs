//! One output record: the value, and what DESIGN §4 calls payload too: key, headers, timestamp.

use std::ops::Range;

use crate::engine::compile::KeyRule;
use crate::engine::consent::PurposeSet;
use crate::engine::evidence::Gathered;
use crate::engine::json::scan::Span;
use crate::engine::outcome::{DropReason, Opening, QuarantineReason};
use crate::engine::policy::model::Partition;
use crate::engine::record::Record;
use crate::engine::report::DetectAction;
use crate::engine::route::{RouteKey, RouteWalk};
use crate::engine::tape::Tape;
use crate::engine::work::{Output, OutputHeader, Placement, Work};
use crate::engine::{Engine, Facts};

/// Digest of the policy that made the record.
const POLICY: &str = "tamis-policy";
/// Purposes that the person permits, of those the route lists.
const PURPOSES: &str = "tamis-purposes";
/// Global Privacy Control was on.
const GPC: &str = "tamis-gpc";
/// The same for the same event on the same route, however often it is sent.
const EVENT_ID: &str = "tamis-event-id";

/// What a header costs besides its text.
const HEADER: usize = 32;

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
        let compiled = self.engine.compiled();
        results.listed.prepare(compiled, self.record, &mut work.route.hits)?;
        if !compiled.policy.record.headers.is_empty() {
            let action = DetectAction::of(compiled.policy.detect.on_hit).unwrap_or(DetectAction::Drop);
            for (kind, count) in results.listed.found() {
                results.journal.push((self.engine.layout().detection(self.number, kind, action), count));
            }
        }
        let key = match compiled.routes.get(self.number).map(|route| route.key) {
            None | Some(KeyRule::None | KeyRule::Withheld) => None,
            Some(KeyRule::Made(needs)) if !self.permitted.contains(needs) => None,
            // Events without the id have records without a key, as everywhere in Kafka.
            Some(KeyRule::Made(_)) => self.write_key(work),
        };
        self.add(key, Some(value), work)
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
        if self.engine.policy().record.forward_tombstones
            && let Some(key) = self.write_key(work)
            && let Ok(opening) = self.add(Some(key), None, work)
        {
            return opening;
        }
        Opening::Dropped(DropReason::Tombstone)
    }

    fn add(
        &self,
        key: Option<Range<usize>>,
        value: Option<Range<usize>>,
        work: &mut Work,
    ) -> Result<Opening, QuarantineReason> {
        let policy = self.engine.policy();
        let headers = self.write_headers(work);
        let step = policy.record.timestamp_step_ms.max(1);
        let timestamp = self.record.timestamp.map(|ms| ms - ms.rem_euclid(step));
        let placement = match policy.record.partition {
            Partition::Same => Placement::Same(self.record.partition),
            Partition::ByKey => Placement::ByKey,
        };
        let results = &mut work.results;
        let own = results.headers.get(headers.clone()).unwrap_or(&[]);
        let names: usize = own.iter().map(|header| header.name.len()).sum();
        let start = value.as_ref().or(key.as_ref()).map_or(0, |range| range.start);
        let (listed, listed_headers) = if value.is_some() { results.listed.size() } else { (0, 0) };
        let size = results.bytes.len() - start.min(results.bytes.len()) + names + listed;
        if size > self.engine.limits().output_bytes {
            return Err(QuarantineReason::OutputTooLarge);
        }
        // An empty header weighs something too.
        results.sent += size + HEADER * (own.len() + listed_headers);
        if results.sent > self.engine.limits().sent_bytes {
            return Err(QuarantineReason::TooMuchWork);
        }
        let (route, event) = (self.number, self.index);
        results.outputs.push(Output { route, event, key, value, headers, timestamp, placement });
        Ok(Opening::Open)
    }

    fn route_key(&self) -> Option<RouteKey<'_>> {
        let domain = self.engine.policy().routes.get(self.number)?.tokens.as_deref()?;
        Some(RouteKey::at(domain, self.facts.keys.domain(domain), self.moment.effective_ms))
    }

    fn write_key(&self, work: &mut Work) -> Option<Range<usize>> {
        let text = work.gathered.key()?;
        let RouteKey { domain, epoch, key: Some(key) } = self.route_key()? else { return None };
        let bytes = &mut work.results.bytes;
        let from = bytes.len();
        key.write_token(domain, epoch, "", text, bytes);
        Some(from..bytes.len())
    }

    fn write_headers(&self, work: &mut Work) -> Range<usize> {
        let compiled = self.engine.compiled();
        let first = work.results.headers.len();
        let results = &mut work.results;
        let mut own = |name, write: &mut dyn FnMut(&mut Vec<u8>)| {
            let from = results.bytes.len();
            write(&mut results.bytes);
            results.headers.push(OutputHeader { name, value: from..results.bytes.len() });
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
        first..work.results.headers.len()
    }
}
