//! What a load measured in relation to what the system under test has and uses.

use super::usage::{SystemSample, SystemUsage};
use crate::Round;
use crate::threshold::{short, time};
use serde_json::{Value, json};
use std::time::Duration;

/// Bytes in a mebibyte.
pub const MIB: f64 = 1024.0 * 1024.0;

/// Figures after the warm-up. `None`: not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SystemFigures {
    /// The average CPU, in processors: 1 is one busy processor.
    pub mean_cpu: Option<f64>,
    /// The highest CPU of a second, in processors.
    pub highest_cpu: Option<f64>,
    /// In bytes.
    pub highest_memory: Option<f64>,
    /// In requests that wait.
    pub highest_queue: Option<f64>,
    /// The virtual CPUs of all instances.
    pub vcpus: Option<f64>,
    /// Good responses per second and vCPU.
    pub rate_per_vcpu: Option<f64>,
    /// The CPU time of a good response, in nanoseconds.
    pub cpu_per_response: Option<f64>,
}

impl SystemFigures {
    /// The figures of a round. `vcpus`: the virtual CPUs that the system has.
    pub fn of(round: &Round, usage: Option<&SystemUsage>, warm_up: Duration, vcpus: Option<f64>) -> Self {
        let (rate, warm_up) = (round.total.figures(round.seconds()).rate, warm_up.as_secs_f64());
        let highest = |of: fn(&SystemSample) -> Option<f64>| usage.and_then(|usage| usage.highest(warm_up, of));
        let mean_cpu = usage.and_then(|usage| usage.mean_cpu(warm_up));
        Self {
            mean_cpu,
            highest_cpu: highest(|sample| sample.cpu),
            highest_memory: highest(|sample| sample.memory_bytes),
            highest_queue: highest(|sample| sample.queue),
            vcpus,
            rate_per_vcpu: vcpus.map(|vcpus| rate / vcpus),
            cpu_per_response: mean_cpu.filter(|_| rate > 0.0).map(|cpu| cpu / rate * 1e9),
        }
    }

    /// Names and values for readers.
    pub fn facts(&self) -> Vec<(String, String)> {
        let of_vcpus = |cpu: f64| {
            self.vcpus.map_or_else(String::new, |vcpus| format!(" ({:.0}% of {vcpus} vCPUs)", cpu / vcpus * 100.0))
        };
        let cpu = self.mean_cpu.zip(self.highest_cpu);
        [
            (
                "CPU",
                cpu.map(|(mean, highest)| format!("mean {mean:.2}{}, highest {highest:.2} processors", of_vcpus(mean))),
            ),
            ("CPU time of a good response", self.cpu_per_response.map(time)),
            ("memory", self.highest_memory.map(|bytes| format!("highest {:.0} MiB", bytes / MIB))),
            ("queue", self.highest_queue.map(|queue| format!("highest {}", short(queue)))),
            ("good/s per vCPU", self.rate_per_vcpu.map(short)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
    }

    /// The figures of a JSON report: CPU in processors, memory in bytes, CPU time in nanoseconds.
    pub fn json(&self) -> Value {
        json!({
            "cpuMean": self.mean_cpu, "cpuMax": self.highest_cpu, "memoryBytesMax": self.highest_memory,
            "queueMax": self.highest_queue, "ratePerVcpu": self.rate_per_vcpu,
            "cpuPerGoodResponse": self.cpu_per_response,
        })
    }
}
