//! How the program is linked.

/// On Linux the program is linked to a fixed address. Most of what a short command costs is its start, and a quarter of that is
/// moving the program's tables of addresses to where it happens to be loaded (`docs/design/start.md` has the figures).
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
