//! Holds `src/` to the map in `docs/ARCHITECTURE.md`: who may import whom, and what the pure bands may not touch.
//!
//! Each rule is a function from text to a list of problems, and each problem says what to do. Every rule is also
//! fed an example that breaks it, so that none can pass by being blind.

mod map;
pub(crate) mod scan;

use crate::project::{self, SourceFile};
use map::{Module, PAGE};
use scan::{Path, Token};

/// Crates that reach outside the process, run tasks, draw chance or write logs.
const OUTWARD_CRATES: &[&str] = &[
    "axum",
    "axum_server",
    "hyper",
    "hyper_util",
    "libc",
    "prometheus",
    "rand",
    "reqwest",
    "rumqttc",
    "rumqttd",
    "sd_notify",
    "socket2",
    "sqlx",
    "tempfile",
    "tokio",
    "tokio_rustls",
    "tokio_util",
    "tracing",
    "tracing_subscriber",
];

/// Standard modules and types that are a door, a task or a lock; addresses as values are none of these.
const OUTWARD_STD: &[&str] = &[
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::os",
    "std::sync::Barrier",
    "std::sync::Condvar",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::atomic",
    "std::sync::mpsc",
];

/// Globs that would bring one of the above in unseen.
const BLIND_GLOBS: &[&str] = &["std::*", "std::net::*", "std::sync::*", "std::time::*"];

/// Calls and types that read the clock.
const CLOCKS: &[&str] = &["Instant::now", "SystemTime", "Timestamp::now", "Zoned::now"];

/// Collections whose order differs from run to run.
const HASHED: &[&str] = &["HashMap", "HashSet"];

/// (a) A module uses only what its line lists, and nobody goes round the map.
fn import_problems(map: &[Module], file: &SourceFile) -> Vec<String> {
    let tokens = scan::tokens(&file.text);
    let mut found: Vec<String> =
        scan::paths(&tokens).iter().filter_map(|path| import_problem(map, file, path)).collect();
    found.extend(scan::attributes(&tokens).into_iter().filter(|inside| scan::text(inside, 0) == "path").map(
        |inside| {
            format!(
                "{}:{}: `#[path]` hides where a module lives: put the file where its name says",
                file.name, inside[0].line
            )
        },
    ));
    found
}

fn import_problem(map: &[Module], file: &SourceFile, path: &Path) -> Option<String> {
    let at = format!("{}:{}", file.name, path.line);
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["vcops", ..] if path.imported || segments.len() > 1 => Some(format!(
            "{at}: inside the crate say `crate::`, not `vcops::`; that name is for src/main.rs, tests and benches"
        )),
        ["crate"] => path.imported.then(|| whole_crate(&at)),
        ["crate", "self" | "*", ..] => Some(whole_crate(&at)),
        ["crate", top, ..] => edge_problem(map, file, &at, top),
        ["super", ..] => escape_problem(file, path, &at),
        _ => None,
    }
}

fn whole_crate(at: &str) -> String {
    format!(
        "{at}: name the module you use (`crate::domain::…`); the whole crate under one name hides the arrow"
    )
}

fn edge_problem(map: &[Module], file: &SourceFile, at: &str, used: &str) -> Option<String> {
    let user = file.module()?;
    let line = map.iter().find(|module| module.name == user)?;
    if line.may_use(used) {
        return None;
    }
    Some(format!(
        "{at}: `{user}` uses `crate::{used}`, which its line in {PAGE} does not list: pass the value in from a \
         module that may know both, or, if the arrow is right, add `{used}` to the line `{user} < …` in the same commit"
    ))
}

fn escape_problem(file: &SourceFile, path: &Path, at: &str) -> Option<String> {
    let ups = path.segments.iter().take_while(|segment| *segment == "super").count();
    let depth = file.depth() + path.inline_depth;
    (ups >= depth).then(|| {
        format!(
            "{at}: `{}` leaves its top module: write `crate::…`, so that the map is checked",
            path.segments.join("::")
        )
    })
}

/// (c) The map names exactly the folders of `src/`, and nothing but `lib.rs` and `main.rs` lies beside them.
fn folder_problems(map: &[Module], folders: &[String], loose_files: &[String]) -> Vec<String> {
    let unmapped = folders.iter().filter(|folder| map.iter().all(|module| module.name != **folder)).map(|folder| {
        format!("src/{folder}/ is not in {PAGE}: add its line to the map, at the place where it belongs in reading order")
    });
    let missing = map.iter().filter(|module| !folders.contains(&module.name)).map(|module| {
        format!(
            "{PAGE} lists `{}`, but there is no src/{}/: remove the line or create the folder",
            module.name, module.name
        )
    });
    let loose =
        loose_files.iter().filter(|file| !["lib.rs", "main.rs"].contains(&file.as_str())).map(|file| {
            format!(
                "src/{file}: a top module is a folder: move it to src/{}/mod.rs",
                file.trim_end_matches(".rs")
            )
        });
    unmapped.chain(missing).chain(loose).collect()
}

