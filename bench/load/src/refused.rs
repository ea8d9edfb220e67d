//! What refusing costs, against the dearest request of the same size that is allowed.
//!
//! Whoever sends requests chooses their shape. If a refused one cost much more than an allowed one,
//! that shape would be a lever.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::Fail;
use crate::fixture::Fixture;
use crate::load::{self, Bounds, Pool, Run};
use crate::message::{Expected, PREFIX_BYTES, Question, bytes_field, framed};
use crate::plan::Plan;
use crate::report::{self, Verdict};
use crate::server::Server;
use crate::signer::encode;
use crate::stats::{Repeats, per};

/// The goal for each refused request against its rival.
const GOAL: f64 = 1.5;
const REPEATS: usize = 3;

/// Requests of about one size are compared with one another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Size {
    /// As they usually are.
    Usual,
    /// With a token of the largest size.
    LargeToken,
    /// With 60 KiB of headers, as Envoy lets through by default.
    Headers,
    /// With a body, up to the largest request.
    Body,
}

impl Size {
    const ALL: [Self; 4] = [Self::Usual, Self::LargeToken, Self::Headers, Self::Body];

    /// To which every request of the size is filled up.
    const fn bytes(self) -> usize {
        match self {
            Self::Usual => 2_048,
            Self::LargeToken => 20_000,
            Self::Headers => 64_000,
            Self::Body => 1_048_000,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Usual => "2 KiB",
            Self::LargeToken => "16 KiB token",
            Self::Headers => "60 KiB headers",
            Self::Body => "1 MiB",
        }
    }

    const fn calls(self) -> u64 {
        match self {
            Self::Usual | Self::LargeToken => 3_000,
            Self::Headers => 1_000,
            Self::Body => 60,
        }
    }

    const fn in_flight(self) -> usize {
        match self {
            Self::Body => 4,
            _ => load::IN_FLIGHT,
        }
    }
}

/// One shape of request.
struct Case {
    name: String,
    size: Size,
    expected: Expected,
    pool: Pool,
    taken: Vec<Run>,
}

impl Case {
    fn cpu(&self) -> Repeats {
        self.taken.iter().map(Run::cpu_us).collect()
    }

    fn allowed(&self) -> bool {
        self.expected.reason == "ok"
    }
}

pub(crate) fn measure(plan: &Plan, fixture: &Fixture) -> Result<(Value, Vec<Verdict>), Fail> {
    let server = Server::engine(fixture)?;
    let mut cases = Cases { fixture, all: Vec::new() };
    cases.usual()?;
    cases.large_token()?;
    cases.headers()?;
    cases.body()?;
    let mut cases = cases.all;
    for _ in 0..plan.repeats.min(REPEATS) {
        for case in &mut cases {
            let calls = case.size.calls();
            let bounds = Bounds { in_flight: case.size.in_flight(), ..plan.bounds(calls) };
            case.taken.push(load::run(&server, &case.pool, &case.expected, bounds)?);
        }
    }
    Ok(tell(&cases))
}

struct Cases<'f> {
    fixture: &'f Fixture,
    all: Vec<Case>,
}

