//! The tables, their version, and the steps from each older version.
//!
//! `docs/formats/store.md` explains them. Truth (the log, the content, the journal, settings) and projections are told apart
//! there and in [`PROJECTIONS`]: a rebuild empties the latter and nothing else.

use rusqlite::Connection;

/// What SQLite's header says of whose file this is: `dmst`.
pub(crate) const APPLICATION_ID: i32 = 0x646d_7374;
/// The schema version that this program writes.
pub const SCHEMA_VERSION: u32 = 6;

/// One step: the statements that turn version `from` into `from + 1`.
pub(crate) struct Migration {
    /// The version it starts from.
    pub from: u32,
    /// What it runs.
    pub sql: &'static [&'static str],
}

/// All steps, ascending.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { from: 1, sql: &[COMMANDS] },
    Migration { from: 2, sql: &[NAMES_AND_SPELLINGS] },
    Migration { from: 3, sql: &[EXCHANGE, READERS, KEYS, BRIDGE, MARKS] },
    // Rows only: `content::fill_nowhere`.
    Migration { from: 4, sql: &[] },
    Migration { from: 5, sql: &[MEANING, SEARCH] },
];

/// Version 2: commands are remembered, so that they can be undone.
const COMMANDS: &str = "
CREATE TABLE command (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session BLOB NOT NULL, at INTEGER NOT NULL, kind INTEGER NOT NULL, target INTEGER,
  verb TEXT NOT NULL, words TEXT NOT NULL, enc INTEGER NOT NULL, data BLOB NOT NULL
);
";

/// Version 3: names are counted, and the lists of a patch lie in the order in which patches are spelled: each id's 16 bytes the
/// other way round.
const NAMES_AND_SPELLINGS: &str = "
ALTER TABLE meta ADD COLUMN names INTEGER NOT NULL DEFAULT 0;
UPDATE meta SET names = (SELECT count(*) FROM name);
ALTER TABLE patch_env RENAME TO patch_env_2;
CREATE TABLE patch_env (patch BLOB NOT NULL, kind INTEGER NOT NULL, env INTEGER NOT NULL, PRIMARY KEY (patch, kind, env)) WITHOUT ROWID;
WITH RECURSIVE turned (patch, digits, at) AS (
  SELECT DISTINCT patch, '', 1 FROM patch_env_2
  UNION ALL SELECT patch, hex(substr(patch, at, 1)) || digits, at + 1 FROM turned WHERE at <= 16
)
INSERT INTO patch_env SELECT unhex(t.digits), e.kind, e.env
  FROM turned t JOIN patch_env_2 e ON e.patch = t.patch WHERE t.at = 17 ORDER BY 1, 2, 3;
DROP TABLE patch_env_2;
";

/// Version 4: what an exchange by ranges needs, and what failed its checks.
///
/// The rows of what older stores hold: `h8` turns the first eight bytes of an id into an integer in their order, and `known` becomes
/// its opposite, which is short.
const EXCHANGE: &str = "
CREATE TABLE space_no (id INTEGER PRIMARY KEY, space BLOB NOT NULL UNIQUE);
INSERT INTO space_no (id, space) VALUES (0, zeroblob(16));
INSERT OR IGNORE INTO space_no (space) SELECT DISTINCT space FROM env;
CREATE TABLE env_at (
  space INTEGER NOT NULL, time INTEGER NOT NULL, h8 INTEGER NOT NULL, env INTEGER NOT NULL, PRIMARY KEY (space, time, h8, env)
) WITHOUT ROWID;
INSERT INTO env_at SELECT s.id, v.authored_at,
    CASE WHEN h.h8 >= 0 THEN h.h8 - 9223372036854775807 - 1 ELSE h.h8 + 9223372036854775807 + 1 END, v.id
  FROM env v JOIN space_no s ON s.space = v.space JOIN log_h h ON h.id = v.id;
