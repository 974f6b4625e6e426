//! Why an event came out as it did, for people: places, choices and rules by the names that policies and presets give
//! them, never a value of the event.
//!
//! The trap would be an explanation that differs from the decision. So nothing is decided here: the record goes through
//! [`Engine::process`]; then the resolver is asked, purpose by purpose, what it said and why, and the walk over the fields is
//! made once more, for the counts that it leaves behind.

use super::consent::choice::{Judged, Stance, Unavailable};
use super::consent::signals::says::{AgeBand, Moment};
use super::consent::{Evidence, Purpose, Regime, SubjectKind};
use super::detect::Kind;
use super::outcome::{CloseReason, Effect, Opening, Outcome, QuarantineReason};
use super::output::{self, OnRoute};
use super::record::Record;
use super::report::{DetectAction, Report, SignalKind, SignalResult};
use super::work::Work;
use super::{Engine, Facts};

/// One event and what became of it.
pub struct Explanation {
    /// Its number in the record; `None`: the record is no text with events.
    pub index: Option<u32>,
    /// What became of it.
    pub outcome: Outcome,
    /// What is known of it; `None` where nothing could be read.
    pub known: Option<Known>,
    /// Every route, in the order of the policy.
    pub routes: Vec<RouteExplained>,
}

/// What is known of an event, beside its fields.
pub struct Known {
    /// The earliest of the event's own time, the record's and now; `None`: unusable.
    pub event_ms: Option<i64>,
    /// The rows of the preset that hold; all of them where the place is unknown.
    pub places: Vec<String>,
    /// Whether the preset knows the place.
    pub place_known: bool,
    /// Whose choices were asked for; `None`: the policy asks nobody.
    pub subjects: Option<Vec<SubjectKind>>,
    /// A subject stands there twice, or cannot be read.
    pub ambiguous: bool,
    /// The youngest that anybody says.
    pub age: Option<AgeBand>,
    /// What came of looking for each signal that the policy reads.
    pub signals: Vec<(SignalKind, SignalResult)>,
    /// Denials that the consent topic is told, for the account.
    pub learned: usize,
}

/// One route for one event.
pub struct RouteExplained {
    /// What became of it.
    pub opening: Opening,
    /// What it requires, then what it serves; empty where nothing could be read.
    pub purposes: Vec<PurposeExplained>,
    /// Fields by rule (`None`: no rule named them), what was done, how many. Empty where the route is not open.
    pub fields: Vec<(Option<usize>, Effect, u64)>,
    /// What detectors found there.
    pub found: Vec<(Kind, DetectAction, u64)>,
}

/// One purpose for one event.
pub struct PurposeExplained {
    /// Its name.
    pub purpose: Purpose,
    /// The route does not open without it.
    pub required: bool,
    /// `None`: permitted.
    pub reason: Option<CloseReason>,
    /// What holds here for this person.
    pub regime: Regime,
    /// What holds here for an adult.
    pub usual: Regime,
    /// The row of the preset that says so, and its source.
    pub place: String,
    /// The source that the row names.
    pub source: String,
    /// How long a grant counts, in milliseconds.
    pub expiry_ms: i64,
    /// What subjects chose, in the order of the policy.
    pub choices: Vec<(SubjectKind, Judged)>,
    /// What signals of the event say about it.
    pub signals: Vec<(SignalKind, Stance, Option<Moment>)>,
}

impl Engine {
    /// Decides a record as [`Engine::process`] does, leaves the same in `work` and `report`, and says why, event by event.
    ///
    /// # Errors
    /// [`Unavailable`]: choices cannot be asked for now.
    pub fn explain(
        &self,
        record: &Record<'_>,
        facts: &Facts,
        work: &mut Work,
        report: &mut Report,
    ) -> Result<Vec<Explanation>, Unavailable> {
        self.process(record, facts, work, report)?;
        let whole = work.notes().any(|note| note.index().is_none());
        let value = record.value.filter(|_| !whole).and_then(|value| std::str::from_utf8(value).ok());
        Ok((0..work.events().len()).map(|event| self.explain_event(record, value, event, facts, work)).collect())
    }

    /// As [`Engine::refuse`], for a record that the caller could not read.
    pub fn explain_refused(
        &self,
        record: &Record<'_>,
        reason: QuarantineReason,
        work: &mut Work,
        report: &mut Report,
    ) -> Vec<Explanation> {
        self.refuse(record, reason, work, report);
        let quarantined = |_| RouteExplained {
            opening: Opening::Quarantined,
            purposes: Vec::new(),
            fields: Vec::new(),
            found: Vec::new(),
        };
        let routes = self.policy().routes.iter().map(quarantined).collect();
        vec![Explanation { index: None, outcome: Outcome::Quarantine(reason), known: None, routes }]
    }

