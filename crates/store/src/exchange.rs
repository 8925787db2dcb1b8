//! What the sync machine asks of a store.

use dm_collab::sync::{ExchangeRead, Place, Range};
use dm_collab::{Fingerprint, ReadError};
use dm_model::{DefHash, Definition, EnvelopeId, RevisionId, Space};

use crate::tx::{ReadTx, WriteTx};

/// One list of the port's methods for both transactions: each asks the method of its name on [`ReadTx`].
macro_rules! exchange_read {
    ($tx:ty) => {
        impl ExchangeRead for $tx {
            fn set_fingerprint(&self, space: Space) -> Result<Fingerprint, ReadError> {
                Ok(ReadTx::set_fingerprint(self, space)?)
            }
            fn envelope_ids(&self, space: Space) -> Result<Vec<EnvelopeId>, ReadError> {
                Ok(ReadTx::envelope_ids(self, space)?)
            }
            fn ids_in_order(&self, ids: &[EnvelopeId]) -> Result<Vec<EnvelopeId>, ReadError> {
                Ok(ReadTx::ids_in_order(self, ids)?)
            }
            fn definition(&self, hash: &DefHash) -> Result<Option<Definition>, ReadError> {
                Ok(ReadTx::definition(self, hash)?)
            }
            fn missing_contents(
                &self,
                spaces: &[Space],
                limit: usize,
            ) -> Result<Vec<(RevisionId, DefHash)>, ReadError> {
                Ok(ReadTx::missing_contents(self, spaces, limit)?)
            }
            fn range_fingerprint(&self, space: Space, range: &Range) -> Result<Fingerprint, ReadError> {
                Ok(ReadTx::range_fingerprint(self, space, range)?)
            }
            fn range_ids(&self, space: Space, range: &Range, limit: usize) -> Result<Vec<EnvelopeId>, ReadError> {
                Ok(ReadTx::range_ids(self, space, range, limit)?)
            }
            fn range_cuts(&self, space: Space, range: &Range, parts: usize) -> Result<Vec<Place>, ReadError> {
                Ok(ReadTx::range_cuts(self, space, range, parts)?)
            }
            fn newest_ids(&self, space: Space, limit: usize) -> Result<Vec<EnvelopeId>, ReadError> {
                Ok(ReadTx::newest_ids(self, space, limit)?)
            }
            fn known_fingerprint(&self, peer: &str, space: Space) -> Result<Fingerprint, ReadError> {
                Ok(ReadTx::known_fingerprint(self, peer, space)?)
            }
            fn unknown_ids(&self, peer: &str, space: Space) -> Result<Vec<EnvelopeId>, ReadError> {
                Ok(ReadTx::unknown_ids(self, peer, space)?)
            }
        }
    };
}

exchange_read!(ReadTx<'_>);
exchange_read!(WriteTx<'_>);
