/** What the fleet is told: the proxy's own configuration, made from the engineer's. Holds no secret. */
import type { GatewayConfig } from './config.ts';

/** The value of SALLYPORT_CONFIG. proxy/config.ts parses it at boot and refuses what it does not know. */
export function proxyConfigJson(config: GatewayConfig): string {
  const { issuer, audience, groupsClaim } = config.identity;
  return JSON.stringify({
    listen: { host: '0.0.0.0', port: config.port },
    identity: { issuer, audience, groupsClaim },
    stopSeconds: config.fleet.stopSeconds,
    targets: config.targets.map((target) => {
      const { host, port, database, secretArn, secretKeyArn: _key, ca, ...rest } = target;
      return {
        ...rest,
        upstream: { host, port, database: database ?? target.name, secretArn, ca: ca ?? null },
      };
    }),
  });
}
