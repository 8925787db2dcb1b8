//! `dm key`: the keys that this store signs with, and what it knows of others'.

use std::collections::BTreeSet;
use std::path::Path;

use dm_collab::patch::latest;
use dm_collab::trust::{Keys, Standing};
use dm_collab::{Channel, ProjectionRead as _};
use dm_model::{AuthorKey, Body, Envelope, EnvelopeId, Keypair, PatchId, Succession, TakeOver};
use dm_store::ReadTx;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::keys;
use crate::patches;
use crate::report::{KeyChangeReport, KeyEntry, KeyExport, KeyFact, KeyShown, SignatureEntry, VouchReport};
use crate::signing::Stood;
use crate::snapshot::Snapshot;
use crate::transaction::{Transaction, author_of};
use crate::trust;

/// The first line of an exported key.
const EXPORT_BEGIN: &str = "darkmatter author key 1";
/// Most bytes of an exported key's text.
pub const KEY_TEXT_BYTES_MAX: u64 = 4 << 10;
/// Fewest digits that mean a key.
const KEY_DIGITS_MIN: usize = 8;

/// How a key is changed.
#[derive(Debug, Clone, Default)]
pub struct RotateRequest {
    /// Whose; else the author whose name patches bear here.
    pub author: Option<String>,
    /// Why, in words; may be empty.
    pub words: String,
    /// Whether the former key is lost, so that it cannot name the next one.
    pub lost: bool,
    /// Patches signed with the former key that are not the author's, by id.
    pub except: Vec<String>,
}

/// What a key is, in a word or a few.
fn standing_words(standing: &Standing) -> String {
    match standing {
        Standing::Trusted => "trusted".to_owned(),
        Standing::Replaced(next) => format!("replaced by {}", next.fingerprint()),
        Standing::Disputed(_) => "disputed".to_owned(),
        Standing::Revoked => "revoked".to_owned(),
        Standing::Unknown => "not trusted".to_owned(),
    }
}

/// An author's key, and what it is here.
fn entry(tx: &ReadTx<'_>, folder: &Path, author: &str, known: &Keys, key: &AuthorKey) -> Result<KeyEntry, EngineError> {
    let record = tx.keys_of(author)?.into_iter().find(|record| record.key == *key);
    let next = match known.standing(key) {
        Standing::Replaced(next) => vec![next],
        Standing::Disputed(several) => several,
        _ => Vec::new(),
    };
    Ok(KeyEntry {
        author: Some(author.to_owned()),
        key: key.to_string(),
        standing: standing_words(&known.standing(key)),
        signs: tx.own_key(author)?.as_ref() == Some(key),
        secret_here: keys::kept_path(folder, key).is_file(),
        follows: known.predecessors(key).iter().map(ToString::to_string).collect(),
        next: next.iter().map(ToString::to_string).collect(),
        first_seen_at: record.map(|record| record.first_seen.as_ms()),
    })
}

/// The instance's keys, the first one first.
fn instance_entries(tx: &ReadTx<'_>, folder: &Path) -> Result<Vec<KeyEntry>, EngineError> {
    let all: Vec<AuthorKey> = match tx.succession()? {
        Some(succession) => succession.keys().collect(),
        None => vec![tx.instance().key],
    };
    let mut entries = Vec::new();
    for (at, key) in all.iter().enumerate() {
        let next = all.get(at + 1);
        let former = at.checked_sub(1).and_then(|before| all.get(before));
        let path = if at == 0 { folder.join(keys::KEY_FILE) } else { keys::kept_path(folder, key) };
        entries.push(KeyEntry {
            author: None,
            key: key.to_string(),
            standing: next.map_or_else(|| "trusted".to_owned(), |next| format!("replaced by {}", next.fingerprint())),
            signs: next.is_none(),
            secret_here: path.is_file(),
            follows: former.iter().map(ToString::to_string).collect(),
            next: next.iter().map(ToString::to_string).collect(),
            first_seen_at: None,
        });
    }
    Ok(entries)
}

/// All keys that are known here: the instance's own, then those of authors, by name.
fn all_entries(tx: &ReadTx<'_>, folder: &Path) -> Result<Vec<KeyEntry>, EngineError> {
    let mut entries = instance_entries(tx, folder)?;
    let mut authors: BTreeSet<String> = tx.own_keys()?.into_iter().map(|(author, _)| author).collect();
    authors.extend(tx.keys()?.into_iter().map(|known| known.author));
    authors.extend(tx.authors_with_key_facts()?);
    for author in authors {
        let known = trust::keys_of(tx, &author)?;
        let seen = tx.keys_of(&author)?;
        let mut all: Vec<AuthorKey> = seen.iter().map(|record| record.key).collect();
        all.extend(known.all().into_iter().filter(|key| seen.iter().all(|record| record.key != *key)));
        for key in all {
            entries.push(entry(tx, folder, &author, &known, &key)?);
        }
    }
    Ok(entries)
}

