//! The `modules` block of `docs/ARCHITECTURE.md` as a value: bands of modules, each with what it may use.
//!
//! It knows the block's grammar and that arrows point upwards; it must not know the files of `src/`.

/// The page that holds the map, as messages name it.
pub(crate) const PAGE: &str = "docs/ARCHITECTURE.md";

/// One line of the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Module {
    /// The folder of `src/`.
    pub(crate) name: String,
    /// What it may import.
    pub(crate) uses: Uses,
    /// Whether its band's heading says `Pure`.
    pub(crate) pure: bool,
}

/// What a line lists behind `<`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Uses {
    /// `*`: everything above it.
    All,
    /// The modules named.
    These(Vec<String>),
}

impl Module {
    /// Whether the line lists `other`; a module may always use itself.
    pub(crate) fn may_use(&self, other: &str) -> bool {
        match &self.uses {
            Uses::All => true,
            Uses::These(names) => self.name == other || names.iter().any(|name| name == other),
        }
    }
}

/// Reads the block out of the page.
///
/// # Errors
/// What is wrong with the page and what to do about it, when there is no block or a line cannot be read.
pub(crate) fn read(page: &str) -> Result<Vec<Module>, String> {
    let (_, after) = page.split_once("```modules\n").ok_or_else(|| {
        format!("{PAGE} has no ```modules block: restore the map, one line per folder of src/")
    })?;
    let (block, _) =
        after.split_once("```").ok_or_else(|| format!("{PAGE}: close the ```modules block with ```"))?;
    let mut pure = false;
    let mut modules = Vec::new();
    for line in block.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix('#') {
            Some(heading) => pure = heading.contains("Pure"),
            None => modules.push(module(line, pure)?),
        }
    }
    Ok(modules)
}

fn module(line: &str, pure: bool) -> Result<Module, String> {
    let (name, uses) = line.split_once('<').unwrap_or((line, ""));
    let name = name.trim();
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(format!("{PAGE}: write `{line}` as `name < module module …`"));
    }
    let uses = match uses.trim() {
        "*" => Uses::All,
        names => Uses::These(names.split_whitespace().map(str::to_owned).collect()),
    };
    Ok(Module { name: name.to_owned(), uses, pure })
}

/// Everything that keeps the map from being a one-way street: names twice, unknown, below their user, `*`.
pub(crate) fn problems(map: &[Module]) -> Vec<String> {
    map.iter().enumerate().flat_map(|(at, module)| line_problems(map, at, module)).collect()
}

fn line_problems(map: &[Module], at: usize, module: &Module) -> Vec<String> {
    let name = &module.name;
    let mut found = Vec::new();
    if map[..at].iter().any(|above| above.name == *name) {
        found.push(format!("{PAGE} lists `{name}` twice: keep one line"));
    }
    match &module.uses {
        Uses::All if name != "cli" => {
            found.push(format!("{PAGE}: `{name} < *` is for `cli` alone: list what `{name}` uses"));
        }
        Uses::All => {}
        Uses::These(names) => {
            found.extend(names.iter().filter_map(|used| arrow_problem(map, at, name, used)))
        }
    }
    found
}

fn arrow_problem(map: &[Module], at: usize, name: &str, used: &str) -> Option<String> {
    if used == name {
        return Some(format!("{PAGE}: `{name}` lists itself: take it off its own line"));
    }
    if map[..at].iter().any(|above| above.name == used) {
        return None;
    }
    Some(if map[at..].iter().any(|below| below.name == used) {
        format!(
            "{PAGE}: `{name} < {used}` points down: move `{used}` above `{name}` if nothing below needs it, \
             or let `{name}` hand a value up to whoever knows both; two modules that need each other are one"
        )
    } else {
        format!("{PAGE}: `{name} < {used}` names no module: correct the name or add a line for `{used}`")
    })
}

#[cfg(test)]
mod tests {
    use super::{Uses, problems, read};

    fn page(block: &str) -> String {
        format!("# Title\n\n```modules\n{block}\n```\n\nMore.\n")
    }

    fn found(block: &str) -> Vec<String> {
        problems(&read(&page(block)).expect("the block reads"))
    }

    #[test]
    fn bands_names_and_arrows_are_read() {
        let map = read(&page("# Nouns. Pure.\na\nb < a\n\n# Doors.\nc < a b\ncli < *")).expect("it reads");
        let names: Vec<_> = map.iter().map(|module| (module.name.as_str(), module.pure)).collect();
        assert_eq!(names, [("a", true), ("b", true), ("c", false), ("cli", false)]);
        assert!(map[2].may_use("b") && !map[1].may_use("c") && map[1].may_use("b"));
        assert_eq!(map[3].uses, Uses::All);
        assert_eq!(problems(&map), [""; 0]);
    }

    #[test]
    fn a_page_without_the_block_says_what_to_restore() {
        assert_eq!(
            read("# Title"),
            Err("docs/ARCHITECTURE.md has no ```modules block: restore the map, one line per folder of src/"
                .to_owned())
        );
        assert_eq!(
            read(&page("a b < c")),
            Err("docs/ARCHITECTURE.md: write `a b < c` as `name < module module …`".to_owned())
        );
    }

    #[test]
    fn a_line_may_list_only_what_stands_above_it() {
        assert_eq!(
            found("a < b\nb < a"),
            [
                "docs/ARCHITECTURE.md: `a < b` points down: move `b` above `a` if nothing below needs it, or let `a` \
              hand a value up to whoever knows both; two modules that need each other are one"
            ]
        );
    }

    #[test]
    fn other_slips_of_the_map_are_named() {
        for (block, message) in [
            ("a\na", "docs/ARCHITECTURE.md lists `a` twice: keep one line"),
            ("a < a", "docs/ARCHITECTURE.md: `a` lists itself: take it off its own line"),
            (
                "a\nb < c",
                "docs/ARCHITECTURE.md: `b < c` names no module: correct the name or add a line for `c`",
            ),
            ("a\nb < *", "docs/ARCHITECTURE.md: `b < *` is for `cli` alone: list what `b` uses"),
        ] {
            assert_eq!(found(block), [message], "{block}");
        }
    }
}
