//! `tamis consent`: what a consent string says, what of it counts, and why not.
//!
//! The string itself is never printed, not even where it cannot be read: it identifies who wrote it and what a person
//! chose. On a command line other users of the machine can see it; from stdin (`-`) they cannot.

mod gpp;
mod tcf;
mod words;

use std::io::{self, BufRead, Write};

use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::Exit;
use crate::engine::consent::signals::says::{Malformed, Refusal};
use crate::engine::consent::signals::tcf::Reader;

/// Arguments of `tamis consent`.
#[derive(Args)]
pub(in crate::cli) struct ConsentArgs {
    /// A TCF, GPP or US Privacy string; `-`: one a line from stdin, one answer a line
    // A list, so that a second one is refused without being repeated.
    #[arg(value_name = "STRING", required = true)]
    strings: Vec<String>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    /// Whose consent is asked for: `publisher`, or `vendor:ID`
    #[arg(long, value_name = "WHO", value_parser = parse_reader)]
    reader: Option<Reader>,
    /// The time that counts as now, RFC 3339
    #[arg(long, value_name = "TIME")]
    now: Option<jiff::Timestamp>,
}

/// What is asked of each string.
#[derive(Clone, Copy)]
struct Ask {
    reader: Option<Reader>,
    now_ms: i64,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Words over several lines.
    Words,
    /// Words on one line.
    Line,
    /// JSON on one line.
    Json,
}

/// The families of strings that are told apart by how they begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standard {
    Tcf,
    Gpp,
    Usp,
}

impl Standard {
    /// TC strings begin with their version in six bits: `C` is 2, and `B` 1, which is known and not read. GPP strings
    /// begin with the type of their header, 3. US Privacy strings begin with a digit, which no other string does.
    fn of(text: &str) -> Option<Standard> {
        match text.as_bytes().first() {
            Some(b'B' | b'C') => Some(Standard::Tcf),
            Some(b'D') => Some(Standard::Gpp),
            Some(b'0'..=b'9') => Some(Standard::Usp),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Standard::Tcf => "tcf",
            Standard::Gpp => "gpp",
            Standard::Usp => "usp",
        }
    }
}

/// Runs the verb.
pub(in crate::cli) fn run(args: ConsentArgs) -> Exit {
    let [string] = args.strings.as_slice() else {
        let _ = writeln!(anstream::stderr(), "one string at a time; several, one a line, with `tamis consent -`");
        return Exit::Usage;
    };
    let lines = string == "-";
    let form = match (args.json, lines) {
        (true, _) => Form::Json,
        (false, true) => Form::Line,
        (false, false) => Form::Words,
    };
    let now_ms = args.now.unwrap_or_else(jiff::Timestamp::now).as_millisecond();
    let ask = Ask { reader: args.reader, now_ms, form };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = match lines {
        true => each_line(ask, &mut io::stdin().lock(), &mut out),
        false => answer(ask, string, &mut out),
    };
    match done.and_then(|exit| out.flush().map(|()| exit)) {
        Ok(exit) => exit,
        // Whoever reads our output had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "cannot go on: {error}");
            Exit::Failure
        }
    }
}

fn each_line(ask: Ask, input: &mut impl BufRead, out: &mut impl Write) -> io::Result<Exit> {
    let (mut line, mut exit) = (Vec::new(), Exit::Fine);
    while input.read_until(b'\n', &mut line)? > 0 {
        // Bytes that are no text are no string of any standard either.
        let text = std::str::from_utf8(line.trim_ascii_end()).unwrap_or("\u{fffd}");
        if answer(ask, text, out)? != Exit::Fine {
            exit = Exit::Findings;
        }
        line.clear();
    }
    Ok(exit)
}

/// One answer. A string that cannot be read at all is a finding; one that is read and refused is not.
fn answer(ask: Ask, text: &str, out: &mut impl Write) -> io::Result<Exit> {
    let standard = Standard::of(text);
    let read = match standard {
        Some(Standard::Tcf) => tcf::answer(ask, text).map_err(Malformed::as_str),
        Some(Standard::Gpp) => gpp::answer(ask, text).map_err(Malformed::as_str),
        Some(Standard::Usp) => gpp::answer_usp(ask, text).map_err(Malformed::as_str),
        None if text.is_empty() => Err("empty"),
        None => Err("unknown_standard"),
    };
    match read {
        Ok(answer) => {
            writeln!(out, "{}", answer.trim_end())?;
            Ok(Exit::Fine)
        }
        Err(code) => {
            let standard = standard.map(Standard::as_str);
            match ask.form {
                Form::Json => writeln!(out, "{}", json!({"standard": standard, "error": code}))?,
                _ => writeln!(out, "{}cannot be read: {}", words::subject(standard), words::error(code))?,
            }
            Ok(Exit::Findings)
        }
    }
}

/// The members of an answer that only TC strings have, in their order.
const TCF_MEMBERS: [&str; 10] = [
    "version",
    "created",
    "last_updated",
    "cmp_id",
    "policy_version",
    "purposes",
    "special_features",
    "vendors",
    "publisher",
    "restrictions",
];

/// The JSON answer: every member is there, `null` where this standard does not have it.
fn to_json(standard: Standard, mut members: Map<String, Value>, sections: Value, refused: &[Refusal]) -> String {
    let mut answer = Map::new();
    answer.insert("standard".to_owned(), standard.as_str().into());
    for name in TCF_MEMBERS {
        answer.insert(name.to_owned(), members.remove(name).unwrap_or_default());
    }
    answer.insert("sections".to_owned(), sections);
    answer.insert("accepted".to_owned(), refused.is_empty().into());
    answer.insert("refused".to_owned(), refused.iter().map(|refusal| refusal.as_str()).collect());
    Value::Object(answer).to_string()
}

fn parse_reader(text: &str) -> Result<Reader, String> {
    if text == "publisher" {
        return Ok(Reader::Publisher);
    }
    let vendor = text.strip_prefix("vendor:").and_then(|id| id.parse().ok()).filter(|id| *id > 0);
    vendor.map(Reader::Vendor).ok_or_else(|| "`publisher`, or `vendor:` and an id of the Global Vendor List".to_owned())
}
