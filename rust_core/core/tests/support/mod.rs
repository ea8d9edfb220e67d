//! An issuer with real keys, a catalogue of sibling APIs, and requests, for the decision tests.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::must_use_candidate,
    clippy::needless_pass_by_value,
    missing_docs,
    unreachable_pub,
    reason = "shared by test binaries, each of which uses a part, and a test may fail loudly"
)]

use std::sync::OnceLock;

use accredit_core::engine::{Engine, EngineSettings};
use accredit_core::facts::Moment;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The clock of every test, in seconds.
pub const NOW: i64 = 1_800_000_000;
pub const ISSUER: &str = "https://issuer.example";
pub const OTHER_ISSUER: &str = "https://other.example";
pub const LEGACY_ISSUER: &str = "https://legacy.example/realms/demo";
pub const ORDERS: &str = "https://api.example/orders";
pub const BILLS: &str = "https://api.example/bills";

pub fn at(now_s: i64) -> Moment {
    Moment { now_ms: u64::try_from(now_s).unwrap() * 1_000, random: [7; 10] }
}

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

enum Private {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// A signing key and its public JWK.
pub struct Signer {
    private: Private,
    pub jwk: Value,
    pub kid: String,
}

impl Signer {
    pub fn rsa(kid: &str, size: KeySize) -> Self {
        let pair = RsaKeyPair::generate(size).unwrap();
        // RSAPublicKey of RFC 8017, A.1.1 ends in the modulus and the exponent 65537.
        let der = pair.public_key().as_ref();
        let exponent_at = der.len() - 3;
        let modulus_end = exponent_at - 2;
        let modulus = &der[modulus_end - pair.public_modulus_len()..modulus_end];
        let jwk = json!({
            "kty": "RSA", "kid": kid, "n": b64(modulus), "e": b64(&der[exponent_at..]),
        });
        Self { private: Private::Rsa(pair), jwk, kid: kid.to_owned() }
    }

    pub fn ec(kid: &str, curve: &str) -> Self {
        let algorithm: &'static EcdsaSigningAlgorithm = match curve {
            "P-256" => &ECDSA_P256_SHA256_FIXED_SIGNING,
            "P-384" => &ECDSA_P384_SHA384_FIXED_SIGNING,
            _ => &ECDSA_P521_SHA512_FIXED_SIGNING,
        };
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let point = pair.public_key().as_ref().to_vec();
        let (x, y) = point[1..].split_at((point.len() - 1) / 2);
        let jwk = json!({"kty": "EC", "crv": curve, "kid": kid, "x": b64(x), "y": b64(y)});
        Self { private: Private::Ec(pair), jwk, kid: kid.to_owned() }
    }

    pub fn ed25519(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let x = b64(pair.public_key().as_ref());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x});
        Self { private: Private::Ed(pair), jwk, kid: kid.to_owned() }
    }

    pub fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.private {
            Private::Rsa(pair) => {
                let padding: &'static dyn aws_lc_rs::signature::RsaEncoding = match alg {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Private::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Private::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token with this header and payload text, signed as `alg`.
    pub fn token_of(&self, alg: &str, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", b64(header), b64(payload));
        let signature = self.sign(alg, signed.as_bytes());
        format!("{signed}.{}", b64(signature))
    }

    /// A token with these claims and a proper header.
    pub fn token(&self, alg: &str, claims: &Value) -> String {
        let header = json!({"alg": alg, "typ": "at+jwt", "kid": self.kid});
        self.token_of(alg, &header.to_string(), &claims.to_string())
    }

    pub fn public_der(&self) -> Vec<u8> {
        match &self.private {
            Private::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Private::Ec(_) | Private::Ed(_) => Vec::new(),
        }
    }
}

/// One key of each kind, made once a test binary.
pub struct Keys {
    pub rsa: Signer,
    pub p256: Signer,
    pub p384: Signer,
    pub p521: Signer,
    pub ed: Signer,
    pub stranger: Signer,
}

pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys {
        rsa: Signer::rsa("rsa", KeySize::Rsa2048),
        p256: Signer::ec("p256", "P-256"),
        p384: Signer::ec("p384", "P-384"),
        p521: Signer::ec("p521", "P-521"),
        ed: Signer::ed25519("ed"),
        stranger: Signer::rsa("rsa", KeySize::Rsa2048),
    })
}

pub fn jwks(signers: &[&Signer]) -> Vec<u8> {
    let keys: Vec<&Value> = signers.iter().map(|signer| &signer.jwk).collect();
    json!({"keys": keys}).to_string().into_bytes()
}

pub fn all_jwks() -> Vec<u8> {
    let keys = keys();
    jwks(&[&keys.rsa, &keys.p256, &keys.p384, &keys.p521, &keys.ed])
}

/// The claims of a good token for [`ORDERS`].
pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "user-1", "client_id": "partner-7", "aud": ORDERS,
        "iat": NOW - 60, "exp": NOW + 240, "jti": "j-1", "scope": "orders:read orders:list",
    })
}

