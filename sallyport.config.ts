/** The one file to edit before `npx cdk deploy --all`. lib/config.ts says what each key means. */
import type { GatewayConfigInput } from './lib/config.ts';

export const config: GatewayConfigInput = {
  name: 'sallyport',
  identity: {
    issuer: 'https://login.example.com',
    audience: 'sallyport',
    groupsClaim: 'groups',
  },
  // Both kinds of secret are yours and exist before the first deploy.
  tls: {
    secretArn: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:sallyport/listener-tls-AbCdEf',
  },
  targets: [
    {
      name: 'orders',
      protocol: 'postgres',
      environment: 'prod',
      host: 'orders.cluster-example.eu-west-1.rds.amazonaws.com',
      secretArn:
        'arn:aws:secretsmanager:eu-west-1:111122223333:secret:sallyport/targets/orders-AbCdEf',
      masks: {
        columns: [
          { column: 'public.customers.email' },
          { column: 'public.customers.phone' },
          { column: 'public.customers.ssn' },
          { column: 'public.customers.date_of_birth', style: 'null' },
          { column: 'public.payments.card_number', style: 'keep-last-4' },
        ],
        detectors: ['card', 'ssn', 'email', 'phone', 'iban', 'aws-key', 'jwt'],
      },
    },
  ],
  policies: 'policies',
  slack: { channel: 'C0123456789' },
  network: {
    kind: 'create',
    allowFrom: ['10.0.0.0/8'],
    targetsIn: ['10.0.0.0/8'],
  },
};
