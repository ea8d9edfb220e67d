//! The whole decision: nothing that nobody signed is allowed, and an explanation tells the same.

use std::sync::LazyLock;

use accredit_core::decide::Patience;
use accredit_core::engine::{Checked, Engine, EngineSettings};
use accredit_core::facts::Moment;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::check_request;
use crate::seeds::Vectors;

const NOW: Moment = Moment { now_ms: 1_800_000_000_000, random: [7; 10] };
const ISSUER: &str = "https://issuer.example";
const PUBLIC_PATH: &str = "/health";

/// Takes any bytes as a `CheckRequest`, as a line of check JSON, and as the header and the claims
/// of a token (split at the first zero byte) that is signed with zeros.
pub fn run(data: &[u8]) {
    let engine = &*ENGINE;
    let _ = engine.drain_records(usize::MAX);
    assert!(matches!(engine.check(data, &NOW, Patience::Final), Checked::Answered(_)));
    let record = engine.drain_records(1).pop().expect("every decision leaves a record");
    assert!(record.decision == "deny" || record.path() == Some(PUBLIC_PATH));

    ask(engine, data);
    let middle = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (header, claims) = data.split_at(middle);
    let claims = claims.strip_prefix(&[0]).unwrap_or_default();
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let token = format!("{}.{}.{}", encoded(header), encoded(claims), encoded(&[0; 64]));
    let question = json!({
        "token": token, "method": "GET", "host": "api.example", "path": "/orders/1"
    });
    ask(engine, question.to_string().as_bytes());
}

fn ask(engine: &Engine, line: &[u8]) {
    let answered = |explain| -> Value {
        let reply = engine.query(line, &NOW, explain);
        serde_json::from_slice(&reply).expect("an answer is JSON")
    };
    let (plain, full) = (answered(false), answered(true));
    for member in ["decision", "reason", "resource", "client", "expires_at", "mode"] {
        assert_eq!(plain[member], full[member], "{member}");
    }
    if plain["decision"] != "deny" {
        let question: Value = serde_json::from_slice(line).expect("what is allowed was read");
        let path = question["path"].as_str().unwrap_or_default();
        assert_eq!(path.split('?').next(), Some(PUBLIC_PATH), "allowed without a signature");
    }
}

/// Requests as Envoy sends them, and a token that lacks nothing but its signature.
#[must_use]
pub fn seeds(vectors: &Vectors) -> Vec<Vec<u8>> {
    check_request::seeds(vectors)
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let engine = Engine::new(EngineSettings::default());
    let route = |path: &str, access: &str, scopes: Value| {
        json!({"hosts": ["api.example"], "paths": [path], "methods": ["GET"],
               "scopes": scopes, "access": access, "cors_preflight": false})
    };
    let catalogue = json!({
        "format": "accredit-compiled/1",
        "issuers": [{"issuer": ISSUER, "algorithms": ["Ed25519", "RS256"],
                     "profile": {"kind": "rfc9068"}, "refreshable": false}],
        "resources": [{
            "resource": "https://api.example/orders", "owner": null, "issuers": [ISSUER],
            "audience": {"mode": "exactly_one"}, "max_lifetime_s": 900, "mode": "enforce",
            "report_since_s": null, "report_until_s": null, "paths": "refuse", "scopes": null,
            "metadata_url": null, "cors_preflight": false,
            "selectors": {"route_metadata": [], "destination_principal": []},
            "routes": [route("/orders/**", "token", json!({"all": ["orders:read"]})),
                       route(PUBLIC_PATH, "public", Value::Null)],
        }],
    });
    engine.load_catalogue(catalogue.to_string().as_bytes()).expect("the catalogue loads");
    // The public key of RFC 8037, appendix A.2.
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k",
                                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]});
    engine
        .set_keys(ISSUER, keys.to_string().as_bytes(), NOW.now_ms, i64::MAX)
        .expect("the keys are good");
    engine
});