    fn explain_event(
        &self,
        record: &Record<'_>,
        value: Option<&str>,
        index: usize,
        facts: &Facts,
        work: &mut Work,
    ) -> Explanation {
        let openings: Vec<Opening> =
            (0..self.policy().routes.len()).filter_map(|route| work.opening(index, route)).collect();
        let outcome =
            work.events().get(index).map_or(Outcome::Drop(super::outcome::DropReason::Empty), |it| it.outcome);
        let mut routes: Vec<RouteExplained> = openings
            .into_iter()
            .map(|opening| RouteExplained { opening, purposes: Vec::new(), fields: Vec::new(), found: Vec::new() })
            .collect();
        let Some((value, event)) = value.zip(work.tape.events.get(index).copied()) else {
            return Explanation { index: None, outcome, known: None, routes };
        };
        let compiled = self.compiled();
        work.gathered.gather(compiled, record, value, &work.tape, &event, facts.now_ms);
        let abouts = work.questions.abouts(index);
        let asked = self.asked(&abouts, work.purposes.as_deref());
        let evidence = work.gathered.evidence(compiled, record, facts.now_ms, asked);
        let (rows, place_known) = self.policy().law.preset.rows_at(evidence.country, evidence.region);
        let known = Known {
            event_ms: evidence.event_ms,
            places: rows.iter().map(|row| row.place.clone()).collect(),
            place_known,
            subjects: asked.map(|asked| asked.subjects.iter().map(|about| about.kind).collect()),
            ambiguous: asked.is_some_and(|asked| asked.ambiguous),
            age: evidence.youngest(),
            signals: work.gathered.signals.found(compiled).collect(),
            learned: work.learned().count(),
        };
        for (route, explained) in self.policy().routes.iter().zip(&mut routes) {
            let required = route.requires.iter().map(|purpose| (purpose, true));
            let served = route.serves.iter().filter(|purpose| !route.requires.contains(purpose));
            explained.purposes = required
                .chain(served.map(|purpose| (purpose, false)))
                .filter_map(|(purpose, required)| self.explain_purpose(purpose, required, &evidence, work))
                .collect();
        }
        let permitted = compiled.resolver.decide(&evidence).permitted();
        let moment = output::Moment::new(record, facts, &work.gathered);
        let range = self.range(value, event, work);
        for (number, explained) in routes.iter_mut().enumerate() {
            if !matches!(explained.opening, Opening::Open | Opening::Dropped(_)) {
                continue;
            }
            let on = OnRoute { engine: self, record, facts, moment, number, index: index as u32, permitted };
            let (mut written, mut journal, mut counts) = (Vec::new(), Vec::new(), Report::new(self));
            if let Some(walk) = on.walk(&work.tape, value) {
                // What comes out was kept the first time; here only the counts matter.
                let _ = walk.walk(event.root, range, &mut work.route, &mut written, &mut journal);
            }
            journal.into_iter().for_each(|(id, by)| counts.count(id, u64::from(by)));
            explained.fields = counts.fields().map(|(_, rule, effect, count)| (rule, effect, count)).collect();
            explained.found = counts.detections().map(|(_, kind, action, count)| (kind, action, count)).collect();
        }
        Explanation { index: Some(index as u32), outcome, known: Some(known), routes }
    }

    fn explain_purpose(
        &self,
        purpose: &Purpose,
        required: bool,
        evidence: &Evidence<'_>,
        work: &Work,
    ) -> Option<PurposeExplained> {
        let resolver = &self.compiled().resolver;
        let (country, region) = (evidence.country, evidence.region);
        let verdict = resolver.verdict(purpose, evidence)?;
        let usual = resolver.regime(country, region, purpose);
        let (rows, _) = self.policy().law.preset.rows_at(country, region);
        let row = rows.into_iter().find(|row| row.regime(purpose) == usual)?;
        let bit = resolver.set(std::slice::from_ref(purpose));
        let subjects = evidence.asked.map_or(&[][..], |asked| asked.subjects);
        let judged = subjects.iter().map(|about| {
            // Whoever chose nothing is silent, whatever the event carries: that is the signal's.
            let told = resolver.told(purpose, about, evidence).filter(|_| !about.history.0.is_empty());
            (about.kind, told.unwrap_or(Judged::Silent))
        });
        let voices = work.gathered.signals.voices(resolver, resolver.gpc_set(country, region));
        Some(PurposeExplained {
            purpose: purpose.clone(),
            required,
            reason: verdict.reason,
            regime: verdict.regime,
            usual,
            place: row.place.clone(),
            source: row.line(purpose).map_or(String::new(), |(_, source)| source.to_owned()),
            expiry_ms: resolver.expiry_ms(country, region),
            choices: judged.collect(),
            signals: voices
                .filter(|(_, _, purposes, _)| purposes.contains(bit))
                .map(|(kind, stance, _, at)| (kind, stance, at))
                .collect(),
        })
    }
}