impl Snapshot<'_> {
    /// The keys that this store signs with; with `all`, every one that it knows.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn keys(&self, engine: &Engine, all: bool) -> Result<Vec<KeyEntry>, EngineError> {
        let mut entries = all_entries(&self.tx, engine.folder())?;
        if !all {
            let own: BTreeSet<String> = self.tx.own_keys()?.into_iter().map(|(author, _)| author).collect();
            let is_own = |entry: &KeyEntry| entry.author.as_ref().is_none_or(|author| own.contains(author));
            entries.retain(|entry| is_own(entry) && (entry.signs || entry.secret_here));
        }
        Ok(entries)
    }

    /// Keys by the start of one or by an author's name, each with the facts about it; else those that this store signs with.
    ///
    /// # Errors
    /// If there is none such.
    pub fn key(&self, engine: &Engine, which: Option<&str>) -> Result<Vec<KeyShown>, EngineError> {
        let entries = all_entries(&self.tx, engine.folder())?;
        let fits = |entry: &KeyEntry| match which {
            None => entry.signs,
            Some(which) => {
                entry.author.as_deref() == Some(which)
                    || (which.len() >= KEY_DIGITS_MIN && entry.key.starts_with(which))
            }
        };
        let mut shown = Vec::new();
        for key in entries.into_iter().filter(fits) {
            let facts = match &key.author {
                Some(author) => facts_about(&self.tx, author, &key.key)?,
                None => Vec::new(),
            };
            shown.push(KeyShown { key, facts });
        }
        match which {
            Some(which) if shown.is_empty() => {
                Err(EngineError::NoSuchKey { author: String::new(), key: which.to_owned() })
            }
            _ => Ok(shown),
        }
    }

    /// The secret of an author's key as a text for another machine of the same person.
    ///
    /// # Errors
    /// If this store has no key of that author, or its file cannot be read.
    pub fn key_text(&self, engine: &Engine, author: Option<&str>) -> Result<(KeyExport, String), EngineError> {
        let author = author.map_or_else(|| author_of(engine, &self.tx), |author| Ok(author.to_owned()))?;
        let key = self.tx.own_key(&author)?.ok_or_else(|| EngineError::NoOwnKey(author.clone()))?;
        let secret = keys::secret_hex(&keys::load_kept(engine.folder(), &key)?);
        let text = format!("{EXPORT_BEGIN}\nauthor {author}\nkey {key}\nsecret {secret}\n");
        Ok((KeyExport { author, key: key.to_string(), path: None }, text))
    }
}

/// Writes an exported key to a file that was not there, for its owner only.
///
/// # Errors
/// If it is there already, or the disk refuses.
pub fn write_key_file(path: &Path, text: &str) -> Result<(), EngineError> {
    if path.exists() {
        return Err(EngineError::KeyFileExists(path.to_path_buf()));
    }
    keys::publish(path, text).map_err(|source| EngineError::File { path: path.to_path_buf(), source })
}

/// So many things that are signed, in words.
pub(crate) fn signed(count: usize) -> String {
    if count == 1 { "1 envelope".to_owned() } else { format!("{count} envelopes") }
}

/// The facts about a key of an author, oldest first.
fn facts_about(tx: &ReadTx<'_>, author: &str, key: &str) -> Result<Vec<KeyFact>, EngineError> {
    let mut facts: Vec<KeyFact> = Vec::new();
    for fact in tx.key_facts_of(author)? {
        let signer = fact.header().author_key;
        let (words, named) = match fact.body() {
            Body::KeyChange(change) => {
                let why = if change.words.is_empty() { String::new() } else { format!(": {}", change.words) };
                match change.successor {
                    Some(next) => (
                        format!("{} names {} to follow it{why}", signer.fingerprint(), next.key.fingerprint()),
                        Some(next.key),
                    ),
                    None => (format!("{} is revoked{why}", signer.fingerprint()), None),
                }
            }
            Body::Vouch(vouch) => {
                (format!("{} stands by {}", signer.fingerprint(), signed(vouch.envelopes.len())), None)
            }
            _ => continue,
        };
        if signer.to_string() != key && named.is_none_or(|named| named.to_string() != key) {
            continue;
        }
        let valid = Envelope::open(fact.bytes().to_vec(), *fact.signature()).is_ok();
        facts.push(KeyFact { id: fact.id().to_string(), at: fact.header().authored_at.as_ms(), words, valid });
    }
    facts.sort_by(|left, right| (left.at, &left.id).cmp(&(right.at, &right.id)));
    Ok(facts)
}

