//! Keys and signatures: Ed25519 (RFC 8032) by `ed25519-dalek`.
//!
//! Where keys are kept and which are trusted is not decided here.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use crate::codec::{self, Domain};
use crate::id::{EnvelopeId, InstanceId};

/// A public key that signs envelopes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorKey([u8; 32]);

/// A signature over an envelope's id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl AuthorKey {
    /// The key with these bytes; whether they are a point of the curve shows when verifying.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The instance whose first key this is.
    #[must_use]
    pub fn instance(&self) -> InstanceId {
        InstanceId::from_bytes(codec::hash(Domain::Instance, 1, &[&self.0]))
    }

    /// Whether this key made that signature over that id. Strict: no weak keys, one valid form of a signature.
    #[must_use]
    pub fn verifies(&self, id: &EnvelopeId, signature: &Signature) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else {
            return false;
        };
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(id.as_bytes(), &signature).is_ok()
    }

    /// The first 16 hex digits, for comparing by eye.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.to_string().chars().take(16).collect()
    }
}

impl fmt::Display for AuthorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AuthorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorKey({})", self.fingerprint())
    }
}

impl Signature {
    /// The signature with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The bytes of the signature.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(")?;
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("..)")
    }
}

/// A secret key and its public half. Prints nothing of the secret and wipes it when dropped.
pub struct Keypair(SigningKey);

impl Keypair {
    /// The keypair of a secret of 32 random bytes.
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// The secret, for keeping in a file that only its owner reads.
    #[must_use]
    pub fn secret(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> AuthorKey {
        AuthorKey(self.0.verifying_key().to_bytes())
    }

    /// Signs an envelope's id.
    #[must_use]
    pub fn sign(&self, id: &EnvelopeId) -> Signature {
        Signature(self.0.sign(id.as_bytes()).to_bytes())
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keypair({})", self.public().fingerprint())
    }
}
