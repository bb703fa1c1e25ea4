import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeFrameReader } from '../../../proxy/protocols/postgres/codec_frames.ts';
import {
  decodeBind,
  decodeNamed,
  decodeParse,
  sessionLimit,
} from '../../../proxy/protocols/postgres/codec_frontend.ts';
import { readOpening } from '../../../proxy/protocols/postgres/codec_startup.ts';
import { parse, query, sync } from '../../../proxy/protocols/postgres/codec_synthetic.ts';
import { replaceInJson } from '../../../proxy/protocols/postgres/rewrite_json.ts';

const STREAM = Buffer.concat([query('select 1'), parse('s', 'select $1', [23]), sync()]);

function framesOf(chunks: readonly Buffer[]): string[] {
  const reader = makeFrameReader(sessionLimit);
  const seen: string[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let read = reader.next(); read.kind !== 'partial'; read = reader.next()) {
      if (read.kind === 'violation') return [...seen, read.message];
      seen.push(read.bytes.toString('hex'));
    }
  }
  return seen;
}

describe('frames', () => {
  test('every split of the stream gives the same messages', () => {
    const whole = framesOf([STREAM]);
    expect(whole).toHaveLength(3);
    for (let at = 0; at <= STREAM.length; at += 1) {
      expect(framesOf([STREAM.subarray(0, at), STREAM.subarray(at)])).toEqual(whole);
    }
  });

  test('CVE-2026-6664: lengths of 0, 3, 0x7fffffff and 0xffffffff are refused at the header', () => {
    for (const length of [0, 3, 0x7fffffff, 0xffffffff]) {
      const head = Buffer.from([0x51, 0, 0, 0, 0]);
      head.writeUInt32BE(length, 1);
      expect(framesOf([head])[0]).toContain('invalid length');
    }
  });

  test('arbitrary bytes never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const data = Buffer.from(bytes);
        framesOf([data]);
        readOpening(data);
        for (const decode of [decodeBind, decodeParse, decodeNamed]) decode(data);
      }),
    );
  });
});

test('a startup packet above MAX_STARTUP_PACKET_LENGTH is refused', () => {
  expect(readOpening(Buffer.from([0, 0, 0x27, 0x11, 0, 3, 0, 0])).kind).toBe('violation');
});

test('what is replaced in JSON leaves JSON', () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.nat(60),
      fc.integer({ min: 1, max: 30 }),
      (value, from, count) => {
        const json = Buffer.from(JSON.stringify(value), 'utf8');
        const start = from % json.length;
        const hit = { name: 'email' as const, start, end: Math.min(json.length, start + count) };
        expect(() => JSON.parse(replaceInJson(json, [hit]).toString('utf8'))).not.toThrow();
      },
    ),
  );
});