impl Cases<'_> {
    /// Adds a shape: one body, or several that are sent in turn.
    fn add(&mut self, size: Size, name: &str, reason: &'static str, pool: Vec<Bytes>) {
        self.all.push(Case {
            name: name.to_owned(),
            size,
            expected: Expected::new(reason),
            pool: Pool(pool),
            taken: Vec::new(),
        });
    }

    /// Adds a question, filled up to its size.
    fn ask(
        &mut self,
        size: Size,
        name: &str,
        reason: &'static str,
        question: &Question,
    ) -> Result<(), Fail> {
        self.add(size, name, reason, vec![question.filled(size.bytes())?]);
        Ok(())
    }

    /// A good token of each algorithm, with these headers besides.
    fn allow(&mut self, size: Size, extra: &[(String, String)], name: &str) -> Result<(), Fail> {
        for signer in &self.fixture.signers {
            let token = signer.token(&self.fixture.claims(0))?;
            let mut question = Question::with_token(&token);
            question.headers.extend_from_slice(extra);
            self.ask(size, &format!("{} {name}", signer.alg), "ok", &question)?;
        }
        Ok(())
    }

    /// The signature of each algorithm with its first byte changed.
    fn tampered(&mut self, size: Size, extra: &[(String, String)]) -> Result<(), Fail> {
        for signer in &self.fixture.signers {
            let token = tampered(&signer.token(&self.fixture.claims(0))?)?;
            let mut question = Question::with_token(&token);
            question.headers.extend_from_slice(extra);
            let name = format!("{} signature changed", signer.alg);
            self.ask(size, &name, "signature_invalid", &question)?;
        }
        Ok(())
    }

    fn usual(&mut self) -> Result<(), Fail> {
        let size = Size::Usual;
        let fixture = self.fixture;
        self.allow(size, &[], "allowed")?;
        self.tampered(size, &[])?;
        let signer = fixture.signer("ES256")?;
        for (name, reason, changes) in [
            ("expired", "token_expired", json!({"exp": fixture.now_s.saturating_sub(40)})),
            ("for the sibling", "audience_mismatch", json!({"aud": "https://api.example/bills"})),
            ("without the scope", "scope_insufficient", json!({"scope": "orders:list"})),
            ("without client_id", "claim_absent", json!({"client_id": null})),
            ("of an unknown issuer", "issuer_unknown", json!({"iss": "https://evil.example"})),
        ] {
            let token = signer.token(&fixture.claims_with(changes))?;
            self.ask(size, &format!("ES256 {name}"), reason, &Question::with_token(&token))?;
        }
        let good = signer.token(&fixture.claims(0))?;
        let (_, rest) = good.split_once('.').ok_or("a token has dots")?;
        let none = encode(br#"{"alg":"none","typ":"at+jwt"}"#);
        let question = Question::with_token(&format!("{none}.{rest}"));
        self.ask(size, "alg none", "algorithm_refused", &question)?;
        // Each with another kid: what is remembered of them is asked and written every time.
        let mut unknown = Vec::new();
        for number in 0..512_u32 {
            let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": format!("k-{number}")});
            let token = signer.token_of(&header, &fixture.claims(0))?;
            unknown.push(Question::with_token(&token).filled(size.bytes())?);
        }
        self.add(size, "512 unknown kids", "keys_refreshing", unknown);
        let mut question = Question::with_token(&good);
        question.headers.clear();
        self.ask(size, "no credential", "credential_missing", &question)?;
        let twice = Question::with_token(&good).header("Authorization", &format!("Bearer {good}"));
        self.ask(size, "two credentials", "credential_multiple", &twice)?;
        let mut dots = Question::with_token(&good);
        "/orders/v1/../v1/items".clone_into(&mut dots.path);
        self.ask(size, "dots in the path", "path_not_canonical", &dots)?;
        let whole = Question::with_token(&good).filled(size.bytes())?;
        let cut = whole.get(PREFIX_BYTES..whole.len().saturating_sub(1)).unwrap_or_default();
        self.add(size, "message cut off", "request_malformed", vec![framed(cut)?]);
        Ok(())
    }

    fn large_token(&mut self) -> Result<(), Fail> {
        let size = Size::LargeToken;
        let fixture = self.fixture;
        // Claims that nobody reads, as many as fit: 4 characters of a token are 3 bytes of these.
        let many: Vec<u32> = (0..900).collect();
        let long = "p".repeat(11_000);
        for signer in &fixture.signers {
            for (name, padding) in [("many claims", json!(many)), ("a long claim", json!(long))] {
                let token = signer.token(&fixture.claims_with(json!({"padding": padding})))?;
                let question = Question::with_token(&token);
                self.ask(size, &format!("{} {name}, allowed", signer.alg), "ok", &question)?;
                let question = Question::with_token(&tampered(&token)?);
                let name = format!("{} {name}, signature changed", signer.alg);
                self.ask(size, &name, "signature_invalid", &question)?;
            }
        }
        let signer = fixture.signer("ES256")?;
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "ES256"}).to_string();
        let mut names = String::from("{");
        for number in 0..1_020 {
            write!(names, "\"{number}\":1,")?;
        }
        names.push_str("\"0\":1}");
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let escaped = format!("{{\"a\":\"{}\"}}", "\\u0061".repeat(1_900));
        for (name, reason, payload) in [
            ("a name twice among 1,021", "claims_malformed", names.as_str()),
            ("5,000 arrays deep", "claims_malformed", &deep),
            ("11 KiB of escapes", "claim_absent", &escaped),
        ] {
            let token = signer.token_of_text(&header, payload)?;
            self.ask(size, name, reason, &Question::with_token(&token))?;
        }
        for (name, token) in [
            ("16,000 dots", "a.".repeat(8_000)),
            ("one long part", "a".repeat(16_000)),
            ("not base64url at its end", format!("{}.{}.a/", "e30", "A".repeat(15_000))),
        ] {
            self.ask(size, name, "token_malformed", &Question::with_token(&token))?;
        }
        Ok(())
    }

    fn headers(&mut self) -> Result<(), Fail> {
        let size = Size::Headers;
        let signer = self.fixture.signer("ES256")?;
        let good = signer.token(&self.fixture.claims(0))?;
        let bad = tampered(&good)?;
        let many = |prefix: &str, count: usize| -> Vec<(String, String)> {
            (0..count).map(|number| (format!("{prefix}{number}"), String::new())).collect()
        };
        let shapes = [
            ("in one header", Vec::new()),
            ("in 3,000 headers", many("h", 3_000)),
            ("in 2,000 headers of our prefix", many("x-accredit-", 2_000)),
        ];
        for (name, extra) in shapes {
            for (token, reason, what) in
                [(&good, "ok", "allowed"), (&bad, "signature_invalid", "signature changed")]
            {
                let mut question = Question::with_token(token);
                question.headers.extend_from_slice(&extra);
                self.ask(size, &format!("ES256 {name}, {what}"), reason, &question)?;
            }
        }
        let mut question = Question::with_token(&good);
        for _ in 0..1_500 {
            question = question.header("authorization", "Bearer a");
        }
        self.ask(size, "1,501 credentials", "credential_multiple", &question)?;
        for (name, reason, path) in [
            ("a path of 50 KiB", "path_not_canonical", "/orders/a".repeat(5_500)),
            ("a path of escapes", "path_not_canonical", "/%61".repeat(2_000)),
            ("a query of 25,000 names", "credential_in_query", {
                format!("/orders/a?{}access_token=x", "a&".repeat(12_000))
            }),
        ] {
            let mut question = Question::with_token(&good);
            question.path = path;
            if reason == "credential_in_query" {
                question.headers.clear();
            }
            self.ask(size, name, reason, &question)?;
        }
        Ok(())
    }

    fn body(&mut self) -> Result<(), Fail> {
        let size = Size::Body;
        let signer = self.fixture.signer("ES256")?;
        let good = signer.token(&self.fixture.claims(0))?;
        let form = |body: Vec<u8>| {
            let mut question = Question::with_token(&good)
                .header("content-type", "application/x-www-form-urlencoded");
            question.method = "POST";
            question.body = body;
            question
        };
        let room = size.bytes().saturating_sub(4_096);
        self.ask(size, "ES256 in one header, allowed", "ok", &Question::with_token(&good))?;
        let names = form(b"a&".repeat(room / 2));
        self.ask(size, "ES256 form of 520,000 names, allowed", "ok", &names)?;
        let mut body = b"a&".repeat(room / 2);
        body.extend_from_slice(b"access_token=x");
        self.ask(size, "form with a token at its end", "credential_multiple", &form(body))?;
        let bad = Question::with_token(&tampered(&good)?);
        self.ask(size, "ES256 in one header, signature changed", "signature_invalid", &bad)?;
        // Half a million empty headers come from no HTTP client: a gateway gone wrong.
        let mut http = Vec::new();
        while http.len() < room {
            bytes_field(&mut http, 3, &[]);
        }
        let (mut request, mut attributes, mut empty) = (Vec::new(), Vec::new(), Vec::new());
        bytes_field(&mut request, 2, &http);
        bytes_field(&mut attributes, 4, &request);
        bytes_field(&mut empty, 1, &attributes);
        self.add(size, "520,000 empty headers", "resource_unknown", vec![framed(&empty)?]);
        // Messages of one field merge: the same filler before a request that is allowed.
        let whole = Question::with_token(&good).framed()?;
        empty.extend_from_slice(whole.get(PREFIX_BYTES..).unwrap_or_default());
        self.add(size, "520,000 empty headers, allowed", "ok", vec![framed(&empty)?]);
        let over = Question::with_token(&good).filled(1_048_576 + 64)?;
        self.add(size, "larger than is judged", "request_too_large", vec![over]);
        Ok(())
    }
}