/// What an exported key says.
fn parse_key(text: &str) -> Result<(String, Keypair), EngineError> {
    let mut lines = text.lines();
    if lines.next().map(str::trim) != Some(EXPORT_BEGIN) {
        return Err(EngineError::BadKeyText("it does not begin with `darkmatter author key 1`"));
    }
    let mut field = |name: &str| lines.next()?.trim_end().strip_prefix(name)?.strip_prefix(' ').map(str::to_owned);
    let (author, key, secret) = (field("author"), field("key"), field("secret"));
    let (Some(author), Some(key), Some(secret)) = (author, key, secret) else {
        return Err(EngineError::BadKeyText("it has no lines `author`, `key` and `secret` in this order"));
    };
    let fits = !author.trim().is_empty() && author.len() <= dm_model::revision::AUTHOR_BYTES_MAX;
    let secret: EnvelopeId = secret.parse().map_err(|_| EngineError::BadKeyText("its secret is not 64 hex digits"))?;
    let pair = Keypair::from_secret(secret.as_bytes());
    if !fits || pair.public().to_string() != key {
        return Err(EngineError::BadKeyText("its secret is not that of its key"));
    }
    Ok((author, pair))
}

impl Transaction<'_> {
    /// Gives an author another key, which the former one names and which stands by what is the author's of the former one's.
    ///
    /// # Errors
    /// If this store has no key of the author, it was given up already, or its file cannot be read.
    pub fn key_rotate(&mut self, request: &RotateRequest) -> Result<KeyChangeReport, EngineError> {
        let author = self.meant(request.author.as_deref())?;
        let except = self.patches_named(&request.except)?;
        if request.lost {
            return self.start_anew(&author, &except, "key rotate", None);
        }
        let former = self.author_signer(&author)?;
        let next = self.new_key()?;
        let (stood, fact) = self.follow(&author, &former, &next, &except, request.words.clone())?;
        let names = (former.public().fingerprint(), next.public().fingerprint());
        self.tell_final("key rotate", format!("{author} signs with {} after {}", names.1, names.0));
        Ok(self.changed(Some(&author), Some(former.public()), next.public(), Some(fact), &stood))
    }

    /// Revokes an author's key: the one that signs here, or a former one whose secret is here. What signs next is a new key that
    /// others trust by hand, since a thief of the revoked one could have named it as well.
    ///
    /// # Errors
    /// If the secret is not here, or the key was replaced already.
    pub fn key_revoke(
        &mut self,
        author: Option<&str>,
        key: Option<&str>,
        words: &str,
        except: &[String],
    ) -> Result<KeyChangeReport, EngineError> {
        let author = self.meant(author)?;
        let except = self.patches_named(except)?;
        let own = self.tx.own_key(&author)?;
        let known = trust::keys_of(&self.tx, &author)?;
        let revoked = match key {
            None => own.ok_or_else(|| EngineError::NoOwnKey(author.clone()))?,
            Some(start) => {
                let all: BTreeSet<AuthorKey> =
                    known.all().into_iter().chain(self.tx.keys_of(&author)?.iter().map(|known| known.key)).collect();
                let fits = |key: &&AuthorKey| start.len() >= KEY_DIGITS_MIN && key.to_string().starts_with(start);
                let mut found = all.iter().filter(fits);
                match (found.next(), found.next()) {
                    (Some(key), None) => *key,
                    _ => return Err(EngineError::NoSuchKey { author, key: start.to_owned() }),
                }
            }
        };
        if let standing @ (Standing::Replaced(_) | Standing::Revoked) = known.standing(&revoked) {
            return Err(EngineError::KeyGivenUp { author, key: revoked.fingerprint(), standing });
        }
        let signer = if revoked == self.tx.instance().key {
            self.engine.first_key()?
        } else {
            keys::load_kept(self.engine.folder(), &revoked)?
        };
        let now = self.engine.system().now();
        let fact = self.seal_change(&author, &signer, None, words.to_owned(), now)?;
        if own.is_some_and(|own| own != revoked) {
            let words = format!("the key {} of {author}", revoked.fingerprint());
            self.tell_final("key revoke", words);
            let signs = own.unwrap_or(revoked);
            return Ok(self.changed(Some(&author), Some(revoked), signs, Some(fact), &Stood::default()));
        }
        self.start_anew(&author, &except, "key revoke", Some(fact))
    }

    /// A new key that no former one names, and that stands by what is the author's of the former one's.
    fn start_anew(
        &mut self,
        author: &str,
        except: &BTreeSet<PatchId>,
        verb: &'static str,
        fact: Option<EnvelopeId>,
    ) -> Result<KeyChangeReport, EngineError> {
        let former = self.tx.own_key(author)?.ok_or_else(|| EngineError::NoOwnKey(author.to_owned()))?;
        let next = self.new_key()?;
        let stood = self.stand_by(author, &former, except)?;
        let now = self.engine.system().now();
        self.seal_vouch(author, &next, &stood.envelopes, now)?;
        self.own(author, &next.public())?;
        let names = (former.fingerprint(), next.public().fingerprint());
        self.tell_final(verb, format!("{author} signs with {} and no more with {}", names.1, names.0));
        Ok(self.changed(Some(author), Some(former), next.public(), fact, &stood))
    }

    /// Lets one key of an author follow another, in words and deeds.
    fn follow(
        &mut self,
        author: &str,
        former: &Keypair,
        next: &Keypair,
        except: &BTreeSet<PatchId>,
        words: String,
    ) -> Result<(Stood, EnvelopeId), EngineError> {
        let stood = self.stand_by(author, &former.public(), except)?;
        let now = self.engine.system().now();
        let fact = self.seal_change(author, former, Some(next), words, now)?;
        self.seal_vouch(author, next, &stood.envelopes, now)?;
        self.own(author, &next.public())?;
        Ok((stood, fact))
    }

    /// Gives the instance another key, which takes its main over.
    ///
    /// # Errors
    /// If the file of the present key cannot be read, or there were too many.
    pub fn key_rotate_instance(&mut self) -> Result<KeyChangeReport, EngineError> {
        let (former, keys) = self.engine.instance_keys(&self.tx)?;
        let next = self.new_key()?;
        let longer: Succession = keys.then(&former, next.public()).ok_or(EngineError::TooManyKeys)?;
        let (old, new) = (former.public(), next.public());
        let next = self.hold_with(next, longer)?;
        let now = self.engine.system().now();
        // In each space in which main says something, the public one first.
        let public = Channel::public(self.tx.own_channel());
        let others = self.tx.own_channels()?.into_iter().filter(|channel| *channel != public);
        let mut fact = None;
        for channel in std::iter::once(public).chain(others) {
            let onto = self.tx.leaves(&channel)?;
            let takes = TakeOver { channel: channel.main, onto };
            let taken = self.seal(channel.space, now, Body::TakeOver(takes))?;
            let taken = self.take_in(taken)?;
            fact = fact.or(Some(taken));
        }
        self.pass_on(&former, &next, now)?;
        let words = format!("the instance signs with {} after {}", new.fingerprint(), old.fingerprint());
        self.tell_final("key rotate", words);
        Ok(self.changed(None, Some(old), new, fact, &Stood::default()))
    }

    /// For authors without a key here, for whom the instance's key has signed, the next one follows it.
    fn pass_on(&mut self, former: &Keypair, next: &Keypair, at: dm_model::Timestamp) -> Result<(), EngineError> {
        for author in self.tx.authors_signed_with(&former.public())? {
            if self.tx.own_key(&author)?.is_none() {
                let stood = self.stand_by(&author, &former.public(), &BTreeSet::new())?;
                self.seal_change(&author, former, Some(next), String::new(), at)?;
                self.seal_vouch(&author, next, &stood.envelopes, at)?;
            }
        }
        Ok(())
    }

    /// Takes an exported key: this store signs with it for its author. If it signed with another one until now, that one names the
    /// imported one.
    ///
    /// # Errors
    /// If the text is no exported key, or the key was given up, as far as is known here.
    pub fn key_import(&mut self, text: &str) -> Result<KeyChangeReport, EngineError> {
        let (author, next) = parse_key(text)?;
        let key = next.public();
        let standing = trust::keys_of(&self.tx, &author)?.standing(&key);
        if matches!(standing, Standing::Replaced(_) | Standing::Revoked | Standing::Disputed(_)) {
            return Err(EngineError::KeyGivenUp { author, key: key.fingerprint(), standing });
        }
        self.keep_key(&next)?;
        let former = self.tx.own_key(&author)?.filter(|former| *former != key);
        let (stood, fact) = match former {
            Some(former) if self.must_be_named(&author, &former)? => {
                let former = keys::load_kept(self.engine.folder(), &former)?;
                let (stood, fact) = self.follow(&author, &former, &next, &BTreeSet::new(), String::new())?;
                (stood, Some(fact))
            }
            _ => {
                self.own(&author, &key)?;
                (Stood::default(), None)
            }
        };
        self.tell_final("key import", format!("{author} signs with {}", key.fingerprint()));
        Ok(self.changed(Some(&author), former, key, fact, &stood))
    }

    /// Whether others may know a key as an author's, so that it must name the one that follows it.
    fn must_be_named(&self, author: &str, key: &AuthorKey) -> Result<bool, EngineError> {
        let known = trust::keys_of(&self.tx, author)?;
        let used = self.tx.has_signed(author, key)? || known.all().len() > 1;
        Ok(used && known.standing(key) == Standing::Trusted)
    }

    /// Stands by patches that bear an author's name, whatever key signed them.
    ///
    /// # Errors
    /// If there is no such patch, or it bears another name.
    pub fn key_vouch(&mut self, author: Option<&str>, names: &[String]) -> Result<VouchReport, EngineError> {
        let author = self.meant(author)?;
        let mut envelopes = BTreeSet::new();
        let mut summaries = Vec::new();
        for patch in self.patches_named(names)? {
            for revision in latest(&*self.tx, &patch)? {
                let Some(summary) = self.tx.revision_summary(&revision)? else { continue };
                if summary.author != author {
                    return Err(EngineError::OfAnotherAuthor { patch, author: summary.author });
                }
                envelopes.insert(revision);
            }
            summaries.push(patches::summary_in(&self.tx, &self.workspace, &patch)?);
        }
        let signer = self.author_signer(&author)?;
        let now = self.engine.system().now();
        self.seal_vouch(&author, &signer, &envelopes, now)?;
        let words = summaries.iter().map(|patch| patch.intent.clone()).collect::<Vec<_>>().join("; ");
        self.tell_final("key vouch", words);
        let key = signer.public().to_string();
        Ok(VouchReport { dry_run: self.dry_run, author, key, patches: summaries })
    }

    fn meant(&self, author: Option<&str>) -> Result<String, EngineError> {
        author.map_or_else(|| self.author(), |author| Ok(author.to_owned()))
    }

    fn patches_named(&self, names: &[String]) -> Result<BTreeSet<PatchId>, EngineError> {
        names.iter().map(|name| patches::find(&self.tx, name)).collect()
    }

    fn changed(
        &self,
        author: Option<&str>,
        old: Option<AuthorKey>,
        new: AuthorKey,
        fact: Option<EnvelopeId>,
        stood: &Stood,
    ) -> KeyChangeReport {
        KeyChangeReport {
            dry_run: self.dry_run,
            author: author.map(str::to_owned),
            old: old.map(|old| old.to_string()),
            new: new.to_string(),
            fact: fact.map(|fact| fact.to_string()),
            stands_by: stood.patches.len() as u64,
            left_out: stood.left_out.iter().map(PatchId::to_string).collect(),
        }
    }
}

