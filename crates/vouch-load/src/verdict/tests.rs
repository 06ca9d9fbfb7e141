use super::super::arrivals::Arrivals;
use super::super::file::{LoadFile, Overrides};
use super::super::latencies::{latencies, record};
use super::super::round::IntervalStats;
use super::super::token_claims::Learned;
use super::super::{Failure, Wrong};
use super::*;
use std::time::Duration;

fn load(thresholds: &[&str]) -> Load {
    let thresholds = thresholds.iter().map(|text| text.parse().expect("a threshold")).collect();
    let overrides = Overrides { thresholds, arrivals: Some(Arrivals::Constant(200.0)), ..Overrides::default() };
    LoadFile::default().resolve(&overrides, false).expect("a load")
}

/// A round of ten seconds with a thousand good answers of 10 ms.
fn round(change: impl FnOnce(&mut Series)) -> Round {
    let mut series = Series::default();
    (0..1000).for_each(|_| series.good(10_000_000, 9_000_000));
    change(&mut series);
    let mut lag = latencies(3);
    (0..1000).for_each(|_| record(&mut lag, 20_000));
    let row =
        |second| IntervalStats { second, started: 100, good: 100, cpu_ns: 300_000_000, ..IntervalStats::default() };
    Round {
        rows: (0..10).map(row).collect(),
        lag,
        started: 1000,
        learned: Learned { user: Some("sub"), constant: vec![] },
        ..Round::new(vec![("refresh".into(), series.clone())], series, Duration::from_secs(10))
    }
}

fn verdict(thresholds: &[&str], round: &Round) -> Verdict {
    judge(&load(thresholds), round).verdict
}

#[test]
fn thresholds_decide() {
    let round = round(|_| {});
    assert_eq!(verdict(&[], &round), Verdict::Passed);
    assert_eq!(verdict(&["p99<20ms", "rate>=100/s", "refresh max<11ms"], &round), Verdict::Passed);
    assert_eq!(verdict(&["p99<9ms"], &round), Verdict::Failed);
    assert_eq!(verdict(&["p99<20ms", "rate>=100.1/s"], &round), Verdict::Failed);
    assert_eq!(judge(&load(&[]), &round).notes, Vec::<String>::new());
}

#[test]
fn wrong_answers_and_errors_break_a_load_that_says_nothing_of_them() {
    let lied = round(|series| series.failed(Failure::Wrong(Wrong::OtherUser), 0, String::new));
    assert_eq!(verdict(&[], &lied), Verdict::Failed);
    assert_eq!(verdict(&["p99<1s"], &lied), Verdict::Failed);
    assert_eq!(verdict(&["wrong<=1"], &lied), Verdict::Passed);
    let failed =
        |count: u32| round(|series| (0..count).for_each(|_| series.failed(Failure::Status(500), 0, String::new)));
    assert_eq!(verdict(&[], &failed(10)), Verdict::Passed);
    assert_eq!(verdict(&[], &failed(11)), Verdict::Failed);
    assert_eq!(verdict(&["errors<5%"], &failed(11)), Verdict::Passed);
    assert_eq!(verdict(&["errors<=10"], &failed(11)), Verdict::Failed);
    // A threshold on one workload does not lift the rule for all.
    assert_eq!(verdict(&["refresh errors<5%"], &failed(11)), Verdict::Failed);
}

#[test]
fn a_round_in_which_nothing_ended_proves_nothing() {
    let mut nothing = round(|series| *series = Series::default());
    assert_eq!(verdict(&["p99<1s"], &nothing), Verdict::Inconclusive);
    nothing.gave_up = true;
    assert_eq!(verdict(&["p99<1s"], &nothing), Verdict::Failed);
}