CREATE TABLE bucket (
  space INTEGER NOT NULL, time INTEGER NOT NULL, h8 INTEGER NOT NULL, count INTEGER NOT NULL, sum BLOB NOT NULL,
  PRIMARY KEY (space, time, h8)
) WITHOUT ROWID;
CREATE TABLE unseen (patch BLOB NOT NULL, channel INTEGER NOT NULL, PRIMARY KEY (patch, channel)) WITHOUT ROWID;
INSERT INTO unseen SELECT m.patch, m.channel FROM member m JOIN channel c ON c.id = m.channel
  WHERE m.state = 1 AND c.hash <> (SELECT instance FROM meta) AND NOT EXISTS (
    SELECT 1 FROM member o JOIN channel d ON d.id = o.channel WHERE o.patch = m.patch AND d.hash = (SELECT instance FROM meta));
CREATE TABLE unsent (remote INTEGER NOT NULL, space INTEGER NOT NULL, env INTEGER NOT NULL, PRIMARY KEY (remote, space, env)) WITHOUT ROWID;
INSERT INTO unsent SELECT r.id, a.space, a.env FROM remote r, env_at a
  WHERE NOT EXISTS (SELECT 1 FROM known k WHERE k.remote = r.id AND k.env = a.env);
DROP TABLE known;
CREATE TABLE peer (remote INTEGER PRIMARY KEY, protocol INTEGER NOT NULL, asked_at INTEGER NOT NULL);
CREATE TABLE quarantine (
  id BLOB PRIMARY KEY, remote TEXT NOT NULL, reason INTEGER NOT NULL, words TEXT NOT NULL, signature BLOB, bytes BLOB,
  first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, tries INTEGER NOT NULL
) WITHOUT ROWID;
";

