//! Why a decision came out as it did: one closed list of stable codes.
//!
//! A code is never reworded and never reused. Everything that is said about a code outside (HTTP
//! status, OAuth error, documentation) is in this one table; `docs/reasons.md` is made from it.

/// Who has to act when a decision ends with a reason.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Blame {
    /// Nobody: the request is allowed.
    Nobody,
    /// The token itself: expired, forged, badly formed.
    Token,
    /// The client that sent the request.
    Client,
    /// The authorization server that issued the token, or its key set.
    Issuer,
    /// The gateway or service that asked.
    Gateway,
    /// The operator who wrote the catalogue or the settings.
    Operator,
    /// Accredit itself.
    Us,
}

impl Blame {
    /// The word used in documents and JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Token => "token",
            Self::Client => "client",
            Self::Issuer => "issuer",
            Self::Gateway => "gateway",
            Self::Operator => "operator",
            Self::Us => "us",
        }
    }
}

/// The error code of RFC 6750, section 3.1, that a challenge carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OAuthError {
    /// The request is malformed: HTTP 400.
    InvalidRequest,
    /// The token is expired, revoked, malformed or not meant for this resource: HTTP 401.
    InvalidToken,
    /// The token lacks a scope: HTTP 403.
    InsufficientScope,
}

impl OAuthError {
    /// The registered error code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

/// What is fixed about a reason.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The stable name.
    pub code: &'static str,
    /// Who has to act.
    pub blame: Blame,
    /// The HTTP status of the answer; 200 for an allow.
    pub status: u16,
    /// The OAuth error in the challenge, if any.
    pub oauth: Option<OAuthError>,
    /// Whether `mode: report` may turn this denial into an allow.
    pub softens: bool,
    /// What happened, one sentence.
    pub meaning: &'static str,
    /// What to do, one sentence.
    pub remedy: &'static str,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $blame:ident, $status:literal, $oauth:expr,
       $softens:literal, $meaning:literal, $remedy:literal;)+) => {
        /// The closed list of reasons. [`Reason::entry`] says what each means.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum Reason {
            $(#[doc = $meaning] $name,)+
        }

        impl Reason {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What is fixed about this reason.
            #[must_use]
            pub const fn entry(self) -> &'static Entry {
                match self {
                    $(Self::$name => &Entry {
                        code: $code,
                        blame: Blame::$blame,
                        status: $status,
                        oauth: $oauth,
                        softens: $softens,
                        meaning: $meaning,
                        remedy: $remedy,
                    },)+
                }
            }
        }
    };
}

const REQUEST: Option<OAuthError> = Some(OAuthError::InvalidRequest);
const TOKEN: Option<OAuthError> = Some(OAuthError::InvalidToken);
const SCOPE: Option<OAuthError> = Some(OAuthError::InsufficientScope);

