//! The pipeline itself. Each step is a few lines here and a module of its own elsewhere.

use std::sync::Arc;

use crate::budget::{self, Budget};
use crate::facts::{Facts, Moment};
use crate::jose::{CompactJws, Header, JwsLimits, Key};
use crate::json::{self, Object};
use crate::reason::Reason;
use crate::snapshot::keys::{IssuerKeys, UnknownKids};
use crate::snapshot::{
    Access as RouteAccess, Issuer, Mode, Profile, Resource, Root, ScopeRule, Target,
};
use crate::token::{Fault, audience, claims, lifetime, scope};

use super::credential;
use super::decision::{Access, Decision, Softened};
use super::keys::{NoKey, Search};
use super::trace::{Step, StepFacts, Trace, Verdict};
use crate::mask::{mask, shown};

/// What a decision is made from, besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'s> {
    /// The one root that this decision sees.
    pub root: &'s Root,
    /// Kids that no set holds, and when each was first seen.
    pub unknown: &'s UnknownKids,
    /// Now.
    pub at: Moment,
    /// Whether a missing fact may be waited for.
    pub patience: Patience,
    /// Seconds of clock difference allowed in the token's favour.
    pub clock_skew_s: i64,
    /// Largest token, in bytes.
    pub token_bytes: usize,
    /// Milliseconds between two refreshes of one issuer's keys that tokens ask for.
    pub refresh_hold_ms: u64,
}

/// Whether whoever asks can wait for a missing fact.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Patience {
    /// What is missing is named in a [`Need`].
    MayWait,
    /// What is missing is a denial.
    Final,
}

/// A fact that must be fetched before the decision can be made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Need {
    /// Whose keys.
    pub issuer: Arc<str>,
    /// Whether this check is the one that begins the refresh.
    pub start: bool,
}

/// How the pipeline ended.
#[derive(Debug)]
pub enum Outcome<'s> {
    /// With a decision.
    Decided(Box<Decision<'s>>),
    /// It can be run again once the need is met.
    Pending(Need),
}

/// How many audiences an explanation names.
const AUDIENCES_SHOWN: usize = 8;

/// Why the pipeline stopped before its end.
enum Stop {
    Fault(Fault),
    NotNow(Reason, u32),
    Need(Need),
}

impl<T: Into<Fault>> From<T> for Stop {
    fn from(fault: T) -> Self {
        Self::Fault(fault.into())
    }
}

/// Decides about one request.
pub fn decide<'s, T: Trace>(scene: &Scene<'s>, facts: &Facts<'_>, trace: &mut T) -> Outcome<'s> {
    let mut decision = Decision::refused(Reason::Internal, &scene.at);
    decision.catalogue = Some(&scene.root.catalogue);
    match run(scene, facts, &mut decision, trace) {
        Ok(()) => decision.reason = Reason::Ok,
        Err(Stop::Fault(fault)) => {
            decision.reason = fault.reason;
            decision.claim = fault.claim;
        }
        Err(Stop::NotNow(reason, retry_after_s)) => {
            decision.reason = reason;
            decision.retry_after_s = Some(retry_after_s);
        }
        Err(Stop::Need(need)) => return Outcome::Pending(need),
    }
    soften(&mut decision);
    Outcome::Decided(Box::new(decision))
}

/// `mode: report`, inside its window, for the reasons that it may soften.
fn soften(decision: &mut Decision<'_>) {
    let Some(Mode::Report { since_s, until_s }) = decision.resource.map(|found| found.mode) else {
        return;
    };
    let now_s = decision.at.now_s();
    if !decision.reason.is_allow()
        && decision.reason.entry().softens
        && (since_s..until_s).contains(&now_s)
    {
        decision.softened = Softened::Report;
    }
}

