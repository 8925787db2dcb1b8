//! What people and disks do wrong, on one machine: the answer says what, where and what next, and nothing is half done.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use dm_testkit::{Machine, Ran};

use crate::support::{MATH, ada, ada_with_math, ask, everything, sandbox, text_of, texts};

/// Runs a command that must end with this code, saying these things, and leave the store as it was.
#[track_caller]
fn refused(machine: &Machine, args: &[&str], code: i32, said: &[&str]) {
    let before = everything(machine);
    let ran = machine.dm(args).exits(code);
    says_all(&ran, said);
    assert!(everything(machine) == before, "{} wrote something", ran.typed);
}

#[track_caller]
fn says_all(ran: &Ran, said: &[&str]) {
    for text in said {
        assert!(ran.stderr.contains(text), "{}\ndid not say {text:?} but\n{}", ran.typed, ran.stderr);
    }
    assert!(!ran.stderr.contains("panicked"), "{}\n{}", ran.typed, ran.stderr);
}

#[test]
fn no_store_here() {
    let machine = sandbox().machine("laptop");
    for args in [&["status"] as &[&str], &["import", "."], &["config", "set", "author", "Ada"], &["verify"]] {
        let ran = machine.dm(args).exits(3);
        says_all(&ran, &["no store in", "dm init", "--store"]);
    }
    machine.dm(&["status", "--store", "elsewhere"]).exits(3).says("no store in elsewhere");
}

#[test]
fn a_store_is_found_from_below_and_by_name() {
    let machine = ada_with_math();
    let below = machine.at("src/deep");
    below.dm(&["show", "four"]).succeeds();
    let elsewhere = machine.at("..");
    elsewhere.dm(&["show", "four"]).exits(3);
    elsewhere.dm(&["show", "four", "--store", "code"]).succeeds();
    elsewhere.dm(&["show", "four", "--store", "code/.darkmatter"]).succeeds();
    elsewhere.with_env("DM_STORE", "code").dm(&["show", "four"]).succeeds();
}

#[test]
fn a_second_init() {
    let machine = ada_with_math();
    refused(&machine, &["init"], 1, &["holds a store already", "dm status"]);
}

#[test]
fn init_asks_nothing_without_a_terminal() {
    let machine = sandbox().machine("laptop").with_env("USER", "ada");
    machine.dm(&["init", "."]).succeeds().says("that is the login name").prints("patches bear the name ada");
}

#[test]
fn files_that_cannot_be_read() {
    let machine = ada_with_math();
    refused(&machine, &["import", "nowhere"], 3, &["nowhere: No such file"]);
    refused(&machine, &["add", "nowhere.dark"], 3, &["nowhere.dark: No such file"]);
    symlink("gone.dark", machine.folder().join("src/dangling.dark")).unwrap();
    refused(&machine, &["import", "src", "--intent", "x"], 3, &["dangling.dark: No such file"]);
}

#[test]
fn files_that_are_not_utf_8() {
    let machine = ada_with_math();
    machine.write("src/latin.dark", b"module Ada.Latin\n\nval name = \"J\xfcrgen\"\n");
    refused(
        &machine,
        &["import", "src", "--intent", "x"],
        3,
        &["latin.dark: not UTF-8 at byte 31", "save it as UTF-8"],
    );
    refused(&machine, &["add", "src/latin.dark", "--intent", "x"], 3, &["src/latin.dark: not UTF-8 at byte 31"]);
}

