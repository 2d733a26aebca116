//! Cleaning and comparing texts.

/// A text without control characters and without blanks around it. Line ends and tabs stay;
/// HTML entities are what somebody wrote and stay too.
pub(super) fn clean(text: &str) -> String {
    let kept = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    let text = text.replace("\r\n", "\n");
    let blank = |c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}');
    text.chars().filter(kept).collect::<String>().trim_matches(blank).to_owned()
}

/// A cleaned text on one line.
pub(super) fn one_line(text: &str) -> String {
    let text = clean(text);
    if text.contains(['\n', '\t']) { text.split_whitespace().collect::<Vec<_>>().join(" ") } else { text }
}

/// A text for comparing: small letters, no accents, single blanks.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in clean(text).split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.chars().flat_map(char::to_lowercase).map(without_accent));
    }
    folded
}

/// A header or file name for comparing: letters and figures alone, small, no accents.
pub(super) fn squeeze(text: &str) -> String {
    fold(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

fn without_accent(c: char) -> char {
    match c {
        'à' | 'â' | 'ä' | 'á' => 'a',
        'ç' => 'c',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' | 'í' => 'i',
        'ô' | 'ö' | 'ó' => 'o',
        'ù' | 'û' | 'ü' | 'ú' => 'u',
        '’' => '\'',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_go_and_lines_stay() {
        assert_eq!(clean(" \u{feff}a\u{0}b\u{7}\r\nc\td&amp; \n"), "ab\nc\td&amp;");
        assert_eq!(one_line("a\n b\tc"), "a b c");
        assert_eq!(one_line("a  b"), "a  b");
    }

    #[test]
    fn folding_forgets_case_accents_and_blanks() {
        assert_eq!(fold("  Été \u{a0} À  Besançon "), "ete a besancon");
        assert_eq!(squeeze("Phone Numbers_2"), squeeze("phonenumbers2"));
    }
}
