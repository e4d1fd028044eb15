//! Every metric's name, in one place, and the text format that Prometheus reads.
//!
//! Values come in as plain numbers; what they measure stays where it is known.

/// The media type of the text format, version 0.0.4.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A value that goes up and down. Units are base units and part of the name.
#[derive(Debug, Clone, Copy)]
pub struct Gauge {
    name: &'static str,
    help: &'static str,
}

/// Seconds by which TOP's clock is taken to be ahead of this machine's.
pub const CLOCK_SKEW: Gauge = Gauge {
    name: "mediation_bridge_top_clock_skew_seconds",
    help: "Seconds by which TOP's clock is taken to be ahead of this machine's.",
};
/// Pushes that call TOP now.
pub const IN_FLIGHT: Gauge =
    Gauge { name: "mediation_bridge_pushes_in_flight", help: "Pushes that call TOP now." };
/// Seconds for which the ban goes on that TOP announced.
pub const BAN: Gauge = Gauge {
    name: "mediation_bridge_top_ban_remaining_seconds",
    help: "Seconds for which the ban goes on that TOP announced; 0 without one.",
};

/// The page that Prometheus reads.
#[must_use]
pub fn page(values: &[(Gauge, i64)]) -> String {
    let line = |(gauge, value): &(Gauge, i64)| {
        let Gauge { name, help } = gauge;
        format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n")
    };
    values.iter().map(line).collect::<Vec<_>>().concat()
}
