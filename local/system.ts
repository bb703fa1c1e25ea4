/**
 * The composition root of the local mode: every part of the gateway in one process on loopback, with
 * PostgreSQL as its only child. Nothing is decided here; what fits together is put together.
 */
import type { LocalSystem } from '../bin/commands/local_system.ts';
import type { EpochMs } from '../core/brand.ts';
import { makeDeps, makeHandler } from '../functions/decide/handler.ts';
import { fetchDocument, makeIssuerKeys } from '../proxy/identity/keys.ts';
import { makeIdentityVerifier } from '../proxy/identity/token.ts';
import type { Clock, IdentityVerifier, Upstream } from '../proxy/services.ts';
import { type LocalApprovals, startApprovals } from './approvals.ts';
import { ensureCertificate } from './certificate.ts';
import { type Closing, makeClosing } from './closing.ts';
import type { LocalConfig } from './config.ts';
import { type LocalDynamoDb, startDynamoDb } from './dynamodb.ts';
import { startEvidence } from './evidence.ts';
import { startGateway } from './gateway.ts';
import { DEVELOPMENT_AUDIENCE, DEVELOPMENT_USERS, type Issuer, startIssuer } from './issuer.ts';
import { takeLock } from './lock.ts';
import { type LocalLog, openLog } from './log.ts';
import { choosePolicies } from './policies.ts';
import { startPostgres } from './postgres.ts';
import { prepareState, type State, writeDescription } from './state.ts';

/** For each part that is stopped. Sessions are told and PostgreSQL ends well within it. */
const CLOSE_DEADLINE_MS = 12_000;

const clock: Clock = { now: () => Date.now() as EpochMs, monotonic: () => performance.now() };

export interface SystemOptions {
  readonly config: LocalConfig;
  /** The clone's `policies/`. */
  readonly examplePolicies: string;
  readonly stateDirectory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told in one line what was created where nobody may expect it. */
  readonly notice: (line: string) => void;
}

export interface RunningSystem {
  readonly description: LocalSystem;
  /** `stand-in`, or the channel of a real workspace. */
  readonly slack: string;
  /** Approval requests that waited through the restart. */
  readonly resumed: number;
  /** What the state machine's executions held: for the test that looks for secrets in it. */
  readonly history: () => readonly unknown[];
  readonly close: () => Promise<void>;
}

/** What was started before something failed is stopped again. */
export async function startSystem(options: SystemOptions): Promise<RunningSystem> {
  const state = await prepareState(options.stateDirectory);
  const lock = await takeLock(state.directory);
  const log = openLog(state.log);
  const closing = makeClosing(log, CLOSE_DEADLINE_MS);
  closing.defer('lock', lock.release);
  closing.defer('log', log.close);
  try {
    return await assemble(options, state, log, closing);
  } catch (error) {
    await closing.run();
    throw error;
  }
}

async function assemble(
  options: SystemOptions,
  state: State,
  log: LocalLog,
  closing: Closing,
): Promise<RunningSystem> {
  const { config, notice } = options;
  const policies = await choosePolicies({
    config,
    examples: options.examplePolicies,
    ownDirectory: state.policies,
    notice,
  });
  const decide = makeDeps({ POLICIES_DIRECTORY: policies });
  // A broken policy is told before anything else starts.
  await decide.policies();
  const [upstreams, dynamodb, issuer, tls] = await Promise.all([
    reachTargets(config, state, closing, notice),
    startDynamoDb(state.dynamodb),
    startIssuer({ directory: state.issuer, port: config.issuerPort }),
    ensureCertificate(state.tls),
  ]);
  closing.defer('dynamodb', dynamodb.close);
  closing.defer('issuer', issuer.close);
  const identity = trust(issuer, log);
  const approvals = await openApprovals(options, { state, log, dynamodb, identity });
  closing.defer('approvals', approvals.close);
  const evidence = await startEvidence({ state, clock, log });
  closing.defer('evidence', evidence.close);
  const gateway = await startGateway({
    port: config.port,
    targets: config.targets.map(({ target }) => target),
    upstreams,
    tls,
    clock,
    log,
    identity,
    recorder: evidence.recorder,
    dynamodb,
    decide: makeHandler(decide),
    approvals: approvals.handler,
  });
  closing.defer('gateway', gateway.close);
  const description = describe(options, state, { issuer, approvals, dynamodb, upstreams, gateway });
  await writeDescription(state, description);
  log.info('local.started', { pid: process.pid, port: gateway.port });
  const { slack, resumed, history } = approvals;
  return { description, slack, resumed, history, close: closing.run };
}

