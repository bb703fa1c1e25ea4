import fc from 'fast-check';
import { RE2JS, RE2Set } from 're2js';
import { describe, expect, test } from 'vitest';
import { makeDetectors, SCAN_CHUNK, SCAN_OVERLAP } from '../../../core/masking/detect.ts';
import { passesLuhn, passesMod97 } from '../../../core/masking/shapes.ts';
import { DetectorName } from '../../../core/target.ts';

const detectors = makeDetectors({ RE2JS, RE2Set });
const ALL = DetectorName.options;

/** `marked` is the text with «name:value» around each expected hit. */
function check(marked: string): void {
  const expected: string[] = [];
  const text = marked.replaceAll(/«([a-z-]+):([^»]*)»/g, (_, name: string, value: string) => {
    expected.push(`${name}:${value}`);
    return value;
  });
  const found = detectors.scan(text, ALL).map((h) => `${h.name}:${text.slice(h.start, h.end)}`);
  expect(found, text).toEqual(expected);
}

const JWT =
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';

describe('what is found', () => {
  const cases = [
    '«card:4111111111111111»',
    'pan «card:4111 1111 1111 1111» cvv 123',
    '«card:4111-1111-1111-1111» 123 and «card:5555555555554444»',
    'amex «card:3782 822463 10005», diners «card:30569309025904»',
    'jcb «card:3530111333300000», mastercard 2 «card:2223003122003222»',
    'in JSON: {"note":"a\\n«card:4242424242424242»"}',
    '12 «card:4111 1111 1111 1111»',
    '«ssn:123-45-6789» and «ssn:900-12-3456»',
    'SSN«ssn:078-05-1120», spaced «ssn:078 05 1120».',
    'from=«email:alice@example.com»; "«email:bob.o+tag@mail.example.co.uk»".',
    '<«email:x_y-z@sub.example.org»>, «email:анна@пример.рф», «email:😀bob@example.io»',
    'call «phone:+1-202-555-0143», «phone:+44 20 7946 0958» or «phone:(202) 555-0143»',
    '«phone:202-555-0143» «phone:202.555.0143» «phone:1 202 555 0143» «phone:+12025550143»',
    '«phone:020 7946 0958» «phone:06 12 34 56 78»',
    '«iban:DE89370400440532013000»',
    'to «iban:GB82 WEST 1234 5698 7654 32» PAID, «iban:DE89 3704 0044 0532 0130 00» EUR',
    'lower «iban:de89370400440532013000», «iban:NO9386011117947»',
    'id «aws-key:AKIAIOSFODNN7EXAMPLE», session «aws-key:ASIAIOSFODNN7EXAMPLE»',
    'secret="«aws-key:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»"',
    'https://a/«aws-key:AKIAIOSFODNN7EXAMPLE»/20240101/us-east-1/s3/aws4_request',
    `Bearer «jwt:${JWT}»`,
    '«jwt:eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.»',
  ];
  test.each(cases)('%s', (marked) => check(marked));
});

/** What databases are full of. A detector that hides these makes the gateway unusable. */
describe('what is not hidden', () => {
  const cases = [
    '550e8400-e29b-41d4-a716-446655440000',
    '41111111-1111-4111-8111-111111111111',
    '00000000-0000-4000-4111-111111111111',
    '2024-01-15',
    '2024-01-15 10:30:00.123456+00',
    '2024-01-15T10:30:00Z 2024-01-16T10:30:00Z',
    '2024-01-15 2024-01-16 2024-01-17',
    '20240115103000123',
    '1705314600000',
    '1705314600123456',
    '1705314600123456789',
    'ORD-2024-001234',
    'order 100045678901',
    '1234567890',
    '5551234567',
    '123-456-7890-12',
    '19.99',
    'EUR 1,234,567.89',
    '4.111111111111111',
    '0.4111111111111111',
    '4111 1111 1111 1112',
    '192.168.100.200',
    'left-pad@1.3.0',
    'git@10.0.0.1',
    '@mention without a domain',
    'select $1::int4, array[1,2,3] limit 1000000',
    'da39a3ee5e6b4b0d3255bfef95601890afd80709',
    'E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855',
    'DE89370400440532013001',
    'ses_01JD3YJ7QJ7Z5W8K4V0T9X2M6N.12',
    'node_modules/some-package/dist/index.js.map.gz',
    'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn',
    '{"v":1,"prev":null,"tags":["a","b"]}',
    '45 12 37 88 91 23 55 67',
  ];
  test.each(cases)('%s', (text) => check(text));
});

