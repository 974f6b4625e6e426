//! `tamis consent`, as people and scripts meet it: every member of the answer, one answer a line, and never the string.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// Made up: 2026-11-20, CMP 300, policies 5, vendors 42 and 755, one restriction, a publisher segment.
const TCF: &str = "CQt-4cAQt-4cAEsABBENCCFoAMPAAEIAAAqIF5wAgAVALzAvOACAvMAEJABAXmAA.IGMwAwAVALzAYyAA.cDgAAAAAAAAA";
/// From the specification's tests: usca, not opted out of the sale, Global Privacy Control on.
const GPP: &str = "DBABBg~BVqqqqpY.YA";
const NOW: &str = "2026-11-24T00:00:00Z";

fn tamis(args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .arg("consent")
        .args(args)
        .args(["--now", NOW])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A process that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn answer(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json_of(text: &str, more: &[&str]) -> (Value, Option<i32>) {
    let output = tamis(&[&[text, "--json"], more].concat(), "");
    (serde_json::from_str(&answer(&output)).unwrap(), output.status.code())
}

#[test]
fn a_tc_string_has_every_member() {
    let (said, code) = json_of(TCF, &[]);
    let expected = json!({
        "standard": "tcf",
        "version": 2,
        "created": "2026-11-20T00:00:00Z",
        "last_updated": "2026-11-20T00:00:00Z",
        "cmp_id": 300,
        "policy_version": 5,
        "purposes": {"consent": [1, 2, 7, 8, 9, 10], "legitimate_interest": [2, 7]},
        "special_features": [1],
        "vendors": {"consent": [42, 755], "legitimate_interest": [755], "disclosed": [42, 755, 793]},
        "publisher": {"consent": [1, 8, 9, 10], "legitimate_interest": []},
        "restrictions": [{"purpose": 2, "type": 1, "vendors": [755]}],
        "sections": null,
        "accepted": true,
        "refused": [],
    });
    assert_eq!(said, expected);
    assert_eq!(code, Some(0));
    // In the documented order, too.
    let order = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(order(&said), order(&expected));
    // A core alone: what is in other segments is absent, and is said to be.
    let (core, _) = json_of(TCF.split('.').next().unwrap(), &[]);
    assert_eq!((&core["publisher"], &core["vendors"]["disclosed"]), (&Value::Null, &Value::Null));
    assert_eq!(core["refused"], json!(["no_disclosed_vendors"]));
    assert_eq!(core["accepted"], json!(false));
}

#[test]
fn a_reader_is_refused_for_its_own_reasons() {
    let refused = |reader| json_of(TCF, &["--reader", reader]).0["refused"].clone();
    assert_eq!(refused("publisher"), json!([]));
    assert_eq!(refused("vendor:755"), json!([]));
    assert_eq!(refused("vendor:7"), json!(["vendor_not_disclosed"]));
    for bad in ["vendor:0", "vendor:65536", "vendor:", "755", "somebody"] {
        assert_eq!(tamis(&[TCF, "--reader", bad], "").status.code(), Some(64), "{bad}");
    }
}

#[test]
fn gpp_sections_are_told_by_the_specifications_names() {
    let (said, code) = json_of(GPP, &[]);
    assert_eq!(code, Some(0));
    assert_eq!((&said["standard"], &said["version"], &said["cmp_id"]), (&json!("gpp"), &json!(1), &Value::Null));
    let section = &said["sections"][0];
    assert_eq!((&section["id"], &section["name"]), (&json!(8), &json!("usca")));
    assert_eq!(section["fields"]["SaleOptOut"], json!(2));
    assert_eq!(section["fields"]["Gpc"], json!(true));
    // A TC string inside, with the members that it has alone.
    let inside = format!("DBABMA~{TCF}");
    let (said, _) = json_of(&inside, &[]);
    let (alone, _) = json_of(TCF, &[]);
    let section = &said["sections"][0];
    assert_eq!((&section["id"], &section["name"], &said["accepted"]), (&json!(2), &json!("tcfeuv2"), &json!(true)));
    for member in ["version", "last_updated", "cmp_id", "purposes", "vendors", "publisher", "restrictions", "accepted"]
    {
        assert_eq!(section[member], alone[member], "{member}");
    }
}

#[test]
fn us_privacy_strings_are_section_6() {
    let (said, code) = json_of("1YNN", &[]);
    assert_eq!((code, &said["standard"], &said["accepted"]), (Some(0), &json!("usp"), &json!(true)));
    let fields = json!({"Version": 1, "Notice": "Y", "OptOutSale": "N", "LspaCovered": "N"});
    assert_eq!(said["sections"], json!([{"id": 6, "name": "uspv1", "fields": fields}]));
    let (said, code) = json_of("1---", &[]);
    assert_eq!((code, &said["refused"]), (Some(0), &json!(["not_applicable"])));
}

#[test]
fn what_cannot_be_read_has_a_code_and_exit_1() {
    for (text, standard, code) in [
        ("BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA", json!("tcf"), "version"),
        (&TCF[..40], json!("tcf"), "truncated"),
        ("CQ=", json!("tcf"), "base64"),
        ("DBABBg", json!("gpp"), "header"),
        ("1YX-", json!("usp"), "character"),
        ("hello", Value::Null, "unknown_standard"),
        ("", Value::Null, "empty"),
    ] {
        let (said, exit) = json_of(text, &[]);
        assert_eq!(said, json!({"standard": standard, "error": code}));
        assert_eq!(exit, Some(1), "{code}");
        let words = tamis(&[text], "");
        assert!(answer(&words).contains(&format!("({code})")), "{}", answer(&words));
        assert_eq!(words.status.code(), Some(1));
    }
}

#[test]
fn stdin_is_answered_line_by_line() {
    let lines = format!("{TCF}\n\n{GPP}\r\n1YYN\nnothing known\n");
    let output = tamis(&["-"], &lines);
    let said = answer(&output);
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said.len(), 5);
    assert!(
        said[0].starts_with("tcf: last updated 2026-11-20, CMP 300: accepted; the publisher: granted "),
        "{}",
        said[0]
    );
    assert!(said[1].contains("(empty)") && said[4].contains("(unknown_standard)"));
    assert!(said[2].starts_with("gpp: usca: accepted") && said[2].ends_with("GPC on"), "{}", said[2]);
    assert!(said[3].contains("opted out sale_share"), "{}", said[3]);
    assert_eq!(output.status.code(), Some(1));
    let json = answer(&tamis(&["-", "--json"], &lines));
    let standards: Vec<Value> =
        json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["standard"].clone()).collect();
    assert_eq!(standards, [json!("tcf"), Value::Null, json!("gpp"), json!("usp"), Value::Null]);
    assert_eq!(tamis(&["-"], &format!("{TCF}\n")).status.code(), Some(0));
    assert_eq!(tamis(&["-"], "").status.code(), Some(0));
}

