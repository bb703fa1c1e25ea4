/** What must outlive everything else: keys, evidence, the table, the stream, the Slack credentials. */
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { GatewayConfig } from './config.ts';
import { Evidence } from './constructs/evidence.ts';
import { Keys } from './constructs/keys.ts';
import { Secrets } from './constructs/secrets.ts';
import { State } from './constructs/state.ts';
import { EventStream } from './constructs/stream.ts';

export class DataStack extends Stack {
  readonly keys: Keys;
  readonly evidence: Evidence;
  readonly state: State;
  readonly events: EventStream;
  readonly secrets: Secrets;

  constructor(scope: Construct, id: string, config: GatewayConfig, props: StackProps) {
    super(scope, id, { ...props, terminationProtection: true });
    this.keys = new Keys(this, 'Keys');
    const key = this.keys.data;
    this.evidence = new Evidence(this, 'Evidence', { key, recordings: config.recordings });
    this.state = new State(this, 'State');
    this.events = new EventStream(this, 'Events', { key });
    this.secrets = new Secrets(this, 'Secrets');

    new CfnOutput(this, 'EvidenceBucket', { value: this.evidence.bucket.bucketName });
    new CfnOutput(this, 'SlackSecretArn', {
      value: this.secrets.slack.secretArn,
      description:
        'Put {"botToken": "xoxb-…", "signingSecret": "…"} here; nothing is deployed again',
    });
    new CfnOutput(this, 'DigestKeyArn', {
      value: this.keys.digest.keyArn,
      description:
        'aws kms get-public-key --key-id … gives what sallyport verify needs; keep it elsewhere',
    });
  }
}
