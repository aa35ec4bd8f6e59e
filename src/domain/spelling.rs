//! Normalisation of text, for comparing names.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::canonical_combining_class;

/// Text with case and composition folded, in any script.
#[must_use]
pub fn folded(text: &str) -> String {
    // Uppercase first, since some lowercase letters expand to two; a final sigma differs from others.
    let letters: String = text.nfkc().collect();
    letters.to_uppercase().to_lowercase().replace('ς', "σ").nfkc().collect()
}

/// Folded text without diacritics and invisible characters.
#[must_use]
pub fn bare(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let shown: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    folded(&shown).nfd().filter(|c| !is_diacritic(*c) && !is_invisible(*c)).nfc().collect()
}

/// Whether a character is a diacritic that does not change the letter. In many scripts others do: vowel
/// signs, viramas and voicing marks are part of the word.
fn is_diacritic(c: char) -> bool {
    !matches!(canonical_combining_class(c), 0 | 7..=9)
        || matches!(c, '\u{488}'..='\u{489}' | '\u{20dd}'..='\u{20e4}')
}

/// Whether a character is a format character or invisible where unsupported (Unicode's `Cf` and
/// `Default_Ignorable_Code_Point`).
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}'
            | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether a word mixes Latin letters with Cyrillic or Greek ones, many of which look the same.
#[must_use]
pub fn mixes_alphabets(word: &str) -> bool {
    let is_latin = |c: char| c.is_alphabetic() && matches!(c, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
    let looks_latin = |c: char| matches!(c, '\u{370}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{1f00}'..='\u{1fff}' | '\u{a640}'..='\u{a69f}');
    word.chars().any(is_latin) && word.chars().any(looks_latin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_of_writing_the_same_are_folded_alike() {
        for (one, other) in [
            ("ALIBABA", "alibaba"),
            ("ΟΔΥΣ", "οδυσ"),
            ("Οδυσσεύς", "ΟΔΥΣΣΕΎΣ"),
            ("Cafe\u{301}", "CAFÉ"),
            ("ＡＢＣ１２", "abc12"),
            ("Straße", "STRASSE"),
            ("ﬁnance", "FINANCE"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} and {other}");
        }
        assert_eq!(folded("阿里巴巴"), "阿里巴巴");
        assert_eq!(folded(&folded("Straße ΐ ΟΔΥΣ")), folded("Straße ΐ ΟΔΥΣ"));
    }

    #[test]
    fn what_is_bare_has_neither_accents_nor_what_cannot_be_seen() {
        for text in [
            "MILITARY",
            "ｍｉｌｉｔａｒｙ",
            "𝐦𝐢𝐥𝐢𝐭𝐚𝐫𝐲",
            "mílitary",
            "m\u{20dd}ilitary",
            "mil\u{200b}itary",
            "mi\u{ad}li\u{34f}tary",
            "\u{202e}mili\u{fe0f}tary\u{e0061}",
        ] {
            assert_eq!(bare(text), "military", "{text}");
        }
        for text in ["军事用途", "한국", "が", "क्या", "ไทย", "民用"] {
            assert_eq!(bare(text), text);
        }
    }

    #[test]
    fn alphabets_are_mixed_within_a_word_that_has_letters_of_both() {
        for (word, mixes) in [
            ("mіlitary", true),
            ("militαry", true),
            ("military", false),
            ("военный", false),
            ("στρατός", false),
            ("军事lab", false),
            ("h200", false),
        ] {
            assert_eq!(mixes_alphabets(word), mixes, "{word}");
        }
    }
}
