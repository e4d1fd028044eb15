//! `GET /metrics`, and what is counted of a push. The one file that ties metrics' labels to their closed sets.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Data;

use super::catalogue::Code;
use super::push_line::ACCEPTED;
use super::report::whole_seconds;
use super::{PUSH_ROUTE, State};
use crate::delivery::{End, Outcome, Report, Trouble};
use crate::metrics::{Labels, MEDIA_TYPE, Metrics, Now};
use crate::telemetry;
use crate::top::Class;

/// How the Idempotency-Key of a push stood, as metrics tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyStanding {
    /// It came for the first time, or what came before is forgotten.
    New,
    /// An earlier push with it may have been executed.
    InDoubt,
    /// TOP had decided; the answer was repeated.
    Replayed,
    /// Another push with it was under way.
    InFlight,
    /// It belongs to another request.
    Reused,
    /// The store could not tell.
    Unavailable,
}

/// The metrics of one bridge, all closed sets of labels begun.
#[must_use]
pub fn begun() -> Metrics {
    let problems = Code::ALL
        .iter()
        .flat_map(|code| code.outcomes().iter().map(|outcome| [outcome.name(), code.entry().name]));
    let pushes: Vec<_> = [[Outcome::Accepted.name(), ACCEPTED]].into_iter().chain(problems).collect();
    Metrics::new(&Labels {
        requests: &[[PUSH_ROUTE, "POST", "200"]],
        pushes: &pushes,
        classes: &Class::ALL.map(|class| [class.name()]),
        standings: &KeyStanding::ALL.map(|standing| [standing.name()]),
    })
}

/// The route's handler.
pub async fn metrics(state: Data<State>) -> HttpResponse {
    let shared = state.delivery.shared();
    let page = state.metrics.page(&Now {
        in_flight: shared.in_flight(),
        in_flight_limit: shared.max_in_flight(),
        ban_remaining: whole_seconds(shared.ban_remaining()),
        clock_skew: shared.clock_skew(),
        lines_dropped: telemetry::lines_dropped(),
    });
    HttpResponse::Ok().insert_header((CONTENT_TYPE, MEDIA_TYPE)).body(page)
}

/// A passage of the page as the document shows it.
#[must_use]
pub fn example() -> String {
    let now = Now { in_flight: 3, in_flight_limit: 1024, ban_remaining: 0, clock_skew: 0, lines_dropped: 0 };
    let page = begun().page(&now);
    page.lines().filter(|line| line.contains("_pushes_in_flight")).flat_map(|line| [line, "\n"]).collect()
}

/// Counts a push that came to its end; `keyed` is whether it carried an Idempotency-Key.
pub fn count(metrics: &Metrics, outcome: Outcome, code: &'static str, keyed: bool, report: Option<&Report>) {
    metrics.push(outcome.name(), code);
    let Some(report) = report else { return };
    for call in &report.calls {
        metrics.attempt(call.class.name(), call.took);
        if matches!(call.class, Class::RateLimited { ban: Some(_) }) {
            metrics.ban();
        }
    }
    if keyed {
        metrics.key(KeyStanding::of(report).name());
    }
    if matches!(report.history.trouble, Some(Trouble::NotKept(_) | Trouble::Superseded)) {
        metrics.not_kept();
    }
}

/// A method's word: one that no route takes counts as `other`, since anybody may make up more of them.
#[must_use]
pub fn method(method: &Method) -> &'static str {
    const KNOWN: [Method; 8] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
    ];
    const WORDS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
    let known = KNOWN.iter().position(|known| known == method);
    known.and_then(|place| WORDS.get(place)).copied().unwrap_or("other")
}

impl KeyStanding {
    const ALL: [Self; 6] =
        [Self::New, Self::InDoubt, Self::Replayed, Self::InFlight, Self::Reused, Self::Unavailable];

    const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::InDoubt => "in_doubt",
            Self::Replayed => "replayed",
            Self::InFlight => "in_flight",
            Self::Reused => "reused",
            Self::Unavailable => "unavailable",
        }
    }

    /// How the key of a push with this report stood.
    fn of(report: &Report) -> Self {
        match report.end {
            End::KeyInFlight => Self::InFlight,
            End::KeyReused => Self::Reused,
            End::StoreUnavailable => Self::Unavailable,
            End::Top(_) | End::Banned { .. } | End::Overloaded | End::ShuttingDown => {
                if report.history.replayed {
                    Self::Replayed
                } else if report.history.in_doubt {
                    Self::InDoubt
                } else {
                    Self::New
                }
            }
        }
    }
}
