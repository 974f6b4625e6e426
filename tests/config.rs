//! Deployment files: what they resolve to, and that every mistake is reported at once, with its place and a way out.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tamis::config::settings::REFUSED;
use tamis::config::{self, Config, Delivery, LogFormat, Transaction};

const MINIMAL: &str = "kafka: {brokers: 'kafka.example.com:9092'}\ngroup: lake\ninstance: a\npolicies: [web.yaml]\n\
                       quarantine: {topic: tamis.quarantine}\n";

/// A directory with a policy file, a key file and secrets; what they hold does not matter here.
fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text, mode) in [
        ("web.yaml", "", 0o644),
        ("ads.yaml", "", 0o644),
        ("keys.json", "", 0o600),
        ("password", "not-shown-1\n", 0o600),
        ("token", "not-shown-token-of-some-length\n", 0o640),
        ("open", "not-shown-2\n", 0o644),
        ("empty", "\n", 0o600),
        ("short", "not-shown", 0o600),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    dir
}

fn read(dir: &Path, text: &str) -> Result<Config, String> {
    let path = dir.join("tamis.yaml");
    fs::write(&path, text).unwrap();
    let shown =
        |problems: config::problem::Problems| problems.render(false).replace(&format!("{}/", dir.display()), "");
    config::read(&path).map_err(shown)
}

fn refusal(text: &str) -> String {
    read(directory().path(), text).err().unwrap_or_else(|| panic!("accepted: {text}"))
}

#[test]
fn five_lines_are_enough_and_the_rest_has_defaults() {
    let dir = directory();
    let config = read(dir.path(), MINIMAL).unwrap();
    assert_eq!(config.input.brokers, "kafka.example.com:9092");
    assert_eq!(config.output_cluster().brokers, "kafka.example.com:9092");
    assert_eq!(config.policies, [dir.path().join("web.yaml")]);
    assert_eq!((config.delivery, config.keys.is_none(), config.output.is_none()), (Delivery::ExactlyOnce, true, true));
    assert_eq!(config.workers, std::thread::available_parallelism().unwrap().get().min(256));
    assert_eq!(config.transaction, Transaction { max_interval: Duration::from_millis(100), max_bytes: 64 << 20 });
    assert_eq!(config.quarantine.max_ratio, 0.05);
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:9464");
    assert!(config.admin.token.is_none() && config.consent.is_none());
    assert_eq!((config.log.format, config.log.level), (LogFormat::Text, tracing::Level::INFO));
}

#[test]
fn ids_are_made_of_group_instance_and_worker() {
    let config = read(directory().path(), MINIMAL).unwrap();
    assert_eq!(config.transactional_id(3), "lake/a/3");
    assert_eq!(config.group_instance_id(3), "a.3");
}

