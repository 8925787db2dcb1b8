use dm_testkit::{Document, Transcript, check_transcript};

use super::sandbox;

/// Plays a text; gives back the text as it should be and the differences.
fn play(text: &str) -> (String, String) {
    let document = Document::parse(text, "story.md").unwrap();
    let (_, bodies, failures) = Transcript::new(&sandbox()).play(&document, true);
    (document.with_bodies(&bodies), failures)
}

fn check_holds(text: &str) {
    let (updated, failures) = play(text);
    assert_eq!(failures, "");
    assert_eq!(updated, text);
}

#[test]
fn a_story_of_two_machines_holds() {
    check_holds(
        "# Story\n\n```console laptop\n$ dm say hello 'wide world'\nhello wide world\n$ cd shop\ncd: shop: no such folder\n[exit 1]\n\
         $ mkdir shop\n$ cd shop\n$ dm where\n~/code/shop\n```\nBen:\n```console desktop\n$ dm where\n~/code\n```\nAda again, where she was:\n\
         ```console laptop\n$ dm where\n~/code/shop\n```\n",
    );
}

#[test]
fn files_input_pipes_and_variables() {
    check_holds(
        "```file laptop a/b.dark\nlet x = 1\n```\n```console laptop\n$ cat a/b.dark\nlet x = 1\n$ dm read < a/b.dark\nlet x = 1\n\
         $ dm read <<'END'\none\ntwo\nEND\none\ntwo\n$ echo piped | dm read\npiped\n$ echo kept > a/c\n$ echo more >> a/c\n$ cat a/c\nkept\nmore\n\
         $ DM_SESSION=two dm variable DM_SESSION\ntwo\n$ export DM_AUTHOR=Ada\n$ dm variable DM_AUTHOR\nAda\n$ ls a\nb.dark\nc\n\
         $ cp a/c a/d\n$ mv a/d e\n$ rm e\n$ rm -r a\n$ ls\n```\n",
    );
}

#[test]
fn exit_codes_and_both_outputs_are_shown() {
    check_holds("```console\n$ dm fail 2\nout\nerr\n[exit 2]\n```\n");
    let (updated, failures) = play("```console\n$ dm fail 2\nout\nerr\n```\n");
    assert!(failures.contains("+[exit 2]"), "{failures}");
    assert_eq!(updated, "```console\n$ dm fail 2\nout\nerr\n[exit 2]\n```\n");
}

#[test]
fn wildcards_and_durations_do_not_count() {
    check_holds("```console\n$ dm id\npatch [..] is new in 0.31 s\n$ dm say a\n...\n```\n");
    let (_, failures) = play("```console\n$ dm id\npatch [..] is new in 3 sets\n```\n");
    assert!(failures.contains("story.md:2"), "{failures}");
}

#[test]
fn a_difference_is_shown_and_corrected_with_the_ids_in_later_commands() {
    let (updated, failures) =
        play("```console\n$ dm id\npatch 99999999 is new in 0.25 s\n$ dm say about 9999\nabout 9999\n```\nprose\n");
    assert!(failures.contains("-patch 99999999") && failures.contains("+patch 1a2b3c4d"), "{failures}");
    assert_eq!(
        updated,
        "```console\n$ dm id\npatch 1a2b3c4d is new in 0.25 s\n$ dm say about 1a2b\nabout 1a2b\n```\nprose\n"
    );
}

#[test]
fn a_server_listens_elsewhere_than_the_story_says() {
    check_holds(
        "```console server\n$ dm serve &\nserving at http://127.0.0.1:7777\n```\n```console laptop\n$ dm say http://127.0.0.1:7777\n\
         http://127.0.0.1:7777\n```\n```console server\n$ kill %1\n$ dm serve --listen 127.0.0.1:7777 &\nserving at http://127.0.0.1:7777\n```\n",
    );
}

#[test]
fn what_cannot_be_typed_is_a_failure() {
    for (line, words) in
        [("curl x", "can be typed"), ("dm a && dm b", "one command a line"), ("dm say &", "only `dm serve`")]
    {
        let (_, failures) = play(&format!("```console\n$ {line}\n```\n"));
        assert!(failures.contains(words), "{failures}");
    }
    let (_, failures) = play("```console\nno command\n```\n");
    assert!(failures.contains("begins with no command"), "{failures}");
    let (_, failures) = play("```file\nno place\n```\n");
    assert!(failures.contains("wants a machine"), "{failures}");
}

#[test]
fn blocks_to_ignore_are_ignored_and_a_file_without_commands_fails() {
    check_holds("```console ignore\n$ curl x\n```\n```sh\ncargo run\n```\n");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("story.md");
    std::fs::write(&path, "```console\n$ dm say a\na\n```\n").unwrap();
    assert_eq!(check_transcript(&path, &sandbox()), 1);
    std::fs::write(&path, "no command\n").unwrap();
    assert!(std::panic::catch_unwind(|| check_transcript(&path, &sandbox())).is_err());
}
