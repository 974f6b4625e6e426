//! Records of the consent topic: reading them strictly, and writing what an opt-out signal taught.
//!
//! DESIGN §11 pins the form; docs/consent.md and docs/consent-record.schema.json tell it to those who write records. What
//! is not exactly of that form is not half-read: it denies everything to every subject that it names, and where it names
//! none, there is nothing but the reason. The trap: a record that cannot be read may be a withdrawal. So attribution goes
//! on where reading has failed, in a text that ends in the middle, too.
//! Errors are words of a closed list; nothing here quotes a record.

mod raw;
mod time;

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::{Choice, IndexKey, Stance, SubjectKey};
use crate::engine::consent::signals::says::{AgeBand, Precision};
use crate::engine::consent::{Purpose, SubjectKind};
use crate::engine::json::text::write_string;
use crate::engine::outcome::closed_list;
use crate::engine::token::{Canonical, canonical};
use raw::{Node, Raw, Value};

/// Bytes of a value that are read.
pub const MAX_BYTES: usize = 32 * 1024;

/// Characters of an id.
pub const MAX_ID: usize = 200;

/// Keys of heartbeats: this, and the number of the partition. No id starts so.
const HEARTBEAT: &str = "hb/";

closed_list! {
    /// Why a record of the consent topic cannot be read.
    UnreadableReason {
        /// The value is longer than 32 KiB.
        TooLarge = "too_large",
        /// The value is not UTF-8.
        NotUtf8 = "not_utf8",
        /// The value is not one JSON text, or one that is nested or long beyond any record.
        InvalidJson = "invalid_json",
        /// The value is not an object.
        Shape = "shape",
        /// A member that stands twice.
        Duplicate = "duplicate",
        /// A member that this version does not know.
        UnknownMember = "unknown_member",
        /// A member that must be there and is not.
        Missing = "missing",
        /// `v` is not 1.
        Version = "version",
        /// The key is not the id.
        Key = "key",
        /// `id` is not a text of 1 to 200 characters that starts otherwise than `hb/`.
        Id = "id",
        /// `subject` is not one kind with its value, or one key.
        Subject = "subject",
        /// `purposes` is empty, or names a purpose that this version does not know.
        Purpose = "purpose",
        /// A purpose is neither granted, denied, withdrawn nor objected to.
        Stance = "stance",
        /// `at` or `expires` is not an RFC 3339 time from 2000 to 2999.
        Time = "time",
        /// `precision` is none of ms, s, day.
        Precision = "precision",
        /// `source` is not 1 to 64 of `a-z`, `0-9`, `_`, `.`, `-`.
        Source = "source",
        /// `age_band` is none of child, teen, adult.
        AgeBand = "age_band",
        /// `guardian` is not a boolean.
        Guardian = "guardian",
        /// `overrides` is not a list with nothing but `gpc`.
        Overrides = "overrides",
        /// A heartbeat that is not one.
        Heartbeat = "heartbeat",
    }
}

closed_list! {
    /// Opt-out signals that are remembered for the account that they arrived with, as a record's `source` spells them.
    OptOutSource {
        /// Global Privacy Control.
        Gpc = "gpc",
        /// A US Privacy string.
        Usp = "usp",
        /// A US section of a GPP string.
        Gpp = "gpp",
    }
}

/// What a record says. No `Debug`: it is about a person.
pub enum ConsentRecord {
    /// A choice.
    Choice(Choice),
    /// The writer of this partition was alive then.
    Heartbeat {
        /// The partition, as the key says.
        partition: i32,
        /// When, Unix milliseconds.
        at_ms: i64,
    },
}

/// A record that cannot be read. No `Debug`: it names people.
pub struct Unreadable {
    /// Every subject that it names: all of them are denied everything ([`Choice::deny_all`]). None: count and alert.
    pub subjects: Vec<SubjectKey>,
    /// Why.
    pub reason: UnreadableReason,
}

/// Reads a record that has a value; one without is a tombstone, which says nothing.
///
/// # Errors
/// It is not exactly of the documented form.
pub fn read(key: Option<&[u8]>, value: &[u8], index: &IndexKey) -> Result<ConsentRecord, Unreadable> {
    let key = key.and_then(|key| std::str::from_utf8(key).ok());
    let raw = Raw::scan(value, MAX_BYTES);
    if let Some(partition) = key.and_then(|key| key.strip_prefix(HEARTBEAT)) {
        return read_heartbeat(partition, &raw)
            .ok_or(Unreadable { subjects: subjects(&raw, index), reason: UnreadableReason::Heartbeat });
    }
    read_choice(key, &raw, index)
        .map(ConsentRecord::Choice)
        .map_err(|reason| Unreadable { subjects: subjects(&raw, index), reason })
}

