//! Step 14: what goes with the answer.
//!
//! An allow overwrites or removes every header under our prefix, so that nothing a client sends
//! there reaches the upstream. A denial says outward no more than the standard's error code; the
//! reason goes to the metadata, which only the gateway sees.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::answer::{Answer, Effect};
use super::decision::{Access, Decision, Softened};
use crate::facts::Facts;
use crate::snapshot::ScopeRule;

/// Identity headers of an allow, in the order in which they are set.
pub const SUBJECT: &str = "x-accredit-subject";
/// The client.
pub const CLIENT: &str = "x-accredit-client";
/// The issuer.
pub const ISSUER: &str = "x-accredit-issuer";
/// The scopes, separated by one space.
pub const SCOPES: &str = "x-accredit-scopes";
/// The decision id; on a denial it goes to the caller, so that a ticket can name it.
pub const DECISION_ID: &str = "x-accredit-decision-id";
/// Set to `report` where a denial was softened.
pub const MODE: &str = "x-accredit-mode";

const ALL: [&str; 6] = [SUBJECT, CLIENT, ISSUER, SCOPES, DECISION_ID, MODE];

/// The body of every refusal: the same bytes whatever the reason.
pub const BODY: &str = "{\"error\":\"access_denied\"}\n";

/// Longest header value made from a claim, in bytes.
const VALUE_BYTES: usize = 4_096;

/// What a value begins with that had to be encoded.
const ENCODED: &str = "b64.";

/// A claim as a header value: as it is where every byte is visible ASCII, else `b64.` and the
/// base64url of its bytes. A value that itself begins with `b64.` is encoded too.
#[must_use]
pub fn header_value(claim: &str) -> Cow<'_, str> {
    let plain = !claim.is_empty()
        && !claim.starts_with(ENCODED)
        && claim.bytes().all(|byte| byte.is_ascii_graphic());
    if plain {
        return claim.into();
    }
    let mut value = String::from(ENCODED);
    URL_SAFE_NO_PAD.encode_string(claim, &mut value);
    value.into()
}

