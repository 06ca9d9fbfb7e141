import type { Channel, LineListener } from '../../node/vouch-adapter.mjs';

/** The transport of a page: each message of a WebSocket is one line. */
export class SocketChannel implements Channel {
  #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Connects to Vouch, and says which installation this is. */
  static dial(url: string, installation: string): Promise<SocketChannel> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      socket.onerror = () => reject(new Error(`there is no connection to ${url}`));
      socket.onopen = () => {
        socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'hello', params: { installation } }));
        resolve(new SocketChannel(socket));
      };
    });
  }

  open(listener: LineListener): void {
    this.#socket.onmessage = ({ data }) => listener.line(new TextEncoder().encode(data));
    this.#socket.onclose = () => listener.end();
  }

  write(line: string): void {
    this.#socket.send(line);
  }

  /** Closes it once everything is sent. */
  close(): void {
    this.#socket.close();
  }

  /** Resolves when the browser has sent everything. */
  async flush(): Promise<void> {
    while (this.#socket.bufferedAmount > 0 && this.#socket.readyState === WebSocket.OPEN) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}
