//! The simple doors of a server, for scripts: what this instance is, who may ask, and the log page by page.

use std::collections::BTreeSet;
use std::sync::Arc;

use dm_collab::Fingerprint;
use dm_collab::scope::view_fingerprint_for;
use dm_collab::sync::{PARCEL_BYTES_FULL, PROTOCOL_VERSION};
use dm_model::{Body, DefHash, Envelope, Space};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::instance::token_hash;
use crate::report::InstanceSummary;

/// Most envelopes on a page.
const PAGE_ENVELOPES_MAX: usize = 500;

/// A page of the log, in the order in which it came here.
#[derive(Debug)]
pub struct Page {
    /// Where the next page begins; only this server understands it.
    pub cursor: String,
    /// Whether there is more already.
    pub more: bool,
    /// The envelopes.
    pub envelopes: Vec<Arc<Envelope>>,
    /// The definitions that they name and that are held here, as canonical bytes.
    pub definitions: Vec<(DefHash, Vec<u8>)>,
}

/// Who asks, as far as a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// May, in these spaces.
    Granted(Vec<Space>),
    /// Showed no token where one is asked for.
    NoToken,
    /// Showed a token that is none of this store's, or has expired.
    WrongToken,
}

impl Engine {
    /// What this instance is, to who may read these spaces: what it tells of its set and its main is what they hold.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn instance(&self, allowed: &[Space]) -> Result<InstanceSummary, EngineError> {
        let instance = self.store().instance();
        let tx = self.store().read()?;
        let capabilities = ["read", "write", "sync", "merge"];
        let mut set = Fingerprint::default();
        for space in allowed {
            set.merge(&tx.set_fingerprint(*space)?);
        }
        Ok(InstanceSummary {
            id: instance.id.to_string(),
            name: instance.name.clone(),
            key: tx.succession()?.map_or(instance.key, |keys| *keys.last()).to_string(),
            kind: "http-server".to_owned(),
            capabilities: capabilities.map(str::to_owned).to_vec(),
            protocol: u64::from(PROTOCOL_VERSION),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            envelopes: set.count,
            set_fingerprint: set.short(),
            view_fingerprint: view_fingerprint_for(&tx, allowed)?.short(),
        })
    }

    /// Whether whoever shows this token, or none, may ask. Everyone may until the first token is made, unless `required`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn access(&self, token: Option<&str>, required: bool) -> Result<Access, EngineError> {
        let tx = self.store().read()?;
        if !required && tx.tokens()?.is_empty() {
            return Ok(Access::Granted(vec![Space::PUBLIC]));
        }
        let Some(token) = token else { return Ok(Access::NoToken) };
        let now = self.system().now();
        let found = tx.token_with(&token_hash(token))?;
        let valid = found.filter(|found| found.expires_at.is_none_or(|end| now < end));
        let Some(found) = valid else { return Ok(Access::WrongToken) };
        let mut spaces = vec![Space::PUBLIC];
        spaces.extend(tx.token_spaces(&found.name)?);
        Ok(Access::Granted(spaces))
    }

    /// What came here of these spaces after a cursor; from the beginning with none.
    ///
    /// # Errors
    /// If the cursor is not one of this store's; if the store cannot be read.
    pub fn page(&self, cursor: Option<&str>, allowed: &[Space]) -> Result<Page, EngineError> {
        let own = self.store().instance().id.short();
        let begin = match cursor {
            None => 0,
            Some(text) => {
                let position = text.split_once('.').filter(|(store, _)| *store == own).map(|(_, position)| position);
                let position = position.and_then(|position| position.parse::<u32>().ok());
                i64::from(position.ok_or_else(|| EngineError::ForeignCursor(text.chars().take(80).collect()))?)
            }
        };
        let tx = self.store().read()?;
        let mut page = Page { cursor: String::new(), more: false, envelopes: Vec::new(), definitions: Vec::new() };
        let (mut position, mut bytes) = (begin, 0);
        let mut given = BTreeSet::new();
        for (local, envelope) in tx.envelopes_after(begin, allowed, PAGE_ENVELOPES_MAX + 1)? {
            if bytes >= PARCEL_BYTES_FULL || page.envelopes.len() == PAGE_ENVELOPES_MAX {
                page.more = true;
                break;
            }
            position = local;
            bytes += envelope.bytes().len();
            if let Body::Revision(revision) = envelope.body() {
                for hash in revision.contents().into_iter().filter(|hash| given.insert(*hash)) {
                    let Some(content) = tx.definition_bytes(&hash)? else { continue };
                    bytes += content.len();
                    page.definitions.push((hash, content));
                }
            }
            page.envelopes.push(envelope);
        }
        page.cursor = format!("{own}.{position}");
        Ok(page)
    }
}
