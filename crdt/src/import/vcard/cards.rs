//! Cuts a file into cards and takes out of each what the parser should not see.
//!
//! A card is held as text, one at a time. Pictures and sounds, most of the bytes of an address
//! book, are dropped line by line while they pass. Quoted-printable is decoded here, because the
//! charset of old phones is more often missing or wrong than right, and only here the bytes can
//! still be looked at. Dates and coordinates are handed on as text: what the parser cannot read
//! would be lost.

use std::io::{self, Read};

use encoding_rs::Encoding;

use super::super::{
    charset::decode_declared,
    limits::MAX_RECORD_BYTES,
    lines::{Line, Lines},
    reason::Reason,
};

/// One card, unfolded, a property a line.
#[derive(Debug)]
pub(super) struct Card {
    /// The line of its `BEGIN`.
    pub(super) line: u64,
    pub(super) text: String,
    /// Pictures and sounds that were left out.
    pub(super) media: u64,
    /// Whether a card inside it was left out.
    pub(super) agent: bool,
}

/// What comes next in the file.
#[derive(Debug)]
pub(super) enum Next {
    Card(Card),
    Bad { line: u64, reason: Reason },
}

/// Reads cards; see the module.
pub(super) struct Cards<R> {
    lines: Lines<R>,
    pending: Option<Line>,
}

/// The property whose lines are being read.
enum Open {
    Nothing,
    Media,
    /// Its text so far, and whether a `=` at the end of a line continues it. That is judged once,
    /// on its first line: judging a growing text at each line would take quadratic time.
    Text {
        text: String,
        printable: bool,
    },
}

impl<R: Read> Cards<R> {
    pub(super) fn new(source: R, encoding: &'static Encoding) -> Self {
        Self { lines: Lines::new(source, encoding), pending: None }
    }

    /// The next card; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Next>> {
        let line = loop {
            match self.next_line()? {
                None => return Ok(None),
                Some(line) if is(&line.text, "begin:vcard") => break line.number,
                Some(_) => {}
            }
        };
        let mut builder = Builder::new(line);
        let mut nested = 0_u32;
        loop {
            let Some(next) = self.next_line()? else { return Ok(Some(unterminated(line))) };
            if is(&next.text, "begin:vcard") {
                if nested == 0 && !builder.opens_agent() {
                    self.pending = Some(next);
                    return Ok(Some(unterminated(line)));
                }
                nested = nested.saturating_add(1);
            } else if is(&next.text, "end:vcard") {
                if nested == 0 {
                    return Ok(Some(builder.finish()));
                }
                nested -= 1;
            } else if nested == 0 {
                builder.push(next);
            }
        }
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        match self.pending.take() {
            Some(line) => Ok(Some(line)),
            None => self.lines.next(),
        }
    }
}

fn is(line: &str, word: &str) -> bool {
    line.trim_matches(['\u{feff}', ' ', '\t']).eq_ignore_ascii_case(word)
}

fn unterminated(line: u64) -> Next {
    Next::Bad { line, reason: Reason::UnterminatedCard }
}

struct Builder {
    card: Card,
    open: Open,
    is_2_1: bool,
    too_long: bool,
}

impl Builder {
    fn new(line: u64) -> Self {
        let card = Card { line, text: "BEGIN:VCARD\n".to_owned(), media: 0, agent: false };
        Self { card, open: Open::Nothing, is_2_1: false, too_long: false }
    }

    fn push(&mut self, line: Line) {
        let folded = line.text.starts_with([' ', '\t']);
        match &mut self.open {
            Open::Text { text, printable: true } if text.ends_with('=') => {
                text.pop();
                self.too_long |= !join(text, &line);
            }
            Open::Text { text, .. } if folded => {
                // Version 2.1 folds before a blank that belongs to the text.
                let rest = if self.is_2_1 { &line.text[..] } else { &line.text[1..] };
                let line = Line { text: rest.to_owned(), ..line };
                self.too_long |= !join(text, &line);
            }
            Open::Media if folded || !line.text.contains(':') => {}
            _ if line.text.trim().is_empty() => {}
            _ => self.begin(line),
        }
    }

    fn begin(&mut self, line: Line) {
        self.flush();
        if is_media(&line.text) {
            self.card.media += 1;
            self.open = Open::Media;
            return;
        }
        self.is_2_1 |= is(&line.text, "version:2.1");
        self.too_long |= line.cut;
        let printable = is_quoted_printable(&Property::split(&line.text));
        self.open = Open::Text { text: line.text, printable };
    }

