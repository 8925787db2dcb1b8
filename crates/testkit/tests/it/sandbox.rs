use std::path::Path;

use super::sandbox;

#[test]
fn machines_have_homes_and_folders_of_their_own() {
    let sandbox = sandbox();
    let (laptop, desktop) = (sandbox.machine("laptop"), sandbox.machine("desktop"));
    assert_eq!(laptop.dm(&["home"]).succeeds().stdout.trim(), laptop.home().to_string_lossy());
    assert_eq!(desktop.dm(&["where"]).succeeds().stdout.trim(), desktop.folder().to_string_lossy());
    assert_ne!(laptop.home(), desktop.home());
    let below = laptop.at("a/b");
    below.write("c/d.txt", "text");
    assert_eq!(laptop.read("a/b/c/d.txt"), "text");
    assert_eq!(below.dm(&["where"]).stdout.trim(), laptop.folder().join("a/b").to_string_lossy());
    desktop.copy_folder(laptop.folder(), "copy");
    assert_eq!(desktop.read("copy/a/b/c/d.txt"), "text");
}

#[test]
fn the_environment_is_sealed() {
    let laptop = sandbox().machine("laptop");
    let names = laptop.dm(&["names"]).succeeds().stdout;
    for absent in ["EDITOR", "VISUAL", "CARGO_MANIFEST_DIR", "DM_AUTHOR", "DM_STORE", "DM_SESSION", "USER"] {
        assert!(!names.lines().any(|name| name == absent), "{absent} leaks in");
    }
    for present in ["PATH", "HOME", "XDG_CONFIG_HOME", "DM_NOW", "DM_SEED", "TMPDIR"] {
        assert!(names.lines().any(|name| name == present), "{present} is missing");
    }
    laptop.with_env("DM_AUTHOR", "Ada").dm(&["variable", "DM_AUTHOR"]).prints("Ada");
    laptop.dm(&["variable", "DM_AUTHOR"]).prints("unset");
}

#[test]
fn clock_and_dice_are_the_same_in_every_sandbox_and_new_for_every_command() {
    let story = || {
        let laptop = sandbox().machine("laptop");
        let ask = |name| laptop.dm(&["variable", name]).succeeds().stdout;
        [ask("DM_NOW"), ask("DM_NOW"), ask("DM_SEED"), ask("DM_SEED")]
    };
    let told = story();
    assert_eq!(told, story());
    assert_eq!(told[0].trim(), "1767225600000");
    assert!(told[0] < told[1] && told[2] != told[3], "{told:?}");
}

#[test]
fn both_outputs_and_the_code_are_told_apart() {
    let laptop = sandbox().machine("laptop");
    let ran = laptop.dm(&["fail", "3"]).exits(3).prints("out").says("err");
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\n", "err\n"));
    assert!(std::panic::catch_unwind(|| ran.succeeds()).is_err());
    assert_eq!(laptop.dm_with_input(&["read"], "all of it").succeeds().stdout, "all of it");
    let large = "x".repeat(1_000_000);
    assert_eq!(laptop.dm_with_input(&["read"], &large).succeeds().stdout.len(), large.len());
    laptop.dm_with_input(&["say", "not read"], &large).succeeds();
}

#[test]
fn a_server_is_ready_when_it_says_so_and_ends_with_its_handle() {
    let sandbox = sandbox();
    let server = sandbox.machine("server").serve(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(server.url(), "http://127.0.0.1:40123");
    assert_eq!(server.address(), "127.0.0.1:40123");
    let process = format!("/proc/{}", server.process_id());
    let has_proc = Path::new("/proc/self").exists();
    assert_eq!(Path::new(&process).exists(), has_proc);
    drop(server);
    assert!(!Path::new(&process).exists());
    let silent = std::panic::catch_unwind(|| sandbox.machine("server").serve(&["silent"]));
    let words = silent.err().and_then(|words| words.downcast::<String>().ok());
    assert!(words.is_some_and(|words| words.contains("could not")));
}

#[test]
fn filters_hide_what_differs() {
    let sandbox = sandbox();
    let laptop = sandbox.machine("laptop");
    let shown = sandbox.filters().apply(&laptop.dm(&["where"]).stdout);
    assert_eq!(shown, "[ROOT]/laptop/code\n");
}
