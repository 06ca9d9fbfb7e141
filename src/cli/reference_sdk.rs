//! `vouch reference-sdk`.

use super::{CliError, Done, mutant, runtime};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use vouch_runner::sut::{ConnectAddress, Streams};
use vouch_sim::mutant::Mutation;
use vouch_sim::reference::adapter::{PreviousReferenceSdk, ReferenceSdk, SdkFactory, TimeSource, serve};
use vouch_sim::reference::sdk::ports::ProcessLifetime;
use vouch_spec::protocol::message::Hello;

#[derive(clap::Args)]
pub struct Args {
    /// Do not claim the capability `clock`; use the machine's clock.
    #[arg(long)]
    no_clock: bool,

    /// Run the SDK mutant with this name, as listed by `vouch mutants`.
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,

    /// Run the release before this one, which stores a session in another format: for `[sdk.previous]`.
    #[arg(long, conflicts_with = "mutant")]
    previous: bool,

    /// Listen on this address and speak lines over TCP with the first that connects, in place of standard input and output.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "dial")]
    listen: Option<SocketAddr>,

    /// With `--listen`: go on with the next connection, as an app that is launched again.
    #[arg(long, requires = "listen")]
    forever: bool,

    /// Dial in to a Vouch that listens, `tcp://HOST:PORT` or `ws://HOST:PORT`.
    #[arg(long, value_name = "URL", value_parser = |text: &str| text.parse::<ConnectAddress>().map_err(|error| format!("it {error}")))]
    dial: Option<ConnectAddress>,

    /// With `--dial`: the installation id.
    #[arg(long, value_name = "ID", requires = "dial", default_value = "reference-sdk")]
    installation: String,
}

pub fn run(args: &Args) -> Done {
    let assembly: Arc<dyn SdkFactory> = match &args.mutant {
        None if args.previous => Arc::new(PreviousReferenceSdk),
        None => Arc::new(ReferenceSdk),
        Some(name) => match mutant(name)?.mutation {
            Mutation::Sdk(assembly) => assembly,
            other => {
                return Err(CliError::Usage(format!("`{name}` is a mutant of the {}, not of the SDK", other.word())));
            }
        },
    };
    let locale = std::env::var("LANG").unwrap_or_default();
    let assembly = assembly.in_locale(&locale).unwrap_or(assembly);
    let time = if args.no_clock { TimeSource::System } else { TimeSource::Harness };
    let runtime = runtime()?;
    let served = runtime.block_on(serve_over(args, assembly, time));
    // The reader of standard input cannot be joined while it waits.
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

/// Serves the protocol over the streams that the arguments name.
async fn serve_over(args: &Args, assembly: Arc<dyn SdkFactory>, time: TimeSource) -> Result<(), CliError> {
    let life = ProcessLifetime::default;
    if let Some(address) = args.listen {
        let failed = |error| CliError::Environment(format!("cannot listen on {address}: {error}"));
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        loop {
            let (stream, _) = listener.accept().await.map_err(failed)?;
            let (read, write) = stream.into_split();
            serve(read, write, assembly.clone(), time, life()).await;
            if !args.forever {
                return Ok(());
            }
        }
    }
    if let Some(address) = &args.dial {
        let failed = |error| CliError::Environment(format!("cannot dial in: {error}"));
        let Streams { read, mut write } = address.connect().await.map_err(failed)?;
        let params = Hello { installation: args.installation.clone() };
        let hello = serde_json::json!({ "jsonrpc": "2.0", "method": "hello", "params": params });
        write.write_all(format!("{hello}\n").as_bytes()).await.map_err(failed)?;
        serve(read, write, assembly, time, life()).await;
        return Ok(());
    }
    serve(tokio::io::stdin(), tokio::io::stdout(), assembly, time, life()).await;
    Ok(())
}