/// Runs one step: what it returns goes on, what it refuses ends the pipeline and is traced.
fn step<T: Trace, V, E: Into<Stop>>(
    trace: &mut T,
    which: Step,
    result: Result<V, E>,
    facts: impl FnOnce(&V) -> StepFacts,
) -> Result<V, Stop> {
    step_either_way(trace, which, result, |value| value.map(facts).unwrap_or_default())
}

/// Runs one step whose facts are of use where it fails too; `facts` gets the value where it held.
fn step_either_way<T: Trace, V, E: Into<Stop>>(
    trace: &mut T,
    step: Step,
    result: Result<V, E>,
    facts: impl FnOnce(Option<&V>) -> StepFacts,
) -> Result<V, Stop> {
    match result {
        Ok(value) => {
            trace.step(step, Verdict::Pass, || facts(Some(&value)));
            Ok(value)
        }
        Err(error) => {
            let stop = error.into();
            match &stop {
                Stop::Fault(fault) => {
                    let claim = fault.claim;
                    trace.step(step, Verdict::Fail(fault.reason), || {
                        let claim = claim.map(|name| ("claim", name.to_owned()));
                        claim.into_iter().chain(facts(None)).collect()
                    });
                }
                Stop::NotNow(reason, retry_after_s) => {
                    let seconds = *retry_after_s;
                    trace.step(step, Verdict::Fail(*reason), || {
                        vec![("retry_after_s", seconds.to_string())]
                    });
                }
                Stop::Need(_) => {}
            }
            Err(stop)
        }
    }
}

fn run<'s, T: Trace>(
    scene: &Scene<'s>,
    facts: &Facts<'_>,
    decision: &mut Decision<'s>,
    trace: &mut T,
) -> Result<(), Stop> {
    // 1. Resource and route.
    let located = scene.root.catalogue.locate(facts);
    decision.resource = located.resource;
    let target = step(trace, Step::Resource, located.target, |target| {
        let pattern = match target {
            Target::Route(route) | Target::Preflight(route) => route.pattern.clone(),
            Target::Whole => "(no path)".to_owned(),
        };
        let name = located.resource.map(|resource| resource.resource.clone());
        vec![("resource", name.unwrap_or_default()), ("route", pattern)]
    })?;
    // A target without a resource is a contradiction that must not pass.
    let resource = located.resource.ok_or(Reason::Internal)?;
    match target {
        Target::Route(route) => {
            decision.route = Some(route);
            if route.access == RouteAccess::Public {
                trace.step(Step::Obligations, Verdict::Pass, || vec![("access", "public".into())]);
                return Ok(());
            }
        }
        Target::Preflight(route) => {
            decision.route = Some(route);
            trace.step(Step::Obligations, Verdict::Pass, || vec![("access", "preflight".into())]);
            return Ok(());
        }
        Target::Whole => {}
    }

    holder(scene, facts, resource, decision, trace)
}

