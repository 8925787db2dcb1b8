//! What belongs to the store itself: remotes, tokens, trust, settings, checks.

use dm_collab::View;
use dm_model::codec::{Domain, hash};
use dm_store::{AuthorKeyRecord, KeyState, Remedy, Remote, RemoteMode, Token};

use crate::engine::{Engine, STORE_FILE, STORE_FOLDER};
use crate::error::{EngineError, NAME_BYTES_MAX};
use crate::formatting::{FORMAT_SETTINGS, check_format_setting};
use crate::look::Look;
use crate::report::{FindingEntry, RebuildReport, Received, RemoteSummary, Setting, TokenReport, VerifyReport};
use crate::snapshot::remote_summary;
use crate::transaction::Transaction;

/// The settings of a store, and what values each takes.
const SETTINGS: [&str; 5] = ["author", "space", "fmt.width", "fmt.indent", "fmt.layout"];

/// Longest time-out that is sensible: a day.
const TIMEOUT_S_MAX: u64 = 86_400;

/// A remote to be named.
#[derive(Debug, Clone)]
pub struct RemoteRequest {
    /// Its name here.
    pub name: String,
    /// Its URL, or the path of another store.
    pub url: String,
    /// The key it asks for.
    pub token: Option<String>,
    /// Seconds to wait for an answer.
    pub timeout_s: u64,
}

/// What a token is kept as: only its hash, so that a copied store gives no access.
#[must_use]
pub(crate) fn token_hash(token: &str) -> [u8; 32] {
    hash(Domain::SetElement, 2, &[token.as_bytes()])
}

impl Transaction<'_> {
    /// Names a remote.
    ///
    /// # Errors
    /// If there is one of that name, or the URL is none.
    pub fn remote_add(&mut self, request: &RemoteRequest) -> Result<RemoteSummary, EngineError> {
        let name = request.name.trim();
        let url = request.url.trim().trim_end_matches('/');
        let bad = |why| EngineError::BadUrl { url: url.to_owned(), why };
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let place = match rest {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => return Err(bad("it names no host")),
            Some(_) => url.to_owned(),
            None => {
                let folder = request.url.trim();
                store_at(folder).ok_or_else(|| EngineError::BadUrl {
                    url: folder.to_owned(),
                    why: "it begins with neither http:// nor https://, and no store is at that path",
                })?
            }
        };
        if name.is_empty() || request.timeout_s == 0 || request.timeout_s > TIMEOUT_S_MAX {
            return Err(bad("a remote has a name and a time-out of 1 to 86400 seconds"));
        }
        if self.tx.remote(name)?.is_some() {
            return Err(EngineError::RemoteExists(name.to_owned()));
        }
        let remote = Remote {
            name: name.to_owned(),
            url: place,
            token: request.token.clone(),
            timeout_ms: request.timeout_s * 1000,
            mode: RemoteMode::Manual,
            last_sync: None,
        };
        self.tx.put_remote(&remote)?;
        self.tell("remote add", format!("{name} {}", remote.url));
        remote_summary(&self.tx, &remote)
    }

    /// Forgets a remote.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn remote_remove(&mut self, name: &str) -> Result<RemoteSummary, EngineError> {
        let remote = remote_named(&self.tx, Some(name))?;
        let summary = remote_summary(&self.tx, &remote)?;
        self.tx.remove_remote(name)?;
        self.tell("remote remove", format!("{name} {}", remote.url));
        Ok(summary)
    }

    /// Trusts another key of an author, and applies what was held for it alone.
    ///
    /// # Errors
    /// If no key of that author starts so.
    pub fn trust(&mut self, author: &str, key: &str) -> Result<Received, EngineError> {
        let known = self.tx.keys_of(author)?;
        let fits: Vec<&AuthorKeyRecord> =
            known.iter().filter(|record| key.len() >= 8 && record.key.to_string().starts_with(key)).collect();
        let [record] = fits.as_slice() else {
            return Err(EngineError::NoSuchKey { author: author.to_owned(), key: key.to_owned() });
        };
        self.tx.put_key(&AuthorKeyRecord { state: KeyState::Trusted, ..(*record).clone() })?;
        let changes = crate::trust::keys_of(&self.tx, author)?.changes_of(&record.key);
        self.tx.overrule(author, &record.key, &changes)?;
        let received = self.settle_received(&[], Vec::new())?.0;
        self.tell_final("remote trust", format!("the key {} of {author}", record.key.fingerprint()));
        Ok(received)
    }

    /// Makes a key that whoever exchanges with this store must show, and that opens these spaces beside the public one. From the
    /// first one on, everyone must.
    ///
    /// # Errors
    /// If there is no such space or no randomness, or the store cannot be written.
    pub fn create_token(&mut self, name: &str, spaces: &[String]) -> Result<TokenReport, EngineError> {
        let name = name.trim();
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(EngineError::BadName { what: "a key" });
        }
        let mut opens = vec![dm_model::Space::PUBLIC];
        for space in spaces {
            opens.push(crate::spaces::find(&self.tx, space)?);
        }
        opens.sort_unstable();
        opens.dedup();
        let replaces = self.tx.tokens()?.iter().any(|known| known.name == name);
        let secret = self.engine.system().random().map_err(EngineError::NoRandomness)?;
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let token = format!("dm_{hex}");
        let now = self.engine.system().now();
        self.tx.put_token(&Token {
            name: name.to_owned(),
            hash: token_hash(&token),
            created_at: now,
            expires_at: None,
        })?;
        self.tx.put_token_spaces(name, &opens)?;
        self.tell_final("token create", name);
        let mut spaces = Vec::new();
        for space in opens {
            spaces.push(crate::spaces::name_of(&self.tx, space)?);
        }
        Ok(TokenReport { name: name.to_owned(), token, spaces, replaces, dry_run: self.dry_run })
    }

    /// Writes a setting of this store.
    ///
    /// # Errors
    /// If there is no such setting.
    pub fn set_setting(&mut self, key: &str, value: &str) -> Result<Setting, EngineError> {
        if !SETTINGS.contains(&key) {
            return Err(EngineError::NoSuchSetting(key.to_owned()));
        }
        if value.trim().is_empty() {
            return Err(EngineError::NoAuthor);
        }
        if FORMAT_SETTINGS.contains(&key) {
            check_format_setting(key, value.trim())?;
        }
        if key == "space" {
            crate::spaces::find(&self.tx, value.trim())?;
        }
        self.tx.put_setting(key, Some(value.trim()))?;
        self.tell("config set", format!("{key} = {}", value.trim()));
        Ok(Setting { key: key.to_owned(), value: value.trim().to_owned(), source: "store".to_owned() })
    }
}

