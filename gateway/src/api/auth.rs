//! Who calls: with accounts, whoever shows a token; without, whoever reaches the port.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use proto::command::{Person, Rank};

use super::problem::{Kind, Problem};
use crate::accounts::Accounts;
use crate::fields::{Fault, Reason};

/// The header that names the person where there are no accounts: it is believed.
const OPERATOR: &str = "x-operator";
/// The header with the token of a second person who agrees.
pub(super) const APPROVAL: &str = "x-approval";
/// The longest value of a header that is read.
const MAX_HEADER_CHARS: usize = 128;
/// Who commands when nobody is named.
const NOBODY_NAMED: &str = "local";
/// How a token is shown.
const SCHEME: &str = "bearer ";

/// Who may call.
#[derive(Debug, Clone, Default)]
pub struct Door {
    /// The accounts; without them everyone who reaches the port may do all.
    pub accounts: Option<Accounts>,
    /// Anybody may read.
    pub public_reads: bool,
}

/// Who calls, and who agrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) by: Person,
    pub(super) approved_by: Option<Person>,
}

/// Lets those in who may: anybody who shows a token may read, operators may command.
pub(super) async fn authenticate(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let reads = request.method() != Method::POST;
    if reads && (door.public_reads || door.accounts.is_none()) {
        return next.run(request).await;
    }
    match admit(&door, request.headers(), if reads { Rank::Viewer } else { Rank::Operator }) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn admit(door: &Door, headers: &HeaderMap, needed: Rank) -> Result<Caller, Problem> {
    let Some(accounts) = &door.accounts else { return unnamed(headers) };
    let by = person(accounts, headers, header::AUTHORIZATION.as_str())?
        .ok_or_else(|| Problem::new(Kind::Unauthorized, "show a token: Authorization: Bearer <token>"))?;
    if by.rank < needed {
        let detail = format!("{} may look, not command", by.name);
        return Err(Problem::new(Kind::Forbidden, detail));
    }
    Ok(Caller { approved_by: person(accounts, headers, APPROVAL)?, by })
}

/// Without accounts: whoever it says it is, and nobody else who agrees.
fn unnamed(headers: &HeaderMap) -> Result<Caller, Problem> {
    if headers.contains_key(APPROVAL) {
        let detail = "there are no accounts, so nobody can be the second person: start with --accounts";
        return Err(Problem::new(Kind::Forbidden, detail));
    }
    let name = text(headers, OPERATOR)?.unwrap_or(NOBODY_NAMED).to_owned();
    Ok(Caller { by: Person { name, rank: Rank::Approver }, approved_by: None })
}

/// Whose token a header shows; none when it shows nothing.
fn person(accounts: &Accounts, headers: &HeaderMap, name: &str) -> Result<Option<Person>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let shown = value
        .to_str()
        .ok()
        .filter(|shown| shown.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME)));
    let token = shown.and_then(|shown| shown.get(SCHEME.len()..)).map(str::trim);
    let found = token.and_then(|token| accounts.find(token)).cloned();
    // What was shown is never told again.
    found
        .map(Some)
        .ok_or_else(|| Problem::new(Kind::Unauthorized, format!("{name} shows no token that is known")))
}

/// A header's text, if it is there.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().ok().map(str::trim);
    match text.filter(|text| (1..=MAX_HEADER_CHARS).contains(&text.len())) {
        Some(text) => Ok(Some(text)),
        None => {
            let expected = format!("1 to {MAX_HEADER_CHARS} printable ASCII characters");
            let seen = format_args!("{value:?}");
            Err(Problem::of_faults(vec![Fault::new(Reason::BadText, name, seen, expected)]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    fn door() -> Door {
        // The hashes of the words "approver", "operator" and "viewer".
        let account = |rank: &str, hash: &str| {
            format!("[[account]]\nname = \"the-{rank}\"\nrank = {rank:?}\ntoken_sha256 = {hash:?}\n")
        };
        let text = account("approver", "7a023df6bf29324d9c2dd30086dc8aca140029e59a353152e05480d132d6ed85")
            + &account("operator", "06e55b633481f7bb072957eabcf110c972e86691c3cfedabe088024bffe42f23")
            + &account("viewer", "d35ca5051b82ffc326a3b0b6574a9a3161dee16b9478a199ee39cd803ce5b799");
        Door { accounts: Some(Accounts::parse(&text).unwrap()), public_reads: false }
    }

    #[test]
    fn nobody_gets_in_without_a_token_that_is_known_and_enough() {
        for (authorization, needed, status) in [
            (None, Rank::Viewer, 401),
            (Some("Bearer nobody"), Rank::Viewer, 401),
            (Some("Basic operator"), Rank::Viewer, 401),
            (Some("operator"), Rank::Viewer, 401),
            (Some("Bearer viewer"), Rank::Operator, 403),
            (Some("Bearer viewer"), Rank::Viewer, 200),
            (Some("bearer operator"), Rank::Operator, 200),
            (Some("Bearer approver"), Rank::Operator, 200),
        ] {
            let shown: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
            let admitted = admit(&door(), &headers(&shown), needed);
            let seen = admitted.as_ref().err().map_or(200, |problem| problem.status().as_u16());
            assert_eq!(seen, status, "{authorization:?} for {needed:?}");
            if let Err(problem) = admitted {
                assert!(!format!("{problem:?}").contains("nobody\""), "a token is never told: {problem:?}");
            }
        }
    }

    #[test]
    fn with_accounts_a_name_is_not_believed() {
        let shown = headers(&[("authorization", "Bearer operator"), ("x-operator", "the-approver")]);
        let caller = admit(&door(), &shown, Rank::Operator).unwrap();
        assert_eq!((caller.by.name.as_str(), caller.by.rank), ("the-operator", Rank::Operator));
    }

    #[test]
    fn a_second_person_shows_a_token_too() {
        let agreed = [("authorization", "Bearer operator"), ("x-approval", "Bearer approver")];
        let caller = admit(&door(), &headers(&agreed), Rank::Operator).unwrap();
        assert_eq!(caller.approved_by.map(|person| person.rank), Some(Rank::Approver));
        let unknown = [("authorization", "Bearer operator"), ("x-approval", "Bearer x")];
        assert!(admit(&door(), &headers(&unknown), Rank::Operator).is_err());
        let nobody = admit(&Door::default(), &headers(&agreed[1..]), Rank::Operator);
        assert_eq!(nobody.unwrap_err().status().as_u16(), 403, "without accounts nobody can agree");
    }

    #[test]
    fn without_accounts_whoever_reaches_the_port_may_do_all() {
        let caller = admit(&Door::default(), &headers(&[("x-operator", "ada")]), Rank::Operator).unwrap();
        assert_eq!((caller.by.name.as_str(), caller.by.rank), ("ada", Rank::Approver));
    }
}
