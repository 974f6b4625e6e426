//! Files of cases: events, and what must come of them on every route.
//!
//! JSON texts may be broken over lines for reading: a line break and the spaces around it are taken out before use, so
//! what is compared is exact in everything else.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A file of cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseFile {
    tamis_cases: u32,
    /// The policy, beside this file.
    pub(super) policy: String,
    /// The time of every case that does not say its own.
    pub(super) now: String,
    /// Record headers of every case; a case's own are added.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// Choices that hold for every case, as records of the consent topic; a case's own are added.
    #[serde(default)]
    pub(super) choices: Vec<String>,
    /// What no output of any case may contain.
    #[serde(default)]
    pub(super) must_not_contain: Vec<String>,
    pub(super) cases: Vec<Case>,
}

/// One record, and what must come of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    /// One event as JSON; where the policy splits batches, it is wrapped as a batch of one.
    #[serde(default)]
    pub(super) event: Option<String>,
    /// The whole record value as JSON (or whatever the case is about), instead of `event`.
    #[serde(default)]
    pub(super) value: Option<String>,
    /// A record without value or event is a tombstone only if it says so.
    #[serde(default)]
    pub(super) tombstone: bool,
    #[serde(default)]
    pub(super) key: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// RFC 3339; the record's own time. `now` unless said.
    #[serde(default)]
    pub(super) timestamp: Option<String>,
    #[serde(default)]
    pub(super) now: Option<String>,
    /// What people chose before.
    #[serde(default)]
    pub(super) choices: Vec<String>,
    pub(super) expect: Expect,
    /// What the output records must be beside their values; by route, of the first event.
    #[serde(default)]
    pub(super) records: BTreeMap<String, ExpectRecord>,
    #[serde(default)]
    pub(super) must_not_contain: Vec<String>,
}

/// One word for all routes, or each on its own.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Expect {
    Everywhere(String),
    Routes(BTreeMap<String, OneOrMany>),
}

/// For one event, or for each event of a batch in order.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn of(&self, event: usize) -> Option<&str> {
        match self {
            OneOrMany::One(text) => (event == 0).then_some(text),
            OneOrMany::Many(texts) => texts.get(event).map(String::as_str),
        }
    }

    pub(super) fn count(&self) -> usize {
        match self {
            OneOrMany::One(_) => 1,
            OneOrMany::Many(texts) => texts.len(),
        }
    }
}

/// Parts of an output record beside its value; what is not said is not compared.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectRecord {
    #[serde(default)]
    pub(super) key: Option<String>,
    #[serde(default)]
    pub(super) timestamp: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
}

impl CaseFile {
    /// Reads a file. Its text is made up, so problems may quote it.
    pub(super) fn read(bytes: &[u8]) -> Result<CaseFile, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())?;
        let file: CaseFile = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        if file.tamis_cases != 1 {
            return Err(format!("`tamis_cases: {}` is not known; this version reads 1", file.tamis_cases));
        }
        if file.cases.is_empty() {
            return Err("no cases".to_owned());
        }
        for case in &file.cases {
            let given =
                usize::from(case.event.is_some()) + usize::from(case.value.is_some()) + usize::from(case.tombstone);
            if given != 1 {
                return Err(format!("case `{}`: one of `event`, `value` or `tombstone: true` is needed", case.name));
            }
        }
        Ok(file)
    }
}

/// Takes out line breaks and the spaces around them.
pub(super) fn joined(text: &str) -> String {
    text.lines().map(str::trim).collect()
}
