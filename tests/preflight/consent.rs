//! The consent topic before the first poll.

use crate::broker::broker;
use crate::check_with;

/// Checks a deployment that follows this topic; the rest of it fits.
fn check(name: &str, brokers: &str, topic: &str) -> Vec<String> {
    check_with(name, brokers, "", "", &format!("keys: keys.json\nconsent: {{topic: {topic}}}\n"))
}

#[test]
fn a_consent_topic_must_be_there_keep_what_it_has_and_be_for_choices_alone() {
    let Some(broker) = broker() else { return };
    let compact: &[(&str, &str)] = &[("cleanup.policy", "compact")];
    let both: &[(&str, &str)] = &[("cleanup.policy", "compact,delete"), ("retention.ms", "86400000")];
    broker.create(&[
        ("choices.in", 1, &[]),
        ("choices.out", 1, &[]),
        ("choices.quarantine", 1, &[]),
        ("choices.kept", 2, compact),
        ("choices.endless", 1, &[("retention.ms", "-1")]),
        ("choices.forgotten", 1, both),
    ]);
    for topic in ["choices.kept", "choices.endless"] {
        assert_eq!(check("choices", &broker.open, topic), [""; 0], "{topic}");
    }
    assert_eq!(
        check("choices", &broker.open, "choices.missing"),
        ["the consent topic choices.missing does not exist at BROKERS. Correct consent.topic, or create it:\n  \
          kafka-topics.sh --bootstrap-server BROKERS --create --topic choices.missing --config cleanup.policy=compact"]
    );
    assert_eq!(
        check("choices", &broker.open, "choices.forgotten"),
        [
            "the consent topic choices.forgotten deletes records when they are old or many (cleanup.policy has delete, with \
          a limit): denials would be forgotten. Compact it instead:\n  kafka-configs.sh --bootstrap-server BROKERS \
          --alter --entity-type topics --entity-name choices.forgotten --add-config cleanup.policy=compact"
        ]
    );
    let shared = check("choices", &broker.open, "choices.in");
    assert!(
        shared[0].starts_with("the consent topic choices.in is also an input, an output or the quarantine topic: "),
        "{shared:?}"
    );
}
