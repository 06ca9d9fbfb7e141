//! The most that a client can do on this kernel: it sends the same request over all connections and counts the bytes that come
//! back, without looking at them. With epoll, as `vouch load` does, and with `io_uring`. Written for `benches/peers.sh`.
//!
//! `cargo run --release --example peer-floor -- epoll|io-uring 127.0.0.1:9470 CONNECTIONS SECONDS BODY_FILE` prints responses per second.

use mio::{Events, Interest, Poll, Token};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The request and its connections.
struct Plan {
    request: Vec<u8>,
    streams: Vec<TcpStream>,
    /// The length of a response, in bytes: all have the same.
    response: usize,
    end: Instant,
}

/// Counts the responses on a connection by their bytes.
#[derive(Clone, Default)]
struct Received(usize);

impl Received {
    /// Whether a response is complete with these bytes.
    fn add(&mut self, bytes: usize, response: usize) -> bool {
        self.0 += bytes;
        let complete = self.0 >= response;
        if complete {
            self.0 -= response;
        }
        complete
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [way, address, connections, seconds, body] = words.as_slice() else {
        panic!("epoll|io-uring ADDRESS CONNECTIONS SECONDS BODY_FILE")
    };
    let seconds: u64 = seconds.parse().expect("seconds");
    let body = std::fs::read(body).expect("the file with the body");
    let form = "application/x-www-form-urlencoded";
    let head = format!(
        "POST /v1/token HTTP/1.1\r\nhost: {address}\r\ncontent-type: {form}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let request = [head.into_bytes(), body].concat();
    let connect = |_| {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        stream
    };
    let mut streams: Vec<TcpStream> = (0..connections.parse().expect("connections")).map(connect).collect();
    streams[0].write_all(&request).expect("a request");
    let response = streams[0].read(&mut [0; 4096]).expect("a response");
    let start = Instant::now();
    let plan = Plan { request, streams, response, end: start + Duration::from_secs(seconds) };
    let count = match way.as_str() {
        "epoll" => with_epoll(plan),
        "io-uring" => with_io_uring(&plan),
        other => panic!("`{other}` is not a way: epoll, io-uring"),
    };
    println!("{}", u128::from(count) * 1_000_000 / start.elapsed().as_micros());
}

fn with_epoll(plan: Plan) -> u64 {
    let mut poll = Poll::new().expect("a poll");
    let mut events = Events::with_capacity(1024);
    let mut scratch = vec![0; 64 * 1024];
    let mut received = vec![Received::default(); plan.streams.len()];
    let mut streams: Vec<_> = plan.streams.into_iter().map(mio_stream).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        poll.registry().register(stream, Token(number), Interest::READABLE).expect("a registration");
        stream.write_all(&plan.request).expect("a request");
    }
    let mut count = 0;
    while Instant::now() < plan.end {
        poll.poll(&mut events, Some(Duration::from_millis(100))).expect("events");
        for event in &events {
            let number = event.token().0;
            let bytes = streams[number].read(&mut scratch).unwrap_or(0);
            if bytes > 0 && received[number].add(bytes, plan.response) {
                count += 1;
                streams[number].write_all(&plan.request).expect("a request");
            }
        }
    }
    count
}

fn mio_stream(stream: TcpStream) -> mio::net::TcpStream {
    stream.set_nonblocking(true).expect("a socket option");
    mio::net::TcpStream::from_std(stream)
}

#[cfg(not(target_os = "linux"))]
fn with_io_uring(_: &Plan) -> u64 {
    panic!("io_uring is a part of Linux")
}

#[cfg(target_os = "linux")]
fn with_io_uring(plan: &Plan) -> u64 {
    use io_uring::{IoUring, opcode, squeue, types};
    use std::os::fd::AsRawFd;
    /// Marks the completion of a send.
    const SEND: u64 = 1 << 32;
    /// `IORING_RECVSEND_POLL_FIRST`: a response is never there when its request is sent.
    const POLL_FIRST: u16 = 1;

    let builder = &mut IoUring::builder();
    let mut ring: IoUring = builder.setup_single_issuer().setup_defer_taskrun().build(1024).expect("a ring");
    let descriptors: Vec<i32> = plan.streams.iter().map(AsRawFd::as_raw_fd).collect();
    ring.submitter().register_files(&descriptors).expect("registered sockets");
    let mut buffers = vec![[0_u8; 4096]; descriptors.len()];
    let mut received = vec![Received::default(); descriptors.len()];
    let length = u32::try_from(plan.request.len()).expect("a short request");
    let send = |number: u32| {
        let entry = opcode::Send::new(types::Fixed(number), plan.request.as_ptr(), length).build();
        entry.user_data(SEND | u64::from(number)).flags(squeue::Flags::SKIP_SUCCESS)
    };
    let receive = |number: u32, buffer: &mut [u8; 4096]| {
        let entry = opcode::Recv::new(types::Fixed(number), buffer.as_mut_ptr(), 4096).ioprio(POLL_FIRST).build();
        entry.user_data(u64::from(number))
    };
    let mut entries = Vec::new();
    for (number, buffer) in (0..).zip(&mut buffers) {
        entries.extend([send(number), receive(number, buffer)]);
    }
    let mut count = 0;
    while Instant::now() < plan.end {
        // SAFETY: request and buffers outlive the ring, and no buffer has two receives at once.
        unsafe { ring.submission().push_multiple(&entries).expect("room for two entries per connection") };
        entries.clear();
        ring.submit_and_wait(1).expect("completions");
        for completion in ring.completion() {
            let at = completion.user_data();
            let bytes = usize::try_from(completion.result()).expect("a connection that stays open");
            let Ok(number) = u32::try_from(at) else { continue };
            if received[number as usize].add(bytes, plan.response) {
                count += 1;
                entries.push(send(number));
            }
            entries.push(receive(number, &mut buffers[number as usize]));
        }
    }
    count
}
