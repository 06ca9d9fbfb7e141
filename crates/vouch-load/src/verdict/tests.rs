use super::super::arrivals::Arrivals;
use super::super::file::{LoadFile, Overrides};
use super::super::latencies::{latencies, record};
use super::super::round::IntervalStats;
use super::super::token_claims::LearnedClaims;
use super::super::{Failure, WrongResponse};
use super::*;
use std::time::Duration;

fn load(thresholds: &[&str]) -> Load {
    let thresholds = thresholds.iter().map(|text| text.parse().expect("a threshold")).collect();
    let overrides = Overrides { thresholds, arrivals: Some(Arrivals::Constant(200.0)), ..Overrides::default() };
    LoadFile::default().resolve(&overrides, None).expect("a load")
}

/// A round of ten seconds with a thousand good responses of 10 ms.
fn round(change: impl FnOnce(&mut Series)) -> Round {
    let mut series = Series::default();
    (0..1000).for_each(|_| series.good(10_000_000, 9_000_000));
    change(&mut series);
    let mut lag = latencies(3);
    (0..1000).for_each(|_| record(&mut lag, 20_000));
    let interval =
        |second| IntervalStats { second, started: 100, good: 100, cpu_ns: 300_000_000, ..IntervalStats::default() };
    Round {
        intervals: (0..10).map(interval).collect(),
        lag,
        started: 1000,
        learned_claims: LearnedClaims { user: Some("sub".into()), ..LearnedClaims::default() },
        ..Round::new(vec![("refresh".into(), series.clone())], series, Duration::from_secs(10))
    }
}

fn verdict(thresholds: &[&str], round: &Round) -> LoadVerdict {
    evaluate(&load(thresholds), round).verdict
}

#[test]
fn thresholds_decide_the_verdict() {
    let round = round(|_| {});
    assert_eq!(verdict(&[], &round), LoadVerdict::Passed);
    assert_eq!(verdict(&["p99<20ms", "rate>=100/s", "refresh max<11ms"], &round), LoadVerdict::Passed);
    assert_eq!(verdict(&["p99<9ms"], &round), LoadVerdict::Failed);
    assert_eq!(verdict(&["p99<20ms", "rate>=100.1/s"], &round), LoadVerdict::Failed);
    assert_eq!(evaluate(&load(&[]), &round).notes, Vec::<String>::new());
}

#[test]
fn default_thresholds_limit_wrong_responses_and_errors() {
    let wrong = round(|series| series.failed(Failure::Wrong(WrongResponse::OtherUser), 0, String::new));
    assert_eq!(verdict(&[], &wrong), LoadVerdict::Failed);
    assert_eq!(verdict(&["p99<1s"], &wrong), LoadVerdict::Failed);
    assert_eq!(verdict(&["wrong<=1"], &wrong), LoadVerdict::Passed);
    let failed =
        |count: u32| round(|series| (0..count).for_each(|_| series.failed(Failure::Status(500), 0, String::new)));
    assert_eq!(verdict(&[], &failed(10)), LoadVerdict::Passed);
    assert_eq!(verdict(&[], &failed(11)), LoadVerdict::Failed);
    assert_eq!(verdict(&["errors<5%"], &failed(11)), LoadVerdict::Passed);
    assert_eq!(verdict(&["errors<=10"], &failed(11)), LoadVerdict::Failed);
    // A threshold on one workload does not replace the default for all.
    assert_eq!(verdict(&["refresh errors<5%"], &failed(11)), LoadVerdict::Failed);
}

#[test]
fn a_round_without_responses_is_inconclusive() {
    let mut nothing = round(|series| *series = Series::default());
    assert_eq!(verdict(&["p99<1s"], &nothing), LoadVerdict::Inconclusive);
    nothing.aborted = true;
    assert_eq!(verdict(&["p99<1s"], &nothing), LoadVerdict::Failed);
}

