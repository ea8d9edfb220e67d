//! The one root that a decision sees: the catalogue and the keys that go with it.

use std::sync::Arc;

use super::Catalogue;
use super::keys::IssuerKeys;

/// Everything a decision is made from. Replaced as a whole, never changed.
#[derive(Clone, Debug)]
pub struct Root {
    /// Issuers, resources and routes.
    pub catalogue: Arc<Catalogue>,
    /// The keys of each issuer, in the order of [`Catalogue::issuers`].
    pub keys: Vec<IssuerKeys>,
}

impl Root {
    /// A root for a new catalogue. Keys and gates of issuers that stay are taken over.
    #[must_use]
    pub fn new(catalogue: Catalogue, before: Option<&Self>) -> Self {
        let keys = catalogue
            .issuers()
            .iter()
            .map(|issuer| {
                before
                    .and_then(|root| root.keys.iter().find(|keys| *keys.issuer == *issuer.issuer))
                    .cloned()
                    .unwrap_or_else(|| IssuerKeys {
                        issuer: issuer.issuer.as_str().into(),
                        loaded: None,
                        gate: Arc::default(),
                    })
            })
            .collect();
        Self { catalogue: Arc::new(catalogue), keys }
    }
}