/** By target name. The embedded PostgreSQL is started only where a target needs it. */
async function reachTargets(
  config: LocalConfig,
  state: State,
  closing: Closing,
  notice: (line: string) => void,
): Promise<ReadonlyMap<string, Upstream>> {
  const upstreams = new Map<string, Upstream>();
  let embedded: Upstream | null = null;
  for (const { target, upstream } of config.targets) {
    if (upstream === null && embedded === null) {
      const postgres = await startPostgres({ directory: state.postgres, port: 0, notice });
      closing.defer('postgres', postgres.close);
      const { host, port, database, user, password } = postgres;
      embedded = { host, port, database, user, password, tls: { mode: 'disable' } };
    }
    const reached = upstream ?? embedded;
    if (reached !== null) upstreams.set(target.name, reached);
  }
  return upstreams;
}

function trust(issuer: Issuer, log: LocalLog): IdentityVerifier {
  return makeIdentityVerifier({
    issuer: issuer.url,
    audience: DEVELOPMENT_AUDIENCE,
    groupsClaim: 'groups',
    algorithms: ['ES256'],
    clock,
    keys: makeIssuerKeys({ issuer: issuer.url, fetch: fetchDocument, clock, log }),
  });
}

async function openApprovals(
  { config, env }: SystemOptions,
  parts: {
    readonly state: State;
    readonly log: LocalLog;
    readonly dynamodb: LocalDynamoDb;
    readonly identity: IdentityVerifier;
  },
): Promise<LocalApprovals> {
  const { state, log, dynamodb, identity } = parts;
  return startApprovals({
    now: clock.now,
    log,
    dynamodb: dynamodb.client,
    table: dynamodb.table,
    directory: state.approvals,
    pagePort: config.pagePort,
    people: DEVELOPMENT_USERS.map(({ name, kind, groups }) => ({
      subject: name,
      email: kind === 'human' ? `${name}@example.com` : null,
      kind,
      groups,
    })),
    subjectOf: async (token) => {
      const signIn = await identity.verify(token);
      return signIn.kind === 'verified' ? signIn.identity.principal.subject : null;
    },
    env,
  });
}

interface Started {
  readonly issuer: Issuer;
  readonly approvals: LocalApprovals;
  readonly dynamodb: LocalDynamoDb;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly gateway: { readonly host: string; readonly port: number };
}

function describe({ config }: SystemOptions, state: State, started: Started): LocalSystem {
  const { issuer, approvals, dynamodb, upstreams, gateway } = started;
  const name = config.targets[0]?.target.name ?? '';
  const upstream = upstreams.get(name);
  if (upstream === undefined) throw new Error(`No upstream was reached for "${name}"`);
  return {
    version: 1,
    pid: process.pid,
    gateway: { host: gateway.host, port: gateway.port, database: name },
    page: { url: approvals.page.url },
    issuer: { url: issuer.url, audience: DEVELOPMENT_AUDIENCE, directory: state.issuer },
    archive: { directory: state.archive, publicKey: `${state.archiveKeys}/public.pem` },
    spool: { directory: state.spool },
    dynamodb: { endpoint: dynamodb.endpoint, table: dynamodb.table },
    target: { host: upstream.host, port: upstream.port, database: upstream.database },
    log: state.log,
  };
}