#[test]
fn error_responses_fail_the_load_however_slow_the_generator_is() {
    let late = |failure: Failure, of: u32| {
        let mut late = round(|series| (0..of).for_each(|_| series.failed(failure, 0, String::new)));
        (0..100).for_each(|_| record(&mut late.lag, 50_000_000));
        late
    };
    for (failure, expected) in [
        (Failure::Status(500), LoadVerdict::Failed),
        (Failure::NotHttp, LoadVerdict::Failed),
        (Failure::Refused, LoadVerdict::Failed),
        (Failure::TimedOut, LoadVerdict::Inconclusive),
        (Failure::ConnectionLost, LoadVerdict::Inconclusive),
    ] {
        assert_eq!(verdict(&["errors<1%"], &late(failure, 20)), expected, "{failure}");
        assert_eq!(verdict(&["errors<=19"], &late(failure, 20)), expected, "{failure}");
        assert_eq!(verdict(&["errors<=20"], &late(failure, 20)), LoadVerdict::Passed, "{failure}");
    }
    // Errors count even if a server signs so many installations out that arrivals starve.
    let mut out = round(|series| (0..20).for_each(|_| series.failed(Failure::Status(400), 0, String::new)));
    (out.starved, out.signed_out) = (500, 20);
    assert_eq!(verdict(&["errors<1%"], &out), LoadVerdict::Failed);
    assert!(evaluate(&load(&[]), &out).generator_limits[0].contains("signed 20 installations out"));
}

#[test]
fn a_repeated_call_must_pass_its_threshold_each_time() {
    let mut twice = round(|_| {});
    let mut slow = Series::default();
    slow.good(200_000_000, 200_000_000);
    twice.series.push(("day/resource".into(), twice.total.clone()));
    twice.series.push(("day/resource#2".into(), slow));
    let mut load = load(&[]);
    load.thresholds = vec!["day/resource p50<100ms".parse().expect("a threshold")];
    let evaluation = evaluate(&load, &twice);
    assert_eq!(
        (evaluation.verdict, evaluation.thresholds[0].value.map(|v| v > 1.9e8)),
        (LoadVerdict::Failed, Some(true))
    );
}

#[test]
fn a_failing_journey_is_not_hidden_by_the_others() {
    let evaluation = |good: u64, failed: u64, thresholds: &[&str]| {
        let mut record_lifecycle = round(|_| {});
        let mut lifecycles = Series::default();
        (0..good).for_each(|_| lifecycles.good(1, 1));
        (0..failed).for_each(|_| lifecycles.failed(Failure::Status(500), 0, String::new));
        record_lifecycle.series.push(("scope".into(), lifecycles));
        let mut load = load(&[]);
        load.thresholds = thresholds.iter().map(|text| text.parse().expect("a threshold")).collect();
        load.journeys = vec!["scope".into()];
        evaluate(&load, &record_lifecycle)
    };
    let verdict = |good, failed, thresholds: &[&str]| evaluation(good, failed, thresholds).verdict;
    let all = evaluation(0, 3, &[]);
    assert_eq!((all.verdict, all.thresholds.len()), (LoadVerdict::Failed, 3));
    assert_eq!([verdict(89, 11, &[]), verdict(91, 9, &[])], [LoadVerdict::Failed, LoadVerdict::Passed]);
    let few = evaluation(91, 9, &[]);
    assert_eq!(few.thresholds.len(), 2, "the default threshold of a journey is only listed if it fails");
    // A threshold on another metric or on all errors does not replace it.
    assert_eq!([verdict(5, 3, &["scope p99<1s"]), verdict(5, 3, &["errors<90%"])], [LoadVerdict::Failed; 2]);
    assert_eq!(verdict(0, 3, &["scope errors<=3"]), LoadVerdict::Passed, "a threshold of its own replaces the default");
    let unanswered_users = |users| {
        let mut load = load(&[]);
        (load.journeys, load.connections) = (vec!["scope".into()], 100);
        let mut record_lifecycle = round(|_| {});
        record_lifecycle.series.push(("scope".into(), record_lifecycle.total.clone()));
        record_lifecycle.unanswered_users = users;
        evaluate(&load, &record_lifecycle)
    };
    assert_eq!(
        [unanswered_users(10).verdict, unanswered_users(11).verdict],
        [LoadVerdict::Passed, LoadVerdict::Failed]
    );
    assert!(unanswered_users(11).notes[0].contains("11 of 100 users"), "{:?}", unanswered_users(11).notes);
    let nobody = evaluation(0, 0, &["p99<1s"]);
    assert_eq!(nobody.verdict, LoadVerdict::Inconclusive);
    assert!(nobody.notes[0].contains("no user completed a lifecycle"), "{:?}", nobody.notes);
}

#[test]
fn a_threshold_without_a_value_is_inconclusive_and_hides_nothing() {
    let mut quiet = round(|_| {});
    quiet.series.push(("issue".into(), Series::default()));
    let evaluation = |thresholds: &[&str]| {
        let mut load = load(&[]);
        load.thresholds = thresholds.iter().map(|text| text.parse().expect("a threshold")).collect();
        evaluate(&load, &quiet).verdict
    };
    assert_eq!(evaluation(&["issue p99<1s"]), LoadVerdict::Inconclusive);
    assert_eq!(evaluation(&["issue p99<1s", "p99<1ns"]), LoadVerdict::Failed);
    assert_eq!(evaluation(&["issue p99<1s", "wrong<=0"]), LoadVerdict::Inconclusive);
}

