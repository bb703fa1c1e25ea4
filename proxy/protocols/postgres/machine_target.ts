/**
 * The gateway's login at the target: pure, no socket, no clock.
 *
 *   ssl-answer  an SSLRequest was sent; one byte comes back
 *   securing    the host shakes hands
 *   login       SCRAM-SHA-256, or none where the server trusts; anything weaker is refused
 *   settling    ParameterStatus and BackendKeyData, up to ReadyForQuery
 *   asking      the one question about the session's context
 *   done
 */

import {
  Backend,
  decodeFields,
  decodeParameterStatus,
  decodeTextRow,
  loginLimit,
} from './codec_backend.ts';
import { FRAME_HEADER_BYTES, makeFrameReader } from './codec_frames.ts';
import {
  query,
  saslInitialResponse,
  saslResponse,
  sslRequest,
  startup,
} from './codec_synthetic.ts';
import { SCRAM_MECHANISM, type Scram, type ScramStep } from './scram.ts';
import { CONTEXT_QUERY } from './session_context.ts';

export interface TargetLogin {
  readonly status: ReadonlyMap<string, string>;
  readonly process: number;
  readonly secret: Buffer;
  /** The answer to CONTEXT_QUERY. */
  readonly context: readonly (string | null)[];
}

export type TargetEffect =
  | { readonly kind: 'write'; readonly bytes: Buffer }
  | { readonly kind: 'secure' }
  | { readonly kind: 'done'; readonly login: TargetLogin }
  /**
   * `why` is for the log: what a server says may quote its configuration. `refused`: it is there, and
   * does not take this credential.
   */
  | { readonly kind: 'failed'; readonly why: string; readonly refused: boolean };

export interface TargetMachine {
  readonly onOpen: () => readonly TargetEffect[];
  readonly onSecure: () => readonly TargetEffect[];
  readonly onData: (bytes: Buffer) => readonly TargetEffect[];
}

export interface TargetOptions {
  readonly tls: boolean;
  readonly parameters: ReadonlyMap<string, string>;
  readonly scram: Scram;
}

type Phase = 'ssl-answer' | 'securing' | 'login' | 'settling' | 'asking' | 'done';
type Effects = readonly TargetEffect[];

/** Authentication request codes (manual, "Message Formats"). */
const Auth = { Ok: 0, Sasl: 10, SaslContinue: 11, SaslFinal: 12 } as const;
/** "S": the server takes TLS. */
const TLS_ACCEPTED = 0x53;
/** The class of 28000 and 28P01 (manual, appendix "PostgreSQL Error Codes"). */
const INVALID_AUTHORIZATION = '28';
/** A cancellation key has 4 bytes in protocol 3.0, and up to 256 from 3.2 on. */
const SECRET_MAX = 256;

