/** A gateway with everything real but its gate, which answers by a function of the statement. */
import { randomBytes } from 'node:crypto';
import * as re2js from 're2js';
import type { EpochMs } from '../../core/brand.ts';
import type { Command } from '../../core/command.ts';
import type { Obligations } from '../../core/decision.ts';
import { makeIds } from '../../core/ids.ts';
import { makeDetectors } from '../../core/masking/detect.ts';
import { mintPermit } from '../../core/permit.ts';
import type { Outcome } from '../../core/recording/event.ts';
import type { Target } from '../../core/target.ts';
import { startListener } from '../../proxy/host/listener.ts';
import type { ServerTls } from '../../proxy/host/tls.ts';
import { makePostgresAdapter } from '../../proxy/protocols/postgres/adapter.ts';
import { makeCatalogs } from '../../proxy/protocols/postgres/catalog.ts';
import type {
  Admission,
  AdmitHooks,
  Refusal,
  Services,
  Upstream,
  Upstreams,
} from '../../proxy/services.ts';

export interface Judged {
  readonly command: Command;
  readonly mode: 'admit' | 'prepare';
}

export interface TestGateway {
  readonly port: number;
  readonly judged: Judged[];
  readonly outcomes: Outcome[];
  readonly refused: { command: Command; refusal: Refusal }[];
  readonly ended: string[];
  readonly logged: string[];
  readonly close: () => Promise<void>;
}

export interface TestGatewayOptions {
  readonly upstream: Upstream;
  /** In place of `upstream`, where a credential may change. */
  readonly upstreams?: Upstreams;
  /** Where the catalog is read, if not there: the session's own connection is then the only one there. */
  readonly catalogUpstream?: Upstream;
  readonly tls?: ServerTls | null;
  /** null: allowed. */
  readonly judge?: (command: Command, hooks: AdmitHooks | null) => Promise<Refusal | null>;
  readonly obligations?: Partial<Obligations>;
  readonly expiresInMs?: number;
  readonly handshakeMs?: number;
  readonly connections?: number;
  /** The recorder cannot keep its promise. */
  readonly unrecordable?: boolean;
}

export const MASKED = ['email', 'phone', 'ssn', 'date_of_birth'].map((column) => ({
  column: `public.customers.${column}`,
  style: 'full' as const,
}));
export const CARD = { column: 'public.payments.card_number', style: 'keep-last-4' as const };
const DETECTORS = ['card', 'ssn', 'email', 'phone', 'iban', 'aws-key', 'jwt'] as const;

export const TARGET: Target = {
  name: 'orders',
  protocol: 'postgres',
  environment: 'test',
  masks: { columns: [...MASKED, CARD], detectors: DETECTORS },
  safeFunctions: [],
  record: 'spool',
};

export function refusal(message: string, kind: Refusal['kind'] = 'denied'): Refusal {
  return { kind, message, hint: 'Ask a colleague', policies: ['no-drops'], request: null };
}

/** Any token is good, and is its user's name: `alice` signs in with the password `alice`. */
export async function startTestGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const judged: Judged[] = [];
  const outcomes: Outcome[] = [];
  const refused: { command: Command; refusal: Refusal }[] = [];
  const ended: string[] = [];
  const logged: string[] = [];
  const now = () => Date.now() as EpochMs;
  const clock = { now, monotonic: () => performance.now() };
  const log = (event: string, fields?: Readonly<Record<string, unknown>>) => {
    logged.push(JSON.stringify({ event, ...fields }));
  };
  const logs = { info: log, warn: log, error: log };
  const obligations: Obligations = {
    mask: TARGET.masks.columns,
    unmask: [],
    detectors: DETECTORS,
    record: 'spool',
    ...options.obligations,
  };
  const answer = async (
    mode: Judged['mode'],
    command: Command,
    hooks: AdmitHooks | null,
  ): Promise<Admission> => {
    judged.push({ command, mode });
    const no = (await options.judge?.(command, hooks)) ?? null;
    if (no !== null) return { kind: 'refused', refusal: no };
    const permit = mintPermit(command.id, command.frame, obligations);
    return { kind: 'permitted', permit, obligations };
  };
  const upstreams = options.upstreams ?? {
    forTarget: async () => options.upstream,
    refused: () => {},
  };
  const { catalogUpstream } = options;
  const catalogs = makeCatalogs({
    upstreams:
      catalogUpstream === undefined
        ? upstreams
        : { ...upstreams, forTarget: async () => catalogUpstream },
    clock,
    log: logs,
  });
  const ids = makeIds({ now, random: (count) => randomBytes(count) });
  const services: Services = {
    clock,
    log: logs,
    identity: {
      verify: async (token) =>
        token === 'wrong'
          ? { kind: 'refused', why: 'it is wrong' }
          : {
              kind: 'verified',
              identity: {
                principal: {
                  subject: token,
                  email: `${token}@example.com`,
                  kind: 'human',
                  groups: [],
                  actor: null,
                  assurance: '',
                },
                expiresAt: (Date.now() + (options.expiresInMs ?? 3_600_000)) as EpochMs,
              },
            },
    },
    target: (name) => (name === TARGET.name ? TARGET : null),
    upstreams,
    gate: {
      connect: async (session) =>
        session.principal.subject === 'mallory'
          ? { kind: 'refused', refusal: refusal('You may not use this target') }
          : { kind: 'allowed' },
      admit: (_session, command, hooks) => answer('admit', command, hooks),
      prepare: (_session, command) => answer('prepare', command, null),
      refuse: async (_session, command, why) => {
        refused.push({ command, refusal: why });
      },
      settle: (_session, _command, outcome) => {
        outcomes.push(outcome);
      },
    },
    recorder: {
      start: async () => {
        if (options.unrecordable === true) throw new Error('The disk is full');
      },
      append: async () => {},
      end: async (_session, reason) => {
        ended.push(reason);
      },
    },
    sessions: { open: () => {}, closed: () => {} },
    newSessionId: ids.session,
  };
  const detectors = makeDetectors(re2js);
  const listener = await startListener({
    adapter: makePostgresAdapter({ catalogs, detectors }),
    services,
    host: '127.0.0.1',
    port: 0,
    tls: options.tls ?? null,
    limits: {
      handshakeMs: options.handshakeMs ?? 10_000,
      ...(options.connections === undefined ? {} : { connections: options.connections }),
    },
  });
  return {
    port: listener.port,
    judged,
    outcomes,
    refused,
    ended,
    logged,
    close: async () => {
      await listener.close(500);
      await catalogs.close();
    },
  };
}
