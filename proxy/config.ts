/**
 * What a process of the fleet is told, all of it by its environment: SALLYPORT_CONFIG and the names of
 * what it speaks to. Read once at start and frozen; every problem is listed at once, and a key that is
 * not known is one. lib/proxy_config.ts writes it; it holds no secret.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { GatewayError } from '../core/errors.ts';
import { Target } from '../core/target.ts';
import { isTrustworthy } from './identity/keys.ts';

/**
 * Seconds from SIGTERM to SIGKILL. Below 30 the spool may not be emptied; Fargate allows 120.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
 */
const STOP_SECONDS_MIN = 30;
const STOP_SECONDS_MAX = 120;

const Text = v.pipe(v.string(), v.minLength(1, 'It is empty'));
const Port = v.pipe(
  v.number(),
  v.integer('A port is a whole number'),
  v.minValue(1, 'A port is at least 1'),
  v.maxValue(65_535, 'A port is at most 65535'),
);

const UpstreamConfig = v.strictObject({
  host: v.pipe(Text, v.maxLength(255)),
  port: Port,
  /** The database on the server. */
  database: Text,
  /** The secret with `{"username": …, "password": …}`. */
  secretArn: Text,
  /** PEM of the server's certificate authority; null: those that Node trusts. */
  ca: v.nullable(v.pipe(v.string(), v.check(isCertificate, 'It is no PEM certificate'))),
});

const TargetConfig = v.strictObject({ ...Target.entries, upstream: UpstreamConfig });

export const ProxyConfig = v.strictObject({
  listen: v.strictObject({ host: Text, port: Port }),
  identity: v.strictObject({
    /** The `iss` of accepted tokens, exactly. */
    issuer: v.pipe(v.string(), v.check(isTrustworthy, 'An issuer is an https URL')),
    audience: Text,
    groupsClaim: Text,
  }),
  /** How long a stop may take, `stopTimeout` of the container. */
  stopSeconds: v.pipe(
    v.number(),
    v.integer('It is a whole number of seconds'),
    v.minValue(STOP_SECONDS_MIN, `It is at least ${STOP_SECONDS_MIN}`),
    v.maxValue(STOP_SECONDS_MAX, `It is at most ${STOP_SECONDS_MAX}`),
  ),
  targets: v.pipe(
    v.array(TargetConfig),
    v.minLength(1, 'Name at least one target'),
    v.check((targets) => namesDiffer(targets), 'Two targets have the same name'),
    v.readonly(),
  ),
});
export type ProxyConfig = v.InferOutput<typeof ProxyConfig>;

/** The names of what a task speaks to, by their variables. */
const Names = v.object({
  DECIDE_FUNCTION: Text,
  APPROVALS_FUNCTION: Text,
  TABLE_NAME: Text,
  STREAM_NAME: Text,
  SPOOL_DIRECTORY: Text,
  TLS_SECRET_ARN: Text,
});
export type Names = v.InferOutput<typeof Names>;

export interface Settings {
  readonly config: ProxyConfig;
  readonly names: Names;
}

export type Env = Readonly<Record<string, string | undefined>>;

/** @throws GatewayError ERR_CONFIG_INVALID with every problem, one a line */
export function readSettings(env: Env): Settings {
  const names = v.safeParse(Names, env);
  const problems = names.issues?.map((issue) => missing(issue)) ?? [];
  const config = readConfig(env['SALLYPORT_CONFIG'] ?? '', problems);
  if (config === null || !names.success) throw invalid(problems);
  return Object.freeze({ config: Object.freeze(config), names: Object.freeze(names.output) });
}

/** JSON text, or the path of a file with it. Adds to `problems` and gives null where there are any. */
function readConfig(given: string, problems: string[]): ProxyConfig | null {
  try {
    const text = given.trimStart().startsWith('{') ? given : readNamedFile(given);
    const parsed = v.safeParse(ProxyConfig, JSON.parse(text));
    if (parsed.success) return parsed.output;
    problems.push(...parsed.issues.map(describe));
  } catch (error) {
    // No such file, or no JSON: both say what is wrong and where.
    problems.push(`SALLYPORT_CONFIG: ${(error as Error).message}`);
  }
  return null;
}

function readNamedFile(path: string): string {
  if (path === '') throw new Error('It is missing: give JSON text, or the path of a file with it');
  return readFileSync(path, 'utf8');
}

function missing(issue: v.BaseIssue<unknown>): string {
  return `${v.getDotPath(issue) ?? 'environment'}: The variable is missing or empty`;
}

function describe(issue: v.BaseIssue<unknown>): string {
  const where = `SALLYPORT_CONFIG ${v.getDotPath(issue) ?? 'as a whole'}`;
  const unknown = issue.type === 'strict_object' && issue.expected === 'never';
  return unknown ? `${where}: There is no such key` : `${where}: ${issue.message}`;
}

function invalid(problems: readonly string[]): GatewayError {
  const list = problems.map((problem) => `\n  - ${problem}`).join('');
  return new GatewayError('ERR_CONFIG_INVALID', `Cannot start the proxy:${list}`, {
    hint: 'proxy/config.ts says what each key means; lib/ writes all of them at synth',
  });
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    // Not fit to be read as one is the answer to the question.
    return false;
  }
}

function namesDiffer(targets: readonly { readonly name: string }[]): boolean {
  return new Set(targets.map(({ name }) => name)).size === targets.length;
}
