/** One value's replacement: valid for its type, so that drivers do not stumble over it. */
import type { Hit } from '../../../core/masking/detect.ts';
import { MASK_TEXT, maskText } from '../../../core/masking/mask.ts';
import type { MaskStyle } from '../../../core/target.ts';
import { replaceInJson } from './rewrite_json.ts';
import type { Shape } from './rewrite_plan.ts';

const MASK_BYTES = Buffer.from(MASK_TEXT, 'latin1');
const MASK_JSON = Buffer.from(JSON.stringify(MASK_TEXT), 'latin1');
/** The one version there is of jsonb's binary format: jsonb_send in PostgreSQL's jsonb.c. */
const JSONB_VERSION = Buffer.from([1]);
const MASK_JSONB = Buffer.concat([JSONB_VERSION, MASK_JSON]);

/** A whole value; null is SQL NULL. */
export function maskedValue(shape: Shape, style: MaskStyle, value: Buffer): Buffer | null {
  if (style === 'null') return null;
  switch (shape) {
    case 'text': {
      if (style === 'full') return MASK_BYTES;
      const masked = maskText(style, value.toString('utf8'));
      return masked === null ? null : Buffer.from(masked, 'utf8');
    }
    case 'json':
      return MASK_JSON;
    case 'jsonb-binary':
      return MASK_JSONB;
    case 'holder':
    case 'plain':
      return null;
  }
}

/**
 * A value in which detectors hit: the stretches are replaced where the type stays valid, and
 * otherwise the value is NULL. `hits` are byte offsets into `value`, ascending and apart.
 */
export function withoutHits(shape: Shape, value: Buffer, hits: readonly Hit[]): Buffer | null {
  switch (shape) {
    case 'text':
      return replaceBytes(value, hits);
    case 'json':
      return replaceInJson(value, hits);
    case 'jsonb-binary':
      if (value[0] !== 1) return null;
      return Buffer.concat([
        JSONB_VERSION,
        replaceInJson(
          value.subarray(1),
          hits.map((hit) => ({ ...hit, start: Math.max(0, hit.start - 1), end: hit.end - 1 })),
        ),
      ]);
    case 'holder':
    case 'plain':
      return null;
  }
}

function replaceBytes(value: Buffer, hits: readonly Hit[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const hit of hits) {
    const start = Math.max(at, characterStart(value, hit.start));
    parts.push(value.subarray(at, start), MASK_BYTES);
    at = Math.max(start, characterEnd(value, hit.end));
  }
  parts.push(value.subarray(at));
  return Buffer.concat(parts);
}

/** Detectors see bytes; half a UTF-8 sequence left behind would not be text (RFC 3629 section 3). */
export function characterStart(value: Buffer, offset: number): number {
  let at = offset;
  while (at > 0 && isContinuation(value[at])) at -= 1;
  return at;
}

export function characterEnd(value: Buffer, offset: number): number {
  let at = offset;
  while (at < value.length && isContinuation(value[at])) at += 1;
  return at;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
