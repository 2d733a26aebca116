//! Which characters the bytes of a file stand for.
//!
//! 1. A byte order mark settles it.
//! 2. Zero bytes at every other place of the beginning mean UTF-16 without a mark.
//! 3. A file that is valid UTF-8 from end to end is UTF-8: real text in another charset never is.
//! 4. Otherwise the letters decide (`chardetng`). With a handful of accents in plain words it has
//!    too little to go by: such a file is read as Windows-1252, which holds all of Latin-1 too.
//!
//! The whole file is read once for this, before it is read for good. It is also where a file that
//! inflates without end is caught, before a row of it has come in.

use std::io::{self, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// What a first reading found.
pub(super) struct Survey {
    pub(super) encoding: &'static Encoding,
    pub(super) bytes: u64,
}

/// Why a first reading stopped.
pub(super) enum SurveyError {
    TooLarge,
    Read(io::Error),
}

/// Reads `source` to its end, or to one byte more than `limit`.
pub(super) fn survey(source: &mut dyn Read, limit: u64) -> Result<Survey, SurveyError> {
    let mut watcher = Watcher::new();
    let mut buffer = vec![0; 32 << 10];
    let mut bytes = 0_u64;
    loop {
        let read = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(SurveyError::Read(error)),
        };
        bytes += read as u64;
        if bytes > limit {
            return Err(SurveyError::TooLarge);
        }
        watcher.feed(&buffer[..read]);
    }
    Ok(Survey { encoding: watcher.finish(), bytes })
}

/// The same judgement on bytes in memory, which may be only the beginning of a file.
pub(super) fn decode_beginning(bytes: &[u8]) -> String {
    let mut watcher = Watcher::new();
    watcher.feed(bytes);
    // The end of the beginning may cut a character: that alone does not make it another charset.
    let cut = std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none());
    let encoding = if cut { UTF_8 } else { watcher.finish() };
    encoding.decode(bytes).0.into_owned()
}

/// The text of some bytes in a charset that the file names, or that has to be guessed.
pub(super) fn decode_declared(bytes: &[u8], label: Option<&str>) -> String {
    let declared = label.and_then(|label| Encoding::for_label(label.as_bytes()));
    let encoding =
        declared.unwrap_or_else(|| if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { WINDOWS_1252 });
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

struct Watcher {
    beginning: Vec<u8>,
    detector: EncodingDetector,
    utf8: encoding_rs::Decoder,
    is_utf8: bool,
    accents: Accents,
    scratch: String,
}

impl Watcher {
    fn new() -> Self {
        Self {
            beginning: Vec::new(),
            detector: EncodingDetector::new(Iso2022JpDetection::Deny),
            utf8: UTF_8.new_decoder_without_bom_handling(),
            is_utf8: true,
            accents: Accents::default(),
            scratch: String::with_capacity(4 << 10),
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let room = 1024_usize.saturating_sub(self.beginning.len());
        self.beginning.extend_from_slice(&bytes[..room.min(bytes.len())]);
        self.detector.feed(bytes, false);
        self.accents.feed(bytes);
        if self.is_utf8 {
            self.is_utf8 = self.check_utf8(bytes, false);
        }
    }

    fn check_utf8(&mut self, mut bytes: &[u8], last: bool) -> bool {
        loop {
            self.scratch.clear();
            let (result, read) =
                self.utf8.decode_to_string_without_replacement(bytes, &mut self.scratch, last);
            bytes = &bytes[read..];
            match result {
                DecoderResult::InputEmpty => return true,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => return false,
            }
        }
    }

    fn finish(mut self) -> &'static Encoding {
        if let Some((encoding, _)) = Encoding::for_bom(&self.beginning) {
            return encoding;
        }
        if let Some(encoding) = utf16_without_mark(&self.beginning) {
            return encoding;
        }
        if self.is_utf8 && self.check_utf8(&[], true) {
            return UTF_8;
        }
        self.detector.feed(&[], true);
        let guess = self.detector.guess(None, Utf8Detection::Deny);
        if self.accents.are_few_and_apart() { WINDOWS_1252 } else { guess }
    }
}

/// Bytes beyond ASCII, and how many of them follow another: hardly any in French, most in a word
/// in Cyrillic or Chinese.
#[derive(Default)]
struct Accents {
    count: u64,
    in_a_row: u64,
    has_1252_hole: bool,
    after_one: bool,
}

impl Accents {
    /// Above this many a detector has enough to judge.
    const FEW: u64 = 24;

    fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let high = *byte >= 0x80;
            self.count += u64::from(high);
            self.in_a_row += u64::from(high && self.after_one);
            self.has_1252_hole |= matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d);
            self.after_one = high;
        }
    }

    fn are_few_and_apart(&self) -> bool {
        self.count <= Self::FEW && self.in_a_row * 4 <= self.count && !self.has_1252_hole
    }
}

