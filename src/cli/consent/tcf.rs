//! What a TC string says, as JSON and in words.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{Ask, Form, Standard, to_json, words};
use crate::engine::consent::signals::says::{Known, Malformed, Precision, Refusal, Says};
use crate::engine::consent::signals::tcf::{self, IdSet, Reader, Tcf, Vendors};

/// The answer to one string.
///
/// # Errors
/// It cannot be decoded.
pub(super) fn answer(ask: Ask, text: &str) -> Result<String, Malformed> {
    let tcf = tcf::decode(text)?;
    let refused: Vec<Refusal> = tcf.refusals(ask.reader, ask.now_ms).collect();
    Ok(match ask.form {
        Form::Json => to_json(Standard::Tcf, members(&tcf), Value::Null, &refused),
        Form::Line => line(&tcf, ask, &refused),
        Form::Words => text_of(&tcf, ask),
    })
}

/// The members of a JSON answer that describe a TC string, by itself or as a section of a GPP string.
pub(super) fn members(tcf: &Tcf) -> Map<String, Value> {
    let core = tcf.core();
    let ids = |set: IdSet| set.iter().collect::<Vec<u8>>();
    let publisher = tcf.publisher().map(|publisher| {
        json!({"consent": ids(publisher.consents), "legitimate_interest": ids(publisher.legitimate_interests)})
    });
    let restrictions: Vec<Value> = tcf
        .restrictions()
        .map(|(purpose, kind, vendors)| json!({"purpose": purpose, "type": kind, "vendors": vendors}))
        .collect();
    let members = json!({
        "version": 2,
        "created": time(core.created_ms),
        "last_updated": time(core.last_updated_ms),
        "cmp_id": core.cmp_id,
        "policy_version": core.policy_version,
        "purposes": {
            "consent": ids(core.purpose_consents),
            "legitimate_interest": ids(core.purpose_legitimate_interests),
        },
        "special_features": ids(core.special_features),
        "vendors": {
            "consent": tcf.vendors(Vendors::Consent),
            "legitimate_interest": tcf.vendors(Vendors::LegitimateInterest),
            "disclosed": tcf.vendors(Vendors::Disclosed),
        },
        "publisher": publisher,
        "restrictions": restrictions,
    });
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// RFC 3339. Thirty-six bits of tenths of a second end in the year 2187, which has such a text.
pub(super) fn time(ms: i64) -> Option<String> {
    jiff::Timestamp::from_millisecond(ms).ok().map(|at| at.to_string())
}

/// The date of the choice, as exactly as it is written.
fn date(tcf: &Tcf, ms: i64) -> String {
    let text = time(ms).unwrap_or_default();
    match (tcf.date().precision, text.split_once('T')) {
        (Precision::Day, Some((day, "00:00:00Z"))) => day.to_owned(),
        _ => text,
    }
}

fn line(tcf: &Tcf, ask: Ask, refused: &[Refusal]) -> String {
    let core = tcf.core();
    let mut out = format!("tcf: last updated {}, CMP {}: ", date(tcf, core.last_updated_ms), core.cmp_id);
    if !refused.is_empty() {
        let codes: Vec<&str> = refused.iter().map(|refusal| refusal.as_str()).collect();
        let _ = write!(out, "refused: {}", codes.join(", "));
        return out;
    }
    out.push_str("accepted");
    if let Some((reader, says)) = asked(tcf, ask) {
        let _ = write!(
            out,
            "; {}: granted {}; denied {}",
            words::reader(reader),
            words::names(says.granted),
            words::names(says.denied)
        );
    }
    out
}

/// What counts, for whom: for the reader that was named, or else for the publisher, where the string has that.
fn asked(tcf: &Tcf, ask: Ask) -> Option<(Reader, Says)> {
    let reader = ask.reader.or(tcf.publisher().map(|_| Reader::Publisher))?;
    tcf.says(reader, Known::EMPTY, ask.now_ms).ok().map(|says| (reader, says))
}

/// All of it in words, ending with what counts.
pub(super) fn text_of(tcf: &Tcf, ask: Ask) -> String {
    let refused: Vec<Refusal> = tcf.refusals(ask.reader, ask.now_ms).collect();
    let mut out = String::new();
    head(tcf, &mut out);
    purposes(tcf, &mut out);
    lists(tcf, &mut out);
    out.push('\n');
    verdict(tcf, ask, &refused, &mut out);
    out
}

fn head(tcf: &Tcf, out: &mut String) {
    let core = tcf.core();
    let letters =
        |code: Option<[u8; 2]>| code.map_or_else(|| "?".to_owned(), |code| code.map(char::from).iter().collect());
    let policies = match core.policy_version {
        4 => " (TCF 2.2)",
        5 => " (TCF 2.3)",
        0..=3 => " (before TCF 2.2)",
        _ => "",
    };
    let made_for = if core.service_specific { "this site or app" } else { "every site in the world" };
    let texts = if core.non_standard_texts { "; the dialogue had its own texts" } else { "" };
    let _ = write!(
        out,
        "TC string, version 2\n  \
         created         {}\n  \
         last updated    {}\n  \
         policies        version {}{policies}, vendor list {}\n  \
         written by      CMP {}, version {}, screen {}, in {}{texts}\n  \
         made for        {made_for}, publisher in {}\n",
        date(tcf, core.created_ms),
        date(tcf, core.last_updated_ms),
        core.policy_version,
        core.vendor_list_version,
        core.cmp_id,
        core.cmp_version,
        core.consent_screen,
        letters(core.language),
        letters(core.country),
    );
}

fn purposes(tcf: &Tcf, out: &mut String) {
    let core = tcf.core();
    let _ = writeln!(out, "\n  {:<34}consent  legitimate interest", "purpose");
    for id in 1..=24 {
        let (consent, interest) = (core.purpose_consents.has(id), core.purpose_legitimate_interests.has(id));
        let name = words::PURPOSES.get(usize::from(id) - 1).copied();
        if name.is_none() && !consent && !interest {
            continue;
        }
        let name = format!("{id:>2} {}", name.unwrap_or("unknown here"));
        let word = |yes: bool| if yes { "yes" } else { "-" };
        let note = match id {
            1 if core.purpose_one_treatment => "   not disclosed: does not count",
            _ => "",
        };
        let _ = writeln!(out, "  {name:<34}{:<9}{}{note}", word(consent), word(interest));
    }
}

fn lists(tcf: &Tcf, out: &mut String) {
    let small = |set: IdSet| words::ids(set.iter().map(u16::from));
    let list = |which| match tcf.vendors(which) {
        None => "not said".to_owned(),
        Some(ids) if ids.is_empty() => "none".to_owned(),
        Some(ids) => format!("{}: {}", ids.len(), words::ids(ids)),
    };
    let _ = write!(
        out,
        "\n  special features            {} (1 precise location, 2 scanning the device)\n  \
         vendors, consent            {}\n  \
         vendors, legit. interest    {}\n  \
         vendors shown               {}\n",
        small(tcf.core().special_features),
        list(Vendors::Consent),
        list(Vendors::LegitimateInterest),
        list(Vendors::Disclosed),
    );
    match tcf.publisher() {
        None => out.push_str("  publisher's own purposes    not said\n"),
        Some(own) => {
            let _ = writeln!(
                out,
                "  publisher's own purposes    consent {}; legitimate interest {}",
                small(own.consents),
                small(own.legitimate_interests)
            );
        }
    }
    for (purpose, kind, vendors) in tcf.restrictions() {
        let kind = match kind {
            0 => "not allowed",
            1 => "only with consent",
            2 => "only on legitimate interest",
            _ => "unknown restriction",
        };
        let _ =
            writeln!(out, "  restriction                 purpose {purpose} {kind}, vendors {}", words::ids(vendors));
    }
}

fn verdict(tcf: &Tcf, ask: Ask, refused: &[Refusal], out: &mut String) {
    let whom = ask.reader.map_or_else(String::new, |reader| format!(" for {}", words::reader(reader)));
    if !refused.is_empty() {
        let _ = writeln!(out, "Refused{whom}: it counts as no signal.");
        for refusal in refused {
            let _ = writeln!(out, "  {}: {}", refusal.as_str(), words::refusal(*refusal));
        }
        return;
    }
    let _ = writeln!(out, "Accepted{whom}.");
    match asked(tcf, ask) {
        Some((reader, says)) => {
            let _ = write!(
                out,
                "  {} is granted   {}\n  {} is denied    {}\n",
                words::reader(reader),
                words::names(says.granted),
                words::reader(reader),
                words::names(says.denied)
            );
        }
        None => out.push_str("  It has nothing for the publisher; --reader vendor:ID says what a vendor may do.\n"),
    }
}
