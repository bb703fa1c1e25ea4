/** CVE-2026-6665 and its like: a target is untrusted input, from its first byte to its last. */
import { createHmac, pbkdf2Sync } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  makeTargetMachine,
  type TargetEffect,
} from '../../../proxy/protocols/postgres/machine_target.ts';
import { makeScram } from '../../../proxy/protocols/postgres/scram.ts';
import {
  authentication,
  complete,
  dataRow,
  errorMessage,
  header,
  int32,
  message,
  parameter,
  ready,
} from '../../support/backend_frames.ts';

const PASSWORD = 'secret';
/** 18 zero bytes in base64. */
const NONCE = 'A'.repeat(24);
const SALT = Buffer.from('salt').toString('base64');
const OFFER = authentication(10, 'SCRAM-SHA-256\0\0');
const CONTEXT = dataRow('owner', 'owner', 'public', 'origin', 'on', 'off', 'off');

function newMachine(tls = false) {
  const scram = makeScram(PASSWORD, (count) => new Uint8Array(count));
  return makeTargetMachine({ tls, parameters: new Map([['user', 'owner']]), scram });
}

function line(effect: TargetEffect): string {
  if (effect.kind === 'failed') return `failed: ${effect.why}`;
  return effect.kind === 'write' ? `write ${effect.bytes.toString('latin1', 0, 1)}` : effect.kind;
}

/** What the machine does with the last of the messages. */
function answerTo(messages: readonly Buffer[], tls = false): readonly string[] {
  const machine = newMachine(tls);
  machine.onOpen();
  let last: readonly TargetEffect[] = [];
  for (const bytes of messages) last = machine.onData(bytes);
  return last.map(line);
}

const challenge = (nonce: string, iterations: string | number) =>
  authentication(11, `r=${nonce},s=${SALT},i=${iterations}`);
const GOOD = challenge(`${NONCE}server`, 4096);

/** What a server that knows the password says last. */
function proofOf(password: string): string {
  const key = pbkdf2Sync(password, 'salt', 4096, 32, 'sha256');
  const hmac = (by: Buffer, data: string) => createHmac('sha256', by).update(data).digest();
  const signed = `n=,r=${NONCE},r=${NONCE}server,s=${SALT},i=4096,c=biws,r=${NONCE}server`;
  return `v=${hmac(hmac(key, 'Server Key'), signed).toString('base64')}`;
}

const LOGIN = [OFFER, GOOD, authentication(12, proofOf(PASSWORD)), authentication(0)];
const KEY = message('K', int32(7), int32(9));

test('a target that proves itself and describes the session is signed in to', () => {
  const messages = [...LOGIN, parameter('server_version', '18.4'), KEY, ready('I')];
  expect(answerTo(messages)).toEqual(['write Q']);
  expect(answerTo([...messages, CONTEXT, complete('SELECT 1'), ready('I')])).toEqual(['done']);
});

test.each<[string, Buffer]>([
  ['a SCRAM nonce of 1 MB', challenge(NONCE + 'x'.repeat(20_000), 4096)],
  ['a SCRAM nonce that is not ours', challenge('B'.repeat(30), 4096)],
  ['a SCRAM nonce without a part of its own', challenge(NONCE, 4096)],
  ['an iteration count of 2 billion', challenge(`${NONCE}server`, 2_000_000_000)],
  ['an iteration count above the limit', challenge(`${NONCE}server`, 200_001)],
  ['an iteration count below RFC 7677', challenge(`${NONCE}server`, 1)],
  ['an iteration count that is no number', challenge(`${NONCE}server`, '4096x')],
  ['a challenge without its salt', authentication(11, `r=${NONCE}server,i=4096`)],
])('CVE-2026-6665: %s is refused', (_name, bytes) => {
  expect(answerTo([OFFER, bytes])).toEqual(['failed: its SCRAM challenge is not acceptable']);
});

test('a target that does not know the password is not believed', () => {
  expect(answerTo([OFFER, GOOD, authentication(12, proofOf('other'))])[0]).toContain(
    'does not prove',
  );
  expect(answerTo([OFFER, GOOD, authentication(12, 'v=')])[0]).toContain('does not prove');
  expect(answerTo([OFFER, GOOD, authentication(0)])[0]).toContain('without proving itself');
  expect(answerTo([OFFER, authentication(12, proofOf(PASSWORD))])[0]).toContain('does not prove');
});

test.each([
  ['a clear password', authentication(3)],
  ['MD5', authentication(5, 'salt')],
  ['SCRAM with another hash', authentication(10, 'SCRAM-MD5\0\0')],
])('%s is not a way to sign in to a target', (_name, bytes) => {
  expect(answerTo([bytes])[0]).toMatch(/^failed: it (asks for|offers no)/);
});

test.each([0, 3, 30_001, 0x7fffffff, 0xffffffff])(
  'CVE-2026-6669: a message of length %i is refused at its header, before anything is kept',
  (length) => {
    expect(answerTo([header('R', length)])[0]).toContain('failed: invalid length');
  },
);

test('CVE-2026-6666: an ErrorResponse without a SQLSTATE, or cut short, is a failed login', () => {
  expect(answerTo([errorMessage({ M: 'no' })])).toEqual(['failed: it refused with SQLSTATE XX000']);
  expect(answerTo([message('E', Buffer.from('Cnot ended'))])[0]).toContain('XX000');
});

test('messages out of turn end the login', () => {
  expect(answerTo([ready('I')])[0]).toContain('out of turn');
  expect(answerTo([OFFER, OFFER])[0]).toContain('offers no');
  expect(answerTo([...LOGIN, ready('I')])[0]).toContain('no cancellation key');
  expect(answerTo([...LOGIN, KEY, ready('I'), ready('I')])[0]).toContain('did not describe');
  expect(answerTo([...LOGIN, message('K', int32(7), Buffer.alloc(257))])[0]).toContain('malformed');
  expect(answerTo([...LOGIN, message('K')])[0]).toContain('malformed');
});

test('CVE-2021-23222: bytes before TLS are not taken for bytes through it', () => {
  expect(answerTo([Buffer.from('S')], true)).toEqual(['secure']);
  expect(answerTo([Buffer.concat([Buffer.from('S'), LOGIN[0] as Buffer])], true)[0]).toContain(
    'failed',
  );
  expect(answerTo([Buffer.from('S'), LOGIN[0] as Buffer], true)[0]).toContain(
    'before the TLS handshake',
  );
});

test('a target without TLS gets no password', () => {
  expect(answerTo([Buffer.from('N')], true)).toEqual(['failed: it does not take TLS']);
  expect(answerTo([errorMessage({ C: '08P01', M: 'unsupported' })], true)).toEqual([
    'failed: it does not take TLS',
  ]);
});
