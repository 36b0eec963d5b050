//! Names and addresses as foreign devices write them, made comparable. Total, and never longer than what came in.

/// An address without scheme, display name, parameters and default port, in small letters:
/// `"某县" <SIP:County@10.1.2.3:5060;transport=tcp>` and `county@10.1.2.3` are one.
pub fn plain_address(text: &str) -> String {
    let inner = text.rsplit_once('<').map_or(text, |(_, inner)| inner);
    let inner = inner.split('>').next().unwrap_or_default();
    let small = inner.trim().to_lowercase();
    let schemes = ["sips:", "sip:", "h323:", "tel:"];
    let bare = schemes.iter().find_map(|scheme| small.strip_prefix(scheme)).unwrap_or(&small);
    let end = bare.find([';', '?']).unwrap_or(bare.len());
    let bare = bare[..end].trim();
    let default_port = |port: &str| matches!(port, "5060" | "5061" | "1720" | "1719");
    match bare.rsplit_once(':') {
        Some((host, port)) if default_port(port) && !host.contains(':') => host.to_owned(),
        Some(_) | None => bare.to_owned(),
    }
}

/// A name without blanks, control and invisible characters, full-width letters narrow, in small letters.
pub fn plain_name(text: &str) -> String {
    let visible = |c: &char| !c.is_whitespace() && !c.is_control() && !is_invisible(*c);
    text.chars().filter(visible).map(narrow).flat_map(char::to_lowercase).collect()
}

/// Whether a name holds characters that show nothing or turn the writing around: no honest plate does.
pub(super) fn hides_something(text: &str) -> bool {
    text.chars().any(|c| c.is_control() || is_invisible(c))
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

fn narrow(c: char) -> char {
    match u32::from(c) {
        wide @ 0xFF01..=0xFF5E => char::from_u32(wide - 0xFEE0).unwrap_or(c),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_one_however_it_is_written() {
        let cases = [
            ("sip:County@10.1.2.3", "county@10.1.2.3"),
            ("\"某县\" <SIP:County@10.1.2.3:5060;transport=tcp>", "county@10.1.2.3"),
            ("h323:10.1.2.3:1720", "10.1.2.3"),
            ("10.1.2.3:5070", "10.1.2.3:5070"),
            ("[2001:db8::1]:5060", "[2001:db8::1]:5060"),
            ("tel:8001", "8001"),
            ("  8001 ", "8001"),
            ("<", ""),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(plain_address(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_is_one_however_it_is_dressed() {
        let cases = [
            ("桂东县 分会场", "桂东县分会场"),
            ("ＡＢＣ　县", "abc县"),
            ("桂\u{200B}东\u{202E}县", "桂东县"),
            ("\u{7}\n", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(plain_name(text), expected, "{text:?}");
        }
        assert!(hides_something("桂\u{202E}东") && !hides_something("桂东 县"));
    }

    proptest! {
        #[test]
        fn plain_is_plain(text in ".{0,80}") {
            let name = plain_name(&text);
            prop_assert_eq!(&plain_name(&name), &name);
            let address = plain_address(&text);
            prop_assert!(address.len() <= text.to_lowercase().len());
        }
    }
}
