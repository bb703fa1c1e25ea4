/** One text for one value, whoever writes it: what is hashed must not depend on the order of keys. */

/**
 * Canonical JSON as RFC 8785, for the values that events are made of: null, booleans, finite numbers,
 * strings, arrays and plain objects. Lone surrogates become U+FFFD, as they would in UTF-8.
 * @throws TypeError for anything else: it would be lost or altered in storage
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.isWellFormed() ? value : value.toWellFormed());
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object') return canonicalObject(value);
  throw new TypeError(`Cannot write a ${typeof value} as canonical JSON`);
}

function canonicalObject(value: object): string {
  let text = '{';
  for (const key of Object.keys(value).sort()) {
    if (text.length > 1) text += ',';
    text += `${JSON.stringify(key)}:${canonicalJson((value as Record<string, unknown>)[key])}`;
  }
  return `${text}}`;
}
