/**
 * What a cloud engineer writes in `sallyport.config.ts`. Parsed once at synth; unknown keys are errors,
 * and every problem is listed at once. Checks that need more than the shape are in validate.ts.
 */
import * as v from 'valibot';
import { Target } from '../core/target.ts';
import { manifests } from '../proxy/protocols/registry.ts';

/** A full ARN with its random suffix: IAM then names this secret and no other of the same prefix. */
const SecretArn = v.pipe(
  v.string(),
  v.regex(
    /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6}$/,
    'A secret is named by its full ARN, with the six characters that Secrets Manager appends',
  ),
);

const Cidr = v.pipe(
  v.string(),
  v.regex(/^(\d{1,3}\.){3}\d{1,3}\/([0-9]|[12][0-9]|3[0-2])$/, 'A range is written as 10.0.0.0/16'),
);

const SubnetId = v.pipe(
  v.string(),
  v.regex(/^subnet-([0-9a-f]{8}|[0-9a-f]{17})$/, 'A subnet is named subnet-, 8 or 17 hex digits'),
);

const Port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));

/** Where a target is. Its credential stays in Secrets Manager: `{"username": …, "password": …}`. */
export const TargetConfig = v.strictObject({
  ...Target.entries,
  host: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  /** @default 5432 */
  port: v.optional(Port, manifests.postgres.port),
  /** The database on the server. @default the target's name */
  database: v.optional(v.string()),
  /** Holds `username` and `password`, the layout that RDS uses. */
  secretArn: SecretArn,
  /** The customer-managed key of the secret. @default the account's aws/secretsmanager key */
  secretKeyArn: v.optional(v.string()),
  /**
   * PEM of the server's certificate authority.
   * @default the authorities that Node trusts; those of Amazon RDS are not among them
   */
  ca: v.optional(v.string()),
});
export type TargetConfig = v.InferOutput<typeof TargetConfig>;

const NewNetwork = v.strictObject({
  kind: v.literal('create'),
  /** @default 10.64.0.0/20, two zones with a public and a private subnet each */
  cidr: v.optional(Cidr, '10.64.0.0/20'),
  /** Who may connect to the gateway's listeners. */
  allowFrom: v.pipe(v.array(Cidr), v.minLength(1)),
  /** Where the targets are: the fleet can open connections to their ports there and nowhere else. */
  targetsIn: v.pipe(v.array(Cidr), v.minLength(1)),
});

const ExistingNetwork = v.strictObject({
  kind: v.literal('existing'),
  vpcId: v.pipe(
    v.string(),
    v.regex(/^vpc-([0-9a-f]{8}|[0-9a-f]{17})$/, 'A VPC is named vpc-, 8 or 17 hex digits'),
  ),
  /** In the order of `privateSubnetIds`. */
  availabilityZones: v.pipe(v.array(v.string()), v.minLength(2)),
  /** With a route to AWS endpoints and to the OIDC issuer. */
  privateSubnetIds: v.pipe(v.array(SubnetId), v.minLength(2)),
  allowFrom: v.pipe(v.array(Cidr), v.minLength(1)),
  targetsIn: v.pipe(v.array(Cidr), v.minLength(1)),
});

export const NetworkConfig = v.variant('kind', [NewNetwork, ExistingNetwork]);
export type NetworkConfig = v.InferOutput<typeof NetworkConfig>;

const Image = v.pipe(
  v.string(),
  v.regex(
    /@sha256:[0-9a-f]{64}$/,
    'An image is pinned by digest, name@sha256:…: a tag can be moved under a running fleet',
  ),
);

export const FleetConfig = v.strictObject({
  /** A published image, by digest. @default built from this source tree at deploy (needs docker or finch) */
  image: v.optional(Image),
  /** CPU units of a task, 1,024 to a vCPU. @default 512 */
  cpu: v.optional(v.picklist([256, 512, 1024, 2048, 4096]), 512),
  /** @default 1024 */
  memoryMiB: v.optional(v.pipe(v.number(), v.integer(), v.minValue(512)), 1024),
  /** @default 2, one in each zone */
  minTasks: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 2),
  /** @default 10 */
  maxTasks: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 10),
  /** How long open sessions may go on when their task is replaced. @default 900, 15 minutes */
  drainSeconds: v.optional(v.pipe(v.number(), v.integer()), 900),
  /** From SIGTERM to SIGKILL: the recorder empties its spool in it. @default 120, what Fargate allows */
  stopSeconds: v.optional(v.pipe(v.number(), v.integer()), 120),
});
export type FleetConfig = v.InferOutput<typeof FleetConfig>;