impl Decision<'_> {
    /// The answer for a gateway.
    #[must_use]
    pub fn answer<'a>(&'a self, facts: Option<&Facts<'a>>) -> Answer<'a> {
        let effect = if self.is_allow() {
            let set = self.headers_to_set();
            let remove = headers_to_remove(facts, &set);
            Effect::Allow { set, remove }
        } else {
            Effect::Deny { status: self.status(), headers: self.denial_headers(), body: BODY }
        };
        Answer { effect, metadata: self.metadata() }
    }

    /// The HTTP status of a denial.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.reason.entry().status
    }

    fn headers_to_set(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        if self.softened == Softened::Report {
            return vec![(MODE, "report".into())];
        }
        let mut set = Vec::with_capacity(5);
        if self.access == Access::Token {
            let identity = &self.identity;
            for (name, value) in [
                (SUBJECT, identity.subject.as_deref()),
                (CLIENT, identity.client.as_deref()),
                (ISSUER, identity.issuer.as_deref()),
            ] {
                if let Some(value) = value {
                    let value = header_value(value);
                    if value.len() <= VALUE_BYTES {
                        set.push((name, value));
                    }
                }
            }
            // The grammar of a scope leaves only visible ASCII and single spaces.
            if let Some(scopes) = identity
                .scopes
                .as_deref()
                .filter(|text| !text.is_empty() && text.len() <= VALUE_BYTES)
            {
                set.push((SCOPES, scopes.into()));
            }
        }
        set.push((DECISION_ID, self.id().into()));
        set
    }

    fn denial_headers(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        let mut headers: Vec<(_, Cow<'_, str>)> = Vec::with_capacity(4);
        if let Some(challenge) = self.challenge() {
            headers.push(("www-authenticate", challenge.into()));
        }
        if self.status() == 503 {
            headers.push(("retry-after", self.retry_after_s().to_string().into()));
        }
        headers.push(("content-type", "application/json".into()));
        headers.push((DECISION_ID, self.id().into()));
        headers
    }

    /// Seconds after which a caller may try again; 1 where nothing better is known.
    #[must_use]
    pub fn retry_after_s(&self) -> u32 {
        self.retry_after_s.unwrap_or(1)
    }

    /// The challenge of RFC 6750, section 3, with the metadata URL of RFC 9728, section 5.1.
    ///
    /// None where it would help nobody: our own trouble, and a resource that is not known.
    #[must_use]
    pub fn challenge(&self) -> Option<String> {
        let entry = self.reason.entry();
        if self.is_allow() || (entry.oauth.is_none() && entry.status != 401) {
            return None;
        }
        let mut parameters = Vec::with_capacity(3);
        if let Some(error) = entry.oauth {
            parameters.push(format!("error=\"{}\"", error.code()));
            if entry.status == 403
                && let Some(ScopeRule::All(scopes) | ScopeRule::Any(scopes)) = self.scope_rule()
            {
                parameters.push(format!("scope=\"{}\"", scopes.join(" ")));
            }
        }
        if let Some(url) = self.resource.and_then(|resource| resource.metadata_url.as_deref()) {
            parameters.push(format!("resource_metadata=\"{url}\""));
        }
        if parameters.is_empty() {
            return Some("Bearer".to_owned());
        }
        Some(format!("Bearer {}", parameters.join(", ")))
    }

    fn metadata(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        let mut metadata: Vec<(_, Cow<'_, str>)> = Vec::with_capacity(8);
        let word = if self.is_allow() { "allow" } else { "deny" };
        metadata.push(("decision", word.into()));
        metadata.push(("decision_id", self.id().into()));
        metadata.push(("reason", self.reason.code().into()));
        if let Some(claim) = self.claim {
            metadata.push(("claim", claim.into()));
        }
        if self.softened == Softened::Report {
            metadata.push(("mode", "report".into()));
        }
        if let Some(resource) = self.resource {
            metadata.push(("resource", resource.resource.as_str().into()));
        }
        if let Some(client) = self.masked_client() {
            metadata.push(("client", client.into()));
        }
        if let Some(digest) = self.catalogue_digest() {
            metadata.push(("catalogue_digest", digest.into()));
        }
        metadata
    }
}

/// Our own headers that are not set, and whatever the client sent under our prefix, by its exact
/// name. A gateway removes after it sets, so a name that is set must not stand here.
fn headers_to_remove<'a>(
    facts: Option<&Facts<'a>>,
    set: &[(&'static str, Cow<'_, str>)],
) -> Vec<Cow<'a, str>> {
    let is_set = |name: &str| set.iter().any(|(have, _)| have.eq_ignore_ascii_case(name));
    let is_ours = |name: &str| ALL.iter().any(|have| have.eq_ignore_ascii_case(name));
    let mut remove: Vec<Cow<'a, str>> =
        ALL.iter().copied().filter(|name| !is_set(name)).map(Cow::Borrowed).collect();
    // Sorted, since a client chooses how many there are: comparing all pairs would be its lever.
    let mut sent = facts.map_or_else(Vec::new, |facts| facts.headers.ours.clone());
    sent.sort_unstable();
    sent.dedup();
    remove.extend(sent.into_iter().filter(|name| !is_ours(name)).map(Cow::Borrowed));
    remove
}

#[cfg(test)]
mod tests {
    use super::header_value;

    #[test]
    fn a_claim_cannot_break_out_of_its_header() {
        for (claim, expected) in [
            ("partner-7", "partner-7"),
            ("a b", "b64.YSBi"),
            ("a\r\nx-role: admin", "b64.YQ0KeC1yb2xlOiBhZG1pbg"),
            ("\u{0}", "b64.AA"),
            ("\u{e9}", "b64.w6k"),
            ("b64.YQ", "b64.YjY0LllR"),
            ("", "b64."),
        ] {
            assert_eq!(header_value(claim), expected, "{claim:?}");
        }
    }
}
