//! A naive JSON tree that forgets nothing: duplicates, order, spellings and white space stay with the node.
//!
//! A *slot* is everything of a member or element between its separators (`{` `[` `,` `]` `}`), white space included.
//! The parser recurses and copies freely: it is meant to be obviously right, not fast.

/// A parsed value. `source` is its text without the white space around it.
pub struct Node<'a> {
    pub source: &'a str,
    pub kind: Kind<'a>,
}

pub enum Kind<'a> {
    Null,
    Bool(bool),
    /// As it was spelled.
    Number(&'a str),
    String(Text<'a>),
    Array(Vec<Slot<'a>>),
    Object(Vec<Slot<'a>>),
}

/// A string, unescaped, and how each of its characters was spelled.
#[derive(Clone)]
pub struct Text<'a> {
    pub text: String,
    pub spelled: Vec<&'a str>,
    /// It has a lone surrogate, for which U+FFFD stands: no text can hold it.
    pub lossy: bool,
}

/// A member or element with the white space that belongs to it.
pub struct Slot<'a> {
    /// White space before the key or element.
    pub before: &'a str,
    /// Members only.
    pub key: Option<Key<'a>>,
    pub node: Node<'a>,
    /// White space after the value.
    pub after: &'a str,
}

pub struct Key<'a> {
    /// Unescaped.
    pub text: String,
    /// From the opening quote up to the value: key, white space, colon, white space.
    pub source: &'a str,
}

/// A whole text: the root with the white space around it.
pub struct Document<'a> {
    pub before: &'a str,
    pub root: Node<'a>,
    pub after: &'a str,
}

impl Node<'_> {
    pub fn is_container(&self) -> bool {
        matches!(self.kind, Kind::Array(_) | Kind::Object(_))
    }
}

/// Parses one JSON text by RFC 8259.
pub fn parse(text: &str) -> Option<Document<'_>> {
    let mut parser = Parser { text, at: 0 };
    let before = parser.space();
    let root = parser.value()?;
    let after = parser.space();
    (parser.at == text.len()).then_some(Document { before, root, after })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn space(&mut self) -> &'a str {
        let start = self.at;
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn value(&mut self) -> Option<Node<'a>> {
        let start = self.at;
        let kind = match self.peek()? {
            b'{' => Kind::Object(self.slots(b'{', b'}')?),
            b'[' => Kind::Array(self.slots(b'[', b']')?),
            b'"' => Kind::String(self.string()?),
            b'n' => self.word("null", Kind::Null)?,
            b't' => self.word("true", Kind::Bool(true))?,
            b'f' => self.word("false", Kind::Bool(false))?,
            _ => Kind::Number(self.number()?),
        };
        Some(Node { source: &self.text[start..self.at], kind })
    }

    fn word(&mut self, word: &str, kind: Kind<'a>) -> Option<Kind<'a>> {
        self.text[self.at..].starts_with(word).then(|| {
            self.at += word.len();
            kind
        })
    }

    fn slots(&mut self, open: u8, close: u8) -> Option<Vec<Slot<'a>>> {
        self.eat(open)?;
        let mut slots = Vec::new();
        let start = self.at;
        self.space();
        if self.eat(close).is_some() {
            return Some(slots);
        }
        self.at = start;
        loop {
            let before = self.space();
            let key = if open == b'{' {
                let start = self.at;
                let text = self.string()?.text;
                self.space();
                self.eat(b':')?;
                self.space();
                Some(Key { text, source: &self.text[start..self.at] })
            } else {
                None
            };
            let node = self.value()?;
            let after = self.space();
            slots.push(Slot { before, key, node, after });
            if self.eat(close).is_some() {
                return Some(slots);
            }
            self.eat(b',')?;
        }
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<&'a str> {
        let start = self.at;
        let _ = self.eat(b'-');
        if self.eat(b'0').is_none() {
            self.digits()?;
        }
        if self.eat(b'.').is_some() {
            self.digits()?;
        }
        if self.eat(b'e').or_else(|| self.eat(b'E')).is_some() {
            let _ = self.eat(b'+').or_else(|| self.eat(b'-'));
            self.digits()?;
        }
        Some(&self.text[start..self.at])
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    }

    fn string(&mut self) -> Option<Text<'a>> {
        self.eat(b'"')?;
        let mut out = Text { text: String::new(), spelled: Vec::new(), lossy: false };
        loop {
            let start = self.at;
            let character = self.text[self.at..].chars().next()?;
            self.at += character.len_utf8();
            match character {
                '"' => return Some(out),
                '\0'..='\x1f' => return None,
                '\\' => {
                    let meant = self.escape()?;
                    out.lossy |= meant.is_none();
                    out.text.push(meant.unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                other => out.text.push(other),
            }
            out.spelled.push(&self.text[start..self.at]);
        }
    }

    /// What follows a backslash; `Some(None)` is a lone surrogate.
    fn escape(&mut self) -> Option<Option<char>> {
        let byte = self.peek()?;
        self.at += 1;
        Some(Some(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4()?;
                let after_first = self.at;
                if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
                    self.at += 2;
                    let second = self.hex4()?;
                    if (0xdc00..0xe000).contains(&second) {
                        return Some(char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)));
                    }
                    self.at = after_first;
                }
                return Some(char::from_u32(first));
            }
            _ => return None,
        }))
    }
}

/// A JSON string literal: no escapes but those that the grammar asks for.
pub fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' => out.push_str(&format!("\\u{:04x}", character as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