test('only the detectors that were named hit', () => {
  expect(detectors.scan('alice@example.com 078-05-1120', ['ssn'])).toEqual([
    { name: 'ssn', start: 18, end: 29 },
  ]);
  expect(detectors.scan('alice@example.com', [])).toEqual([]);
});

test('over the latin1 view of UTF-8, offsets are byte offsets', () => {
  const text = 'Grüße an 😀 «…» alice@example.com, 4111 1111 1111 1111 — ñ';
  const bytes = Buffer.from(text, 'utf8');
  const found = detectors
    .scan(bytes.toString('latin1'), ALL)
    .map((h) => bytes.subarray(h.start, h.end).toString('utf8'));
  expect(found).toEqual(['alice@example.com', '4111 1111 1111 1111']);
});

describe('large and hostile input', () => {
  test('a value is found wherever a chunk ends', () => {
    const value = '4111 1111 1111 1111';
    for (let shift = 0; shift <= value.length + 1; shift += 1) {
      const text = `${'.'.repeat(SCAN_CHUNK - shift - 1)} ${value} .${'.'.repeat(SCAN_CHUNK)}`;
      const hits = detectors.scan(text, ALL);
      expect(hits.map((h) => text.slice(h.start, h.end))).toEqual([value]);
    }
  });

  test('a token longer than the overlap is hidden to its end', () => {
    const token = `${JWT}${'A'.repeat(SCAN_CHUNK + 2 * SCAN_OVERLAP)}`;
    const text = `x ${token} y`;
    const hits = detectors.scan(text, ALL);
    expect(hits[0]?.start).toBe(2);
    expect(hits.at(-1)?.end).toBe(2 + token.length);
  });

  const hostile: readonly (readonly [string, (n: number) => string])[] = [
    ['digits', (n) => '4'.repeat(n)],
    ['separated digits', (n) => '4 '.repeat(n / 2)],
    ['groups of four', (n) => '4111 '.repeat(n / 5)],
    ['at signs', (n) => '@'.repeat(n)],
    ['local parts', (n) => 'a.'.repeat(n / 2)],
    ['almost emails', (n) => 'a@b.'.repeat(n / 4)],
    ['almost tokens', (n) => 'eyJhbGci.'.repeat(n / 9)],
    ['almost IBANs', (n) => 'DE89 3704 '.repeat(n / 10)],
    ['almost phones', (n) => '+1 (2) '.repeat(n / 7)],
  ];
  test.each(hostile)('%s: the time grows with the length, not its square', (_name, make) => {
    // Processor time, not time on the wall: other processes do not make it longer.
    const work = (n: number) => {
      const text = make(n);
      const runs = [1, 2, 3].map(() => {
        const before = process.cpuUsage();
        detectors.scan(text, ALL);
        return process.cpuUsage(before).user;
      });
      return Math.max(1_000, Math.min(...runs));
    };
    work(4_000);
    // 16 times the length: 256 times the work where it is quadratic. Between them is room for noise.
    expect(work(160_000)).toBeLessThan(100 * work(10_000));
  });
});

test('property: hits are ascending, apart, and inside the text', () => {
  const piece = fc.constantFrom(
    '4111',
    '1111',
    '-',
    ' ',
    '@',
    '.',
    'a',
    'DE89',
    'eyJ',
    '+1',
    '0',
    'é',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const text = pieces.join('');
      let last = 0;
      for (const hit of detectors.scan(text, ALL)) {
        expect(hit.start).toBeGreaterThanOrEqual(last);
        expect(hit.end).toBeGreaterThan(hit.start);
        expect(hit.end).toBeLessThanOrEqual(text.length);
        last = hit.end;
      }
    }),
  );
});

test('property: a card of any network is found in any prose around it', () => {
  const digits = fc.stringMatching(/^4[0-9]{14}$/).map((body) => {
    const check = '0123456789'.split('').find((digit) => passesLuhn(body + digit));
    return body + check;
  });
  const prose = fc.stringMatching(/^[a-z ,:;"'\n]{0,20}$/);
  fc.assert(
    fc.property(digits, prose, prose, (card, before, after) => {
      const text = `${before}${card}${after}`;
      const hit = detectors.scan(text, ['card'])[0];
      expect(hit).toEqual({ name: 'card', start: before.length, end: before.length + 16 });
    }),
  );
});

test('check digits', () => {
  expect(passesLuhn('4111111111111111')).toBe(true);
  expect(passesLuhn('4111111111111112')).toBe(false);
  expect(passesMod97('GB82WEST12345698765432')).toBe(true);
  expect(passesMod97('GB82WEST12345698765433')).toBe(false);
});