#[test]
fn all_syntax_errors_are_told_and_nothing_is_half_imported() {
    let machine = ada();
    machine.write("src/good.dark", MATH);
    machine.write("src/bad.dark", "module Ada.Bad\n\nval one = \n\nlet two (n: Int64) : Int64 =\n  n +\n");
    machine.write("src/worse.dark", "module Ada.Worse\n\nval s = \"open\n");
    let said = ["src/bad.dark:", "src/worse.dark:3:9", " 3 | val s = \"open", "in 2 files; nothing was written"];
    refused(&machine, &["import", "src", "--intent", "x"], 1, &said);
    assert_eq!(ask(&machine, &["ls", "--recursive"])["definitions"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_module_without_owner() {
    let machine = ada();
    machine.write("src/lonely.dark", "val one = 1L\n");
    let said = ["src/lonely.dark:1:5", "no owner", "module Owner.Name"];
    refused(&machine, &["import", "src", "--intent", "x"], 1, &said);
}

#[test]
fn two_definitions_of_one_name() {
    let machine = ada();
    machine.write("src/one.dark", "module Ada.Same\n\nval thing = 1L\n");
    machine.write("src/two.dark", "module Ada.Same\n\nlet thing (n: Int64) : Int64 = n\n");
    let said = ["src/two.dark:3:5", "Ada.Same.thing", "one.dark", "nothing was written"];
    refused(&machine, &["import", "src", "--intent", "x"], 1, &said);
    machine.write("twice.dark", "module Ada.Same\n\nval thing = 1L\n\nval thing = 2L\n");
    refused(&machine, &["add", "twice.dark", "--intent", "x"], 1, &["twice.dark:5:5"]);
}

#[test]
fn unknown_names_are_kept_and_counted() {
    let machine = ada();
    machine.write("src/a.dark", "module Ada.A\n\nlet f (n: Int64) : Int64 = missing (missing (other n))\n");
    let dry = machine.dm(&["import", "src", "--intent", "x", "--dry-run", "--strict"]).exits(1);
    assert!(dry.stdout.contains("2 names resolve to nothing yet, in 3 places"), "{}", dry.stdout);
    let ran = machine.dm(&["import", "src", "--intent", "x"]).succeeds();
    for line in
        ["src/a.dark:3:28: in Ada.A.f: `missing`: nothing has this name", "src/a.dark:3:46: in Ada.A.f: `other`"]
    {
        assert!(ran.stdout.contains(line), "{}", ran.stdout);
    }
    assert!(ran.stdout.contains("2 names resolve to nothing yet, in 3 places"), "{}", ran.stdout);
    assert_eq!(ask(&machine, &["deps", "f"])["unresolved"], serde_json::json!(["missing", "other"]));
}

#[test]
fn nothing_to_import() {
    let machine = ada();
    fs::create_dir_all(machine.folder().join("empty")).unwrap();
    refused(&machine, &["import", "empty", "--intent", "x"], 1, &["empty holds no .dark file"]);
}

#[test]
fn a_patch_without_intent() {
    let machine = ada_with_math();
    machine.write("new.dark", "module Ada.Math\n\nval six = 6L\n");
    let said = ["a patch needs an intent", "--intent TEXT", "dm patch new INTENT"];
    let verbs: [&[&str]; 7] = [
        &["add", "new.dark"],
        &["mv", "twice", "double"],
        &["rm", "four"],
        &["deprecate", "four", "--reason", "old"],
        &["patch", "new", " "],
        &["add", "new.dark", "--intent", " "],
        &["edit", "four"],
    ];
    for args in verbs {
        refused(&machine, args, 2, &said);
    }
    machine.write("src/math.dark", MATH.replace("4L", "5L"));
    refused(&machine, &["import", "src"], 2, &said);
}

#[test]
fn a_ready_patch_does_not_change() {
    let machine = ada_with_math();
    machine.dm(&["mv", "four", "vier", "--intent", "In German"]).succeeds();
    machine.dm(&["patch", "ready"]).succeeds();
    machine.write("new.dark", "module Ada.Math\n\nval six = 6L\n");
    let said = ["is ready, not draft", "dm patch draft"];
    for args in [&["add", "new.dark"] as &[&str], &["mv", "twice", "double"], &["rm", "vier"], &["edit", "vier"]] {
        refused(&machine, args, 1, &said);
    }
    refused(&machine, &["patch", "ready"], 1, &["is ready, not"]);
    machine.dm(&["patch", "draft"]).succeeds();
    machine.dm(&["add", "new.dark"]).succeeds();
}

#[test]
fn a_location_that_is_taken() {
    let machine = ada_with_math();
    machine.dm(&["patch", "new", "Rename"]).succeeds();
    refused(&machine, &["mv", "twice", "four"], 1, &["`Ada.Math.four` is taken", "dm show Ada.Math.four"]);
    machine.write("new.dark", "module Ada.More\n\nval twice = 2L\n");
    machine.dm(&["add", "new.dark"]).succeeds();
    refused(&machine, &["mv", "Ada.Math", "Ada.More"], 1, &["`Ada.More.twice` is taken"]);
    assert!(
        !texts(&ask(&machine, &["ls", "Ada.More"])["definitions"], "location").contains(&"Ada.More.four".to_owned())
    );
}

#[test]
fn names_and_ids_that_are_none() {
    let machine = ada_with_math();
    machine.dm(&["patch", "new", "Try"]).succeeds();
    refused(&machine, &["show", "twic"], 1, &["there is no `twic`", "did you mean Ada.Math.twice"]);
    refused(&machine, &["show", "tiwce"], 1, &["there is no `tiwce`", "did you mean Ada.Math.twice"]);
    refused(&machine, &["search"], 2, &["WORDS"]);
    refused(&machine, &["search", "--type", "Int64 -> Numbr"], 2, &["type:1:10", "no type is called `Numbr`"]);
    refused(&machine, &["search", "Int64 -> "], 2, &["expected a type"]);
    refused(&machine, &["search", "a -> b", "c -> d"], 2, &["several types"]);
    refused(&machine, &["search", "x", "--deprecated", "--no-deprecated"], 2, &["cannot be used with"]);
    refused(&machine, &["search", &"word ".repeat(17)], 2, &["more than 16 words"]);
    refused(&machine, &["rm", "nothing.like.it"], 1, &["there is no `nothing.like.it`", "dm search"]);
    refused(&machine, &["mv", "twice", "Ada..x"], 2, &["Ada..x"]);
    refused(&machine, &["patch", "show", "ffff"], 2, &["there is no patch `ffff`", "dm patch list --all"]);
    refused(&machine, &["session", "switch", "nobody"], 2, &["there is no session `nobody`", "dm session list"]);
    refused(&machine, &["status", "--session", "nobody"], 2, &["there is no session `nobody`"]);
    refused(&machine, &["session", "new", "work"], 1, &["there is a session `work` already", "dm session switch work"]);
    refused(&machine, &["conflicts", "show", "twice"], 2, &["there is no conflict `twice`", "dm conflicts list"]);
    refused(&machine, &["config", "set", "colour", "red"], 2, &["there is no setting `colour`", "dm config list"]);
    refused(&machine, &["ls", "Ada.Nowhere"], 1, &["there is no `Ada.Nowhere`"]);
    refused(&machine, &["add", "x", "--bind", "twice"], 3, &["x: No such file"]);
    machine.write("x.dark", MATH);
    refused(&machine, &["add", "x.dark", "--bind", "twice"], 2, &["--bind twice: write NAME=MEANING"]);
}

#[test]
fn a_name_that_may_mean_several() {
    let machine = ada_with_math();
    machine.write("new.dark", "module Ada.More\n\nval twice = 2L\n");
    machine.dm(&["add", "new.dark", "--intent", "x"]).succeeds();
    let said = ["`twice` may mean several", "Ada.Math.twice", "Ada.More.twice", "write more of its location"];
    refused(&machine, &["show", "twice"], 2, &said);
    refused(&machine, &["rm", "twice"], 2, &said);
    machine.dm(&["show", "More.twice"]).succeeds();
}

#[test]
fn a_path_that_leads_out_of_the_folder() {
    let machine = ada_with_math();
    machine.write("secret.dark", "module Ada.Secret\n\nval key = 1L\n");
    symlink("../secret.dark", machine.folder().join("src/link.dark")).unwrap();
    refused(&machine, &["import", "src", "--intent", "x"], 3, &["src/link.dark leads out of"]);
    fs::remove_file(machine.folder().join("src/link.dark")).unwrap();
    fs::create_dir_all(machine.folder().join("outside")).unwrap();
    machine.write("outside/more.dark", "module Ada.More\n\nval key = 1L\n");
    symlink("../outside", machine.folder().join("src/folder")).unwrap();
    machine.dm(&["import", "src", "--intent", "x"]).succeeds().prints("nothing changed");
    symlink("math.dark", machine.folder().join("src/same.dark")).unwrap();
    refused(&machine, &["import", "src", "--intent", "x"], 1, &["src/same.dark"]);
}

#[test]
fn a_disk_that_is_full() {
    let machine = ada();
    machine.write("src/math.dark", MATH);
    let values: String = (0..4000).map(|n| format!("\nval number{n} = \"{}\"\n", "x".repeat(200))).collect();
    machine.write("src/large.dark", format!("module Ada.Large\n{values}"));
    let before = everything(&machine);
    // Files can grow to 200 blocks of 512 bytes, and the signal that says so is ignored, as a full disk sends none.
    let sealed = machine.command(&["import", "src", "--intent", "x"]);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "sh"])
        .arg(sealed.get_program())
        .args(sealed.get_args());
    limited.current_dir(machine.folder()).env_clear();
    limited.envs(sealed.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = limited.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(3), "{said}");
    assert!(said.starts_with("error: ") && !said.contains("panicked"), "{said}");
    assert!(everything(&machine) == before, "something was written");
    machine.dm(&["import", "src", "--intent", "x"]).succeeds();
}

#[test]
fn two_processes_that_write_at_once() {
    const WRITERS: usize = 8;
    let machine = ada_with_math();
    machine.dm(&["patch", "new", "Many"]).succeeds();
    std::thread::scope(|scope| {
        for number in 0..WRITERS {
            let machine = &machine;
            scope.spawn(move || {
                let text = format!("module Ada.Many\n\nval number{number} = {number}L\n");
                machine.dm_with_input(&["add", "-"], &text).succeeds();
            });
        }
    });
    let listing = ask(&machine, &["ls", "Ada.Many"]);
    let expected: Vec<String> = (0..WRITERS).map(|number| format!("Ada.Many.number{number}")).collect();
    assert_eq!(texts(&listing["definitions"], "location"), expected);
    assert_eq!(ask(&machine, &["verify"])["findings"], serde_json::json!([]));
    machine.dm(&["patch", "apply"]).succeeds();
    let report = ask(&machine, &["rebuild", "--dry-run"]);
    assert_eq!(report["differed"], serde_json::json!([]));
}

#[test]
fn a_store_that_is_damaged() {
    let machine = ada_with_math();
    let path = machine.folder().join(".darkmatter/store.db");
    let mut bytes = fs::read(&path).unwrap();
    fs::write(&path, b"this is no store").unwrap();
    for args in [&["status"] as &[&str], &["add", "src/math.dark", "--intent", "x"], &["verify"]] {
        let ran = machine.dm(args).exits(3);
        says_all(&ran, &["error: "]);
    }
    let half = bytes.len() / 2;
    bytes.truncate(half);
    fs::write(&path, &bytes).unwrap();
    for args in [&["status"] as &[&str], &["show", "twice"], &["verify"], &["rebuild"]] {
        let ran = machine.dm(args);
        assert!(ran.code.is_some_and(|code| code <= 3), "{}\n{}", ran.typed, ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}\n{}", ran.typed, ran.stderr);
    }
}

#[test]
fn a_key_that_is_gone() {
    let machine = ada_with_math();
    machine.dm(&["mv", "four", "vier", "--intent", "In German"]).succeeds();
    let key = machine.folder().join(".darkmatter/key");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    machine.dm(&["show", "vier"]).succeeds();
    refused(&machine, &["patch", "apply"], 3, &[".darkmatter/key: No such file", "copy"]);
    fs::write(&key, "0".repeat(64)).unwrap();
    refused(&machine, &["patch", "apply"], 3, &["does not fit this store", "copy"]);
    fs::write(&key, kept).unwrap();
    machine.dm(&["patch", "apply"]).succeeds();
}

#[test]
fn an_editor_that_fails() {
    let machine = ada_with_math();
    machine.dm(&["patch", "new", "Edit"]).succeeds();
    refused(&machine, &["edit", "twice"], 2, &["no editor is set", "EDITOR"]);
    refused(&machine.with_env("EDITOR", "false"), &["edit", "twice"], 1, &["nothing was written"]);
    let before = text_of(&machine, "twice");
    let typed = machine.with_env("EDITOR", "sed -i s/Twice/'{'/").dm(&["edit", "four"]);
    typed.succeeds().says("nothing was changed");
    let broken = machine.with_env("EDITOR", "sed -i s/Int64Add/'('/").dm(&["edit", "twice"]);
    assert_eq!(broken.code, Some(0), "{}", broken.stderr);
    let broken = machine.with_env("EDITOR", "sed -i s/int64Add/'('/").dm(&["edit", "twice"]).exits(1);
    let kept = broken.stderr.lines().find_map(|line| line.strip_prefix("hint: your text is kept in "));
    let kept = fs::read_to_string(kept.expect("says where the text is")).unwrap();
    assert!(kept.contains("Builtin.( n n"), "{kept}");
    assert_eq!(text_of(&machine, "twice"), before);
}

#[test]
fn an_export_over_files_that_differ() {
    let machine = ada_with_math();
    machine.write("out/ada/math.dark", "my own notes\n");
    let said = ["out/ada/math.dark", "nothing was written", "--force"];
    refused(&machine, &["export", "out"], 1, &said);
    assert_eq!(machine.read("out/ada/math.dark"), "my own notes\n");
    assert!(!machine.folder().join("out/ada/math.tests.dark").exists());
    machine.dm(&["export", "out", "--force"]).succeeds();
    assert!(machine.read("out/ada/math.dark").starts_with("module Ada.Math\n"));
}

#[test]
fn what_cannot_be_laid_out() {
    let machine = ada();
    machine.write("wrong.dark", "module A.B\n\nlet f (n: Int64) : Int64 = (\n");
    machine.write("right.dark", "module A.B\n\nlet f (n:Int64) : Int64 = n\n");
    refused(&machine, &["fmt", "wrong.dark"], 1, &["wrong.dark:3:28", "never closed"]);
    refused(&machine, &["fmt", "nowhere.dark"], 3, &["nowhere.dark"]);
    refused(&machine, &["fmt", "right.dark", "A.B"], 2, &["one file at a time"]);
    refused(&machine, &["fmt", "right.dark", "--json"], 2, &["--json is for definitions"]);
    refused(&machine, &["fmt", "right.dark", "--check"], 1, &["right.dark: not laid out"]);
    refused(&machine, &["fmt"], 2, &["no draft is in focus", "dm fmt NAME"]);
    refused(&machine, &["config", "set", "fmt.layout", "wide"], 2, &["`keep` or `fit`"]);
    assert!(machine.dm(&["fmt", "right.dark"]).succeeds().stdout.contains("let f (n: Int64) : Int64 = n\n"));
}
