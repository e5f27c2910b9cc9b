//! `GET /v1/population/{period}`: the numbers that a director asks for, of one month or year, of all customers.
//!
//! Where several processes share the work each of them answers for the whole, from what all tasks have published
//! (`kafka_log::population`), and not at all where some of it is missing: half of the customers would be taken for all of them.
//! The report says as of when it is, by the clock that has come least far.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use engine::store::Store;
use programme::editions::Programme;
use programme::time::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{Owned, Shared, error, later, owned, reading_in_turn};
use crate::fault::Fault;
use crate::kafka_log::population::{Answer, Followed, NoAnswer};
use crate::report::{Format, Period, Report, counted_by, of_stores, of_sums};

/// Reports that are made at once.
static REPORTS: Semaphore = Semaphore::const_new(1);

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
    reading_in_turn(&REPORTS, move || answer(&shared, &period, format)).await
}

fn answer(shared: &Shared, period: &Period, format: Format) -> Response {
    let programme = shared.governing.programme();
    let made = match &shared.population {
        Some(followed) => of_all(followed, &programme, period),
        None => of_owned(shared, &programme, period),
    };
    let Made { report, of } = match made {
        Ok(made) => made,
        Err(response) => return *response,
    };
    match format {
        Format::Html => Html(report.write(format)).into_response(),
        Format::Text => {
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], report.write(format)).into_response()
        }
        Format::Json => {
            let mut body = of;
            body["report"] = json!(report);
            axum::Json(body).into_response()
        }
    }
}

/// A report, and what it is of.
struct Made {
    report: Report,
    of: Value,
}

/// Over what all tasks have published.
fn of_all(followed: &Followed, programme: &Programme, period: &Period) -> Result<Made, Box<Response>> {
    let id = counted_by(programme).map_err(refused)?;
    let Answer { whole, partitions, published_at } = followed.whole(id).map_err(|why| {
        Box::new(match why {
            NoAnswer::Later(message) => later(message),
            NoAnswer::Broken(message) => error(StatusCode::INTERNAL_SERVER_ERROR, message),
        })
    })?;
    let published_at = published_at.map(|at| at.to_string());
    let of = json!({ "partitionsPublished": whole.tasks, "partitions": partitions, "publishedAt": published_at });
    Ok(Made { report: of_sums(programme, period, whole.sums, whole.names, whole.clock), of })
}

/// Over the tasks that are here: over files these are all.
fn of_owned(shared: &Shared, programme: &Programme, period: &Period) -> Result<Made, Box<Response>> {
    let Owned { here, partitions, stores } = owned(shared)?;
    let tasks = stores.iter().map(|(store, clock)| -> (&Store, Option<Timestamp>) { (store, *clock) });
    let report = of_stores(programme, period, tasks).map_err(refused)?;
    Ok(Made { report, of: json!({ "partitionsHere": here, "partitions": partitions }) })
}

fn refused(fault: Fault) -> Box<Response> {
    Box::new(match fault {
        Fault::Refused(message) => error(StatusCode::NOT_FOUND, message),
        Fault::Failed(message) => {
            tracing::error!("query of the population: {message}");
            error(StatusCode::INTERNAL_SERVER_ERROR, message)
        }
    })
}