#[test]
fn tokens_of_more_than_one_issuer_are_inconclusive() {
    let mut inconsistent_claims = round(|_| {});
    inconsistent_claims.inconsistent_claims = vec!["iss".into()];
    assert_eq!(verdict(&["p99<1s"], &inconsistent_claims), LoadVerdict::Inconclusive);
    assert!(evaluate(&load(&[]), &inconsistent_claims).notes[0].contains("more than one value of `iss`"));
}

#[test]
fn failed_thresholds_are_inconclusive_if_late_arrivals_could_explain_them() {
    let mut late = round(|_| {});
    (0..3).for_each(|_| record(&mut late.lag, 5_000_000));
    assert_eq!(verdict(&[], &late), LoadVerdict::Passed);
    record(&mut late.lag, 5_000_000);
    assert_eq!(verdict(&[], &late), LoadVerdict::Inconclusive);
    assert_eq!(verdict(&["p99<20ms"], &late), LoadVerdict::Passed);
    assert_eq!(verdict(&["p99<9ms"], &late), LoadVerdict::Inconclusive);
    assert!(evaluate(&load(&[]), &late).generator_limits[0].contains("4 of 1004 arrivals"));
    // One late arrival in a thousand is allowed.
    let mut few = round(|_| {});
    (0..2996).for_each(|_| record(&mut few.lag, 20_000));
    (0..4).for_each(|_| record(&mut few.lag, 5_000_000));
    assert_eq!(verdict(&[], &few), LoadVerdict::Passed);
    // A delay that is small compared with the latency is ignored.
    let mut slow = round(|series| *series = Series::default());
    (0..1000).for_each(|_| slow.total.good(100_000_000, 100_000_000));
    (0..100).for_each(|_| record(&mut slow.lag, 9_000_000));
    assert_eq!(verdict(&[], &slow), LoadVerdict::Passed);
    (0..100).for_each(|_| record(&mut slow.lag, 11_000_000));
    assert_eq!(verdict(&[], &slow), LoadVerdict::Inconclusive);
    // `max` has no schedule.
    let max = Load { arrivals: Arrivals::Max, ..load(&[]) };
    assert_eq!(evaluate(&max, &late).verdict, LoadVerdict::Passed);
    // Wrong responses always count.
    late.total.failed(Failure::Wrong(WrongResponse::NotRotated), 0, String::new);
    assert_eq!(verdict(&[], &late), LoadVerdict::Failed);
}

#[test]
fn a_saturated_generator_is_reported() {
    let mut busy = round(|_| {});
    busy.intervals.iter_mut().for_each(|interval| interval.cpu_ns = 949_000_000);
    assert_eq!(verdict(&[], &busy), LoadVerdict::Passed);
    busy.intervals.iter_mut().for_each(|interval| interval.cpu_ns = 950_000_000);
    assert!(evaluate(&load(&[]), &busy).generator_limits[0].starts_with("CPU"));
    // The median second counts, among the seconds with arrivals.
    let busy_for = |seconds: usize, idle: usize| {
        let mut some = round(|_| {});
        some.intervals.iter_mut().take(seconds).for_each(|interval| interval.cpu_ns = 990_000_000);
        some.intervals
            .iter_mut()
            .skip(seconds)
            .take(idle)
            .for_each(|interval| (interval.started, interval.cpu_ns) = (0, 0));
        evaluate(&load(&[]), &some).generator_limits.len()
    };
    assert_eq!([busy_for(4, 0), busy_for(6, 0), busy_for(4, 4), busy_for(1, 8)], [0, 1, 1, 1]);
    busy.intervals.truncate(1);
    assert!(evaluate(&load(&[]), &busy).generator_limits.is_empty(), "one second is too few");
    let sockets = round(|series| series.failed(Failure::OutOfSockets, 0, String::new));
    assert!(evaluate(&load(&[]), &sockets).generator_limits[0].starts_with("sockets: 1"));
    let mut starved = round(|_| {});
    starved.starved = 1;
    assert_eq!(verdict(&[], &starved), LoadVerdict::Passed);
    starved.starved = 2;
    let limits = evaluate(&load(&[]), &starved).generator_limits;
    assert!(limits[0].contains("2 of 1002") && limits[0].contains("--installations"), "{limits:?}");
    // A load that was not sent completely cannot pass.
    assert_eq!(verdict(&["p99<1s"], &starved), LoadVerdict::Inconclusive);
    assert_eq!(verdict(&["rate>=200/s"], &starved), LoadVerdict::Inconclusive);
    assert_eq!(verdict(&["p99<9ms"], &starved), LoadVerdict::Failed, "more requests would not have been faster");
    starved.total.failed(Failure::Wrong(WrongResponse::MissingField), 0, String::new);
    assert_eq!(verdict(&["p99<1s"], &starved), LoadVerdict::Failed);
}

