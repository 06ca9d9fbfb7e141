import { isUtf8 } from 'node:buffer';

/**
 * @param {Buffer} bytes
 * @returns {any} the value, or undefined if these bytes are not JSON in UTF-8
 */
export function parse(bytes) {
  if (!isUtf8(bytes)) return undefined;
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

/**
 * @param {Buffer} bytes
 * @returns {any} the object, or null for anything else
 */
export function parseObject(bytes) {
  const value = parse(bytes);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
}
