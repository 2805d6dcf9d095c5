//! Queries: how dashboards ask for decisions.

use axum::extract::Query;
use axum::http::Uri;
use gateway::api::query::filter;
use gateway::view::filter::MAX_LIMIT;

use crate::Taken;
use crate::judge::told_over_http;

pub(crate) fn run(input: &[u8]) -> Taken {
    let uri = std::str::from_utf8(input).ok().and_then(|text| format!("/?{}", text.trim_end()).parse().ok());
    let Some(uri): Option<Uri> = uri else { return Taken::No };
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(&uri) else { return Taken::No };
    match filter(&pairs) {
        Ok(filter) => {
            assert!((1..=MAX_LIMIT).contains(&filter.limit), "{filter:?}");
            Taken::Yes
        }
        Err(problem) => {
            assert_eq!(problem.status().as_u16(), 422, "{problem:?}");
            told_over_http(problem)
        }
    }
}