reasons! {
    Ok = "ok", Nobody, 200, None, false,
        "Every check held.",
        "Nothing to do.";
    // The request as the gateway stated it.
    RequestMalformed = "request_malformed", Gateway, 400, REQUEST, false,
        "The check request could not be read: it is truncated, not UTF-8 where it must be, or ill-typed.",
        "Look at what stands between the gateway and Accredit; a healthy Envoy never sends this.";
    RequestTooLarge = "request_too_large", Gateway, 400, REQUEST, false,
        "The check request is larger than `limits.request_bytes`.",
        "Lower the gateway's header limit or `max_request_bytes`, or raise the limit.";
    RequestNotHttp = "request_not_http", Gateway, 403, None, false,
        "The check request describes no HTTP request, as a TCP network filter sends it.",
        "Use the HTTP ext_authz filter; a token needs a request that carries it.";
    // Step 1: the resource and the route.
    SelectorMalformed = "selector_malformed", Gateway, 403, None, false,
        "A resource selector is present and is not a non-empty string.",
        "Mend `context_extensions` or the route metadata at the gateway.";
    SelectorConflict = "selector_conflict", Gateway, 403, None, false,
        "Two statements of which resource is called disagree.",
        "Make the selectors and the host and path of the route name one resource.";
    ResourceUnknown = "resource_unknown", Operator, 403, None, false,
        "No resource of the catalogue fits the request.",
        "Add the host and path to a resource, or correct the selector.";
    ResourceAmbiguous = "resource_ambiguous", Operator, 403, None, false,
        "The path belongs to several resources by method, and none of them lists this method.",
        "Add the method to the resource that it belongs to.";
    HostMalformed = "host_malformed", Client, 400, REQUEST, false,
        "The host is not a host name or address with an optional port.",
        "Send a valid Host or :authority.";
    PathNotCanonical = "path_not_canonical", Client, 400, REQUEST, false,
        "The path has dot segments, empty segments, an escaped or raw separator, or an invalid escape.",
        "Send the canonical path, or let the gateway normalise it and set `paths: resolve`.";
    RouteUnknown = "route_unknown", Operator, 403, None, true,
        "The resource is known and no route of it lists the path.",
        "Add the path to a route of the resource.";
    RouteMethod = "route_method", Operator, 403, None, true,
        "The route that fits the path does not list the method.",
        "Add the method to the route.";
    RouteRequired = "route_required", Operator, 403, None, true,
        "The request names no path and the resource has no scopes of its own.",
        "Send the path, or give the resource `scopes`.";
    // Step 2: the credential.
    CredentialMissing = "credential_missing", Client, 401, None, true,
        "The request carries no token.",
        "Send `Authorization: Bearer` with a token for this resource.";
    CredentialMultiple = "credential_multiple", Client, 400, REQUEST, false,
        "The request carries more than one credential, or one in more than one place.",
        "Send exactly one Authorization header and nothing else.";
    CredentialInQuery = "credential_in_query", Client, 400, REQUEST, false,
        "A token stands in the query string.",
        "Send it in the Authorization header; treat the one in the URL as leaked.";
    CredentialInForm = "credential_in_form", Client, 400, REQUEST, false,
        "A token stands in the form body.",
        "Send it in the Authorization header.";
    CredentialMalformed = "credential_malformed", Client, 400, REQUEST, true,
        "The Authorization header is not one scheme, one space and one token68.",
        "Send `Bearer`, one space and the token, with nothing around them.";
    SchemeUnsupported = "scheme_unsupported", Client, 401, None, true,
        "The Authorization scheme is not one that the resource takes.",
        "Send `Authorization: Bearer`.";
    TokenTooLarge = "token_too_large", Token, 401, TOKEN, true,
        "The token is larger than `limits.token_bytes`.",
        "Ask the issuer for a smaller token, or raise the limit.";
    // Step 3: form and header.
    TokenMalformed = "token_malformed", Token, 401, TOKEN, true,
        "The token is not a compact JWS in canonical base64url.",
        "Send the access token unchanged; opaque tokens are not accepted here.";
    TokenEncrypted = "token_encrypted", Token, 401, TOKEN, true,
        "The token is a JWE, which nobody but its recipient can judge.",
        "Have the issuer sign access tokens for this resource without encrypting them.";
    HeaderMalformed = "header_malformed", Token, 401, TOKEN, true,
        "The JOSE header is not strict JSON, or a member of it has the wrong type.",
        "Have the issuer send a header as RFC 7515 describes it.";
    AlgorithmRefused = "algorithm_refused", Token, 401, TOKEN, true,
        "The `alg` is `none`, symmetric, unknown, or not in the issuer's list.",
        "Sign with an algorithm in the issuer's `algorithms`.";
    AlgorithmUnsupported = "algorithm_unsupported", Issuer, 401, TOKEN, true,
        "The `alg` is genuine and not supported: Ed448 and what builds on it.",
        "Sign with Ed25519 or another supported algorithm.";
    TypeRefused = "type_refused", Token, 401, TOKEN, true,
        "The `typ` is not that of an access token.",
        "Send the access token, not an ID token or another JWT.";
    CriticalRefused = "critical_refused", Token, 401, TOKEN, true,
        "The `crit` header is ill-formed or names an extension that is not understood.",
        "Have the issuer leave `crit` and `b64` out of access tokens.";
    // Step 4: the issuer.
    IssuerUnknown = "issuer_unknown", Token, 401, TOKEN, true,
        "The `iss` is no issuer of the catalogue.",
        "Get the token from an issuer that the resource accepts.";
    IssuerNotAccepted = "issuer_not_accepted", Token, 401, TOKEN, true,
        "The `iss` is known and this resource does not accept it.",
        "Get the token from an issuer that the resource accepts.";
    KeyUnknown = "key_unknown", Token, 401, TOKEN, true,
        "No key of the issuer has the token's `kid`, in a set fetched after the token was seen.",
        "Get a new token; if all fail, compare the issuer's key set with its signing key.";
    KeyAmbiguous = "key_ambiguous", Issuer, 401, TOKEN, true,
        "The token has no `kid` and not exactly one key of the issuer fits its `alg`.",
        "Have the issuer put `kid` into the header.";
    KeyMismatch = "key_mismatch", Token, 401, TOKEN, true,
        "The key that `kid` names may not be used with the token's `alg`.",
        "Have the issuer sign with the algorithm that its key is published for.";
    KeysRefreshing = "keys_refreshing", Us, 503, None, true,
        "The token's key is not known yet; the issuer's key set is being fetched or was fetched a moment ago.",
        "Retry after the stated time with the same token.";
    KeysUnavailable = "keys_unavailable", Us, 503, None, true,
        "There is no key set of the issuer that is fresh enough to decide from.",
        "Look at `accredit status` and at the issuer's `jwks_uri`; keep the token.";
    // Step 5: the signature.
    SignatureInvalid = "signature_invalid", Token, 401, TOKEN, true,
        "The signature does not verify with the issuer's key.",
        "Get a new token; a changed byte or another issuer's key ends here.";
    // Steps 6 and 7: claims and lifetime.
    ClaimsMalformed = "claims_malformed", Token, 401, TOKEN, true,
        "The payload is not one strict JSON object: duplicate names, depth, size or syntax.",
        "Have the issuer send claims as RFC 7519 describes them.";
    ClaimAbsent = "claim_absent", Token, 401, TOKEN, true,
        "A required claim is absent; the detail names it.",
        "Have the issuer follow RFC 9068, or describe the issuer as `legacy`.";
    ClaimNull = "claim_null", Token, 401, TOKEN, true,
        "A claim is null; the detail names it.",
        "Have the issuer leave the claim out or give it a value.";
    ClaimType = "claim_type", Token, 401, TOKEN, true,
        "A claim has the wrong JSON type; the detail names it.",
        "Have the issuer send the type that RFC 7519 and RFC 9068 state.";
    ClaimValue = "claim_value", Token, 401, TOKEN, true,
        "A claim is of the right type and its value is empty, out of range or too long; the detail names it.",
        "Have the issuer send a value within the stated bounds.";
    NotAccessToken = "not_access_token", Token, 401, TOKEN, true,
        "The claims are those of an ID, refresh, logout or event token, or the marker of an access token is missing.",
        "Send the access token.";
    ClientConflict = "client_conflict", Token, 401, TOKEN, true,
        "`client_id` and `azp` name different clients.",
        "Have the issuer state one client.";
    TokenExpired = "token_expired", Token, 401, TOKEN, true,
        "The token's `exp` is past.",
        "Get a new token.";
    TokenNotYetValid = "token_not_yet_valid", Token, 401, TOKEN, true,
        "The token's `nbf` is in the future.",
        "Wait, or mend the issuer's clock.";
    TokenFromFuture = "token_from_future", Token, 401, TOKEN, true,
        "The token's `iat` is in the future.",
        "Mend the clock of the issuer or of this host.";
    LifetimeTooLong = "lifetime_too_long", Token, 401, TOKEN, true,
        "`exp` minus `iat` is more than the resource's `max_lifetime`, or not positive.",
        "Have the issuer mint shorter tokens for this resource.";
    // Step 8: the audience.
    AudienceMismatch = "audience_mismatch", Token, 401, TOKEN, true,
        "The `aud` does not name this resource.",
        "Ask for a token with this resource as `resource` (RFC 8707).";
    AudienceTooBroad = "audience_too_broad", Token, 401, TOKEN, true,
        "The `aud` names this resource and others that may not stand beside it.",
        "Ask for a token for this resource alone.";
    // Step 10: scope.
    ScopeMalformed = "scope_malformed", Token, 401, TOKEN, true,
        "The scope claim does not follow the grammar of RFC 6749, section 3.3.",
        "Have the issuer send scope tokens separated by single spaces.";
    ScopeInsufficient = "scope_insufficient", Client, 403, SCOPE, true,
        "The token lacks a scope that the route demands.",
        "Ask for a token with the scope that the challenge names.";
    // Steps 11 and 12, until they exist.
    BindingUnsupported = "binding_unsupported", Us, 401, TOKEN, true,
        "The token or the scheme asks for proof of possession, which this version does not judge.",
        "Use a bearer token at this resource.";
    StatusUnsupported = "status_unsupported", Us, 401, TOKEN, true,
        "The token names a status list, which this version does not judge.",
        "Have the issuer leave `status` out of tokens for this resource.";
    // Our own trouble.
    Overloaded = "overloaded", Us, 503, None, false,
        "More checks wait than can be answered in time.",
        "Retry after the stated time; add capacity if it lasts.";
    CatalogueMissing = "catalogue_missing", Us, 503, None, false,
        "No catalogue is loaded.",
        "Mend the catalogue; the log names each fault.";
    Internal = "internal", Us, 503, None, false,
        "A fault inside Accredit was caught.",
        "Retry; report the fault with the decision id.";
}

impl Reason {
    /// The stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.entry().code
    }

    /// The place of this reason in [`Reason::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether this reason is an allow.
    #[must_use]
    pub const fn is_allow(self) -> bool {
        matches!(self, Self::Ok)
    }

    /// The reason with this code, if there is one.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn codes_are_unique_and_in_table_order() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index);
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
        }
    }

    #[test]
    fn only_ok_is_an_allow_and_our_own_trouble_never_blames_the_token() {
        for reason in Reason::ALL {
            let entry = reason.entry();
            assert_eq!(reason.is_allow(), entry.status == 200, "{reason}");
            if entry.status == 503 {
                assert!(entry.oauth.is_none(), "{reason} would make clients drop good tokens");
            }
        }
    }
}