export function makeTargetMachine(options: TargetOptions): TargetMachine {
  let phase: Phase = options.tls ? 'ssl-answer' : 'login';
  let proof: 'none' | 'sent' | 'verified' = 'none';
  let key: { process: number; secret: Buffer } | null = null;
  let context: readonly (string | null)[] | null = null;
  const status = new Map<string, string>();
  const reader = makeFrameReader(loginLimit);

  const failed = (why: string, refused = false): Effects => {
    phase = 'done';
    return [{ kind: 'failed', why, refused }];
  };
  const answer = (step: ScramStep, wrap: (data: string) => Buffer): Effects => {
    if (step.kind === 'failed') return failed(step.why);
    if (step.kind === 'done') proof = 'verified';
    return step.kind === 'send' ? [{ kind: 'write', bytes: wrap(step.data) }] : [];
  };
  const onAuthentication = (frame: Buffer): Effects => {
    if (frame.length < FRAME_HEADER_BYTES + 4) return failed('a malformed authentication request');
    const code = frame.readInt32BE(FRAME_HEADER_BYTES);
    const data = frame.toString('utf8', FRAME_HEADER_BYTES + 4);
    switch (code) {
      case Auth.Ok:
        // Only a server that was never asked for a proof may go without one.
        if (proof === 'sent') return failed('it ended SCRAM without proving itself');
        phase = 'settling';
        return [];
      case Auth.Sasl:
        if (proof !== 'none' || !data.split('\0').includes(SCRAM_MECHANISM)) {
          return failed(`it offers no ${SCRAM_MECHANISM}`);
        }
        proof = 'sent';
        return [
          { kind: 'write', bytes: saslInitialResponse(SCRAM_MECHANISM, options.scram.first()) },
        ];
      case Auth.SaslContinue:
        if (proof !== 'sent') return failed('a SCRAM message out of turn');
        return answer(options.scram.onServerFirst(data), saslResponse);
      case Auth.SaslFinal:
        if (proof !== 'sent') return failed('a SCRAM message out of turn');
        return answer(options.scram.onServerFinal(data), saslResponse);
      default:
        return failed(
          `it asks for authentication ${code} (3 is a clear password, 5 is MD5); set password_encryption = 'scram-sha-256'`,
        );
    }
  };
  const onReady = (): Effects => {
    if (phase === 'settling') {
      if (key === null) return failed('it sent no cancellation key');
      phase = 'asking';
      return [{ kind: 'write', bytes: query(CONTEXT_QUERY) }];
    }
    if (key === null || context === null) return failed('it did not describe the session');
    phase = 'done';
    return [{ kind: 'done', login: { status, ...key, context } }];
  };
  const onSettling = (type: number, frame: Buffer): Effects => {
    switch (type) {
      case Backend.ParameterStatus: {
        const parameter = decodeParameterStatus(frame);
        if (parameter === null) return failed('a malformed ParameterStatus');
        status.set(parameter.name, parameter.value);
        return [];
      }
      case Backend.BackendKeyData: {
        const secret = frame.subarray(FRAME_HEADER_BYTES + 4);
        if (secret.length < 4 || secret.length > SECRET_MAX)
          return failed('a malformed BackendKeyData');
        key = { process: frame.readInt32BE(FRAME_HEADER_BYTES), secret: Buffer.from(secret) };
        return [];
      }
      case Backend.DataRow:
        context = decodeTextRow(frame);
        return context === null ? failed('a malformed DataRow') : [];
      case Backend.NoticeResponse:
      case Backend.RowDescription:
      case Backend.CommandComplete:
        return [];
      case Backend.ReadyForQuery:
        return onReady();
      default:
        return failed(`message type ${type} out of turn`);
    }
  };
  const onFrame = (type: number, frame: Buffer): Effects => {
    if (type === Backend.ErrorResponse) {
      const code = decodeFields(frame)?.get('C') ?? 'XX000';
      return failed(`it refused with SQLSTATE ${code}`, code.startsWith(INVALID_AUTHORIZATION));
    }
    if (phase !== 'login') return onSettling(type, frame);
    if (type === Backend.Authentication) return onAuthentication(frame);
    return type === Backend.NoticeResponse ? [] : failed(`message type ${type} out of turn`);
  };
  const start = (): Effects => {
    phase = 'login';
    return [{ kind: 'write', bytes: startup(options.parameters) }];
  };

  return {
    onOpen: () => (options.tls ? [{ kind: 'write', bytes: sslRequest() }] : start()),
    onSecure: start,
    onData: (bytes) => {
      if (phase === 'ssl-answer') {
        // Anything behind the one byte was sent before TLS: CVE-2021-23222.
        if (bytes.length !== 1 || bytes[0] !== TLS_ACCEPTED) return failed('it does not take TLS');
        phase = 'securing';
        return [{ kind: 'secure' }];
      }
      if (phase === 'securing') return failed('data before the TLS handshake');
      const effects: TargetEffect[] = [];
      reader.push(bytes);
      while (phase !== 'done') {
        const read = reader.next();
        if (read.kind === 'partial') break;
        effects.push(
          ...(read.kind === 'frame' ? onFrame(read.type, read.bytes) : failed(read.message)),
        );
      }
      return effects;
    },
  };
}
