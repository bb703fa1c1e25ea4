/** The Slack credentials, to be filled in after the Slack app exists. Target secrets belong to the user. */
import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';

export class Secrets extends Construct {
  readonly slack: secretsmanager.ISecret;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    // Until it is filled in, the signing secret is a random one that nobody knows: every call to the
    // Slack endpoint is refused. Functions read it when they need it, so nothing is deployed again.
    this.slack = new secretsmanager.Secret(this, 'Slack', {
      description: 'Sallyport: botToken and signingSecret of the Slack app',
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ botToken: '' }),
        generateStringKey: 'signingSecret',
        passwordLength: 64,
        excludePunctuation: true,
      },
      removalPolicy: RemovalPolicy.RETAIN,
    }) as secretsmanager.ISecret;
    Validations.of(this.slack).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'Slack issues both values and has no API that rotates a signing secret.',
    });
  }
}
