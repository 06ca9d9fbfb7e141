// Answers, refusals, and reading of bodies.

const BODY_LIMIT = 1024 * 1024;

export class Refusal extends Error {
  constructor(status, errorType, message, more = {}, headers = {}) {
    super(message);
    this.status = status;
    this.body = { detail: { error_type: errorType, error_message: message, ...more } };
    this.headers = headers;
  }
}

export function send(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** The JSON object in the body of a request. */
export async function jsonObject(request) {
  const pieces = [];
  let length = 0;
  for await (const piece of request) {
    length += piece.length;
    if (length > BODY_LIMIT) throw new Refusal(413, 'INVALID_REQUEST', 'the body is too large');
    pieces.push(piece);
  }
  let value;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces)));
  } catch {
    throw new Refusal(422, 'INVALID_REQUEST', 'the body is not JSON');
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new Refusal(422, 'INVALID_REQUEST', 'the body is not a JSON object');
  }
  return value;
}

/** A member that is a text and not empty. */
export function textMember(object, name) {
  const value = object[name];
  if (typeof value !== 'string' || value === '') {
    throw new Refusal(422, 'INVALID_REQUEST', `\`${name}\` must be a text`);
  }
  return value;
}
