//! Preflight of a deployment that reads from one cluster and writes to another.

use crate::broker::{broker, other};
use crate::check_with;

/// Checks a deployment whose outputs go to the other cluster; that one's address becomes `OTHER`.
fn check(name: &str, input: &str, output: &str, more: &str) -> Vec<String> {
    // Behind the settings of the input's clients comes the output's part.
    let client = format!("}}, output: {{brokers: '{output}'");
    let problems = check_with(name, input, &client, "", &format!("keys: keys.json\n{more}"));
    problems.iter().map(|problem| problem.replace(output, "OTHER")).collect()
}

const ONCE: &str = "delivery: at_least_once\n";

#[test]
fn each_topic_is_looked_for_in_its_own_cluster() {
    let (Some(input), Some(output)) = (broker(), other()) else { return };
    input.create(&[("apart.in", 2, &[])]);
    output.create(&[("apart.out", 2, &[]), ("apart.quarantine", 1, &[])]);
    assert_eq!(check("apart", &input.open, &output.open, ONCE), [""; 0]);

    // All of them in the input's cluster: the outputs are missing where they are to be.
    input.create(&[("wrong.in", 2, &[]), ("wrong.out", 2, &[]), ("wrong.quarantine", 1, &[])]);
    let problems = check("wrong", &input.open, &output.open, ONCE);
    assert_eq!(problems.len(), 2, "{problems:?}");
    for (problem, topic) in problems.iter().zip(["wrong.out", "wrong.quarantine"]) {
        assert!(problem.contains(topic) && problem.contains("does not exist at OTHER"), "{problem}");
        assert!(problem.contains("--bootstrap-server OTHER") && !problem.contains("BROKERS"), "{problem}");
    }
}

#[test]
fn partitions_are_compared_across_clusters() {
    let (Some(input), Some(output)) = (broker(), other()) else { return };
    input.create(&[("narrow.in", 3, &[])]);
    output.create(&[("narrow.out", 2, &[]), ("narrow.quarantine", 1, &[])]);
    let problems = check("narrow", &input.open, &output.open, ONCE);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("narrow.out") && problems[0].contains("--bootstrap-server OTHER"), "{problems:?}");
}

#[test]
fn the_cluster_that_does_not_answer_is_named() {
    let Some(input) = broker() else { return };
    input.create(&[("lonely.in", 1, &[])]);
    let problems = check("lonely", &input.open, "127.0.0.1:1", ONCE);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("no broker at OTHER answers"), "{problems:?}");
}
