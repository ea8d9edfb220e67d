//! Check JSON: one question in, one answer out, for the command line and for replaying traffic.
//!
//! A question is `{"token", "resource"?, "method"?, "path"?, "host"?, "headers"?, "at"?}`. It runs
//! through the same pipeline as a gateway's request; nothing waits, so a key that would have to be
//! fetched is a denial. A line that cannot be read answers deny `request_malformed`.

use std::borrow::Cow;

use serde::Serialize;

use crate::budget::QUERY;
use crate::decide::trace::Steps;
use crate::decide::{Decision, Effect, Outcome, Patience, Silent, Softened, Step, Verdict, decide};
use crate::engine::Engine;
use crate::facts::{Facts, Headers, Moment, Selector, Selectors};
use crate::json::{Number, Object, Value, parse_object};
use crate::reason::Reason;
use crate::token::lifetime::LATEST_S;

/// An answer in check JSON.
#[derive(Debug, Serialize)]
struct Reply<'a> {
    decision: &'static str,
    reason: &'static str,
    resource: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

/// What an explanation adds.
#[derive(Debug, Serialize)]
struct Explanation {
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<&'static str>,
    blame: &'static str,
    meaning: &'static str,
    remedy: &'static str,
    decision_id: String,
    catalogue_digest: Option<String>,
    /// HTTP status that the gateway is told to answer with; 200 for an allow.
    status: u16,
    /// Headers set on the request (allow) or on the refusal (deny).
    headers: Vec<(&'static str, String)>,
    steps: Vec<StepLine>,
}

#[derive(Debug, Serialize)]
struct StepLine {
    step: &'static str,
    /// `pass`, `fail`, `not_asked` or `not_reached`.
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    facts: Vec<(&'static str, String)>,
}

/// A question, as read.
struct Question<'a> {
    token: Option<Vec<u8>>,
    resource: Selector<'a>,
    method: Option<&'a str>,
    path: Option<&'a str>,
    host: Option<&'a str>,
    headers: Vec<(&'a str, &'a str)>,
    at_s: Option<i64>,
}

impl Engine {
    /// Answers one line of check JSON; `explain` adds every step.
    #[must_use]
    pub fn query(&self, line: &[u8], at: &Moment, explain: bool) -> Vec<u8> {
        let Ok(object) = parse_object(line, &QUERY) else { return unreadable(at, explain) };
        let Some(question) = Question::read(&object) else { return unreadable(at, explain) };
        let mut at = *at;
        if let Some(second) = question.at_s.and_then(|second| u64::try_from(second).ok()) {
            at.now_ms = second.saturating_mul(1_000);
        }
        let facts = question.facts();
        self.with_root(|root| {
            let Some(root) = root else {
                return reply(&Decision::refused(Reason::CatalogueMissing, &at), None);
            };
            let scene = self.scene(root, &at, Patience::Final);
            if explain {
                let mut steps = Steps::default();
                let outcome = decide(&scene, &facts, &mut steps);
                let decision = settled(outcome, &at);
                let explanation = explanation(&decision, &facts, &steps);
                reply(&decision, Some(explanation))
            } else {
                reply(&settled(decide(&scene, &facts, &mut Silent), &at), None)
            }
        })
    }
}

/// With [`Patience::Final`] nothing is pending; if it were, that would not be an allow.
fn settled<'s>(outcome: Outcome<'s>, at: &Moment) -> Box<Decision<'s>> {
    match outcome {
        Outcome::Decided(decision) => decision,
        Outcome::Pending(_) => Box::new(Decision::refused(Reason::KeysUnavailable, at)),
    }
}

fn unreadable(at: &Moment, explain: bool) -> Vec<u8> {
    let decision = Decision::refused(Reason::RequestMalformed, at);
    let explanation = explain.then(|| explanation(&decision, &Facts::default(), &Steps::default()));
    reply(&decision, explanation)
}

