/** One session machine between a client and a target that the test plays, byte by byte. */
import * as re2js from 're2js';
import * as v from 'valibot';
import type { EpochMs } from '../../core/brand.ts';
import { SessionId } from '../../core/brand.ts';
import type { Obligations } from '../../core/decision.ts';
import { makeDetectors } from '../../core/masking/detect.ts';
import { mintPermit } from '../../core/permit.ts';
import type { Session } from '../../core/session.ts';
import { makeSessionState, step } from '../../proxy/protocols/postgres/machine_session.ts';
import type {
  Parsed,
  SessionEffect,
  SessionState,
} from '../../proxy/protocols/postgres/session_state.ts';
import type { Catalog } from '../../proxy/protocols/postgres/statement.ts';
import { TARGET } from './gateway.ts';

const detectors = makeDetectors(re2js);
const IDENTITY = {
  subject: 'alice',
  email: null,
  kind: 'human',
  groups: [],
  actor: null,
  assurance: '',
} as const;
const SESSION: Session = {
  id: v.parse(SessionId, 'ses_01HZZZZZZZZZZZZZZZZZZZZZZZ'),
  principal: IDENTITY,
  target: TARGET,
  client: '127.0.0.1:1',
  application: 'test',
  startedAt: 0 as EpochMs,
  expiresAt: 1 as EpochMs,
};

export interface Played {
  readonly state: SessionState;
  /** Bytes of the client; a question to the gate is answered yes at once. */
  readonly client: (...bytes: readonly Buffer[]) => void;
  readonly target: (...bytes: readonly Buffer[]) => void;
  /** Takes out what was said to each side, by type byte and length. */
  readonly toClient: () => Buffer;
  readonly toTarget: () => Buffer;
  readonly effects: SessionEffect[];
}

export interface PlayOptions {
  /** Of every statement; it has one output. */
  readonly unsure?: boolean;
  readonly detectors?: Obligations['detectors'];
}

export function playSession(options: PlayOptions = {}): Played {
  const obligations: Obligations = {
    mask: options.unsure === true ? TARGET.masks.columns : [],
    unmask: [],
    detectors: options.detectors ?? [],
    record: 'spool',
  };
  const outputs = [{ columns: [], unsure: options.unsure === true }];
  const classified: Parsed = {
    kind: 'parsed',
    statements: [{ tag: 'SELECT', outputs, changes: [], copies: false }],
    facts: { tag: 'SELECT', accesses: [], opaque: null, unknown: [], predicates: [] },
    redact: [],
    redactParameters: [],
    writes: [],
    touchesMasked: false,
  };
  const catalog: Catalog = {
    epoch: 1,
    sources: () => ({ columns: [], unsure: options.unsure === true }),
    classifier: { classify: () => classified },
  };
  const context = {
    database: 'orders',
    role: 'owner',
    searchPath: ['public'],
    transaction: 'idle',
    settings: {},
  } as const;
  const state = makeSessionState({ session: SESSION, context, catalog, detectors });
  const effects: SessionEffect[] = [];
  const run = (event: Parameters<typeof step>[1]): void => {
    step(state, event);
    for (const effect of state.effects.splice(0)) {
      effects.push(effect);
      if (effect.kind !== 'judge') continue;
      const { id, frame } = effect.command;
      const permit = mintPermit(id, frame, obligations);
      run({ kind: 'admission', admission: { kind: 'permitted', permit, obligations } });
    }
  };
  return {
    state,
    effects,
    client: (...bytes) => run({ kind: 'client', bytes: Buffer.concat(bytes) }),
    target: (...bytes) => run({ kind: 'target', bytes: Buffer.concat(bytes) }),
    toClient: () => Buffer.concat(state.toClient.splice(0)),
    toTarget: () => Buffer.concat(state.toTarget.splice(0)),
  };
}