/// Steps 2 to 13: whose token is it, and does it hold here?
fn holder<'s, T: Trace>(
    scene: &Scene<'s>,
    facts: &Facts<'_>,
    resource: &Resource,
    decision: &mut Decision<'s>,
    trace: &mut T,
) -> Result<(), Stop> {
    // 2. One credential.
    let found = credential::bearer(facts, scene.token_bytes);
    let token = step(trace, Step::Credential, found, |token| {
        vec![("scheme", "Bearer".to_owned()), ("token_bytes", token.len().to_string())]
    })?;

    // 3 and 4. The header and the claims are read; the issuer says which of the rules apply.
    let limits = JwsLimits { token_bytes: scene.token_bytes, ..JwsLimits::default() };
    let jws =
        CompactJws::parse(token.as_bytes(), &limits).map_err(|error| Fault::from(error.reason()));
    let jws = step(trace, Step::Header, jws, |_| vec![])?;
    let parsed = json::parse_object(jws.payload(), &budget::CLAIMS)
        .map_err(|_| Fault::from(Reason::ClaimsMalformed));
    let claims = step(trace, Step::Claims, parsed, |_| vec![])?;
    let (issuer, slot) =
        step_either_way(trace, Step::Issuer, find_issuer(scene, resource, &claims), |_| {
            claims::issuer(&claims).map(|name| ("issuer", shown(name))).into_iter().collect()
        })?;
    step_either_way(trace, Step::Header, judge_header(issuer, jws.header()), |_| {
        let header = jws.header();
        let mut used = vec![("alg", header.algorithm.name().to_owned())];
        used.extend(header.typ.as_deref().map(|typ| ("typ", shown(typ))));
        used.extend(header.kid.as_deref().map(|kid| ("kid", mask(kid))));
        used
    })?;
    let key = find_key(scene, issuer, slot, jws.header());
    let key = step(trace, Step::Issuer, key, |key| vec![("key", key.thumbprint().to_owned())])?;

    // 5. One signature.
    let mut budget = Budget::default();
    budget.spend_signature().map_err(|_| Reason::Internal)?;
    let verified = key
        .verify(jws.header().algorithm, jws.signing_input(), jws.signature())
        .map_err(|_| Fault::from(Reason::SignatureInvalid));
    // From here on the claims are the issuer's word.
    let _proof = step(trace, Step::Signature, verified, |_| vec![])?;
    decision.identity.issuer = Some(Arc::clone(&slot.issuer));

    judge(scene, &claims, issuer, resource, decision, trace)
}

/// Steps 6 to 14: what the issuer says of the holder, against what is asked here.
fn judge<'s, T: Trace>(
    scene: &Scene<'s>,
    claims: &Object<'_>,
    issuer: &Issuer,
    resource: &Resource,
    decision: &mut Decision<'s>,
    trace: &mut T,
) -> Result<(), Stop> {
    // 6. Claims.
    let read = claims::read(claims, &issuer.profile);
    let claims = step(trace, Step::Claims, read, |claims| {
        let mut used = vec![("client", mask(claims.client))];
        used.extend(claims.subject.map(|subject| ("subject", mask(subject))));
        used
    })?;
    decision.identity.client = Some(claims.client.to_owned());
    decision.identity.subject = claims.subject.map(str::to_owned);
    decision.identity.expires_at_s = Some(claims.dates.expires.floor_s);

    // 7. Lifetime.
    let now_s = scene.at.now_s();
    let lived = lifetime::judge(&claims.dates, now_s, scene.clock_skew_s, resource.max_lifetime_s);
    step_either_way(trace, Step::Lifetime, lived, |_| {
        let dates = &claims.dates;
        vec![
            ("expires_in_s", dates.expires.floor_s.saturating_sub(now_s).to_string()),
            ("lifetime_s", dates.expires.ceil_s.saturating_sub(dates.issued.floor_s).to_string()),
            ("max_lifetime_s", resource.max_lifetime_s.to_string()),
        ]
    })?;

    // 8. Audience.
    let meant = audience::judge(&resource.audience, &resource.resource, claims.audiences.iter());
    step_either_way(trace, Step::Audience, meant, |_| {
        let named = claims.audiences.iter().take(AUDIENCES_SHOWN).map(|name| ("aud", shown(name)));
        [("expected", resource.resource.clone())].into_iter().chain(named).collect()
    })?;

    // 9. The client's standing: `registration` is `off` in every catalogue that loads.
    trace.step(Step::Client, Verdict::NotAsked, Vec::new);

    // 10. Scope.
    let scopes =
        scope::read(claims.scope, claims.scope_name, claims.scope_array).and_then(|scopes| {
            scope::judge(decision.scope_rule(), &scopes).map(|()| scopes).map_err(Fault::from)
        });
    let rule = decision.scope_rule();
    let scopes = step_either_way(trace, Step::Scope, scopes, |_| {
        let has = scope::read(claims.scope, claims.scope_name, claims.scope_array);
        let demanded = rule.map(|rule| match rule {
            ScopeRule::All(scopes) => ("all_of", scopes.join(" ")),
            ScopeRule::Any(scopes) => ("any_of", scopes.join(" ")),
        });
        demanded.into_iter().chain(has.map(|scopes| ("scopes", scopes.joined()))).collect()
    })?;

    // 11. A token that asks for proof of possession is never accepted without it.
    let bound = if claims.bound { Err(Reason::BindingUnsupported) } else { Ok(()) };
    asked(trace, Step::Binding, bound)?;

    // 12. A token that names a status list is never accepted unlooked.
    let status = if claims.status { Err(Reason::StatusUnsupported) } else { Ok(()) };
    asked(trace, Step::Revocation, status)?;

    // 13. Nothing in a catalogue can ask for reuse memory yet.
    trace.step(Step::Reuse, Verdict::NotAsked, Vec::new);

    // 14. Obligations are made from what stands in the decision now.
    decision.identity.scopes = Some(scopes.joined());
    decision.access = Access::Token;
    trace.step(Step::Obligations, Verdict::Pass, || vec![("access", "token".into())]);
    Ok(())
}

