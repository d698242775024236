//! One pass over the text of JSON: where every value begins and ends. It takes what RFC 8259 takes, and nothing else.

use super::Kind;

/// How deep values may lie in each other.
const DEEPEST: usize = 100;
/// How many values and names there may be: a record of 1 MB has at most half a million.
const MOST: usize = 1_000_000;

/// Why bytes are no JSON that can be looked into. It says nothing of what is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotJson {
    #[error("it is not JSON, at its byte {0}")]
    At(usize),
    #[error("its JSON lies more than {DEEPEST} values deep, at its byte {0}")]
    TooDeep(usize),
    #[error("its JSON holds more than {MOST} values")]
    TooMany,
}

/// A value, or the name of a member, which stands before its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(super) kind: Kind,
    /// Where its text begins and ends.
    pub(super) start: u32,
    pub(super) end: u32,
    /// The first node that is not inside it.
    pub(super) next: u32,
}

pub(super) fn scan(text: &str) -> Result<Vec<Node>, NotJson> {
    let bytes = text.as_bytes();
    if u32::try_from(bytes.len()).is_err() {
        return Err(NotJson::TooMany);
    }
    let mut scan = Scan { bytes, at: 0, nodes: Vec::with_capacity(bytes.len() / 16 + 4) };
    scan.blanks();
    scan.value(0)?;
    scan.blanks();
    if scan.at < bytes.len() { Err(NotJson::At(scan.at)) } else { Ok(scan.nodes) }
}

struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
    nodes: Vec<Node>,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn here<T>(&self) -> Result<T, NotJson> {
        Err(NotJson::At(self.at))
    }

    /// Opens a node; its end is told by [`Scan::end`].
    fn begin(&mut self, kind: Kind) -> Result<usize, NotJson> {
        if self.nodes.len() >= MOST {
            return Err(NotJson::TooMany);
        }
        let start = self.at as u32;
        self.nodes.push(Node { kind, start, end: start, next: 0 });
        Ok(self.nodes.len() - 1)
    }

    fn end(&mut self, node: usize) {
        let next = self.nodes.len() as u32;
        let node = &mut self.nodes[node];
        node.end = self.at as u32;
        node.next = next;
    }

    fn value(&mut self, depth: usize) -> Result<(), NotJson> {
        if depth > DEEPEST {
            return Err(NotJson::TooDeep(self.at));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.text(),
            Some(b't') => self.word(b"true", Kind::True),
            Some(b'f') => self.word(b"false", Kind::False),
            Some(b'n') => self.word(b"null", Kind::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.here(),
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<(), NotJson> {
        if !self.bytes[self.at..].starts_with(word) {
            return self.here();
        }
        let node = self.begin(kind)?;
        self.at += word.len();
        self.end(node);
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), NotJson> {
        let node = self.begin(Kind::Object)?;
        self.at += 1;
        self.blanks();
        if self.peek() != Some(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return self.here();
                }
                self.text()?;
                self.blanks();
                if self.peek() != Some(b':') {
                    return self.here();
                }
                self.at += 1;
                self.blanks();
                self.value(depth + 1)?;
                self.blanks();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b'}') => break,
                    _ => return self.here(),
                }
                self.blanks();
            }
        }
        self.at += 1;
        self.end(node);
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<(), NotJson> {
        let node = self.begin(Kind::List)?;
        self.at += 1;
        self.blanks();
        if self.peek() != Some(b']') {
            loop {
                self.value(depth + 1)?;
                self.blanks();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b']') => break,
                    _ => return self.here(),
                }
                self.blanks();
            }
        }
        self.at += 1;
        self.end(node);
        Ok(())
    }

    fn text(&mut self) -> Result<(), NotJson> {
        let node = self.begin(Kind::Text)?;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.nodes[node].kind = Kind::Escaped;
                    self.at += 1;
                    self.escape()?;
                }
                None | Some(0..0x20) => return self.here(),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        self.end(node);
        Ok(())
    }

    fn escape(&mut self) -> Result<(), NotJson> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return self.here();
                    }
                    self.at += 1;
                }
            }
            _ => return self.here(),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), NotJson> {
        let node = self.begin(Kind::Number)?;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.end(node);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == from { self.here() } else { Ok(()) }
    }
}
