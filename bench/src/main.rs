//! `nexus-bench run` measures, `nexus-bench bare` is what it compares with, `nexus-bench load` is its generator alone.

use anyhow::Result;
use clap::Parser;
use nexus_bench::command::{bare, load, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(name = "nexus-bench")]
enum Command {
    Run(run::Arguments),
    Bare(bare::Arguments),
    Load(load::Arguments),
}

fn main() -> Result<()> {
    match Command::parse() {
        Command::Run(arguments) => run::run(arguments),
        Command::Bare(arguments) => bare::run(&arguments),
        Command::Load(arguments) => load::run(arguments),
    }
}
