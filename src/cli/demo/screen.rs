//! The live screen as lines of styled text: laid out for 80 by 24, and for whatever is larger.
//!
//! Pure: a [`View`] and a size in, lines out. What does not fit is cut at the right with `…`; a larger terminal shows
//! more rules and more of the sample, never less. It draws nothing itself.

use anstyle::{AnsiColor, Style};

use super::view::{View, grouped, listed};

const PLAIN: Style = Style::new();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const RAW: Style = AnsiColor::Yellow.on_default();

/// One line: pieces, each in its style.
#[derive(Default)]
pub(super) struct Line(Vec<(Style, String)>);

impl Line {
    fn of(style: Style, text: impl Into<String>) -> Line {
        Line(vec![(style, text.into())])
    }

    fn and(mut self, style: Style, text: impl Into<String>) -> Line {
        self.0.push((style, text.into()));
        self
    }

    /// As text without styles.
    pub(super) fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// At most `width` characters, with the codes of its styles if `color`.
    pub(super) fn render(&self, width: usize, color: bool) -> String {
        let mut out = String::new();
        let mut left = width;
        let whole = self.text().chars().count() <= width;
        for (style, text) in &self.0 {
            let room = if whole { left } else { left.saturating_sub(1) };
            let piece: String = text.chars().take(room).collect();
            left -= piece.chars().count();
            if color {
                out.push_str(&format!("{}{piece}{}", style.render(), style.render_reset()));
            } else {
                out.push_str(&piece);
            }
        }
        if !whole {
            out.push('…');
        }
        out
    }
}

/// The screen for this many columns and rows.
pub(super) fn lines(view: &View, columns: usize, rows: usize) -> Vec<Line> {
    let mut lines = vec![title(view, columns), equation(view)];
    lines.extend(reasons(view, columns));
    let foot = foot(view);
    // What is there at any size: three head lines, categories with their heading, routes, detections, the foot.
    let fixed = lines.len() + 1 + view.categories().count() + view.routes.len() + 1 + foot.len();
    let spare = rows.saturating_sub(fixed);
    let airy = spare > 14;
    let gap = |lines: &mut Vec<Line>| {
        if airy {
            lines.push(Line::default());
        }
    };
    gap(&mut lines);
    // With room, the lower half is the sample's; a tall terminal also shows more rules.
    let table = 1 + view.categories().count() + if airy { spare.saturating_sub(14) / 2 } else { 0 };
    lines.extend(categories_and_rules(view, columns, table));
    gap(&mut lines);
    lines.extend(view.routes.iter().map(route));
    lines.push(detections(view));
    gap(&mut lines);
    let room = rows.saturating_sub(lines.len() + foot.len());
    if let Some(sample) = &view.sample {
        lines.extend(sample_lines(sample, columns, room));
    }
    while lines.len() + foot.len() < rows {
        lines.push(Line::default());
    }
    lines.extend(foot);
    lines.truncate(rows);
    lines
}

fn title(view: &View, columns: usize) -> Line {
    let left = format!("Tamis demo · policy {}", view.policy);
    let right =
        format!("{}:{:02}   {} events/s   Ctrl-C ends", view.seconds / 60, view.seconds % 60, grouped(view.rate));
    let space = columns.saturating_sub(left.chars().count() + right.chars().count());
    Line::of(BOLD, left).and(PLAIN, " ".repeat(space.max(2))).and(DIM, right)
}

fn equation(view: &View) -> Line {
    Line::of(if view.conserved { GOOD } else { BAD }, view.equation())
}

/// On one line if it is wide enough for most, else on two.
fn reasons(view: &View, columns: usize) -> Vec<Line> {
    let dropped = Line::of(DIM, "dropped: ").and(PLAIN, or_none(listed(view.drops.iter().copied())));
    let quarantined = (DIM, "quarantined: ", or_none(listed(view.quarantines.iter().copied())));
    let (style, label, reasons) = quarantined;
    if columns >= 110 {
        vec![dropped.and(PLAIN, "   ").and(style, label).and(PLAIN, reasons)]
    } else {
        vec![dropped, Line::of(style, label).and(PLAIN, reasons)]
    }
}

fn or_none(text: String) -> String {
    if text.is_empty() { "none".to_owned() } else { text }
}

