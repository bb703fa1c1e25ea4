/** The client's way in, message by message: what is answered, refused, or dropped without a word. */
import { expect, test } from 'vitest';
import {
  passwordMessage,
  sslRequest,
  startup,
} from '../../../proxy/protocols/postgres/codec_synthetic.ts';
import {
  makeOpeningMachine,
  type OpeningEffect,
} from '../../../proxy/protocols/postgres/machine_opening.ts';

const START = startup(
  new Map([
    ['user', 'alice'],
    ['database', 'orders'],
  ]),
);
const PASSWORD = passwordMessage('token');
const GSSENC = Buffer.from('0000000804d21630', 'hex');
const TLS_HELLO = Buffer.from('1603010200', 'hex');

/** A startup packet of another version, and with more parameters. */
function startupOf(minor: number, parameters: Readonly<Record<string, string>>): Buffer {
  const packet = Buffer.from(startup(new Map([['user', 'alice'], ...Object.entries(parameters)])));
  packet.writeUInt16BE(minor, 6);
  return packet;
}

function line(effect: OpeningEffect): string {
  switch (effect.kind) {
    case 'write':
      return `write ${effect.bytes.toString('latin1', 0, 1)}`;
    case 'refuse':
      return `refuse ${effect.code}`;
    case 'login':
      return `login ${effect.request.user} ${effect.password}`;
    case 'secure':
      return `secure ${effect.leftover.length}`;
    case 'drop':
    case 'cancel':
      return effect.kind;
  }
}

interface Options {
  readonly tls?: boolean;
  readonly clear?: boolean;
}

/** `secure!` in place of bytes: the TLS handshake is done. */
function check(
  steps: readonly (Buffer | 'secure!')[],
  expected: readonly string[],
  options: Options = {},
): void {
  const machine = makeOpeningMachine({
    tlsOffered: options.tls ?? true,
    clearAllowed: options.clear ?? true,
  });
  const seen: string[] = [];
  for (const step of steps) {
    if (step === 'secure!') machine.onSecure();
    else seen.push(...machine.onData(step).map(line));
  }
  expect(seen).toEqual(expected);
}

const LOGIN = ['write R', 'login alice token'];

test.each<[string, (Buffer | 'secure!')[], string[], Options?]>([
  ['a plain login', [START, PASSWORD], LOGIN],
  [
    'SSLRequest, TLS, login',
    [sslRequest(), 'secure!', START, PASSWORD],
    ['write S', 'secure 0', ...LOGIN],
  ],
  [
    'GSSENCRequest, then SSLRequest',
    [GSSENC, sslRequest(), 'secure!', START, PASSWORD],
    ['write N', 'write S', 'secure 0', ...LOGIN],
  ],
  [
    'SSLRequest declined, then GSSENCRequest',
    [sslRequest(), GSSENC, START, PASSWORD],
    ['write N', 'write N', ...LOGIN],
    { tls: false },
  ],
  ['direct TLS', [TLS_HELLO, 'secure!', START, PASSWORD], ['secure 5', ...LOGIN]],
  ['no TLS where a clear password is not taken', [START], ['refuse 28000'], { clear: false }],
  ['direct TLS where none is offered', [TLS_HELLO], ['drop'], { tls: false }],
  ['TLS inside TLS', [sslRequest(), 'secure!', sslRequest()], ['write S', 'secure 0', 'drop']],
  ['a second SSLRequest', [sslRequest(), sslRequest()], ['write N', 'drop'], { tls: false }],
  ['a second GSSENCRequest', [GSSENC, GSSENC], ['write N', 'drop']],
])('%s', (_name, steps, expected, options) => check(steps, expected, options));

test('CVE-2026-107350: a second StartupMessage is refused', () => {
  check([START, START], ['write R', 'refuse 08P01']);
  check([START, startup(new Map([['user', 'root']])), PASSWORD], ['write R', 'refuse 08P01']);
});

test('CVE-2021-23214: bytes behind an SSLRequest are refused', () => {
  check([Buffer.concat([sslRequest(), START])], ['drop']);
  check([Buffer.concat([sslRequest(), Buffer.from([0])])], ['drop'], { tls: false });
  check([Buffer.concat([GSSENC, START])], ['drop']);
  check([sslRequest(), START], ['write S', 'secure 0', 'drop']);
});

test.each([0, 3, 7, 10_001, 0x7fffffff, 0xffffffff])(
  'CVE-2026-6664: a startup packet of length %i is refused at its header',
  (length) => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);
    // 0x16 in the first byte would be TLS; none of these has it.
    check([head], ['refuse 08P01']);
  },
);

test.each([0, 3, 65_536, 0x7fffffff, 0xffffffff])(
  'CVE-2026-6668: a password message of length %i is refused at its header',
  (length) => {
    const head = Buffer.from([0x70, 0, 0, 0, 0]);
    head.writeUInt32BE(length, 1);
    check([START, head], ['write R', 'refuse 08P01']);
  },
);

test('CVE-2026-107349: startup options are refused, whatever they hold', () => {
  for (const value of ['-c=', '-c search_path=x', '']) {
    check([startupOf(0, { options: value })], ['refuse 0A000']);
  }
  check([startupOf(0, { replication: 'database' })], ['refuse 0A000']);
  check([startupOf(0, { session_replication_role: 'replica' })], ['refuse 0A000']);
});

test('protocol 3.2 and unknown options are negotiated down to 3.0', () => {
  check([startupOf(2, {}), PASSWORD], ['write v', ...LOGIN]);
  check([startupOf(0, { '_pq_.compression': 'on' }), PASSWORD], ['write v', ...LOGIN]);
  const machine = makeOpeningMachine({ tlsOffered: false, clearAllowed: true });
  const [first] = machine.onData(startupOf(2, { '_pq_.x': '1' }));
  const bytes = first?.kind === 'write' ? first.bytes : Buffer.alloc(0);
  // Newest minor version 0, one option that is not understood, its name.
  expect(bytes.subarray(5)).toEqual(Buffer.from('\0\0\0\0\0\0\0\u0001_pq_.x\0', 'latin1'));
});

test('another major version is refused', () => {
  const packet = Buffer.from(START);
  packet.writeUInt16BE(2, 4);
  check([packet], ['refuse 08P01']);
});

test('a parameter that is named twice is refused', () => {
  const body = Buffer.from('\0\u0003\0\0user\0alice\0user\0root\0\0', 'latin1');
  const head = Buffer.alloc(4);
  head.writeInt32BE(body.length + 4);
  check([Buffer.concat([head, body])], ['refuse 08P01']);
});

test('every split of a login is the same login', () => {
  const whole = Buffer.concat([START, PASSWORD]);
  for (let at = 1; at < whole.length; at += 1) {
    check([whole.subarray(0, at), whole.subarray(at)], LOGIN);
  }
});

test('what comes behind the password is bounded', () => {
  check([START, PASSWORD, Buffer.alloc(65_537)], [...LOGIN, 'drop']);
});
