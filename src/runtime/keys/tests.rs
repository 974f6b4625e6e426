//! Key files: what is refused, what is never overwritten, and that no key is ever said.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

const NOW: i64 = 1_795_499_657_238;
const MONTH: u64 = 30 * 86_400;

fn domains() -> Vec<NewDomain> {
    vec![
        NewDomain { name: "web".to_owned(), rotate_seconds: None },
        NewDomain { name: "ads".to_owned(), rotate_seconds: Some(MONTH) },
    ]
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn error<T>(result: Result<T, KeyError>) -> String {
    match result {
        Ok(_) => panic!("an error was expected"),
        Err(error) => error.to_string(),
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Two rings make the same tokens.
fn agree(a: &KeyRing, b: &KeyRing) -> bool {
    let print = |ring: &KeyRing| {
        let mut out = Vec::new();
        for (name, keys) in ring.domains() {
            for epoch in keys.epochs() {
                keys.key(epoch).unwrap().write_token(name, epoch, "", "value", &mut out);
            }
        }
        out.extend(ring.event_id().mac([b"value".as_slice()]));
        out
    };
    print(a) == print(b)
}

#[test]
fn a_new_file_is_the_owners_alone_and_reads_back() {
    let folder = folder();
    let path = folder.path().join("tamis.keys");
    let file = KeyFile::generate(&domains(), NOW).unwrap();
    file.create(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    let read = KeyFile::load(&path).unwrap();
    assert!(read == file);
    let ring = read.ring();
    assert!(agree(&ring, &file.ring()));
    assert_eq!(ring.domain("web").unwrap().epochs().collect::<Vec<_>>(), [0]);
    assert_eq!(ring.domain("ads").unwrap().epochs().collect::<Vec<_>>(), [692, 693]);
    assert_eq!(ring.domain("ads").unwrap().rotate_seconds(), Some(MONTH));
    assert!(ring.domain("other").is_none());
}

#[test]
fn no_two_keys_are_alike() {
    let (a, b) = (KeyFile::generate(&domains(), NOW).unwrap(), KeyFile::generate(&domains(), NOW).unwrap());
    assert!(!agree(&a.ring(), &b.ring()));
    assert!(text::read(&text::write(&a)).is_ok(), "equal keys would be refused");
}

#[test]
fn keys_are_never_overwritten() {
    let folder = folder();
    let path = folder.path().join("tamis.keys");
    write(&path, "something else", 0o600);
    let file = KeyFile::generate(&domains(), NOW).unwrap();
    assert!(error(file.create(&path)).contains("never overwritten"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "something else");
    let dangling = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &dangling).unwrap();
    assert!(error(file.create(&dangling)).contains("never overwritten"));
}

#[test]
fn a_file_that_others_may_use_is_refused() {
    let folder = folder();
    let path = folder.path().join("tamis.keys");
    let text = text::write(&KeyFile::generate(&domains(), NOW).unwrap());
    for mode in [0o640, 0o604, 0o660, 0o620, 0o602, 0o610, 0o644, 0o777] {
        write(&path, &text, mode);
        let said = error(KeyFile::load(&path));
        assert_eq!(
            said,
            format!(
                "key file `{0}` has mode {mode:04o}, so others than its owner may use it; run `chmod 600 {0}`",
                path.display()
            )
        );
    }
    for mode in [0o600, 0o400] {
        write(&path, &text, mode);
        assert!(KeyFile::load(&path).is_ok(), "{mode:o}");
    }
}

#[test]
fn json_is_read_too() {
    let key = |byte: u8| {
        let mut text = String::new();
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode_string([byte; 32], &mut text);
        text
    };
    let json = format!(
        r#"{{"tamis_keys": 1, "event_id": "{}", "domains": {{"web": {{"keys": {{"0": "{}"}}}}}}}}"#,
        key(1),
        key(2)
    );
    let ring = text::read(&json).map_err(|problems| panic!("{problems:?}")).unwrap().ring();
    let mut token = Vec::new();
    ring.domain("web").unwrap().key(0).unwrap().write_token("web", 0, "", "u-48213", &mut token);
    let mut direct = Vec::new();
    TokenKey::new([2; 32]).write_token("web", 0, "", "u-48213", &mut direct);
    assert_eq!(token, direct);
}

const A: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const B: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

#[test]
fn every_problem_is_said_at_once_and_no_key_is() {
    let text = format!(
        "tamis_keys: 2\nevent_id: {A}\ndomains:\n  Web: {{keys: {{0: {B}}}}}\n  a: {{keys: {{0: {A}}}}}\n  \
         b: {{rotate: monthly, keys: {{x1: {B}}}}}\n  c: {{keys: {{7: {B}}}}}\n  d: {{keys: {{0: SECRETSECRET}}}}\n  e: {{keys: {{}}}}\n"
    );
    let problems = text::read(&text).err().unwrap();
    for part in [
        "`tamis_keys` must be 1",
        "1 to 32 of the characters",
        "`event_id` and the key of domain `a`, epoch 0 are the same",
        "`rotate` of domain `b`",
        "domain `b` has an epoch that is not a whole number",
        "domain `c` does not rotate, so it has epoch 0 alone, not 7",
        "the key of domain `d`, epoch 0 is not 256 bits",
        "domain `e` has no key",
    ] {
        assert!(problems.iter().any(|problem| problem.contains(part)), "{part}: {problems:?}");
    }
    let said = problems.join("\n");
    for secret in [A, B, "SECRET"] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn what_cannot_be_parsed_is_not_quoted() {
    for text in [
        format!("tamis_keys: 1\nevent_id: [{A}]\n"),
        format!("tamis_keys: 1\nevent_id: {A}\n{B}: 1\n"),
        format!("tamis_keys: 1\nevent_id: {A}\nevent_id: {A}\n"),
        format!("tamis_keys: 1\nevent_id: {A}\ndomains: {{web: {A}}}\n"),
        format!("tamis_keys: 1\nevent_id: {A}\ndomains: {{web: {{keys: {{0: {A}, 0: {B}}}}}}}\n"),
        format!("\"{A}"),
        A.to_owned(),
        String::new(),
    ] {
        let problems = text::read(&text).err().unwrap_or_else(|| panic!("{text}"));
        let said = problems.join("\n");
        assert!(said.starts_with("not a key file"), "{said}");
        assert!(!said.contains(&A[..8]) && !said.contains(&B[..8]), "{said}");
    }
}

#[test]
fn epochs_are_added_and_nothing_else_changes() {
    let folder = folder();
    let path = folder.path().join("tamis.keys");
    KeyFile::generate(&domains(), NOW).unwrap().create(&path).unwrap();
    let mut live = LiveKeys::open(&path).unwrap();
    let before = live.ring();
    let added = KeyFile::extend(&path, |file| file.add_epochs("ads", NOW, 3)).unwrap();
    assert_eq!(added, [694, 695]);
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    assert_eq!(live.refresh().unwrap(), 2);
    assert_eq!(live.refresh().unwrap(), 0);
    let after = live.ring();
    assert_eq!(after.domain("ads").unwrap().epochs().collect::<Vec<_>>(), [692, 693, 694, 695]);
    for epoch in [692, 693] {
        let mac = |ring: &KeyRing| ring.domain("ads").unwrap().key(epoch).unwrap().mac([b"v".as_slice()]);
        assert_eq!(mac(&before), mac(&after));
    }
    assert!(KeyFile::extend(&path, |file| file.add_epochs("ads", NOW, 3)).unwrap().is_empty(), "nothing is missing");
    assert!(error(KeyFile::extend(&path, |file| file.add_epochs("web", NOW, 3))).contains("does not rotate"));
    assert!(error(KeyFile::extend(&path, |file| file.add_epochs("mail", NOW, 3))).contains("no such domain"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "also after an error");
}

#[test]
fn a_link_to_the_file_stays_a_link() {
    let folder = folder();
    let (path, link) = (folder.path().join("real"), folder.path().join("link"));
    KeyFile::generate(&domains(), NOW).unwrap().create(&path).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    KeyFile::extend(&link, |file| file.add_epochs("ads", NOW, 2)).unwrap();
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(KeyFile::load(&path).unwrap().ring().domain("ads").unwrap().epochs().count(), 3);
}

#[test]
fn two_commands_do_not_lose_each_others_keys() {
    let folder = folder();
    let path = folder.path().join("tamis.keys");
    KeyFile::generate(&domains(), NOW).unwrap().create(&path).unwrap();
    let inner = KeyFile::extend(&path, |_| Ok(error(KeyFile::extend(&path, |file| file.add_epochs("ads", NOW, 9)))));
    assert!(inner.unwrap().contains("another command is changing the key file"));
    assert!(KeyFile::extend(&path, |file| file.add_epochs("ads", NOW, 9)).is_ok());
}

#[test]
fn a_running_process_refuses_changed_and_removed_keys_and_goes_on_with_those_it_has() {
    let folder = folder();
    let path = folder.path().join("tamis.keys");
    let original = KeyFile::generate(&domains(), NOW).unwrap();
    original.create(&path).unwrap();
    let mut live = LiveKeys::open(&path).unwrap();
    let mut changed = original.clone();
    changed.domains.get_mut("ads").unwrap().keys.insert(692, random().unwrap());
    let mut removed = original.clone();
    removed.domains.get_mut("ads").unwrap().keys.remove(&692);
    let mut without = original.clone();
    without.domains.remove("ads");
    let mut slower = original.clone();
    slower.domains.get_mut("ads").unwrap().rotate_seconds = Some(MONTH * 2);
    let mut other_ids = original.clone();
    other_ids.event_id = random().unwrap();
    for (file, part) in [
        (changed, "the key of domain `ads`, epoch 692, changed"),
        (removed, "the key of domain `ads`, epoch 692, is gone"),
        (without, "domain `ads` is gone"),
        (slower, "`rotate` of domain `ads` changed"),
        (other_ids, "the key of event ids changed"),
    ] {
        write(&path, &text::write(&file), 0o600);
        let said = error(live.refresh());
        assert!(said.contains(part) && said.contains("restart"), "{said}");
        assert!(agree(&live.ring(), &original.ring()));
    }
    write(&path, "half a file", 0o600);
    assert!(live.refresh().is_err());
    assert!(agree(&live.ring(), &original.ring()));
}

#[test]
fn domains_are_added_once() {
    let mut file = KeyFile::generate(&domains(), NOW).unwrap();
    let mail = NewDomain { name: "mail".to_owned(), rotate_seconds: Some(86_400) };
    file.add_domain(&mail, NOW).unwrap();
    assert_eq!(file.ring().domain("mail").unwrap().epochs().collect::<Vec<_>>(), [20_781, 20_782]);
    assert!(error(file.add_domain(&mail, NOW)).contains("already"));
    for name in ["", "Web", "a.b", "é", &"a".repeat(33)] {
        let bad = NewDomain { name: name.to_owned(), rotate_seconds: None };
        assert!(error(file.add_domain(&bad, NOW)).contains("1 to 32"), "{name}");
    }
}

#[test]
fn periods_are_a_whole_number_and_its_unit() {
    for (text, seconds) in [("30d", MONTH), ("12h", 43_200), ("90m", 5400), ("10s", 10)] {
        assert_eq!(parse_period(text), Some(seconds), "{text}");
        assert_eq!(parse_period(&text::period(seconds)), Some(seconds), "{text}");
    }
    for bad in ["", "d", "0d", "030d", "-1d", "1.5d", "30", "30 d", "30D", "3654d", "99999999999999999999d", "é"] {
        assert_eq!(parse_period(bad), None, "{bad}");
    }
}