/// A token whose signature has another first byte.
fn tampered(token: &str) -> Result<String, Fail> {
    let (signed, signature) = token.rsplit_once('.').ok_or("a token has dots")?;
    let rest = signature.get(1..).ok_or("a signature is not empty")?;
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    Ok(format!("{signed}.{first}{rest}"))
}

fn tell(cases: &[Case]) -> (Value, Vec<Verdict>) {
    let mut told = serde_json::Map::new();
    let mut verdicts = Vec::new();
    let wrong = cases.iter().flat_map(|case| &case.taken).map(|run| run.wrong).sum::<u64>();
    for size in Size::ALL {
        let here = || cases.iter().filter(move |case| case.size == size);
        let dearest = here()
            .filter(|case| case.allowed())
            .map(|case| case.cpu().median())
            .fold(0.0, f64::max);
        let mut rows = Vec::new();
        let mut results = Vec::new();
        let mut worst = 0.0_f64;
        for case in here() {
            let cpu = case.cpu();
            let ratio = cpu.median() / dearest;
            if !case.allowed() {
                worst = worst.max(ratio);
            }
            rows.push(vec![
                case.name.clone(),
                case.expected.reason.to_owned(),
                cpu.text(1),
                format!("{ratio:.2}"),
            ]);
            results.push(json!({
                "case": case.name, "reason": case.expected.reason, "cpu_us": cpu.json(),
                "of_dearest_allowed": (ratio * 1_000.0).round() / 1_000.0,
            }));
        }
        report::table(
            &format!("Requests of {} bytes ({}), server CPU", size.bytes(), size.name()),
            &["", "reason", "microseconds a call", "of the dearest allowed"],
            &rows,
        );
        told.insert(size.name().to_owned(), Value::Array(results));
        let goal = format!("refused, {}: of the dearest allowed", size.name());
        verdicts.push(Verdict::at_most(goal, worst, GOAL));
    }
    verdicts.push(Verdict::at_most("refused: wrong answers", per(wrong, 1), 0.0));
    (Value::Object(told), verdicts)
}
