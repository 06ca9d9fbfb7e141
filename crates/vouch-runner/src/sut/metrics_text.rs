//! Reads values from the Prometheus text format and from `OpenMetrics`.

/// Greater values are no measurements: sums of them would leave the range of numbers.
const MAX_VALUE: f64 = 1e15;

/// The sum of the samples of a metric, whatever their labels; `None` if it has none. Histograms and summaries have no value.
pub fn sum(text: &str, name: &str) -> Option<f64> {
    let mut is_single = true;
    let mut sum = None;
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.split_whitespace();
            if (words.next(), words.next()) == (Some("TYPE"), Some(name)) {
                is_single = !matches!(words.next(), Some("histogram" | "summary"));
            }
        } else if let Some(value) = value_of(line, name).filter(|_| is_single) {
            sum = Some(sum.unwrap_or(0.0) + value);
        }
    }
    sum
}

/// The value of a sample, if it is one of this metric and a number from zero on.
fn value_of(line: &str, name: &str) -> Option<f64> {
    let rest = line.trim_start().strip_prefix(name)?;
    let rest = match rest.trim_start().strip_prefix('{') {
        Some(labels) => after_labels(labels)?,
        // A longer name begins alike.
        None => rest.strip_prefix([' ', '\t'])?,
    };
    let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
    (0.0..=MAX_VALUE).contains(&value).then_some(value)
}

/// What follows the labels of a sample. A brace in a quoted value does not end them.
fn after_labels(labels: &str) -> Option<&str> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, char) in labels.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return labels.get(at + 1..),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_added_up_whatever_their_labels() {
        for (text, expected) in [
            ("waiting 7", Some(7.0)),
            ("waiting{} 7 1700000000000", Some(7.0)),
            ("waiting {a=\"b\"}\t7", Some(7.0)),
            ("waiting{route=\"/v2/user/{id}\"} 3\nwaiting{route=\"/x\"} 2", Some(5.0)),
            ("waiting{a=\"say \\\"}\\\" 9\"} 4", Some(4.0)),
            ("waiting 1.5e1 # {trace_id=\"x\"} 0.5", Some(15.0)),
            ("waiting 0", Some(0.0)),
            ("waiting NaN\nwaiting +Inf\nwaiting 1e303\nwaiting -1", None),
            ("waiting_total 7\nwaitin 7\nxwaiting 7", None),
            ("waiting", None),
            ("waiting{a=\"b\" 7", None),
            ("waiting{a=\"}\" 7", None),
            ("waiting seven", None),
            ("# TYPE waiting summary\nwaiting{quantile=\"0.5\"} 7", None),
            ("# TYPE waiting gauge\nwaiting 7", Some(7.0)),
        ] {
            assert_eq!(sum(text, "waiting"), expected, "{text}");
        }
        assert_eq!(sum("job:waiting:sum{} 7", "job:waiting:sum"), Some(7.0));
    }
}