/// Left what of the made-up people went in and came out, right what rules did.
fn categories_and_rules(view: &View, columns: usize, rows: usize) -> Vec<Line> {
    let mut head = Line::of(DIM, format!("{:<17}{:>9}", "personal data", "came in"));
    for (topic, _) in &view.routes {
        // Topics are told apart by their ends: `lake.ads` → `ads`.
        let end = topic.rsplit('.').next().unwrap_or(topic);
        head = head.and(DIM, format!("{:>11}", short(end, 10)));
    }
    let mut left = vec![head];
    for (name, planted, kept) in view.categories() {
        let mut line = Line::of(PLAIN, format!("{name:<17}")).and(RAW, format!("{:>9}", grouped(planted)));
        for count in kept {
            line = line.and(if count == 0 { GOOD } else { PLAIN }, format!("{:>11}", grouped(count)));
        }
        left.push(line);
    }
    let width = 17 + 9 + 11 * view.routes.len();
    let room = columns.saturating_sub(width + 2);
    // A wide terminal has room for whole words.
    let (did, fields) = if room > 40 { (14, 12) } else { (7, 9) };
    let name = room.saturating_sub(did + fields + 2);
    let mut right = vec![Line::of(DIM, format!("{:<name$} {:<did$} {:>fields$}", "rule", "did", "fields"))];
    for (rule, effect, count) in &view.rules {
        let rule = tail(rule, name);
        right.push(Line::of(PLAIN, format!("{rule:<name$} {:<did$} {:>fields$}", short(effect, did), grouped(*count))));
    }
    (0..rows)
        .map(|at| {
            let mut line = left.get_mut(at).map(std::mem::take).unwrap_or_default();
            let used = line.text().chars().count();
            line = line.and(PLAIN, " ".repeat((width + 2).saturating_sub(used)));
            if room > 24
                && let Some(right) = right.get_mut(at)
            {
                line.0.append(&mut right.0);
            }
            line
        })
        .collect()
}

fn route((topic, results): &(String, Vec<(String, u64)>)) -> Line {
    let open = results.first().map_or(0, |(_, count)| *count);
    let others = results.iter().skip(1).map(|(name, count)| (name.rsplit(' ').next().unwrap_or(name), *count));
    let others = listed(others);
    Line::of(PLAIN, format!("{:<16}", short(topic, 15)))
        .and(GOOD, format!("open {}", grouped(open)))
        .and(DIM, if others.is_empty() { String::new() } else { format!(" · {others}") })
}

fn detections(view: &View) -> Line {
    let found: Vec<(String, u64)> =
        view.detections.iter().map(|(kind, action, count)| (format!("{kind} {action}"), *count)).collect();
    let found = listed(found.iter().map(|(name, count)| (name.as_str(), *count)));
    Line::of(PLAIN, format!("{:<16}", "found in kept")).and(PLAIN, or_none(found))
}

fn sample_lines(sample: &super::sample::Sample, columns: usize, rows: usize) -> Vec<Line> {
    let name = 24.min(columns / 4);
    let cell = columns.saturating_sub(name + 3) / 2;
    let mut lines = vec![
        Line::of(DIM, format!("{:<name$} {:<cell$} ", "one event", "before"))
            .and(DIM, format!("after, in {}", sample.topic)),
    ];
    for (path, before, after) in &sample.fields {
        let style = if Some(before) == after.as_ref() { PLAIN } else { GOOD };
        let path = format!("{:<name$} ", tail(path, name));
        let cut = after.as_ref().map_or(0, |after| unchanged(before, after, cell));
        let shown = format!("{:<cell$} ", short(&from(before, cut), cell));
        let after = after.as_ref().map_or_else(|| "removed".to_owned(), |after| short(&from(after, cut), cell));
        lines.push(Line::of(DIM, path).and(RAW, shown).and(style, after));
    }
    lines.truncate(rows);
    lines
}

fn foot(view: &View) -> Vec<Line> {
    let topic = view.routes.first().map_or("lake", |(topic, _)| topic.as_str());
    let watch = Line::of(PLAIN, format!("kcat -b {} -C -t {topic}", view.broker));
    let note = match &view.trouble {
        Some(trouble) => Line::of(BAD, trouble.clone()),
        None => Line::of(DIM, "This broker cannot isolate transactions, so the demo delivers at least once."),
    };
    vec![watch.and(PLAIN, format!("   {}", view.metrics)), note]
}

