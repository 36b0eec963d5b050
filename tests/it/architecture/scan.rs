//! Reads Rust text as tokens and paths, just well enough to judge what a file uses.
//!
//! It knows comments, strings, `use` trees, inline modules and `#[cfg(test)]`; it must not know any rule.
//! It is lexical: a path that a macro assembles from pieces is not seen.

/// One word or sign of the source, with its 1-based line. `::` is one sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// The text: an identifier, a number, `::`, or one other character.
    pub(crate) text: String,
    /// The line it stands on.
    pub(crate) line: usize,
}

/// A path as written: `a::b::c`, `use` groups spread out, with the depth of the inline modules around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// The segments; a glob is the segment `*`.
    pub(crate) segments: Vec<String>,
    /// The line of the first segment that is the path's own.
    pub(crate) line: usize,
    /// How many inline `mod x { … }` surround it.
    pub(crate) inline_depth: usize,
    /// Whether it stands in a `use` declaration.
    pub(crate) imported: bool,
}

/// Splits source into tokens; comments and the contents of literals are left out.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { chars: source.chars().collect(), at: 0, line: 1, out: Vec::new() };
    while lexer.at < lexer.chars.len() {
        lexer.step();
    }
    lexer.out
}

/// The tokens without the items that `#[cfg(test)]` marks.
pub(crate) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_cfg_test(tokens, at) {
            at = end_of_item(tokens, at);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Names of modules declared `#[cfg(test)] mod x;`, whose files are tests too.
pub(crate) fn test_only_children(tokens: &[Token]) -> Vec<String> {
    (0..tokens.len())
        .filter(|&at| is_cfg_test(tokens, at))
        .filter_map(|at| {
            let item = &tokens[at..end_of_item(tokens, at)];
            let at = item.iter().position(|token| token.text == "mod")?;
            (text(item, at + 2) == ";").then(|| text(item, at + 1).to_owned())
        })
        .collect()
}

/// Every attribute's tokens, between `#[` or `#![` and `]`.
pub(crate) fn attributes(tokens: &[Token]) -> Vec<&[Token]> {
    (0..tokens.len())
        .filter_map(|at| {
            let open = attribute_open(tokens, at)?;
            Some(&tokens[open + 1..closing(tokens, open)])
        })
        .collect()
}

/// Every path of the file, in order.
pub(crate) fn paths(tokens: &[Token]) -> Vec<Path> {
    let mut walk = Walk { tokens, at: 0, depth: 0, inline: Vec::new(), out: Vec::new() };
    walk.file();
    walk.out
}

/// The text of a token, or nothing past the end.
pub(crate) fn text(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| token.text.as_str())
}

/// Whether a token is a name (or keyword).
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

struct Walk<'a> {
    tokens: &'a [Token],
    at: usize,
    /// Open braces so far.
    depth: usize,
    /// The brace depth at which each surrounding inline module opened.
    inline: Vec<usize>,
    out: Vec<Path>,
}

impl Walk<'_> {
    fn file(&mut self) {
        while self.at < self.tokens.len() {
            match text(self.tokens, self.at) {
                "use" => {
                    self.at += 1;
                    self.tree(&[]);
                }
                "mod" if text(self.tokens, self.at + 2) == "{" => {
                    self.inline.push(self.depth);
                    self.depth += 1;
                    self.at += 3;
                }
                "{" => self.open(),
                "}" => self.close(),
                "." => self.at += 2, // a field or method is not a path
                name if is_name(name) => self.expression(),
                _ => self.at += 1,
            }
        }
    }

    fn open(&mut self) {
        self.depth += 1;
        self.at += 1;
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.inline.last() == Some(&self.depth) {
            self.inline.pop();
        }
        self.at += 1;
    }

    fn expression(&mut self) {
        let line = self.tokens[self.at].line;
        let segments = self.segments();
        self.push(segments, line, false);
    }

    /// One `use` tree; `before` is the path that its group hangs on.
    fn tree(&mut self, before: &[String]) {
        if text(self.tokens, self.at) == "::" {
            self.at += 1;
        }
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        let mut path = before.to_vec();
        path.extend(self.segments());
        match text(self.tokens, self.at) {
            "{" => self.group(&path),
            "*" => {
                path.push("*".to_owned());
                self.at += 1;
                self.push(path, line, true);
            }
            "as" => {
                self.at += 2;
                self.push(path, line, true);
            }
            _ => self.push(path, line, true),
        }
    }

    fn group(&mut self, path: &[String]) {
        self.at += 1;
        while !matches!(text(self.tokens, self.at), "}" | "") {
            if text(self.tokens, self.at) == "," {
                self.at += 1;
            } else {
                let before = self.at;
                self.tree(path);
                self.at = self.at.max(before + 1);
            }
        }
        self.at += 1;
    }

    /// Names joined by `::`; stops behind a `::` that a group, a glob or a turbofish follows.
    fn segments(&mut self) -> Vec<String> {
        let mut segments = Vec::new();
        while is_name(text(self.tokens, self.at)) {
            segments.push(text(self.tokens, self.at).to_owned());
            self.at += 1;
            if text(self.tokens, self.at) != "::" {
                break;
            }
            self.at += 1;
        }
        segments
    }

    fn push(&mut self, segments: Vec<String>, line: usize, imported: bool) {
        self.out.push(Path { segments, line, inline_depth: self.inline.len(), imported });
    }
}

fn attribute_open(tokens: &[Token], at: usize) -> Option<usize> {
    let open = if text(tokens, at + 1) == "!" { at + 2 } else { at + 1 };
    (text(tokens, at) == "#" && text(tokens, open) == "[").then_some(open)
}