/// Key and value of the record that remembers an opt-out signal for the account that it arrived with; `None` without
/// purposes. The same arguments give the same id and bytes, and [`read`] gives statements of [`Stance::OptOut`]. Other
/// purposes make another id: compaction keeps one record of an id, and must not take a denial for a re-send of another.
/// Times outside 2000 to 2999 are moved to the edge.
pub fn learned(
    subject: SubjectKey,
    source: OptOutSource,
    purposes: &[Purpose],
    at_ms: i64,
) -> Option<(Vec<u8>, Vec<u8>)> {
    purposes.first()?;
    let at_ms = at_ms.clamp(time::EARLIEST_MS, time::LATEST_MS);
    let mut spelled = Vec::new();
    subject.write(&mut spelled);
    let spelled = String::from_utf8(spelled).ok()?;
    let mut sorted: Vec<&Purpose> = purposes.iter().collect();
    sorted.sort();
    sorted.dedup();
    let names =
        sorted.iter().fold(Sha256::new(), |names, purpose| names.chain_update(purpose.as_str()).chain_update("\n"));
    let names: [u8; 32] = names.finalize().into();
    let names = names.first_chunk().map_or(0, |first| u32::from_be_bytes(*first));
    let id = format!("learned/{source}/{}/{at_ms}/{names:08x}", spelled.trim_start_matches("sk1:"));
    let mut value = Vec::with_capacity(256);
    let mut member = |before: &str, text: &str| {
        value.extend_from_slice(before.as_bytes());
        write_string(text, &mut value);
    };
    member("{\"v\":1,\"id\":", &id);
    member(",\"subject\":{\"key\":", &spelled);
    let mut before = "},\"purposes\":{";
    for purpose in sorted {
        member(before, purpose.as_str());
        before = ":\"objected\",";
    }
    member(":\"objected\"},\"at\":", &time::write(at_ms)?);
    member(",\"precision\":\"ms\",\"source\":", source.as_str());
    value.push(b'}');
    Some((id.into_bytes(), value))
}

/// Every subject that is named where a record names its subject, whatever else is wrong.
fn subjects(raw: &Raw<'_>, index: &IndexKey) -> Vec<SubjectKey> {
    let mut subjects: Vec<SubjectKey> = Vec::new();
    for (name, named) in raw.members(raw.root()) {
        if name.as_deref() == Some("subject") {
            for (name, value) in raw.complete(named) {
                subjects.extend(name.and_then(|name| subject_key(&name, raw.value(value)?, index)));
            }
        }
    }
    subjects.sort_unstable();
    subjects.dedup();
    subjects
}

fn subject_key(name: &str, value: Value<'_>, index: &IndexKey) -> Option<SubjectKey> {
    match (SubjectKind::parse(name), canonical(value.as_scalar()), &value) {
        (Some(kind), Canonical::Text(text), _) => Some(index.subject(kind, text)),
        (None, _, Value::String(text)) if name == "key" => SubjectKey::parse(text),
        _ => None,
    }
}

fn read_heartbeat(partition: &str, raw: &Raw<'_>) -> Option<ConsentRecord> {
    let plain = partition.bytes().all(|b| b.is_ascii_digit()) && (partition == "0" || !partition.starts_with('0'));
    let partition = partition.parse().ok().filter(|_| plain)?;
    let members = Members::read(raw, &["v", "hb"]).ok()?;
    members.version().ok()?;
    let at = time::read(&members.text("hb").ok()??)?;
    Some(ConsentRecord::Heartbeat { partition, at_ms: at.ms })
}

const MEMBERS: &[&str] =
    &["v", "id", "subject", "purposes", "at", "precision", "source", "expires", "age_band", "guardian", "overrides"];

