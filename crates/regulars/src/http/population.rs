//! `GET /v1/population/{period}`: the numbers that a director asks for, of one month or year, over the tasks that this process
//! owns, from the last committed state.
//!
//! Where a process owns every partition that is everybody. Where several share the work, each answers for its part and says
//! which: sums could be added up, shares and intervals could not.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use engine::store::Store;
use programme::time::Timestamp;
use serde_json::json;

use super::{Owned, Shared, error, owned};
use crate::fault::Fault;
use crate::report::{Format, Period, report};

/// Answers with the report of a period.
pub(super) async fn population(
    State(shared): State<Arc<Shared>>,
    Path(period): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(period) = Period::parse(&period) else {
        let message = format!("{period:?} is neither a month such as 2017-06 nor a year such as 2017");
        return error(StatusCode::BAD_REQUEST, message);
    };
    let format = match query.as_deref().unwrap_or_default() {
        "" | "format=json" => Format::Json,
        "format=html" => Format::Html,
        "format=text" => Format::Text,
        query => {
            let message = format!("query {query:?} is not known, expected format=json, format=html or format=text");
            return error(StatusCode::BAD_REQUEST, message);
        }
    };
    let read = tokio::task::spawn_blocking(move || answer(&shared, &period, format)).await;
    read.unwrap_or_else(|e| error(StatusCode::INTERNAL_SERVER_ERROR, format!("the query failed: {e}")))
}

fn answer(shared: &Shared, period: &Period, format: Format) -> Response {
    let Owned { here, partitions, stores } = match owned(shared) {
        Ok(owned) => owned,
        Err(response) => return *response,
    };
    let tasks = stores.iter().map(|(store, clock)| -> (&Store, Timestamp) { (store, clock.unwrap_or_default()) });
    let report = match report(&shared.governing.programme(), period, tasks) {
        Ok(report) => report,
        Err(Fault::Refused(message)) => return error(StatusCode::NOT_FOUND, message),
        Err(Fault::Failed(message)) => {
            tracing::error!("query of the population: {message}");
            return error(StatusCode::INTERNAL_SERVER_ERROR, message);
        }
    };
    match format {
        Format::Html => Html(report.write(format)).into_response(),
        Format::Text => {
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], report.write(format)).into_response()
        }
        Format::Json => {
            let body = json!({ "partitionsHere": here, "partitions": partitions, "report": report });
            axum::Json(body).into_response()
        }
    }
}