#[test]
fn what_the_server_said_is_its_own_doing_however_slow_the_generator() {
    let late = |failure: Failure, of: u32| {
        let mut late = round(|series| (0..of).for_each(|_| series.failed(failure, 0, String::new)));
        (0..100).for_each(|_| record(&mut late.lag, 50_000_000));
        late
    };
    for (failure, expected) in [
        (Failure::Status(500), Verdict::Failed),
        (Failure::NoHttp, Verdict::Failed),
        (Failure::Refused, Verdict::Failed),
        (Failure::TimedOut, Verdict::Inconclusive),
        (Failure::Lost, Verdict::Inconclusive),
    ] {
        assert_eq!(verdict(&["errors<1%"], &late(failure, 20)), expected, "{failure}");
        assert_eq!(verdict(&["errors<=19"], &late(failure, 20)), expected, "{failure}");
        assert_eq!(verdict(&["errors<=20"], &late(failure, 20)), Verdict::Passed, "{failure}");
    }
    // A server that signs the fleet out leaves nothing to send; that is no excuse for its errors.
    let mut out = round(|series| (0..20).for_each(|_| series.failed(Failure::Status(400), 0, String::new)));
    (out.starved, out.signed_out) = (500, 20);
    assert_eq!(verdict(&["errors<1%"], &out), Verdict::Failed);
    assert!(judge(&load(&[]), &out).limits[0].contains("20 installations were signed out"));
}

#[test]
fn a_call_that_is_made_twice_keeps_to_its_threshold_each_time() {
    let mut twice = round(|_| {});
    let mut slow = Series::default();
    slow.good(200_000_000, 200_000_000);
    twice.series.push(("day/resource".into(), twice.whole.clone()));
    twice.series.push(("day/resource#2".into(), slow));
    let mut load = load(&[]);
    load.thresholds = vec!["day/resource p50<100ms".parse().expect("a threshold")];
    let judged = judge(&load, &twice);
    assert_eq!((judged.verdict, judged.held[0].value.map(|v| v > 1.9e8)), (Verdict::Failed, Some(true)));
}

#[test]
fn a_journey_that_always_fails_is_not_hidden_by_the_others() {
    let judged = |good: u64, failed: u64, thresholds: &[&str]| {
        let mut lived = round(|_| {});
        let mut lives = Series::default();
        (0..good).for_each(|_| lives.good(1, 1));
        (0..failed).for_each(|_| lives.failed(Failure::Status(500), 0, String::new));
        lived.series.push(("scope".into(), lives));
        let mut load = load(&[]);
        load.thresholds = thresholds.iter().map(|text| text.parse().expect("a threshold")).collect();
        load.journeys = vec!["scope".into()];
        judge(&load, &lived)
    };
    let verdict = |good, failed, thresholds: &[&str]| judged(good, failed, thresholds).verdict;
    let all = judged(0, 3, &[]);
    assert_eq!((all.verdict, all.held.len()), (Verdict::Failed, 3));
    assert_eq!([verdict(89, 11, &[]), verdict(91, 9, &[])], [Verdict::Failed, Verdict::Passed]);
    let few = judged(91, 9, &[]);
    assert_eq!(few.held.len(), 2, "what journeys owe is shown where they do not keep it");
    // A bound on something else of theirs, or on the errors of all, does not lift it.
    assert_eq!([verdict(5, 3, &["scope p99<1s"]), verdict(5, 3, &["errors<90%"])], [Verdict::Failed; 2]);
    assert_eq!(verdict(0, 3, &["scope errors<=3"]), Verdict::Passed, "who says what may fail is taken at his word");
    let stuck = |users| {
        let mut load = load(&[]);
        (load.journeys, load.connections) = (vec!["scope".into()], 100);
        let mut lived = round(|_| {});
        lived.series.push(("scope".into(), lived.whole.clone()));
        lived.stuck = users;
        judge(&load, &lived)
    };
    assert_eq!([stuck(10).verdict, stuck(11).verdict], [Verdict::Passed, Verdict::Failed]);
    assert!(stuck(11).notes[0].contains("11 of 100 users"), "{:?}", stuck(11).notes);
    let nobody = judged(0, 0, &["p99<1s"]);
    assert_eq!(nobody.verdict, Verdict::Inconclusive);
    assert!(nobody.notes[0].contains("no user came to the end"), "{:?}", nobody.notes);
}