impl<'a> Question<'a> {
    fn read(object: &'a Object<'a>) -> Option<Self> {
        let known = ["token", "resource", "method", "path", "host", "headers", "at"];
        if object.iter().any(|(name, _)| !known.contains(&name)) {
            return None;
        }
        let text = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(Value::String(text)) => Some(Some(text.as_ref())),
            Some(_) => None,
        };
        let at_s = match object.get("at") {
            None | Some(Value::Null) => None,
            Some(Value::Number(Number::Int(second))) if (0..=LATEST_S).contains(second) => {
                Some(*second)
            }
            Some(_) => return None,
        };
        let path = text("path")?;
        Some(Self {
            token: text("token")?.map(|token| [b"Bearer ", token.as_bytes()].concat()),
            resource: match text("resource")? {
                None => Selector::Absent,
                Some("") => Selector::Malformed,
                Some(resource) => Selector::Value(resource),
            },
            // A question about a path that names no method asks about reading it.
            method: text("method")?.or(path.map(|_| "GET")),
            path,
            host: text("host")?,
            headers: headers(object.get("headers"))?,
            at_s,
        })
    }

    fn facts(&self) -> Facts<'_> {
        let mut headers = Headers::default();
        for (name, value) in &self.headers {
            headers.push(name, value.as_bytes());
        }
        if let Some(token) = &self.token {
            headers.push("authorization", token);
        }
        Facts {
            method: self.method,
            host: self.host,
            path: self.path,
            headers,
            selectors: Selectors { resource: self.resource, ..Selectors::default() },
            ..Facts::default()
        }
    }
}

/// Headers are an object of strings; an array of strings is a header that stands more than once.
fn headers<'a>(value: Option<&'a Value<'a>>) -> Option<Vec<(&'a str, &'a str)>> {
    let object = match value {
        None | Some(Value::Null) => return Some(Vec::new()),
        Some(Value::Object(object)) => object,
        Some(_) => return None,
    };
    let mut all = Vec::new();
    for (name, value) in object.iter() {
        match value {
            Value::String(text) => all.push((name, text.as_ref())),
            Value::Array(values) => {
                for value in values {
                    let Value::String(text) = value else { return None };
                    all.push((name, Cow::as_ref(text)));
                }
            }
            _ => return None,
        }
    }
    Some(all)
}

fn reply(decision: &Decision<'_>, explanation: Option<Explanation>) -> Vec<u8> {
    let identity = decision.identity();
    let reply = Reply {
        decision: if decision.is_allow() { "allow" } else { "deny" },
        reason: decision.reason().code(),
        resource: decision.resource().map(|resource| resource.resource.as_str()),
        client: identity.client.as_deref(),
        expires_at: identity.expires_at_s,
        mode: (decision.softened() == Softened::Report).then_some("report"),
        explanation,
    };
    // Only a map with keys that are not strings could fail here, and there is none.
    serde_json::to_vec(&reply)
        .unwrap_or_else(|_| br#"{"decision":"deny","reason":"internal","resource":null}"#.to_vec())
}

fn explanation(decision: &Decision<'_>, facts: &Facts<'_>, steps: &Steps) -> Explanation {
    let entry = decision.reason().entry();
    let (status, headers) = match decision.answer(Some(facts)).effect {
        Effect::Allow { set, .. } => (200, set),
        Effect::Deny { status, headers, .. } => (status, headers),
    };
    let headers = headers.into_iter().map(|(name, value)| (name, value.into_owned())).collect();
    Explanation {
        claim: decision.claim(),
        blame: entry.blame.word(),
        meaning: entry.meaning,
        remedy: entry.remedy,
        decision_id: decision.id().to_owned(),
        catalogue_digest: decision.catalogue_digest().map(str::to_owned),
        status,
        headers,
        steps: lines(steps),
    }
}

/// One line a step, in the order of the pipeline: what is read twice is told together.
fn lines(steps: &Steps) -> Vec<StepLine> {
    Step::ALL
        .iter()
        .map(|step| {
            let mut line = StepLine {
                step: step.name(),
                verdict: "not_reached",
                reason: None,
                facts: Vec::new(),
            };
            for (taken, verdict, facts) in &steps.taken {
                if taken == step {
                    (line.verdict, line.reason) = match verdict {
                        Verdict::Pass => ("pass", None),
                        Verdict::NotAsked => ("not_asked", None),
                        Verdict::Fail(reason) => ("fail", Some(reason.code())),
                    };
                    line.facts.extend(facts.iter().cloned());
                }
            }
            line
        })
        .collect()
}