/// The absolute path of the folder that holds the store meant by a path.
fn store_at(folder: &str) -> Option<String> {
    let path = std::fs::canonicalize(folder).ok()?;
    let folder = if path.ends_with(STORE_FOLDER) { path.parent()?.to_path_buf() } else { path };
    let there = folder.join(STORE_FOLDER).join(STORE_FILE).is_file();
    folder.to_str().filter(|_| there).map(str::to_owned)
}

/// The remote of a name; the only one, if none is named.
pub(crate) fn remote_named(tx: &dm_store::ReadTx<'_>, name: Option<&str>) -> Result<Remote, EngineError> {
    let all = tx.remotes()?;
    let found = match name {
        Some(name) => all.iter().find(|remote| remote.name == name),
        None if all.len() == 1 => all.first(),
        None => None,
    };
    found.cloned().ok_or_else(|| EngineError::NoSuchRemote {
        name: name.unwrap_or_default().to_owned(),
        known: all.into_iter().map(|remote| remote.name).collect(),
    })
}

impl Engine {
    /// Checks every hash, signature and projection of the store.
    ///
    /// # Errors
    /// If the store cannot be read at all; damage is a finding.
    pub fn verify(&self) -> Result<VerifyReport, EngineError> {
        let tx = self.store().read()?;
        let counts = tx.counts()?;
        let found = tx.verify().into_iter().map(|finding| FindingEntry {
            what: finding.what,
            place: format!("{} {}", finding.table, finding.row),
            next: remedy(&finding.remedy).to_owned(),
        });
        let mut findings: Vec<FindingEntry> = found.collect();
        // What cannot be read is told already.
        let look = Look { tx: &tx, view: View::main(&tx) };
        let (links, wrong) = look.wrong_links().unwrap_or_default();
        for entity in wrong {
            findings.push(FindingEntry {
                what: "a kept link is not that of its definition".to_owned(),
                place: format!("link {entity}"),
                next: remedy(&Remedy::Rebuild).to_owned(),
            });
        }
        Ok(VerifyReport { envelopes: counts.envelopes, definitions: counts.definitions, links, findings })
    }

    /// Makes all projections anew from the log and the content.
    ///
    /// # Errors
    /// If the log is damaged, or the store cannot be written.
    pub fn rebuild(&self, dry_run: bool) -> Result<RebuildReport, EngineError> {
        let mut tx = self.store().write()?;
        let before = tx.dump_projections()?;
        tx.rebuild()?;
        let after = tx.dump_projections()?;
        let differed = after.iter().filter(|(table, rows)| before.get(*table) != Some(*rows));
        let differed = differed.map(|(table, _)| (*table).to_owned()).collect();
        let view_fingerprint = dm_collab::ProjectionRead::view_fingerprint(&*tx)?.short();
        if !dry_run {
            tx.commit()?;
        }
        Ok(RebuildReport { dry_run, differed, view_fingerprint })
    }
}

fn remedy(remedy: &Remedy) -> &'static str {
    match remedy {
        Remedy::Rebuild => "`dm rebuild` makes it anew from the log",
        Remedy::FetchAgain => "`dm pull` from a remote that has it brings it again, into a store that lacks it",
        Remedy::RestoreCopy => "restore the store from a copy, or pull into a new one",
    }
}