/// ASCII letters in UTF-16 have a zero in every pair, always on the same side.
fn utf16_without_mark(beginning: &[u8]) -> Option<&'static Encoding> {
    let pairs = beginning.chunks_exact(2);
    let count = pairs.len();
    let (mut high_zero, mut low_zero) = (0, 0);
    for pair in pairs {
        high_zero += usize::from(pair[0] == 0 && pair[1] != 0);
        low_zero += usize::from(pair[1] == 0 && pair[0] != 0);
    }
    match count {
        0..8 => None,
        _ if low_zero * 10 > count * 8 => Some(UTF_16LE),
        _ if high_zero * 10 > count * 8 => Some(UTF_16BE),
        _ => None,
    }
}

/// Turns a stream of bytes into text, a piece at a time.
pub(super) struct Text<R> {
    source: R,
    decoder: encoding_rs::Decoder,
    input: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    finished: bool,
}

impl<R: Read> Text<R> {
    pub(super) fn new(source: R, encoding: &'static Encoding) -> Self {
        Self {
            source,
            decoder: encoding.new_decoder_with_bom_removal(),
            input: vec![0; 16 << 10],
            start: 0,
            end: 0,
            ended: false,
            finished: false,
        }
    }

    /// Appends the next piece to `output`; false at the end.
    pub(super) fn read_into(&mut self, output: &mut String) -> io::Result<bool> {
        if self.finished {
            return Ok(false);
        }
        if self.start == self.end && !self.ended {
            self.refill()?;
        }
        output.reserve(32 << 10);
        let bytes = &self.input[self.start..self.end];
        let (result, read, _) = self.decoder.decode_to_string(bytes, output, self.ended);
        self.start += read;
        self.finished = self.ended && matches!(result, CoderResult::InputEmpty);
        Ok(true)
    }

    fn refill(&mut self) -> io::Result<()> {
        loop {
            match self.source.read(&mut self.input) {
                Ok(read) => {
                    (self.start, self.end, self.ended) = (0, read, read == 0);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(bytes: &[u8]) -> &'static str {
        let Ok(survey) = survey(&mut &*bytes, 1 << 20) else { panic!("readable") };
        survey.encoding.name()
    }

    #[test]
    fn each_way_of_writing_is_told() {
        let text = "FN:Émilie Joly\r\nNOTE:déjà vu, « œuvre » à Besançon\r\n";
        assert_eq!(guessed(text.as_bytes()), "UTF-8");
        assert_eq!(guessed(&WINDOWS_1252.encode(text).0), "windows-1252");
        assert_eq!(guessed("\u{feff}a".as_bytes()), "UTF-8");
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(guessed(&little), "UTF-16LE");
        assert_eq!(guessed(&big), "UTF-16BE");
        assert_eq!(guessed(&[&[0xff, 0xfe][..], &little].concat()), "UTF-16LE");
    }

    #[test]
    fn a_single_accent_is_enough() {
        assert_eq!(guessed(b"Name\nComptabilit\xe9\n"), "windows-1252");
        assert_eq!(guessed(b"Name\n\xc9t\xe9\n"), "windows-1252");
    }

    #[test]
    fn other_alphabets_stay_themselves() {
        let text = "FN:Иван Петров\nNOTE:Добрый день, как ваши дела?\n";
        assert_eq!(guessed(&encoding_rs::WINDOWS_1251.encode(text).0), "windows-1251");
        let text = "FN:山田太郎\nNOTE:東京でお会いしました。ありがとうございます。\n";
        assert_eq!(guessed(&encoding_rs::SHIFT_JIS.encode(text).0), "Shift_JIS");
    }

    #[test]
    fn a_cut_character_at_the_end_of_a_beginning_is_no_other_charset() {
        let text = "é".repeat(10);
        assert_eq!(decode_beginning(&text.as_bytes()[..5]), "éé\u{fffd}");
    }

    #[test]
    fn the_limit_counts_bytes() {
        assert!(matches!(survey(&mut &[0_u8; 11][..], 10), Err(SurveyError::TooLarge)));
        assert!(survey(&mut &[0_u8; 10][..], 10).is_ok());
    }

    #[test]
    fn text_comes_out_whole_whatever_the_pieces() {
        let text = "é€𝄞\n".repeat(20_000);
        let mut reader = Text::new(text.as_bytes(), UTF_8);
        let mut out = String::new();
        while reader.read_into(&mut out).expect("memory") {}
        assert_eq!(out, text);
    }
}