fn find_key<'s>(
    scene: &Scene<'s>,
    issuer: &Issuer,
    slot: &'s IssuerKeys,
    header: &Header,
) -> Result<&'s Key, Stop> {
    let search = Search {
        now_ms: scene.at.now_ms,
        now_s: scene.at.now_s(),
        hold_ms: scene.refresh_hold_ms,
        patience: scene.patience,
        unknown: scene.unknown,
    };
    search.find(issuer, slot, header).map_err(|missing| match missing {
        NoKey::Refused(reason) => Stop::from(reason),
        NoKey::NotNow(reason, retry_after_s) => Stop::NotNow(reason, retry_after_s),
        NoKey::Needed { start } => Stop::Need(Need { issuer: Arc::clone(&slot.issuer), start }),
    })
}

/// A step that does not exist yet: silent where nothing asks for it.
fn asked<T: Trace>(trace: &mut T, which: Step, result: Result<(), Reason>) -> Result<(), Stop> {
    match result {
        Ok(()) => {
            trace.step(which, Verdict::NotAsked, Vec::new);
            Ok(())
        }
        Err(reason) => step(trace, which, Err::<(), _>(reason), |()| vec![]),
    }
}

fn find_issuer<'s>(
    scene: &Scene<'s>,
    resource: &Resource,
    claims: &Object<'_>,
) -> Result<(&'s Issuer, &'s IssuerKeys), Fault> {
    let name = claims::issuer(claims)?;
    let index = scene.root.catalogue.issuer_index(name).ok_or(Reason::IssuerUnknown)?;
    if !resource.issuers.contains(&index) {
        return Err(Reason::IssuerNotAccepted.into());
    }
    let issuer = scene.root.catalogue.issuers().get(index).ok_or(Reason::Internal)?;
    let slot = scene.root.keys.get(index).ok_or(Reason::Internal)?;
    // The two lists are made together; a slip here would let one issuer's keys speak for another.
    if *slot.issuer != *issuer.issuer {
        return Err(Reason::Internal.into());
    }
    Ok((issuer, slot))
}

/// What of the header depends on the issuer: its algorithms, and its profile's `typ`.
fn judge_header(issuer: &Issuer, header: &Header) -> Result<(), Fault> {
    if !issuer.algorithms.contains(header.algorithm) {
        return Err(Reason::AlgorithmRefused.into());
    }
    let typ = header.typ.as_deref();
    let is = |name: &str| typ.is_some_and(|typ| typ.eq_ignore_ascii_case(name));
    let access_token = is("at+jwt") || is("application/at+jwt");
    let fits = match issuer.profile {
        Profile::Rfc9068 => access_token,
        // Such issuers write `JWT` or nothing; the marker in the claims does the rest.
        Profile::Legacy { .. } => {
            access_token || typ.is_none() || is("JWT") || is("application/jwt")
        }
    };
    if fits { Ok(()) } else { Err(Reason::TypeRefused.into()) }
}
