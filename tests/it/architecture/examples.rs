//! One small bad example per rule of the map, with the exact message: proof that each rule can fail.

use super::{folder_problems, import_problems, is_under, map, order_problems, purity_problems, test_files};
use crate::project::SourceFile;

const PAGE: &str =
    "```modules\n# Pure.\ndomain\nengine < domain\n\n# Doors.\nlink < domain\nuplink < domain\ncli < *\n```";

fn imports(name: &str, text: &str) -> Vec<String> {
    let map = map::read(PAGE).expect("the example page reads");
    import_problems(&map, &SourceFile::example(name, text))
}

fn purity(text: &str) -> Vec<String> {
    purity_problems(&SourceFile::example("src/engine/mod.rs", text))
}

#[test]
fn allowed_imports_pass() {
    let text = "use crate::domain::Id;\nuse crate::link::run::Run;\nfn f() { crate::domain::g() }\npub(crate) fn h() {}\n\
                mod tests { use super::f; use super::super::domain_of_link; }";
    assert_eq!(imports("src/link/run.rs", text), [""; 0]);
    assert_eq!(imports("src/cli/mod.rs", "use crate::uplink::Door;"), [""; 0]);
}

#[test]
fn an_import_the_line_does_not_list() {
    let message = |line| {
        format!(
            "src/link/mod.rs:{line}: `link` uses `crate::uplink`, which its line in docs/ARCHITECTURE.md does not list: \
             pass the value in from a module that may know both, or, if the arrow is right, add `uplink` to the line \
             `link < …` in the same commit"
        )
    };
    for (text, line) in [
        ("use crate::uplink::Door;", 1),
        ("use crate::{domain::Id,\n  uplink::{Door, Key}};", 2),
        ("fn f() {\n\n crate::uplink::open() }", 3),
        ("#[cfg(test)]\nmod tests { use crate::uplink; }", 2),
    ] {
        let found = imports("src/link/mod.rs", text);
        assert_eq!(found.first(), Some(&message(line)), "{text}");
    }
}

#[test]
fn ways_round_the_map() {
    let cases = [
        (
            "src/link/mod.rs",
            "use super::uplink::Door;",
            "src/link/mod.rs:1: `super::uplink::Door` leaves its top module: write `crate::…`, so that the map is checked",
        ),
        (
            "src/link/run.rs",
            "fn f() { super::super::uplink::open() }",
            "src/link/run.rs:1: `super::super::uplink::open` leaves its top module: write `crate::…`, so that the map is checked",
        ),
        (
            "src/link/run.rs",
            "mod tests { use super::{super::super::uplink}; }",
            "src/link/run.rs:1: `super::super::super::uplink` leaves its top module: write `crate::…`, so that the map is checked",
        ),
        (
            "src/link/mod.rs",
            "use vcops::uplink::Door;",
            "src/link/mod.rs:1: inside the crate say `crate::`, not `vcops::`; that name is for src/main.rs, tests and benches",
        ),
        (
            "src/link/mod.rs",
            "use crate as everything;",
            "src/link/mod.rs:1: name the module you use (`crate::domain::…`); the whole crate under one name hides the arrow",
        ),
        (
            "src/link/mod.rs",
            "use crate::{self, domain};",
            "src/link/mod.rs:1: name the module you use (`crate::domain::…`); the whole crate under one name hides the arrow",
        ),
        (
            "src/link/mod.rs",
            "#[path = \"../uplink/mod.rs\"]\nmod door;",
            "src/link/mod.rs:1: `#[path]` hides where a module lives: put the file where its name says",
        ),
    ];
    for (name, text, message) in cases {
        assert_eq!(imports(name, text), [message], "{text}");
    }
}

#[test]
fn folders_and_map_agree() {
    let map = map::read(PAGE).expect("the example page reads");
    let folders = ["cli", "domain", "engine", "link", "utils"].map(str::to_owned);
    let files = ["lib.rs", "main.rs", "extra.rs"].map(str::to_owned);
    assert_eq!(
        folder_problems(&map, &folders, &files),
        [
            "src/utils/ is not in docs/ARCHITECTURE.md: add its line to the map, at the place where it belongs in reading order",
            "docs/ARCHITECTURE.md lists `uplink`, but there is no src/uplink/: remove the line or create the folder",
            "src/extra.rs: a top module is a folder: move it to src/extra/mod.rs",
        ]
    );
}

