/** The value, or undefined if these bytes are not JSON in UTF-8. */
export function parse(bytes: BufferSource): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** The object, or null for anything else. */
export function parseObject(bytes: BufferSource): Record<string, any> | null {
  const value = parse(bytes);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
}
