//! What was heard, told: to the counters, and to those who ask why.

use super::Signals;
use crate::engine::compile::Compiled;
use crate::engine::consent::choice::Stance;
use crate::engine::consent::signals::gpp::Gpc;
use crate::engine::consent::signals::says::Moment;
use crate::engine::consent::{PurposeSet, Resolver};
use crate::engine::report::{Layout, SignalKind, SignalResult};
use crate::engine::work::Results;

impl Signals {
    /// What each kind of signal says, for explanations; `gpc`: what Global Privacy Control denies in this place.
    pub(in crate::engine) fn voices(
        &self,
        resolver: &Resolver,
        gpc: PurposeSet,
    ) -> impl Iterator<Item = (SignalKind, Stance, PurposeSet, Option<Moment>)> {
        let if_on = |on: bool| if on { gpc } else { PurposeSet::EMPTY };
        let kinds = SignalKind::ALL.iter().zip(&self.seen).flat_map(move |(kind, seen)| {
            [
                (*kind, Stance::Granted, seen.granted, seen.at),
                (*kind, Stance::Denied, seen.denied, None),
                (*kind, Stance::OptOut, resolver.of_known(seen.opted_out), None),
            ]
        });
        let gpc = [
            (SignalKind::Gpc, Stance::OptOut, if_on(self.gpc_on), None),
            (SignalKind::Gpp, Stance::OptOut, if_on(self.gpc_in_gpp.is_some_and(Gpc::applies)), None),
            (SignalKind::OneTrust, Stance::OptOut, if_on(self.gpc_in_onetrust.is_some_and(Gpc::applies)), None),
        ];
        kinds.chain(gpc).filter(|(_, _, purposes, _)| !purposes.is_empty())
    }

    /// What came of looking for each kind of signal that the policy asks for.
    pub(in crate::engine) fn found(&self, compiled: &Compiled) -> impl Iterator<Item = (SignalKind, SignalResult)> {
        compiled.sources.asked().flat_map(|kind| self.results(kind).map(move |result| (kind, result)))
    }

    fn results(&self, kind: SignalKind) -> impl Iterator<Item = SignalResult> {
        let seen = self.seen.get(kind.index()).copied().unwrap_or_default();
        let results = [
            (SignalResult::Ok, seen.ok),
            (SignalResult::Unmapped, seen.unmapped),
            (SignalResult::Strict, seen.strict),
            // `Any` is a sum that is made elsewhere.
            (SignalResult::Absent, !seen.ok && seen.refused.is_none() && kind != SignalKind::Any),
        ];
        let refused = seen.refused.map(SignalResult::Refused);
        results.into_iter().filter(|(_, on)| *on).map(|(result, _)| result).chain(refused)
    }

    /// Counts the signals that the policy asks for.
    pub(in crate::engine) fn count(&self, compiled: &Compiled, results: &mut Results) {
        let mut usable = false;
        for kind in compiled.sources.asked() {
            if self.touched >> kind.index() & 1 == 0 {
                if kind != SignalKind::Any {
                    results.count(Layout::signal(kind, SignalResult::Absent), 1);
                }
                continue;
            }
            for result in self.results(kind) {
                usable |= result == SignalResult::Ok && kind != SignalKind::Age;
                results.count(Layout::signal(kind, result), 1);
            }
        }
        if compiled.sources.asks(SignalKind::Any) {
            let result = if usable { SignalResult::Ok } else { SignalResult::Absent };
            results.count(Layout::signal(SignalKind::Any, result), 1);
        }
    }
}