#[test]
fn everything_can_be_said() {
    let dir = directory();
    let text = "kafka:\n  brokers: [a.example.com:9092, 'b.example.com:9092']\n  client:\n    security.protocol: SASL_SSL\n    \
                sasl.mechanism: SCRAM-SHA-512\n    sasl.username: tamis\n    sasl.password_file: password\n    \
                ssl.ca.location: ca.pem\n    compression.type: lz4\n  output:\n    brokers: c.example.com:9092\n    client: \
                {linger.ms: 20}\ngroup: lake\ninstance: eu-1\npolicies: [web.yaml, ads.yaml]\nkeys: keys.json\ndelivery: \
                at_least_once\nworkers: 4\ntransaction: {max_interval: 250ms, max_bytes: 32MiB}\nquarantine: {topic: q, \
                max_ratio: 0.5}\nconsent: {topic: \
                choices, checkpoint: consent.checkpoint, max_staleness: 2m}\nadmin: {listen: '0.0.0.0:9999', token_file: token}\nlog: {format: json, level: debug}\n";
    let config = read(dir.path(), text).unwrap();
    assert_eq!(config.input.brokers, "a.example.com:9092,b.example.com:9092");
    assert_eq!(config.input.client["sasl.username"], "tamis");
    assert_eq!(config.input.client["ssl.ca.location"], dir.path().join("ca.pem").display().to_string());
    assert_eq!(config.input.secrets["sasl.password"].expose(), "not-shown-1");
    assert_eq!(config.output_cluster().brokers, "c.example.com:9092");
    assert_eq!(config.output_cluster().client["linger.ms"], "20");
    assert_eq!(config.keys, Some(dir.path().join("keys.json")));
    assert_eq!((config.delivery, config.workers, config.policies.len()), (Delivery::AtLeastOnce, 4, 2));
    assert_eq!(config.transaction, Transaction { max_interval: Duration::from_millis(250), max_bytes: 32 << 20 });
    assert_eq!((config.quarantine.topic.as_str(), config.quarantine.max_ratio), ("q", 0.5));
    let consent = config.consent.unwrap();
    assert_eq!((consent.topic.as_str(), consent.max_staleness), ("choices", Duration::from_secs(120)));
    assert_eq!(consent.checkpoint, Some(dir.path().join("consent.checkpoint")));
    assert_eq!(config.admin.token.unwrap().expose(), "not-shown-token-of-some-length");
    assert_eq!((config.log.format, config.log.level), (LogFormat::Json, tracing::Level::DEBUG));
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let shown = refusal(include_str!("config/mistakes.yaml"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/mistakes.txt");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&file, &shown).unwrap();
    }
    assert_eq!(shown, fs::read_to_string(&file).unwrap());
}

#[test]
fn a_setting_that_a_promise_rests_on_is_refused_with_the_reason() {
    for (name, why) in REFUSED {
        let text = MINIMAL.replace("9092'}", &format!("9092', client: {{{name}: 1}}}}"));
        let shown = refusal(&text);
        assert!(shown.starts_with(&format!("error[refused-setting]: `{name}` cannot be set: {why}\n")), "{shown}");
    }
}

#[test]
fn secrets_come_from_files_that_others_cannot_read_and_are_never_shown() {
    for (setting, expected) in [
        ("sasl.password: not-shown-0", "error[inline-secret]: `sasl.password` is a secret\n"),
        ("sasl.password_file: open", "error[open-secret]: `sasl.password_file`: others can read open (mode 0644)\n"),
        ("sasl.password_file: empty", "error[bad-file]: `sasl.password_file`: empty is empty\n"),
        ("sasl.password_file: nowhere", "error[bad-file]: `sasl.password_file`: there is no file nowhere\n"),
    ] {
        let shown = refusal(&MINIMAL.replace("9092'}", &format!("9092', client: {{{setting}}}}}")));
        assert!(shown.starts_with(expected), "{shown}");
        assert!(!shown.contains("not-shown"), "{shown}");
    }
    let shown = refusal(&format!("{MINIMAL}admin: {{token_file: short}}\n"));
    assert!(
        shown.starts_with("error[bad-value]: the token of `admin.token_file` has fewer than 16 characters\n"),
        "{shown}"
    );
    assert!(!shown.contains("not-shown"), "{shown}");
}

#[test]
fn what_contradicts_itself_is_refused() {
    for (text, expected) in [
        (
            MINIMAL.replace("9092'}", "9092', output: {brokers: 'b.example.com:9092'}}"),
            "error[two-clusters]: `kafka.output` is another cluster, and delivery is exactly_once\n",
        ),
        (
            format!("{MINIMAL}delivery: at_least_once\n"),
            "error[no-event-key]: delivery at_least_once makes event ids, and the file has no `keys` to make them with\n",
        ),
        (
            format!("{MINIMAL}admin: {{listen: '0.0.0.0:1'}}\n"),
            "error[open-admin]: `admin.listen` is open to other machines at 0.0.0.0:1, and no token protects it\n",
        ),
        (
            format!("{MINIMAL}consent: {{topic: c}}\n"),
            "error[no-index-key]: subjects in the consent topic are known by a key, and the file has no `keys` to know \
             them by\n",
        ),
        (
            format!("{MINIMAL}keys: keys.json\nconsent: {{checkpoint: there}}\n"),
            "error[missing-key]: `consent` has no `topic`\n",
        ),
        (
            format!("{MINIMAL}keys: keys.json\nconsent: {{topic: c, checkpoint: nowhere/file}}\n"),
            "error[bad-file]: `consent.checkpoint`: there can be no file nowhere/file\n",
        ),
    ] {
        let shown = refusal(&text);
        assert!(shown.starts_with(expected), "{shown}");
        assert_eq!(shown.matches("error[").count(), 1, "{shown}");
    }
}

#[test]
fn units_are_demanded_and_bounds_kept() {
    for (value, fits) in [
        ("max_interval: 5ms", true),
        ("max_interval: 500ms", true),
        ("max_interval: 501ms", false),
        ("max_interval: 4ms", false),
        ("max_interval: 100", false),
        ("max_interval: 0.1s", false),
        ("max_interval: 100 ms", false),
        ("max_interval: -5ms", false),
        ("max_bytes: 1MiB", true),
        ("max_bytes: 256MiB", true),
        ("max_bytes: 257MiB", false),
        ("max_bytes: 1023KiB", false),
        ("max_bytes: 16mb", false),
        ("max_bytes: 16777216", false),
        ("max_bytes: 99999999999999GiB", false),
    ] {
        let read = read(directory().path(), &format!("{MINIMAL}transaction: {{{value}}}\n"));
        assert_eq!(read.is_ok(), fits, "{value}");
    }
    for (value, fits) in [("1s", true), ("1440m", true), ("999ms", false), ("1441m", false), ("60", false)] {
        let text = format!("{MINIMAL}keys: keys.json\nconsent: {{topic: c, max_staleness: {value}}}\n");
        assert_eq!(read(directory().path(), &text).is_ok(), fits, "{value}");
    }
}

#[test]
fn no_file_and_no_yaml_are_one_problem_each() {
    let missing = config::read(Path::new("/nowhere/tamis.yaml")).err().unwrap();
    assert!(
        missing.render(false).contains("/nowhere/tamis.yaml cannot be read: No such file or directory"),
        "{missing}"
    );
    let shown = refusal("kafka: [\n");
    assert!(shown.starts_with("error[yaml]: not readable as YAML"), "{shown}");
}

/// The blocks of a page with this language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn every_deployment_file_in_the_documentation_is_accepted() {
    let dir = directory();
    for (name, text) in [("web-analytics.yaml", ""), ("ca.pem", "")] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let mut found = 0;
    for page in [include_str!("../docs/operating.md"), include_str!("../docs/delivery.md")] {
        for block in blocks(page, "yaml").into_iter().filter(|block| block.starts_with("kafka:")) {
            let shown = read(dir.path(), block).err();
            assert!(shown.is_none(), "{}", shown.unwrap());
            found += 1;
        }
    }
    assert_eq!(found, 2);
}

#[test]
fn the_documentation_lists_every_refused_setting_with_its_reason() {
    let page = include_str!("../docs/delivery.md");
    for (name, why) in REFUSED {
        assert!(page.contains(&format!("| `{name}` | {why} |\n")), "{name}");
    }
}
