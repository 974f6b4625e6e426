//! What a GPP string says, section by section, as JSON and in words; and US Privacy strings, which are section 6 of it.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::{Ask, Form, Standard, tcf, to_json, words};
use crate::engine::consent::signals::gpp::{self, Gpc, Gpp, GppSays, Section, Value};
use crate::engine::consent::signals::says::{Known, Malformed, Refusal, Says};
use crate::engine::consent::signals::tcf::Reader;
use crate::engine::consent::signals::usp;

/// The answer to a GPP string.
///
/// # Errors
/// It cannot be decoded. A section that cannot be decoded is not an error of the string: it is read strictly, and said.
pub(super) fn answer(ask: Ask, text: &str) -> Result<String, Malformed> {
    let gpp = gpp::decode(text)?;
    let says = gpp.says(None, ask.reader.unwrap_or(Reader::Publisher), Known::EMPTY, ask.now_ms);
    let refused = match &says {
        Ok(_) => Vec::new(),
        Err(refusal) => refusals(&gpp, *refusal, ask),
    };
    Ok(match ask.form {
        Form::Json => {
            let sections = gpp.sections().iter().map(|section| section_json(section, ask)).collect();
            to_json(Standard::Gpp, version_1(), sections, &refused)
        }
        Form::Line => {
            let names: Vec<String> = gpp.sections().iter().map(name).collect();
            format!("gpp: {}: {}", names.join(", "), verdict_line(says.ok().as_ref(), &refused))
        }
        Form::Words => {
            let mut out = String::from("GPP string, version 1\n");
            for section in gpp.sections() {
                section_words(section, ask, &mut out);
            }
            verdict(says.ok().as_ref(), &refused, &mut out);
            out
        }
    })
}

/// The answer to a US Privacy string.
///
/// # Errors
/// It is none.
pub(super) fn answer_usp(ask: Ask, text: &str) -> Result<String, Malformed> {
    let usp = usp::decode(text)?;
    let (says, refused) = match usp.says() {
        Ok(says) => (Some(GppSays { says, gpc: Gpc::Absent, unknown: 0 }), Vec::new()),
        Err(refusal) => (None, vec![refusal]),
    };
    Ok(match ask.form {
        Form::Json => {
            let fields = object(|each| usp.fields(each));
            let sections = json!([{"id": 6, "name": "uspv1", "fields": fields}]);
            to_json(Standard::Usp, version_1(), sections, &refused)
        }
        Form::Line => format!("usp: {}", verdict_line(says.as_ref(), &refused)),
        Form::Words => {
            let mut out = String::from("US Privacy string, version 1\n");
            usp.fields(&mut |name, value| field_words(name, &value, &mut out));
            verdict(says.as_ref(), &refused, &mut out);
            out
        }
    })
}

fn version_1() -> Map<String, Json> {
    Map::from_iter([("version".to_owned(), Json::from(1))])
}

/// Why a string is refused. Without a reader it was asked for the publisher, which is no reason against a TC string that
/// has nothing for one.
fn refusals(gpp: &Gpp, refusal: Refusal, ask: Ask) -> Vec<Refusal> {
    if let Some(tcf) = gpp.sections().iter().find_map(Section::tcf) {
        return tcf.refusals(ask.reader, ask.now_ms).collect();
    }
    let asked_for_nobody = ask.reader.is_none() && refusal == Refusal::NoPublisherSegment;
    if asked_for_nobody { Vec::new() } else { vec![refusal] }
}

fn name(section: &Section) -> String {
    section.name().map_or_else(|| format!("section {}", section.id()), str::to_owned)
}

fn section_json(section: &Section, ask: Ask) -> Json {
    let mut json = Map::new();
    json.insert("id".to_owned(), section.id().into());
    json.insert("name".to_owned(), section.name().into());
    if let Some(error) = section.error() {
        json.insert("error".to_owned(), error.as_str().into());
    } else if let Some(tcf) = section.tcf() {
        let refused: Vec<&str> = tcf.refusals(ask.reader, ask.now_ms).map(Refusal::as_str).collect();
        json.extend(tcf::members(tcf));
        json.insert("accepted".to_owned(), refused.is_empty().into());
        json.insert("refused".to_owned(), refused.into());
    } else {
        let fields = object(|each| section.fields(each));
        json.insert("fields".to_owned(), if fields.is_empty() { Json::Null } else { fields.into() });
    }
    json.into()
}

