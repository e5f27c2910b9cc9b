//! `GET /v1/at-risk`: whom to call first, of the customers that this process owns, from the last committed state.
//!
//! Looking at every customer takes seconds where there are a million, so one list is made at a time, and whoever comes meanwhile
//! waits. The fold does not.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::{Shared, error, owned, reading_in_turn};
use crate::at_risk::{LIMIT, LIMIT_MAX, Listing, Place, Sort, Wanted, json};
use crate::fault::Fault;

/// Lists that are made at once.
static LISTS: Semaphore = Semaphore::const_new(1);

/// Answers with a page of the list.
pub(super) async fn at_risk(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let wanted = match wanted(query.as_deref().unwrap_or_default()) {
        Ok(wanted) => wanted,
        Err(message) => return error(StatusCode::BAD_REQUEST, message),
    };
    reading_in_turn(&LISTS, move || page(&shared, &wanted)).await
}

/// Reads what stands after the question mark.
fn wanted(query: &str) -> Result<Wanted, String> {
    let mut wanted = Wanted { sort: Sort::default(), limit: LIMIT, after: None };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let refused = |expected: &str| format!("query {key}={value:?}: expected {expected}");
        match key {
            "sort" => {
                let sort = Sort::named(value);
                wanted.sort = sort.ok_or_else(|| refused("value_at_risk, probability or since"))?;
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                wanted.limit = limit.ok_or_else(|| refused(&format!("1 to {LIMIT_MAX}")))?;
            }
            "after" => {
                let place = percent_decoded(value).as_deref().and_then(Place::read);
                wanted.after = Some(place.ok_or_else(|| refused("the next of a page"))?);
            }
            _ => return Err(format!("query {key:?} is not known, expected sort, limit or after")),
        }
    }
    Ok(wanted)
}

/// Ids may have any character.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.as_bytes();
    while let Some((first, rest)) = left.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            left = &rest[2..];
        } else {
            bytes.push(*first);
            left = rest;
        }
    }
    String::from_utf8(bytes).ok()
}

fn page(shared: &Shared, wanted: &Wanted) -> Response {
    let owned = match owned(shared) {
        Ok(owned) => owned,
        Err(response) => return *response,
    };
    let programme = shared.governing.programme();
    let mut listing = Listing::new(&programme, wanted);
    for (store, _) in &owned.stores {
        let clock = store.committed_at().map(|at| at.clock);
        let looked = listing.look_until(store, clock, || shared.status.stopping());
        if let Err(Fault::Refused(message) | Fault::Failed(message)) = looked {
            if shared.status.stopping() {
                return error(StatusCode::SERVICE_UNAVAILABLE, message);
            }
            tracing::error!("query of customers at risk: {message}");
            return error(StatusCode::INTERNAL_SERVER_ERROR, message);
        }
    }
    let body = json(&listing.page(), &owned.here, owned.partitions);
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