pub fn with(mut claims: Value, changes: Value) -> Value {
    let object = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        object.insert(name.clone(), value.clone());
    }
    claims
}

pub fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name).unwrap();
    claims
}

pub const ALL_ALGORITHMS: [&str; 10] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"];

/// A compiled catalogue: orders and bills under one issuer, and a legacy issuer.
pub fn catalogue() -> Value {
    let resource = |uri: &str, name: &str| {
        json!({
            "resource": uri, "owner": format!("{name}-team"),
            "issuers": [ISSUER, LEGACY_ISSUER],
            "audience": {"mode": "exactly_one"}, "max_lifetime_s": 900,
            "mode": "enforce", "report_since_s": null, "report_until_s": null,
            "paths": "refuse", "scopes": null, "metadata_url": null, "cors_preflight": false,
            "selectors": {"route_metadata": [], "destination_principal": []},
            "routes": [
                {"hosts": ["api.example"], "paths": [format!("/{name}/**")], "methods": ["GET"],
                 "scopes": {"all": [format!("{name}:read")]}, "access": "token",
                 "cors_preflight": false},
                {"hosts": ["api.example"], "paths": [format!("/health/{name}")],
                 "methods": ["GET"], "scopes": null, "access": "public", "cors_preflight": false},
            ],
        })
    };
    let issuer = |uri: &str, profile: Value| {
        json!({"issuer": uri, "algorithms": ALL_ALGORITHMS, "profile": profile,
               "refreshable": true})
    };
    json!({
        "format": "accredit-compiled/1",
        "issuers": [
            issuer(ISSUER, json!({"kind": "rfc9068"})),
            issuer(OTHER_ISSUER, json!({"kind": "rfc9068"})),
            issuer(LEGACY_ISSUER, json!({"kind": "legacy", "client": "azp", "scope": "scope",
                                         "marker": {"typ": "Bearer"}})),
        ],
        "resources": [resource(ORDERS, "orders"), resource(BILLS, "bills")],
    })
}

/// The first resource of a catalogue with some members changed.
pub fn changed(changes: Value) -> Value {
    let mut document = catalogue();
    let resource = document["resources"][0].clone();
    document["resources"][0] = with(resource, changes);
    document
}

pub fn engine_of(document: &Value) -> Engine {
    let engine = Engine::new(EngineSettings::default());
    engine
        .load_catalogue(document.to_string().as_bytes())
        .unwrap_or_else(|faults| panic!("{faults:?}"));
    for issuer in [ISSUER, OTHER_ISSUER, LEGACY_ISSUER] {
        engine
            .set_keys(issuer, &all_jwks(), u64::try_from(NOW).unwrap() * 1_000, NOW + 86_400)
            .unwrap();
    }
    engine
}

pub fn engine() -> Engine {
    engine_of(&catalogue())
}

/// A question about `GET https://api.example/orders/1` with this token.
pub fn question(token: &str) -> Value {
    json!({"token": token, "method": "GET", "host": "api.example", "path": "/orders/1"})
}

pub fn ask(engine: &Engine, question: &Value) -> Value {
    ask_at(engine, question, NOW)
}

pub fn ask_at(engine: &Engine, question: &Value, now_s: i64) -> Value {
    let reply = engine.query(question.to_string().as_bytes(), &at(now_s), false);
    serde_json::from_slice(&reply).unwrap()
}

pub fn explain(engine: &Engine, question: &Value) -> Value {
    let reply = engine.query(question.to_string().as_bytes(), &at(NOW), true);
    serde_json::from_slice(&reply).unwrap()
}

/// The reason for a token at orders.
pub fn reason_of(engine: &Engine, token: &str) -> String {
    ask(engine, &question(token))["reason"].as_str().unwrap().to_owned()
}

/// The reason for claims signed with RS256, and the claim that it names.
pub fn judged(engine: &Engine, claims: &Value) -> (String, Option<String>) {
    let token = keys().rsa.token("RS256", claims);
    let reply = explain(engine, &question(&token));
    let claim = reply["claim"].as_str().map(str::to_owned);
    (reply["reason"].as_str().unwrap().to_owned(), claim)
}

pub fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
}

pub fn field(number: usize, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(number << 3 | 2, &mut out);
    varint(bytes.len(), &mut out);
    out.extend_from_slice(bytes);
    out
}

/// A `CheckRequest` for `GET https://api.example/orders/1` with this token, field by field.
pub fn request(token: &str) -> Vec<u8> {
    let header = |name: &str, value: &str| {
        field(3, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat())
    };
    let http = [
        field(2, b"GET"),
        header("authorization", &format!("Bearer {token}")),
        field(4, b"/orders/1"),
        field(5, b"api.example"),
    ]
    .concat();
    field(1, &field(4, &field(2, &http)))
}