/// (d) The pure bands touch no clock, I/O, task, lock, log, chance or hash order outside their tests.
fn purity_problems(file: &SourceFile) -> Vec<String> {
    let tokens = scan::without_tests(&scan::tokens(&file.text));
    let paths = scan::paths(&tokens);
    let touched = paths.iter().filter_map(|path| impurity(path).map(|what| told(file, path.line, &what)));
    let waits = tokens.windows(2).filter(|pair| pair[0].text == "." && pair[1].text == "await");
    let waits = waits.map(|pair| {
        told(file, pair[1].line, "waits (`.await`): return an effect and let the composition wait")
    });
    let mut found: Vec<String> = touched.chain(waits).collect();
    found.dedup();
    found
}

fn told(file: &SourceFile, line: usize, what: &str) -> String {
    format!("{}:{line}: `{}` is pure but {what}", file.name, file.module().unwrap_or_default())
}

/// What a path touches that the pure bands must not, and what to do instead.
fn impurity(path: &Path) -> Option<String> {
    let written = path.segments.join("::");
    let qualified = path.imported || path.segments.len() > 1;
    let has = |needle: &&&str| format!("::{written}::").contains(&format!("::{needle}::"));
    let starts = |needle: &&&str| format!("{written}::").starts_with(&format!("{needle}::"));
    if let Some(clock) = CLOCKS.iter().find(has) {
        return Some(format!("reads the clock (`{clock}`): take `Now` as an argument"));
    }
    if let Some(map) = HASHED.iter().find(has) {
        let ordered = map.replace("Hash", "BTree");
        return Some(format!("uses `{map}`, whose order changes from run to run: use `{ordered}`"));
    }
    let outward = OUTWARD_CRATES.iter().chain(OUTWARD_STD).chain(BLIND_GLOBS).find(starts);
    outward.filter(|_| qualified).map(|door| {
        format!(
            "uses `{door}`: take the value as an argument or return an effect; the adapters touch the world"
        )
    })
}

/// (e) `lib.rs` lists the modules in the order of the map.
fn order_problems(map: &[Module], lib: &str) -> Vec<String> {
    let tokens = scan::tokens(lib);
    let declared: Vec<&str> =
        tokens.windows(3).filter(|three| is_declaration(three)).map(|three| three[1].text.as_str()).collect();
    let wanted: Vec<&str> = map.iter().map(|module| module.name.as_str()).collect();
    if declared == wanted {
        return Vec::new();
    }
    let at = declared.iter().zip(&wanted).take_while(|(have, want)| have == want).count();
    let name = |list: &[&str]| list.get(at).map_or("the end".to_owned(), |name| format!("`{name}`"));
    vec![format!(
        "src/lib.rs: expected {} where {} stands: declare the modules in the order of the map in {PAGE}",
        name(&wanted),
        name(&declared)
    )]
}

fn is_declaration(three: &[Token]) -> bool {
    three[0].text == "mod" && three[2].text == ";"
}

fn the_map() -> Vec<Module> {
    map::read(&project::read(PAGE)).unwrap_or_else(|problem| panic!("{problem}"))
}

#[test]
fn the_map_points_one_way() {
    project::assert_none(&map::problems(&the_map()));
}

#[test]
fn the_map_names_the_folders_of_src() {
    let (folders, files) = project::entries("src");
    project::assert_none(&folder_problems(&the_map(), &folders, &files));
}

#[test]
fn modules_use_only_what_their_line_lists() {
    let map = the_map();
    let found: Vec<_> =
        project::library_files().iter().flat_map(|file| import_problems(&map, file)).collect();
    project::assert_none(&found);
}

#[test]
fn pure_bands_touch_nothing_outside() {
    let pure: Vec<_> = the_map().into_iter().filter(|module| module.pure).map(|module| module.name).collect();
    assert!(!pure.is_empty(), "{PAGE}: no band says `Pure`: mark the vocabulary and the judgement so");
    let files = project::library_files();
    let tests = test_files(&files);
    let judged = files
        .iter()
        .filter(|file| file.module().is_some_and(|module| pure.iter().any(|name| name == module)));
    let found: Vec<_> =
        judged.filter(|file| !is_under(&tests, &file.name)).flat_map(purity_problems).collect();
    project::assert_none(&found);
}

#[test]
fn lib_lists_the_modules_in_reading_order() {
    project::assert_none(&order_problems(&the_map(), &project::read("src/lib.rs")));
}

/// Stems of files that a `#[cfg(test)] mod x;` declares: `src/engine/x`.
fn test_files(files: &[SourceFile]) -> Vec<String> {
    files.iter().flat_map(test_children).collect()
}

fn test_children(file: &SourceFile) -> Vec<String> {
    let folder = file.folder_of_children();
    let children = scan::test_only_children(&scan::tokens(&file.text));
    children.iter().map(|child| format!("{folder}/{child}")).collect()
}

fn is_under(stems: &[String], name: &str) -> bool {
    stems.iter().any(|stem| name == format!("{stem}.rs") || name.starts_with(&format!("{stem}/")))
}

#[cfg(test)]
mod examples;
