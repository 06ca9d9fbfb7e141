//! Who handles the requests and notifications of a process, case after case.

use super::process::HostCallbacks;
use async_trait::async_trait;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;
use vouch_spec::protocol::{ErrorKind, Handler, Refusal};

/// The callbacks of the current case. Between two cases there are none.
pub(super) struct CallbackBinding {
    current: watch::Sender<Option<Arc<dyn HostCallbacks>>>,
    /// Whether the process sent something while it served no case.
    spoke: AtomicBool,
}

impl CallbackBinding {
    pub fn new(callbacks: Arc<dyn HostCallbacks>) -> Self {
        Self { current: watch::Sender::new(Some(callbacks)), spoke: AtomicBool::new(false) }
    }

    /// The process serves a case.
    pub fn bind(&self, callbacks: Arc<dyn HostCallbacks>) {
        self.current.send_replace(Some(callbacks));
    }

    /// The process serves no case. Its open requests are answered with the kind `cancelled`.
    pub fn release(&self) {
        self.current.send_replace(None);
    }

    /// Whether the process has sent a request or notification while it served no case.
    pub fn spoke_unasked(&self) -> bool {
        self.spoke.load(Ordering::Relaxed)
    }

    fn between_cases() -> Refusal {
        Refusal::new(ErrorKind::Cancelled, "the case of this request has ended")
    }
}

#[async_trait]
impl Handler for CallbackBinding {
    async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        let mut current = self.current.subscribe();
        let callbacks = current.borrow_and_update().clone();
        let Some(callbacks) = callbacks else {
            self.spoke.store(true, Ordering::Relaxed);
            return Err(Self::between_cases());
        };
        tokio::select! {
            biased;
            _ = current.changed() => Err(Self::between_cases()),
            answer = callbacks.request(method, params) => answer,
        }
    }

    fn notification(&self, method: &str, params: Value) {
        let callbacks = self.current.borrow().clone();
        match callbacks {
            Some(callbacks) => callbacks.notification(method, params),
            None => self.spoke.store(true, Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use serde_json::json;

    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    #[async_trait]
    impl HostCallbacks for Notes {
        async fn request(&self, method: &str, _: Value) -> Result<Value, Refusal> {
            if method == "sleep" {
                std::future::pending::<()>().await;
            }
            Ok(json!({}))
        }

        fn notification(&self, method: &str, _: Value) {
            self.0.lock().push(method.to_owned());
        }
    }

    #[tokio::test]
    async fn each_case_gets_its_own_messages_and_an_open_request_ends_with_its_case() {
        let (first, second) = (Arc::new(Notes::default()), Arc::new(Notes::default()));
        let binding = Arc::new(CallbackBinding::new(first.clone()));
        binding.notification("statusChanged", json!({}));
        let open = tokio::spawn({
            let binding = binding.clone();
            async move { binding.request("sleep", json!({})).await }
        });
        tokio::task::yield_now().await;
        binding.release();
        let answer = open.await.expect("no panic").expect_err("the case is over");
        assert_eq!(answer.kind(), Some(ErrorKind::Cancelled));
        assert!(!binding.spoke_unasked());
        binding.bind(second.clone());
        binding.notification("log", json!({}));
        assert_eq!(binding.request("authenticate", json!({})).await, Ok(json!({})));
        assert_eq!((&first.0.lock()[..], &second.0.lock()[..]), (&["statusChanged".into()][..], &["log".into()][..]));
    }

    #[tokio::test]
    async fn what_comes_between_two_cases_reaches_no_case() {
        for notifies in [true, false] {
            let notes = Arc::new(Notes::default());
            let binding = CallbackBinding::new(notes.clone());
            binding.release();
            match notifies {
                true => binding.notification("log", json!({})),
                false => assert!(binding.request("authenticate", json!({})).await.is_err()),
            }
            assert!(binding.spoke_unasked() && notes.0.lock().is_empty());
        }
    }
}