/// Version 4: spaces and who reads them.
const READERS: &str = "
CREATE TABLE channel_4 (id INTEGER PRIMARY KEY, hash BLOB NOT NULL, space BLOB NOT NULL, leaves BLOB NOT NULL, UNIQUE (hash, space));
INSERT INTO channel_4 SELECT id, hash, zeroblob(16), leaves FROM channel;
DROP TABLE channel;
ALTER TABLE channel_4 RENAME TO channel;
CREATE TABLE space_name (space BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE, since INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE remote_space (remote TEXT NOT NULL, space BLOB NOT NULL, shared INTEGER NOT NULL, PRIMARY KEY (remote, space)) WITHOUT ROWID;
CREATE TABLE token_space (token TEXT NOT NULL, space BLOB NOT NULL, PRIMARY KEY (token, space)) WITHOUT ROWID;
";

/// Version 4: keys of authors, and keys that took the place of others.
const KEYS: &str = "
CREATE TABLE own_key (author TEXT PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE succession (one INTEGER PRIMARY KEY CHECK (one = 1), bytes BLOB NOT NULL);
CREATE TABLE overruled (author TEXT NOT NULL, key BLOB NOT NULL, change BLOB NOT NULL, PRIMARY KEY (author, key, change)) WITHOUT ROWID;
CREATE TABLE key_fact (author TEXT NOT NULL, env INTEGER NOT NULL, PRIMARY KEY (author, env)) WITHOUT ROWID;
";

/// Version 4: how far histories of other tools were brought over.
const BRIDGE: &str = "
UPDATE env SET author_key = x'' WHERE patch IS NULL;
CREATE TABLE git_source (root INTEGER PRIMARY KEY, head BLOB NOT NULL);
CREATE TABLE git_lag (root INTEGER NOT NULL, file TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (root, file)) WITHOUT ROWID;
CREATE TABLE git_target (id INTEGER PRIMARY KEY, repository TEXT NOT NULL, branch TEXT NOT NULL, UNIQUE (repository, branch));
CREATE TABLE git_mark (target INTEGER NOT NULL, fact INTEGER NOT NULL, object BLOB NOT NULL, PRIMARY KEY (target, fact)) WITHOUT ROWID;
";

/// Version 4: patches that the facts of the own main disagree about are marked, and revisions that are not in effect are found
/// without looking at the others.
const MARKS: &str = "
CREATE INDEX env_open ON env (patch) WHERE kind = 1 AND effect <> 1;
INSERT INTO mark (kind, a, b)
  SELECT DISTINCT 5, m.patch, 0 FROM channel c JOIN meta t ON t.instance = c.hash JOIN member m ON m.channel = c.id WHERE m.state = 2;
";

/// Version 6: who stays on a version of something else is found without a look at all ops; what definitions mean is kept.
const MEANING: &str = "
CREATE INDEX op_pin ON op (id) WHERE kind = 8;
CREATE TABLE link (entity INTEGER PRIMARY KEY, format INTEGER NOT NULL, hash BLOB NOT NULL, interface BLOB);
CREATE TABLE link_due (entity INTEGER PRIMARY KEY);
";

/// So many bytes of new words the index for searches holds in memory before it writes a part of itself: many small parts are merged again
/// and again while all names of a large main are indexed. It is in [`SEARCH`] too.
pub(crate) const SEARCH_BYTES_HELD: i64 = 32 << 20;

/// Version 6: an index of names, docs, signatures and types. What older stores kept of definitions had no types and is made again;
/// all names are due.
const SEARCH: &str = "
DROP TABLE summary;
CREATE TABLE summary (content INTEGER PRIMARY KEY, signature TEXT NOT NULL, doc TEXT NOT NULL, types BLOB NOT NULL, type_words TEXT NOT NULL);
CREATE TABLE search_due (entity INTEGER PRIMARY KEY);
CREATE TABLE search_row (
  id INTEGER PRIMARY KEY, entity INTEGER NOT NULL, path TEXT NOT NULL, content INTEGER NOT NULL, kind INTEGER NOT NULL,
  deprecated INTEGER NOT NULL
);
CREATE INDEX search_row_entity ON search_row (entity);
CREATE TABLE search_word (place INTEGER NOT NULL, word TEXT NOT NULL, PRIMARY KEY (place, word)) WITHOUT ROWID;
CREATE VIRTUAL TABLE search USING fts5 (words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii');
INSERT INTO search (search, rank) VALUES ('hashsize', 33554432);
INSERT INTO search_due SELECT DISTINCT entity FROM name;
";

/// The tables that a rebuild empties. `entity` keeps its ids, since packed references are made of them.
pub(crate) const PROJECTIONS: &[&str] = &[
    "op",
    "op_h",
    "op_e",
    "op_rev",
    "rev_need",
    "env",
    "need",
    "patch_env",
    "channel",
    "fact",
    "key_fact",
    "member",
    "name",
    "dep",
    "mark",
    "space",
    "env_at",
    "bucket",
    "unseen",
    "link",
    "link_due",
    "search_due",
    "search_row",
    "search_word",
];

const SCHEMA: &str = "
CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL,
  instance BLOB NOT NULL,
  instance_key BLOB NOT NULL,
  instance_name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  session BLOB,
  view_count INTEGER NOT NULL,
  view_sum BLOB NOT NULL,
  names INTEGER NOT NULL,
  counted INTEGER NOT NULL
);

CREATE TABLE log (id INTEGER PRIMARY KEY, hash BLOB NOT NULL, signature BLOB NOT NULL, enc INTEGER NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE log_h (h8 INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (h8, id)) WITHOUT ROWID;
CREATE TABLE content (
  id INTEGER PRIMARY KEY, hash BLOB NOT NULL, kind INTEGER NOT NULL, enc INTEGER NOT NULL, text BLOB NOT NULL, refs BLOB NOT NULL
);
CREATE TABLE content_h (h8 INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (h8, id)) WITHOUT ROWID;
CREATE TABLE summary (content INTEGER PRIMARY KEY, text TEXT NOT NULL);

CREATE TABLE session (id BLOB PRIMARY KEY, name TEXT NOT NULL, state INTEGER NOT NULL, active_at INTEGER NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE draft (
  patch BLOB PRIMARY KEY, session BLOB NOT NULL, author TEXT NOT NULL, intent TEXT NOT NULL,
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, data BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE draft_entity (patch BLOB NOT NULL, entity BLOB NOT NULL, data BLOB NOT NULL, PRIMARY KEY (patch, entity)) WITHOUT ROWID;
CREATE TABLE remote (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, url TEXT NOT NULL, token TEXT, timeout_ms INTEGER NOT NULL,
  mode INTEGER NOT NULL, last_sync INTEGER
);
CREATE TABLE known (remote INTEGER NOT NULL, env INTEGER NOT NULL, PRIMARY KEY (remote, env)) WITHOUT ROWID;
CREATE TABLE known_space (remote INTEGER NOT NULL, space BLOB NOT NULL, count INTEGER NOT NULL, sum BLOB NOT NULL, PRIMARY KEY (remote, space)) WITHOUT ROWID;
CREATE TABLE trusted_key (author TEXT NOT NULL, key BLOB NOT NULL, state INTEGER NOT NULL, first_seen INTEGER NOT NULL, PRIMARY KEY (author, key)) WITHOUT ROWID;
CREATE TABLE token (name TEXT PRIMARY KEY, hash BLOB NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER) WITHOUT ROWID;
CREATE TABLE import_root (id INTEGER PRIMARY KEY, root TEXT NOT NULL UNIQUE);
CREATE TABLE import_base (
  root INTEGER NOT NULL, location TEXT NOT NULL, entity INTEGER NOT NULL, content INTEGER NOT NULL, heads BLOB NOT NULL, file TEXT NOT NULL,
  PRIMARY KEY (root, location)
) WITHOUT ROWID;
CREATE TABLE config (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE env (
  id INTEGER PRIMARY KEY, counted INTEGER NOT NULL, kind INTEGER NOT NULL, space BLOB NOT NULL, author_key BLOB NOT NULL,
  authored_at INTEGER NOT NULL, patch BLOB, author TEXT, intent TEXT, created_at INTEGER, ops INTEGER, named BLOB,
  effect INTEGER NOT NULL, missing BLOB
);
CREATE TABLE space (space BLOB PRIMARY KEY, count INTEGER NOT NULL, sum BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX env_time ON env (authored_at);
CREATE TABLE need (need BLOB NOT NULL, env INTEGER NOT NULL, PRIMARY KEY (need, env)) WITHOUT ROWID;
CREATE TABLE op (id INTEGER PRIMARY KEY, hash BLOB NOT NULL, kind INTEGER NOT NULL, effective INTEGER NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE op_h (h8 INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (h8, id)) WITHOUT ROWID;
CREATE TABLE op_e (entity INTEGER NOT NULL, op INTEGER NOT NULL, PRIMARY KEY (entity, op)) WITHOUT ROWID;
CREATE TABLE op_rev (op INTEGER NOT NULL, env INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (op, env)) WITHOUT ROWID;
CREATE TABLE rev_need (op INTEGER NOT NULL, env INTEGER NOT NULL, PRIMARY KEY (op, env)) WITHOUT ROWID;
CREATE TABLE patch_env (patch BLOB NOT NULL, kind INTEGER NOT NULL, env INTEGER NOT NULL, PRIMARY KEY (patch, kind, env)) WITHOUT ROWID;
CREATE TABLE channel (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, leaves BLOB NOT NULL);
CREATE TABLE fact (channel INTEGER NOT NULL, env INTEGER NOT NULL, PRIMARY KEY (channel, env)) WITHOUT ROWID;
CREATE TABLE member (channel INTEGER NOT NULL, patch BLOB NOT NULL, state INTEGER NOT NULL, revisions BLOB NOT NULL, PRIMARY KEY (channel, patch)) WITHOUT ROWID;
CREATE TABLE entity (
  id INTEGER PRIMARY KEY, hash BLOB NOT NULL, content INTEGER, content_op INTEGER, path TEXT, location_op INTEGER,
  visibility INTEGER, visibility_op INTEGER, more BLOB
);
CREATE TABLE entity_h (h8 INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (h8, id)) WITHOUT ROWID;
CREATE TABLE name (path TEXT NOT NULL, entity INTEGER NOT NULL, PRIMARY KEY (path, entity)) WITHOUT ROWID;
CREATE TABLE dep (target INTEGER NOT NULL, source INTEGER NOT NULL, PRIMARY KEY (target, source)) WITHOUT ROWID;
CREATE TABLE mark (kind INTEGER NOT NULL, a NOT NULL, b INTEGER NOT NULL, PRIMARY KEY (kind, a, b)) WITHOUT ROWID;
";

/// Makes all tables of [`SCHEMA_VERSION`] in an empty database.
pub(crate) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.execute_batch(SCHEMA)?;
    let later = [COMMANDS, EXCHANGE, READERS, KEYS, BRIDGE, MARKS, MEANING, SEARCH];
    later.iter().try_for_each(|sql| connection.execute_batch(sql))
}
