//! What the demo says in the end, and, without a terminal, once a second: plain lines.

use super::view::{View, grouped, listed};

/// One line for a log.
pub(super) fn line(view: &View) -> String {
    let planted: u64 = view.planted.iter().sum();
    let trouble = view.trouble.as_ref().map_or_else(String::new, |trouble| format!("; {trouble}"));
    format!(
        "{} s: {} ({} events/s); personal values in: {}, left: {}{trouble}",
        view.seconds,
        view.equation(),
        grouped(view.rate),
        grouped(planted),
        left(view),
    )
}

fn left(view: &View) -> String {
    let each = view.routes.iter().zip(&view.left).map(|((topic, _), counts)| (topic.as_str(), counts.iter().sum()));
    listed(each)
}

/// The whole summary; every sum in it can be checked with a pencil.
pub(super) fn summary(view: &View) -> String {
    let mut out = Vec::new();
    out.push(format!("Tamis demo: {} s, policy {}", view.seconds, view.policy));
    out.push(String::new());
    out.push(view.equation());
    out.push(parts(view.outcomes[1], "dropped", &view.drops));
    out.push(parts(view.outcomes[2], "quarantined", &view.quarantines));
    for (topic, results) in &view.routes {
        let sum = results.iter().map(|(name, count)| format!("{} {name}", grouped(*count))).collect::<Vec<_>>();
        let total: u64 = results.iter().map(|(_, count)| count).sum();
        out.push(format!("{} events on {topic} = {}", grouped(total), sum.join(" + ")));
    }
    out.push(format!(
        "conservation {}; {} records, {} bytes in, {} bytes out",
        if view.conserved { "holds" } else { "IS BROKEN" },
        grouped(view.records),
        grouped(view.bytes[0]),
        grouped(view.bytes[1]),
    ));
    out.push(String::new());
    out.push("personal data of the made-up people, counted in the records and again in what was written:".to_owned());
    for (name, planted, kept) in view.categories() {
        let kept = listed(view.routes.iter().map(|(topic, _)| topic.as_str()).zip(kept));
        out.push(format!("  {name:<18} {:>10} in   left: {kept}", grouped(planted)));
    }
    if !view.kept.is_empty() {
        out.push(format!("  left on purpose, where consent allows it: {}", view.kept.join("; ")));
    }
    out.push(String::new());
    out.push("what rules took away or changed, on all routes:".to_owned());
    for (rule, effect, count) in &view.rules {
        out.push(format!("  {rule:<34} {effect:<16} {:>10}", grouped(*count)));
    }
    let found: Vec<(String, u64)> =
        view.detections.iter().map(|(kind, action, count)| (format!("{kind} {action}"), *count)).collect();
    out.push(format!("found in kept fields: {}", listed(found.iter().map(|(name, count)| (name.as_str(), *count)))));
    if let Some(trouble) = &view.trouble {
        out.push(trouble.clone());
    }
    out.join("\n")
}

/// `30 dropped = 28 all_closed + 2 empty`
fn parts(total: u64, name: &str, reasons: &[(&'static str, u64)]) -> String {
    let sum = reasons.iter().map(|(reason, count)| format!("{} {reason}", grouped(*count))).collect::<Vec<_>>();
    format!("{} {name} = {}", grouped(total), if sum.is_empty() { "0".to_owned() } else { sum.join(" + ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_equations() {
        let view = View {
            outcomes: [1000, 30, 5],
            drops: vec![("all_closed", 28), ("empty", 2)],
            quarantines: vec![("invalid_json", 5)],
            routes: vec![("lake.web".to_owned(), vec![("open".to_owned(), 1000), ("closed denied".to_owned(), 35)])],
            left: vec![Default::default()],
            conserved: true,
            ..View::default()
        };
        let text = summary(&view);
        for needed in [
            "1,035 events = 1,000 forwarded + 30 dropped + 5 quarantined",
            "30 dropped = 28 all_closed + 2 empty",
            "5 quarantined = 5 invalid_json",
            "1,035 events on lake.web = 1,000 open + 35 closed denied",
            "conservation holds",
        ] {
            assert!(text.lines().any(|line| line.starts_with(needed)), "{needed}\nis not in\n{text}");
        }
    }
}
