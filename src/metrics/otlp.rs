//! The same families as OTLP has them: one registry, two views.
//!
//! Names and labels are those of `/metrics`. A counter is a cumulative monotonic sum since the process began, a histogram keeps
//! its buckets. The unit is what the name says it is; without one it is left out, because backends make a suffix of it.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
};
use prometheus::proto::{self, MetricFamily, MetricType};

use super::Metrics;

const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

/// Since when is counted, and until when.
#[derive(Clone, Copy)]
struct Times {
    start: u64,
    now: u64,
}

impl Metrics {
    /// Every family that has series, as OTLP has them.
    pub fn as_otlp(&self, now: SystemTime) -> Vec<Metric> {
        let times = Times { start: nanos(self.began), now: nanos(now) };
        self.registry.gather().iter().filter_map(|family| metric(family, times)).collect()
    }
}

/// Nanoseconds since the Unix epoch.
fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn metric(family: &MetricFamily, times: Times) -> Option<Metric> {
    let series = family.get_metric();
    let numbers = |value: fn(&proto::Metric) -> f64, start| {
        series.iter().map(|it| number(it, value(it), Times { start, ..times })).collect()
    };
    let data = match family.get_field_type() {
        MetricType::COUNTER => Data::Sum(Sum {
            data_points: numbers(|it| it.get_counter().get_value(), times.start),
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        }),
        MetricType::GAUGE => {
            Data::Gauge(Gauge { data_points: numbers(|it| it.get_gauge().get_value(), 0) })
        }
        MetricType::HISTOGRAM => Data::Histogram(Histogram {
            data_points: series.iter().map(|it| histogram(it, times)).collect(),
            aggregation_temporality: CUMULATIVE,
        }),
        // There is none.
        MetricType::SUMMARY | MetricType::UNTYPED => return None,
    };
    Some(Metric {
        name: family.name().to_owned(),
        description: family.help().to_owned(),
        unit: unit(family.name()).to_owned(),
        data: Some(data),
        ..Metric::default()
    })
}

/// What a name says of its unit.
fn unit(name: &str) -> &'static str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    match name {
        // A rate is no size, and not everybody who translates units knows it.
        _ if name.ends_with("_per_second") => "",
        _ if name.ends_with("_seconds") => "s",
        _ if name.ends_with("_bytes") => "By",
        _ => "",
    }
}

fn number(series: &proto::Metric, value: f64, times: Times) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(series),
        start_time_unix_nano: times.start,
        time_unix_nano: times.now,
        value: Some(Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

fn histogram(series: &proto::Metric, times: Times) -> HistogramDataPoint {
    let found = series.get_histogram();
    let count = found.get_sample_count();
    // There each bucket counts what is in those below, too; here none does, and there is one more, without a bound.
    let below: Vec<_> = found.get_bucket().iter().map(proto::Bucket::cumulative_count).collect();
    let upto = below.iter().copied().chain([count]);
    let before = [0].into_iter().chain(below.iter().copied());
    HistogramDataPoint {
        attributes: attributes(series),
        start_time_unix_nano: times.start,
        time_unix_nano: times.now,
        count,
        sum: Some(found.get_sample_sum()),
        bucket_counts: upto.zip(before).map(|(upto, before)| upto.saturating_sub(before)).collect(),
        explicit_bounds: found.get_bucket().iter().map(proto::Bucket::upper_bound).collect(),
        ..HistogramDataPoint::default()
    }
}

fn attributes(series: &proto::Metric) -> Vec<KeyValue> {
    let attribute = |label: &proto::LabelPair| KeyValue {
        key: label.name().to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(label.value().to_owned())),
        }),
        ..KeyValue::default()
    };
    series.get_label().iter().map(attribute).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::tests::spoken;
    use super::*;

    /// The page, line by line, made of what is exported: name, labels and value.
    fn exported_page(metrics: &Metrics) -> BTreeSet<String> {
        let line = |name: &str, labels: &[KeyValue], more: Option<(&str, String)>, value: f64| {
            let label = |it: &KeyValue| match it.value.as_ref().and_then(|it| it.value.as_ref()) {
                Some(any_value::Value::StringValue(text)) => (it.key.clone(), text.clone()),
                other => panic!("{other:?}"),
            };
            let mut labels: Vec<_> = labels.iter().map(label).collect();
            labels.extend(more.map(|(name, value)| (name.to_owned(), value)));
            let labels: Vec<_> =
                labels.iter().map(|(name, it)| format!("{name}=\"{it}\"")).collect();
            let labels =
                if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            format!("{name}{labels} {value}")
        };
        let mut lines = BTreeSet::new();
        for metric in metrics.as_otlp(SystemTime::now()) {
            let name = &metric.name;
            let points = match metric.data.unwrap() {
                Data::Sum(sum) => {
                    assert!(sum.is_monotonic && sum.aggregation_temporality == 2, "{name}");
                    assert!(sum.data_points.iter().all(|it| it.start_time_unix_nano > 0));
                    sum.data_points
                }
                Data::Gauge(gauge) => gauge.data_points,
                Data::Histogram(histogram) => {
                    for point in histogram.data_points {
                        let (mut below, bounds) = (0, &point.explicit_bounds);
                        assert_eq!(point.bucket_counts.len(), bounds.len() + 1, "{name}");
                        let bounds = bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
                        for (count, bound) in point.bucket_counts.iter().zip(bounds) {
                            below += count;
                            let name = format!("{name}_bucket");
                            let more = Some(("le", bound));
                            lines.insert(line(&name, &point.attributes, more, below as f64));
                        }
                        for (what, value) in
                            [("sum", point.sum.unwrap()), ("count", point.count as f64)]
                        {
                            let name = format!("{name}_{what}");
                            lines.insert(line(&name, &point.attributes, None, value));
                        }
                    }
                    continue;
                }
                other => panic!("{other:?}"),
            };
            for point in points {
                let Some(Value::AsDouble(value)) = point.value else {
                    panic!("{name} has no value")
                };
                lines.insert(line(name, &point.attributes, None, value));
            }
        }
        lines
    }

    #[test]
    fn what_is_exported_is_what_the_page_shows() {
        let metrics = spoken();
        let bridge = |page: &str| -> BTreeSet<String> {
            page.lines().filter(|line| line.starts_with("bridge_")).map(str::to_owned).collect()
        };
        let exported = exported_page(&metrics);
        let exported: BTreeSet<_> =
            exported.into_iter().filter(|line| line.starts_with("bridge_")).collect();
        assert_eq!(exported, bridge(&metrics.render()));
    }
}
