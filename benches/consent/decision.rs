//! One decision: who the event is about, what they chose, what its signals say, three purposes.

use std::sync::Arc;

use tamis::engine::consent::choice::{Answers, Book, Choices, IndexKey, Purposes};
use tamis::engine::consent::signals::says::Says;
use tamis::engine::consent::signals::tcf::{self, Reader};
use tamis::engine::consent::{About, Asked, Evidence, Purpose, PurposeSet, Resolver, SubjectKind};
use tamis::engine::policy::{SourceFile, read};

const POLICY: &str = "tamis: 1\npolicy: measured\ninput: {topics: [in], time: $.at}\n\
    subjects: {account: $.account, device: $.device}\n\
    law: {preset: eea-us/2026-01, country: $.country}\n\
    consent: {table: required, tcf: {at: $.tcf, reader: publisher}}\n\
    routes:\n  out: {requires: [analytics.audience], serves: [ads.profile, storage.device]}\n\
    fields: {$.at: keep}\n";

/// What a worker has at hand.
pub(crate) struct Decision {
    resolver: Resolver,
    book: Book,
    purposes: Arc<Purposes>,
    required: PurposeSet,
    now_ms: i64,
}

impl Decision {
    pub(crate) fn new(now_ms: i64) -> Decision {
        let file = SourceFile::from_bytes("measured.yaml", POLICY.as_bytes());
        let policy = read(std::slice::from_ref(&file)).policies.pop().expect("the policy is right");
        let resolver = Resolver::new(&policy);
        let mut book = Book::new(IndexKey::new([7; 32]));
        let at = |days: i64| jiff::Timestamp::from_millisecond(now_ms - days * 86_400_000).expect("a time").to_string();
        let grants = r#""analytics.audience":"granted","ads.profile":"granted","storage.device":"granted""#;
        for (id, subject, days) in
            [("a", r#""account":"u-1""#, 90), ("b", r#""account":"u-1""#, 9), ("c", r#""device":"d-1""#, 30)]
        {
            let record = format!(
                r#"{{"v":1,"id":"{id}","subject":{{{subject}}},"purposes":{{{grants}}},"at":"{}","precision":"ms","source":"form"}}"#,
                at(days)
            );
            assert!(book.add(Some(id.as_bytes()), record.as_bytes(), now_ms).is_ok(), "the record is right");
        }
        let required = resolver.set(&[Purpose::parse("analytics.audience").expect("a purpose")]);
        Decision { resolver, purposes: book.purposes(), book, required, now_ms }
    }

    /// Whether the route opens. `string`: a TC string of the event, to be decoded; without it, its signals are known.
    pub(crate) fn decide(&self, string: Option<&str>) -> bool {
        let index = self.book.index();
        let subjects = [index.subject(SubjectKind::Account, "u-1"), index.subject(SubjectKind::Device, "d-1")];
        let mut answers = Answers::default();
        self.book.ask(&subjects, &mut |history| answers.push(history)).expect("a book can always be asked");
        let says = string.map_or(Ok(Says::default()), |text| {
            let string = tcf::decode(text).map_err(|_| ())?;
            string.says(Reader::Publisher, Default::default(), self.now_ms).map_err(|_| ())
        });
        let says = says.unwrap_or_default();
        let dated = says.at.map(|at| [(at, self.resolver.of_known(says.granted))]);
        let subjects = [
            About { kind: SubjectKind::Account, history: answers.get(0) },
            About { kind: SubjectKind::Device, history: answers.get(1) },
        ];
        let evidence = Evidence {
            country: Some("FR"),
            dated: dated.as_ref().map_or(&[], |dated| &dated[..]),
            event_ms: Some(self.now_ms - 1_000),
            now_ms: self.now_ms,
            asked: Some(Asked { purposes: &self.purposes, subjects: &subjects, ambiguous: false }),
            ..Evidence::SILENT
        };
        self.resolver.decide(&evidence).close_reason(self.required).is_none()
    }
}
