//! The outcome of the pipeline.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::facts::Moment;
use crate::mask::mask;
use crate::reason::Reason;
use crate::snapshot::{Catalogue, Resource, Route, ScopeRule};

/// How an allowed request came in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// With a token that held.
    Token,
    /// By a route that is declared public, or as a CORS preflight: without identity.
    Anonymous,
}

/// That a denial was turned into an allow, and by what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Softened {
    /// Nothing was softened.
    No,
    /// `mode: report` on the resource, inside its window.
    Report,
}

/// What is known of the token's holder, as far as the pipeline came.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    /// `iss`; believed only after the signature.
    pub issuer: Option<Arc<str>>,
    /// `sub`
    pub subject: Option<String>,
    /// The client.
    pub client: Option<String>,
    /// The scopes, separated by one space.
    pub scopes: Option<String>,
    /// `exp` in whole seconds.
    pub expires_at_s: Option<i64>,
}

/// One decision. Made by [`super::decide`] and nowhere else, so there is no allow without it.
#[derive(Clone, Debug)]
pub struct Decision<'c> {
    pub(super) reason: Reason,
    pub(super) softened: Softened,
    pub(super) access: Access,
    pub(super) claim: Option<&'static str>,
    pub(super) retry_after_s: Option<u32>,
    pub(super) catalogue: Option<&'c Catalogue>,
    pub(super) resource: Option<&'c Resource>,
    pub(super) route: Option<&'c Route>,
    pub(super) identity: Identity,
    pub(super) at: Moment,
    // Made when first asked for: the answer and the record both name them.
    id: OnceCell<String>,
    masked_client: OnceCell<String>,
}

impl<'c> Decision<'c> {
    /// A denial before or without a catalogue: an unreadable request, a fault of our own.
    #[must_use]
    pub fn refused(reason: Reason, at: &Moment) -> Self {
        // An allow has to be earned by the pipeline.
        let reason = if reason.is_allow() { Reason::Internal } else { reason };
        Self {
            reason,
            softened: Softened::No,
            access: Access::Anonymous,
            claim: None,
            retry_after_s: None,
            catalogue: None,
            resource: None,
            route: None,
            identity: Identity::default(),
            at: *at,
            id: OnceCell::new(),
            masked_client: OnceCell::new(),
        }
    }

    /// The reason; in report mode that of the denial that would have been.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// Whether the request may pass.
    #[must_use]
    pub const fn is_allow(&self) -> bool {
        self.reason.is_allow() || matches!(self.softened, Softened::Report)
    }

    /// Whether and by what a denial was softened.
    #[must_use]
    pub const fn softened(&self) -> Softened {
        self.softened
    }

    /// How an allowed request came in.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// The claim that the reason is about, by name.
    #[must_use]
    pub const fn claim(&self) -> Option<&'static str> {
        self.claim
    }

    /// The resource, where one was found.
    #[must_use]
    pub const fn resource(&self) -> Option<&'c Resource> {
        self.resource
    }

    /// The route, where one was found.
    #[must_use]
    pub const fn route(&self) -> Option<&'c Route> {
        self.route
    }

    /// What is known of the holder.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// When it was made.
    #[must_use]
    pub const fn at(&self) -> &Moment {
        &self.at
    }

    /// The digest of the catalogue that was decided from.
    #[must_use]
    pub fn catalogue_digest(&self) -> Option<&'c str> {
        self.catalogue.map(Catalogue::digest)
    }

    /// What the route, or the resource where no path was named, demands.
    pub(super) fn scope_rule(&self) -> Option<&'c ScopeRule> {
        match self.route {
            Some(route) => route.scopes.as_ref(),
            None => self.resource.and_then(|resource| resource.scopes.as_ref()),
        }
    }

    /// The decision id: `dec_` and a lower-case `UUIDv7` (RFC 9562, section 5.7).
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.get_or_init(|| decision_id(&self.at))
    }

    /// The client as logs and metadata may see it.
    #[must_use]
    pub fn masked_client(&self) -> Option<&str> {
        let client = self.identity.client.as_deref()?;
        Some(self.masked_client.get_or_init(|| mask(client)))
    }
}

/// The id of the decision made at a moment.
pub(crate) fn decision_id(at: &Moment) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut bytes = [0_u8; 16];
    let time = at.now_ms.to_be_bytes();
    // 48 bits of milliseconds, then random bits under the version and the variant.
    let source = time.iter().skip(2).chain(at.random.iter());
    for (byte, from) in bytes.iter_mut().zip(source) {
        *byte = *from;
    }
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
    *version = (*version & 0x0f) | 0x70;
    *variant = (*variant & 0x3f) | 0x80;
    let mut id = String::with_capacity(40);
    id.push_str("dec_");
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        for nibble in [byte >> 4, byte & 0x0f] {
            id.push(HEX.get(usize::from(nibble)).map_or('0', |digit| char::from(*digit)));
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::Decision;
    use crate::facts::Moment;
    use crate::reason::Reason;

    #[test]
    fn the_id_is_a_uuid_of_version_7() {
        let at = Moment { now_ms: 0x0123_4567_89ab, random: [0xff; 10] };
        assert_eq!(
            Decision::refused(Reason::Internal, &at).id(),
            "dec_01234567-89ab-7fff-bfff-ffffffffffff"
        );
    }

    #[test]
    fn an_allow_cannot_be_made_by_hand() {
        let at = Moment { now_ms: 0, random: [0; 10] };
        assert!(!Decision::refused(Reason::Ok, &at).is_allow());
    }
}