    fn opens_agent(&mut self) -> bool {
        let is_agent = match &self.open {
            Open::Text { text, .. } => Property::split(text).name == "AGENT",
            Open::Nothing | Open::Media => false,
        };
        if is_agent {
            self.card.agent = true;
            self.open = Open::Nothing;
        }
        is_agent
    }

    fn flush(&mut self) {
        if let Open::Text { text, .. } = std::mem::replace(&mut self.open, Open::Nothing) {
            let line = rewrite(&text);
            self.too_long |= self.card.text.len() + line.len() > MAX_RECORD_BYTES;
            if !self.too_long {
                self.card.text.push_str(&line);
                self.card.text.push('\n');
            }
        }
    }

    fn finish(mut self) -> Next {
        self.flush();
        if self.too_long {
            let reason = Reason::RecordTooLong { limit: MAX_RECORD_BYTES };
            return Next::Bad { line: self.card.line, reason };
        }
        self.card.text.push_str("END:VCARD\n");
        Next::Card(self.card)
    }
}

/// Appends a line within the limit; false when there is no room.
fn join(text: &mut String, line: &Line) -> bool {
    let fits = !line.cut && text.len() + line.text.len() <= MAX_RECORD_BYTES;
    if fits {
        text.push_str(&line.text);
    }
    fits
}

/// A property taken apart, nothing unescaped.
struct Property<'a> {
    group: &'a str,
    name: String,
    parameters: Vec<&'a str>,
    value: &'a str,
}

impl<'a> Property<'a> {
    fn split(text: &'a str) -> Self {
        let mut quoted = false;
        let colon = text.find(|c| {
            quoted ^= c == '"';
            c == ':' && !quoted
        });
        let (head, value) = colon.map_or((text, ""), |colon| (&text[..colon], &text[colon + 1..]));
        let mut parameters = head.split(';');
        let full = parameters.next().unwrap_or_default().trim();
        let (group, name) = full.rsplit_once('.').unwrap_or(("", full));
        Self { group, name: name.to_ascii_uppercase(), parameters: parameters.collect(), value }
    }

    fn encoding_is(&self, names: &[&str]) -> bool {
        self.parameters.iter().any(|parameter| {
            let value = parameter.rsplit('=').next().unwrap_or_default().trim();
            names.iter().any(|name| value.eq_ignore_ascii_case(name))
        })
    }

    fn charset(&self) -> Option<&'a str> {
        self.parameters.iter().find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
        })
    }
}

fn is_quoted_printable(property: &Property<'_>) -> bool {
    property.encoding_is(&["quoted-printable", "q"])
}

fn is_media(text: &str) -> bool {
    let property = Property::split(text);
    let value = property.value.trim_start().to_ascii_lowercase();
    let named = matches!(property.name.as_str(), "PHOTO" | "LOGO" | "SOUND");
    (named && !value.starts_with("http") && !value.is_empty())
        || property.encoding_is(&["base64", "b"])
        || ["data:image", "data:audio", "data:video"].iter().any(|start| value.starts_with(start))
}

/// The same property as the parser should see it.
fn rewrite(text: &str) -> String {
    let property = Property::split(text);
    let group = if property.group.is_empty() { "" } else { "." };
    let head = format!("{}{group}{}", property.group, property.name);
    if is_quoted_printable(&property) {
        let kept = property.parameters.iter().filter(|parameter| {
            let name = parameter.split('=').next().unwrap_or_default().trim();
            !["encoding", "charset", "quoted-printable", "value"]
                .iter()
                .any(|dropped| name.eq_ignore_ascii_case(dropped))
        });
        let parameters: String = kept.map(|parameter| format!(";{parameter}")).collect();
        let value = unquote_printable(property.value, property.charset());
        return format!("{head}{parameters}:{value}");
    }
    match property.name.as_str() {
        "BDAY" | "ANNIVERSARY" | "TZ" | "GEO" | "GENDER" => {
            format!("{head};VALUE=text:{}", property.value)
        }
        _ => text.to_owned(),
    }
}

