/** The longest line in bytes, in both directions. */
export const LINE_LIMIT = 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * The transport: lines over a pair of streams. It knows nothing of JSON or of the protocol.
 *
 * Any readable and writable stream will do: standard input and output, or one `net.Socket` in both places.
 */
export class LineChannel {
  #input;
  #output;
  #ended = false;
  /** @type {Buffer[]} the parts of the line that is not complete yet */
  #parts = [];
  #size = 0;
  /** @type {import('../vouch-adapter.d.mts').LineListener | null} */
  #listener = null;

  /**
   * @param {import('node:stream').Readable} input
   * @param {import('node:stream').Writable} output
   */
  constructor(input, output) {
    this.#input = input;
    this.#output = output;
  }

  /**
   * Standard input and output of this process. From then on everything else that this process prints, also by
   * `console.log`, goes to standard error: standard output carries protocol messages only.
   */
  static overStdio() {
    const channel = new LineChannel(process.stdin, process.stdout);
    Object.defineProperty(process, 'stdout', { value: process.stderr, configurable: true });
    globalThis.console = new console.Console(process.stderr, process.stderr);
    return channel;
  }

  /**
   * Starts to read. `listener.end` is called once: when the input ends, or when either stream fails.
   * @param {import('../vouch-adapter.d.mts').LineListener} listener
   */
  open(listener) {
    this.#listener = listener;
    this.#input.on('data', (chunk) => this.#take(Buffer.from(chunk)));
    for (const event of ['end', 'close', 'error']) this.#input.on(event, () => this.#end());
    for (const event of ['close', 'error']) this.#output.on(event, () => this.#end());
  }

  /**
   * Writes one line. Does nothing after the end.
   * @param {string} line without its line break
   */
  write(line) {
    if (!this.#ended) this.#output.write(`${line}\n`);
  }

  /** Resolves when everything that was written has been handed to the operating system. */
  flush() {
    return new Promise((resolve) => {
      if (this.#ended) resolve(undefined);
      else this.#output.write('', () => resolve(undefined));
    });
  }

  /** @param {Buffer} chunk */
  #take(chunk) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#append(chunk.subarray(start, end));
      this.#finishLine();
      start = end + 1;
    }
    this.#append(chunk.subarray(start));
  }

  /**
   * Keeps a part of a line; of a line that is too long only its size.
   * @param {Buffer} part
   */
  #append(part) {
    this.#size += part.length;
    if (this.#size < LINE_LIMIT) this.#parts.push(part);
    else this.#parts = [];
  }

  #finishLine() {
    const [line, size] = [Buffer.concat(this.#parts), this.#size];
    this.#parts = [];
    this.#size = 0;
    if (size >= LINE_LIMIT) this.#listener?.tooLong();
    else this.#listener?.line(line);
  }

  #end() {
    if (this.#ended) return;
    this.#ended = true;
    this.#listener?.end();
  }
}