fn read_choice(key: Option<&str>, raw: &Raw<'_>, index: &IndexKey) -> Result<Choice, UnreadableReason> {
    use UnreadableReason as Why;
    let members = Members::read(raw, MEMBERS)?;
    members.version()?;
    let id = members.text("id")?.filter(|id| (1..=MAX_ID).contains(&id.chars().count())).ok_or(Why::Id)?;
    if id.starts_with(HEARTBEAT) {
        return Err(Why::Id);
    }
    if key != Some(&*id) {
        return Err(Why::Key);
    }
    let subject = {
        let object = members.required("subject")?;
        let mut named = raw.complete(object).filter(|_| object.is_object());
        match (named.next(), named.next()) {
            (Some((Some(name), node)), None) => {
                raw.value(node).and_then(|value| subject_key(&name, value, index)).ok_or(Why::Subject)?
            }
            _ => return Err(Why::Subject),
        }
    };
    let source = members.text("source")?.filter(|source| is_source(source)).ok_or(Why::Source)?;
    let opt_out = OptOutSource::ALL.iter().any(|known| known.as_str() == source);
    let precision = members.word("precision", Precision::ALL, Precision::as_str)?.ok_or(Why::Precision)?;
    let at = members.text("at")?.and_then(|at| time::read(&at)).ok_or(Why::Time)?.moment(precision);
    let expires_ms = match members.find("expires") {
        Some(node) => Some(raw.string(node).and_then(|text| time::read(&text)).ok_or(Why::Time)?.ms),
        None => None,
    };
    let age = match members.find("age_band") {
        Some(_) => Some(members.word("age_band", AgeBand::ALL, AgeBand::as_str)?.ok_or(Why::AgeBand)?),
        None => None,
    };
    let guardian = match members.find("guardian").map(|node| raw.value(node)) {
        None => false,
        Some(Some(Value::Bool(yes))) => yes,
        Some(_) => return Err(Why::Guardian),
    };
    let overrides_gpc = match members.find("overrides") {
        None => false,
        Some(list) => {
            let words: Vec<_> = raw.members(Some(list)).map(|(_, node)| raw.string(node)).collect();
            let known = words.iter().all(|word| word.as_deref() == Some("gpc"));
            if !list.is_array() || !known || words.len() > 1 {
                return Err(Why::Overrides);
            }
            !words.is_empty()
        }
    };
    let statements = read_purposes(raw, members.required("purposes")?, opt_out)?;
    Ok(Choice { subject, statements, everything_denied: false, at, expires_ms, age, guardian, overrides_gpc })
}

fn read_purposes(raw: &Raw<'_>, object: &Node, opt_out: bool) -> Result<Vec<(Purpose, Stance)>, UnreadableReason> {
    let mut statements: Vec<(Purpose, Stance)> = Vec::with_capacity(4);
    for (name, node) in raw.members(Some(object).filter(|object| object.is_object())) {
        let purpose = name.and_then(|name| Purpose::parse(&name)).ok_or(UnreadableReason::Purpose)?;
        if statements.iter().any(|(known, _)| *known == purpose) {
            return Err(UnreadableReason::Duplicate);
        }
        let stance = match raw.string(node).as_deref() {
            Some("granted") => Stance::Granted,
            Some("denied") => Stance::Denied,
            Some("withdrawn") => Stance::Withdrawn,
            Some("objected") if opt_out => Stance::OptOut,
            Some("objected") => Stance::Objected,
            _ => return Err(UnreadableReason::Stance),
        };
        statements.push((purpose, stance));
    }
    if statements.is_empty() { Err(UnreadableReason::Purpose) } else { Ok(statements) }
}

fn is_source(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-'))
}

/// The members of a record, each at most once and each of a known name.
struct Members<'r, 'a> {
    raw: &'r Raw<'a>,
    found: Vec<(Cow<'a, str>, &'r Node)>,
}

impl<'r, 'a> Members<'r, 'a> {
    fn read(raw: &'r Raw<'a>, known: &[&str]) -> Result<Members<'r, 'a>, UnreadableReason> {
        if let Some(fault) = raw.fault() {
            return Err(fault);
        }
        let root = raw.root().filter(|root| root.is_object()).ok_or(UnreadableReason::Shape)?;
        let mut found: Vec<(Cow<'a, str>, &Node)> = Vec::with_capacity(known.len());
        for (name, node) in raw.members(Some(root)) {
            let name = name.filter(|name| known.contains(&name.as_ref())).ok_or(UnreadableReason::UnknownMember)?;
            if found.iter().any(|(known, _)| *known == name) {
                return Err(UnreadableReason::Duplicate);
            }
            found.push((name, node));
        }
        Ok(Members { raw, found })
    }

    fn find(&self, name: &str) -> Option<&'r Node> {
        self.found.iter().find(|(known, _)| known == name).map(|(_, node)| *node)
    }

    fn required(&self, name: &str) -> Result<&'r Node, UnreadableReason> {
        self.find(name).ok_or(UnreadableReason::Missing)
    }

    /// What a required member says; `None` if it is no string.
    fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, UnreadableReason> {
        Ok(self.raw.string(self.required(name)?))
    }

    /// The member of a closed list that a required member names.
    fn word<T: Copy>(
        &self,
        name: &str,
        all: &[T],
        as_str: fn(T) -> &'static str,
    ) -> Result<Option<T>, UnreadableReason> {
        let text = self.text(name)?;
        Ok(all.iter().copied().find(|word| text.as_deref() == Some(as_str(*word))))
    }

    fn version(&self) -> Result<(), UnreadableReason> {
        match self.raw.value(self.required("v")?) {
            Some(Value::Number("1")) => Ok(()),
            _ => Err(UnreadableReason::Version),
        }
    }
}