#[test]
fn words_say_who_may_do_what_and_why_not() {
    let own = answer(&tamis(&[TCF], ""));
    for line in [
        "TC string, version 2",
        "  last updated    2026-11-20",
        "   9 statistics on audiences        yes      -",
        "Accepted.",
        "  the publisher is granted   storage.device, analytics.audience, product.improve",
    ] {
        assert!(own.lines().any(|said| said == line), "{line}\n{own}");
    }
    let vendor = answer(&tamis(&[TCF, "--reader", "vendor:755"], ""));
    assert!(vendor.contains("vendor 755 is granted   storage.device, "), "{vendor}");
    let refused = answer(&tamis(&[TCF.split('.').next().unwrap()], ""));
    assert!(refused.contains("Refused: it counts as no signal.\n  no_disclosed_vendors: it does not say"), "{refused}");
    let gpp = answer(&tamis(&[GPP], ""));
    assert!(gpp.contains("Global Privacy Control is on") && gpp.contains("did not opt out"), "{gpp}");
}

#[test]
fn the_string_is_never_repeated() {
    for text in [TCF, GPP, "1YNN", &TCF[..40], "a-word-that-is-none", "DBABBg~BVqqqqpY.secret"] {
        for args in [&[text][..], &[text, "--json"], &[text, "--reader", "vendor:755"], &[text, text]] {
            let output = tamis(args, "");
            let said = format!("{}{}", answer(&output), String::from_utf8_lossy(&output.stderr));
            for part in text.split(['.', '~']) {
                assert!(part.len() < 4 || !said.contains(part), "{said}");
            }
        }
    }
}
