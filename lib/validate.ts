/**
 * What neither CDK nor any template validator checks, and only the deploy would find: each check
 * returns its problems in words (what, what was got, what is allowed, what to do), so that synth
 * reports all of them at once.
 */
import type { GatewayConfig } from './config.ts';

/**
 * Target groups of one ECS service.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/register-multiple-targetgroups.html
 */
export const TARGET_GROUPS_MAX = 5;
/**
 * Deregistration delay of a target group.
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html
 */
export const DRAIN_SECONDS_MAX = 3600;
/**
 * `stopTimeout` of a container on Fargate.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
 */
export const STOP_SECONDS_MAX = 120;
/**
 * Days of a default retention of Object Lock: S3 takes 1 day to 100 years.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
 */
export const RETENTION_DAYS_MAX = 36_500;
/**
 * A task definition holds 64 KiB in all; the gateway's configuration is one variable of it.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
 */
export const PROXY_CONFIG_BYTES_MAX = 48 * 1024;

export type Problem = string;

/** Throws one error with every problem in it; does nothing where there is none. */
export function assertNoProblems(what: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  throw new Error(`${what} cannot be deployed:\n${problems.map((p) => `  - ${p}`).join('\n')}`);
}

function between(
  what: string,
  got: number,
  range: readonly [number, number],
  unit: string,
  remedy: string,
): Problem[] {
  const [least, most] = range;
  if (got >= least && got <= most) return [];
  return [`${what} must be ${least} to ${most} ${unit}, got ${got}. ${remedy}`];
}

export function checkFleet(fleet: GatewayConfig['fleet']): Problem[] {
  return [
    ...between(
      'fleet.drainSeconds',
      fleet.drainSeconds,
      [0, DRAIN_SECONDS_MAX],
      'seconds',
      'A longer drain would be refused by the load balancer; sessions that need more must reconnect',
    ),
    ...between(
      'fleet.stopSeconds',
      fleet.stopSeconds,
      [30, STOP_SECONDS_MAX],
      'seconds',
      'Fargate kills after 120 s, and a recorder with less than 30 s may not empty its spool',
    ),
    ...(fleet.minTasks > fleet.maxTasks
      ? [
          `fleet.minTasks must not be above fleet.maxTasks, got ${fleet.minTasks} and ${fleet.maxTasks}. Raise maxTasks`,
        ]
      : []),
  ];
}

export function checkRecordings(recordings: GatewayConfig['recordings']): Problem[] {
  return between(
    'recordings.retentionDays',
    recordings.retentionDays,
    [1, RETENTION_DAYS_MAX],
    'days',
    'Evidence without retention can be deleted: choose how long auditors need it',
  );
}

export function checkTargets(targets: GatewayConfig['targets']): Problem[] {
  const seen = new Set<string>();
  const problems: Problem[] = [];
  for (const { name } of targets) {
    if (seen.has(name)) {
      problems.push(
        `targets has "${name}" twice. Clients choose a target by name: give each its own`,
      );
    }
    seen.add(name);
  }
  return problems;
}

export function checkNetwork(network: GatewayConfig['network']): Problem[] {
  if (network.kind === 'create') return [];
  const { availabilityZones: zones, privateSubnetIds: subnets } = network;
  if (zones.length === subnets.length) return [];
  return [
    `network.privateSubnetIds must name one subnet for each of the ${zones.length} availabilityZones, got ${subnets.length}. List both in the same order`,
  ];
}

/** One listener and one target group for each port. */
export function checkPorts(ports: readonly number[]): Problem[] {
  const problems: Problem[] = [];
  if (ports.length > TARGET_GROUPS_MAX) {
    problems.push(
      `The fleet must have at most ${TARGET_GROUPS_MAX} target groups, got ${ports.length} (ports ${ports.join(', ')}). Let protocols share a port: web and Kubernetes can be told apart by SNI`,
    );
  }
  for (const port of new Set(ports.filter((port, index) => ports.indexOf(port) !== index))) {
    problems.push(`Port ${port} is used by two listeners. Give each protocol its own`);
  }
  return problems;
}

export function checkProxyConfig(json: string): Problem[] {
  const bytes = Buffer.byteLength(json);
  if (bytes <= PROXY_CONFIG_BYTES_MAX) return [];
  return [
    `The fleet's configuration must be at most ${PROXY_CONFIG_BYTES_MAX} bytes, got ${bytes}. Split the targets over two gateways, or move long CA bundles into the image`,
  ];
}

/** Everything that can be known from the configuration alone. */
export function checkConfig(config: GatewayConfig): Problem[] {
  return [
    ...checkTargets(config.targets),
    ...checkNetwork(config.network),
    ...checkFleet(config.fleet),
    ...checkRecordings(config.recordings),
    ...checkPorts([config.port]),
  ];
}