#[test]
fn a_threshold_without_a_figure_decides_nothing_and_hides_nothing() {
    let mut quiet = round(|_| {});
    quiet.series.push(("issue".into(), Series::default()));
    let judged = |thresholds: &[&str]| {
        let mut load = load(&[]);
        load.thresholds = thresholds.iter().map(|text| text.parse().expect("a threshold")).collect();
        judge(&load, &quiet).verdict
    };
    assert_eq!(judged(&["issue p99<1s"]), Verdict::Inconclusive);
    assert_eq!(judged(&["issue p99<1s", "p99<1ns"]), Verdict::Failed);
    assert_eq!(judged(&["issue p99<1s", "wrong<=0"]), Verdict::Inconclusive);
}

#[test]
fn tokens_of_more_than_one_issuer_are_not_passed_over() {
    let mut mixed = round(|_| {});
    mixed.mixed = vec!["iss"];
    assert_eq!(verdict(&["p99<1s"], &mixed), Verdict::Inconclusive);
    assert!(judge(&load(&[]), &mixed).notes[0].contains("more than one `iss`"));
}

#[test]
fn late_arrivals_spoil_what_they_could_explain() {
    let mut late = round(|_| {});
    (0..3).for_each(|_| record(&mut late.lag, 5_000_000));
    assert_eq!(verdict(&[], &late), Verdict::Passed);
    record(&mut late.lag, 5_000_000);
    assert_eq!(verdict(&[], &late), Verdict::Inconclusive);
    assert_eq!(verdict(&["p99<20ms"], &late), Verdict::Passed);
    assert_eq!(verdict(&["p99<9ms"], &late), Verdict::Inconclusive);
    assert!(judge(&load(&[]), &late).limits[0].contains("4 of 1004 arrivals"));
    // One in a thousand is none too many.
    let mut few = round(|_| {});
    (0..2996).for_each(|_| record(&mut few.lag, 20_000));
    (0..4).for_each(|_| record(&mut few.lag, 5_000_000));
    assert_eq!(verdict(&[], &few), Verdict::Passed);
    // What is little beside the server's own latency is no matter.
    let mut slow = round(|series| *series = Series::default());
    (0..1000).for_each(|_| slow.whole.good(100_000_000, 100_000_000));
    (0..100).for_each(|_| record(&mut slow.lag, 9_000_000));
    assert_eq!(verdict(&[], &slow), Verdict::Passed);
    (0..100).for_each(|_| record(&mut slow.lag, 11_000_000));
    assert_eq!(verdict(&[], &slow), Verdict::Inconclusive);
    // A max has no schedule to be late for.
    let max = Load { arrivals: Arrivals::Max, ..load(&[]) };
    assert_eq!(judge(&max, &late).verdict, Verdict::Passed);
    // Lies stay lies.
    late.whole.failed(Failure::Wrong(Wrong::NotRotated), 0, String::new);
    assert_eq!(verdict(&[], &late), Verdict::Failed);
}

