//! The issuer, the catalogue and the tokens of a run.

use std::time::{SystemTime, UNIX_EPOCH};

use accredit_core::jose::Algorithm;
use serde_json::{Value, json};

use crate::Fail;
use crate::signer::Signer;

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const ORDERS: &str = "https://api.example/orders";
const BILLS: &str = "https://api.example/bills";

/// Keys and the documents that a server is given.
pub(crate) struct Fixture {
    /// RS256, PS256, ES256, `EdDSA`: the algorithms that a catalogue allows by default.
    pub(crate) signers: Vec<Signer>,
    pub(crate) now_s: u64,
}

impl Fixture {
    pub(crate) fn new() -> Result<Self, Fail> {
        let signers = [
            (Algorithm::Rs256, "RS256"),
            (Algorithm::Ps256, "PS256"),
            (Algorithm::Es256, "ES256"),
            (Algorithm::Ed25519, "EdDSA"),
        ]
        .into_iter()
        .map(|(algorithm, alg)| Signer::new(algorithm, alg))
        .collect::<Result<_, _>>()?;
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        Ok(Self { signers, now_s })
    }

    pub(crate) fn signer(&self, alg: &str) -> Result<&Signer, Fail> {
        Ok(self.signers.iter().find(|signer| signer.alg == alg).ok_or("no such algorithm")?)
    }

    /// The issuer's key set (RFC 7517, section 5).
    pub(crate) fn jwks(&self) -> Result<Value, Fail> {
        let keys: Vec<Value> = self.signers.iter().map(Signer::jwk).collect::<Result<_, _>>()?;
        Ok(json!({"keys": keys}))
    }

    /// The claims of a good token (RFC 9068, section 2.2), distinct by `jti`. It holds for most of
    /// a day, so that no run outlives it.
    pub(crate) fn claims(&self, number: u64) -> Value {
        json!({
            "iss": ISSUER,
            "sub": "5f1b6f0c-2d0a-4b60-8f64-0f1f4c2b9b7e",
            "client_id": "partner-7",
            "aud": ORDERS,
            "iat": self.now_s.saturating_sub(60),
            "exp": self.now_s.saturating_add(72_000),
            "jti": format!("b2c7e1f4-5d3a-4e8b-9c61-{number:012x}"),
            "scope": "orders:read orders:list",
        })
    }

    /// The same with some members changed; `null` takes one away.
    pub(crate) fn claims_with(&self, changes: Value) -> Value {
        let mut claims = self.claims(0);
        if let (Some(claims), Value::Object(changes)) = (claims.as_object_mut(), changes) {
            for (name, value) in changes {
                if value.is_null() {
                    claims.remove(&name);
                } else {
                    claims.insert(name, value);
                }
            }
        }
        claims
    }

    /// Distinct good tokens of one algorithm.
    pub(crate) fn tokens(&self, alg: &str, count: u64) -> Result<Vec<String>, Fail> {
        let signer = self.signer(alg)?;
        (0..count).map(|number| signer.token(&self.claims(number))).collect()
    }
}

/// A compiled catalogue of two sibling APIs under one issuer.
pub(crate) fn catalogue() -> Value {
    let resource = |uri: &str, name: &str| {
        json!({
            "resource": uri, "owner": format!("{name}-team"), "issuers": [ISSUER],
            "audience": {"mode": "exactly_one"}, "max_lifetime_s": 86_400,
            "mode": "enforce", "report_since_s": null, "report_until_s": null,
            "paths": "refuse", "scopes": null, "metadata_url": null, "cors_preflight": false,
            "selectors": {"route_metadata": [], "destination_principal": []},
            "routes": [
                {"hosts": ["api.example"], "paths": [format!("/{name}/**")],
                 "methods": ["GET", "POST"], "scopes": {"all": [format!("{name}:read")]},
                 "access": "token", "cors_preflight": false},
            ],
        })
    };
    json!({
        "format": "accredit-compiled/1",
        "issuers": [{
            "issuer": ISSUER, "algorithms": ["RS256", "PS256", "ES256", "EdDSA"],
            "profile": {"kind": "rfc9068"}, "refreshable": true,
        }],
        "resources": [resource(ORDERS, "orders"), resource(BILLS, "bills")],
    })
}
