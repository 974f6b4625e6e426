//! The sections of a policy but `consent`, one function each: input, subjects, law, tokens, routes, record, detect.

use crate::engine::consent::{Preset, SubjectKind};
use crate::engine::detect::{Kind, Kinds};
use crate::engine::path::{Selector, Take};

use super::super::draft::{At, DraftRoute};
use super::super::keys::{DETECT, DOMAIN, INPUT, KEY_TOKEN, LAW, RECORD, ROUTE, SUBJECTS, TIMESTAMP};
use super::super::model::{Detect, MAX_ROUTES, OnHit, Partition, TokenDomain};
use super::super::nearest::nearest;
use super::super::problem::{Code, Problem};
use super::super::tree::{Entry, Node, Value};
use super::{Reader, list};

impl Reader<'_> {
    pub(super) fn input(&mut self, entry: &Entry) {
        let Some(fields) = self.fields(&entry.value, &INPUT, entry.key_span) else { return };
        if let Some(items) = fields.get("topics").and_then(|node| self.items(node, "`input.topics`", false)) {
            for item in items {
                match item.text() {
                    Some(text) => {
                        let topic = self.topic(text, item.span);
                        self.draft.topics.extend(topic);
                    }
                    None => self.wrong_type(item, "a topic", "a name"),
                }
            }
            let topics = self.draft.topics.clone();
            self.no_repeats(&topics, String::clone);
        }
        if let Some(node) = fields.get("split") {
            self.draft.has_split = true;
            self.draft.split = self.split(node);
        }
        if let Some(node) = fields.get("time") {
            self.draft.time = self.source(node, "the event's time");
        }
    }

    fn split(&mut self, node: &Node) -> Option<At<Selector>> {
        let Some(text) = node.text() else {
            self.wrong_type(node, "`input.split`", "a selector such as `$.batch[*]`");
            return None;
        };
        let selector = self.selector(text, node.span, matches!(node.value, Value::Plain(_)), 0)?;
        let fits = match selector.steps.split_last() {
            Some((last, names)) => {
                last.take == Take::Any
                    && !last.descendant
                    && names.iter().all(|s| !s.descendant && matches!(s.take, Take::Name(_)))
            }
            None => false,
        };
        if !fits {
            let message = format!("`{text}` does not say where the events of a batch are");
            let help =
                "`split` is a path of names that ends in `[*]`: `$.batch[*]`, or `$[*]` where the record is an array";
            self.report(Problem::new(Code::SplitShape, node.span, message).help(help));
            return None;
        }
        Some(At { value: selector, span: node.span })
    }

    pub(super) fn subjects(&mut self, entry: &Entry) {
        let what = "`subjects`";
        for entry in self.entries(&entry.value, what) {
            let source = self.source(&entry.value, "a subject");
            match SubjectKind::parse(&entry.key) {
                Some(kind) => self.draft.subjects.extend(source.map(|source| (kind, source.value))),
                None => {
                    let message = format!("there is no kind of subject `{}`", entry.key);
                    let problem = Problem::new(Code::UnknownSubject, entry.key_span, message);
                    let kinds = SUBJECTS.keys.iter().map(|key| key.name);
                    let problem = match nearest(&entry.key, kinds.clone()) {
                        Some(word) => problem.label(format!("did you mean `{word}`?")),
                        None => problem.help(format!("kinds of subjects are {}", list(kinds))),
                    };
                    self.report(problem);
                }
            }
        }
    }

    pub(super) fn law(&mut self, entry: &Entry) {
        self.draft.law.span = Some(entry.key_span);
        let Some(fields) = self.fields(&entry.value, &LAW, entry.key_span) else {
            self.draft.law.has_country = true;
            return;
        };
        if let Some(node) = fields.get("preset") {
            self.draft.law.preset = self.preset(node);
        }
        if let Some(node) = fields.get("country") {
            self.draft.law.has_country = true;
            self.draft.law.country = self.place(node, false);
        }
        if let Some(node) = fields.get("region") {
            self.draft.law.region = self.place(node, true);
        }
        if let Some(node) = fields.get("otherwise") {
            self.choice(node, "`law.otherwise`", &["strictest"]);
        }
        if let Some(node) = fields.get("age") {
            self.draft.law.age = self.source(node, "the age band").map(|source| source.value);
        }
    }

    fn preset(&mut self, node: &Node) -> Option<Preset> {
        let Some(text) = node.text() else {
            self.wrong_type(node, "`law.preset`", "the name of a preset");
            return None;
        };
        let preset = Preset::named(text);
        if preset.is_none() {
            let problem = Problem::new(Code::UnknownPreset, node.span, format!("there is no preset `{text}`"));
            let problem = match nearest(text, Preset::names()) {
                Some(word) => problem.label(format!("did you mean `{word}`?")),
                None => problem.help(format!("this version has {}", list(Preset::names()))),
            };
            self.report(problem);
        }
        preset
    }

    pub(super) fn tokens(&mut self, node: &Node) {
        for entry in self.entries(node, "`tokens`") {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if entry.key.is_empty() || entry.key.len() > 32 || !entry.key.chars().all(fits) {
                let message = format!("`{}` cannot be the name of a token domain", entry.key);
                let help = "a domain's name has 1 to 32 small letters, digits or `-`";
                self.report(Problem::new(Code::BadValue, entry.key_span, message).help(help));
            }
            // An unreadable domain is still declared: routes that name it are right.
            let rotate = self
                .fields_of(&entry.value, &DOMAIN, entry.key_span, &format!("`tokens.{}`", entry.key))
                .and_then(|fields| self.duration(fields.get("rotate")?, "`rotate`"));
            let name = At { value: entry.key.clone(), span: entry.key_span };
            self.draft.domains.push((name, TokenDomain { rotate_seconds: rotate }));
        }
    }

    /// Reads the routes; their `fields` are handed back, to be read once all routes are known.
    pub(super) fn routes<'n>(&mut self, node: &'n Node) -> Vec<(u32, &'n Node)> {
        let mut rules = Vec::new();
        let entries = self.entries(node, "`routes`");
        if entries.is_empty() && matches!(node.value, Value::Map(_)) {
            self.report(Problem::new(Code::BadValue, node.span, "`routes` must name at least one output topic"));
        }
        for entry in entries {
            let index = self.draft.routes.len();
            if index == MAX_ROUTES {
                let message = format!("a policy has at most {MAX_ROUTES} routes");
                self.report(
                    Problem::new(Code::TooManyRoutes, entry.key_span, message).help("split it into several policies"),
                );
                break;
            }
            self.topic(&entry.key, entry.key_span);
            let mut route = DraftRoute {
                topic: At { value: entry.key.clone(), span: entry.key_span },
                requires: Vec::new(),
                serves: Vec::new(),
                tokens: None,
                has_tokens: false,
                complete: false,
            };
            if let Some(fields) =
                self.fields_of(&entry.value, &ROUTE, entry.key_span, &format!("`routes.{}`", entry.key))
            {
                let requires = fields.get("requires").map(|node| self.required(node));
                let serves = fields.get("serves").map(|node| self.purposes(node, "`serves`", true));
                route.complete =
                    requires.as_ref().is_some_and(Option::is_some) && serves.as_ref().is_none_or(Option::is_some);
                route.requires = requires.flatten().unwrap_or_default();
                route.serves = serves.flatten().unwrap_or_default();
                for purpose in &route.serves {
                    if let Some(first) = route.requires.iter().find(|listed| listed.value == purpose.value) {
                        let message = format!("`{}` is listed twice", purpose.value);
                        let problem = Problem::new(Code::DuplicateValue, purpose.span, message);
                        self.report(problem.label("what is required is served too").other(first.span, "required here"));
                    }
                }
                if let Some(node) = fields.get("tokens") {
                    route.has_tokens = true;
                    route.tokens = match node.text() {
                        Some(text) => Some(At { value: text.to_owned(), span: node.span }),
                        None => {
                            self.wrong_type(node, "`tokens` of a route", "the name of one token domain");
                            None
                        }
                    };
                }
                if let (Some(node), Ok(index)) = (fields.get("fields"), u32::try_from(index)) {
                    rules.push((index, node));
                }
            }
            self.draft.routes.push(route);
        }
        rules
    }

    fn required(&mut self, node: &Node) -> Option<Vec<At<crate::engine::consent::Purpose>>> {
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            let message = "`requires` is empty: the route would be open whatever people chose";
            let help = "name what the data is for; what needs no consent has a purpose too: `security.essential`";
            self.report(Problem::new(Code::RequiresEmpty, node.span, message).help(help));
            return None;
        }
        self.purposes(node, "`requires`", false)
    }

    pub(super) fn record(&mut self, entry: &Entry) {
        let Some(fields) = self.fields(&entry.value, &RECORD, entry.key_span) else { return };
        if let Some(node) = fields.get("key") {
            self.record_key(node);
        }
        if let Some(node) = fields.get("partition") {
            let word = self.choice(node, "`record.partition`", &["same", "by_key"]);
            let value = word.map(|word| if word == "same" { Partition::Same } else { Partition::ByKey });
            self.draft.record.partition = value.map(|value| At { value, span: node.span });
        }
        if let Some(entry) = fields.entries.get("timestamp")
            && let Some(timestamp) = self.fields(&entry.value, &TIMESTAMP, entry.key_span)
            && let Some(node) = timestamp.get("round")
        {
            let seconds = self.duration(node, "`round`").and_then(|seconds| i64::try_from(seconds).ok());
            self.draft.record.timestamp = seconds.map(|s| At { value: s.saturating_mul(1000), span: node.span });
        }
        if let Some(items) = fields.get("headers").and_then(|node| self.items(node, "`record.headers`", true)) {
            self.headers(items);
        }
        if let Some(node) = fields.get("tombstones")
            && self.choice(node, "`record.tombstones`", &["drop", "forward"]) == Some("forward")
        {
            self.draft.record.tombstones = Some(node.span);
        }
    }

    fn headers(&mut self, items: &[Node]) {
        let mut names: Vec<At<String>> = Vec::new();
        for item in items {
            let Some(text) = item.text() else {
                self.wrong_type(item, "a header", "a name");
                continue;
            };
            let Some(value) = self.header_name(text, item.span) else { continue };
            if value.starts_with("tamis-") {
                let message = "headers whose names begin with `tamis-` are written by Tamis itself";
                self.report(Problem::new(Code::BadValue, item.span, message));
                continue;
            }
            names.push(At { value, span: item.span });
        }
        self.no_repeats(&names, String::clone);
        self.draft.record.headers = names;
    }

    fn record_key(&mut self, node: &Node) {
        let help = "`key: none`, or a token: `key: {token: $.userId}`";
        match &node.value {
            Value::Map(_) => {
                self.draft.record.has_key = true;
                if let Some(fields) = self.fields(node, &KEY_TOKEN, node.span)
                    && let Some(token) = fields.get("token")
                {
                    self.draft.record.key = self.source(token, "the record key's token");
                }
            }
            Value::Plain(text) | Value::Quoted(text) if text == "none" => {}
            Value::Plain(text) | Value::Quoted(text) => {
                self.draft.record.has_key = true;
                let message = format!("`key: {text}` would let a record key out as it came");
                self.report(Problem::new(Code::RawKey, node.span, message).help(help));
            }
            Value::Empty | Value::List(_) => self.wrong_type(node, "`record.key`", "`none` or `{token: …}`"),
        }
    }

    pub(super) fn detect(&mut self, entry: &Entry) {
        let Some(fields) = self.fields(&entry.value, &DETECT, entry.key_span) else { return };
        let kinds = fields.get("kinds").map_or(Some(Kinds::ALL), |node| self.kinds(node));
        let on_hit = fields.get("on_hit").map_or(Some(OnHit::Mask), |node| {
            self.choice(node, "`detect.on_hit`", &["mask", "drop", "quarantine"]).map(|word| match word {
                "mask" => OnHit::Mask,
                "drop" => OnHit::DropField,
                _ => OnHit::Quarantine,
            })
        });
        let reason = fields.get("reason").and_then(|node| self.sentence(node, "`detect.reason`"));
        if kinds == Some(Kinds::NONE) && fields.get("reason").is_none() {
            let span = fields.get("kinds").map_or(entry.key_span, |node| node.span);
            let message = "detection is off, and nothing says why";
            let help = "write the reason beside it, for whoever audits this policy: `{kinds: none, reason: \"…\"}`";
            self.report(Problem::new(Code::DetectionOff, span, message).help(help));
        }
        if let (Some(kinds), Some(on_hit)) = (kinds, on_hit) {
            self.draft.detect = Some(Detect { kinds, on_hit, reason });
        }
    }

    fn kinds(&mut self, node: &Node) -> Option<Kinds> {
        match node.text() {
            Some("all") => return Some(Kinds::ALL),
            Some("none") => return Some(Kinds::NONE),
            Some(_) => {
                self.choice(node, "`detect.kinds`", &["all", "none"]);
                return None;
            }
            None => {}
        }
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            return Some(Kinds::NONE);
        }
        let items = self.items(node, "`detect.kinds`", false)?;
        let mut found = Vec::new();
        for item in items {
            let Some(text) = item.text() else {
                self.wrong_type(item, "a kind", "a word");
                continue;
            };
            match Kind::ALL.iter().find(|kind| kind.as_str() == text) {
                Some(kind) => found.push(At { value: *kind, span: item.span }),
                None => {
                    let problem =
                        Problem::new(Code::UnknownKind, item.span, format!("there is no detector for `{text}`"));
                    let words = Kind::ALL.iter().map(|kind| kind.as_str());
                    let problem = match nearest(text, words.clone()) {
                        Some(word) => problem.label(format!("did you mean `{word}`?")),
                        None => problem.help(format!("detectors are {}", list(words))),
                    };
                    self.report(problem);
                }
            }
        }
        self.no_repeats(&found, ToString::to_string);
        (found.len() == items.len()).then(|| found.iter().fold(Kinds::NONE, |kinds, kind| kinds.with(kind.value)))
    }
}
