//! What has left a store is not deleted by accident.

use crate::support::{ada_with_math, ask, texts};

#[test]
fn a_name_that_left_the_store_wants_to_be_deprecated() {
    let ada = ada_with_math();
    let home = ada.beside("home");
    home.dm(&["init", "--author", "home"]).succeeds();
    let server = home.serve(&["serve", "--listen", "127.0.0.1:0"]);
    ada.dm(&["rm", "four", "--intent", "Nobody has it yet"]).succeeds().prints("still used by");
    ada.dm(&["undo"]).succeeds();
    ada.dm(&["remote", "add", "home", &server.url()]).succeeds();
    ada.dm(&["push"]).succeeds();
    let refused = ada.dm(&["rm", "four", "--intent", "Others have it"]).exits(1);
    let refused = refused.says("has left this store").says("dm deprecate Ada.Math.four --reason TEXT");
    refused.says("--published deletes it all the same");
    ada.write("new.dark", "module Ada.New\n\nval mine = 1L\n");
    ada.dm(&["add", "new.dark", "--intent", "New"]).succeeds();
    ada.dm(&["rm", "mine"]).succeeds();
    ada.dm(&["rm", "four", "--published", "--dry-run"]).succeeds();

    let ben = ada.beside("desktop");
    ben.dm(&["init", "--author", "Ben"]).succeeds();
    ben.dm(&["remote", "add", "home", &server.url()]).succeeds();
    ben.dm(&["pull"]).succeeds();
    ben.dm(&["rm", "four", "--intent", "It is Ada's"]).exits(1).says("has left this store");
    ben.dm(&["rm", "fourTimes", "--published", "--intent", "Really"]).succeeds();
    assert!(
        !texts(&ask(&ben, &["ls", "Ada.Math"])["definitions"], "location").contains(&"Ada.Math.fourTimes".to_owned())
    );
}