/// Decodes quoted-printable. What was hidden from the syntax of vCard by being encoded is escaped,
/// so that an encoded semicolon separates nothing.
fn unquote_printable(value: &str, charset: Option<&str>) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        match encoded_byte(rest) {
            Some(byte) => {
                match byte {
                    b'\r' => {}
                    b'\n' => bytes.extend(b"\\n"),
                    b';' | b',' | b'\\' => bytes.extend([b'\\', byte]),
                    _ => bytes.push(byte),
                }
                rest = &rest[3..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    decode_declared(&bytes, charset).replace(['\r', '\n'], " ")
}

fn encoded_byte(text: &[u8]) -> Option<u8> {
    let [b'=', high, low, ..] = text else { return None };
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some(digit(*high)? << 4 | digit(*low)?)
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_8;

    use super::*;

    fn cards(text: &str) -> Vec<Next> {
        let mut cards = Cards::new(text.as_bytes(), UTF_8);
        let mut found = Vec::new();
        while let Some(next) = cards.next().expect("memory") {
            found.push(next);
        }
        found
    }

    fn only(body: &str) -> Card {
        let mut found = cards(&format!("BEGIN:VCARD\r\n{body}\r\nEND:VCARD\r\n"));
        match found.pop() {
            Some(Next::Card(card)) if found.is_empty() => card,
            other => panic!("one card, not {other:?}"),
        }
    }

    #[test]
    fn folds_differ_between_versions() {
        assert!(only("VERSION:3.0\nNOTE:one \n  two").text.contains("NOTE:one  two\n"));
        assert!(only("VERSION:3.0\nNOTE:on\n e").text.contains("NOTE:one\n"));
        assert!(only("VERSION:2.1\nNOTE:one\n two").text.contains("NOTE:one two\n"));
    }

    #[test]
    fn quoted_printable_with_and_without_charset() {
        let cases = [
            ("NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:d=C3=A9j=\n=C3=A0 vu", "NOTE:déjà vu"),
            ("NOTE;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:d=E9j=E0", "NOTE:déjà"),
            ("NOTE;QUOTED-PRINTABLE:d=E9j=E0 =80", "NOTE:déjà €"),
            ("NOTE;ENCODING=quoted-printable:d=C3=A9j=C3=A0", "NOTE:déjà"),
            ("N;ENCODING=QUOTED-PRINTABLE:a=3Bb;c=0D=0Ad", "N:a\\;b;c\\nd"),
            ("NOTE;HOME;ENCODING=QUOTED-PRINTABLE:=zz=4", "NOTE;HOME:=zz=4"),
        ];
        for (line, expected) in cases {
            let text = only(&format!("VERSION:2.1\n{line}\nTEL:1")).text;
            assert!(text.contains(&format!("{expected}\n")), "{line}: {text}");
            assert!(text.contains("TEL:1\n"), "{line}: {text}");
        }
    }

    #[test]
    fn pictures_leave_nothing_behind() {
        let card = only(
            "PHOTO;ENCODING=BASE64;JPEG:\n AAAA\n BBBB\n\nitem1.TEL:1\nPHOTO;TYPE=JPEG:CCCC\nDDDD\nLOGO:data:image/png;base64,AAAA\nX-PIC;ENCODING=b:EEEE\nPHOTO;VALUE=uri:https://a.example/p.jpg\nNOTE:n",
        );
        assert_eq!(card.media, 4);
        for gone in ["AAAA", "BBBB", "CCCC", "DDDD", "EEEE"] {
            assert!(!card.text.contains(gone), "{gone}");
        }
        for kept in ["item1.TEL:1\n", "https://a.example/p.jpg\n", "NOTE:n\n"] {
            assert!(card.text.contains(kept), "{kept}");
        }
    }

    #[test]
    fn a_picture_longer_than_a_record_is_no_harm_and_a_long_note_is_refused() {
        let long = "A".repeat(MAX_RECORD_BYTES + 10);
        assert_eq!(only(&format!("PHOTO;ENCODING=b:{long}\nFN:a")).media, 1);
        let found = cards(&format!("BEGIN:VCARD\nNOTE:{long}\nEND:VCARD\nBEGIN:VCARD\nFN:b\nEND:VCARD"));
        assert!(matches!(&found[0], Next::Bad { line: 1, reason: Reason::RecordTooLong { .. } }));
        assert!(matches!(&found[1], Next::Card(card) if card.line == 4));
    }

    #[test]
    fn a_card_without_end_costs_itself_alone() {
        let found = cards("BEGIN:VCARD\nFN:a\nBEGIN:VCARD\nFN:b\nEND:VCARD\nBEGIN:VCARD\nFN:c");
        assert!(matches!(&found[0], Next::Bad { line: 1, reason: Reason::UnterminatedCard }));
        assert!(matches!(&found[1], Next::Card(card) if card.text.contains("FN:b")));
        assert!(matches!(&found[2], Next::Bad { line: 6, reason: Reason::UnterminatedCard }));
    }

    #[test]
    fn an_agent_inside_a_card_is_left_out() {
        let card = only("FN:a\nAGENT:\nBEGIN:VCARD\nFN:inner\nEND:VCARD\nTEL:1");
        assert!(card.agent && !card.text.contains("inner") && card.text.contains("TEL:1"));
    }
}