#[test]
fn a_busy_generator_out_of_sockets_or_installations_says_so() {
    let mut busy = round(|_| {});
    busy.rows.iter_mut().for_each(|row| row.cpu_ns = 949_000_000);
    assert_eq!(verdict(&[], &busy), Verdict::Passed);
    busy.rows.iter_mut().for_each(|row| row.cpu_ns = 950_000_000);
    assert!(judge(&load(&[]), &busy).limits[0].starts_with("CPU"));
    // The second in the middle counts, of those in which something was to be done.
    let busy_for = |seconds: usize, idle: usize| {
        let mut some = round(|_| {});
        some.rows.iter_mut().take(seconds).for_each(|row| row.cpu_ns = 990_000_000);
        some.rows.iter_mut().skip(seconds).take(idle).for_each(|row| (row.started, row.cpu_ns) = (0, 0));
        judge(&load(&[]), &some).limits.len()
    };
    assert_eq!([busy_for(4, 0), busy_for(6, 0), busy_for(4, 4), busy_for(1, 8)], [0, 1, 1, 1]);
    busy.rows.truncate(1);
    assert!(judge(&load(&[]), &busy).limits.is_empty(), "one second is too few");
    let sockets = round(|series| series.failed(Failure::OutOfSockets, 0, String::new));
    assert!(judge(&load(&[]), &sockets).limits[0].starts_with("sockets: 1"));
    let mut starved = round(|_| {});
    starved.starved = 1;
    assert_eq!(verdict(&[], &starved), Verdict::Passed);
    starved.starved = 2;
    let limits = judge(&load(&[]), &starved).limits;
    assert!(limits[0].contains("2 of 1002") && limits[0].contains("fleet"), "{limits:?}");
    // What was never sent cannot have kept to anything.
    assert_eq!(verdict(&["p99<1s"], &starved), Verdict::Inconclusive);
    assert_eq!(verdict(&["rate>=200/s"], &starved), Verdict::Inconclusive);
    assert_eq!(verdict(&["p99<9ms"], &starved), Verdict::Failed, "the rest would not have made it faster");
    starved.whole.failed(Failure::Wrong(Wrong::Field), 0, String::new);
    assert_eq!(verdict(&["p99<1s"], &starved), Verdict::Failed);
}

#[test]
fn notes_tell_what_was_not_checked_and_what_happened() {
    let mut told = round(|_| {});
    (told.opaque, told.one_in, told.signed_out, told.held) = (1, 4, 2, 11);
    told.learned = Learned::default();
    let notes = judge(&load(&[]), &told).notes;
    for part in ["11 of 1000 arrivals waited", "say nothing", "one in 4", "2 installations"] {
        assert!(notes.iter().any(|note| note.contains(part)), "{part}: {notes:?}");
    }
    (told.held, told.starved) = (12, 100);
    assert!(judge(&load(&[]), &told).notes[0].contains("12 of 1100 arrivals waited"));
    (told.held, told.starved, told.late) = (10, 0, 7);
    assert!(judge(&load(&[]), &told).notes[0].contains("fell behind: 7 of 1000"));
    told.late = 0;
    assert_eq!(judge(&load(&[]), &told).notes.len(), 3);
    told.resent = 5;
    assert!(judge(&load(&[]), &told).notes[3].contains("5 requests were sent again"));
    (told.opaque, told.resent) = (0, 0);
    assert!(judge(&load(&[]), &told).notes[0].contains("no claim"));
    // Where no access token was given out, or none was good, there was nothing to check.
    let issues = Load { workloads: vec![crate::plan::workload("issue", 1, &[]).expect("built in")], ..load(&[]) };
    let mut unknown = round(|_| {});
    unknown.learned = Learned::default();
    assert_eq!(judge(&issues, &unknown).notes, Vec::<String>::new());
    for name in ["day/refresh", "day/exchange"] {
        unknown.series[0].0 = name.into();
        assert!(judge(&issues, &unknown).notes[0].contains("no claim"), "{name}");
    }
    unknown.whole.good = 0;
    assert_eq!(judge(&issues, &unknown).notes, Vec::<String>::new());
}

#[test]
fn what_was_wrong_before_the_clock_started_counts_and_is_told() {
    let mut before = round(|_| {});
    let failed = super::super::measure::Failed { count: 3, example: String::new() };
    before.count_before(&std::collections::BTreeMap::from([(Failure::Wrong(Wrong::OtherUser), failed)]));
    let judged = judge(&load(&["p99<1s"]), &before);
    assert_eq!(judged.verdict, Verdict::Failed);
    assert!(judged.notes[0].contains("3 of the wrong answers came before"), "{:?}", judged.notes);
    assert!(!judge(&load(&[]), &round(|_| {})).notes.iter().any(|note| note.contains("before")));
}
