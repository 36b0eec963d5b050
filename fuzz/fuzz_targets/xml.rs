//! Any bytes as XML: never a panic, no deeper and no larger than allowed, and what was read is read again when it is
//! written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::mcu::xml::{DEPTH_MAX, Element, escaped, parse};

fn depth(element: &Element) -> usize {
    1 + element.children.iter().map(depth).max().unwrap_or(0)
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(root) = parse(bytes) else { return };
    assert!(depth(&root) <= DEPTH_MAX);
    let _ = (root.find("a"), root.attribute("a"), root.text_at(&["a", "b"]));
    let text = escaped(&root.text);
    let again = parse(format!("<a>{text}</a>").as_bytes()).expect("what we escape reads");
    let kept: String = root.text.chars().filter(|c| !c.is_control()).collect();
    assert_eq!(again.text.trim(), kept.replace(['\u{fffe}', '\u{ffff}'], "").trim());
});
