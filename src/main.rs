//! The `tamis` program: hands the command line to [`tamis::cli`] and exits with its code.

fn main() -> std::process::ExitCode {
    tamis::cli::main()
}
