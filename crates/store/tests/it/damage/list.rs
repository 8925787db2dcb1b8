//! The list of damages that `verify` must find: what is done to a whole store, and what must be said of it.
//!
//! Each is done to a copy of the store of [`super::full_store`]. A table without an entry here fails a test.

use dm_store::Remedy;

/// One damage.
pub struct Damage {
    /// What happens, in words.
    pub name: &'static str,
    /// How it is done.
    pub how: How,
    /// The table that the finding must name; `open` if the store must refuse to open instead.
    pub table: &'static str,
    /// What it must say helps.
    pub remedy: Remedy,
    /// What it must say, in part.
    pub words: &'static str,
}

/// How a damage is done.
pub enum How {
    /// By a statement behind the store's back.
    Sql(&'static str),
    /// To the file's bytes.
    File(fn(&mut Vec<u8>)),
}

const fn sql(
    name: &'static str,
    sql: &'static str,
    table: &'static str,
    remedy: Remedy,
    words: &'static str,
) -> Damage {
    Damage { name, how: How::Sql(sql), table, remedy, words }
}

const fn file(name: &'static str, how: fn(&mut Vec<u8>), table: &'static str) -> Damage {
    Damage { name, how: How::File(how), table, remedy: Remedy::RestoreCopy, words: "" }
}

/// Flips a bit in every page from one place in it on, so that no page is as it was.
fn scratch(bytes: &mut [u8], from: usize, every: usize) {
    let pages = bytes.len() / 4096;
    for page in 1..pages {
        let mut at = page * 4096 + from;
        while at < (page + 1) * 4096 {
            bytes[at] ^= 0x21;
            at += every;
        }
    }
}

use Remedy::{FetchAgain, Rebuild, RestoreCopy};

/// The list.
pub const DAMAGES: &[Damage] = &[
    // The file.
    file("the file is empty", |bytes| bytes.clear(), "open"),
    file("the file is cut within its first page", |bytes| bytes.truncate(1000), "open"),
    file("the file is cut in half", |bytes| bytes.truncate(bytes.len() / 2), "file"),
    file("the file's last page is gone", |bytes| bytes.truncate(bytes.len() - 4096), "file"),
    file("the file's first byte is another", |bytes| bytes[0] ^= 1, "open"),
    file("the mark of whose file it is", |bytes| bytes[68] ^= 1, "open"),
    file("the first bytes of every page", |bytes| scratch(bytes, 0, 5000), "file"),
    file("the pointers of every page", |bytes| scratch(bytes, 3, 5000), "file"),
    file("every tenth byte of every page", |bytes| scratch(bytes, 12, 10), "file"),
    // What a store is.
    sql("nothing says whose store it is", "DELETE FROM meta", "open", RestoreCopy, ""),
    sql("its id has the wrong length", "UPDATE meta SET instance = x'00'", "open", RestoreCopy, ""),
    sql("the current session is none", "UPDATE meta SET session = x'77'", "meta", RestoreCopy, "session is gone"),
    sql("the fingerprint of main", "UPDATE meta SET view_sum = zeroblob(32)", "meta", Rebuild, "differs"),
    sql("the count of main's entities", "UPDATE meta SET view_count = view_count + 1", "meta", Rebuild, "differs"),
    sql("the count of names", "UPDATE meta SET names = names - 1", "meta", Rebuild, "differs"),
    // The log.
    sql(
        "an envelope's signature",
        "UPDATE log SET signature = zeroblob(64) WHERE id = 3",
        "log",
        FetchAgain,
        "signature",
    ),
    sql("a signature of the wrong length", "UPDATE log SET signature = x'01' WHERE id = 3", "log", FetchAgain, ""),
    sql(
        "a byte in an envelope",
        "UPDATE log SET bytes = CAST(substr(bytes, 1, 40) || x'00ff' || substr(bytes, 43) AS BLOB) WHERE id = 3",
        "log",
        FetchAgain,
        "",
    ),
    sql(
        "an envelope's end",
        "UPDATE log SET bytes = substr(bytes, 1, length(bytes) - 5) WHERE id = 4",
        "log",
        FetchAgain,
        "",
    ),
    sql("an envelope is empty", "UPDATE log SET bytes = x'' WHERE id = 4", "log", FetchAgain, ""),
    sql("how an envelope is packed", "UPDATE log SET enc = 9 WHERE id = 4", "log", FetchAgain, "encoding 9"),
    sql(
        "an envelope is said to be packed",
        "UPDATE log SET enc = 1 WHERE id = (SELECT min(id) FROM log WHERE enc = 0)",
        "log",
        FetchAgain,
        "",
    ),
    sql("an envelope's id", "UPDATE log SET hash = zeroblob(32) WHERE id = 5", "log", FetchAgain, "have the hash"),
    sql("an id of the wrong length", "UPDATE log SET hash = x'01' WHERE id = 5", "log", FetchAgain, "wrong length"),
    sql(
        "an envelope is there twice",
        "INSERT INTO log SELECT 99999, hash, signature, enc, bytes FROM log WHERE id = 5",
        "log",
        RestoreCopy,
        "two rows",
    ),
    sql("an envelope is gone", "DELETE FROM log WHERE id = 5", "env", Rebuild, "the log does not give"),
    sql(
        "two envelopes took each other's place",
        "UPDATE log SET bytes = (SELECT bytes FROM log WHERE id = 7), enc = (SELECT enc FROM log WHERE id = 7) WHERE id = 6",
        "log",
        FetchAgain,
        "",
    ),
    // What finds rows by hash.
    sql("an envelope is not found", "DELETE FROM log_h WHERE id = 3", "log_h", Rebuild, "not found by its hash"),
    sql(
        "an envelope is found under another hash",
        "UPDATE log_h SET h8 = h8 + 1 WHERE id = 3",
        "log_h",
        Rebuild,
        "another hash",
    ),
    sql("a definition is not found", "DELETE FROM content_h WHERE id = 2", "content_h", Rebuild, "not found"),
    sql(
        "a definition that is not there is found",
        "INSERT INTO content_h VALUES (5, 99999)",
        "content_h",
        Rebuild,
        "is gone",
    ),
    sql("an entity is not found", "DELETE FROM entity_h WHERE id = 2", "entity_h", Rebuild, "not found"),
    sql("an op is not found", "DELETE FROM op_h WHERE id = 2", "op_h", Rebuild, "not found"),
    // Definitions.
    sql(
        "a definition's text",
        "UPDATE content SET enc = 0, text = CAST('val a = 1L' AS BLOB), refs = x'' WHERE id = 2",
        "content",
        FetchAgain,
        "has the hash",
    ),
    sql(
        "a text that is none",
        "UPDATE content SET enc = 0, text = x'ff', refs = x'' WHERE id = 2",
        "content",
        FetchAgain,
        "UTF-8",
    ),
    sql("how a text is packed", "UPDATE content SET enc = 7 WHERE id = 2", "content", FetchAgain, "encoding 7"),
    sql(
        "a definition's kind",
        "UPDATE content SET kind = 3 - kind WHERE id = 2 AND kind IN (1, 2)",
        "content",
        FetchAgain,
        "hash",
    ),
    sql("a kind that there is none of", "UPDATE content SET kind = 99 WHERE id = 2", "content", FetchAgain, "kind 99"),
    sql("a definition's references", "UPDATE content SET refs = x'000300' WHERE id = 2", "content", FetchAgain, ""),
    sql("references that cannot be read", "UPDATE content SET refs = x'ff' WHERE id = 2", "content", FetchAgain, ""),
    sql(
        "a definition's hash",
        "UPDATE content SET hash = zeroblob(32) WHERE id = 2",
        "content",
        FetchAgain,
        "has the hash",
    ),
    sql(
        "a definition's hash has the wrong length",
        "UPDATE content SET hash = x'01' WHERE id = 2",
        "content",
        FetchAgain,
        "wrong length",
    ),
    sql(
        "a definition that a draft has is gone",
        "DELETE FROM content WHERE id = (SELECT min(id) FROM content)",
        "draft_entity",
        RestoreCopy,
        "is gone",
    ),
    // Projections.
    sql("what an envelope is", "UPDATE env SET kind = kind + 1 WHERE id = 3", "env", Rebuild, ""),
    sql(
        "an intent",
        "UPDATE env SET intent = 'Other' WHERE id = (SELECT min(id) FROM env WHERE intent IS NOT NULL)",
        "env",
        Rebuild,
        "",
    ),
    sql(
        "which revisions are in effect",
        "UPDATE env SET effect = 1 - effect WHERE effect IN (0, 1)",
        "env",
        Rebuild,
        "",
    ),
    sql("the fingerprint of a space", "UPDATE space SET count = count + 1", "space", Rebuild, ""),
    sql(
        "a space's number",
        "UPDATE space_no SET space = x'0102030405060708090a0b0c0d0e0f10' WHERE id = (SELECT max(id) FROM space_no)",
        "",
        Rebuild,
        "",
    ),
    sql(
        "where an envelope lies in the order of an exchange",
        "DELETE FROM env_at WHERE env = 3",
        "env_at",
        Rebuild,
        "",
    ),
    sql("the sum of a range", "UPDATE bucket SET sum = zeroblob(32)", "bucket", Rebuild, "not the sum"),
    sql("a patch that another main has", "DELETE FROM unseen", "unseen", Rebuild, ""),
    sql("what an envelope waits for", "DELETE FROM need", "need", Rebuild, "missing"),
    sql(
        "an op's bytes",
        "UPDATE op SET bytes = x'01' WHERE id = (SELECT max(id) FROM op)",
        "op",
        Rebuild,
        "not those of its hash",
    ),
    sql("which ops are in effect", "UPDATE op SET effective = 1 - effective", "op", Rebuild, ""),
    sql("an entity's ops", "DELETE FROM op_e WHERE op = 2", "op_e", Rebuild, "missing"),
    sql("who carries an op", "UPDATE op_rev SET position = position + 1 WHERE op = 2", "op_rev", Rebuild, ""),
    sql(
        "who needs an op",
        "INSERT OR IGNORE INTO rev_need SELECT max(o.id), min(e.id) FROM op o, env e",
        "rev_need",
        Rebuild,
        "does not give",
    ),
    sql("a patch's revisions", "DELETE FROM patch_env WHERE kind = 1", "patch_env", Rebuild, "missing"),
    sql("the last facts of a main", "UPDATE channel SET leaves = x''", "channel", Rebuild, ""),
    sql("a fact of a main", "DELETE FROM fact", "fact", Rebuild, "missing"),
    sql("what is in a main", "UPDATE member SET state = 0, revisions = x''", "member", Rebuild, ""),
    sql("facts about keys", "INSERT OR REPLACE INTO key_fact VALUES ('Eve', 3)", "key_fact", Rebuild, "does not give"),
    sql(
        "an entity's definition",
        "UPDATE entity SET content = (SELECT max(id) FROM content) WHERE content IS NOT NULL",
        "entity",
        Rebuild,
        "",
    ),
    sql("where an entity is", "UPDATE entity SET path = path || 'x' WHERE path IS NOT NULL", "entity", Rebuild, ""),
    sql(
        "an entity's id",
        "UPDATE entity SET hash = zeroblob(32) WHERE id = (SELECT min(id) FROM entity)",
        "",
        RestoreCopy,
        "",
    ),
    sql("a name", "DELETE FROM name", "name", Rebuild, "missing"),
    sql(
        "a name too many",
        "INSERT INTO name SELECT 'Eve.was.here', max(id) FROM entity",
        "name",
        Rebuild,
        "does not give",
    ),
    sql("who uses whom", "INSERT INTO dep VALUES (99, 98)", "dep", Rebuild, "does not give"),
    sql("a conflict is forgotten", "DELETE FROM mark", "mark", Rebuild, "missing"),
    // Private tables.
    sql("a session", "UPDATE session SET data = x'02'", "session", RestoreCopy, "session format"),
    sql(
        "a session's name beside its data",
        "UPDATE session SET name = 'x'",
        "session",
        RestoreCopy,
        "not what its data says",
    ),
    sql("a draft's session is gone", "DELETE FROM session", "draft", RestoreCopy, "is gone"),
    sql("what a draft is", "UPDATE draft SET data = x'07'", "draft", RestoreCopy, "draft format"),
    sql("what a draft writes", "UPDATE draft_entity SET data = x'01'", "draft_entity", RestoreCopy, ""),
    sql(
        "a draft is gone, what it writes is not",
        "DELETE FROM draft",
        "draft_entity",
        RestoreCopy,
        "its draft is gone",
    ),
    sql("a command", "UPDATE command SET enc = 0, data = x'09'", "command", RestoreCopy, "command format"),
    sql("what a definition means", "UPDATE link SET hash = x'07'", "link", Rebuild, "wrong length"),
    sql("a meaning of nothing", "INSERT INTO link_due VALUES (99999)", "link_due", Rebuild, "is gone"),
    sql(
        "a memo of a definition that is not there",
        "INSERT INTO summary VALUES (99999, 'x', '', x'', '')",
        "summary",
        RestoreCopy,
        "is gone",
    ),
    sql("a memo that is no text", "UPDATE summary SET doc = x'00'", "summary", RestoreCopy, "no text"),
    // The index for searches.
    sql("a due entity", "UPDATE search_due SET entity = entity + 99", "search_row", Rebuild, "do not find"),
    sql("another kind in the index", "UPDATE search_row SET kind = 9", "search_row", Rebuild, "do not find"),
    sql("a row for what is not there", "UPDATE search_row SET path = path || 'x'", "search_row", Rebuild, "not there"),
    sql("a lost word", "UPDATE search_word SET word = word || 'x'", "search", Rebuild, "own words"),
    sql("what the index is made of", "UPDATE search_data SET block = x'00'", "search", Rebuild, ""),
    sql("where its pages begin", "UPDATE search_idx SET pgno = 99", "search", Rebuild, ""),
    sql("a row that has no words", "DELETE FROM search_docsize", "search_row", Rebuild, "not indexed"),
    sql("words of no row", "UPDATE search_docsize SET id = -id", "search_row", Rebuild, "no row"),
    sql("its settings", "UPDATE search_config SET v = 99", "search", Rebuild, ""),
    // Books.
    sql("a setting", "UPDATE config SET value = x'00'", "config", RestoreCopy, "no text"),
    sql("a remote's way of exchanging", "UPDATE remote SET mode = 9", "remote", RestoreCopy, "mode"),
    sql("a remote without an address", "UPDATE remote SET url = ''", "remote", RestoreCopy, "address"),
    sql(
        "what a remote lacks",
        "INSERT INTO unsent SELECT id, 0, 99999 FROM remote",
        "unsent",
        RestoreCopy,
        "not in the log",
    ),
    sql("what a remote has", "DELETE FROM known_space", "known_space", RestoreCopy, "fingerprints"),
    sql(
        "what is known of a remote that is gone",
        "INSERT OR REPLACE INTO peer VALUES (99, 2, 0)",
        "peer",
        RestoreCopy,
        "is gone",
    ),
    sql(
        "a key of an author",
        "INSERT OR REPLACE INTO trusted_key VALUES ('Eve', x'00', 1, 0)",
        "trusted_key",
        RestoreCopy,
        "wrong length",
    ),
    sql(
        "a key of this instance",
        "INSERT OR REPLACE INTO own_key VALUES ('Ada', x'00')",
        "own_key",
        RestoreCopy,
        "wrong length",
    ),
    sql(
        "a change of keys that was overruled",
        "INSERT OR REPLACE INTO overruled VALUES ('Ada', x'00', x'00')",
        "overruled",
        RestoreCopy,
        "wrong length",
    ),
    sql(
        "how keys followed each other",
        "INSERT OR REPLACE INTO succession VALUES (1, x'')",
        "succession",
        RestoreCopy,
        "",
    ),
    sql(
        "a space's name",
        "INSERT OR REPLACE INTO space_name VALUES (x'00', 'team', 0)",
        "space_name",
        RestoreCopy,
        "wrong length",
    ),
    sql(
        "a space that a remote shares",
        "INSERT OR REPLACE INTO remote_space VALUES ('home', x'00', 1)",
        "remote_space",
        RestoreCopy,
        "wrong length",
    ),
    sql(
        "a space that a token opens",
        "INSERT OR REPLACE INTO token_space VALUES ('ben', x'00')",
        "token_space",
        RestoreCopy,
        "wrong length",
    ),
    sql("a token", "INSERT OR REPLACE INTO token VALUES ('ben', x'00', 0, NULL)", "token", RestoreCopy, "wrong length"),
    sql(
        "what is in quarantine",
        "INSERT OR REPLACE INTO quarantine VALUES (x'00', 'home', 1, '', NULL, NULL, 0, 0, 1)",
        "quarantine",
        RestoreCopy,
        "wrong length",
    ),
    sql("a folder that was imported", "UPDATE import_root SET root = ''", "import_root", RestoreCopy, "no path"),
    sql(
        "a base without its folder",
        "UPDATE import_base SET root = 99",
        "import_base",
        RestoreCopy,
        "import_root is gone",
    ),
    sql("a base's writes", "UPDATE import_base SET heads = x'0102'", "import_base", RestoreCopy, "wrong length"),
    sql("a base's definition", "UPDATE import_base SET content = 99999", "import_base", RestoreCopy, "content is gone"),
    sql(
        "how far a history was brought in",
        "UPDATE git_source SET head = x'00'",
        "git_source",
        RestoreCopy,
        "wrong length",
    ),
    sql("a history without its root", "UPDATE git_source SET root = 99", "git_source", RestoreCopy, "is gone"),
    sql("a file that lags, of no history", "UPDATE git_lag SET root = 99", "git_lag", RestoreCopy, "is gone"),
    sql("a branch without a name", "UPDATE git_target SET branch = ''", "git_target", RestoreCopy, "no name"),
    sql(
        "a commit of what is no fact",
        "UPDATE git_mark SET fact = (SELECT min(id) FROM env WHERE kind = 1)",
        "git_mark",
        RestoreCopy,
        "no fact",
    ),
    sql("a commit of no branch", "UPDATE git_mark SET target = 99", "git_mark", RestoreCopy, "is gone"),
];
