/**
 * The client's way in, up to a password: pure, no socket, no clock.
 *
 *   opening   an SSLRequest and a GSSENCRequest may come, each once, in either order; then a startup
 *   securing  the host shakes hands; nothing may come but TLS
 *   password  one PasswordMessage; a second StartupMessage or anything else is refused
 *   done      everything after is the session's
 */

import { makeFrameReader } from './codec_frames.ts';
import { decodeText, passwordLimit } from './codec_frontend.ts';
import { readOpening } from './codec_startup.ts';
import { authenticationCleartextPassword, negotiateProtocolVersion } from './codec_synthetic.ts';
import { checkStartup, type StartupRequest } from './startup_parameters.ts';

export type OpeningEffect =
  | { readonly kind: 'write'; readonly bytes: Buffer }
  | { readonly kind: 'secure'; readonly leftover: Buffer }
  | { readonly kind: 'cancel'; readonly process: number; readonly secret: number }
  | { readonly kind: 'login'; readonly request: StartupRequest; readonly password: string }
  /** Say why, in an ErrorResponse, and close. */
  | {
      readonly kind: 'refuse';
      readonly code: string;
      readonly message: string;
      readonly hint: string;
    }
  /** Close without a word: what came is not this protocol. */
  | { readonly kind: 'drop'; readonly why: string };

export interface OpeningMachine {
  readonly onData: (bytes: Buffer) => readonly OpeningEffect[];
  readonly onSecure: () => void;
  /** What came behind the password: the session's first bytes. */
  readonly leftover: () => Buffer;
}

export interface OpeningOptions {
  readonly tlsOffered: boolean;
  /** A password may come in the clear: loopback, or by explicit configuration. */
  readonly clearAllowed: boolean;
}

type Phase = 'opening' | 'securing' | 'password' | 'done';
type Effects = readonly OpeningEffect[];

/** PostgreSQL's answers to the two requests: one byte (manual, "SSL Session Encryption"). */
const ACCEPTED = Buffer.from('S', 'latin1');
const DECLINED = Buffer.from('N', 'latin1');

export function makeOpeningMachine(options: OpeningOptions): OpeningMachine {
  let phase: Phase = 'opening';
  let pending: Buffer = Buffer.alloc(0);
  let secured = false;
  let sslAsked = false;
  let gssAsked = false;
  let request: StartupRequest | null = null;
  const passwords = makeFrameReader(passwordLimit);

  const drop = (why: string): Effects => {
    phase = 'done';
    return [{ kind: 'drop', why }];
  };
  const refuse = (code: string, message: string, hint = ''): Effects => {
    phase = 'done';
    return [{ kind: 'refuse', code, message, hint }];
  };

  const onSsl = (rest: Buffer): Effects => {
    if (secured || sslAsked) return drop('a second SSLRequest');
    // CVE-2021-23214: bytes sent before TLS would be read as if they had come through it.
    if (rest.length > 0) return drop('data behind an SSLRequest');
    sslAsked = true;
    pending = Buffer.alloc(0);
    if (!options.tlsOffered) return [{ kind: 'write', bytes: DECLINED }];
    phase = 'securing';
    return [
      { kind: 'write', bytes: ACCEPTED },
      { kind: 'secure', leftover: Buffer.alloc(0) },
    ];
  };
  const onGssenc = (rest: Buffer): Effects => {
    if (secured || gssAsked) return drop('a second GSSENCRequest');
    if (rest.length > 0) return drop('data behind a GSSENCRequest');
    gssAsked = true;
    pending = Buffer.alloc(0);
    return [{ kind: 'write', bytes: DECLINED }];
  };
  const onTlsHello = (): Effects => {
    if (secured || sslAsked || !options.tlsOffered) return drop('an unexpected TLS handshake');
    phase = 'securing';
    const leftover = pending;
    pending = Buffer.alloc(0);
    return [{ kind: 'secure', leftover }];
  };
  const onStartup = (
    minor: number,
    parameters: ReadonlyMap<string, string>,
    rest: Buffer,
  ): Effects => {
    if (!secured && !options.clearAllowed) {
      return refuse(
        '28000',
        'no TLS: a password is taken over TLS only',
        'Connect with sslmode=require',
      );
    }
    const checked = checkStartup(parameters);
    if (checked.kind === 'refused') return refuse(checked.code, checked.message, checked.hint);
    request = checked.request;
    phase = 'password';
    pending = Buffer.alloc(0);
    const effects: OpeningEffect[] = [];
    if (minor > 0 || checked.unknownOptions.length > 0) {
      effects.push({ kind: 'write', bytes: negotiateProtocolVersion(checked.unknownOptions) });
    }
    effects.push({ kind: 'write', bytes: authenticationCleartextPassword() });
    return rest.length > 0 ? [...effects, ...onPasswordData(rest)] : effects;
  };
  const onOpeningData = (bytes: Buffer): Effects => {
    pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
    const opening = readOpening(pending);
    switch (opening.kind) {
      case 'partial':
        return [];
      case 'violation':
        return refuse('08P01', opening.message);
      case 'tls-hello':
        return onTlsHello();
      case 'ssl-request':
        return onSsl(opening.rest);
      case 'gssenc-request':
        return onGssenc(opening.rest);
      case 'cancel-request':
        phase = 'done';
        return [{ kind: 'cancel', process: opening.process, secret: opening.secret }];
      case 'startup':
        return onStartup(opening.minor, opening.parameters, opening.rest);
    }
  };
  const onPasswordData = (bytes: Buffer): Effects => {
    passwords.push(bytes);
    const read = passwords.next();
    if (read.kind === 'partial') return [];
    // CVE-2026-107350: a second StartupMessage reads as an impossible frame and ends here.
    const password = read.kind === 'frame' ? decodeText(read.bytes) : null;
    if (password === null || request === null) return refuse('08P01', 'expected password response');
    phase = 'done';
    return [{ kind: 'login', request, password }];
  };

  return {
    onData: (bytes) => {
      switch (phase) {
        case 'opening':
          return onOpeningData(bytes);
        case 'password':
          return onPasswordData(bytes);
        case 'securing':
          return drop('data before the TLS handshake');
        case 'done':
          // Bytes behind the password: kept for the session, whose limits then apply.
          passwords.push(bytes);
          return passwords.size() > LEFTOVER_MAX ? drop('too much data before the login') : [];
      }
    },
    onSecure: () => {
      secured = true;
      phase = 'opening';
    },
    leftover: () => passwords.rest(),
  };
}

/** No client sends before it is told that it may; libpq and the drivers wait for ReadyForQuery. */
const LEFTOVER_MAX = 65_536;
