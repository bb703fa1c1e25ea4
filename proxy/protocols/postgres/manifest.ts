/** What is known of the protocol without running it. Pure data: lib/ reads it at synth time. */
export const manifest = {
  name: 'postgres',
  /** Where the fleet listens in AWS: the port that clients expect (IANA). */
  port: 5432,
  /** A TCP connect, which the accept loop answers without a login. */
  healthCheck: { intervalSeconds: 10, healthyThreshold: 2, unhealthyThreshold: 3 },
} as const;
