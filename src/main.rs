//! The `vcops` program: reads the command line, runs one subcommand, exits with its code.

fn main() -> std::process::ExitCode {
    vcops::cli::main()
}