#[test]
fn pure_code_passes() {
    let text = "use std::net::{IpAddr, SocketAddr};\nuse std::sync::Arc;\nuse std::collections::BTreeMap;\n\
                use std::time::{Duration, Instant};\nuse crate::domain::rand::Seed;\nlet tracing = tokio; // tokio::spawn\n\
                let s = \"std::fs::read HashMap\"; fn now(at: Instant) {}";
    assert_eq!(purity(text), [""; 0]);
}

#[test]
fn what_pure_code_must_not_touch() {
    let outward = |door: &str| {
        format!(
            "uses `{door}`: take the value as an argument or return an effect; the adapters touch the world"
        )
    };
    let clock = |call: &str| format!("reads the clock (`{call}`): take `Now` as an argument");
    let cases = [
        ("tokio::spawn(f);", outward("tokio")),
        ("use axum::Router;", outward("axum")),
        ("use rumqttc::AsyncClient;", outward("rumqttc")),
        ("use sqlx::{query, Row as _};", outward("sqlx")),
        ("use prometheus;", outward("prometheus")),
        ("tracing::info!(\"x\");", outward("tracing")),
        ("let n: u8 = rand::random();", outward("rand")),
        ("use std::{fmt, fs::File};", outward("std::fs")),
        ("let s: std::net::UdpSocket;", outward("std::net::UdpSocket")),
        ("use std::net::{IpAddr, TcpStream};", outward("std::net::TcpStream")),
        ("std::env::var(\"X\");", outward("std::env")),
        ("std::thread::sleep(d);", outward("std::thread")),
        ("use std::sync::{Arc, Mutex};", outward("std::sync::Mutex")),
        ("static L: std::sync::RwLock<u8>;", outward("std::sync::RwLock")),
        ("use std::sync::atomic::AtomicU8;", outward("std::sync::atomic")),
        ("use std::net::*;", outward("std::net::*")),
        ("Instant::now();", clock("Instant::now")),
        ("std::time::Instant::now();", clock("Instant::now")),
        ("use std::time::SystemTime;", clock("SystemTime")),
        ("jiff::Timestamp::now();", clock("Timestamp::now")),
        ("Zoned::now();", clock("Zoned::now")),
        (
            "let m: HashMap<u8, u8>;",
            "uses `HashMap`, whose order changes from run to run: use `BTreeMap`".to_owned(),
        ),
        (
            "let m = std::collections::HashSet::new();",
            "uses `HashSet`, whose order changes from run to run: use `BTreeSet`".to_owned(),
        ),
        ("f()\n.await;", "waits (`.await`): return an effect and let the composition wait".to_owned()),
    ];
    for (text, what) in cases {
        let line = text.lines().count();
        assert_eq!(
            purity(text),
            [format!("src/engine/mod.rs:{line}: `engine` is pure but {what}")],
            "{text}"
        );
    }
}

#[test]
fn tests_of_pure_modules_may_touch_the_world() {
    assert_eq!(purity("#[cfg(test)]\nmod tests { use std::fs; use std::collections::HashMap; }"), [""; 0]);
    let engine = SourceFile::example("src/engine/mod.rs", "#[cfg(test)]\nmod worlds;\nmod rules;");
    let stems = test_files(&[engine]);
    assert!(is_under(&stems, "src/engine/worlds.rs") && is_under(&stems, "src/engine/worlds/model.rs"));
    assert!(!is_under(&stems, "src/engine/rules.rs"));
}

#[test]
fn lib_out_of_order() {
    let map = map::read(PAGE).expect("the example page reads");
    let lib = "pub mod domain;\npub mod link;\npub mod engine;\npub mod uplink;\npub mod cli;";
    assert_eq!(
        order_problems(&map, lib),
        [
            "src/lib.rs: expected `engine` where `link` stands: declare the modules in the order of the map in docs/ARCHITECTURE.md"
        ]
    );
    assert_eq!(
        order_problems(&map, "pub mod domain;"),
        [
            "src/lib.rs: expected `engine` where the end stands: declare the modules in the order of the map in docs/ARCHITECTURE.md"
        ]
    );
}