fn object(fields: impl FnOnce(&mut dyn FnMut(&'static str, Value))) -> Map<String, Json> {
    let mut object = Map::new();
    fields(&mut |name, value| drop(object.insert(name.to_owned(), value_json(value))));
    object
}

fn value_json(value: Value) -> Json {
    match value {
        Value::Number(number) => number.into(),
        Value::Numbers(numbers) => numbers.into(),
        Value::Flag(flag) => flag.into(),
        Value::Letters(letters) => letters.map(char::from).iter().collect::<String>().into(),
        Value::Character(character) => character.to_string().into(),
        Value::Time(ms) => tcf::time(ms).into(),
        Value::Restrictions(all) => all
            .into_iter()
            .map(|(purpose, kind, vendors)| json!({"purpose": purpose, "type": kind, "vendors": vendors}))
            .collect(),
    }
}

fn section_words(section: &Section, ask: Ask, out: &mut String) {
    let _ = writeln!(out, "\n  {} (section {})", section.name().unwrap_or("not known here"), section.id());
    if let Some(error) = section.error() {
        let _ = writeln!(out, "    cannot be read: {}", words::error(error.as_str()));
        out.push_str("    and so is taken to refuse everything that it speaks about\n");
        return;
    }
    if let Some(tcf) = section.tcf() {
        for line in tcf::text_of(tcf, ask).lines() {
            let _ = writeln!(out, "{}{line}", if line.is_empty() { "" } else { "    " });
        }
        return;
    }
    if section.is_faulty() {
        out.push_str("    has a value that its specification does not have, and so is taken to refuse everything\n");
    }
    section.fields(&mut |name, value| field_words(name, &value, out));
}

fn field_words(name: &str, value: &Value, out: &mut String) {
    let text = match value {
        Value::Number(number) => match words::field(name, *number) {
            "" => number.to_string(),
            words => format!("{number}  {words}"),
        },
        Value::Numbers(numbers) => numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" "),
        Value::Flag(flag) => if *flag { "on" } else { "off" }.to_owned(),
        Value::Letters(letters) => letters.map(char::from).iter().collect(),
        Value::Character(character) => format!("{character}  {}", words::answer(*character)),
        Value::Time(ms) => tcf::time(*ms).unwrap_or_default(),
        Value::Restrictions(all) => format!("{} of them", all.len()),
    };
    let _ = writeln!(out, "    {name:<38}{text}");
}

fn verdict(says: Option<&GppSays>, refused: &[Refusal], out: &mut String) {
    out.push('\n');
    if !refused.is_empty() {
        out.push_str("Refused: it counts as no signal.\n");
        for refusal in refused {
            let _ = writeln!(out, "  {}: {}", refusal.as_str(), words::refusal(*refusal));
        }
        return;
    }
    out.push_str("Accepted.\n");
    let Some(GppSays { says, gpc, unknown }) = says else { return };
    for (what, purposes) in sides(says) {
        let _ = writeln!(out, "  {what:<11}{}", words::names(purposes));
    }
    match gpc {
        Gpc::Absent => {}
        Gpc::Off => out.push_str("  Global Privacy Control is off\n"),
        Gpc::On => out.push_str("  Global Privacy Control is on\n"),
        Gpc::Unreadable => out.push_str("  Global Privacy Control cannot be read, and so counts as on\n"),
    }
    if says.strict {
        out.push_str("  Something in it could not be read, and was taken in the strictest way.\n");
    }
    if *unknown > 0 {
        let _ = writeln!(out, "  Sections that are not known here: {unknown}");
    }
}

fn verdict_line(says: Option<&GppSays>, refused: &[Refusal]) -> String {
    if !refused.is_empty() {
        let codes: Vec<&str> = refused.iter().map(|refusal| refusal.as_str()).collect();
        return format!("refused: {}", codes.join(", "));
    }
    let mut out = String::from("accepted");
    let Some(GppSays { says, gpc, .. }) = says else { return out };
    for (what, purposes) in sides(says) {
        let _ = write!(out, "; {what} {}", words::names(purposes));
    }
    if gpc.applies() {
        let _ = write!(out, "; GPC {}", gpc.as_str());
    }
    if says.strict {
        out.push_str("; something in it was read strictly");
    }
    out
}

fn sides(says: &Says) -> [(&'static str, Known); 3] {
    [("granted", says.granted), ("denied", says.denied), ("opted out", says.opted_out)]
}