/// How many characters of a common beginning to leave out, so that the difference is in the first `cell` characters.
fn unchanged(before: &str, after: &str, cell: usize) -> usize {
    let common = before.chars().zip(after.chars()).take_while(|(one, two)| one == two).count();
    let long = before.chars().count().max(after.chars().count()) > cell;
    if long && before != after { common.saturating_sub(cell / 2) } else { 0 }
}

fn from(text: &str, cut: usize) -> String {
    if cut == 0 { text.to_owned() } else { std::iter::once('…').chain(text.chars().skip(cut + 1)).collect() }
}

/// The first characters.
fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// The last characters, which tell selectors apart.
fn tail(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    std::iter::once('…').chain(text.chars().skip(count + 1 - most.max(1))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    fn view() -> View {
        let fields = (0..30).map(|at| (format!("$.f{at}"), "before".to_owned(), None)).collect();
        View {
            policy: "web-analytics".to_owned(),
            outcomes: [6000, 2000, 44],
            drops: vec![("all_closed", 1900), ("empty", 100)],
            quarantines: vec![("invalid_json", 44)],
            conserved: true,
            rules: (0..40).map(|at| (format!("$.context.page.number{at}"), "token", 1000 - at)).collect(),
            routes: ["lake.analytics", "lake.ads"]
                .map(|topic| (topic.to_owned(), vec![("open".to_owned(), 6000), ("closed no_signal".to_owned(), 2000)]))
                .to_vec(),
            detections: vec![("email", "mask", 12)],
            left: vec![Default::default(); 2],
            sample: Some(Sample { topic: "lake.analytics".to_owned(), fields }),
            broker: "127.0.0.1:34567".to_owned(),
            metrics: "http://127.0.0.1:41234/metrics".to_owned(),
            ..View::default()
        }
    }

    #[test]
    fn it_fits_80_by_24_and_fills_what_is_larger() {
        for (columns, rows) in [(80, 24), (100, 30), (132, 50), (200, 80)] {
            let lines = lines(&view(), columns, rows);
            assert_eq!(lines.len(), rows);
            for line in &lines {
                assert!(line.render(columns, false).chars().count() <= columns);
            }
            let text: Vec<String> = lines.iter().map(|line| line.render(columns, false)).collect();
            let text = text.join("\n");
            for needed in [
                "8,044 events = 6,000 forwarded + 2,000 dropped + 44 quarantined",
                "all_closed 1,900",
                "invalid_json 44",
                "contact.email",
                "financial.account",
                "token",
                "open 6,000 · no_signal 2,000",
                "email mask 12",
                "kcat -b 127.0.0.1:34567 -C -t lake.analytics",
                "at least once.",
                "before",
                "removed",
            ] {
                assert!(text.contains(needed), "{needed} is not on {columns} by {rows}:\n{text}");
            }
        }
    }

    #[test]
    fn a_tiny_terminal_is_cut_and_never_fails() {
        for (columns, rows) in [(1, 1), (10, 3), (40, 12)] {
            let lines = lines(&view(), columns, rows);
            assert!(lines.len() <= rows);
            assert!(lines.iter().all(|line| line.render(columns, false).chars().count() <= columns));
        }
    }

    #[test]
    fn long_values_show_where_they_differ() {
        let (before, after) =
            ("https://shop.example.com/sieves?page=2&email=x", "https://shop.example.com/sieves?page=2");
        let cut = unchanged(before, after, 20);
        assert_eq!(short(&from(before, cut), 20), "…es?page=2&email=x");
        assert_eq!(short(&from(after, cut), 20), "…es?page=2");
        assert_eq!(unchanged("short", "sho", 20), 0);
    }

    #[test]
    fn styles_are_left_out_without_color() {
        let line = Line::of(GOOD, "open").and(DIM, " closed");
        assert_eq!(line.render(80, false), "open closed");
        assert!(line.render(80, true).contains("\u{1b}["));
        assert_eq!(line.render(6, false), "open …");
    }
}