fn is_cfg_test(tokens: &[Token], at: usize) -> bool {
    ["#", "[", "cfg", "(", "test", ")", "]"].iter().enumerate().all(|(i, sign)| text(tokens, at + i) == *sign)
}

/// The index behind the item that the attribute at `at` belongs to.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    while let Some(open) = attribute_open(tokens, at) {
        at = closing(tokens, open) + 1;
    }
    while at < tokens.len() {
        match text(tokens, at) {
            ";" => return at + 1,
            "{" => return closing(tokens, at) + 1,
            "(" | "[" => at = closing(tokens, at) + 1,
            _ => at += 1,
        }
    }
    tokens.len()
}

/// The index of the bracket that closes the one at `open`, or the last index of a file that never closes it.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len() - 1
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    out: Vec<Token>,
}

impl Lexer {
    fn step(&mut self) {
        let here = self.peek(0);
        match (here, self.peek(1)) {
            ('/', '/') => self.skip_while(|c| c != '\n'),
            ('/', '*') => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.quote(),
            (':', ':') => {
                self.push("::".to_owned());
                self.skip(2);
            }
            _ if here.is_alphanumeric() || here == '_' => self.word(),
            _ if here.is_whitespace() => self.skip(1),
            _ => {
                self.push(here.to_string());
                self.skip(1);
            }
        }
    }

    fn word(&mut self) {
        let line = self.line;
        let start = self.at;
        self.skip_while(|c| c.is_alphanumeric() || c == '_');
        let word: String = self.chars[start..self.at].iter().collect();
        let raw = matches!(word.as_str(), "r" | "br" | "cr") && self.raw_string();
        let plain = matches!(word.as_str(), "b" | "c") && matches!(self.peek(0), '"' | '\'');
        if !raw && !plain {
            self.out.push(Token { text: word, line });
        }
    }

    /// Skips `"…"` or `#"…"#` behind an `r`; false when it is something else (`r#name`).
    fn raw_string(&mut self) -> bool {
        let hashes = (0..).take_while(|&i| self.peek(i) == '#').count();
        if self.peek(hashes) != '"' {
            return false;
        }
        self.skip(hashes + 1);
        while self.at < self.chars.len()
            && !(self.peek(0) == '"' && (1..=hashes).all(|i| self.peek(i) == '#'))
        {
            self.skip(1);
        }
        self.skip(hashes + 1);
        true
    }

    fn string(&mut self) {
        self.skip(1);
        while self.at < self.chars.len() && self.peek(0) != '"' {
            self.skip(if self.peek(0) == '\\' { 2 } else { 1 });
        }
        self.skip(1);
    }

    /// A character literal, or a lifetime, whose name then follows as a word of its own kind and is dropped.
    fn quote(&mut self) {
        if self.peek(1) == '\\' {
            self.skip(3);
            self.skip_while(|c| c != '\'');
            self.skip(1);
        } else if self.peek(2) == '\'' {
            self.skip(3);
        } else {
            self.skip(1);
            self.skip_while(|c| c.is_alphanumeric() || c == '_');
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0usize;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => {
                    depth += 1;
                    self.skip(2);
                }
                ('*', '/') => {
                    depth -= 1;
                    self.skip(2);
                }
                _ => self.skip(1),
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.at < self.chars.len() && wanted(self.peek(0)) {
            self.skip(1);
        }
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            if self.chars.get(self.at) == Some(&'\n') {
                self.line += 1;
            }
            self.at += 1;
        }
        self.at = self.at.min(self.chars.len());
    }

    fn push(&mut self, text: String) {
        self.out.push(Token { text, line: self.line });
    }
}

#[cfg(test)]
mod tests {
    use super::{attributes, paths, test_only_children, tokens, without_tests};

    fn written(source: &str) -> Vec<String> {
        paths(&tokens(source)).into_iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn a_nested_use_is_spread_out() {
        let source = "use crate::{a::{b, c::*}, d as e};";
        assert_eq!(written(source), ["crate::a::b", "crate::a::c::*", "crate::d"]);
    }

    #[test]
    fn comments_literals_and_lifetimes_hold_no_path() {
        let source = r##"/* a::b /* c::d */ */ // e::f
            fn x<'a>(s: &'a str) { g(b'h', '\'', "i::j", r#"k::"l"#, 'm'); }"##;
        assert_eq!(written(source), ["fn", "x", "s", "str", "g"]);
    }

    #[test]
    fn lines_survive_what_is_skipped() {
        let source = "/* one\ntwo */\n\"three\nfour\"\n{ 'x' }\nuse a::b;";
        assert_eq!(paths(&tokens(source))[0].line, 6);
    }

    #[test]
    fn items_marked_as_tests_are_cut_out() {
        let source = "a::b(); #[cfg(test)] #[path = \"t\"] mod t { c::d(); } e::f(); #[cfg(test)] use g::h;";
        let kept = without_tests(&tokens(source));
        let kept: Vec<_> = paths(&kept).into_iter().map(|path| path.segments.join("::")).collect();
        assert_eq!(kept, ["a::b", "e::f"]);
    }

    #[test]
    fn children_that_are_tests_are_named() {
        let source = "mod a; #[cfg(test)] mod b; #[cfg(test)] mod c { }";
        assert_eq!(test_only_children(&tokens(source)), ["b"]);
    }

    #[test]
    fn attributes_are_found_inner_and_outer() {
        let all = tokens("#![warn(a)] #[expect(b, reason = \"[\")] fn c() { d[0]; }");
        let heads: Vec<_> = attributes(&all).iter().map(|inside| inside[0].text.clone()).collect();
        assert_eq!(heads, ["warn", "expect"]);
    }
}