#[test]
fn the_share_of_a_busy_thread_is_exact() {
    let mut busy = round(|_| {});
    busy.intervals.iter_mut().for_each(|interval| interval.cpu_ns = 1_130_000_000);
    let limits = evaluate(&load(&[]), &busy).generator_limits;
    assert!(limits[0].contains("used 113% of its core"), "{limits:?}");
}

#[test]
fn notes_report_what_was_not_checked() {
    let mut noted = round(|_| {});
    (noted.opaque_tokens, noted.sample_one_in, noted.signed_out, noted.waited_for_connection) = (1, 4, 2, 11);
    noted.learned_claims = LearnedClaims::default();
    let notes = evaluate(&load(&[]), &noted).notes;
    for part in ["11 of 1000 arrivals waited", "are opaque", "one in 4", "2 installations"] {
        assert!(notes.iter().any(|note| note.contains(part)), "{part}: {notes:?}");
    }
    (noted.waited_for_connection, noted.starved) = (12, 100);
    assert!(evaluate(&load(&[]), &noted).notes[0].contains("12 of 1100 arrivals waited"));
    (noted.waited_for_connection, noted.starved, noted.late_responses) = (10, 0, 7);
    assert!(evaluate(&load(&[]), &noted).notes[0].contains("fell behind: 7 of 1000"));
    noted.late_responses = 0;
    assert_eq!(evaluate(&load(&[]), &noted).notes.len(), 3);
    noted.resent = 5;
    assert!(evaluate(&load(&[]), &noted).notes[3].contains("5 requests were sent again"));
    (noted.opaque_tokens, noted.resent) = (0, 0);
    assert!(evaluate(&load(&[]), &noted).notes[0].contains("no claim"));
    noted.learned_claims.too_few = Some(3);
    assert!(evaluate(&load(&[]), &noted).notes[0].contains("3 access tokens were seen, too few to learn"));
    // Without good responses that contain access tokens there is nothing to check.
    let issues = Load { workloads: vec![crate::plan::workload("issue", 1, &[]).expect("built in")], ..load(&[]) };
    let mut unknown = round(|_| {});
    unknown.learned_claims = LearnedClaims::default();
    assert_eq!(evaluate(&issues, &unknown).notes, Vec::<String>::new());
    for name in ["day/refresh", "day/exchange"] {
        unknown.series[0].0 = name.into();
        assert!(evaluate(&issues, &unknown).notes[0].contains("no claim"), "{name}");
    }
    unknown.total.good = 0;
    assert_eq!(evaluate(&issues, &unknown).notes, Vec::<String>::new());
}

#[test]
fn wrong_responses_before_the_measurement_count_and_are_reported() {
    let mut before = round(|_| {});
    let failed = super::super::measure::FailureStats { count: 3, example: String::new() };
    before.add_wrong_before_start(&std::collections::BTreeMap::from([(
        Failure::Wrong(WrongResponse::OtherUser),
        failed,
    )]));
    let evaluation = evaluate(&load(&["p99<1s"]), &before);
    assert_eq!(evaluation.verdict, LoadVerdict::Failed);
    // No measured call is to blame, whatever rounds are merged.
    let mut merged = round(|_| {});
    merged.merge(&before);
    merged.merge(&round(|_| {}));
    merged.merge(&before);
    for (of, count) in [(&before, 3), (&merged, 6)] {
        let wrong: Vec<_> = of.series.iter().map(|(name, series)| (name.as_str(), series.wrong())).collect();
        assert_eq!((wrong, of.total.wrong()), (vec![("refresh", 0), ("preparation", count)], count));
    }
    assert!(evaluation.notes[0].contains("3 of the wrong responses came before"), "{:?}", evaluation.notes);
    assert!(!evaluate(&load(&[]), &round(|_| {})).notes.iter().any(|note| note.contains("before")));
}
