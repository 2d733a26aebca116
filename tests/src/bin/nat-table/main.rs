//! A table of every pair of routers: whether two devices behind them talk directly or through a relay, and
//! how soon.
//!
//! `cargo run --release -p musette-tests --bin nat-table`; needs root, iproute2 and nftables. With two
//! kinds behind it, as the table names them, that pair alone. It fails when a pair does not sync, or is not
//! direct although it should be.

#![allow(clippy::print_stdout)]

use std::process::ExitCode;

use musette_tests::{
    natlab::{Kind, Lab},
    need,
    pairs::{Met, meet},
    world::World,
};

fn main() -> ExitCode {
    if !need::privileges(&["ip", "nft"]) {
        return ExitCode::FAILURE;
    }
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let is_asked = |one: Kind, other: Kind| asked.is_empty() || asked == [one.to_string(), other.to_string()];
    println!("{:<13} {:<13} {:>9} {:>12} {:>10}", "laptop", "phone", "path", "first sync", "direct");
    let mut is_fine = true;
    for (one, other) in Kind::pairs().filter(|(one, other)| is_asked(*one, *other)) {
        let (world, mut lab) = (World::new(), Lab::new());
        let Met { synced, direct } = meet(&world, &mut lab, one, other);
        let path = if direct.is_some() { "direct" } else { "relayed" };
        let direct = direct.map_or("-".to_owned(), |after| format!("{:.2} s", after.as_secs_f64()));
        let is_as_it_should = direct != "-" || !one.is_direct_with(other);
        let note = if is_as_it_should { "" } else { "  should be direct" };
        println!("{one:<13} {other:<13} {path:>9} {:>10.2} s {direct:>10}{note}", synced.as_secs_f64());
        is_fine &= is_as_it_should;
    }
    if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
