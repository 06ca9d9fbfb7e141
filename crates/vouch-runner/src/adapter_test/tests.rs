use super::*;
use std::sync::Arc;
use vouch_sim::reference::adapter::{ReferenceSdk, TimeSource};

#[tokio::test]
async fn the_reference_sdk_follows_every_rule() {
    for time in [TimeSource::Harness, TimeSource::System] {
        let role = SdkRole::Builtin { assembly: Arc::new(ReferenceSdk), time };
        let reports = test(&role, Deadlines::default()).await.expect("it starts");
        assert_eq!(reports.len(), 1 + checks::CHECKS.len());
        for report in reports {
            assert!(!matches!(report.outcome, Outcome::Broken(_)), "{report:?}");
            let by_machine = time == TimeSource::System && report.name == "clock";
            assert_eq!(report.outcome == Outcome::Followed, !by_machine, "{report:?}");
        }
    }
}
