//! The `vouch` command.

/// Walks and load make and drop small things all the time; this allocator is a good deal faster at it than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    vouch::cli::main()
}
