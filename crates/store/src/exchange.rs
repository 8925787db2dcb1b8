//! What the sync machine asks of a store.

use dm_collab::sync::ExchangeRead;
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
            fn missing_contents(&self) -> Result<Vec<(RevisionId, DefHash)>, ReadError> {
                Ok(ReadTx::missing_contents(self)?)
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