export const RecordingsConfig = v.strictObject({
  /** How long Object Lock keeps every object. @default 365 */
  retentionDays: v.optional(v.pipe(v.number(), v.integer()), 365),
  /**
   * `compliance` objects cannot be deleted by anyone, the account's root included, until they expire.
   * @default governance: a principal with s3:BypassGovernanceRetention could, and the bucket policy denies it
   */
  lock: v.optional(v.picklist(['governance', 'compliance']), 'governance'),
});
export type RecordingsConfig = v.InferOutput<typeof RecordingsConfig>;

export const GatewayConfig = v.strictObject({
  /** Names the stacks and all that must differ between two installs in one account. */
  name: v.pipe(
    v.string(),
    v.regex(/^[a-z][a-z0-9-]{1,30}$/, 'A name is 2 to 31 characters: a-z, 0-9 and -'),
  ),
  /** @default the account and region of the credentials that deploy */
  environment: v.optional(
    v.strictObject({
      account: v.pipe(v.string(), v.regex(/^\d{12}$/, 'An account is 12 digits')),
      region: v.pipe(v.string(), v.regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'A region is eu-west-1')),
    }),
  ),
  identity: v.strictObject({
    /** The `iss` of accepted tokens, exactly; its metadata is read below it. */
    issuer: v.pipe(
      v.string(),
      v.url('An issuer is a URL'),
      v.startsWith('https://', 'An issuer is an https URL'),
    ),
    /** The `aud` of accepted tokens. */
    audience: v.pipe(v.string(), v.minLength(1)),
    /** The claim that lists a person's groups. @default groups */
    groupsClaim: v.optional(v.pipe(v.string(), v.minLength(1)), 'groups'),
  }),
  /** What clients see: a secret with `{"certificate": PEM chain, "privateKey": PEM}`. */
  tls: v.strictObject({ secretArn: SecretArn }),
  /** The port that clients connect to. @default 5432 */
  port: v.optional(Port, manifests.postgres.port),
  targets: v.pipe(v.array(TargetConfig), v.minLength(1, 'At least one target'), v.readonly()),
  /** Cedar files and their schema, relative to this file. @default policies */
  policies: v.optional(v.pipe(v.string(), v.minLength(1)), 'policies'),
  slack: v.strictObject({
    /** The id of the channel that is asked, C…: a name can be given to another channel. */
    channel: v.pipe(
      v.string(),
      v.regex(/^[CG][A-Z0-9]{8,}$/, 'A channel is named by its id, as in C0123456789'),
    ),
  }),
  network: NetworkConfig,
  /** @default two small tasks, built from source */
  fleet: v.optional(FleetConfig, {}),
  /** @default a year under GOVERNANCE */
  recordings: v.optional(RecordingsConfig, {}),
  /** Addresses that alarms are mailed to. @default none: subscribe to the topic later */
  alarmEmails: v.optional(v.pipe(v.array(v.pipe(v.string(), v.email())), v.readonly()), []),
});
export type GatewayConfig = v.InferOutput<typeof GatewayConfig>;
export type GatewayConfigInput = v.InferInput<typeof GatewayConfig>;

/** Throws one error that lists every problem, each with its path and what was found there. */
export function parseConfig(input: unknown): GatewayConfig {
  const result = v.safeParse(GatewayConfig, input);
  if (result.success) return result.output;
  const problems = result.issues.map(
    (issue) => `  - ${v.getDotPath(issue) ?? '(all of it)'}: ${issue.message}`,
  );
  throw new Error(
    `sallyport.config.ts has ${problems.length} problem${problems.length === 1 ? '' : 's'}:\n${problems.join('\n')}`,
  );
}