/// What a key of an author is here, in words.
fn words_of(known: &Keys, envelope: &Envelope) -> String {
    let key = &envelope.header().author_key;
    let standing = standing_words(&known.standing(key));
    if !known.speaks(key) && known.vouches_for(&envelope.id()) { format!("{standing}, vouched for") } else { standing }
}

/// Who signed a revision, and whether that holds.
pub(crate) fn revision_signature(
    trusted: &trust::Trusted<'_>,
    signed: &Envelope,
) -> Result<SignatureEntry, EngineError> {
    let author = match signed.body() {
        Body::Revision(revision) => revision.author.clone(),
        _ => String::new(),
    };
    let known = trusted.keys(&author)?;
    let standing = words_of(&known, signed);
    Ok(SignatureEntry {
        what: "revision".to_owned(),
        author: Some(author),
        instance: None,
        standing,
        ..signature(signed)
    })
}

/// Which instance put it into its main, and whether that holds.
pub(crate) fn fact_signature(fact: &Envelope) -> SignatureEntry {
    let changes = fact.succession().map_or(0, dm_model::Succession::changes);
    let standing = if changes == 0 { "its first key".to_owned() } else { format!("its key after {changes} changes") };
    let instance = fact.body().channel().map(|channel| channel.to_string());
    SignatureEntry { what: "apply".to_owned(), author: None, instance, standing, ..signature(fact) }
}

/// The signature of an envelope, checked anew from its bytes.
fn signature(envelope: &Envelope) -> SignatureEntry {
    SignatureEntry {
        what: String::new(),
        id: envelope.id().to_string(),
        author: None,
        instance: None,
        key: envelope.header().author_key.to_string(),
        standing: String::new(),
        valid: Envelope::open(envelope.bytes().to_vec(), *envelope.signature()).is_ok(),
    }
}
